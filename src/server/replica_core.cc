#include "server/replica_core.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "base/step_part.h"
#include "server/client_counters.h"
#include "state/quota.h"

namespace zooid::server {
namespace {

storage::LogOptions log_options(const config::ServerConfig& config,
                                const storage::Directories& directories, const env::Clock& clock,
                                storage::HistoryReader& history) {
  storage::LogOptions options;
  options.log_directory = directories.log_version2();
  options.snapshot_directory = directories.snapshot_version2();
  options.directories = directories;
  options.force_sync = config.force_sync;
  options.preallocate_bytes = config.preallocate_bytes;
  options.size_limit_bytes = config.log_size_limit_bytes;
  options.monotonic_us = [&clock] { return clock.instant_us(); };
  options.on_mark = [&history](const storage::LogMark& mark) {
    history.submit(storage::NoteMark{mark});
  };
  options.on_cut = [&history](Zxid after) { history.submit(storage::NoteCut{after}); };
  return options;
}

storage::SnapshotOptions snapshot_options(const config::ServerConfig& config,
                                          const storage::Directories& directories) {
  storage::SnapshotOptions options;
  options.snapshot_directory = directories.snapshot_version2();
  options.log_directory = directories.log_version2();
  options.write_last_zxid = config.write_last_zxid;
  if (config.snapshot_compression == "gz") options.compression = storage::Compression::kGzip;
  if (config.snapshot_compression == "snappy") {
    options.compression = storage::Compression::kSnappy;
  }
  return options;
}

}  // namespace

std::string expired_text(std::string_view kind, const std::vector<SessionId>& sessions,
                         std::optional<int32_t> timeout_ms) {
  ASSERT(!sessions.empty());
  const auto first = static_cast<uint64_t>(sessions.front().value);
  const std::string silence =
      timeout_ms ? fmt::format(", silent for its time-out of {} ms", *timeout_ms) : "";
  if (sessions.size() == 1) return fmt::format("{} 0x{:x} expired{}", kind, first, silence);
  return fmt::format("{} {}s expired, the first is 0x{:x}{}", sessions.size(), kind, first,
                     silence);
}

bool may_rejoin(const config::ServerConfig& config) {
  if (!config.is_ensemble() || !config.rejoin_damaged) return false;
  zab::ServerSet others = config.membership.voters();
  others.erase(*config.my_id);
  return config.membership.is_quorum(others);
}

ReplicaCore::ReplicaCore(const config::ServerConfig& config, env::Network& network,
                         env::FileSystem& files, const env::Clock& clock, uint64_t seed,
                         storage::LogCompletions& log_completions,
                         storage::SnapshotCompletions& snapshot_completions,
                         storage::HistoryCompletions& history_completions,
                         storage::Recovered recovered)
    : config(config),
      network(network),
      files(files),
      clock(clock),
      random(seed),
      directories{config.data_dir,
                  config.data_log_dir.empty() ? config.data_dir : config.data_log_dir},
      accepted_epoch(recovered.accepted_epoch),
      current_epoch(recovered.current_epoch),
      last_logged(recovered.last_logged),
      base_zxid(recovered.snapshot_zxid),
      window(static_cast<size_t>(config.commit_log_count)),
      database(std::move(recovered.database)),
      history(files, directories, std::move(recovered.index), history_completions),
      log(files, log_options(config, directories, clock, history), recovered.last_logged,
          log_completions),
      snapshots(files, snapshot_options(config, directories), snapshot_completions),
      session_ids(config.my_id.value_or(ServerId{0}), clock.now().wall_ms),
      local_sessions(config.tick_ms),
      applying(clock) {
  is_untrusted = recovered.is_untrusted;
  why_untrusted = std::move(recovered.why_untrusted);
  if (last_logged == kZxidUntrusted) last_logged = Zxid{0};
  take_history(recovered);
}

void ReplicaCore::take_history(storage::Recovered& recovered) {
  window.clear();
  for (storage::LoggedTxn& txn : recovered.recent) window.push(txn.zxid, std::move(txn.txn));
  recovered.recent.clear();
  txns_since_snapshot = recovered.replayed_txns;
  if (is_planted(PlantedBug::kReplayedNotCounted)) txns_since_snapshot = window.txns().size();
  bytes_since_snapshot = recovered.replayed_bytes;
}

state::DatabaseOptions ReplicaCore::database_options() const {
  state::DatabaseOptions options;
  options.digest_enabled = config.digest_enabled;
  options.extended_types = {config.extended_types_enabled, config.emulate_353_ttl_nodes};
  return options;
}

bool ReplicaCore::may_rejoin() const {
  return server::may_rejoin(config);
}

void ReplicaCore::add_shard(ShardId id, ShardInbox& inbox) {
  shards_.push_back({id, &inbox});
}

void ReplicaCore::tell(ShardId shard, ToShard message) {
  for (const ShardLink& link : shards_) {
    if (link.id == shard) {
      link.inbox->push(std::move(message));
      return;
    }
  }
  ASSERT(false && "unknown shard");
}

void ReplicaCore::tell_all(const std::function<ToShard()>& make) {
  for (const ShardLink& link : shards_) link.inbox->push(make());
}

void ReplicaCore::serve(const std::string& mode) {
  ASSERT(!serving_);
  serving_ = true;
  mode_ = mode;
  ASSERT(database->unexplained_acl().empty());
  // Whatever a leader's walk saw was committed when the walk ended, and the leader told so before
  // NEWLEADER (rule 37; Apache's does, too): it is applied by now.
  if (database->fuzzy_end() > database->last_zxid()) database->set_fuzzy_end(database->last_zxid());
  ASSERT(database->is_whole());
  tell_all([&] { return ToShard{Serving{database.get(), mode, false}}; });
}

bool ReplicaCore::judge_state() {
  const std::string path = database->unexplained_acl();
  if (path.empty()) return true;
  MARK("replica.acl_unexplained");
  give_up =
      GiveUp{"neither the snapshot nor the history behind it holds the ACL of the node " + path};
  request_end(give_up->why);
  return false;
}

void ReplicaCore::serve_read_only() {
  ASSERT(!serving_);
  MARK("replica.read_only");
  serving_ = true;
  read_only_ = true;
  mode_ = "read-only";
  tell_all([&] { return ToShard{Serving{database.get(), mode_, true}}; });
}

void ReplicaCore::stop_serving(const std::string& reason) {
  serving_ = false;
  read_only_ = false;
  mode_.clear();
  pending_writes.clear();
  local_sessions.clear();
  connections_.clear();
  tell_all([&] { return ToShard{NotServing{reason}}; });
}

void ReplicaCore::bind_session(SessionId session, Origin origin) {
  const auto [it, is_new] = connections_.try_emplace(session, origin);
  if (is_new || it->second == origin) return;
  tell(it->second.shard,
       CloseConnection{it->second.connection, "session moved to another connection"});
  it->second = origin;
}

void ReplicaCore::on_session_moved_away(SessionId session) {
  const auto it = connections_.find(session);
  if (it == connections_.end()) return;
  tell(it->second.shard, CloseConnection{it->second.connection, "session moved to another server"});
  connections_.erase(it);
}

void ReplicaCore::unbind_session(SessionId session, Origin origin) {
  const auto it = connections_.find(session);
  if (it != connections_.end() && it->second == origin) connections_.erase(it);
}

void ReplicaCore::open_local_session(const NewSession& request, Now now) {
  const SessionId session = session_ids.next();
  local_sessions.add(session, request.timeout_ms, now);
  bind_session(session, request.origin);
  tell(request.origin.shard,
       AttachResult{request.origin.connection, true, session, request.timeout_ms});
}

bool ReplicaCore::attach_local_session(const AttachSession& request, Now now) {
  if (!local_sessions.owns(request.session)) return false;
  bind_session(request.session, request.origin);
  const bool accepted =
      request.password_ok && local_sessions.touch(request.session, request.timeout_ms, now);
  if (!accepted) unbind_session(request.session, request.origin);
  tell(request.origin.shard,
       AttachResult{request.origin.connection, accepted, request.session, request.timeout_ms});
  return true;
}

std::optional<int32_t> ReplicaCore::upgrade_for(const ClientWrite& write) {
  if (!config.local_sessions_upgrading_enabled || !local_sessions.owns(write.session) ||
      !creates_ephemeral(write.type, write.body)) {
    return std::nullopt;
  }
  log::debug("local session 0x{:x} becomes a global one",
             static_cast<uint64_t>(write.session.value));
  return local_sessions.upgrade(write.session);
}

bool ReplicaCore::close_local_session(const ClientWrite& write) {
  if (write.type != wire::OpCode::kCloseSession || !local_sessions.owns(write.session)) {
    return false;
  }
  local_sessions.remove(write.session);
  connections_.erase(write.session);
  tell(write.origin.shard, LocalReply{write.origin.connection, write.xid, write.type});
  return true;
}

void ReplicaCore::tell_expired(std::string_view kind, const std::vector<SessionId>& sessions,
                               Now now) {
  if (sessions.empty()) return;
  const auto first = static_cast<uint64_t>(sessions.front().value);
  const auto more = expiries_told_.admit(fmt::format("{:x}", first), now.mono_us);
  if (!more) return;
  const auto session = database->sessions().find(sessions.front());
  const auto timeout_ms =
      session == database->sessions().end() ? std::nullopt : std::optional(session->second);
  log::info("{}{}", expired_text(kind, sessions, timeout_ms), left_out_text(*more));
}

void ReplicaCore::expire_local_sessions(Now now) {
  const std::vector<SessionId> expired = local_sessions.take_expired(now);
  tell_expired("local session", expired, now);
  for (const SessionId session : expired) {
    const auto it = connections_.find(session);
    if (it == connections_.end()) continue;
    tell(it->second.shard, CloseConnection{it->second.connection, "session expired"});
    connections_.erase(it);
  }
}

void ReplicaCore::append(Zxid zxid, Bytes txn) {
  window.push(zxid, txn);
  append_logged(zxid, std::move(txn));
}

void ReplicaCore::append_logged(Zxid zxid, Bytes txn) {
  txns_since_snapshot += 1;
  bytes_since_snapshot += txn.size();
  log.submit(storage::AppendTxn{incarnation, zxid, std::move(txn)});
}

void ReplicaCore::apply(const wire::Txn& txn) {
  if (txn.header.zxid <= database->last_zxid()) {
    MARK("replica.apply_skipped");  // applied before the log failed or was reloaded
    return;
  }
  step_part("apply", short_op_name(txn.header.type));
  if (!serving_) {
    database->apply(txn, nullptr);
    return applying.spend(1);
  }
  auto applied = std::make_shared<state::Applied>();
  database->apply(txn, applied.get());
  applying.spend(1 + applied->changes.size() / 2);  // a create is two: of the node, of its parent
  report_digest_mismatches();
  const auto write = pending_writes.match(txn.header);
  if (write && txn.header.type == wire::OpCode::kCreateSession) {
    bind_session(txn.header.session, write->origin);
  }
  for (const ShardLink& link : shards_) {
    AppliedTxn message{applied, {}};
    if (write && write->origin.shard == link.id) {
      message.replies.push_back(
          Reply{write->origin.connection, write->xid, write->type, write->instead_of_expired});
    }
    link.inbox->push(std::move(message));
  }
  if (txn.header.type == wire::OpCode::kCloseSession) {
    const auto it = connections_.find(txn.header.session);
    if (it != connections_.end()) {
      // The client's own closeSession closes behind its reply; closing again does nothing.
      tell(it->second.shard, CloseConnection{it->second.connection, "session closed"});
      connections_.erase(it);
    }
  }
}

void ReplicaCore::apply_window(Zxid up_to) {
  apply_logged(up_to, HowMuch::kAll);
}

bool ReplicaCore::apply_some(Zxid up_to) {
  return apply_logged(up_to, HowMuch::kSlice);
}

bool ReplicaCore::apply_logged(Zxid up_to, HowMuch how_much) {
  bool is_all = true;
  for (auto it = window.above(database->last_zxid());
       it != window.txns().end() && it->zxid <= up_to; ++it) {
    if (how_much == HowMuch::kSlice && applying.is_over()) {
      MARK("replica.applies_in_slices");
      is_all = false;
      break;
    }
    const auto txn =
        wire::read_txn(it->txn.view(), static_cast<int32_t>(config.max_record_buffer()));
    if (!txn) {
      // A leader proposed what this build cannot read: serving on would let the copies differ.
      log::error("unreadable transaction zxid=0x{:x} bytes={}", it->zxid.value, it->txn.size());
      request_end("the leader sent a transaction that cannot be read");
      return true;
    }
    apply(*txn);
  }
  window.trim(database->last_zxid());
  return is_all;
}

void ReplicaCore::reload() {
  ASSERT(!serving_);
  ASSERT(needs_reload);
  // Not both in memory at a time.
  replace_database(std::make_unique<state::Database>(database_options()));
  window.clear();
  step_part("replica", "reload from disk");
  storage::RecoveryOptions options;
  options.database = database_options();
  options.recent_max = static_cast<size_t>(config.commit_log_count);
  options.recent_bytes_max = zab::kTxnWindowBytesMax;
  options.is_ensemble_member = config.is_ensemble();
  options.is_start = false;
  snapshots.submit(storage::ReadState{incarnation, directories, std::move(options)});
}

void ReplicaCore::take_state(storage::Recovered recovered) {
  replace_database(std::move(recovered.database));
  base_zxid = recovered.snapshot_zxid;
  last_logged = recovered.last_logged == kZxidUntrusted ? Zxid{0} : recovered.last_logged;
  if (config.is_ensemble()) {
    accepted_epoch = recovered.accepted_epoch;
    current_epoch = recovered.current_epoch;
  }
  is_untrusted = recovered.is_untrusted;
  why_untrusted = std::move(recovered.why_untrusted);
  // The reading may have changed the files: what is logged now goes into a new one.
  log.submit(storage::ContinueLog{incarnation, last_logged});
  take_history(recovered);
  needs_reload = false;
  log::info("state read again from disk zxid=0x{:x}", database->last_zxid().value);
}

void ReplicaCore::replace_database(std::unique_ptr<state::Database> next) {
  ASSERT(!serving_);
  ASSERT(next != nullptr);
  std::shared_ptr<state::Database> old = std::move(database);
  database = std::move(next);
  snapshots.submit(storage::Dispose{[old]() mutable { old.reset(); }});
}

void ReplicaCore::count_quota_exceeded(std::string_view path) {
  // Namespaces come and go; who has made so many is told of the first ones.
  constexpr size_t kNamespacesMax = 1000;
  if (path.empty()) return;
  std::string name(state::top_namespace(path));
  if (quota_exceeded_.size() >= kNamespacesMax && !quota_exceeded_.contains(name)) return;
  ++quota_exceeded_[std::move(name)];
}

void ReplicaCore::request_end(std::string reason) {
  if (!end_request_) end_request_ = std::move(reason);
}

std::optional<std::string> ReplicaCore::take_end_request() {
  return std::exchange(end_request_, std::nullopt);
}

void ReplicaCore::report_digest_mismatches() {
  for (const state::DigestMismatch& mismatch : database->take_digest_mismatches()) {
    ++digest_mismatches;
    if (mismatch.zxid.epoch() == mismatch_reported_epoch_) continue;
    mismatch_reported_epoch_ = mismatch.zxid.epoch();
    log::error("digest mismatch zxid=0x{:x} expected={:x} actual={:x} paths={}",
               mismatch.zxid.value, static_cast<uint64_t>(mismatch.expected),
               static_cast<uint64_t>(mismatch.actual), mismatch.paths);
  }
}

}  // namespace zooid::server
