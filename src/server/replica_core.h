// What all roles of a replica share: the replicated state, the log, the shards, the sessions'
// connections. A role borrows it; the replica owns it. Used on the replica's loop alone.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/line_limit.h"
#include "base/random.h"
#include "config/server_config.h"
#include "env/clock.h"
#include "env/file_system.h"
#include "env/network.h"
#include "server/local_sessions.h"
#include "server/messages.h"
#include "server/pending_writes.h"
#include "server/work_slice.h"
#include "state/sessions.h"
#include "storage/history_reader.h"
#include "storage/log_worker.h"
#include "storage/recovery.h"
#include "storage/snapshot_worker.h"
#include "zab/txn_window.h"

namespace zooid::server {

// What the log says of sessions that expired in one step (at least one); `timeout_ms` of the first.
std::string expired_text(std::string_view kind, const std::vector<SessionId>& sessions,
                         std::optional<int32_t> timeout_ms);
// May a server that is configured so give up its data, to be filled by the others? Not alone, and
// not where they are no quorum without it: then somebody has to decide.
bool may_rejoin(const config::ServerConfig& config);

class ReplicaCore {
 public:
  ReplicaCore(const config::ServerConfig& config, env::Network& network, env::FileSystem& files,
              const env::Clock& clock, uint64_t seed, storage::LogCompletions& log_completions,
              storage::SnapshotCompletions& snapshot_completions,
              storage::HistoryCompletions& history_completions, storage::Recovered recovered);

  const config::ServerConfig& config;
  env::Network& network;
  env::FileSystem& files;
  const env::Clock& clock;
  Random random;
  storage::Directories directories;

  // Agreement.
  Incarnation incarnation{1};
  Epoch accepted_epoch = 0;  // durable values
  Epoch current_epoch = 0;
  Zxid last_logged;       // durably logged, or the snapshot's that the state began with (rule 5)
  Zxid base_zxid;         // of the snapshot that the state began with
  zab::TxnWindow window;  // recent history and the logged tail that is not applied yet

  std::unique_ptr<state::Database> database;
  storage::HistoryReader history;
  storage::LogWorker log;  // tells the history reader where it writes
  storage::SnapshotWorker snapshots;

  PendingWrites pending_writes;
  state::SessionIds session_ids;
  LocalSessions local_sessions;

  ServerId self() const { return config.my_id.value_or(ServerId{0}); }
  state::DatabaseOptions database_options() const;

  // ---- shards ----
  void add_shard(ShardId id, ShardInbox& inbox);
  void tell(ShardId shard, ToShard message);
  void tell_all(const std::function<ToShard()>& make);
  // Every shard: Serving. Requires that everything the state may have seen is applied.
  void serve(const std::string& mode);
  // False if something is still missing that should have come by now: the role ends, and the state
  // is given up for the leader's.
  bool judge_state();
  // As serve(), for clients that accept a state that may be old and cannot be changed.
  void serve_read_only();
  void stop_serving(const std::string& reason);  // every shard: NotServing; writes are forgotten
  bool is_serving() const { return serving_; }
  bool is_read_only() const { return serving_ && read_only_; }
  const std::string& mode() const { return mode_; }

  // ---- sessions and their connections on this server ----
  // The session is served by this connection now; a former one is closed.
  void bind_session(SessionId session, Origin origin);
  void unbind_session(SessionId session, Origin origin);
  // Another server has it now. Only a leader is told: it closes the connection that the session had
  // here, if any (ZooKeeper's leader does so at its next request, reads and pings included).
  void on_session_moved_away(SessionId session);

  // One line in the log for all that expired in a step, and not many in a minute.
  void tell_expired(std::string_view kind, const std::vector<SessionId>& sessions, Now now);
  // By what is committed: a global session that was created and not closed.
  bool has_session(SessionId session) const { return database->sessions().contains(session); }

  // ---- local sessions ----
  bool has_local_sessions() const { return config.local_sessions_enabled && config.is_ensemble(); }
  // The write needs a global session and the client's is a local one that may be upgraded: it is
  // local no more, and a createSession with this time-out must go before the write.
  std::optional<int32_t> upgrade_for(const ClientWrite& write);
  void open_local_session(const NewSession& request, Now now);
  // False if the session is no local one of this server.
  bool attach_local_session(const AttachSession& request, Now now);
  // The same for closeSession; the client is answered.
  bool close_local_session(const ClientWrite& write);
  void expire_local_sessions(Now now);

  // ---- the log ----
  void append(Zxid zxid, Bytes txn);  // window and log
  // What waits for the log's disk has reached its bound: no further transactions are ordered.
  bool is_log_full() const { return log.waiting_bytes() >= config.log_waiting_bytes_max; }
  // The log only: the leader machine put it into the window itself.
  void append_logged(Zxid zxid, Bytes txn);

  // Applies a committed transaction, tells the shards (watches, reply) if serving. Transactions
  // that the state has already are skipped.
  void apply(const wire::Txn& txn);
  // Applies what is in the window above the state's zxid and up to `up_to`: as much as this step's
  // slice allows, or all of it. True: all is applied, or the role ends because it cannot be.
  bool apply_some(Zxid up_to);
  void apply_window(Zxid up_to);
  // Of this step: what applies transactions stops when it is over, and goes on in the next one.
  WorkSlice applying;

  // Reads state and history from disk again, in place of what is in memory, which is dropped at
  // once. Not while serving. The snapshot worker reads: what it gives is for take_state(), and the
  // log must not change until then.
  void reload();
  void take_state(storage::Recovered recovered);
  // Puts another state in the place of the old one, which the snapshot worker frees. Not while
  // serving.
  void replace_database(std::unique_ptr<state::Database> next);

  // A hard quota has forbidden a change at this path; empty: none has.
  void count_quota_exceeded(std::string_view path);
  // By namespace, since the start.
  const std::map<std::string, uint64_t>& quota_exceeded() const { return quota_exceeded_; }

  // ---- the end of a role ----
  // May be called from any depth, also inside callbacks; carried out by the replica's next step.
  void request_end(std::string reason);
  std::optional<std::string> take_end_request();
  bool end_requested() const { return end_request_.has_value(); }

  // The log is being cut or the state replaced: if the role ends before that is complete, memory
  // and disk may differ and the state is read again before the next role.
  bool needs_reload = false;
  // The data cannot be brought in line with the leader's, or not be read again. Carried out by the
  // replica between this role and the next one (storage/given_up.h).
  struct GiveUp {
    std::string why;
    // The leader's word is all there is against it: back to the history before a SNAP that was not
    // acknowledged, if there was one.
    bool may_undo_install = false;
  };
  std::optional<GiveUp> give_up;
  // May this server give up its data? Only if the others are a quorum without it, and if it is set
  // so (recovery.damaged).
  bool may_rejoin() const;
  // Not all that this server had acknowledged is here: votes carry zxid -1 until a leader has
  // filled it (rule 35).
  bool is_untrusted = false;
  std::string why_untrusted;
  // The disk did not take what this role had to write: the next one begins when there is room for
  // it, and not at once (rule 30).
  struct DiskTrouble {
    std::string what;
    uint64_t wanted_bytes;
  };
  std::optional<DiskTrouble> disk_trouble;
  // Set by the replica: asks the snapshot worker to tell when it has done all it was given.
  std::function<void()> await_snapshot_worker;
  uint64_t digest_mismatches = 0;
  uint64_t log_limit_hit = 0;     // somebody had to wait for the log's disk
  uint64_t slow_disk_leaves = 0;  // a follower left for that
  // Behind the newest snapshot on disk, replayed ones included; for the thresholds of the next.
  uint64_t txns_since_snapshot = 0;
  uint64_t bytes_since_snapshot = 0;

 private:
  void take_history(storage::Recovered& recovered);
  enum class HowMuch { kSlice, kAll };
  bool apply_logged(Zxid up_to, HowMuch how_much);
  void report_digest_mismatches();

  struct ShardLink {
    ShardId id;
    ShardInbox* inbox;
  };
  std::vector<ShardLink> shards_;
  std::unordered_map<SessionId, Origin, SessionHash> connections_;
  bool serving_ = false;
  bool read_only_ = false;
  std::string mode_;
  std::optional<std::string> end_request_;
  std::map<std::string, uint64_t> quota_exceeded_;
  Epoch mismatch_reported_epoch_ = -1;
  LineLimit expiries_told_;
};

}  // namespace zooid::server
