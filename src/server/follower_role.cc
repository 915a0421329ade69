#include "server/follower_role.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "base/planted_bug.h"

namespace zooid::server {
namespace {

std::vector<env::Endpoint> quorum_endpoints(const zab::Membership& membership, ServerId leader) {
  std::vector<env::Endpoint> endpoints;
  const zab::Member* member = membership.find(leader);
  ASSERT(member != nullptr);
  for (const zab::Address& address : member->addresses) {
    endpoints.push_back({address.host, address.quorum_port});
  }
  return endpoints;
}

FollowerPace::Limits pace_limits(const config::ServerConfig& config) {
  const int64_t tick_us = ms_to_us(config.tick_ms);
  return {.bytes_max = config.log_waiting_bytes_max,
          .patience_us = tick_us,
          .level_us = tick_us * config.init_limit};
}

}  // namespace

FollowerRole::FollowerRole(ReplicaCore& core, SnapshotTaker& snapshot_taker,
                           const zab::Membership& membership, ServerId leader, int64_t pause_us,
                           Now now)
    : core_(core),
      snapshot_taker_(snapshot_taker),
      membership_(membership),
      leader_(leader),
      pace_(pace_limits(core.config)) {
  zab::LearnerStart start;
  start.self = core_.self();
  start.membership = membership_;
  start.accepted_epoch = core_.accepted_epoch;
  start.current_epoch = core_.current_epoch;
  start.last_logged = core_.is_untrusted ? kZxidUntrusted : core_.last_logged;
  start.last_applied = core_.is_untrusted ? Zxid{0} : core_.database->last_zxid();
  zab::LearnerOptions options;
  options.tick_ms = core_.config.tick_ms;
  options.init_limit = core_.config.init_limit;
  options.sync_limit = core_.config.sync_limit;
  options.txn_bytes_max = static_cast<int32_t>(core_.config.max_record_buffer());
  machine_ = std::make_unique<zab::Learner>(std::move(start), options, now);

  LeaderLink::Events events;
  events.on_connected = [this] {
    zab::LearnerEffects effects;
    const Now at = core_.clock.now();
    machine_->on_connected(at, effects);
    carry_out(effects, at);
  };
  events.on_packet = [this](const wire::QuorumPacket& packet) {
    zab::LearnerEffects effects;
    const Now at = core_.clock.now();
    machine_->on_packet(packet, at, effects);
    carry_out(effects, at);
  };
  events.on_snapshot_bytes = [this](std::string_view bytes) {
    on_snapshot_bytes(bytes, core_.clock.now());
  };
  events.on_snapshot = [this](std::unique_ptr<state::Database> database) {
    on_snapshot_stream(std::move(database), core_.clock.now());
  };
  events.on_closed = [this](const std::string& reason) {
    zab::LearnerEffects effects;
    const Now at = core_.clock.now();
    machine_->on_closed(reason, at, effects);
    carry_out(effects, at);
    core_.request_end(reason);
  };
  LeaderLink::Limits limits;
  limits.give_up_ms = core_.config.tick_ms * core_.config.init_limit;
  limits.pause_us = std::min(pause_us, ms_to_us(limits.give_up_ms) / 4);
  limits.attempt_ms = core_.config.connect_timeout_ms;
  limits.data_max = static_cast<int32_t>(core_.config.max_record_buffer());
  link_ = std::make_unique<LeaderLink>(core_.network, quorum_endpoints(membership_, leader), limits,
                                       now, std::move(events));
}

FollowerRole::~FollowerRole() {
  if (install_ == Install::kReceiving) snapshot_taker_.abort();
}

void FollowerRole::carry_out(zab::LearnerEffects& effects, Now now) {
  if (core_.end_requested()) return;  // nothing of a finished attempt takes effect
  link_->send(effects.send);
  if (effects.persist_accepted_epoch) {
    core_.log.submit(storage::WriteEpoch{core_.incarnation, storage::EpochFile::kAccepted,
                                         *effects.persist_accepted_epoch});
  }
  if (effects.promised) milestones_.promised = effects.promised;
  if (effects.expect_snapshot) begin_receiving(*effects.expect_snapshot);
  if (effects.install_snapshot) {
    // The new state replaces everything; the old one is freed elsewhere.
    core_.replace_database(std::move(received_));
    core_.window.clear();
    core_.needs_reload = true;
    install_ = Install::kWriting;
    snapshot_taker_.end_received();
  }
  if (effects.truncate) {
    snapshot_taker_.abort();
    cutting_to_ = effects.truncate;
    // A snapshot that is just being published would be one of what is cut off.
    core_.await_snapshot_worker();
  }
  if (effects.adopt_tail) apply_to_ = std::max(apply_to_, *effects.adopt_tail);
  std::optional<Zxid> never_logged;
  for (zab::WindowTxn& txn : effects.appends) {
    if (is_planted(PlantedBug::kZk4925) && !established_) {
      never_logged = txn.zxid;
      core_.window.push(txn.zxid, std::move(txn.txn));
    } else {
      append(std::move(txn));
    }
  }
  if (never_logged) on_log_synced(*never_logged, now);
  if (effects.persist_current_epoch) {
    core_.log.submit(storage::WriteEpoch{core_.incarnation, storage::EpochFile::kCurrent,
                                         *effects.persist_current_epoch});
  }
  if (effects.committed) {
    note_committed(*effects.committed);
    apply_to_ = std::max(apply_to_, *effects.committed);
    if (established_) milestones_.first_commit = true;
  }
  for (const auto& done : effects.syncs_done) {
    if (syncs_.empty()) break;
    due_syncs_.push_back({syncs_.front(), done.after_commit});
    syncs_.pop_front();
  }
  if (!effects.sync.empty()) milestones_.synchronised = effects.sync;
  if (effects.established) to_establish_ = effects.established;
  apply_committed(now);
  for (const auto& done : effects.revalidated) {
    const auto asked = std::ranges::find(attaching_, done.session, &AttachSession::session);
    if (asked == attaching_.end()) continue;
    const AttachSession request = *asked;
    attaching_.erase(asked);
    if (!done.valid) core_.unbind_session(request.session, request.origin);
    if (done.valid) touched_[request.session] = request.timeout_ms;
    core_.tell(request.origin.shard,
               AttachResult{request.origin.connection, done.valid, request.session,
                            request.timeout_ms, !done.valid && core_.has_session(request.session)});
  }
  if (effects.give_up) core_.request_end(*effects.give_up);
  if (effects.ping) {
    if (effects.ping->counter() == 0 || *effects.ping <= last_appended_) is_level_ = true;
    std::vector<zab::Learner::Touched> touched;
    touched.reserve(touched_.size());
    for (const auto& [session, timeout_ms] : touched_) touched.push_back({session, timeout_ms});
    touched_.clear();
    zab::LearnerEffects answer;
    machine_->answer_ping(*effects.ping, touched, answer);
    carry_out(answer, now);
  }
}

void FollowerRole::append(zab::WindowTxn txn) {
  uncommitted_.emplace_back(txn.zxid, txn.txn.size());
  uncommitted_bytes_ += txn.txn.size();
  last_appended_ = txn.zxid;
  core_.append(txn.zxid, std::move(txn.txn));
}

void FollowerRole::note_committed(Zxid up_to) {
  while (!uncommitted_.empty() && uncommitted_.front().first <= up_to) {
    uncommitted_bytes_ -= uncommitted_.front().second;
    uncommitted_.pop_front();
  }
}

void FollowerRole::keep_pace(Now now) {
  const bool was_paused = pace_.is_paused();
  const uint64_t waiting_bytes = core_.log.waiting_bytes();
  switch (pace_.judge(
      {waiting_bytes + machine_->held_bytes(), uncommitted_bytes_, established_, is_level_}, now)) {
    case FollowerPace::Verdict::kLeave:
      MARK("follower.disk_too_slow");
      ++core_.slow_disk_leaves;
      log::warn(
          "the disk of the transaction log is too slow: {} MiB that the others have "
          "committed wait for it. This server leaves, writes them and comes back",
          waiting_bytes >> 20);
      return core_.request_end("the disk of the transaction log is too slow");
    case FollowerPace::Verdict::kPause:
      if (!was_paused) {
        MARK("follower.leader_not_read");
        ++core_.log_limit_hit;
        link_->pause_reading();
      }
      return machine_->on_reading_paused(now);
    case FollowerPace::Verdict::kRead:
      if (was_paused) link_->resume_reading();
  }
}

// Each sync where it stands among the commits: its reply shows no later transaction, and comes
// before the events of one.
void FollowerRole::apply_committed(Now now) {
  is_behind_ = apply_to_ > core_.database->last_zxid() || !due_syncs_.empty() || to_establish_;
  if (!is_behind_) return;
  while (!due_syncs_.empty()) {
    const auto& [sync, after] = due_syncs_.front();
    if (!core_.apply_some(std::min(after, apply_to_))) return;
    core_.tell(sync.origin.shard,
               SyncDone{sync.origin.connection, sync.xid, core_.database->last_zxid()});
    due_syncs_.pop_front();
  }
  if (!core_.apply_some(apply_to_)) return;
  is_behind_ = false;
  if (core_.end_requested()) return;  // one of them cannot be read
  if (to_establish_) establish(*std::exchange(to_establish_, std::nullopt), now);
}

void FollowerRole::establish(Epoch epoch, Now now) {
  if (!core_.judge_state()) return;
  established_ = true;
  core_.database->set_config(membership_.text(), membership_.version(), now.wall_ms);
  core_.session_ids.restart(now.wall_ms);
  milestones_.established = epoch;
  core_.serve("follower");
}

size_t FollowerRole::requests_in_flight_max() const {
  const size_t others = std::max<size_t>(1, membership_.voters().size() - 1);
  return std::max<size_t>(1, static_cast<size_t>(core_.config.global_outstanding_limit) / others);
}

void FollowerRole::forward(ClientWrite& write, zab::LearnerEffects& effects) {
  wire::ForwardedRequest request;
  request.session = write.session;
  request.cxid = write.xid;
  request.type = write.type;
  request.body = write.body;
  if (write.type == wire::OpCode::kSync) {
    syncs_.push_back({write.origin, write.xid});
  } else {
    PendingWrite pending{write.origin, write.xid, write.type, core_.database->last_zxid()};
    if (core_.local_sessions.owns(write.session) && creates_ephemeral(write.type, write.body)) {
      MARK("follower.ephemeral_on_local_session");
      pending.instead_of_expired = wire::ErrorCode::kEphemeralOnLocalSession;
    }
    core_.pending_writes.add(write.session, pending);
  }
  machine_->forward(wire::serialize(request), write.ids.get(), effects);
}

void FollowerRole::on_write(ClientWrite& write, Now now) {
  if (!established_) return;
  if (core_.close_local_session(write)) return;
  if (const auto timeout_ms = core_.upgrade_for(write)) {
    // Nobody waits for it. It may overtake held writes, which do not need it.
    forward_new_session(write.session, *timeout_ms, now);
  }
  if (!held_.empty() || core_.pending_writes.size() >= requests_in_flight_max()) {
    MARK("follower.request_held");
    held_.push_back(std::move(write));
    return;
  }
  zab::LearnerEffects effects;
  forward(write, effects);
  carry_out(effects, now);
}

void FollowerRole::forward_new_session(SessionId session, int32_t timeout_ms, Now now) {
  wire::ForwardedRequest request;
  request.session = session;
  request.cxid = 0;
  request.type = wire::OpCode::kCreateSession;
  std::string body;
  wire::Writer(body).i32(timeout_ms);
  request.body = body;
  touched_[session] = timeout_ms;
  zab::LearnerEffects effects;
  machine_->forward(wire::serialize(request), nullptr, effects);
  carry_out(effects, now);
}

void FollowerRole::on_new_session(const NewSession& request, Now now) {
  if (!established_) return;
  if (core_.has_local_sessions()) return core_.open_local_session(request, now);
  ClientWrite write;
  write.origin = request.origin;
  write.session = core_.session_ids.next();
  write.xid = 0;
  write.type = wire::OpCode::kCreateSession;
  wire::Writer(write.body).i32(request.timeout_ms);
  touched_[write.session] = request.timeout_ms;
  on_write(write, now);
}

void FollowerRole::on_attach(const AttachSession& request, Now now) {
  if (!established_) return;
  if (core_.attach_local_session(request, now)) return;
  core_.bind_session(request.session, request.origin);
  if (!request.password_ok) {
    core_.unbind_session(request.session, request.origin);
    core_.tell(request.origin.shard,
               AttachResult{request.origin.connection, false, request.session, 0});
    return;
  }
  attaching_.push_back(request);
  zab::LearnerEffects effects;
  machine_->revalidate(request.session, request.timeout_ms, effects);
  carry_out(effects, now);
}

void FollowerRole::on_touch(const TouchSessions& touched, Now now) {
  for (const auto& session : touched.touched) {
    if (core_.local_sessions.touch(session.session, session.timeout_ms, now)) continue;
    touched_[session.session] = session.timeout_ms;
  }
}

void FollowerRole::on_log_synced(Zxid up_to, Now now) {
  zab::LearnerEffects effects;
  machine_->on_log_synced(up_to, now, effects);
  carry_out(effects, now);
}

void FollowerRole::on_epoch_written(storage::EpochFile file, Epoch epoch, Now now) {
  zab::LearnerEffects effects;
  if (file == storage::EpochFile::kAccepted) {
    machine_->on_accepted_epoch_persisted(epoch, now, effects);
  } else {
    machine_->on_current_epoch_persisted(epoch, now, effects);
  }
  carry_out(effects, now);
}

void FollowerRole::on_step(Now now) {
  link_->on_timer(now);
  if (!core_.end_requested()) keep_pace(now);
  if (core_.end_requested()) return;
  core_.expire_local_sessions(now);
  if (now.mono_us >= resume_at_us_) resume_if_written(now);
  if (is_behind_) apply_committed(now);
  zab::LearnerEffects effects;
  if (now.mono_us >= machine_->next_deadline()) machine_->on_timer(now, effects);
  while (!held_.empty() && core_.pending_writes.size() < requests_in_flight_max()) {
    forward(held_.front(), effects);
    held_.pop_front();
  }
  carry_out(effects, now);
}

int64_t FollowerRole::next_deadline() const {
  if (is_behind_) return 0;
  return std::min({machine_->next_deadline(), link_->next_deadline(), pace_.next_deadline(),
                   core_.local_sessions.next_deadline(), resume_at_us_});
}

void FollowerRole::add_facts(ReplicaFacts& facts, Now) const {
  facts.outstanding = outstanding();
  facts.quorum_size = static_cast<int32_t>(membership_.voters().size());
  facts.membership_text = membership_.text();
  if (!established_) {
    facts.peer_state =
        machine_->epoch() == 0 ? "following - discovery" : "following - synchronization";
    return;
  }
  facts.mode = "follower";
  facts.peer_state = "following - broadcast";
}

}  // namespace zooid::server
