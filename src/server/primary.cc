#include "server/primary.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "state/reapable.h"

namespace zooid::server {
namespace {

state::PreparerOptions preparer_options(const config::ServerConfig& config) {
  state::PreparerOptions options;
  options.auth.skip_acl = config.skip_acl;
  options.auth.super_digest = config.super_digest;
  options.auth.digest_algorithm = config.digest_algorithm;
  options.auth.digest_enabled = config.digest_auth_enabled;
  options.auth.acl_growth_max = static_cast<size_t>(config.max_record_buffer());
  options.extended_types_enabled = {config.extended_types_enabled, config.emulate_353_ttl_nodes};
  options.enforce_quota = config.enforce_quota;
  options.digest_enabled = config.digest_enabled;
  options.close_session_txn = config.close_session_txn;
  options.txn_bytes_max = static_cast<int32_t>(config.max_record_buffer());
  return options;
}

}  // namespace

Primary::Primary(ReplicaCore& core, Now now)
    : core_(core),
      preparer_(*core.database, preparer_options(core.config)),
      tracker_(core.config.tick_ms),
      wall_clock_(now),
      last_proposed_(core.database->last_zxid()) {
  for (const auto& [session, timeout_ms] : core.database->sessions()) {
    tracker_.add(session, timeout_ms, now.mono_us);
  }
}

wire::ErrorCode Primary::judge_session(const WriteOrder& write) const {
  using wire::ErrorCode;
  // Clean-up transactions have no session; a closeSession may come for a session that expires.
  if (write.session == kNoSession || write.type == wire::OpCode::kCreateSession ||
      write.type == wire::OpCode::kCloseSession) {
    return ErrorCode::kOk;
  }
  if (is_planted(PlantedBug::kZk4541)) return ErrorCode::kOk;
  if (tracker_.is_closing(write.session)) return ErrorCode::kSessionExpired;
  if (tracker_.is_known(write.session) || core_.local_sessions.owns(write.session)) {
    return ErrorCode::kOk;
  }
  // It may be a local session of a learner, which no leader knows; never one of this server.
  constexpr int kServerShift = 56;
  const auto server = static_cast<uint64_t>(write.session.value) >> kServerShift;
  const auto self = static_cast<uint64_t>(core_.self().value) & 0xff;
  return core_.has_local_sessions() && server != self ? ErrorCode::kOk : ErrorCode::kSessionExpired;
}

Bytes Primary::order(const WriteOrder& write, Zxid zxid, Now now) {
  ASSERT(zxid > last_proposed_);
  wire::ErrorCode verdict = judge_session(write);
  if (write.type == wire::OpCode::kCreateSession) {
    wire::Reader in(write.body);
    const int32_t timeout_ms = in.i32();
    tracker_.add(write.session, timeout_ms, now.mono_us);
    tracker_.set_owner(write.session, write.owner);
  } else if (verdict == wire::ErrorCode::kOk && write.session != kNoSession &&
             write.type != wire::OpCode::kCloseSession &&
             !tracker_.check_owner(write.session, write.owner)) {
    verdict = wire::ErrorCode::kSessionMoved;
  }

  const int64_t time_ms = wall_clock_.read(now);
  state::WriteRequest request;
  request.session = write.session;
  request.cxid = write.cxid;
  request.type = write.type;
  request.body = write.body;
  request.ids = write.ids;
  request.is_local_session = write.session != kNoSession && !tracker_.is_known(write.session);
  request.is_forwarded = write.owner != 0;
  wire::Txn txn = verdict == wire::ErrorCode::kOk
                      ? preparer_.prepare(request, zxid, time_ms)
                      : preparer_.refuse(request, verdict, zxid, time_ms);
  if (core_.config.enforce_quota) {
    tell_over_soft_quota(now);
    core_.count_quota_exceeded(preparer_.take_over_hard_quota());
  }
  if (write.type == wire::OpCode::kCloseSession) tracker_.mark_closing(write.session);

  if (write.origin != nullptr) {
    core_.pending_writes.add(write.session,
                             PendingWrite{*write.origin, write.cxid, write.type, last_proposed_});
  }
  Bytes bytes = wire::serialize(txn);
  const auto size = static_cast<int64_t>(bytes.size());
  sizes_.last = size;
  sizes_.min = sizes_.min < 0 ? size : std::min(sizes_.min, size);
  sizes_.max = std::max(sizes_.max, size);
  proposed_.push_back(std::move(txn));
  last_proposed_ = zxid;
  return bytes;
}

void Primary::tell_over_soft_quota(Now now) {
  const std::string path = preparer_.take_over_soft_quota();
  if (path.empty() || now.mono_us < tell_quota_at_us_) return;
  constexpr int64_t kMinuteUs = 60'000'000;
  tell_quota_at_us_ = now.mono_us + kMinuteUs;
  log::warn("quota exceeded path={} (a soft limit: the change is made)", path);
}

void Primary::commit(Zxid up_to) {
  committed_ = std::max(committed_, up_to);
  go_on();
}

void Primary::go_on() {
  while (is_behind() && !core_.applying.is_over()) apply_next();
  if (is_behind()) MARK("primary.applies_in_slices");
  note_applied();
}

void Primary::catch_up() {
  while (is_behind()) apply_next();
  note_applied();
}

void Primary::apply_next() {
  ASSERT(is_behind());
  const wire::Txn& txn = proposed_.front();
  complete_syncs_before(txn.header.zxid);
  core_.apply(txn);
  if (txn.header.type == wire::OpCode::kCloseSession) tracker_.remove(txn.header.session);
  proposed_.pop_front();
}

void Primary::note_applied() {
  preparer_.on_applied(core_.database->last_zxid());
  complete_confirmed_syncs();
}

// The client sees the events of the next transaction behind the reply. Its commit also proves that
// this was the leader when the sync came.
void Primary::complete_syncs_before(Zxid zxid) {
  while (!syncs_.empty() && syncs_.front().after < zxid) complete_oldest_sync();
}

void Primary::complete_confirmed_syncs() {
  while (!syncs_.empty() && syncs_.front().round <= confirmed_ &&
         (proposed_.empty() || syncs_.front().after < proposed_.front().header.zxid)) {
    complete_oldest_sync();
  }
}

void Primary::complete_oldest_sync() {
  core_.tell(
      syncs_.front().origin.shard,
      SyncDone{syncs_.front().origin.connection, syncs_.front().xid, core_.database->last_zxid()});
  syncs_.pop_front();
}

void Primary::sync(Origin origin, int32_t xid, uint64_t round) {
  syncs_.push_back({origin, xid, last_proposed_, round});
  is_planted(PlantedBug::kSyncAnsweredAtOnce) ? complete_oldest_sync() : complete_confirmed_syncs();
}

void Primary::confirm(uint64_t round) {
  confirmed_ = round;
  complete_confirmed_syncs();
}

bool Primary::attach(SessionId session, int32_t timeout_ms, Now now) {
  if (!tracker_.touch(session, timeout_ms, now.mono_us)) return false;
  tracker_.set_owner(session, 0);
  return true;
}

void Primary::touch(SessionId session, int32_t timeout_ms, Now now) {
  tracker_.touch(session, timeout_ms, now.mono_us);
}

std::vector<std::string> Primary::reapable(state::ReapScan& scan, Now now) {
  constexpr size_t kNodesOfSlice = 2'000;
  const int64_t wall_ms = wall_clock_.read(now);
  std::vector<std::string> requests;
  for (const state::Reapable& node : state::reapable_nodes(
           core_.database->tree(),
           wall_clock_.is_doubtful() ? std::nullopt : std::optional<int64_t>(wall_ms),
           core_.config.container_max_never_used_ms, scan, kNodesOfSlice)) {
    requests.push_back(state::reap_request(node));
  }
  return requests;
}

}  // namespace zooid::server
