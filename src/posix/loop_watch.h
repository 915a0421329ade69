// Measures the steps of a loop: each part between two calls of step_part(), and the loop's own
// stages. Nobody is served while a step lasts, so a long one is worth a name. Time on the wall: it
// includes what the machine gave to others. One thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/step_part.h"

namespace zooid::posix {

class LoopWatch : public StepObserver {
 public:
  // No step should last longer (rule 40).
  static constexpr int64_t kLongUs = 5'000;
  // A step that lasts longer is worth a line in the log, at most once in ten seconds.
  static constexpr int64_t kToldUs = 100'000;

  struct Longest {
    int64_t us = 0;  // 0: none of at least kNotedUs
    std::string what;
  };
  struct Figures {
    Longest since_start;
    Longest last_minute;  // of this minute and the one before
    uint64_t long_steps = 0;
  };

  // `now_us`: the monotonic clock.
  explicit LoopWatch(int64_t now_us);

  // The loop goes on after its wait.
  void begin(int64_t now_us);
  // The loop waits now; the last part has ended.
  void end();
  void on_part(const char* kind, const char* what) override;
  Figures figures() const;

 private:
  // Shorter parts are not looked at.
  static constexpr int64_t kNotedUs = 500;

  void note(uint64_t ticks);
  void calibrate(int64_t now_us);

  const uint64_t first_ticks_;
  const int64_t first_us_;
  uint64_t calibrated_ticks_;
  double us_per_tick_;
  uint64_t noted_ticks_;
  uint64_t begun_ = 0;
  const char* kind_ = "";
  const char* what_ = "";
  int64_t now_us_;
  int64_t minute_ = 0;
  int64_t told_us_;
  Longest longest_, this_minute_, minute_before_;
  uint64_t long_steps_ = 0;
};

}  // namespace zooid::posix
