#include "zab/learner.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "wire/jute.h"
#include "zab/epoch_limits.h"
#include "zab/learner_machine.h"

namespace zooid::zab {
namespace {

constexpr int32_t kProtocolVersion = 0x10000;
constexpr size_t kTouchesPerPing = 64u * 1024;  // rule 13: must fit the leader's largest buffer

}  // namespace

Learner::Machine::Machine(LearnerStart learner_start, LearnerOptions learner_options, Now now)
    : start(std::move(learner_start)), options(learner_options) {
  ASSERT(options.tick_ms > 0 && options.init_limit > 0 && options.sync_limit > 0);
  ASSERT(start.last_applied <= std::max(start.last_logged, Zxid{0}));  // untrusted: from nothing
  const Member* own = start.membership.find(start.self);
  is_observer = own != nullptr && own->role == MemberRole::kObserver;
  packet_due_us = now.mono_us + limit_us(options.init_limit);
}

void Learner::Machine::give_up(std::string reason, LearnerEffects& effects) {
  ASSERT(!is_over());
  phase = LearnerPhase::kOver;
  packet_due_us = kNever;
  effects.give_up = std::move(reason);
}

void Learner::Machine::expect_packet(Now now) {
  const bool is_newleader_acked = phase >= LearnerPhase::kUpToDate;
  packet_due_us =
      now.mono_us + limit_us(is_newleader_acked ? options.sync_limit : options.init_limit);
}

// Empty: the epoch may be one.
std::string Learner::Machine::judge_epoch(Zxid zxid) const {
  if (zxid.value <= 0 || zxid.epoch() > kEpochMax) return "the leader offers an impossible epoch";
  const Epoch of_log = start.last_logged.value > 0 ? start.last_logged.epoch() : 0;
  const Epoch own = std::max({start.accepted_epoch, start.current_epoch, of_log});
  if (zxid.epoch() <= own + kEpochStepMax) return "";
  MARK("learner.epoch_far_ahead");
  return fmt::format("the leader offers epoch {}, more than {} ahead of {} here, which cannot be",
                     zxid.epoch(), kEpochStepMax, own);
}

void Learner::Machine::on_leader_info(const wire::QuorumPacket& packet, LearnerEffects& effects) {
  ASSERT(phase == LearnerPhase::kInfo);
  wire::Reader data(packet.data.view());
  const int32_t version = data.i32();
  if (packet.type != wire::PacketType::kLeaderInfo || !data.ok() || version < kProtocolVersion) {
    return give_up(fmt::format("{} instead of LEADERINFO", wire::packet_name(packet.type)),
                   effects);
  }
  epoch = packet.zxid.epoch();
  if (std::string impossible = judge_epoch(packet.zxid); !impossible.empty()) {
    // Written to disk, it would keep this server out of every ensemble from then on.
    log::error("the leader's epoch is refused: {}", impossible);
    return give_up(std::move(impossible), effects);
  }
  if (epoch < start.accepted_epoch && !is_planted(PlantedBug::kAcceptOldEpoch)) {
    MARK("learner.old_epoch");
    return give_up(fmt::format("the leader offers epoch {}, but {} was promised already", epoch,
                               start.accepted_epoch),
                   effects);
  }
  if (epoch == start.accepted_epoch) return send_ack_epoch(-1, effects);
  phase = LearnerPhase::kPromise;
  packet_due_us = kNever;
  effects.persist_accepted_epoch = epoch;
}

void Learner::Machine::send_ack_epoch(int32_t current_epoch, LearnerEffects& effects) {
  std::string data;
  wire::Writer(data).i32(current_epoch);
  wire::write_packet(effects.send, wire::PacketType::kAckEpoch, start.last_logged, data);
  effects.promised = epoch;
  phase = LearnerPhase::kOpening;
}

void Learner::Machine::on_following_packet(const wire::QuorumPacket& packet,
                                           LearnerEffects& effects) {
  ASSERT(is_established());
  switch (packet.type) {
    case wire::PacketType::kProposal:
      return on_proposal(packet, effects);
    case wire::PacketType::kCommit:
      return on_commit(packet.zxid, effects);
    case wire::PacketType::kInform:
      return on_inform(packet, effects);
    case wire::PacketType::kPing:
      effects.ping = packet.zxid;
      return;
    case wire::PacketType::kRevalidate:
      return on_revalidated(packet, effects);
    case wire::PacketType::kSync:
      effects.syncs_done.push_back({commit_to});
      return;
    case wire::PacketType::kCommitAndActivate:
    case wire::PacketType::kInformAndActivate:
      return give_up("the ensemble was reconfigured, which is not supported yet", effects);
    default:
      MARK("learner.unexpected_packet");
      give_up(fmt::format("unexpected {} of the leader", wire::packet_name(packet.type)), effects);
  }
}

void Learner::Machine::on_revalidated(const wire::QuorumPacket& packet, LearnerEffects& effects) {
  wire::Reader data(packet.data.view());
  const SessionId session{data.i64()};
  const bool is_valid = data.boolean();
  if (!data.ok()) return give_up("bad REVALIDATE of the leader", effects);
  effects.revalidated.push_back({session, is_valid});
}

// ---- the interface ----

Learner::Learner(LearnerStart start, LearnerOptions options, Now now)
    : machine_(std::make_unique<Machine>(std::move(start), options, now)) {}
Learner::~Learner() = default;

void Learner::on_connected(Now now, LearnerEffects& effects) {
  Machine& machine = *machine_;
  if (machine.phase != LearnerPhase::kConnecting) return;
  const std::string data = wire::serialize(
      wire::LearnerInfo{machine.start.self, kProtocolVersion, machine.start.membership.version()});
  wire::write_packet(
      effects.send,
      machine.is_observer ? wire::PacketType::kObserverInfo : wire::PacketType::kFollowerInfo,
      Zxid::make(machine.start.accepted_epoch, 0), data);
  machine.phase = LearnerPhase::kInfo;
  machine.expect_packet(now);
}

void Learner::on_packet(const wire::QuorumPacket& packet, Now now, LearnerEffects& effects) {
  Machine& machine = *machine_;
  switch (machine.phase) {
    case LearnerPhase::kInfo:
      machine.expect_packet(now);
      return machine.on_leader_info(packet, effects);
    case LearnerPhase::kOpening:
      machine.expect_packet(now);
      // A snapshot's stream is bytes without packets: it has to begin within the same time, then
      // its owner tells that it goes on (on_snapshot_progress).
      return machine.on_opening(packet, effects);
    case LearnerPhase::kSync:
    case LearnerPhase::kChain:
    case LearnerPhase::kUpToDate:
      return machine.on_sync_packet(packet, now, effects);
    case LearnerPhase::kFollowing:
      machine.expect_packet(now);
      return machine.on_following_packet(packet, effects);
    case LearnerPhase::kOver:
      return;
    case LearnerPhase::kConnecting:
    case LearnerPhase::kPromise:
    case LearnerPhase::kStream:
      MARK("learner.packet_out_of_turn");
      return machine.give_up(fmt::format("{} out of turn", wire::packet_name(packet.type)),
                             effects);
  }
}

void Learner::on_closed(const std::string& reason, Now, LearnerEffects& effects) {
  if (!machine_->is_over()) machine_->give_up(reason, effects);
}

void Learner::on_accepted_epoch_persisted(Epoch epoch, Now now, LearnerEffects& effects) {
  Machine& machine = *machine_;
  if (machine.phase != LearnerPhase::kPromise) return;
  ASSERT(epoch == machine.epoch);
  machine.send_ack_epoch(static_cast<int32_t>(machine.start.current_epoch), effects);
  machine.expect_packet(now);
}

void Learner::on_current_epoch_persisted(Epoch epoch, Now now, LearnerEffects& effects) {
  if (machine_->phase != LearnerPhase::kChain || !machine_->is_epoch_asked) return;
  ASSERT(epoch == machine_->epoch);
  machine_->on_current_epoch_persisted(now, effects);
}

void Learner::on_snapshot_progress(Now now) {
  if (machine_->phase == LearnerPhase::kStream) machine_->expect_packet(now);
}

void Learner::on_snapshot_received(Now now, LearnerEffects& effects) {
  if (machine_->phase != LearnerPhase::kStream) return;
  machine_->phase = LearnerPhase::kSync;
  machine_->expect_packet(now);
  effects.install_snapshot = machine_->opening_zxid;
}

void Learner::on_snapshot_installed(Now, LearnerEffects& effects) {
  if (machine_->is_over()) return;
  ASSERT(machine_->mode == SyncMode::kSnap);
  machine_->data_is_ready(effects);
}

void Learner::on_truncated(Now, LearnerEffects& effects) {
  Machine& machine = *machine_;
  if (machine.is_over()) return;
  ASSERT(machine.mode == SyncMode::kTrunc && !machine.is_data_ready);
  if (machine.start.last_applied < machine.opening_zxid) effects.adopt_tail = machine.opening_zxid;
  machine.data_is_ready(effects);
}

void Learner::on_log_synced(Zxid up_to, Now, LearnerEffects& effects) {
  Machine& machine = *machine_;
  if (machine.is_over() || !machine.is_data_ready) return;
  machine.synced = std::max(machine.synced, std::min(up_to, machine.received));
  machine.send_acks(effects);
  machine.emit_committed(effects);
  machine.advance_chain(effects);
}

void Learner::forward(std::string_view request_packet_data, const std::vector<wire::Id>* ids,
                      LearnerEffects& effects) {
  if (machine_->is_over()) return;
  ASSERT(machine_->is_established());
  wire::QuorumPacket packet{wire::PacketType::kRequest};
  packet.data = Bytes(request_packet_data);
  packet.data_is_null = false;
  if (ids != nullptr) {
    packet.auth = *ids;
    packet.auth_is_null = false;
  }
  wire::write(effects.send, packet);
}

void Learner::revalidate(SessionId session, int32_t timeout_ms, LearnerEffects& effects) {
  if (machine_->is_over()) return;
  ASSERT(machine_->is_established());
  std::string data;
  wire::Writer(data).i64(session.value);
  wire::Writer(data).i32(timeout_ms);
  wire::write_packet(effects.send, wire::PacketType::kRevalidate, Zxid{-1}, data);
}

void Learner::answer_ping(Zxid ping_zxid, const std::vector<Touched>& touched,
                          LearnerEffects& effects) {
  if (machine_->is_over()) return;
  size_t next = 0;
  do {
    std::string data;
    const size_t end = std::min(touched.size(), next + kTouchesPerPing);
    for (; next < end; ++next) {
      wire::Writer(data).i64(touched[next].session.value);
      wire::Writer(data).i32(touched[next].timeout_ms);
    }
    const bool is_last = next == touched.size() || is_planted(PlantedBug::kPingPartCounts);
    wire::write_packet(effects.send, wire::PacketType::kPing, is_last ? ping_zxid : kPingPart,
                       data);
  } while (next < touched.size());
}

void Learner::on_timer(Now now, LearnerEffects& effects) {
  Machine& machine = *machine_;
  if (machine.is_over() || now.mono_us < machine.packet_due_us) return;
  MARK("learner.leader_silent");
  const bool is_newleader_acked = machine.phase >= LearnerPhase::kUpToDate;
  machine.give_up(machine.phase == LearnerPhase::kConnecting
                      ? "no connection to the leader within initLimit"
                      : fmt::format("the leader was silent for {}",
                                    is_newleader_acked ? "syncLimit" : "initLimit"),
                  effects);
}

void Learner::on_reading_paused(Now now) {
  if (machine_->packet_due_us != kNever) machine_->expect_packet(now);
}

size_t Learner::held_bytes() const {
  return machine_->held_bytes;
}

int64_t Learner::next_deadline() const {
  return machine_->packet_due_us;
}
bool Learner::is_established() const {
  return machine_->is_established();
}
Epoch Learner::epoch() const {
  return machine_->epoch;
}

}  // namespace zooid::zab
