// Discovery and the start of the epoch (quorum-protocol 3.2 steps 1 to 4, 3.3). Nothing is told to
// a learner before the file that makes it true is durable.
#include <fmt/core.h>

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "wire/jute.h"
#include "zab/epoch_limits.h"
#include "zab/leader_machine.h"

namespace zooid::zab {
namespace {

constexpr int32_t kProtocolVersion = 0x10000;
// Learners that the configuration does not name: observers may come unasked. Members always may.
constexpr size_t kStrangersMax = 64;

}  // namespace

// What a learner says of the epochs that it has promised. Empty: it may be true.
std::string Leader::Machine::judge_accepted_epoch(ServerId server, Zxid zxid) const {
  if (zxid.value < 0 || zxid.epoch() > kEpochMax) return "an impossible epoch";
  const Epoch of_log = start.last_logged.value > 0 ? start.last_logged.epoch() : 0;
  const Epoch own = std::max({start.accepted_epoch, start.current_epoch, of_log});
  if (zxid.epoch() <= own + kEpochStepMax || start.membership.find(server) == nullptr) return "";
  MARK("leader.epoch_far_ahead");
  return fmt::format(
      "server {} claims the accepted epoch {}, more than {} ahead of {} here, which cannot be; if "
      "its file acceptedEpoch says so, repair it",
      server.value, zxid.epoch(), kEpochStepMax, own);
}

void Leader::Machine::on_learner_info(LearnerProgress& learner, const wire::QuorumPacket& packet,
                                      Now now, LeaderEffects& effects) {
  ASSERT(learner.stage == LearnerStage::kInfo);
  const bool is_observer = packet.type == wire::PacketType::kObserverInfo;
  if (!is_observer && packet.type != wire::PacketType::kFollowerInfo) {
    return close(learner.key,
                 fmt::format("{} instead of FOLLOWERINFO", wire::packet_name(packet.type)),
                 effects);
  }
  const auto info = wire::read_learner_info(packet.data.view());
  if (!info || info->protocol_version < kProtocolVersion) {
    return close(learner.key, "a learner of before protocol 1.0", effects);
  }
  if (info->config_version > start.membership.version()) {
    MARK("leader.learner_has_newer_configuration");
    return close(learner.key,
                 fmt::format("server {} has configuration {:x}, newer than {:x} here",
                             info->server.value, info->config_version, start.membership.version()),
                 effects);
  }
  if (start.membership.find(info->server) == nullptr && has_stranger_limit_reached()) {
    MARK("leader.strangers_limit");
    return close(learner.key, "too many learners that are not in the configuration", effects);
  }
  if (info->server == start.self) return close(learner.key, "it carries our own id", effects);
  if (info->server.value < 0) return close(learner.key, "a negative server id", effects);
  std::string impossible = judge_accepted_epoch(info->server, packet.zxid);
  if (!impossible.empty()) {
    const bool is_member = start.membership.find(info->server) != nullptr;
    const auto more = is_member
                          ? refusals_told.admit(std::to_string(info->server.value), now.mono_us)
                          : std::nullopt;
    if (more) log::error("learner refused: {}{}", impossible, left_out_text(*more));
    return close(learner.key, std::move(impossible), effects);
  }
  const Epoch accepted = packet.zxid.epoch();
  // One connection a server: a newer one means that the old one is dead, whatever TCP thinks.
  for (const auto& [key, other] : learners) {
    if (other.stage == LearnerStage::kInfo || other.server != info->server) continue;
    MARK("leader.learner_connected_twice");
    close(key, fmt::format("server {} connected again", info->server.value), effects);
    break;
  }
  learner.server = info->server;
  learner.is_observer = is_observer;
  learner.is_voter = !is_observer && start.membership.is_voter(info->server);
  learner.stage = LearnerStage::kEpoch;
  learner.packet_due_us = kNever;
  if (epoch == 0) {
    // Of members alone: a stranger's word must not use up the epochs.
    if (start.membership.find(learner.server) != nullptr) {
      accepted_epoch_max = std::max(accepted_epoch_max, accepted);
    }
    if (learner.is_voter) heard.insert(learner.server);
    try_fix_epoch(now, effects);
  } else if (phase > LeaderPhase::kAcceptedEpoch) {
    welcome_when_due(learner, now);
  }
}

// After its first failure a learner may come back at once, then ever later. A Java server asks some
// ten times a second.
void Leader::Machine::welcome_when_due(LearnerProgress& learner, Now now) {
  ASSERT(learner.stage == LearnerStage::kEpoch);
  const auto failed = failures.find(learner.server);
  const int64_t pause_us = failed == failures.end() ? 0 : pause_after_failures(failed->second);
  if (pause_us == 0) return welcome(learner, now);
  MARK("leader.welcome_kept_back");
  learner.welcome_at_us = now.mono_us + pause_us;
}

void Leader::Machine::welcome_due(Now now) {
  for (auto& [key, learner] : learners) {
    if (learner.stage == LearnerStage::kEpoch && now.mono_us >= learner.welcome_at_us) {
      welcome(learner, now);
    }
  }
}

int64_t Leader::Machine::next_welcome() const {
  int64_t next = kNever;
  for (const auto& [key, learner] : learners) {
    if (learner.stage == LearnerStage::kEpoch) next = std::min(next, learner.welcome_at_us);
  }
  return next;
}

// The connection of a learner ends.
void Leader::Machine::count_failure(const LearnerProgress& learner) {
  if (start.membership.find(learner.server) == nullptr) return;
  if (learner.stage == LearnerStage::kBroadcast) {
    failures.erase(learner.server);
  } else if (learner.stage > LearnerStage::kAckEpoch) {
    ++failures[learner.server];
  }
}

bool Leader::Machine::has_stranger_limit_reached() const {
  const auto strangers = std::ranges::count_if(learners, [&](const auto& entry) {
    const LearnerProgress& learner = entry.second;
    return learner.stage != LearnerStage::kInfo && start.membership.find(learner.server) == nullptr;
  });
  return static_cast<size_t>(strangers) >= kStrangersMax;
}

void Leader::Machine::try_fix_epoch(Now now, LeaderEffects& effects) {
  ASSERT(phase == LeaderPhase::kDiscovery);
  if (!start.membership.is_quorum(heard)) return;
  if (accepted_epoch_max >= kEpochMax) {
    // The time-out of the phase ends this and paces the attempts.
    MARK("leader.epochs_used_up");
    log::error("the epochs are used up: {} was promised, the last one is {}", accepted_epoch_max,
               kEpochMax);
    return;
  }
  epoch = accepted_epoch_max + 1;
  ASSERT(epoch > start.accepted_epoch);
  const bool gets_version = options.versions_configuration && announced.version() == 0;
  if (gets_version) announced = announced.with_version(Zxid::make(epoch, 0).value);
  announced_text = announced.text();
  enter(LeaderPhase::kAcceptedEpoch, now);
  effects.persist_accepted_epoch = epoch;
}

void Leader::Machine::on_accepted_epoch_persisted(Now now, LeaderEffects& effects) {
  enter(LeaderPhase::kEpochAcks, now);
  for (auto& [key, learner] : learners) {
    if (learner.stage == LearnerStage::kEpoch) welcome_when_due(learner, now);
  }
  epoch_acks.insert(start.self);
  try_promise(now, effects);
}

void Leader::Machine::welcome(LearnerProgress& learner, Now now) {
  ASSERT(phase > LeaderPhase::kAcceptedEpoch);
  ASSERT(learner.stage == LearnerStage::kEpoch);
  learner.welcome_at_us = kNever;
  std::string data;
  wire::Writer(data).i32(kProtocolVersion);
  wire::write_packet(learner.queued, wire::PacketType::kLeaderInfo, Zxid::make(epoch, 0), data);
  learner.stage = LearnerStage::kAckEpoch;
  learner.packet_due_us = now.mono_us + limit_us(options.init_limit);
}

void Leader::Machine::on_ack_epoch(LearnerProgress& learner, const wire::QuorumPacket& packet,
                                   Now now, LeaderEffects& effects) {
  wire::Reader data(packet.data.view());
  const int32_t current_epoch = data.i32();
  if (packet.type != wire::PacketType::kAckEpoch || !data.ok()) {
    return close(learner.key, fmt::format("{} instead of ACKEPOCH", wire::packet_name(packet.type)),
                 effects);
  }
  if (packet.zxid < kZxidUntrusted || (packet.zxid.value > 0 && packet.zxid.epoch() > kEpochMax)) {
    MARK("leader.impossible_zxid");
    return close(learner.key,
                 fmt::format("server {} claims the zxid 0x{:x}, which cannot be",
                             learner.server.value, static_cast<uint64_t>(packet.zxid.value)),
                 effects);
  }
  learner.learner_zxid = packet.zxid;
  learner.packet_due_us = kNever;
  if (phase > LeaderPhase::kEpochAcks) {
    // The quorum stands: whatever this one has is brought in line by its synchronisation.
    return synchronise(learner, unasked_reach(), effects);
  }
  ASSERT(phase == LeaderPhase::kEpochAcks);
  learner.stage = LearnerStage::kEpochQuorum;
  if (current_epoch == -1) return;  // promised this epoch earlier: may go on, does not count
  const bool is_ahead = current_epoch > start.current_epoch ||
                        (current_epoch == start.current_epoch && packet.zxid > start.last_logged);
  if (is_ahead) {
    MARK("leader.follower_is_ahead");
    return close(
        learner.key,
        fmt::format("server {} is ahead: epoch {} zxid 0x{:x}, here {} 0x{:x}",
                    learner.server.value, current_epoch, static_cast<uint64_t>(packet.zxid.value),
                    start.current_epoch, static_cast<uint64_t>(start.last_logged.value)),
        effects);
  }
  if (learner.is_voter && packet.zxid != kZxidUntrusted) epoch_acks.insert(learner.server);
  try_promise(now, effects);
}

void Leader::Machine::try_promise(Now now, LeaderEffects& effects) {
  ASSERT(phase == LeaderPhase::kEpochAcks);
  ASSERT(epoch_acks.contains(start.self));
  if (!start.membership.is_quorum(epoch_acks)) return;
  enter(LeaderPhase::kNewLeaderAcks, now);
  effects.persist_current_epoch = epoch;
  effects.promised = epoch;
  for (const LearnerKey key : keys_in(LearnerStage::kEpochQuorum)) {
    synchronise(learners.at(key), unasked_reach(), effects);
  }
}

void Leader::Machine::on_newleader_ack(LearnerProgress& learner, Zxid zxid, Now now,
                                       LeaderEffects& effects) {
  ASSERT(learner.stage == LearnerStage::kNewLeader);
  if (zxid != Zxid::make(epoch, 0)) {
    MARK("leader.ack_before_newleader_ack");
    // Nothing of it counts before it acknowledged the epoch; but it will not be said again.
    const bool is_of_ours = zxid.epoch() == epoch && zxid <= learner.cursor && !learner.is_observer;
    if (is_of_ours && (learner.early_acks.empty() || zxid > learner.early_acks.back())) {
      learner.early_acks.push_back(zxid);
    }
    return;
  }
  learner.stage = LearnerStage::kUpToDate;
  effects.synced.push_back(learner.key);
  learner.packet_due_us = kNever;
  learner.acked = learner.held;
  if (learner.is_voter) newleader_acks.insert(learner.server);
  const LearnerKey key = learner.key;
  if (!is_planted(PlantedBug::kEarlyAckForgotten)) {
    for (const Zxid early : std::exchange(learner.early_acks, {})) {
      if (find(key) != nullptr) on_ack(learner, early, now, effects);
    }
  }
  try_establish(now, effects);
  try_commit(effects);
}

void Leader::Machine::try_establish(Now now, LeaderEffects& effects) {
  if (phase != LeaderPhase::kNewLeaderAcks) return;
  // Others may have acknowledged first; this server's own history counts only under its epoch.
  if (!newleader_acks.contains(start.self)) return;
  if (!start.membership.is_quorum(newleader_acks)) return;
  enter(LeaderPhase::kEstablished, now);
  beats = 0;
  effects.established = epoch;
  admit_waiting(effects);
}

}  // namespace zooid::zab
