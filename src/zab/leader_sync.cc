// One learner's synchronisation (quorum-protocol 4). The decision and the cursor are taken in one
// step; from then on the learner is a cursor into history, so nothing can be lost or doubled
// between "synchronised" and "forwarded".
#include <fmt/core.h>

#include "base/assert.h"
#include "base/mark.h"
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
  const HistoryView history{&window, committed, last_processed(), proposed, epoch};
  if (history_last.counter() == 0 && learner.learner_zxid < history_last) {
    reach.snapshot_size_factor = -1;  // where the log before this leadership ends is not known
  }
  const SyncPlan plan = plan_sync(history, learner.learner_zxid, reach);
  if (plan.wants_disk) {
    learner.stage = LearnerStage::kReach;
    effects.reach.push_back({learner.key, learner.learner_zxid});
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
  // Nothing uncommitted is in a snapshot, except for the history that an election made ours.
  ASSERT(zxid <= last_processed() || zxid.counter() == 0);
  wire::write_packet(learner.queued, wire::PacketType::kSnap, zxid);
  begin_packets(learner, zxid);
  learner.stage = LearnerStage::kSnapshot;
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
  // Its opening packet is out: it cannot be turned to a SNAP any more.
  MARK("leader.history_lost");
  close(learner.key,
        fmt::format("the log files do not hold what server {} needs behind 0x{:x}",
                    learner.server.value, static_cast<uint64_t>(learner.cursor.value)),
        effects);
}

}  // namespace zooid::zab
