// What shards and the replica tell each other: the two variants ToReplica and ToShard.
// Everything the replica tells one shard goes through one FIFO (rule 22), in zxid order.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "runtime/inbox.h"
#include "state/applied.h"
#include "state/database.h"
#include "state/quota.h"
#include "wire/records.h"

namespace zooid::server {

using ShardId = uint32_t;
// A client connection of one shard; never reused, so it is its own incarnation.
using ConnectionId = uint64_t;

struct Origin {
  ShardId shard = 0;
  ConnectionId connection = 0;
  auto operator<=>(const Origin&) const = default;
};

// ---- to the replica: request lane (bounded at the shard, rule 21) ----

// create … multi, closeSession, and sync (ordered like a write). Forwarded only when every earlier
// read of the connection has been executed (rule 1). Exactly one Reply (or SyncDone) comes back, or
// the connection is closed.
struct ClientWrite {
  Origin origin;
  SessionId session;
  int32_t xid = 0;
  wire::OpCode type = wire::OpCode::kError;
  std::string body;
  wire::AuthPtr ids;
};
// A connect request without session. Answered by a Reply of type createSession, or by an
// AttachResult if the session is a local one.
struct NewSession {
  Origin origin;
  int32_t timeout_ms = 0;  // negotiated
};
// A connect request with a session. Any other connection of this server that holds the session is
// closed first, also when the password was wrong. Answered by AttachResult.
struct AttachSession {
  Origin origin;
  SessionId session;
  int32_t timeout_ms = 0;
  bool password_ok = false;
};

// ---- to the replica: control lane ----

// Sessions that were heard of since the last message; at most every tickTime / 4 (rule 18).
struct TouchSessions {
  struct Touched {
    SessionId session;
    int32_t timeout_ms;
  };
  std::vector<Touched> touched;
};
// The connection is gone; its session lives on until it expires.
struct ConnectionGone {
  Origin origin;
  SessionId session;  // kNoSession if it had none yet
};
// Asks for ReplicaFacts (four-letter words, status). Answered by InspectReply.
struct Inspect {
  Origin origin;
  bool with_sessions = false;     // dump: sessions and ephemerals
  bool with_quotas = false;       // mntr: by namespace
  bool with_directories = false;  // dirs, conf: sizes of the directories
};

using ToReplica =
    std::variant<ClientWrite, NewSession, AttachSession, TouchSessions, ConnectionGone, Inspect>;

// ---- to a shard ----

// A reply to a forwarded request, placed behind the transaction that answers it.
struct Reply {
  ConnectionId connection;
  int32_t xid = 0;
  wire::OpCode type = wire::OpCode::kError;  // what the client asked; createSession: NewSession
  // What it is told when the transaction says SESSIONEXPIRED: a leader knows nothing of this
  // server's local sessions.
  wire::ErrorCode instead_of_expired = wire::ErrorCode::kSessionExpired;
};
// A committed transaction. The shard fires its watches, then gives the reply if there is one for
// it. closeSession: the connection is closed behind the reply.
struct AppliedTxn {
  std::shared_ptr<const state::Applied> applied;
  std::vector<Reply> replies;  // at most one; empty if the write was not ours
};
struct SyncDone {
  ConnectionId connection;
  int32_t xid = 0;
  Zxid zxid;  // the last transaction before it in the order of commits: the reply's header shows it
};
// The answer to AttachSession, and to NewSession if the new session is a local one.
struct AttachResult {
  ConnectionId connection;
  bool accepted = false;
  SessionId session;
  int32_t timeout_ms = 0;
  // Not accepted, but its end is not committed either, and may never be: the client has to ask
  // again, here or elsewhere. (ZooKeeper says that the session has expired.)
  bool is_ending = false;
};
// A request that is answered without a transaction: closeSession of a local session.
struct LocalReply {
  ConnectionId connection;
  int32_t xid = 0;
  wire::OpCode type = wire::OpCode::kError;
};
// Close without a reply: session moved or closed, another connection took it.
struct CloseConnection {
  ConnectionId connection;
  std::string reason;
};
// From now on clients are served from this database, until NotServing. The pointer is valid that
// long.
struct Serving {
  const state::Database* database = nullptr;
  std::string mode;  // standalone, leader, follower, read-only
  bool read_only = false;
};
// No quorum, or nothing can be written: every client connection is closed; four-letter words still
// work.
struct NotServing {
  std::string reason;
};

// What the replica tells about itself: values at one moment, for people and monitoring.
struct ReplicaFacts {
  std::string mode;  // standalone, leader, follower; empty when not serving
  bool serving = false;
  std::string trouble;     // why it takes part in nothing: what cannot be written
  std::string peer_state;  // "leading - broadcast", … as zk_peer_state; empty on standalone
  int64_t server_id = 0;
  Zxid last_zxid;
  size_t node_count = 0, ephemeral_count = 0, session_count = 0, local_session_count = 0;
  size_t outstanding = 0;
  uint64_t data_size = 0;
  int64_t uptime_ms = 0;
  // Leader.
  int32_t quorum_size = 0;
  int32_t learners = 0, synced_followers = 0, synced_observers = 0, pending_syncs = 0;
  int64_t leader_uptime_ms = -1;
  int64_t proposal_last = -1, proposal_min = -1, proposal_max = -1;  // bytes
  std::string membership_text;
  uint64_t data_dir_bytes = 0, log_dir_bytes = 0;  // with_directories
  // Of the transaction log, since the start: microseconds.
  uint64_t syncs = 0, sync_us_total = 0, sync_us_max = 0, fsync_threshold_exceeded = 0;
  uint64_t log_waiting_bytes = 0, log_waiting_bytes_max = 0;
  uint64_t log_limit_hit = 0, slow_disk_leaves = 0;
  uint64_t digest_mismatches = 0;
  // with_quotas: limits and use, and how often a hard limit has forbidden a change.
  std::map<std::string, state::NamespaceQuota> quotas;
  std::map<std::string, uint64_t> quota_exceeded;
  // with_sessions: (session, time-out, expiry in wall ms or 0), (session, ephemeral paths).
  struct Session {
    SessionId id;
    int32_t timeout_ms;
    int64_t expires_wall_ms;
  };
  std::vector<Session> sessions;
  // Those that only this server knows; nullopt: it keeps none (local_sessions.h).
  std::optional<std::vector<Session>> local_sessions;
  std::vector<SessionId> ephemeral_owners;  // sessions that own ephemeral nodes
};
struct InspectReply {
  ConnectionId connection;
  std::shared_ptr<const ReplicaFacts> facts;
};

using ToShard = std::variant<AppliedTxn, SyncDone, AttachResult, LocalReply, CloseConnection,
                             Serving, NotServing, InspectReply>;

using ReplicaInbox = runtime::Inbox<ToReplica>;
using ShardInbox = runtime::Inbox<ToShard>;

}  // namespace zooid::server
