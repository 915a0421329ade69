// Ends a loop's wait from any thread. A wake while the loop works only sets a flag; the system call
// (a write to an eventfd) is paid only while the loop sleeps.
#pragma once

#include <atomic>

#include "env/network.h"

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
  // False if somebody woke the loop since take(): it must not sleep.
  bool prepare_sleep();
  // After the wait: whether somebody woke the loop. Also asked between batches.
  bool take();

 private:
  enum State : int { kWorking, kSleeping, kWoken };
  // Sequentially consistent: a message pushed before wake() must be seen by a loop that took the
  // flag, and a loop that goes to sleep must be seen by wake().
  std::atomic<int> state_{kWorking};
  int descriptor_ = -1;
};

}  // namespace zooid::posix
