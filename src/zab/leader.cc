#include "zab/leader.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/assert.h"
#include "base/duration_text.h"
#include "base/mark.h"
#include "zab/leader_machine.h"

namespace zooid::zab {
namespace {

const char* phase_name(LeaderPhase phase) {
  switch (phase) {
    case LeaderPhase::kDiscovery:
      return "FOLLOWERINFO";
    case LeaderPhase::kAcceptedEpoch:
      return "the acceptedEpoch file";
    case LeaderPhase::kEpochAcks:
      return "ACKEPOCH";
    case LeaderPhase::kNewLeaderAcks:
      return "the ACK of NEWLEADER";
    case LeaderPhase::kEstablished:
      return "nothing";
    case LeaderPhase::kOver:
      return "its end";
  }
  return "";
}

bool is_contiguous(const TxnWindow& window) {
  const auto& txns = window.txns();
  for (size_t i = 1; i < txns.size(); ++i) {
    if (!follows(txns[i - 1].zxid, txns[i].zxid)) return false;
  }
  return true;
}

}  // namespace

Leader::Machine::Machine(LeaderStart leader_start, LeaderOptions leader_options,
                         TxnWindow& shared_window, Now now)
    : start(std::move(leader_start)),
      options(leader_options),
      window(shared_window),
      announced(start.membership),
      accepted_epoch_max(start.accepted_epoch),
      history_last(start.last_logged),
      own_synced(start.last_logged) {
  ASSERT(start.membership.is_voter(start.self));
  ASSERT(options.tick_ms > 0 && options.init_limit > 0 && options.sync_limit > 0);
  ASSERT(window.txns().empty() || window.txns().back().zxid <= start.last_logged);
  adopt_window();
  enter(LeaderPhase::kDiscovery, now);
  beat_due_us = now.mono_us + limit_us(1) / 2;
  heard.insert(start.self);
}

void Leader::Machine::adopt_window() {
  const bool has_txns = !window.txns().empty();
  const bool reaches_end = has_txns && (window.txns().back().zxid == start.last_logged ||
                                        start.last_logged.counter() == 0);
  if (has_txns && (!reaches_end || !is_contiguous(window))) {
    // A history with a gap is never sent; learners get snapshots.
    MARK("leader.window_with_gap");
    window.clear();
  }
  // A server that joined an epoch without transactions has a zxid that no transaction has.
  if (!window.txns().empty()) history_last = window.txns().back().zxid;
  proposed = committed = history_last;
}

void Leader::Machine::enter(LeaderPhase next, Now now) {
  ASSERT(next >= phase);
  phase = next;
  phase_due_us =
      next >= LeaderPhase::kEstablished ? kNever : now.mono_us + limit_us(options.init_limit);
}

void Leader::Machine::abdicate(std::string reason, LeaderEffects& effects) {
  ASSERT(!is_over());
  effects.abdicate = std::move(reason);
  phase = LeaderPhase::kOver;
  phase_due_us = kNever;
}

LearnerProgress* Leader::Machine::find(LearnerKey key) {
  const auto it = learners.find(key);
  return is_over() || it == learners.end() ? nullptr : &it->second;
}

void Leader::Machine::forget(LearnerKey key) {
  const auto it = learners.find(key);
  if (it == learners.end()) return;
  count_failure(it->second);
  note_heard(it->second);
  learners.erase(it);
  std::erase_if(wanted_history, [key](const auto& wanted) { return wanted.learner == key; });
}

void Leader::Machine::close(LearnerKey key, std::string reason, LeaderEffects& effects) {
  ASSERT(learners.contains(key));
  forget(key);
  effects.close.emplace_back(key, std::move(reason));
}

BroadcastView Leader::Machine::view() const {
  return {window,
          epoch,
          proposed,
          committed,
          log_end(),
          is_established(),
          announced_text,
          limit_us(options.init_limit),
          limit_us(options.sync_limit),
          rounds_begun,
          round_confirmed};
}

std::string Leader::Machine::missing_voters(const ServerSet& present) const {
  std::string missing;
  for (const ServerId voter : start.membership.voters()) {
    if (present.contains(voter)) continue;
    missing += fmt::format("{}{}", missing.empty() ? "" : ", ", voter.value);
  }
  return missing.empty() ? "none" : missing;
}

void Leader::Machine::note_heard(const LearnerProgress& learner) {
  if (!learner.is_voter || learner.alive_until_us == 0) return;
  last_heard_us[learner.server] = learner.alive_until_us - limit_us(options.sync_limit);
}

std::string Leader::Machine::silent_voters(const ServerSet& present, Now now) {
  for (const auto& [key, learner] : learners) note_heard(learner);
  std::string text;
  for (const ServerId voter : start.membership.voters()) {
    if (present.contains(voter)) continue;
    const auto heard_us = last_heard_us.find(voter);
    if (!text.empty()) text += ", ";
    text += fmt::format("server {} ", voter.value);
    text += heard_us == last_heard_us.end()
                ? "did not follow"
                : fmt::format("last heard {} ago", duration_text(now.mono_us - heard_us->second));
  }
  return text;
}

void Leader::Machine::beat(Now now, LeaderEffects& effects) {
  const int64_t interval_us = limit_us(1) / 2;
  const int64_t late_us = now.mono_us - beat_due_us;
  if (late_us > interval_us) {
    // This process stood still. What learners sent meanwhile is yet to be read: no one is blamed.
    MARK("leader.beat_late");
    for (auto& [key, learner] : learners) {
      if (learner.packet_due_us != kNever) learner.packet_due_us += late_us;
      learner.alive_until_us += late_us;
      learner.ack_wait_since_us += late_us;
    }
  }
  beat_due_us = now.mono_us + interval_us;
  ++beats;
  check_learner_times(now, effects);
  for (auto& [key, learner] : learners) learner.is_ping_due = true;
  if (is_established() && beats % 2 == 0) return check_quorum_alive(now, effects);
  if (phase == LeaderPhase::kNewLeaderAcks) admit_waiting(effects);
}

// Whether the learners that are being synchronised would make a quorum together with those that
// have acknowledged NEWLEADER: however long it takes, each of them makes progress. (Apache gives up
// after initLimit, so an ensemble whose state takes longer to transfer than that never serves.)
bool Leader::Machine::is_quorum_on_its_way(Now now) const {
  if (phase != LeaderPhase::kNewLeaderAcks) return false;
  ServerSet expected = newleader_acks;
  expected.insert(start.self);  // its own epoch file fails or succeeds without a time-out
  for (const auto& [key, learner] : learners) {
    if (learner.is_voter && learner.is_synchronising(now)) expected.insert(learner.server);
  }
  return start.membership.is_quorum(expected);
}

void Leader::Machine::check_learner_times(Now now, LeaderEffects& effects) {
  std::vector<std::pair<LearnerKey, std::string>> late;
  for (const auto& [key, learner] : learners) {
    const bool is_sync_over = learner.stage == LearnerStage::kBroadcast;
    const int64_t init_us = limit_us(options.init_limit);
    if (learner.is_stream_due() &&
        now.mono_us >= learner.alive_until_us - limit_us(options.sync_limit) + init_us) {
      MARK("leader.stream_does_not_move");
      late.emplace_back(key, fmt::format("server {} took nothing of {} for initLimit",
                                         learner.server.value, stage_name(learner.stage)));
    } else if (now.mono_us >= learner.packet_due_us) {
      MARK("leader.learner_silent");
      late.emplace_back(
          key, is_sync_over
                   ? fmt::format("server {} was silent for syncLimit", learner.server.value)
                   : fmt::format("server {} did not send {} within initLimit", learner.server.value,
                                 stage_name(learner.stage)));
    } else if (is_sync_over && learner.owes_ack() &&
               now.mono_us - learner.ack_wait_since_us >= limit_us(options.sync_limit)) {
      MARK("leader.learner_does_not_ack");
      late.emplace_back(key, fmt::format("server {} acknowledged no proposal for syncLimit",
                                         learner.server.value));
    }
  }
  for (auto& [key, reason] : late) close(key, std::move(reason), effects);
}

// Apache counts every learner that has a connection for initLimit + syncLimit, also one that has
// never answered: a leader whose voters lost power while they joined would then serve nobody, and
// keep its clients, for as long as that.
void Leader::Machine::check_quorum_alive(Now now, LeaderEffects& effects) {
  ServerSet alive{start.self};
  for (const auto& [key, learner] : learners) {
    if (learner.is_voter && now.mono_us < learner.alive_until_us) alive.insert(learner.server);
  }
  if (start.membership.is_quorum(alive)) return;
  MARK("leader.quorum_lost");
  const size_t voters = start.membership.voters().size();
  abdicate(fmt::format("only {} of {} voters {} here, {} are needed: {}", alive.size(), voters,
                       alive.size() == 1 ? "is" : "are", voters / 2 + 1, silent_voters(alive, now)),
           effects);
}

// ---- the interface ----

Leader::Leader(LeaderStart start, LeaderOptions options, TxnWindow& window, Now now,
               LeaderEffects& effects)
    : machine_(std::make_unique<Machine>(std::move(start), options, window, now)) {
  machine_->try_fix_epoch(now, effects);
}
Leader::~Leader() = default;

void Leader::on_learner_connected(LearnerKey key, Now now) {
  if (machine_->is_over()) return;
  ASSERT(!machine_->learners.contains(key));
  LearnerProgress& learner = machine_->learners[key];
  const LeaderOptions& options = machine_->options;
  learner.key = key;
  learner.packet_due_us = now.mono_us + machine_->limit_us(options.init_limit);
}

void Leader::on_learner_packet(LearnerKey key, const wire::QuorumPacket& packet, Now now,
                               LeaderEffects& effects) {
  LearnerProgress* learner = machine_->find(key);
  if (learner == nullptr) return;
  learner->note_sign_of_life(now, machine_->limit_us(machine_->options.sync_limit));
  switch (learner->stage) {
    case LearnerStage::kInfo:
      return machine_->on_learner_info(*learner, packet, now, effects);
    case LearnerStage::kAckEpoch:
      // Nobody can answer a LEADERINFO that has not left yet.
      if (!learner->queued.empty()) break;
      return machine_->on_ack_epoch(*learner, packet, now, effects);
    case LearnerStage::kNewLeader:
      if (packet.type == wire::PacketType::kAck) {
        return machine_->on_newleader_ack(*learner, packet.zxid, now, effects);
      }
      break;
    case LearnerStage::kUpToDate:
    case LearnerStage::kBroadcast:
      return machine_->on_synced_packet(*learner, packet, now, effects);
    default:
      break;
  }
  MARK("leader.packet_out_of_turn");
  machine_->close(key,
                  fmt::format("{} out of turn, while it waits for {}",
                              wire::packet_name(packet.type), stage_name(learner->stage)),
                  effects);
}

void Leader::on_learner_closed(LearnerKey key, Now, LeaderEffects&) {
  machine_->forget(key);
}

void Leader::on_accepted_epoch_persisted(Epoch epoch, Now now, LeaderEffects& effects) {
  if (machine_->phase != LeaderPhase::kAcceptedEpoch) return;
  ASSERT(epoch == machine_->epoch);
  machine_->on_accepted_epoch_persisted(now, effects);
}

void Leader::on_current_epoch_persisted(Epoch epoch, Now now, LeaderEffects& effects) {
  if (machine_->phase != LeaderPhase::kNewLeaderAcks) return;
  ASSERT(epoch == machine_->epoch);
  machine_->newleader_acks.insert(machine_->start.self);
  machine_->try_establish(now, effects);
}

void Leader::on_log_synced(Zxid up_to, Now, LeaderEffects& effects) {
  if (machine_->is_over()) return;
  machine_->own_synced = std::max(machine_->own_synced, up_to);
  machine_->try_commit(effects);
}

void Leader::on_disk_reach(LearnerKey key, const DiskReach& reach, Now now,
                           LeaderEffects& effects) {
  LearnerProgress* learner = machine_->find(key);
  if (learner == nullptr || learner->stage != LearnerStage::kReach) return;
  DiskReach answered = reach;
  answered.asked = true;
  learner->note_sign_of_life(now, machine_->limit_us(machine_->options.sync_limit));
  machine_->synchronise(*learner, answered, effects);
}

void Leader::on_history(LearnerKey key, const std::vector<WindowTxn>& slice, Now now,
                        LeaderEffects& effects) {
  LearnerProgress* learner = machine_->find(key);
  if (learner == nullptr || !learner->is_history_asked) return;
  learner->is_history_asked = false;
  learner->note_sign_of_life(now, machine_->limit_us(machine_->options.sync_limit));
  if (learner->stage == LearnerStage::kHistory) {
    machine_->on_first_history(*learner, slice, effects);
  } else {
    machine_->on_more_history(*learner, slice, effects);
  }
}

void Leader::on_snapshot_begun(LearnerKey key, Zxid zxid, Now) {
  LearnerProgress* learner = machine_->find(key);
  if (learner == nullptr) return;
  ASSERT(learner->stage == LearnerStage::kSnapshot);
  machine_->on_snapshot_begun(*learner, zxid);
}

void Leader::on_stream_progress(LearnerKey key, Now now) {
  LearnerProgress* learner = machine_->find(key);
  if (learner == nullptr || learner->stage > LearnerStage::kNewLeader) return;
  learner->note_sign_of_life(now, machine_->limit_us(machine_->options.sync_limit));
  if (learner->stage == LearnerStage::kNewLeader) {
    // NEWLEADER may stand behind much that the connection has yet to take.
    learner->packet_due_us = now.mono_us + machine_->limit_us(machine_->options.init_limit);
  }
}

void Leader::on_snapshot_sent(LearnerKey key, Now) {
  LearnerProgress* learner = machine_->find(key);
  if (learner == nullptr) return;
  ASSERT(learner->stage == LearnerStage::kSnapshot);
  machine_->on_snapshot_sent(*learner);
}

bool Leader::may_propose(LeaderEffects& effects) {
  if (machine_->is_over()) return false;
  ASSERT(machine_->is_established());
  if (next_zxid().counter() < machine_->options.counter_max) return true;
  MARK("leader.counter_exhausted");
  machine_->abdicate("the zxid counter of the epoch is used up", effects);
  return false;
}

Zxid Leader::next_zxid() const {
  ASSERT(machine_->epoch != 0);
  return successor(machine_->proposed, machine_->epoch);
}

void Leader::propose(Zxid zxid, Bytes txn, Now, LeaderEffects& effects) {
  ASSERT(!machine_->is_over());
  machine_->propose(zxid, std::move(txn), effects);
}

uint64_t Leader::confirm(LeaderEffects& effects) {
  return machine_->is_over() ? 0 : machine_->confirm(effects);
}

void Leader::sync(LearnerKey key, LeaderEffects& effects) {
  LearnerProgress* learner = machine_->find(key);
  if (learner == nullptr || machine_->is_over()) return;
  learner->syncs.push_back({machine_->proposed, machine_->confirm(effects)});
}

void Leader::answer_revalidate(LearnerKey key, SessionId session, bool valid) {
  LearnerProgress* learner = machine_->find(key);
  if (learner == nullptr) return;
  learner->revalidate_answers.push_back({machine_->committed, session, valid});
}

void Leader::pump(LearnerKey key, size_t bytes_max, std::string& out, Now now) {
  LearnerProgress* learner = machine_->find(key);
  if (learner == nullptr) return;
  const size_t before = out.size();
  const bool is_being_synchronised = learner->stage <= LearnerStage::kSync;
  if (auto wanted = learner->pump(machine_->view(), bytes_max, out, now)) {
    machine_->wanted_history.push_back(*wanted);
  }
  if (is_being_synchronised && out.size() > before) {
    learner->note_sign_of_life(now, machine_->limit_us(machine_->options.sync_limit));
  }
}

void Leader::take_pump_effects(LeaderEffects& effects) {
  if (machine_->is_over()) return;
  for (const auto& wanted : machine_->wanted_history) effects.history.push_back(wanted);
  machine_->wanted_history.clear();
}

void Leader::on_timer(Now now, LeaderEffects& effects) {
  if (machine_->is_over()) return;
  if (now.mono_us >= machine_->phase_due_us && machine_->is_quorum_on_its_way(now)) {
    MARK("leader.waits_for_synchronisation");
    machine_->phase_due_us = now.mono_us + machine_->limit_us(1);
  }
  if (now.mono_us >= machine_->phase_due_us) {
    MARK("leader.phase_timeout");
    const ServerSet& present = machine_->phase == LeaderPhase::kDiscovery ? machine_->heard
                               : machine_->phase == LeaderPhase::kEpochAcks
                                   ? machine_->epoch_acks
                                   : machine_->newleader_acks;
    return machine_->abdicate(
        fmt::format("no quorum within initLimit, waited for {} of servers: {}",
                    phase_name(machine_->phase), machine_->missing_voters(present)),
        effects);
  }
  machine_->welcome_due(now);
  if (now.mono_us >= machine_->beat_due_us) machine_->beat(now, effects);
}

int64_t Leader::next_deadline() const {
  if (machine_->is_over()) return kNever;
  return std::min({machine_->phase_due_us, machine_->beat_due_us, machine_->next_welcome()});
}

Epoch Leader::epoch() const {
  return machine_->epoch;
}
bool Leader::is_established() const {
  return machine_->is_established();
}
size_t Leader::outstanding() const {
  const Machine& machine = *machine_;
  if (machine.proposed == machine.committed) return 0;
  const Zxid first = successor(machine.committed, machine.epoch);
  return static_cast<size_t>(machine.proposed.value - first.value + 1);
}
Zxid Leader::last_proposed() const {
  return machine_->is_established() ? std::max(machine_->proposed, Zxid::make(epoch(), 0))
                                    : machine_->proposed;
}
Zxid Leader::last_committed() const {
  return machine_->last_processed();
}
const Membership& Leader::announced_membership() const {
  return machine_->announced;
}

std::vector<LearnerStatus> Leader::learners() const {
  std::vector<LearnerStatus> all;
  for (const auto& [key, learner] : machine_->learners) {
    LearnerStatus status{key, learner.server, learner.is_observer};
    status.is_synced = learner.stage >= LearnerStage::kUpToDate;
    status.acked = learner.acked;
    status.sync = sync_of(key);
    all.push_back(std::move(status));
  }
  return all;
}

std::optional<ServerId> Leader::server_of(LearnerKey key) const {
  const auto it = machine_->learners.find(key);
  const bool is_known = it != machine_->learners.end() && it->second.stage != LearnerStage::kInfo;
  return is_known ? std::optional(it->second.server) : std::nullopt;
}

std::string Leader::sync_of(LearnerKey key) const {
  const auto it = machine_->learners.find(key);
  if (it == machine_->learners.end() || it->second.stage < LearnerStage::kSnapshot) return "";
  return fmt::format("{}, {} transactions", sync_mode_name(it->second.mode), it->second.sync_count);
}

}  // namespace zooid::zab
