// The requests of one connection that have no reply on the wire yet, oldest first. Replies leave in
// this order. A small ring that owns no memory while the connection is idle.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/assert.h"
#include "wire/error_code.h"
#include "wire/records.h"

namespace zooid::server {

// The lists of setWatches, in their order.
enum class WatchList : uint8_t {
  kNone,  // before the first
  kData,
  kExist,
  kChild,
  kPersistent,
  kPersistentRecursive
};
// How far a setWatches has come: one with very many paths takes more than one turn.
struct RestoreProgress {
  size_t at = 0;     // in the body
  int32_t left = 0;  // paths of the list
  WatchList list = WatchList::kNone;
};

struct QueuedRequest {
  enum class State : uint8_t {
    kForwarded,    // a write at the replica
    kAnswered,     // its reply came before that of an older request (body: the frame to send;
                   // empty: a header that is made then)
    kHeldWrite,    // a write behind a read that has not run (rule 1)
    kWaitingRead,  // a read behind a write that has no reply
  };
  int32_t xid = 0;
  wire::OpCode type = wire::OpCode::kError;
  State state = State::kForwarded;
  // kOk: it is carried out in its turn, else answered with this error.
  wire::ErrorCode refusal = wire::ErrorCode::kOk;
  int64_t received_us = 0;
  size_t charged_bytes = 0;  // counted against the shard's bound
  std::string body;          // held and waiting requests; of a forwarded one only sync's
  wire::AuthPtr ids;         // the identities at arrival: held and waiting requests
  RestoreProgress progress;  // of a setWatches at the head of the queue
};

class RequestQueue {
 public:
  bool empty() const { return count_ == 0; }
  size_t size() const { return count_; }
  QueuedRequest& front() {
    ASSERT(count_ > 0);
    return ring_[head_];
  }
  QueuedRequest& operator[](size_t index) {
    ASSERT(index < count_);
    return ring_[(head_ + index) & (ring_.size() - 1)];
  }
  QueuedRequest& push() {
    if (count_ == ring_.size()) grow();
    ++count_;
    return (*this)[count_ - 1];
  }
  void pop() {
    front() = QueuedRequest{};
    head_ = (head_ + 1) & static_cast<uint32_t>(ring_.size() - 1);
    --count_;
  }
  // Requires an empty queue.
  void release_memory() {
    ASSERT(count_ == 0);
    std::vector<QueuedRequest>().swap(ring_);
    head_ = 0;
  }

 private:
  void grow() {
    std::vector<QueuedRequest> larger(ring_.empty() ? 4 : ring_.size() * 2);
    for (size_t i = 0; i < count_; ++i) larger[i] = std::move((*this)[i]);
    ring_.swap(larger);
    head_ = 0;
  }

  std::vector<QueuedRequest> ring_;  // a power of two, or empty
  uint32_t head_ = 0;
  uint32_t count_ = 0;
};

}  // namespace zooid::server
