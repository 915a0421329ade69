// What shards tell the replica, taken in slices.
#include "server/replica.h"

namespace zooid::server {

// In the order in which they came, as many as a slice may take (rule 25): a write may be as dear as
// it is long. The rest waits for the next wake-up.
void Replica::take_messages(Now now) {
  constexpr size_t kWorkMax = 512, kWorkBetweenLooks = 32, kBytesOfWork = 4'096;
  constexpr int64_t kSliceUs = 2'000;
  if (next_message_ == messages_.size()) {
    next_message_ = 0;
    inbox_.take_all(messages_);
  }
  int64_t end_us = 0;
  size_t work = 0, look_at = kWorkBetweenLooks;
  while (next_message_ < messages_.size() && work < kWorkMax) {
    ToReplica& message = messages_[next_message_++];
    const auto* write = std::get_if<ClientWrite>(&message);
    work += 1 + (write != nullptr ? write->body.size() / kBytesOfWork : 0);
    handle(message, now);
    if (work < look_at) continue;
    look_at = work + kWorkBetweenLooks;
    const int64_t at_us = core_.clock.instant_us();
    if (end_us == 0) end_us = at_us + kSliceUs;
    if (at_us >= end_us) break;
  }
}

// What a role has not got to ends with it; who asks for facts is answered all the same.
void Replica::drop_messages() {
  messages_.erase(messages_.begin(), messages_.begin() + static_cast<ptrdiff_t>(next_message_));
  next_message_ = 0;
  std::erase_if(messages_,
                [](const ToReplica& message) { return !std::holds_alternative<Inspect>(message); });
}

}  // namespace zooid::server
