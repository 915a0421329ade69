// Ends a loop's wait from any thread. A wake while the loop works only sets a flag; the system call
// (a write to an eventfd) is paid only while the loop sleeps.
#pragma once

#include "env/network.h"
#include "runtime/wake_flag.h"

namespace zooid::posix {

class LoopWaker : public env::Waker {
 public:
  LoopWaker();
  ~LoopWaker() override;
  LoopWaker(const LoopWaker&) = delete;
  LoopWaker& operator=(const LoopWaker&) = delete;

  void wake() override;

  // The rest is for the loop, which watches this edge-triggered: an event ends its sleep.
  int descriptor() const { return descriptor_; }
  // Waits with `wait`, which gets the time to wait at most; 0 if somebody woke the loop since it
  // last took.
  template <class Wait>
  void sleep(int64_t timeout_us, const Wait& wait) {
    flag_.sleep(timeout_us, wait);
  }
  // Between batches: whether somebody woke the loop.
  bool take() { return flag_.take(); }

 private:
  runtime::WakeFlag<> flag_;
  int descriptor_ = -1;
};

}  // namespace zooid::posix
