#include "zab/sync_plan.h"

#include <algorithm>

#include "base/assert.h"
#include "base/mark.h"
#include "base/planted_bug.h"

namespace zooid::zab {
namespace {

// snapshotSizeFactor beyond this makes no sense; Apache falls back to its default.
constexpr double kFactorMax = 1.0;
constexpr double kFactorDefault = 0.33;

SyncPlan diff(Zxid packet_zxid, Zxid send_after, const char* reason) {
  SyncPlan plan;
  plan.mode = SyncMode::kDiff;
  plan.packet_zxid = packet_zxid;
  plan.send_after = send_after;
  plan.reason = reason;
  return plan;
}

SyncPlan snap(const HistoryView& history, const char* reason) {
  SyncPlan plan;
  plan.mode = SyncMode::kSnap;
  plan.packet_zxid = history.last_processed;
  plan.send_after = history.last_processed;
  plan.reason = reason;
  return plan;
}

bool is_in_window(const TxnWindow& window, Zxid zxid) {
  const auto above = window.above(zxid);
  return above != window.txns().begin() && std::prev(above)->zxid == zxid;
}

SyncPlan trunc(const HistoryView& history, const char* reason) {
  SyncPlan plan;
  plan.mode = SyncMode::kTrunc;
  plan.packet_zxid = history.committed;
  plan.send_after = history.committed;
  plan.reason = reason;
  return plan;
}

SyncPlan refuse(const HistoryView& history, const char* reason) {
  SyncPlan plan = snap(history, reason);
  plan.is_refused = true;
  return plan;
}

// Is our history what every leader of the learner's epoch began with? A transaction, or a zxid
// without one, comes from an established leader of its epoch. Whoever acknowledged a leader of that
// epoch or of a later one has all that it began with, and we have nothing of that epoch itself.
bool is_prefix_of(const HistoryView& history, Zxid learner) {
  return learner.epoch() <= history.current_epoch;
}

// The learner's zxid lies above everything committed.
SyncPlan plan_for_surplus(const HistoryView& history, Zxid learner) {
  const Zxid own = history.committed;
  const bool is_surplus_of_own_epoch = learner.epoch() == own.epoch() && own.counter() != 0;
  if (learner <= history.last_proposed && is_in_window(*history.window, learner)) {
    return diff(learner, learner, "holds outstanding proposals of this leadership");
  }
  if (is_surplus_of_own_epoch) return trunc(history, "surplus behind the last transaction");
  if (learner.epoch() >= history.epoch) {
    return refuse(history, "holds something of an epoch of which this leader knows better");
  }
  // In nobody's log: it joined that epoch and got nothing in it.
  if (learner.counter() == 0 && is_prefix_of(history, learner)) {
    return diff(own, learner, "joined a later epoch that has no transaction");
  }
  if (is_planted(PlantedBug::kSnapBelowLearner)) return snap(history, "surplus, planted bug");
  if (history.is_established) return snap(history, "surplus that a cut cannot remove for sure");
  // A cut needs a transaction to cut behind, and only a log can be cut.
  const bool can_be_cut =
      own.counter() != 0 && learner.counter() != 0 && is_prefix_of(history, learner);
  SyncPlan plan = can_be_cut ? trunc(history, "surplus of a later epoch")
                             : snap(history, "surplus that a cut cannot remove");
  plan.waits = true;
  return plan;
}

SyncPlan plan_from_log(const HistoryView& history, Zxid learner, const DiskReach& disk) {
  if (disk.snapshot_size_factor < 0) return snap(history, "below the window, log sync is off");
  if (learner.value <= 0) return snap(history, "empty");
  if (history.window->txns().empty()) return snap(history, "behind, and the window is empty");
  if (!disk.asked) {
    SyncPlan plan = snap(history, "below the window");
    plan.wants_disk = true;
    return plan;
  }
  if (!disk.has_start) return snap(history, "the log files do not reach back");
  const double factor =
      disk.snapshot_size_factor > kFactorMax ? kFactorDefault : disk.snapshot_size_factor;
  const auto limit =
      static_cast<uint64_t>(factor * static_cast<double>(disk.newest_snapshot_bytes));
  if (limit == 0) MARK("leader.history_of_any_size");
  if (limit != 0 && disk.bytes_after_start > limit) {
    MARK("leader.history_larger_than_worth");
    return snap(history, "the log files are larger than a snapshot is worth");
  }
  SyncPlan plan = diff(history.committed, learner, "below the window, from the log files");
  plan.from_disk = true;
  return plan;
}

}  // namespace

const char* sync_mode_name(SyncMode mode) {
  switch (mode) {
    case SyncMode::kDiff:
      return "DIFF";
    case SyncMode::kTrunc:
      return "TRUNC";
    case SyncMode::kSnap:
      return "SNAP";
  }
  return "";
}

SyncPlan plan_sync(const HistoryView& history, Zxid learner, const DiskReach& disk) {
  ASSERT(history.window != nullptr);
  ASSERT(history.committed <= history.last_proposed);
  ASSERT(history.committed <= history.last_processed || !history.is_established);
  if (learner == history.last_processed) return diff(learner, learner, "equal");
  if (learner == history.committed) return diff(learner, learner, "misses nothing");
  if (learner > history.committed) return plan_for_surplus(history, learner);

  const auto& txns = history.window->txns();
  if (txns.empty() || learner < txns.front().zxid) return plan_from_log(history, learner, disk);
  if (is_in_window(*history.window, learner)) {
    return diff(history.committed, learner, "in the window");
  }
  if (learner.counter() == 0) {
    return diff(history.committed, learner, "joined an epoch and got nothing in it");
  }
  return snap(history, "holds a transaction that is not in our history");
}

}  // namespace zooid::zab
