// Expiry of sessions: the leader's (or standalone server's) table of deadlines. Deadlines are
// rounded up to multiples of tickTime, so that a touch costs nothing most times and a whole bucket
// expires at once (client-protocol 13).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/ids.h"
#include "base/time.h"

namespace zooid::state {

// Who serves a session now: 0 = this server, else a number the leader gave to a learner connection.
using SessionOwner = uint64_t;
inline constexpr SessionOwner kNoOwner = UINT64_MAX;

class SessionTracker {
 public:
  explicit SessionTracker(int64_t tick_ms);

  // Adds a session with a full time-out from now, or touches a known one and replaces its time-out.
  void add(SessionId session, int32_t timeout_ms, int64_t mono_us);
  // False if unknown or closing. A time-out > 0 replaces the session's.
  bool touch(SessionId session, int32_t timeout_ms, int64_t mono_us);
  bool is_known(SessionId session) const;  // tracked, closing or not
  bool is_closing(SessionId session) const;
  std::optional<int32_t> timeout_ms(SessionId session) const;  // nullopt: unknown or closing
  // From now on the session accepts nothing: a closeSession transaction is on its way.
  void mark_closing(SessionId session);
  void remove(SessionId session);

  // The first owner is taken; a request of another owner is SESSIONMOVED (false). set_owner moves.
  bool check_owner(SessionId session, SessionOwner owner);
  void set_owner(SessionId session, SessionOwner owner);

  // Sessions whose bucket has passed, marked closing, ordered by id; at most `sessions_max`, of the
  // oldest buckets: next_deadline() tells that there are more.
  std::vector<SessionId> take_expired(int64_t mono_us, size_t sessions_max = SIZE_MAX);
  int64_t next_deadline() const;  // kNever if there is none
  // A pause of the process itself: all deadlines move (rule 18).
  void postpone_all(int64_t by_us);

  size_t size() const;
  // For `dump`: deadline (mono_us) -> sessions.
  std::map<int64_t, std::vector<SessionId>> buckets() const;

 private:
  struct Session {
    int32_t timeout_ms;
    int64_t bucket_us;
    SessionOwner owner;
    bool closing;
  };
  int64_t bucket_for(int64_t mono_us, int32_t timeout_ms) const;

  int64_t tick_us_;
  std::unordered_map<SessionId, Session, SessionHash> sessions_;
  std::map<int64_t, std::set<SessionId>> buckets_;
};

// Session ids (client-protocol 3): the clock's low 40 bits of ms, the server's id in the top byte;
// never below the last one given in this process (rule 19).
class SessionIds {
 public:
  SessionIds(ServerId server, int64_t wall_ms);
  SessionId next();
  // Serving starts again (each epoch).
  void restart(int64_t wall_ms);

 private:
  ServerId server_;
  int64_t next_;
};

}  // namespace zooid::state
