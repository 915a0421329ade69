// Keeps what waits in all client connections together within its bounds: output that clients do not
// take, and requests that came in part. At a bound connections are closed, those that hold much and
// do not move first; who reads or sends at an honest pace is left alone up to twice the bound.
// Owned by ShardCore, used on its loop.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "base/time.h"
#include "server/messages.h"

namespace zooid::server {

class ShardCore;

class ConnectionRelief {
 public:
  // While a bound is reached it looks so often at all connections …
  static constexpr int64_t kLookUs = 250'000;
  // … and closes those that took less of their output in between …
  static constexpr size_t kTakenMin = 64u << 10;
  // … or have not sent the rest of a request for so long.
  static constexpr int64_t kPartialUs = 1'000'000;

  explicit ConnectionRelief(ShardCore& core) : core_(core) {}

  void on_time(Now now);
  // kNever while no bound is reached.
  int64_t next_deadline() const;

 private:
  void relieve_output(bool is_urgent);
  void relieve_input(bool is_urgent, Now now);

  ShardCore& core_;
  int64_t next_look_us_ = 0;
  bool was_output_full_ = false;
  // What waited for whom at the last look.
  std::unordered_map<ConnectionId, size_t> looked_;
};

}  // namespace zooid::server
