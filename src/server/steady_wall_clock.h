// The wall time that goes into transactions (rule 20): it never decreases within a leadership, and
// a jump of more than ten seconds is followed only after a minute, with a warning; so a clock that
// was set wrong for a moment does not expire TTL nodes.
#pragma once

#include <algorithm>

#include "base/log.h"
#include "base/mark.h"
#include "base/time.h"

namespace zooid::server {

class SteadyWallClock {
 public:
  explicit SteadyWallClock(Now now) : base_(now), last_ms_(now.wall_ms) {}

  int64_t read(Now now) {
    const int64_t expected_ms = base_.wall_ms + (now.mono_us - base_.mono_us) / 1000;
    const int64_t off_ms = now.wall_ms - expected_ms;
    const bool is_off = off_ms > kJumpMs || off_ms < -kJumpMs;
    if (is_off && jumped_at_us_ == kNever) {
      MARK("wall_clock.jump");
      log::warn("the wall clock jumped by {} ms; transactions follow in a minute", off_ms);
      jumped_at_us_ = now.mono_us;
    }
    if (!is_off || now.mono_us - jumped_at_us_ > kFollowAfterUs) {
      base_ = now;
      jumped_at_us_ = kNever;
      last_ms_ = std::max(last_ms_, now.wall_ms);
    } else {
      last_ms_ = std::max(last_ms_, expected_ms);
    }
    return last_ms_;
  }
  // Nothing may be judged by the wall clock now.
  bool is_doubtful() const { return jumped_at_us_ != kNever; }

 private:
  static constexpr int64_t kJumpMs = 10'000;
  static constexpr int64_t kFollowAfterUs = 60'000'000;
  Now base_;
  int64_t last_ms_;
  int64_t jumped_at_us_ = kNever;
};

}  // namespace zooid::server
