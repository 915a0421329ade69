// The decision between a loop that goes to sleep and whoever wakes it: a wake while the loop works
// sets a flag, and the loop that would sleep then does not. How a sleeping loop is roused is the
// user's: posix::LoopWaker writes to a descriptor.
#pragma once

#include <atomic>
#include <cstdint>

namespace zooid::runtime {

// `Atomic` is another one in inbox_model_test.cc, which runs this code through all interleavings.
template <class Atomic = std::atomic<int>>
class WakeFlag {
 public:
  // From any thread, after something was given to the owner. True: the owner sleeps, or is about
  // to, and has to be roused.
  bool wake() {
    if (state_.load() == kWoken) return false;
    return state_.exchange(kWoken) == kSleeping;
  }

  // The rest is for the owner. False if somebody woke it since take(): it must not sleep.
  bool prepare_sleep() {
    int expected = kWorking;
    return state_.compare_exchange_strong(expected, kSleeping);
  }
  // Whether somebody woke the owner. What was given before the wake is seen by whoever looks after
  // this.
  bool take() { return state_.exchange(kWorking) == kWoken; }
  // Calls `wait` with the time that the owner may sleep, which is 0 if somebody woke it, and takes.
  template <class Wait>
  void sleep(int64_t timeout_us, const Wait& wait) {
    if (timeout_us > 0 && !prepare_sleep()) timeout_us = 0;
    wait(timeout_us);
    take();
  }

 private:
  enum State : int { kWorking, kSleeping, kWoken };
  // Sequentially consistent: a message pushed before wake() must be seen by an owner that took the
  // flag, and an owner that goes to sleep must be seen by wake().
  Atomic state_{kWorking};
};

}  // namespace zooid::runtime
