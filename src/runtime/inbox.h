// Inbox: the only way one worker gives another one something. Many may push, one takes everything.
// Pushing into an empty inbox wakes the owner's loop. With one thread the mutex is never contended.
#pragma once

#include <mutex>
#include <utility>
#include <vector>

#include "env/network.h"

namespace zooid::runtime {

// `Mutex` is another one in inbox_model_test.cc, which runs this code through all interleavings.
template <class Message, class Mutex = std::mutex>
class Inbox {
 public:
  // `waker` may be null (simulator, or owner polled by its loop) and must outlive the inbox.
  explicit Inbox(env::Waker* waker = nullptr) : waker_(waker) {}

  void push(Message message) {
    bool was_empty;
    {
      std::lock_guard lock(mutex_);
      was_empty = messages_.empty();
      messages_.push_back(std::move(message));
    }
    if (was_empty && waker_ != nullptr) waker_->wake();
  }

  // Moves everything into `into` (cleared first), in the order pushed.
  void take_all(std::vector<Message>& into) {
    into.clear();
    std::lock_guard lock(mutex_);
    into.swap(messages_);
  }

  bool empty() const {
    std::lock_guard lock(mutex_);
    return messages_.empty();
  }

  void set_waker(env::Waker* waker) { waker_ = waker; }

 private:
  mutable Mutex mutex_;
  std::vector<Message> messages_;
  env::Waker* waker_;
};

}  // namespace zooid::runtime
