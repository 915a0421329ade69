// How much a learner has sent to be ordered that is not committed yet (rule 23). A Zooid learner
// bounds that itself; a Java learner sends all that its clients send, so the leader bounds it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>

#include "base/ids.h"

namespace zooid::server {

class ForwardedWrites {
 public:
  // Of one learner.
  static constexpr size_t kBytesMax = 64u << 20;
  // What a request costs beside its bytes.
  static constexpr size_t kRequestBytes = 64;

  explicit ForwardedWrites(size_t bytes_max = kBytesMax) : bytes_max_(bytes_max) {}

  // A request of the learner was proposed with this zxid; zxids grow. False: the learner has more
  // than it may have, and is to be dropped.
  bool add(uint64_t learner, Zxid zxid, size_t bytes) {
    size_t& sum = bytes_[learner];
    sum += bytes;
    waiting_.push_back({zxid, learner, bytes});
    return sum <= bytes_max_;
  }
  void commit(Zxid up_to) {
    while (!waiting_.empty() && waiting_.front().zxid <= up_to) {
      release(waiting_.front().learner, waiting_.front().bytes);
      waiting_.pop_front();
    }
  }
  // A request that cannot be proposed yet; false as of add(). Before that it is released.
  bool hold(uint64_t learner, size_t bytes) { return (bytes_[learner] += bytes) <= bytes_max_; }
  void release(uint64_t learner, size_t bytes) {
    const auto it = bytes_.find(learner);
    if (it != bytes_.end() && (it->second -= bytes) == 0) bytes_.erase(it);
  }
  size_t bytes_of(uint64_t learner) const {
    const auto it = bytes_.find(learner);
    return it == bytes_.end() ? 0 : it->second;
  }

 private:
  struct Waiting {
    Zxid zxid;
    uint64_t learner;
    size_t bytes;
  };
  size_t bytes_max_;
  std::deque<Waiting> waiting_;
  std::unordered_map<uint64_t, size_t> bytes_;
};

}  // namespace zooid::server
