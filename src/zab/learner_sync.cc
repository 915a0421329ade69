// A learner's synchronisation (quorum-protocol 3.1 steps 3 to 5) and its proposals and commits.
//
// Order is everything here. ZOOKEEPER-3911, 4643, 4646, 4785: currentEpoch or the ACK of NEWLEADER
// left before the proposals were durable, so a leader counted history that a crash took away.
// ZOOKEEPER-4394, 4925: what came between the opening packet and UPTODATE was applied without being
// logged, or was logged with a hole. Here every proposal is logged as it arrives, whatever its
// phase, and the ACK of NEWLEADER is the end of one chain of completions: data in place ->
// proposals synced
// -> currentEpoch durable.
//
// When things are applied. Before UPTODATE: what the leader committed and the own log holds
// durably. After it: what the leader committed, though the own sync may still run, as Apache does.
// Such a transaction is durable at a quorum, so the ensemble cannot lose it; if this server
// restarts without it, it comes back through synchronisation, and clients that saw it carry a
// lastZxidSeen that keeps them off a server that is behind. The ACK waits for the sync in any case.
#include <fmt/core.h>

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "wire/txn.h"
#include "zab/learner_machine.h"

namespace zooid::zab {
namespace {

// Proposals kept in memory while a snapshot is being installed or the log is being cut.
// The owner stops reading long before.
constexpr size_t kHeldBytesMax = 128u << 20;

}  // namespace

void Learner::Machine::on_opening(const wire::QuorumPacket& packet, LearnerEffects& effects) {
  ASSERT(phase == LearnerPhase::kOpening);
  opening_zxid = packet.zxid;
  switch (packet.type) {
    case wire::PacketType::kDiff:
      if (start.last_logged == kZxidUntrusted) {
        return give_up("DIFF for a server whose emptiness is not to be trusted", effects);
      }
      mode = SyncMode::kDiff;
      phase = LearnerPhase::kSync;
      begin_history(start.last_logged);
      // What was logged and not applied is the leader's history: it judged the log, not the tree.
      if (start.last_applied < start.last_logged) effects.adopt_tail = start.last_logged;
      if (is_planted(PlantedBug::kZk4643)) effects.persist_current_epoch = epoch;
      return data_is_ready(effects);
    case wire::PacketType::kTrunc:
      return on_trunc(packet.zxid, effects);
    case wire::PacketType::kSnap:
      if (packet.zxid.value < 0 || packet.zxid.epoch() > epoch) {
        MARK("learner.impossible_snap");
        return give_up("SNAP with an impossible zxid", effects);
      }
      mode = SyncMode::kSnap;
      phase = LearnerPhase::kStream;
      begin_history(packet.zxid);
      effects.expect_snapshot = packet.zxid;
      if (is_planted(PlantedBug::kZk3023)) effects.persist_current_epoch = epoch;
      return;
    default:
      give_up(fmt::format("{} instead of DIFF, TRUNC or SNAP", wire::packet_name(packet.type)),
              effects);
  }
}

void Learner::Machine::on_trunc(Zxid target, LearnerEffects& effects) {
  // Nothing that this server has is behind it, so it is no answer to what was told of its history.
  if (target.value < 0 || start.last_logged == kZxidUntrusted || target > start.last_logged) {
    MARK("learner.trunc_beyond_history");
    return give_up(fmt::format("TRUNC to 0x{:x}, which is behind the history here",
                               static_cast<uint64_t>(target.value)),
                   effects);
  }
  mode = SyncMode::kTrunc;
  phase = LearnerPhase::kSync;
  begin_history(target);
  effects.truncate = target;
}

void Learner::Machine::begin_history(Zxid last) {
  ASSERT(pending.empty());
  ASSERT(to_ack.empty());
  received = synced = commit_to = emitted = last;
}

void Learner::Machine::data_is_ready(LearnerEffects& effects) {
  ASSERT(!is_data_ready);
  is_data_ready = true;
  for (WindowTxn& txn : held) {
    if (!is_observer) to_ack.push_back(txn.zxid);
    effects.appends.push_back(std::move(txn));
  }
  held.clear();
  held_bytes = 0;
  advance_chain(effects);
}

void Learner::Machine::on_sync_packet(const wire::QuorumPacket& packet, Now now,
                                      LearnerEffects& effects) {
  ASSERT(phase >= LearnerPhase::kSync && phase <= LearnerPhase::kUpToDate);
  if (phase != LearnerPhase::kChain) expect_packet(now);
  switch (packet.type) {
    case wire::PacketType::kProposal:
      return on_proposal(packet, effects);
    case wire::PacketType::kCommit:
      return on_commit(packet.zxid, effects);
    case wire::PacketType::kInform:
      return on_inform(packet, effects);
    case wire::PacketType::kPing:
      return;  // not answered before UPTODATE
    case wire::PacketType::kNewLeader:
      if (phase == LearnerPhase::kSync) return on_newleader(packet, effects);
      break;
    case wire::PacketType::kUpToDate:
      if (phase == LearnerPhase::kUpToDate) return on_uptodate(effects);
      break;
    case wire::PacketType::kCommitAndActivate:
    case wire::PacketType::kInformAndActivate:
      return give_up("the ensemble was reconfigured, which is not supported yet", effects);
    default:
      break;
  }
  MARK("learner.packet_out_of_turn");
  give_up(fmt::format("unexpected {} during synchronisation", wire::packet_name(packet.type)),
          effects);
}

std::string Learner::Machine::check_configuration(std::string_view text) {
  if (text.size() <= 1) return "";  // none was sent
  auto parsed = Membership::parse(text);
  if (!parsed) {
    return "the leader's configuration cannot be honoured: " + parsed.error().message;
  }
  const Member* own = parsed->find(start.self);
  const Member* before = start.membership.find(start.self);
  const bool is_same_role = own == nullptr || before == nullptr || own->role == before->role;
  if (!is_same_role) return "the leader's configuration gives this server another role";
  configuration = std::move(*parsed);
  return "";
}

void Learner::Machine::on_newleader(const wire::QuorumPacket& packet, LearnerEffects& effects) {
  ASSERT(phase == LearnerPhase::kSync);
  if (packet.zxid != Zxid::make(epoch, 0)) return give_up("NEWLEADER of another epoch", effects);
  std::string refused = check_configuration(packet.data.view());
  if (!refused.empty()) {
    MARK("learner.configuration_refused");
    return give_up(std::move(refused), effects);
  }
  phase = LearnerPhase::kChain;
  chain_end = received;
  packet_due_us = kNever;  // the leader waits for this server's disk now
  advance_chain(effects);
}

void Learner::Machine::advance_chain(LearnerEffects& effects) {
  if (phase != LearnerPhase::kChain || is_epoch_asked) return;
  if (!is_data_ready) return;
  if (is_planted(PlantedBug::kZk3911)) {
    phase = LearnerPhase::kUpToDate;
    wire::write_packet(effects.send, wire::PacketType::kAck, Zxid::make(epoch, 0));
  } else if (synced < chain_end) {
    return;
  }
  is_epoch_asked = true;
  effects.persist_current_epoch = epoch;
}

void Learner::Machine::on_current_epoch_persisted(Now now, LearnerEffects& effects) {
  ASSERT(phase == LearnerPhase::kChain);
  ASSERT(is_data_ready && held.empty());
  ASSERT(synced >= chain_end);
  phase = LearnerPhase::kUpToDate;
  wire::write_packet(effects.send, wire::PacketType::kAck, Zxid::make(epoch, 0));
  effects.sync = fmt::format("{}, {} transactions", sync_mode_name(mode), sync_count);
  expect_packet(now);
}

void Learner::Machine::on_uptodate(LearnerEffects& effects) {
  ASSERT(phase == LearnerPhase::kUpToDate);
  ASSERT(is_data_ready);
  phase = LearnerPhase::kFollowing;
  wire::write_packet(effects.send, wire::PacketType::kAck, Zxid::make(epoch, 0));
  // A leader counts an ACK for its zxid alone, so proposals that were outstanding when they came
  // before NEWLEADER need theirs. Those committed meanwhile do not (3.9.5 leaves them out too).
  while (!to_ack.empty() && to_ack.front() <= std::min(chain_end, commit_to)) to_ack.pop_front();
  send_acks(effects);
  effects.configuration = configuration;
  effects.established = epoch;
  emit_committed(effects);
}

// Empty: it may be logged. What is in the log must be read again by every later start.
std::string Learner::Machine::judge_proposal(const wire::QuorumPacket& packet) const {
  const Zxid zxid = packet.zxid;
  // The very first of a history may start an epoch anywhere; a hole within one is lost data.
  if (zxid <= received || (zxid != received.next() && zxid.epoch() <= received.epoch())) {
    MARK("learner.proposal_gap");
    return fmt::format("PROPOSAL 0x{:x} behind 0x{:x}: a gap", static_cast<uint64_t>(zxid.value),
                       static_cast<uint64_t>(received.value));
  }
  if (zxid.epoch() > epoch) {
    MARK("learner.proposal_of_later_epoch");
    return fmt::format("PROPOSAL 0x{:x} in epoch {}", static_cast<uint64_t>(zxid.value), epoch);
  }
  if (is_planted(PlantedBug::kUnreadableTxnLogged)) return "";
  const auto header = wire::read_txn_header(packet.data.view());
  const bool is_readable = header && header->zxid == zxid &&
                           packet.data.size() <= static_cast<size_t>(options.txn_bytes_max) &&
                           wire::is_readable_txn(packet.data.view(), options.txn_bytes_max);
  if (is_readable) return "";
  MARK("learner.unreadable_transaction");
  return fmt::format("PROPOSAL 0x{:x} with a transaction of {} bytes that cannot be read",
                     static_cast<uint64_t>(zxid.value), packet.data.size());
}

void Learner::Machine::on_proposal(const wire::QuorumPacket& packet, LearnerEffects& effects) {
  if (std::string refused = judge_proposal(packet); !refused.empty()) {
    log::error("the leader's {}", refused);
    return give_up(std::move(refused), effects);
  }
  const Zxid zxid = packet.zxid;
  received = zxid;
  pending.push_back(zxid);
  if (phase == LearnerPhase::kSync) ++sync_count;
  if (is_data_ready) {
    if (!is_observer) to_ack.push_back(zxid);
    effects.appends.push_back({zxid, packet.data});
    if (is_planted(PlantedBug::kZk4785)) send_acks(effects);
    if (is_planted(PlantedBug::kApplyBeforeCommit)) commit_to = received;
    return;
  }
  held_bytes += packet.data.size();
  held.push_back({zxid, packet.data});
  if (held_bytes > kHeldBytesMax) {
    MARK("learner.held_too_much");
    give_up("more proposals than memory holds came while the data was put in place", effects);
  }
}

void Learner::Machine::on_commit(Zxid zxid, LearnerEffects& effects) {
  if (pending.empty() || pending.front() != zxid) {
    MARK("learner.commit_is_not_oldest");
    return give_up(fmt::format("COMMIT 0x{:x}, but the oldest pending proposal is 0x{:x}",
                               static_cast<uint64_t>(zxid.value),
                               static_cast<uint64_t>(pending.empty() ? 0 : pending.front().value)),
                   effects);
  }
  pending.pop_front();
  commit_to = zxid;
  emit_committed(effects);
}

void Learner::Machine::on_inform(const wire::QuorumPacket& packet, LearnerEffects& effects) {
  if (!is_observer) return give_up("INFORM for a server that is no observer", effects);
  on_proposal(packet, effects);
  if (!is_over()) on_commit(packet.zxid, effects);
}

void Learner::Machine::emit_committed(LearnerEffects& effects) {
  if (!is_data_ready) return;
  const Zxid up_to = is_established() ? commit_to : std::min(commit_to, synced);
  if (up_to <= emitted) return;
  ASSERT(up_to <= commit_to);
  ASSERT(up_to <= received);
  emitted = up_to;
  effects.committed = up_to;
}

void Learner::Machine::send_acks(LearnerEffects& effects) {
  if (!is_established()) return;
  const Zxid end = is_planted(PlantedBug::kZk4785) ? received : synced;
  while (!to_ack.empty() && to_ack.front() <= end) {
    wire::write_packet(effects.send, wire::PacketType::kAck, to_ack.front());
    to_ack.pop_front();
  }
}

}  // namespace zooid::zab
