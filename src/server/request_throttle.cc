#include "server/request_throttle.h"

#include <utility>

#include "base/assert.h"
#include "base/mark.h"

namespace zooid::server {

void RequestThrottle::push(ThrottledRequest request) {
  ASSERT(is_on());
  ASSERT(!request.is_connection_closed);
  if (is_empty()) {
    ++figures_.waits;
    check_again_us_ = request.received_us + ms_to_us(config_.request_throttle_stall_ms);
  }
  waiting_.push_back(std::move(request));
}

bool RequestThrottle::is_stale(const ThrottledRequest& request, Now now) const {
  if (request.type == wire::OpCode::kCloseSession) return false;
  if (config_.request_stale_connection_check && request.is_connection_closed) return true;
  return config_.request_stale_latency_check &&
         now.mono_us - request.received_us > ms_to_us(request.timeout_ms);
}

bool RequestThrottle::has_waited_too_long(const ThrottledRequest& request, Now now) const {
  if (request.type == wire::OpCode::kPing || request.type == wire::OpCode::kCloseSession ||
      request.type == wire::OpCode::kCreateSession) {
    return false;
  }
  const int64_t allowed_ms = config_.throttled_op_wait_ms;
  return allowed_ms > 0 && now.mono_us - request.received_us > ms_to_us(allowed_ms);
}

std::optional<RequestThrottle::Released> RequestThrottle::take(size_t in_process, Now now) {
  if (is_empty()) return std::nullopt;
  const bool stale = is_stale(waiting_.front(), now);
  const bool dropped = stale && config_.request_throttle_drop_stale;
  if (!dropped && !has_room(in_process)) {
    ++figures_.waits;
    check_again_us_ = now.mono_us + ms_to_us(config_.request_throttle_stall_ms);
    return std::nullopt;
  }
  Released released{std::move(waiting_.front()), Fate::kCarryOut};
  waiting_.pop_front();
  if (dropped) {
    MARK("throttle.stale_dropped");
    ++figures_.stale_dropped;
    released.fate = Fate::kDrop;
    return released;
  }
  if (stale) ++figures_.stale;
  if (has_waited_too_long(released.request, now)) {
    MARK("throttle.refused");
    ++figures_.refused;
    released.fate = Fate::kRefuse;
  }
  return released;
}

template <class IsKept>
std::vector<ThrottledRequest> RequestThrottle::remove(ConnectionId connection, IsKept is_kept) {
  std::vector<ThrottledRequest> removed;
  std::deque<ThrottledRequest> kept;
  for (ThrottledRequest& request : waiting_) {
    const bool goes = request.connection == connection && (!removed.empty() || !is_kept(request));
    if (goes) {
      removed.push_back(std::move(request));
    } else {
      kept.push_back(std::move(request));
    }
  }
  ASSERT(kept.size() + removed.size() == waiting_.size());
  waiting_ = std::move(kept);
  return removed;
}

std::vector<ThrottledRequest> RequestThrottle::on_connection_closed(ConnectionId connection) {
  for (ThrottledRequest& request : waiting_) {
    if (request.connection == connection) request.is_connection_closed = true;
  }
  if (!config_.request_throttle_drop_stale || !config_.request_stale_connection_check) return {};
  auto removed = remove(connection, [](const ThrottledRequest& request) {
    return request.type == wire::OpCode::kCloseSession;
  });
  if (!removed.empty()) {
    MARK("throttle.stale_dropped_at_close");
    ++figures_.stale_dropped;  // the others go because the first did
  }
  return removed;
}

std::vector<ThrottledRequest> RequestThrottle::drop_connection(ConnectionId connection) {
  return remove(connection, [](const ThrottledRequest&) { return false; });
}

}  // namespace zooid::server
