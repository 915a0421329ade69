// One learner's synchronisation (quorum-protocol 4). The decision and the cursor are taken in one
// step; from then on the learner is a cursor into history, so nothing can be lost or doubled
// between "synchronised" and "forwarded".
#include <fmt/core.h>

#include <algorithm>

#include "base/assert.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "zab/leader_machine.h"

namespace zooid::zab {

Zxid Leader::Machine::last_processed() const {
  return is_established() ? std::max(committed, Zxid::make(epoch, 0)) : start.last_logged;
}

Zxid Leader::Machine::log_end() const {
  if (window.txns().empty()) return proposed;
  const Zxid front = window.txns().front().zxid;
  // Of older epochs it is not known what stood before the front; but those are all in the log.
  if (epoch == 0 || front.epoch() != epoch) return front;
  return front.counter() > 1 ? Zxid{front.value - 1} : history_last;
}

void Leader::Machine::synchronise(LearnerProgress& learner, DiskReach reach,
                                  LeaderEffects& effects) {
  ASSERT(phase >= LeaderPhase::kNewLeaderAcks && !is_over());
  const HistoryView history{&window, committed,           last_processed(), proposed,
                            epoch,   start.current_epoch, is_established()};
  if (history_last.counter() == 0 && learner.learner_zxid < history_last) {
    reach.snapshot_size_factor = -1;  // where the log before this leadership ends is not known
  }
  if (learner.learner_zxid <= unreadable_behind && !is_planted(PlantedBug::kDiffFromDamagedLog)) {
    MARK("leader.snap_instead_of_damaged_log");
    reach.snapshot_size_factor = -1;
  }
  const SyncPlan plan = plan_sync(history, learner.learner_zxid, reach);
  if (plan.wants_disk) {
    learner.stage = LearnerStage::kReach;
    effects.reach.push_back({learner.key, learner.learner_zxid});
    return;
  }
  if (plan.is_refused) {
    MARK("leader.learner_of_impossible_history");
    return close(
        learner.key,
        fmt::format("server {} says it has 0x{:x} in epoch {}: it {}", learner.server.value,
                    static_cast<uint64_t>(learner.learner_zxid.value), epoch, plan.reason),
        effects);
  }
  if (plan.waits) {
    MARK("leader.surplus_awaits_quorum");
    ASSERT(!is_established());
    learner.stage = LearnerStage::kAwaitsQuorum;
    learner.may_be_cut = plan.mode == SyncMode::kTrunc;
    return;
  }
  learner.mode = plan.mode;
  if (plan.mode == SyncMode::kSnap) return begin_snapshot(learner, effects);
  if (plan.from_disk) {
    // The first slice tells whether the learner's last transaction is in our history at all; so it
    // begins with that one and the opening packet waits for it.
    const Zxid zxid = plan.send_after;
    learner.stage = LearnerStage::kHistory;
    learner.is_history_asked = true;
    learner.cursor = zxid;
    const Zxid after = zxid.counter() == 0 ? zxid : Zxid{zxid.value - 1};
    effects.history.push_back({learner.key, after, log_end()});
    return;
  }
  const auto first = window.above(plan.send_after);
  if (first != window.txns().end() && !follows(plan.send_after, first->zxid)) {
    // It claims to have joined an epoch whose first transactions are unknown here.
    MARK("leader.diff_with_gap");
    return begin_snapshot(learner, effects);
  }
  const bool holds_outstanding = plan.mode == SyncMode::kDiff && plan.send_after > committed &&
                                 plan.send_after.epoch() == epoch && plan.send_after.counter() != 0;
  if (holds_outstanding) {
    MARK("leader.learner_holds_outstanding");
    learner.held = plan.send_after;
  }
  wire::write_packet(
      learner.queued,
      plan.mode == SyncMode::kDiff ? wire::PacketType::kDiff : wire::PacketType::kTrunc,
      plan.packet_zxid);
  begin_packets(learner, plan.send_after);
}

DiskReach Leader::Machine::unasked_reach() const {
  DiskReach reach;
  reach.snapshot_size_factor = options.snapshot_size_factor;
  return reach;
}

std::vector<LearnerKey> Leader::Machine::keys_in(LearnerStage stage) const {
  std::vector<LearnerKey> keys;
  for (const auto& [key, learner] : learners) {
    if (learner.stage == stage) keys.push_back(key);
  }
  return keys;
}

// Learners that wait for the quorum: once it stands they get what they waited for. As long as it
// may still come about without them they wait; voters that join in this moment count only a little
// later, so nothing is hurried.
void Leader::Machine::admit_waiting(LeaderEffects& effects) {
  constexpr uint32_t kBeatsMin = 2;
  ASSERT(phase >= LeaderPhase::kNewLeaderAcks && !is_over());
  const std::vector<LearnerKey> waiting = keys_in(LearnerStage::kAwaitsQuorum);
  ServerSet expected = newleader_acks;
  expected.insert(start.self);
  for (const auto& [key, learner] : learners) {
    if (learner.is_voter && learner.stage > LearnerStage::kAwaitsQuorum) {
      expected.insert(learner.server);
    }
  }
  for (const LearnerKey key : waiting) {
    LearnerProgress& learner = learners.at(key);
    if (is_established()) {
      synchronise(learner, unasked_reach(), effects);
      continue;
    }
    const bool is_needed = learner.is_voter && !start.membership.is_quorum(expected);
    if (!is_needed || !learner.may_be_cut || ++learner.waited_beats < kBeatsMin) continue;
    MARK("leader.surplus_cut_for_quorum");
    expected.insert(learner.server);
    begin_cut(learner);
  }
}

void Leader::Machine::begin_cut(LearnerProgress& learner) {
  ASSERT(committed.counter() != 0 && committed < learner.learner_zxid);
  learner.mode = SyncMode::kTrunc;
  wire::write_packet(learner.queued, wire::PacketType::kTrunc, committed);
  begin_packets(learner, committed);
}

void Leader::Machine::begin_packets(LearnerProgress& learner, Zxid from) {
  learner.cursor = from;
  learner.commit_mark = from;
  // What is outstanding now goes before NEWLEADER, so its ACK cannot come without them.
  learner.sync_end = learner.is_observer ? committed : proposed;
  learner.stage = LearnerStage::kSync;
}

void Leader::Machine::begin_snapshot(LearnerProgress& learner, LeaderEffects& effects) {
  learner.mode = SyncMode::kSnap;
  learner.stage = LearnerStage::kSnapshot;
  learner.slice.clear();
  effects.snapshots.push_back(learner.key);
}

void Leader::Machine::on_snapshot_begun(LearnerProgress& learner, Zxid zxid) {
  ASSERT(learner.queued.empty());
  // Rule 36: a Java server would lay it over its log and find the rest again at its next start.
  ASSERT(zxid >= learner.learner_zxid || is_planted(PlantedBug::kSnapBelowLearner));
  // Nothing uncommitted is in a snapshot, except for the history that an election made ours.
  ASSERT(zxid <= last_processed() || zxid.counter() == 0);
  wire::write_packet(learner.queued, wire::PacketType::kSnap, zxid);
  begin_packets(learner, zxid);
  learner.stage = LearnerStage::kSnapshot;
}

// The walk ended just now. What it met on its way was committed by now, so the state is whole
// behind it and not where the walk began (rule 37): NEWLEADER goes behind that.
void Leader::Machine::on_snapshot_sent(LearnerProgress& learner) {
  ASSERT(learner.queued.empty());
  const Zxid end = learner.is_observer ? committed : proposed;
  ASSERT(learner.sync_end <= end);
  if (!is_planted(PlantedBug::kSyncEndAtWalkBegin)) learner.sync_end = end;
  learner.stage = LearnerStage::kSync;
}

void Leader::Machine::on_first_history(LearnerProgress& learner,
                                       const std::vector<WindowTxn>& slice,
                                       LeaderEffects& effects) {
  ASSERT(learner.stage == LearnerStage::kHistory);
  const Zxid zxid = learner.cursor;
  size_t begin = 0;
  if (zxid.counter() != 0) {
    if (slice.empty() || slice.front().zxid != zxid) {
      MARK("leader.learner_zxid_not_in_log");
      learner.cursor = Zxid{};
      return begin_snapshot(learner, effects);
    }
    begin = 1;
  }
  Zxid previous = zxid;
  for (size_t i = begin; i < slice.size(); ++i) {
    if (!follows(previous, slice[i].zxid)) {
      MARK("leader.log_with_gap");
      learner.cursor = Zxid{};
      learner.slice.clear();
      return begin_snapshot(learner, effects);
    }
    previous = slice[i].zxid;
    learner.slice.push_back(slice[i]);
  }
  if (learner.slice.empty() && zxid < log_end() && begin == 0) {
    MARK("leader.log_is_empty");
    learner.cursor = Zxid{};
    return begin_snapshot(learner, effects);
  }
  wire::write_packet(learner.queued, wire::PacketType::kDiff, committed);
  begin_packets(learner, zxid);
}

void Leader::Machine::on_more_history(LearnerProgress& learner, const std::vector<WindowTxn>& slice,
                                      LeaderEffects& effects) {
  ASSERT(learner.slice.empty());
  Zxid previous = learner.cursor;
  bool is_whole = !slice.empty();
  for (const WindowTxn& txn : slice) {
    if (!follows(previous, txn.zxid) || txn.zxid > committed) is_whole = false;
    previous = txn.zxid;
  }
  if (is_whole) {
    MARK("leader.history_in_slices");
    learner.slice.assign(slice.begin(), slice.end());
    return;
  }
  // Its opening packet is out: it cannot be turned to a SNAP any more. The next attempt can.
  MARK("leader.history_lost");
  unreadable_behind = std::max(unreadable_behind, learner.cursor);
  close(learner.key,
        fmt::format("the log files do not hold what server {} needs behind 0x{:x}",
                    learner.server.value, static_cast<uint64_t>(learner.cursor.value)),
        effects);
}

}  // namespace zooid::zab
