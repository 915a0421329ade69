// Read-only mode: a server that looks for a leader serves what it has to clients that said they
// accept that (readonlymode.enabled). Their sessions are local to this server and end with the
// mode; the shard refuses everything that would change something. ZooKeeper needs
// localSessionsEnabled for that, too, and without it answers a connect request with bytes that are
// no connect response; here the one key is enough.
#pragma once

#include <algorithm>

#include "server/replica_core.h"

namespace zooid::server {

class ReadOnlyRole {
 public:
  // A server looks for a leader this long before it serves reads.
  static int64_t patience_us(const config::ServerConfig& config) {
    constexpr int64_t kLeastMs = 2000;
    return ms_to_us(std::max(kLeastMs, config.tick_ms));
  }

  explicit ReadOnlyRole(ReplicaCore& core) : core_(core) { core_.serve_read_only(); }

  // Only closeSession comes so far.
  void on_write(ClientWrite& write, Now) { core_.close_local_session(write); }
  void on_new_session(const NewSession& request, Now now) {
    core_.open_local_session(request, now);
  }
  void on_attach(const AttachSession& request, Now now) {
    if (core_.attach_local_session(request, now)) return;
    core_.tell(request.origin.shard,
               AttachResult{request.origin.connection, false, request.session, 0});
  }
  void on_touch(const TouchSessions& touched, Now now) {
    for (const auto& session : touched.touched) {
      core_.local_sessions.touch(session.session, session.timeout_ms, now);
    }
  }
  void on_log_synced(Zxid, Now) {}
  void on_step(Now now) { core_.expire_local_sessions(now); }
  int64_t next_deadline() const { return core_.local_sessions.next_deadline(); }
  size_t outstanding() const { return 0; }
  void add_facts(ReplicaFacts& facts, Now) const { facts.mode = "read-only"; }

 private:
  ReplicaCore& core_;
};

}  // namespace zooid::server
