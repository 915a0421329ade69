// What a loop does at this moment, in words, for the watchdog that measures its steps
// (posix/loop_watch.h). Whoever may hold the loop for long says so as it begins; nobody has to say
// that it has ended. Costs a few nanoseconds on a loop that is watched, and nothing elsewhere: the
// watchdog only looks on.
#pragma once

namespace zooid {

class StepObserver {
 public:
  virtual ~StepObserver() = default;
  // Both are literals.
  virtual void on_part(const char* kind, const char* what) = 0;
};

// Of the thread's loop; null: nobody watches.
inline constinit thread_local StepObserver* step_observer = nullptr;

inline void step_part(const char* kind, const char* what) {
  if (step_observer != nullptr) step_observer->on_part(kind, what);
}

}  // namespace zooid
