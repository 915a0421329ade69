#include "server/snapshot_taker.h"

#include "base/assert.h"
#include "base/log.h"

namespace zooid::server {
namespace {

// The walk pauses while this much waits for the disk.
constexpr size_t kWorkerBacklogBytesMax = 4u << 20;
// When it pauses it looks again after this.
constexpr int64_t kRetryUs = 2'000;
// After a failure. Not sooner: what failed may have been a large file on a full disk.
constexpr int64_t kPauseAfterFailureUs = 60'000'000;
constexpr size_t kChunkBytes = 64u * 1024;
// A normal snapshot is in no hurry: so much a millisecond leaves loop and disk to those who wait.
constexpr int64_t kSliceEveryUs = 1'000;
// Where the log's syncs take longer than this, the walk makes a pause as long as the last one, for
// the disk's sake (rule 9) …
constexpr int64_t kSlowSyncUs = 5'000;
// … but not longer than this: it has to end some time, also on a disk that is always slow.
constexpr int64_t kPauseUsMax = 10'000;

}  // namespace

SnapshotTaker::SnapshotTaker(ReplicaCore& core) : core_(core) {
  draw_thresholds();
}

void SnapshotTaker::draw_thresholds() {
  const auto count = static_cast<uint64_t>(core_.config.snap_count);
  const uint64_t bytes = core_.config.snap_size_limit_bytes;
  txns_threshold_ = count / 2 + core_.random.below(count / 2 + 1);
  bytes_threshold_ = bytes / 2 + core_.random.below(bytes / 2 + 1);
}

bool SnapshotTaker::is_due(Now now) const {
  if (active_ || (not_before_us_ != kNever && now.mono_us < not_before_us_)) return false;
  return core_.txns_since_snapshot > txns_threshold_ ||
         (core_.config.snap_size_limit_bytes > 0 && core_.bytes_since_snapshot > bytes_threshold_);
}

void SnapshotTaker::begin(Zxid zxid) {
  ASSERT(!active_);
  active_ = true;
  ++id_;
  txns_held_ = std::exchange(core_.txns_since_snapshot, 0);
  bytes_held_ = std::exchange(core_.bytes_since_snapshot, 0);
  // What is logged and not applied yet stands behind it.
  for (auto it = core_.window.above(core_.database->last_zxid()); it != core_.window.txns().end();
       ++it) {
    core_.txns_since_snapshot += 1;
    core_.bytes_since_snapshot += it->txn.size();
  }
  draw_thresholds();
  core_.snapshots.submit(storage::SnapshotBegin{id_, zxid});
}

void SnapshotTaker::start() {
  is_received_ = false;
  core_.log.submit(storage::RollLog{});
  walk_ = std::make_unique<state::SnapshotWalk>(*core_.database);
  begin(walk_->zxid());
  deadline_us_ = 0;
}

void SnapshotTaker::begin_received(Zxid zxid) {
  is_received_ = true;
  begin(zxid);
}

void SnapshotTaker::receive(std::string_view bytes) {
  if (!active_) return;  // it could not be written: the role is about to end
  ASSERT(is_received_);
  core_.snapshots.submit(storage::SnapshotChunk{id_, std::string(bytes)});
}

// A leader's state is fuzzy itself, up to a zxid that only the leader knows. Zero says so: every
// reader ignores a digest of before the snapshot's beginning.
void SnapshotTaker::end_received() {
  if (!active_) return;
  ASSERT(is_received_);
  core_.snapshots.submit(storage::SnapshotEnd{id_, core_.config.digest_enabled, Zxid{0}, 0});
}

void SnapshotTaker::publish() {
  ASSERT(active_ && is_received_);
  core_.snapshots.submit(storage::SnapshotPublish{id_});
}

void SnapshotTaker::abort() {
  if (!active_) return;
  core_.snapshots.submit(storage::SnapshotAbort{id_});
  give_up();
}

void SnapshotTaker::give_up() {
  ASSERT(active_);
  walk_.reset();
  active_ = false;
  deadline_us_ = kNever;
  core_.txns_since_snapshot += std::exchange(txns_held_, 0);
  core_.bytes_since_snapshot += std::exchange(bytes_held_, 0);
}

void SnapshotTaker::step(Now now) {
  if (now.mono_us >= not_before_us_) not_before_us_ = kNever;
  if (walk_ == nullptr || now.mono_us < deadline_us_) return;
  if (core_.snapshots.backlog() > kWorkerBacklogBytesMax) {
    deadline_us_ = now.mono_us + kRetryUs;
    return;
  }
  std::string bytes;
  bytes.reserve(kChunkBytes + 4096);
  const bool is_complete = walk_->step(bytes, 256, kChunkBytes);
  core_.snapshots.submit(storage::SnapshotChunk{id_, std::move(bytes)});
  deadline_us_ = next_slice_at(now);
  if (!is_complete) return;
  walk_.reset();
  deadline_us_ = kNever;
  storage::SnapshotEnd end{id_, core_.config.digest_enabled, core_.database->last_zxid(),
                           static_cast<int64_t>(core_.database->tree().digest())};
  core_.snapshots.submit(end);
  core_.snapshots.submit(storage::SnapshotPublish{id_});
}

int64_t SnapshotTaker::next_slice_at(Now now) {
  const storage::LogFigures figures = core_.log.figures();
  const bool is_new = std::exchange(log_syncs_, figures.syncs) != figures.syncs;
  const auto sync_us = static_cast<int64_t>(is_new ? figures.last_sync_us : 0);
  return now.mono_us + (sync_us < kSlowSyncUs ? kSliceEveryUs : std::min(sync_us, kPauseUsMax));
}

SnapshotTaker::Event SnapshotTaker::on_completion(const storage::SnapshotCompletion& completion,
                                                  Now now) {
  using What = storage::SnapshotCompletion::What;
  if (!active_ || completion.id != id_) return Event::kNone;
  switch (completion.what) {
    case What::kDurable:
      return is_received_ ? Event::kDurable : Event::kNone;
    case What::kPublished:
      active_ = false;
      log::info("snapshot written zxid=0x{:x}", completion.zxid.value);
      return Event::kPublished;
    case What::kFailed:
      failure_ = completion.error.message;
      give_up();
      not_before_us_ = now.mono_us + kPauseAfterFailureUs;
      log::warn("snapshot failed zxid=0x{:x}: {}", completion.zxid.value, completion.error.message);
      return Event::kFailed;
  }
  return Event::kNone;
}

}  // namespace zooid::server
