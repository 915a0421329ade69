// Puts a thread to sleep that has found nothing to do, and wakes it. A wake that comes between the
// look and the sleep is kept.
#pragma once

#include <condition_variable>
#include <mutex>

#include "env/network.h"

namespace zooid::runtime {

// `Mutex` and `Condition` are others in inbox_model_test.cc, which runs this code through all
// interleavings.
template <class Mutex = std::mutex, class Condition = std::condition_variable>
class StepWaker final : public env::Waker {
 public:
  // The system call is left out while the thread works.
  void wake() override {
    std::lock_guard lock(mutex_);
    is_woken_ = true;
    if (is_waiting_) condition_.notify_one();
  }

  // The thread itself: returns after a wake that no wait() before has ended with.
  void wait() {
    std::unique_lock lock(mutex_);
    is_waiting_ = true;
    condition_.wait(lock, [this] { return is_woken_; });
    is_waiting_ = is_woken_ = false;
  }

 private:
  Mutex mutex_;
  Condition condition_;
  bool is_woken_ = false;
  bool is_waiting_ = false;
};

}  // namespace zooid::runtime
