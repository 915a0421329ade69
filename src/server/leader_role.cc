#include "server/leader_role.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "base/step_part.h"
#include "server/client_counters.h"

namespace zooid::server {
namespace {

size_t forwarded_bytes(const zab::LeaderEffects::Request& request) {
  return request.packet.data.size() + ForwardedWrites::kRequestBytes;
}

zab::LeaderOptions leader_options(const config::ServerConfig& config) {
  zab::LeaderOptions options;
  options.tick_ms = config.tick_ms;
  options.init_limit = config.init_limit;
  options.sync_limit = config.sync_limit;
  options.snapshot_size_factor = config.snapshot_size_factor;
  options.versions_configuration = false;  // reconfigEnabled is not served yet
  options.txn_bytes_max = static_cast<int32_t>(config.max_record_buffer());
  return options;
}

}  // namespace

LeaderRole::LeaderRole(ReplicaCore& core, const zab::Membership& membership, Now now)
    : core_(core), membership_(membership), tail_end_(core.last_logged) {
  // Everything logged becomes this leader's history, committed or not (rule 5).
  is_tail_applied_ = core_.apply_some(tail_end_);
  events_.on_packet = [this](zab::LearnerKey key, const wire::QuorumPacket& packet) {
    zab::LeaderEffects effects;
    const Now at = core_.clock.now();
    machine_->on_learner_packet(key, packet, at, effects);
    if (packet.type == wire::PacketType::kFollowerInfo ||
        packet.type == wire::PacketType::kObserverInfo) {
      if (const auto server = machine_->server_of(key)) news_.note(key, *server);
    }
    carry_out(effects, at);
  };
  events_.on_closed = [this](zab::LearnerKey key, const std::string& reason) {
    drop_connection(key, reason);
  };
  const zab::Member* own = membership_.find(core_.self());
  ASSERT(own != nullptr);
  listener_.emplace(core_.network,
                    env::Endpoint{own->addresses.front().host, own->addresses.front().quorum_port},
                    core_.config.listen_on_all_ips, [this](std::unique_ptr<env::Stream> stream) {
                      env::StreamHandler* handler = nullptr;
                      accept(std::move(stream), handler);
                      return handler;
                    });
  listen(now);
  zab::LeaderStart start;
  start.self = core_.self();
  start.membership = membership_;
  start.accepted_epoch = core_.accepted_epoch;
  start.current_epoch = core_.current_epoch;
  start.last_logged = core_.last_logged;
  zab::LeaderEffects effects;
  machine_ = std::make_unique<zab::Leader>(std::move(start), leader_options(core_.config),
                                           core_.window, now, effects);
  carry_out(effects, now);
}

LeaderRole::~LeaderRole() {
  core_.history.submit(storage::EndHistory{core_.incarnation, 0});
}

void LeaderRole::carry_out(zab::LeaderEffects& effects, Now now) {
  if (effects.persist_accepted_epoch) {
    core_.log.submit(storage::WriteEpoch{core_.incarnation, storage::EpochFile::kAccepted,
                                         *effects.persist_accepted_epoch});
  }
  if (effects.persist_current_epoch) {
    core_.log.submit(storage::WriteEpoch{core_.incarnation, storage::EpochFile::kCurrent,
                                         *effects.persist_current_epoch});
  }
  if (effects.promised) milestones_.promised = effects.promised;
  for (const zab::LearnerKey key : effects.synced) {
    news_.tell_follows(connection_of(key), machine_->sync_of(key), now);
  }
  if (effects.established) establish(*effects.established, now);
  for (zab::WindowTxn& txn : effects.appends) core_.append_logged(txn.zxid, std::move(txn.txn));
  if (effects.committed && primary_) {
    primary_->commit(*effects.committed);
    forwarded_.commit(*effects.committed);
    milestones_.first_commit = true;
  }
  if (effects.confirmed && primary_) primary_->confirm(*effects.confirmed);
  for (const auto& [key, reason] : effects.close) {
    const auto it = connections_.find(key);
    if (it == connections_.end()) continue;
    news_.tell_closed(connection_of(key), membership_, reason, now);
    it->second->close();
    closed_.push_back(key);
  }
  for (const zab::LearnerKey key : effects.snapshots) {
    const auto it = connections_.find(key);
    if (it == connections_.end() || it->second->is_closed()) continue;
    catch_up();
    machine_->on_snapshot_begun(key, core_.database->last_zxid(), now);
    it->second->begin_snapshot(*machine_, *core_.database, now);
  }
  for (const auto& touch : effects.touches) {
    if (primary_) primary_->touch(touch.session, touch.timeout_ms, now);
  }
  for (const auto& wanted : effects.revalidations) {
    const bool valid =
        primary_ && primary_->tracker().touch(wanted.session, wanted.timeout_ms, now.mono_us);
    if (valid) {
      primary_->tracker().set_owner(wanted.session, wanted.learner);
      core_.on_session_moved_away(wanted.session);
    }
    machine_->answer_revalidate(wanted.learner, wanted.session, valid);
  }
  const auto reach = std::exchange(effects.reach, {});
  const auto history = std::exchange(effects.history, {});
  const auto requests = std::exchange(effects.requests, {});
  if (effects.abdicate) core_.request_end(*effects.abdicate);
  for (const auto& asked : reach) {
    core_.history.submit(storage::FindReach{core_.incarnation, asked.learner, asked.zxid});
  }
  for (const auto& wanted : history) {
    core_.history.submit(storage::ReadHistory{core_.incarnation, wanted.learner, wanted.after,
                                              wanted.up_to, core_.config.history_slice_bytes});
  }
  if (!requests.empty()) {
    zab::LeaderEffects further;
    for (const auto& request : requests) on_learner_request(request, further, now);
    carry_out(further, now);
  }
}

void LeaderRole::catch_up() {
  if (!is_tail_applied_) core_.apply_window(tail_end_);
  is_tail_applied_ = true;
  if (primary_) primary_->catch_up();
}

void LeaderRole::establish(Epoch epoch, Now now) {
  catch_up();
  core_.current_epoch = epoch;
  if (!core_.judge_state()) return;
  const auto dropped = core_.database->drop_orphaned_ephemerals();
  if (!dropped.empty()) {
    log::warn("{} ephemeral znodes of sessions that do not exist were removed, the first is {}",
              dropped.size(), dropped.front());
  }
  core_.database->set_last_zxid(Zxid::make(epoch, 0));
  core_.database->set_config(membership_.text(), membership_.version(), now.wall_ms);
  core_.session_ids.restart(now.wall_ms);
  primary_.emplace(core_, now);
  established_us_ = now.mono_us;
  reaper_.emplace(core_.config, now);
  milestones_.established = epoch;
  core_.serve("leader");
}

void LeaderRole::order(const WriteOrder& write, zab::LeaderEffects& effects, Now now) {
  // The counter of the epoch may have ended in this very step; then all clients are sent away.
  if (!machine_->is_established()) return;
  // Without a zxid for it the role ends, and with it the connections of all who wait.
  if (!machine_->may_propose(effects)) return;
  step_part("order", short_op_name(write.type));
  const Zxid zxid = machine_->next_zxid();
  Bytes bytes = primary_->order(write, zxid, now);
  machine_->propose(zxid, std::move(bytes), now, effects);
}

template <class Request>
void LeaderRole::hold(Request request) {
  if (held_.empty() && core_.is_log_full()) {
    MARK("leader.log_full");
    ++core_.log_limit_hit;
  }
  held_.push_back(std::move(request));
}

void LeaderRole::order_held(Now now) {
  while (!held_.empty() && can_order()) {
    Held next = std::move(held_.front());
    held_.pop_front();
    if (auto* write = std::get_if<ClientWrite>(&next)) {
      order_write(*write, now);
    } else if (auto* session = std::get_if<NewSession>(&next)) {
      order_session(*session, now);
    } else {
      const auto& request = std::get<zab::LeaderEffects::Request>(next);
      forwarded_.release(request.learner, forwarded_bytes(request));
      const auto it = connections_.find(request.learner);
      if (it == connections_.end() || it->second->is_closed()) continue;
      zab::LeaderEffects effects;
      order_forwarded(request, effects, now);
      carry_out(effects, now);
    }
  }
}

void LeaderRole::on_learner_request(const zab::LeaderEffects::Request& request,
                                    zab::LeaderEffects& effects, Now now) {
  if (std::ranges::find(closed_, request.learner) != closed_.end()) return;  // dropped just now
  if (!must_hold()) return order_forwarded(request, effects, now);
  const bool is_too_much = !forwarded_.hold(request.learner, forwarded_bytes(request));
  hold(request);
  if (is_too_much) drop_for_forwards(request.learner);
}

void LeaderRole::order_forwarded(const zab::LeaderEffects::Request& request,
                                 zab::LeaderEffects& effects, Now now) {
  const auto forwarded = wire::read_forwarded_request(request.packet.data.view());
  if (!forwarded || !primary_ || !can_be_a_session(forwarded->session)) {
    MARK("leader.impossible_request");
    return close_connection(request.learner, "a REQUEST that no learner sends");
  }
  if (forwarded->type == wire::OpCode::kSync) {
    machine_->sync(request.learner, effects);
    return;
  }
  // A write is a sign of life, too; the learner's own report of it comes with its next PING.
  if (const auto timeout_ms = primary_->tracker().timeout_ms(forwarded->session)) {
    primary_->touch(forwarded->session, *timeout_ms, now);
  }
  const std::vector<wire::Id>* ids = request.packet.auth_is_null ? nullptr : &request.packet.auth;
  order({request.learner, forwarded->session, forwarded->cxid, forwarded->type, forwarded->body,
         ids, nullptr},
        effects, now);
  if (!forwarded_.add(request.learner, machine_->last_proposed(), forwarded_bytes(request))) {
    drop_for_forwards(request.learner);
  }
}

void LeaderRole::drop_for_forwards(zab::LearnerKey key) {
  MARK("leader.learner_forwards_too_much");
  close_connection(key, fmt::format("it forwarded more than {} MiB that could not be committed yet",
                                    ForwardedWrites::kBytesMax >> 20));
}

// A leader's own requests have no session, and what marks containers and TTL nodes owns no node.
bool LeaderRole::can_be_a_session(SessionId session) const {
  const state::ExtendedTypes types(core_.config.extended_types_enabled,
                                   core_.config.emulate_353_ttl_nodes);
  return state::node_kind(session.value, types) == state::NodeKind::kEphemeral;
}

void LeaderRole::on_write(ClientWrite& write, Now now) {
  if (!primary_) return;
  must_hold() ? hold(std::move(write)) : order_write(write, now);
}

void LeaderRole::order_write(ClientWrite& write, Now now) {
  if (write.type == wire::OpCode::kSync) {
    zab::LeaderEffects effects;
    const uint64_t round = machine_->confirm(effects);
    primary_->sync(write.origin, write.xid, round);
    return carry_out(effects, now);
  }
  if (core_.close_local_session(write)) return;
  zab::LeaderEffects effects;
  if (const auto timeout_ms = core_.upgrade_for(write)) {
    std::string body;
    wire::Writer(body).i32(*timeout_ms);
    order({0, write.session, 0, wire::OpCode::kCreateSession, body, nullptr, nullptr}, effects,
          now);
  }
  order({0, write.session, write.xid, write.type, write.body, write.ids.get(), &write.origin},
        effects, now);
  carry_out(effects, now);
}

void LeaderRole::on_new_session(const NewSession& request, Now now) {
  if (!primary_) return;
  if (core_.has_local_sessions()) return core_.open_local_session(request, now);
  must_hold() ? hold(request) : order_session(request, now);
}

void LeaderRole::order_session(const NewSession& request, Now now) {
  std::string body;
  wire::Writer(body).i32(request.timeout_ms);
  zab::LeaderEffects effects;
  order({0, core_.session_ids.next(), 0, wire::OpCode::kCreateSession, body, nullptr,
         &request.origin},
        effects, now);
  carry_out(effects, now);
}

void LeaderRole::on_attach(const AttachSession& request, Now now) {
  // Asked while this server still served in its former role: a refusal would say that the session
  // has expired. The connection is closed, as all of that role are.
  if (!primary_) return;
  if (core_.attach_local_session(request, now)) return;
  core_.bind_session(request.session, request.origin);
  const bool accepted =
      request.password_ok && primary_->attach(request.session, request.timeout_ms, now);
  if (!accepted) core_.unbind_session(request.session, request.origin);
  core_.tell(request.origin.shard,
             AttachResult{request.origin.connection, accepted, request.session, request.timeout_ms,
                          !accepted && request.password_ok && core_.has_session(request.session)});
}

void LeaderRole::on_touch(const TouchSessions& touched, Now now) {
  if (!primary_) return;
  for (const auto& session : touched.touched) {
    if (core_.local_sessions.touch(session.session, session.timeout_ms, now)) continue;
    primary_->touch(session.session, session.timeout_ms, now);
  }
}

void LeaderRole::on_log_synced(Zxid up_to, Now now) {
  zab::LeaderEffects effects;
  machine_->on_log_synced(up_to, now, effects);
  carry_out(effects, now);
}

void LeaderRole::on_epoch_written(storage::EpochFile file, Epoch epoch, Now now) {
  zab::LeaderEffects effects;
  if (file == storage::EpochFile::kAccepted) {
    machine_->on_accepted_epoch_persisted(epoch, now, effects);
  } else {
    machine_->on_current_epoch_persisted(epoch, now, effects);
  }
  carry_out(effects, now);
}

void LeaderRole::expire_sessions(Now now) {
  if (!primary_ || primary_->is_behind()) return;
  zab::LeaderEffects effects;
  const std::vector<SessionId> expired = primary_->take_expired(now);
  core_.tell_expired("session", expired, now);
  for (const SessionId session : expired) {
    order({0, session, 0, wire::OpCode::kCloseSession, {}, nullptr, nullptr}, effects, now);
  }
  core_.expire_local_sessions(now);
  const auto look = [&](state::ReapScan& scan) { return primary_->reapable(scan, now); };
  for (const std::string& body : reaper_->take_due(now, look)) {
    order({0, kNoSession, 0, wire::OpCode::kDeleteContainer, body, nullptr, nullptr}, effects, now);
  }
  carry_out(effects, now);
}

void LeaderRole::on_step(Now now) {
  // Also whenever the loop is woken: there may be an answer of the name server.
  const bool is_due = now.mono_us >= listen_again_us_ || listener_->next_deadline() != kNever;
  if (!listener_->is_listening() && is_due) listen(now);
  for (const zab::LearnerKey key : std::exchange(closed_, {})) {
    connections_.erase(key);
    news_.forget(key);
    core_.history.submit(storage::EndHistory{core_.incarnation, key});
  }
  if (now.mono_us >= machine_->next_deadline()) {
    zab::LeaderEffects effects;
    machine_->on_timer(now, effects);
    carry_out(effects, now);
  }
  if (!is_tail_applied_) is_tail_applied_ = core_.apply_some(tail_end_);
  if (primary_ && primary_->is_behind()) primary_->go_on();
  order_held(now);
  step_part("leader", "expiry");
  expire_sessions(now);
  step_part("leader", "learners' output");
  pump_all(now);
}

int64_t LeaderRole::next_deadline() const {
  if (!is_tail_applied_ || (primary_ && primary_->is_behind())) return 0;
  int64_t deadline = std::min(machine_->next_deadline(), listen_again_us_);
  if (primary_) {
    deadline = std::min({deadline, primary_->tracker().next_deadline(), reaper_->next_deadline(),
                         core_.local_sessions.next_deadline()});
  }
  return closed_.empty() ? deadline : 0;
}

void LeaderRole::add_facts(ReplicaFacts& facts, Now now) const {
  facts.outstanding = outstanding();
  facts.quorum_size = static_cast<int32_t>(membership_.voters().size());
  facts.membership_text = membership_.text();
  if (!primary_) {
    facts.peer_state = machine_->epoch() == 0 ? "leading - discovery" : "leading - synchronization";
    return;
  }
  facts.mode = "leader";
  facts.peer_state = "leading - broadcast";
  facts.leader_uptime_ms = (now.mono_us - established_us_) / 1000;
  facts.proposal_last = primary_->proposal_sizes().last;
  facts.proposal_min = primary_->proposal_sizes().min;
  facts.proposal_max = primary_->proposal_sizes().max;
  for (const zab::LearnerStatus& learner : machine_->learners()) {
    ++facts.learners;
    if (!learner.is_synced) continue;
    if (learner.is_observer) {
      ++facts.synced_observers;
    } else {
      ++facts.synced_followers;
    }
  }
}

}  // namespace zooid::server
