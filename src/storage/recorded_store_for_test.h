// A server's storage as it is used in life, driven by a seed: appends, epochs, snapshots, rolls,
// TRUNC, SNAP, purges, restarts. It knows what recovery may find at each moment. Used by
// crash_points_test.cc.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/snapshot_worker.h"
#include "storage/synced_record.h"
#include "storage/test_store.h"

namespace zooid::storage::test {

// What the disk may hold: transactions in order, from the empty tree on.
struct History {
  std::vector<Zxid> zxids;
  Zxid acknowledged;  // at least up to here
  Zxid last() const { return zxids.empty() ? Zxid{0} : zxids.back(); }
};

// What of `history` was recovered is a prefix of it and holds everything acknowledged.
inline bool is_prefix(const History& history, const Recovered& found) {
  const Zxid last = found.last_logged;
  if (last < history.acknowledged || last > history.last()) return false;
  size_t expected = 0;
  for (const Zxid zxid : history.zxids) {
    const bool is_there =
        found.database->tree().find(fmt::format("/n{:x}", zxid.value)) != state::kNoNode;
    if (is_there != (zxid <= last)) return false;
    expected += is_there ? 1 : 0;
  }
  // Nothing else: the built-in nodes are counted as 5.
  return found.database->tree().node_count() == expected + 5;
}

class RecordedStore : public LogCompletions, public SnapshotCompletions {
 public:
  // `crash_point` is called after every operation on the disk and after every completion. With
  // `is_split` the logs have a directory of their own.
  RecordedStore(uint64_t seed, bool is_split, std::function<void()> crash_point)
      : directories_{"/data", is_split ? "/log" : "/data"}, random_(seed), files_(seed) {
    EXPECT_TRUE(prepare_directories(files_, directories_).has_value());
    histories_.push_back({});
    start(Zxid{0});
    submit_snapshot(current());  // snapshot.0, as a fresh server writes it
    snapshots_->submit(SnapshotPublish{snapshot_id_});
    run();
    // Only now a server takes transactions.
    crash_point_ = std::move(crash_point);
    files_.set_observer([this](const auto&) { crash_point_(); });
    begin_epoch();
  }

  env::MemoryFileSystem& files() { return files_; }
  const Directories& directories() const { return directories_; }
  Random& random() { return random_; }
  Epoch epoch() const { return epoch_; }
  // Of the history of the running server.
  Zxid acknowledged() const { return histories_.back().acknowledged; }

  // Empty: it is what a crash at this moment may leave.
  std::string why_not_allowed(const Recovered& found) const {
    if (found.accepted_epoch < accepted_ || found.accepted_epoch > epoch_) return "acceptedEpoch";
    if (found.current_epoch < current_epoch_ || found.current_epoch > epoch_) return "currentEpoch";
    for (const History& history : histories_) {
      if (is_prefix(history, found)) return {};
    }
    return fmt::format("recovered to {:x}, acknowledged {:x}, submitted {:x}",
                       found.last_logged.value, histories_.back().acknowledged.value,
                       histories_.back().last().value);
  }
  bool is_shorter_than_submitted(const Recovered& found) const {
    return found.last_logged < histories_.back().last();
  }

  void append() {
    submit_appends();
    run();
  }
  void roll() { log_->submit(RollLog{}); }
  // The system brings to the disk in its time what is never synced: the note of what was.
  void write_back() {
    const auto record =
        files_.open(synced_record_path(directories_.own()), env::OpenMode::kReadWrite);
    if (record) EXPECT_TRUE((*record)->sync().has_value());
  }
  void begin_epoch() {
    ++epoch_;
    log_->submit(WriteEpoch{{1}, EpochFile::kAccepted, epoch_});
    log_->submit(WriteEpoch{{1}, EpochFile::kCurrent, epoch_});
    run();
  }
  // TRUNC, as a learner carries it out.
  void truncate() {
    const size_t kept = cut_point();
    auto& zxids = current().zxids;
    const Zxid to = kept == 0 ? Zxid{0} : zxids[kept - 1];
    current().acknowledged = std::min(current().acknowledged, to);
    log_->submit(TruncateLog{{1}, to});
    run();
    zxids.resize(kept);
    begin_epoch();  // what was cut is never logged again
  }
  // While appends go on.
  void take_snapshot() {
    if (random_.one_in(2)) submit_appends();
    snapshot_zxid_ = current().last();
    log_->submit(RollLog{});
    submit_snapshot(current());
    snapshots_->submit(SnapshotPublish{snapshot_id_});
    if (random_.one_in(2)) snapshots_->submit(PurgeFiles{3});
    if (random_.one_in(2)) submit_appends();
    run();
  }
  // SNAP: a leader's state replaces ours. Durable, log cut, published, only then appends.
  void install() {
    begin_epoch();
    History taken = current();
    taken.zxids.resize(cut_point());
    current().acknowledged = std::min(current().acknowledged, taken.last());
    taken.zxids.push_back(Zxid::make(epoch_, 1));
    for (uint64_t i = random_.below(5); i > 0; --i) taken.zxids.push_back(taken.last().next());
    submit_snapshot(taken);
    run();
    log_->submit(BeginInstall{{1}, {epoch_, taken.last(), current().last()}});
    run();
    taken.acknowledged = taken.last();
    histories_.push_back(taken);
    snapshots_->submit(SnapshotPublish{snapshot_id_});
    run();
    histories_.erase(histories_.begin());  // now only this one may be found
    log_->submit(FinishInstall{{1}});
    run();
    log_->submit(ForgetMarks{{1}});
    run();
    snapshot_zxid_ = taken.last();
  }
  // The process is killed or the machine crashes, with some of its work undone; what recovery then
  // finds must outlive any further crash, for the server votes with it.
  void restart() {
    submit_appends();
    end_process_after(random_.below(8));
    if (random_.one_in(2)) files_.crash(env::MemoryFileSystem::Survivors::kSubset);
    ASSERT_TRUE(prepare_directories(files_, directories_).has_value());
    const auto found = recover(files_, directories_, {.is_ensemble_member = true});
    ASSERT_TRUE(found.has_value()) << found.error().message;
    ASSERT_EQ(why_not_allowed(*found), "");
    while (!is_prefix(histories_.front(), *found)) histories_.erase(histories_.begin());
    histories_.resize(1);
    while (current().last() > found->last_logged) current().zxids.pop_back();
    current().acknowledged = found->last_logged;
    accepted_ = found->accepted_epoch;
    current_epoch_ = found->current_epoch;
    snapshot_zxid_ = found->snapshot_zxid;
    start(found->last_logged);
    crash_point_();
    begin_epoch();
  }

  void on_log_completion(LogCompletion completion) override {
    if (const auto* synced = std::get_if<LogSynced>(&completion)) {
      current().acknowledged = std::max(current().acknowledged, synced->zxid);
    } else if (const auto* written = std::get_if<EpochWritten>(&completion)) {
      (written->file == EpochFile::kAccepted ? accepted_ : current_epoch_) = written->epoch;
    } else if (std::holds_alternative<LogFailed>(completion)) {
      EXPECT_TRUE(is_ending_) << "log failed";
    }
    crash_point_();
  }
  void on_snapshot_completion(SnapshotCompletion completion) override {
    const bool has_failed = completion.what == SnapshotCompletion::What::kFailed;
    EXPECT_TRUE(is_ending_ || !has_failed) << completion.error.message;
    crash_point_();
  }
  void on_state_read(Incarnation, Result<Recovered>) override {}

 private:
  History& current() { return histories_.back(); }

  void start(Zxid last) {
    LogOptions options{directories_.log_version2(), directories_.snapshot_version2()};
    options.directories = directories_;
    options.preallocate_bytes = random_.one_in(3) ? 0 : 4096 << random_.below(3);
    options.batch_bytes_max = 1000u << random_.below(5);
    options.size_limit_bytes = random_.one_in(2) ? 0 : 20'000;
    options.on_fatal = [this](const Error& error) { EXPECT_TRUE(is_ending_) << error.message; };
    log_ = std::make_unique<LogWorker>(files_, options, last, *this);
    const SnapshotOptions kinds{directories_.snapshot_version2(), directories_.log_version2(),
                                static_cast<Compression>(random_.below(3)), true};
    snapshots_ = std::make_unique<SnapshotWorker>(files_, kinds, *this);
  }
  // So many operations are still carried out; then nothing more of it reaches the disk.
  void end_process_after(uint64_t operations) {
    files_.set_fault([operations](const auto&) mutable -> std::optional<Error> {
      if (operations > 0) return --operations, std::nullopt;
      return Error{Error::Kind::kOther, "the process is gone"};
    });
    is_ending_ = true;
    run();
    log_.reset();
    snapshots_.reset();
    files_.set_fault(nullptr);
    files_.end_process();
    is_ending_ = false;
  }
  // The two workers have a thread each: any order between them.
  void run() {
    while (true) {
      const bool is_log_first = random_.one_in(2);
      if (is_log_first && log_->step()) continue;
      if (snapshots_->step()) continue;
      if (!is_log_first && log_->step()) continue;
      return;
    }
  }
  void submit_appends() {
    for (uint64_t i = 1 + random_.below(12); i > 0; --i) {
      const Zxid zxid =
          current().last().epoch() < epoch_ ? Zxid::make(epoch_, 1) : current().last().next();
      current().zxids.push_back(zxid);
      log_->submit(AppendTxn{{1}, zxid, make_txn(zxid, random_.below(3000))});
    }
  }
  // So many transactions are kept; what a snapshot holds is committed.
  size_t cut_point() {
    const auto& zxids = current().zxids;
    size_t kept = zxids.size() - random_.below(std::min<size_t>(zxids.size(), 20) + 1);
    while (kept < zxids.size() && (kept == 0 ? Zxid{0} : zxids[kept - 1]) < snapshot_zxid_) ++kept;
    return kept;
  }
  void submit_snapshot(const History& history) {
    state::Database database;
    for (const Zxid zxid : history.zxids) database.apply(make_create(zxid), nullptr);
    snapshots_->submit(SnapshotBegin{++snapshot_id_, history.last()});
    const std::string body = txns::snapshot_of(database);
    for (size_t at = 0; at < body.size(); at += 5000) {
      snapshots_->submit(SnapshotChunk{snapshot_id_, body.substr(at, 5000)});
    }
    snapshots_->submit(SnapshotEnd{snapshot_id_, false, history.last(), 0});
  }

  const Directories directories_;
  Random random_;
  env::MemoryFileSystem files_;
  std::function<void()> crash_point_ = [] {};
  std::unique_ptr<LogWorker> log_;
  std::unique_ptr<SnapshotWorker> snapshots_;
  std::vector<History> histories_;  // the last one is that of the running server
  Epoch epoch_ = 0, accepted_ = 0, current_epoch_ = 0;
  Zxid snapshot_zxid_;
  uint64_t snapshot_id_ = 0;
  bool is_ending_ = false;
};

}  // namespace zooid::storage::test
