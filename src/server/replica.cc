#include "server/replica.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/assert.h"
#include "base/duration_text.h"
#include "base/log.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "base/step_part.h"
#include "storage/synced_record.h"
#include "zab/attempt_pace.h"

namespace zooid::server {
namespace {

constexpr int64_t kHourUs = 3'600'000'000;
// Where nothing deletes old files, their space is told of so often (rule 34).
constexpr int64_t kWarnEveryHours = 24;
// While transactions are logged (storage/synced_record.h).
constexpr int64_t kSyncRecordEveryUs = 1'000'000;

}  // namespace

Replica::Replica(const config::ServerConfig& config, env::Network& network, env::FileSystem& files,
                 const env::Clock& clock, uint64_t seed, env::Waker* waker,
                 storage::Recovered recovered)
    : core_(config, network, files, clock, seed, *this, *this, *this, std::move(recovered)),
      inbox_(waker),
      completions_(waker),
      snapshot_taker_(core_),
      journal_(core_),
      membership_(config.membership),
      role_(Waiting{"server started"}) {
  core_.await_snapshot_worker = [this] {
    core_.snapshots.submit(storage::Dispose{
        [this, role = core_.incarnation] { completions_.push(SnapshotWorkerIdle{role}); }});
  };
}

Replica::~Replica() = default;

Result<> Replica::start(Now now) {
  started_us_ = now.mono_us;
  detected_us_ = now.mono_us;
  purge_at_us_ = now.mono_us;
  if (core_.config.is_ensemble()) {
    zab::ElectionOptions options;
    options.end_early = core_.config.end_election_early;
    election_.emplace(core_.self(), membership_, options);
    ElectionLinksOptions links_options;
    links_options.connect_timeout_ms = core_.config.connect_timeout_ms;
    links_options.hello_timeout_ms = core_.config.sync_limit * core_.config.tick_ms;
    links_options.listen_on_all_ips = core_.config.listen_on_all_ips;
    links_ = std::make_unique<ElectionLinks>(core_.network, core_.clock, core_.self(), membership_,
                                             links_options, *this);
    TRY(links_->start());
  }
  const size_t voters = core_.config.is_ensemble() ? membership_.voters().size() : 0;
  service_.on_start(voters, voters / 2 + 1, now);
  await_workers("server started");
  return {};
}

template <class F>
void Replica::with_role(F f) {
  if (auto* standalone = std::get_if<std::unique_ptr<StandaloneRole>>(&role_)) f(**standalone);
  if (auto* leader = std::get_if<std::unique_ptr<LeaderRole>>(&role_)) f(**leader);
  if (auto* follower = std::get_if<std::unique_ptr<FollowerRole>>(&role_)) f(**follower);
  if (auto* looking = std::get_if<Looking>(&role_); looking != nullptr && looking->read_only) {
    f(*looking->read_only);
  }
}

void Replica::on_log_completion(storage::LogCompletion completion) {
  completions_.push(std::move(completion));
}

void Replica::on_snapshot_completion(storage::SnapshotCompletion completion) {
  completions_.push(std::move(completion));
}

void Replica::on_state_read(Incarnation role, Result<storage::Recovered> state) {
  completions_.push(StateRead{role, std::move(state)});
}

void Replica::on_history_completion(storage::HistoryCompletion completion) {
  completions_.push(std::move(completion));
}

void Replica::on_batch(Now now) {
  step_part("replica", "completions");
  notice_pause(now);
  completions_.take_all(done_);
  for (Completion& completion : done_) {
    std::visit([&](auto& what) { handle(what, now); }, completion);
  }
  step_part("replica", "requests");
  take_messages(now);

  if (auto* mute = std::get_if<CannotWrite>(&role_);
      mute != nullptr && now.mono_us >= mute->try_at_us) {
    try_writing(*mute);
  }
  if (links_ != nullptr) {
    if (auto listening = links_->on_batch(now); !listening && !fatal_) {
      fatal_ = "it cannot take part in elections: " + listening.error().message;
    }
  }
  if (election_ && now.mono_us >= election_->next_deadline()) {
    zab::ElectionEffects effects;
    election_->on_timer(now, effects);
    carry_out(effects, now);
  }
  serve_read_only_if_due(now);
  step_part("replica", "start of a role");
  if (decided_) start_role(*std::exchange(decided_, std::nullopt), now);
  step_part("replica", "step of the role");
  core_.applying.begin();
  if (!core_.end_requested()) with_role([&](auto& role) { role.on_step(now); });
  report_milestones(now);
  step_part("replica", "end of a role");
  if (const auto why = core_.take_end_request()) end_role(*why, now);
  step_part("replica", "snapshot");
  if (snapshot_taker_.is_due(now) && core_.is_serving() && !core_.is_read_only()) {
    snapshot_taker_.start();
  }
  snapshot_taker_.step(now);
  step_part("replica", "purge and records");
  purge_if_due(now);
  sync_record_if_due(now);
  write_records();
  write_looking_if_due(now);
  report_service(now);
  expected_wake_us_ = next_deadline();
}

int64_t Replica::next_deadline() const {
  if (decided_ || core_.end_requested() || next_message_ < messages_.size()) return 0;
  int64_t deadline = std::min({snapshot_taker_.next_deadline(), purge_at_us_, sync_record_at_us_,
                               service_.next_deadline()});
  if (links_ != nullptr) deadline = std::min(deadline, links_->next_deadline());
  if (election_) deadline = std::min(deadline, election_->next_deadline());
  if (const auto* mute = std::get_if<CannotWrite>(&role_)) {
    deadline = std::min(deadline, mute->try_at_us);
  }
  if (const auto* looking = std::get_if<Looking>(&role_)) {
    deadline = std::min({deadline, looking->read_only_at_us, looking->report_at_us});
  }
  const_cast<Replica*>(this)->with_role(
      [&](auto& role) { deadline = std::min(deadline, role.next_deadline()); });
  return deadline;
}

// Rule 18: when this process itself stood still, its sessions are not to be blamed for the silence.
void Replica::notice_pause(Now now) {
  if (expected_wake_us_ == kNever || expected_wake_us_ == 0) return;
  const int64_t late_us = now.mono_us - expected_wake_us_;
  const int64_t allowed_us = ms_to_us(core_.config.tick_ms) / 2;
  if (late_us <= allowed_us) return;
  MARK("replica.noticed_pause");
  log::warn("this process stood still for {}; the sessions' deadlines are moved",
            duration_text(late_us));
  Primary* primary = nullptr;
  if (auto* leader = std::get_if<std::unique_ptr<LeaderRole>>(&role_))
    primary = (*leader)->primary();
  if (auto* alone = std::get_if<std::unique_ptr<StandaloneRole>>(&role_)) {
    primary = &(*alone)->primary();
  }
  if (primary != nullptr) primary->tracker().postpone_all(late_us);
  core_.local_sessions.postpone_all(late_us);
  const int64_t sync_us = ms_to_us(int64_t{core_.config.tick_ms} * core_.config.sync_limit);
  const bool has_peers = membership_.voters().size() > 1;
  if (late_us > sync_us && has_peers && core_.is_serving() && !core_.is_read_only()) {
    // The others have given it up, and may have gone on without it.
    MARK("replica.stood_still_for_too_long");
    core_.request_end(
        fmt::format("this process stood still for {} ms, longer than syncLimit", late_us / 1000));
  }
}

void Replica::handle(ToReplica& message, Now now) {
  if (auto* inspection = std::get_if<Inspect>(&message)) return inspect(*inspection, now);
  if (auto* gone = std::get_if<ConnectionGone>(&message)) {
    if (gone->session != kNoSession) core_.unbind_session(gone->session, gone->origin);
    return;
  }
  if (core_.end_requested()) return;
  with_role([&](auto& role) {
    if (auto* write = std::get_if<ClientWrite>(&message)) role.on_write(*write, now);
    if (auto* session = std::get_if<NewSession>(&message)) role.on_new_session(*session, now);
    if (auto* attach = std::get_if<AttachSession>(&message)) role.on_attach(*attach, now);
    if (auto* touch = std::get_if<TouchSessions>(&message)) role.on_touch(*touch, now);
  });
}

void Replica::handle(storage::LogCompletion& completion, Now now) {
  const Incarnation of = std::visit([](const auto& what) { return what.role; }, completion);
  if (of != core_.incarnation && !is_planted(PlantedBug::kNoIncarnationCheck)) {
    MARK("replica.stale_completion");
    return;
  }
  if (auto* passed = std::get_if<storage::LogBarrierPassed>(&completion)) {
    core_.last_logged = std::max(passed->last_durable, core_.base_zxid);
    core_.window.cut_after(core_.last_logged);
    if (auto* waiting = std::get_if<Waiting>(&role_)) waiting->log_ready = true;
    begin_role_if_ready(now);
  } else if (auto* synced = std::get_if<storage::LogSynced>(&completion)) {
    core_.last_logged = std::max(core_.last_logged, synced->zxid);
    if (sync_record_at_us_ == kNever) sync_record_at_us_ = now.mono_us + kSyncRecordEveryUs;
    if (!core_.end_requested()) {
      with_role([&](auto& role) { role.on_log_synced(synced->zxid, now); });
    }
  } else if (auto* written = std::get_if<storage::EpochWritten>(&completion)) {
    (written->file == storage::EpochFile::kAccepted ? core_.accepted_epoch : core_.current_epoch) =
        written->epoch;
    if (auto* leader = std::get_if<std::unique_ptr<LeaderRole>>(&role_)) {
      (*leader)->on_epoch_written(written->file, written->epoch, now);
    } else if (auto* follower = std::get_if<std::unique_ptr<FollowerRole>>(&role_)) {
      (*follower)->on_epoch_written(written->file, written->epoch, now);
    }
  } else if (auto* cut = std::get_if<storage::LogTruncated>(&completion)) {
    if (auto* follower = std::get_if<std::unique_ptr<FollowerRole>>(&role_)) {
      (*follower)->on_log_truncated(*cut, now);
    }
  } else if (auto* install = std::get_if<storage::InstallStep>(&completion)) {
    if (auto* follower = std::get_if<std::unique_ptr<FollowerRole>>(&role_)) {
      (*follower)->on_install_step(install->is_finished, now);
    }
  } else if (auto* given_up = std::get_if<storage::HistoryGivenUp>(&completion)) {
    on_history_given_up(*given_up, now);
  } else if (auto* failed = std::get_if<storage::LogFailed>(&completion)) {
    on_log_failed(*failed, now);
  } else if (auto* writable = std::get_if<storage::LogWritable>(&completion)) {
    on_writing_tried(*writable, now);
  }
}

void Replica::handle(storage::SnapshotCompletion& completion, Now now) {
  const SnapshotTaker::Event event = snapshot_taker_.on_completion(completion, now);
  if (auto* follower = std::get_if<std::unique_ptr<FollowerRole>>(&role_);
      follower != nullptr && event != SnapshotTaker::Event::kNone) {
    (*follower)->on_snapshot_event(event);
  }
}

void Replica::handle(storage::HistoryCompletion& completion, Now now) {
  if (const auto* measured = std::get_if<storage::DirectoriesMeasured>(&completion)) {
    const auto waiting = measuring_.extract(measured->ticket);
    if (waiting.empty()) return;
    auto& [origin, facts] = waiting.mapped();
    facts->data_dir_bytes = measured->data_bytes;
    facts->log_dir_bytes = measured->log_bytes;
    return core_.tell(origin.shard, InspectReply{origin.connection, facts});
  }
  auto* leader = std::get_if<std::unique_ptr<LeaderRole>>(&role_);
  if (leader == nullptr || core_.end_requested()) return MARK("replica.history_of_ended_role");
  if (auto* read = std::get_if<storage::HistoryRead>(&completion)) {
    if (read->role == core_.incarnation) (*leader)->on_history(*read, now);
  } else if (auto* found = std::get_if<storage::ReachFound>(&completion)) {
    if (found->role == core_.incarnation) (*leader)->on_reach(*found, now);
  }
}

void Replica::handle(SnapshotWorkerIdle& idle, Now now) {
  if (idle.role != core_.incarnation) return;
  if (auto* follower = std::get_if<std::unique_ptr<FollowerRole>>(&role_)) {
    (*follower)->on_snapshot_worker_idle();
  }
  auto* waiting = std::get_if<Waiting>(&role_);
  if (waiting == nullptr) return;
  waiting->snapshots_ready = true;
  begin_role_if_ready(now);
}

void Replica::handle(StateRead& read, Now now) {
  if (read.role != core_.incarnation) return MARK("replica.stale_state");
  if (auto* follower = std::get_if<std::unique_ptr<FollowerRole>>(&role_)) {
    return (*follower)->on_state_read(std::move(read.state), now);
  }
  auto* waiting = std::get_if<Waiting>(&role_);
  if (waiting == nullptr) return;
  ASSERT(waiting->is_reading);
  waiting->is_reading = false;
  if (!read.state) {
    on_unreadable_state(read.state.error());
  } else {
    core_.take_state(std::move(*read.state));
  }
  begin_role_if_ready(now);
}

void Replica::await_workers(std::string why) {
  role_ = Waiting{std::move(why)};
  core_.log.submit(storage::LogBarrier{core_.incarnation});
  core_.await_snapshot_worker();
}

void Replica::begin_role_if_ready(Now now) {
  auto* waiting = std::get_if<Waiting>(&role_);
  if (waiting == nullptr || !waiting->log_ready || !waiting->snapshots_ready || fatal_) return;
  if (waiting->is_reading) return;
  if (bring_data_in_order() && !fatal_) begin_role(now);
}

void Replica::end_role(const std::string& why, Now now) {
  const bool was_in_role = !std::holds_alternative<Waiting>(role_);
  if (!was_in_role) return;
  if (!core_.is_serving()) log::debug("role ends: {}", why);
  service_.on_lost(why, now);
  detected_us_ = now.mono_us;
  if (const auto* follower = std::get_if<std::unique_ptr<FollowerRole>>(&role_)) {
    const bool has_failed = !(*follower)->is_established() && (*follower)->has_heard_leader();
    failed_attempts_ = has_failed ? failed_attempts_ + 1 : 0;
  }
  // The role owns its peer connections: ending it closes them.
  role_ = Waiting{why};
  core_.take_end_request();
  core_.stop_serving(why);
  drop_messages();
  if (election_) election_->on_role_ended();
  core_.snapshots.stop_reading();
  if (core_.needs_reload) snapshot_taker_.abort();
  core_.incarnation.value += 1;
  if (auto trouble = std::exchange(core_.disk_trouble, std::nullopt)) {
    MARK("replica.snapshot_not_written");
    role_ = CannotWrite{std::move(trouble->what), now.mono_us + CannotWrite::kTryEveryUs,
                        trouble->wanted_bytes, true};
    tell_cannot_write(std::get<CannotWrite>(role_), now);
    return;
  }
  await_workers(why);
}

void Replica::begin_role(Now now) {
  const std::string why = std::get<Waiting>(role_).why;
  if (!core_.config.is_ensemble()) {
    core_.apply_window(core_.last_logged);  // durable is committed; the former role may have lagged
    role_ = std::make_unique<StandaloneRole>(core_, now);
    return;
  }
  constexpr int64_t kReportAfterUs = 500'000;  // most elections take less
  Looking looking;
  looking.report_at_us = now.mono_us + kReportAfterUs;
  tell_untrusted(now);
  // A state that is known to be empty by accident, or a mixture, is shown to nobody.
  const bool can_be_read = !core_.is_untrusted && core_.database->is_whole();
  if (core_.config.read_only_mode_enabled && !can_be_read) MARK("replica.not_whole_not_served");
  if (core_.config.read_only_mode_enabled && can_be_read) {
    looking.read_only_at_us = now.mono_us + ReadOnlyRole::patience_us(core_.config);
  }
  role_ = std::move(looking);
  zab::ElectionEffects effects;
  links_->begin_round();
  hearsay_told_.clear();
  Zxid zxid = core_.is_untrusted ? kZxidUntrusted : core_.last_logged;
  if (is_planted(PlantedBug::kVoteWithTreeVersion)) zxid = core_.database->last_zxid();
  election_->look(zxid, core_.is_untrusted ? 0 : core_.current_epoch, why, detected_us_, now,
                  effects);
  carry_out(effects, now);
}

void Replica::serve_read_only_if_due(Now now) {
  auto* looking = std::get_if<Looking>(&role_);
  if (looking == nullptr || now.mono_us < looking->read_only_at_us || decided_) return;
  log::info(
      "no leader is found: serving reads, as of zxid 0x{:x}, to clients that accept a read-only "
      "server",
      core_.database->last_zxid().value);
  looking->read_only_at_us = kNever;
  looking->read_only = std::make_unique<ReadOnlyRole>(core_);
}

void Replica::start_role(const zab::Decision& decision, Now now) {
  if (!std::holds_alternative<Looking>(role_)) return;
  // The clients of a read-only server come back to one that is part of a quorum.
  if (core_.is_read_only()) core_.stop_serving("read-only mode ends");
  write_records();
  log::debug("decided in round {} for server {} (epoch {}, zxid 0x{:x}); this server is {}",
             decision.vote.round, decision.vote.leader.value, decision.vote.epoch,
             decision.vote.zxid.value, wire::peer_state_name(decision.role));
  if (decision.role == wire::PeerState::kLeading) {
    role_ = std::make_unique<LeaderRole>(core_, membership_, now);
  } else {
    role_ =
        std::make_unique<FollowerRole>(core_, snapshot_taker_, membership_, decision.vote.leader,
                                       zab::pause_after_failures(failed_attempts_), now);
  }
}

void Replica::report_milestones(Now now) {
  if (!election_) return;
  RoleMilestones reached;
  if (auto* leader = std::get_if<std::unique_ptr<LeaderRole>>(&role_)) {
    reached = (*leader)->take_milestones();
  } else if (auto* follower = std::get_if<std::unique_ptr<FollowerRole>>(&role_)) {
    reached = (*follower)->take_milestones();
    if (reached.synchronised) on_filled();
  }
  if (reached.promised) election_->on_epoch_promised(*reached.promised, now);
  if (reached.synchronised) election_->on_synchronised(now, *reached.synchronised);
  if (reached.established) election_->on_epoch_established(*reached.established, now);
  if (reached.first_commit) election_->on_first_commit(now);
}

void Replica::write_looking_if_due(Now now) {
  constexpr int64_t kEveryUs = 2'000'000;
  auto* looking = std::get_if<Looking>(&role_);
  if (looking == nullptr || now.mono_us < looking->report_at_us) return;
  looking->report_at_us = now.mono_us + kEveryUs;
  if (const auto report = election_->looking_report(now)) journal_.put_looking(*report);
}

void Replica::purge_if_due(Now now) {
  if (now.mono_us < purge_at_us_) return;
  const int32_t hours = core_.config.purge_interval_hours;
  purge_at_us_ = now.mono_us + (hours > 0 ? hours : kWarnEveryHours) * kHourUs;
  if (hours > 0) return purge();
  core_.snapshots.submit(storage::WarnOfOldFiles{core_.config.purge_retain_count});
}

// Without it the record is as old after a loss of power as the system left it, and what turned bad
// meanwhile cannot be told from a write that was cut short.
void Replica::sync_record_if_due(Now now) {
  if (now.mono_us < sync_record_at_us_) return;
  sync_record_at_us_ = kNever;
  if (!core_.config.force_sync) return;
  core_.snapshots.submit(storage::SyncHint{storage::synced_record_path(core_.directories.own())});
}

void Replica::purge() {
  core_.snapshots.submit(storage::PurgeFiles{core_.config.purge_retain_count});
}

void Replica::add_role_facts(ReplicaFacts& facts, Now now) {
  with_role([&](auto& role) { role.add_facts(facts, now); });
}

size_t Replica::outstanding() const {
  size_t count = 0;
  const_cast<Replica*>(this)->with_role([&](auto& role) { count = role.outstanding(); });
  return count;
}

bool Replica::is_leading() const {
  const auto* leader = std::get_if<std::unique_ptr<LeaderRole>>(&role_);
  return leader != nullptr && (*leader)->is_established();
}

void Replica::stop(const std::string& reason) {
  core_.snapshots.stop_reading();
  snapshot_taker_.abort();
  role_ = Stopped{};
  service_.stop();
  core_.stop_serving(reason);
  links_.reset();
  election_.reset();
}

}  // namespace zooid::server
