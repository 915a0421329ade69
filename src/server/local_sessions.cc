#include "server/local_sessions.h"

#include <algorithm>

#include "base/assert.h"
#include "base/mark.h"
#include "wire/request.h"

namespace zooid::server {
namespace {

bool is_ephemeral(int32_t flags) {
  return flags == wire::kFlagEphemeral || flags == wire::kFlagEphemeralSequential;
}

}  // namespace

void LocalSessions::add(SessionId session, int32_t timeout_ms, Now now) {
  ASSERT(session != kNoSession);
  ASSERT(!owns(session));
  tracker_.add(session, timeout_ms, now.mono_us);
}

bool LocalSessions::touch(SessionId session, int32_t timeout_ms, Now now) {
  return tracker_.touch(session, timeout_ms, now.mono_us);
}

std::optional<int32_t> LocalSessions::upgrade(SessionId session) {
  const auto timeout_ms = tracker_.timeout_ms(session);
  if (!timeout_ms) return std::nullopt;
  MARK("local_sessions.upgraded");
  tracker_.remove(session);
  return timeout_ms;
}

void LocalSessions::remove(SessionId session) {
  tracker_.remove(session);
  ASSERT(!owns(session));
}

std::vector<SessionId> LocalSessions::take_expired(Now now) {
  std::vector<SessionId> expired = tracker_.take_expired(now.mono_us);
  for (const SessionId session : expired) tracker_.remove(session);
  return expired;
}

void LocalSessions::clear() {
  tracker_ = state::SessionTracker(tick_ms_);
}

bool creates_ephemeral(wire::OpCode type, std::string_view body) {
  wire::Reader in(body, INT32_MAX);  // jute.maxbuffer bounds the frame it came in
  if (type == wire::OpCode::kCreate || type == wire::OpCode::kCreate2) {
    wire::CreateRequest request;
    return wire::read_create(in, type, request) && is_ephemeral(request.flags);
  }
  if (type != wire::OpCode::kMulti) return false;
  std::vector<wire::SubRequest> parts;
  if (!wire::read_multi(in, false, parts)) return false;
  return std::ranges::any_of(parts, [](const wire::SubRequest& part) {
    const auto* create = std::get_if<wire::CreateRequest>(&part.body);
    return create != nullptr &&
           (part.type == wire::OpCode::kCreate || part.type == wire::OpCode::kCreate2) &&
           is_ephemeral(create->flags);
  });
}

}  // namespace zooid::server
