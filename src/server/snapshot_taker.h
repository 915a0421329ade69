// Takes snapshots: walks the database in slices on the replica's loop and hands the bytes to the
// snapshot worker. A normal snapshot rolls the log first and is published as soon as it is durable;
// one that a leader sends is written as it arrives, without a walk, and waits for the follower to
// cut the log (storage/snapshot_worker.h, docs/decisions/0003).
#pragma once

#include <algorithm>
#include <memory>

#include "server/replica_core.h"

namespace zooid::server {

class SnapshotTaker {
 public:
  explicit SnapshotTaker(ReplicaCore& core);

  // True when enough was logged since the last one (snapCount and snapSizeLimitInKb with their
  // random halves) and none is being taken. After one that failed: not before a pause.
  bool is_due(Now now) const;
  void start();  // a normal snapshot of core.database
  // A leader's snapshot: its body's bytes as they arrive, then its end; held back until publish().
  void begin_received(Zxid zxid);
  void receive(std::string_view bytes);
  void end_received();
  void publish();
  // Bytes received that wait for the disk.
  size_t backlog() const { return core_.snapshots.backlog(); }
  // Drops the one in progress: its database goes away, or its role ended.
  void abort();
  // One slice if the worker keeps up.
  void step(Now now);
  int64_t next_deadline() const { return std::min(deadline_us_, not_before_us_); }
  bool is_active() const { return active_; }

  enum class Event { kNone, kDurable, kPublished, kFailed };
  // Completions of others than the current snapshot give kNone. kDurable is given for received ones
  // only.
  Event on_completion(const storage::SnapshotCompletion& completion, Now now);
  // Of the last kFailed.
  const std::string& failure() const { return failure_; }

 private:
  void begin(Zxid zxid);
  void draw_thresholds();
  // The one begun will not come: what it would have held counts again for the next.
  void give_up();
  int64_t next_slice_at(Now now);

  ReplicaCore& core_;
  std::unique_ptr<state::SnapshotWalk> walk_;
  bool active_ = false;  // from begin until published, failed or aborted
  bool is_received_ = false;
  std::string failure_;
  uint64_t id_ = 0;
  int64_t deadline_us_ = kNever;
  uint64_t log_syncs_ = 0;  // seen at the last slice
  uint64_t txns_threshold_ = 0;
  uint64_t bytes_threshold_ = 0;
  uint64_t txns_held_ = 0;  // in the one begun, behind the one before
  uint64_t bytes_held_ = 0;
  int64_t not_before_us_ = kNever;  // set after a failure
};

}  // namespace zooid::server
