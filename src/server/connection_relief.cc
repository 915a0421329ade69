#include "server/connection_relief.h"

#include <algorithm>
#include <vector>

#include "base/log.h"
#include "base/mark.h"
#include "server/client_connection.h"

namespace zooid::server {
namespace {

// Relief goes on until so much of the bound is used.
constexpr size_t relieved(size_t bound) {
  return bound / 2;
}

}  // namespace

void ConnectionRelief::on_time(Now now) {
  const bool is_output_full = core_.is_output_full();
  if (!is_output_full && !core_.is_input_full()) {
    was_output_full_ = false;
    looked_.clear();
    next_look_us_ = 0;
    return;
  }
  const bool is_output_urgent = core_.network.output_bytes() >= 2 * core_.config.output_bytes_max;
  const bool is_input_urgent = core_.incoming_bytes() >= 2 * core_.config.incoming_bytes_max;
  if (now.mono_us < next_look_us_ && !is_output_urgent && !is_input_urgent) return;
  next_look_us_ = now.mono_us + kLookUs;
  if (is_output_full) relieve_output(is_output_urgent);
  if (core_.is_input_full()) relieve_input(is_input_urgent, now);
}

int64_t ConnectionRelief::next_deadline() const {
  return core_.is_output_full() || core_.is_input_full() ? next_look_us_ : kNever;
}

void ConnectionRelief::relieve_output(bool is_urgent) {
  if (!std::exchange(was_output_full_, true)) ++core_.counters.output_limit_hit;
  std::vector<std::pair<size_t, ClientConnection*>> readers;
  core_.for_each_connection([&](ClientConnection& connection) {
    if (!connection.is_closed() && connection.backlog() > kBacklogResumeBytes) {
      readers.emplace_back(connection.backlog(), &connection);
    }
  });
  std::ranges::sort(readers, std::greater<>(), [](const auto& reader) {
    return std::pair(reader.first, reader.second->id());
  });
  std::unordered_map<ConnectionId, size_t> seen;
  for (const auto& [backlog, connection] : readers) {
    const auto before = looked_.find(connection->id());
    const bool is_stuck = before != looked_.end() && backlog + kTakenMin > before->second;
    const bool is_enough = core_.network.output_bytes() < relieved(core_.config.output_bytes_max);
    if (is_enough || (!is_stuck && !is_urgent)) {
      seen.emplace(connection->id(), backlog);
      continue;
    }
    MARK("client.output_dropped_for_others");
    ++core_.counters.slow_readers_closed;
    if (core_.may_tell(RareEvent::kSlowReaderClosed)) {
      log::warn(
          "clients do not take their replies: closing the slowest address={} backlog={} "
          "all={}",
          connection->peer().text(), backlog, core_.network.output_bytes());
    }
    connection->drop();
  }
  looked_.swap(seen);
}

void ConnectionRelief::relieve_input(bool is_urgent, Now now) {
  const int64_t begun_latest_us = is_urgent ? now.mono_us : now.mono_us - kPartialUs;
  const size_t bytes_min = is_urgent ? 1 : kIncomingKeptBytes;
  std::vector<std::pair<int64_t, ClientConnection*>> senders;
  core_.for_each_connection([&](ClientConnection& connection) {
    const bool is_partial = !connection.is_closed() && connection.incoming_bytes() >= bytes_min;
    if (is_partial && connection.incoming_since_us() <= begun_latest_us) {
      senders.emplace_back(connection.incoming_since_us(), &connection);
    }
  });
  std::ranges::sort(
      senders, {}, [](const auto& sender) { return std::pair(sender.first, sender.second->id()); });
  for (const auto& [since_us, connection] : senders) {
    if (core_.incoming_bytes() < relieved(core_.config.incoming_bytes_max)) return;
    MARK("client.partial_request_dropped");
    ++core_.counters.partial_requests_closed;
    if (core_.may_tell(RareEvent::kPartialRequests)) {
      log::warn(
          "clients do not send the rest of their requests: closing the oldest address={} "
          "bytes={} all={}",
          connection->peer().text(), connection->incoming_bytes(), core_.incoming_bytes());
    }
    connection->drop();
  }
}

}  // namespace zooid::server
