// How a follower's history becomes its leader's: a SNAP that is received, written and installed
// (storage/snapshot_install.h), a TRUNC that cuts the log.
#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "server/follower_role.h"

namespace zooid::server {
namespace {

// What a node costs in a snapshot besides its data: Stat, path and lengths of an ordinary one.
constexpr uint64_t kSnapshotNodeBytes = 120;
// Of a leader's snapshot, received and not yet written: beyond it the leader is not read for a
// while.
constexpr size_t kUnwrittenBytesMax = 16u << 20;
constexpr int64_t kUnwrittenLookUs = 2'000;

}  // namespace

// The stream is the body of a snapshot file, so it is written as it arrives; until it is published
// nobody sees the file.
void FollowerRole::begin_receiving(Zxid zxid) {
  ASSERT(install_ == Install::kNone);
  link_->expect_snapshot(zxid, core_.database_options());
  snapshot_taker_.abort();
  snapshot_taker_.begin_received(zxid);
  install_ = Install::kReceiving;
}

void FollowerRole::on_snapshot_bytes(std::string_view bytes, Now now) {
  machine_->on_snapshot_progress(now);
  snapshot_taker_.receive(bytes);
  received_bytes_ += bytes.size();
  unwritten_ = snapshot_taker_.backlog();
  if (unwritten_ <= kUnwrittenBytesMax || resume_at_us_ != kNever) return;
  MARK("follower.snapshot_waits_for_disk");
  link_->pause_reading();
  resume_at_us_ = now.mono_us + kUnwrittenLookUs;
}

// A disk that writes is progress like a leader that sends.
void FollowerRole::resume_if_written(Now now) {
  const size_t left = snapshot_taker_.backlog();
  if (left < std::exchange(unwritten_, left)) machine_->on_snapshot_progress(now);
  resume_at_us_ = now.mono_us + kUnwrittenLookUs;
  if (left > kUnwrittenBytesMax / 2) return;
  resume_at_us_ = kNever;
  link_->resume_reading();
}

void FollowerRole::on_snapshot_stream(std::unique_ptr<state::Database> database, Now now) {
  received_ = std::move(database);
  received_->set_fuzzy_end(state::kFuzzyEndUnknown);  // see ReplicaCore::serve
  zab::LearnerEffects effects;
  machine_->on_snapshot_received(now, effects);
  carry_out(effects, now);
}

void FollowerRole::on_snapshot_event(SnapshotTaker::Event event) {
  if (install_ == Install::kNone) return;
  switch (event) {
    case SnapshotTaker::Event::kNone:
      return;
    case SnapshotTaker::Event::kFailed:
      // The next attempt would send it all again: not before there is room for it.
      core_.disk_trouble = ReplicaCore::DiskTrouble{
          "the leader's snapshot cannot be written: " + snapshot_taker_.failure(),
          std::max(static_cast<uint64_t>(core_.database->tree().data_size()) +
                       core_.database->tree().node_count() * kSnapshotNodeBytes,
                   2 * received_bytes_)};  // how much was still to come is not known
      core_.request_end(core_.disk_trouble->what);
      return;
    case SnapshotTaker::Event::kDurable:
      ASSERT(install_ == Install::kWriting);
      install_ = Install::kMarking;
      core_.log.submit(
          storage::BeginInstall{core_.incarnation,
                                {machine_->epoch(), core_.database->last_zxid(),
                                 core_.is_untrusted ? kZxidUntrusted : core_.last_logged}});
      return;
    case SnapshotTaker::Event::kPublished:
      ASSERT(install_ == Install::kPublishing);
      install_ = Install::kCutting;
      core_.log.submit(storage::FinishInstall{core_.incarnation});
      return;
  }
}

void FollowerRole::on_install_step(bool is_finished, Now now) {
  if (!is_finished) {
    ASSERT(install_ == Install::kMarking);
    install_ = Install::kPublishing;
    return snapshot_taker_.publish();
  }
  ASSERT(install_ == Install::kCutting);
  install_ = Install::kNone;
  core_.last_logged = core_.database->last_zxid();
  core_.base_zxid = core_.database->last_zxid();
  core_.needs_reload = false;
  zab::LearnerEffects effects;
  machine_->on_snapshot_installed(now, effects);
  carry_out(effects, now);
}

void FollowerRole::on_snapshot_worker_idle() {
  if (!cutting_to_ || is_cut_asked_ || core_.end_requested()) return;
  is_cut_asked_ = true;
  core_.needs_reload = true;
  core_.log.submit(storage::TruncateLog{core_.incarnation, *cutting_to_});
}

void FollowerRole::on_log_truncated(const storage::LogTruncated& cut, Now now) {
  if (!cutting_to_) return;
  const Zxid target = *std::exchange(cutting_to_, std::nullopt);
  if (!cut.is_cut) {
    MARK("follower.log_cannot_be_cut");
    core_.give_up = ReplicaCore::GiveUp{
        fmt::format("the leader's history ends with 0x{:x}, where this log cannot be cut: {}",
                    static_cast<uint64_t>(target.value), cut.why),
        true};
    core_.request_end(core_.give_up->why);
    return;
  }
  core_.last_logged = cut.last;
  core_.window.cut_after(cut.last);
  if (cut.last < target) {
    // This history never had what the leader's ends with: it rejoins with what is common, and is
    // sent the rest.
    MARK("follower.cut_below_target");
    core_.request_end("the history here ends before the leader's, behind what was cut off");
    return;
  }
  if (core_.database->last_zxid() > target) {
    MARK("follower.reload_after_trunc");
    core_.reload();
    return;
  }
  on_truncated(now);
}

void FollowerRole::on_state_read(Result<storage::Recovered> state, Now now) {
  if (!state) {
    log::error("reload after TRUNC failed: {}", state.error().message);
    if (state.error().kind == Error::Kind::kCorrupt) {
      core_.give_up = ReplicaCore::GiveUp{state.error().message};
    }
    core_.request_end("the data cannot be reloaded after TRUNC");
    return;
  }
  core_.take_state(std::move(*state));
  on_truncated(now);
}

void FollowerRole::on_truncated(Now now) {
  core_.needs_reload = false;
  zab::LearnerEffects effects;
  machine_->on_truncated(now, effects);
  carry_out(effects, now);
}

}  // namespace zooid::server
