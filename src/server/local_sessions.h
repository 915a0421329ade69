// Sessions that only this server knows (localSessionsEnabled, and all sessions of a server in
// read-only mode): no transaction makes or ends them, and they end with the role that served them.
// An ephemeral node needs a global session: with localSessionsUpgradingEnabled the first create of
// one makes the session global, by a createSession transaction for the same id. Owned by the
// replica's core, used on its loop.
#pragma once

#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "server/messages.h"
#include "state/sessions.h"

namespace zooid::server {

class LocalSessions {
 public:
  explicit LocalSessions(int64_t tick_ms) : tick_ms_(tick_ms), tracker_(tick_ms) {}

  void add(SessionId session, int32_t timeout_ms, Now now);
  bool owns(SessionId session) const { return tracker_.is_known(session); }
  // A client was heard, or attaches again here. False if the session is not one of these.
  bool touch(SessionId session, int32_t timeout_ms, Now now);
  // It becomes global and is one of these no more. Gives its time-out; nullopt if it is unknown.
  std::optional<int32_t> upgrade(SessionId session);
  void remove(SessionId session);
  // Removed already; ordered by id.
  std::vector<SessionId> take_expired(Now now);
  int64_t next_deadline() const { return tracker_.next_deadline(); }
  void postpone_all(int64_t by_us) { tracker_.postpone_all(by_us); }
  size_t size() const { return tracker_.size(); }
  // For `dump`: deadline (mono_us) -> sessions.
  std::map<int64_t, std::vector<SessionId>> buckets() const { return tracker_.buckets(); }
  // Requires that it is one of these.
  int32_t timeout_ms(SessionId session) const { return *tracker_.timeout_ms(session); }
  void clear();

 private:
  int64_t tick_ms_;
  state::SessionTracker tracker_;
};

// Whether the request creates an ephemeral node: a create or create2 with such a flag, alone or in
// a multi.
bool creates_ephemeral(wire::OpCode type, std::string_view body);

}  // namespace zooid::server
