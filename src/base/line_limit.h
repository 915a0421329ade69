// Keeps lines that others can cause at will from filling the log: one line for each cause in a
// minute, and only some causes. What is left out is counted, and the next line says how many.
//
// One object for each kind of line, owned by whoever writes them, used on its thread. Time is given
// to it, so that a simulated server writes the same lines at the same moments.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zooid {

class LineLimit {
 public:
  static constexpr int64_t kPeriodUs = 60'000'000;
  // Lines of the kind in a period, whatever their causes.
  static constexpr size_t kLinesMax = 10;

  // May a line be written now because of `cause` (an address, a server, or nothing if there is but
  // one)? nullopt: no, it was counted. Else the number of those that were not written before it.
  std::optional<uint64_t> admit(std::string_view cause, int64_t now_us) {
    std::erase_if(told_, [&](const Told& told) { return now_us - told.at_us >= kPeriodUs; });
    const bool is_told =
        std::ranges::any_of(told_, [&](const Told& told) { return told.cause == cause; });
    if (is_told || told_.size() >= kLinesMax) {
      ++left_out_;
      return std::nullopt;
    }
    told_.push_back({std::string(cause), now_us});
    return std::exchange(left_out_, 0);
  }

 private:
  struct Told {
    std::string cause;
    int64_t at_us;
  };
  std::vector<Told> told_;  // in the last period, at most kLinesMax
  uint64_t left_out_ = 0;
};

// What a line ends with when others were left out before it: "" or " (5 such lines were left out)".
inline std::string left_out_text(uint64_t count) {
  if (count == 0) return "";
  return fmt::format(" ({} such line{} left out)", count, count == 1 ? " was" : "s were");
}

}  // namespace zooid
