// What is counted for srvr, stat, cons and mntr: per connection and per shard.
#pragma once

#include <algorithm>
#include <cstdint>

#include "wire/error_code.h"

namespace zooid::server {

// Milliseconds between the arrival of a request and its reply.
class Latency {
 public:
  void add(int64_t ms) {
    min_ms_ = count_ == 0 ? ms : std::min(min_ms_, ms);
    max_ms_ = std::max(max_ms_, ms);
    total_ms_ += ms;
    ++count_;
  }
  int64_t min_ms() const { return min_ms_; }
  int64_t max_ms() const { return max_ms_; }
  double average_ms() const {
    return count_ == 0 ? 0.0 : static_cast<double>(total_ms_) / static_cast<double>(count_);
  }

 private:
  int64_t count_ = 0, total_ms_ = 0, min_ms_ = 0, max_ms_ = 0;
};

struct ConnectionCounters {
  uint64_t received = 0;
  uint64_t sent = 0;
  Latency latency;
  const char* last_op = "null";  // as ZooKeeper names it in cons
  int64_t last_cxid = 0;
  int64_t last_zxid = 0;
  int64_t last_response_ms = 0;  // monotonic
  int64_t last_latency_ms = 0;
};

struct ShardCounters {
  uint64_t received = 0;
  uint64_t sent = 0;
  uint64_t bytes_received = 0;
  uint64_t connections_rejected = 0;
  uint64_t connect_requests = 0;  // that the connection throttle let pass
  uint64_t sessionless_expired = 0;
  uint64_t auth_failed = 0;
  uint64_t outstanding_limit_hit = 0;
  uint64_t backlog_limit_hit = 0;
  uint64_t slow_readers_closed = 0;
  uint64_t output_limit_hit = 0;
  uint64_t partial_requests_closed = 0;
  uint64_t identity_limit_hit = 0;
  int64_t response_last = -1, response_min = -1, response_max = -1;  // bytes
  Latency latency;

  void add_response(int64_t bytes) {
    response_last = bytes;
    response_min = response_min < 0 ? bytes : std::min(response_min, bytes);
    response_max = std::max(response_max, bytes);
  }
};

// The name of an operation in `cons` (lop).
const char* short_op_name(wire::OpCode type);

}  // namespace zooid::server
