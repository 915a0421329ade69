// Broadcast (quorum-protocol 6 to 8): proposals, acknowledgements, commits, and what else
// synchronised learners send.
//
// How acknowledgements count. Apache counts an ACK for exactly its zxid. Here a learner has one
// number, `acked`, and an ACK moves it only if no uncommitted proposal is skipped; a learner that
// skips one is dropped. So an ACK never counts for a proposal that it does not name, as in Apache,
// and the commit rule is a sort of a few numbers. Learners do acknowledge in order: logging and
// connection are both FIFO. 3.9.5 leaves out proposals that it saw committed before its ACK of
// NEWLEADER, which are committed here too. Acks end with their connection: what a learner logged is
// in its ACKEPOCH when it comes back (LearnerProgress::held).
#include <fmt/core.h>

#include <algorithm>

#include "base/assert.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "wire/jute.h"
#include "wire/txn.h"
#include "zab/leader_machine.h"
#include "zab/learner.h"

namespace zooid::zab {
namespace {

// A lagging learner's cursor keeps the window up to this size; beyond it the log files serve that
// learner.
constexpr size_t kWindowBytesMax = 64u << 20;
constexpr size_t kTouchBytes = 12;  // session id, time-out
// Answers that one learner may leave untaken: more than it has clients that re-attach at once.
constexpr size_t kAnswersMax = 256u * 1024;

}  // namespace

void Leader::Machine::propose(Zxid zxid, Bytes txn, LeaderEffects& effects) {
  ASSERT(is_established());
  ASSERT(zxid == successor(proposed, epoch));
  ASSERT(zxid.counter() < options.counter_max);
  // What a Java peer cannot read stops it, and all its followers (rules 12 and 13).
  ASSERT(txn.size() <= static_cast<size_t>(options.txn_bytes_max));
  const auto header = wire::read_txn_header(txn.view());
  ASSERT(header.has_value());
  ASSERT(header->zxid == zxid);
  ASSERT(header->type != wire::OpCode::kCheck);
  trim_window();
  window.push(zxid, txn);
  proposed = zxid;
  effects.appends.push_back({zxid, std::move(txn)});
}

void Leader::Machine::trim_window() {
  // Everything below the window is read from the log files, so it must be durable there.
  Zxid keep_above = std::min(committed, own_synced);
  if (window.bytes() <= kWindowBytesMax) {
    for (const auto& [key, learner] : learners) {
      const bool reads_window =
          learner.stage >= LearnerStage::kSnapshot && learner.cursor >= log_end();
      if (reads_window) keep_above = std::min(keep_above, learner.cursor);
    }
  }
  window.trim(keep_above);
}

void Leader::Machine::on_ack(LearnerProgress& learner, Zxid zxid, Now now, LeaderEffects& effects) {
  if (zxid.counter() == 0 || learner.is_observer) return;  // of the handshake
  if (zxid.epoch() != epoch || zxid > learner.cursor) {
    // Of history before this epoch, which 3.8.0 acknowledges too; or of something never sent.
    if (zxid.epoch() >= epoch) MARK("leader.ack_of_unknown");
    return;
  }
  if (zxid <= learner.acked) return;
  if (zxid > successor(std::max(learner.acked, committed), epoch)) {
    MARK("leader.ack_skips_proposal");
    return close(learner.key,
                 fmt::format("server {} acknowledged 0x{:x} but not the one before it",
                             learner.server.value, static_cast<uint64_t>(zxid.value)),
                 effects);
  }
  learner.acked = is_planted(PlantedBug::kCumulativeAck) ? proposed : zxid;
  learner.ack_wait_since_us = now.mono_us;
  try_commit(effects);
}

void Leader::Machine::try_commit(LeaderEffects& effects) {
  if (!is_established()) return;
  ack_scratch.clear();
  const bool counts_unsynced = is_planted(PlantedBug::kZk4646);
  ack_scratch.push_back(counts_unsynced ? proposed : std::min(own_synced, proposed));
  for (const auto& [key, learner] : learners) {
    if (learner.counts()) ack_scratch.push_back(learner.acked);
  }
  const size_t quorum =
      is_planted(PlantedBug::kCommitWithoutQuorum) ? 1 : start.membership.voters().size() / 2 + 1;
  if (ack_scratch.size() < quorum) return;
  std::sort(ack_scratch.begin(), ack_scratch.end(), std::greater<>());
  const Zxid acked_by_quorum = ack_scratch[quorum - 1];
  if (acked_by_quorum.epoch() != epoch || acked_by_quorum <= committed) return;
  ASSERT(acked_by_quorum.counter() != 0);
  ASSERT(acked_by_quorum <= proposed);
  committed = acked_by_quorum;
  effects.committed = committed;
}

uint64_t Leader::Machine::confirm(LeaderEffects& effects) {
  ASSERT(is_established());
  ++rounds_begun;
  for (auto& [key, learner] : learners) {
    if (learner.counts() && learner.pings_under_way.empty()) learner.is_ping_due = true;
  }
  try_confirm(effects);  // the only voter asks nobody
  return rounds_begun;
}

void Leader::Machine::on_ping_answered(LearnerProgress& learner, Zxid zxid,
                                       LeaderEffects& effects) {
  if (learner.pings_under_way.empty()) return;  // of a PING before UPTODATE
  // Else the parts of one answer would confirm rounds that the learner has never heard of.
  if (zxid == kPingPart) return;
  learner.round_confirmed = learner.pings_under_way.front();
  learner.pings_under_way.pop_front();
  if (learner.round_confirmed < rounds_begun && learner.pings_under_way.empty()) {
    learner.is_ping_due = true;
  }
  try_confirm(effects);
}

// Whoever answered has not joined another leader before, and one of any later leader's quorum is
// among a quorum of them: nothing was committed elsewhere when the round began.
void Leader::Machine::try_confirm(LeaderEffects& effects) {
  if (round_confirmed == rounds_begun) return;
  round_scratch.assign(1, rounds_begun);
  for (const auto& [key, learner] : learners) {
    if (learner.counts()) round_scratch.push_back(learner.round_confirmed);
  }
  const size_t quorum = start.membership.voters().size() / 2 + 1;
  if (round_scratch.size() < quorum) return;
  std::sort(round_scratch.begin(), round_scratch.end(), std::greater<>());
  if (round_scratch[quorum - 1] <= round_confirmed) return;
  round_confirmed = round_scratch[quorum - 1];
  effects.confirmed = round_confirmed;
}

void Leader::Machine::on_synced_packet(LearnerProgress& learner, const wire::QuorumPacket& packet,
                                       Now now, LeaderEffects& effects) {
  ASSERT(learner.stage >= LearnerStage::kUpToDate);
  const bool is_in_broadcast = learner.stage == LearnerStage::kBroadcast;
  if (is_in_broadcast) {
    learner.packet_due_us = now.mono_us + limit_us(options.sync_limit);
  }
  if (learner.revalidate_answers.size() + learner.syncs.size() >= kAnswersMax) {
    MARK("leader.answers_not_taken");
    return close(learner.key,
                 fmt::format("server {} asks and does not take the answers", learner.server.value),
                 effects);
  }
  bool is_well_formed = true;
  switch (packet.type) {
    case wire::PacketType::kAck:
      return on_ack(learner, packet.zxid, now, effects);
    case wire::PacketType::kPing:
      is_well_formed = take_touches(learner, packet.data.view(), effects);
      if (is_well_formed && is_in_broadcast) on_ping_answered(learner, packet.zxid, effects);
      break;
    case wire::PacketType::kRevalidate:
      is_well_formed = is_in_broadcast && take_revalidate(learner, packet.data.view(), effects);
      break;
    case wire::PacketType::kRequest:
      // A learner forwards only once it was told UPTODATE.
      is_well_formed = is_in_broadcast;
      if (is_well_formed) effects.requests.push_back({learner.key, packet});
      break;
    default:
      is_well_formed = false;
  }
  if (is_well_formed) return;
  MARK("leader.bad_packet");
  close(learner.key,
        fmt::format("bad or early {} of server {}", wire::packet_name(packet.type),
                    learner.server.value),
        effects);
}

bool Leader::Machine::take_touches(const LearnerProgress& learner, std::string_view table,
                                   LeaderEffects& effects) const {
  if (table.size() % kTouchBytes != 0) return false;
  wire::Reader in(table);
  while (in.remaining() > 0) {
    const SessionId session{in.i64()};
    effects.touches.push_back({session, in.i32(), learner.key});
  }
  return in.ok();
}

bool Leader::Machine::take_revalidate(const LearnerProgress& learner, std::string_view data,
                                      LeaderEffects& effects) const {
  wire::Reader in(data);
  const SessionId session{in.i64()};
  const int32_t timeout_ms = in.i32();
  if (!in.ok()) return false;
  effects.revalidations.push_back({learner.key, session, timeout_ms});
  return true;
}

}  // namespace zooid::zab
