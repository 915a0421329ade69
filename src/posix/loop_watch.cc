#include "posix/loop_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "base/log.h"

#ifdef __x86_64__
#include <x86intrin.h>
#endif

namespace zooid::posix {
namespace {

constexpr int64_t kMinuteUs = 60'000'000;
constexpr int64_t kTellAgainUs = 10'000'000;
// So long the processor's counter has to run beside the clock before it is trusted anew.
constexpr int64_t kCalibrateUs = 50'000;

// A counter of constant rate that is cheaper to read than the clock.
uint64_t read_ticks() {
#ifdef __x86_64__
  return __rdtsc();
#else
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
#endif
}

}  // namespace

// Until the first calibration a tick counts as a nanosecond, which makes steps look too long.
LoopWatch::LoopWatch(int64_t now_us)
    : first_ticks_(read_ticks()),
      first_us_(now_us),
      calibrated_ticks_(first_ticks_),
      us_per_tick_(0.001),
      noted_ticks_(UINT64_MAX),
      now_us_(now_us),
      told_us_(now_us - kTellAgainUs) {}

void LoopWatch::begin(int64_t now_us) {
  now_us_ = now_us;
  begun_ = read_ticks();
  kind_ = "loop";
  what_ = "wake-up";
  if (begun_ >= calibrated_ticks_) calibrate(now_us);
  const int64_t minute = now_us / kMinuteUs;
  if (minute != minute_) {
    minute_before_ = minute == minute_ + 1 ? this_minute_ : Longest{};
    this_minute_ = Longest{};
    minute_ = minute;
  }
}

void LoopWatch::calibrate(int64_t now_us) {
  const int64_t passed_us = now_us - first_us_;
  if (passed_us < kCalibrateUs || begun_ <= first_ticks_) return;
  us_per_tick_ = static_cast<double>(passed_us) / static_cast<double>(begun_ - first_ticks_);
  noted_ticks_ = static_cast<uint64_t>(static_cast<double>(kNotedUs) / us_per_tick_);
  // Again when the time seen has doubled.
  calibrated_ticks_ = begun_ + (begun_ - first_ticks_);
}

void LoopWatch::end() {
  on_part("loop", "wait");
}

void LoopWatch::on_part(const char* kind, const char* what) {
  const uint64_t ticks = read_ticks();
  if (ticks - begun_ > noted_ticks_ && ticks > begun_) [[unlikely]]
    note(ticks - begun_);
  begun_ = ticks;
  kind_ = kind;
  what_ = what;
}

void LoopWatch::note(uint64_t ticks) {
  const auto us = static_cast<int64_t>(static_cast<double>(ticks) * us_per_tick_);
  if (us > kLongUs) ++long_steps_;
  for (Longest* longest : {&longest_, &this_minute_}) {
    if (us > longest->us) *longest = {us, fmt::format("{}:{}", kind_, what_)};
  }
  if (us < kToldUs || now_us_ - told_us_ < kTellAgainUs) return;
  told_us_ = now_us_;
  log::warn("the loop did one thing for {} ms, and nobody was served meanwhile: {} {}", us / 1000,
            kind_, what_);
}

LoopWatch::Figures LoopWatch::figures() const {
  const Longest& last_minute = this_minute_.us >= minute_before_.us ? this_minute_ : minute_before_;
  return {longest_, last_minute, long_steps_};
}

}  // namespace zooid::posix
