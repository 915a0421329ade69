// ZooKeeper's request throttle (operations 4): with request_throttle_max_requests at most so many
// requests of clients are in process at once. What comes on top waits here, in the order in which
// it arrived on all connections, requests for a new session included; auth and sasl never wait. A
// request that waited for longer than throttled_op_wait_time is answered THROTTLEDOP in its turn
// and not carried out. A stale one (its connection is closed, or, if wanted, it is older than its
// session's time-out) is dropped, and with it all later ones of its connection: what a client sent
// in order is never carried out with a gap.
//
// A machine: owned by ShardCore, used on its loop alone. Off by default, and then always empty.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "config/server_config.h"
#include "server/messages.h"

namespace zooid::server {

struct ThrottledRequest {
  ConnectionId connection = 0;
  SessionId session;       // kNoSession: the connection asks for a new one (type createSession)
  int32_t timeout_ms = 0;  // of the session
  int32_t xid = 0;
  wire::OpCode type = wire::OpCode::kError;
  std::string body;
  wire::AuthPtr ids;  // the identities at arrival
  int64_t received_us = 0;
  bool is_connection_closed = false;
};

class RequestThrottle {
 public:
  enum class Fate : uint8_t {
    kCarryOut,
    kRefuse,  // THROTTLEDOP
    kDrop,    // older than its session's time-out: its connection must be closed
  };
  struct Released {
    ThrottledRequest request;
    Fate fate = Fate::kCarryOut;
  };
  // Since the start, for mntr.
  struct Figures {
    uint64_t waits = 0;  // request_throttle_wait_count: how often the oldest could not go
    uint64_t refused = 0;
    uint64_t stale = 0;  // carried out nevertheless
    uint64_t stale_dropped = 0;
  };

  explicit RequestThrottle(const config::ServerConfig& config) : config_(config) {}

  bool is_on() const { return config_.request_throttle_max_requests > 0; }
  bool is_empty() const { return waiting_.empty(); }
  size_t size() const { return waiting_.size(); }
  // Whether a request that arrives now has to wait.
  bool holds_back(size_t in_process) const {
    return is_on() && (!is_empty() || !has_room(in_process));
  }
  // Requires that it is held back.
  void push(ThrottledRequest request);
  // Whether take() has something.
  bool is_ready(size_t in_process) const { return !is_empty() && has_room(in_process); }
  // The oldest that may go; nullopt: there is none, or as many as allowed are in process. Ask again
  // when one of them is finished, and at next_deadline().
  std::optional<Released> take(size_t in_process, Now now);
  int64_t next_deadline() const { return is_empty() ? kNever : check_again_us_; }

  // Gives what is dropped for it: nothing if stale requests are wanted. A closeSession outlives its
  // connection, unless an earlier request was dropped.
  std::vector<ThrottledRequest> on_connection_closed(ConnectionId connection);
  // Everything that the connection still has here goes: one of its requests was dropped.
  std::vector<ThrottledRequest> drop_connection(ConnectionId connection);
  // The server serves no more: everything goes.
  std::deque<ThrottledRequest> drop_all() { return std::exchange(waiting_, {}); }

  const Figures& figures() const { return figures_; }

 private:
  bool has_room(size_t in_process) const {
    return in_process < static_cast<size_t>(config_.request_throttle_max_requests);
  }
  bool is_stale(const ThrottledRequest& request, Now now) const;
  bool has_waited_too_long(const ThrottledRequest& request, Now now) const;
  // Removes those of the connection from its first on that `is_kept` does not keep.
  template <class IsKept>
  std::vector<ThrottledRequest> remove(ConnectionId connection, IsKept is_kept);

  const config::ServerConfig& config_;
  std::deque<ThrottledRequest> waiting_;
  int64_t check_again_us_ = kNever;
  Figures figures_;
};

}  // namespace zooid::server
