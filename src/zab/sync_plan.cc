#include "zab/sync_plan.h"

#include <algorithm>

#include "base/assert.h"
#include "base/mark.h"

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

// The learner's zxid lies above everything committed.
SyncPlan plan_for_surplus(const HistoryView& history, Zxid learner) {
  if (learner.counter() == 0) {
    // In nobody's log: it joined that epoch and got nothing in it.
    if (learner.epoch() < history.epoch) {
      return diff(history.committed, learner, "joined a later epoch that has no transaction");
    }
    return snap(history, "joined an epoch that is unknown here");
  }
  if (learner <= history.last_proposed && is_in_window(*history.window, learner)) {
    return diff(learner, learner, "holds outstanding proposals of this leadership");
  }
  const bool is_same_epoch =
      learner.epoch() == history.committed.epoch() && history.committed.counter() != 0;
  if (!history.window->txns().empty() && is_same_epoch) {
    SyncPlan plan;
    plan.mode = SyncMode::kTrunc;
    plan.packet_zxid = history.committed;
    plan.send_after = history.committed;
    plan.reason = "surplus behind the last transaction";
    return plan;
  }
  return snap(history, "surplus that a cut cannot remove for sure");
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
