// Latencies in microseconds, kept in log-linear buckets: 64 steps for each power of two, so a
// percentile is right to within 1.6 %.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace zooid::cli {

class LatencyHistogram {
 public:
  void add(int64_t us) {
    const auto value = static_cast<uint64_t>(us < 1 ? 1 : us);
    ++counts_[bucket(value)];
    ++total_;
    sum_us_ += value;
    if (value > max_us_) max_us_ = value;
  }
  uint64_t count() const { return total_; }
  uint64_t max_us() const { return max_us_; }
  double mean_us() const {
    return total_ == 0 ? 0 : static_cast<double>(sum_us_) / static_cast<double>(total_);
  }
  // The value below which `share` (0..1) of all lie.
  uint64_t percentile_us(double share) const {
    const auto wanted = static_cast<uint64_t>(share * static_cast<double>(total_));
    uint64_t seen = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > wanted) return lower_bound(i);
    }
    return max_us_;
  }

 private:
  static constexpr int kStepBits = 6;
  static size_t bucket(uint64_t value) {
    const int exponent = std::bit_width(value) - 1;
    if (exponent < kStepBits) return static_cast<size_t>(value);
    const auto step = (value >> (exponent - kStepBits)) & ((1u << kStepBits) - 1);
    return static_cast<size_t>((exponent - kStepBits + 1) << kStepBits) + step;
  }
  static uint64_t lower_bound(size_t index) {
    const auto exponent = static_cast<int>(index >> kStepBits);
    const uint64_t step = index & ((1u << kStepBits) - 1);
    if (exponent == 0) return step;
    return ((1ull << kStepBits) + step) << (exponent - 1);
  }
  std::array<uint64_t, (64 - kStepBits + 1) << kStepBits> counts_{};
  uint64_t total_ = 0;
  uint64_t sum_us_ = 0;
  uint64_t max_us_ = 0;
};

}  // namespace zooid::cli
