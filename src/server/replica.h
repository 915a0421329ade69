// The replica: the one place where agreement (zab), state and storage meet. It owns the state and
// the role of this server, one role at a time, as a variant: nobody can touch a leader's fields in
// a follower. A role ends only in on_batch, never inside a callback, and the next one starts only
// when the log worker has reported everything it was given (rule 6).
#pragma once

#include <memory>
#include <optional>
#include <variant>

#include "server/election_journal.h"
#include "server/election_links.h"
#include "server/follower_role.h"
#include "server/leader_role.h"
#include "server/read_only_role.h"
#include "server/replica_core.h"
#include "server/service_report.h"
#include "server/snapshot_taker.h"
#include "server/standalone_role.h"
#include "zab/election.h"

namespace zooid::server {

class Replica : public env::Worker,
                public storage::LogCompletions,
                public storage::SnapshotCompletions,
                public storage::HistoryCompletions,
                public ElectionLinksEvents {
 public:
  // The waker is the loop's; completions of the workers and messages of the shards wake it.
  Replica(const config::ServerConfig& config, env::Network& network, env::FileSystem& files,
          const env::Clock& clock, uint64_t seed, env::Waker* waker, storage::Recovered recovered);
  ~Replica() override;

  void add_shard(ShardId id, ShardInbox& inbox) { core_.add_shard(id, inbox); }
  // Opens the election port and begins: an election, or serving as standalone server.
  Result<> start(Now now);

  ReplicaInbox& inbox() { return inbox_; }
  storage::LogWorker& log_worker() { return core_.log; }
  storage::SnapshotWorker& snapshot_worker() { return core_.snapshots; }
  storage::HistoryReader& history_reader() { return core_.history; }

  void on_batch(Now now) override;
  int64_t next_deadline() const override;

  // From any thread.
  void on_log_completion(storage::LogCompletion completion) override;
  void on_snapshot_completion(storage::SnapshotCompletion completion) override;
  void on_state_read(Incarnation role, Result<storage::Recovered> state) override;
  void on_history_completion(storage::HistoryCompletion completion) override;

  // From the election links, on the loop.
  void on_notification(ServerId from, const wire::Notification& notification) override;
  void on_peer_connected(ServerId peer) override;
  void on_peer_refused(ServerId peer) override;

  // Proposals and forwarded writes without a reply yet: a clean end waits for them a moment.
  size_t outstanding() const;
  // Ends the role in good order (process end): peers and clients see their connections close.
  void stop(const std::string& reason);

  // For tests, the simulator and inspection on the same thread.
  const ReplicaCore& core() const { return core_; }
  ReplicaCore& core_for_start() { return core_; }
  bool is_leading() const;
  bool is_taking_snapshot() const { return snapshot_taker_.is_active(); }
  // What autopurge.purgeInterval does in its time: old files go.
  void purge();
  // Why this server must leave the ensemble and the process end (rule 14); nullopt otherwise.
  const std::optional<std::string>& fatal() const { return fatal_; }
  const ElectionJournal& journal() const { return journal_; }

 private:
  // The snapshot worker has done everything that an ended role had given it.
  struct SnapshotWorkerIdle {
    Incarnation role;
  };
  struct StateRead {
    Incarnation role;
    Result<storage::Recovered> state;
  };
  using Completion = std::variant<storage::LogCompletion, storage::SnapshotCompletion,
                                  storage::HistoryCompletion, SnapshotWorkerIdle, StateRead>;
  struct Looking {
    int64_t read_only_at_us = kNever;
    int64_t report_at_us = kNever;  // what is known so far is kept, for `zooid explain`
    std::unique_ptr<ReadOnlyRole> read_only;
  };
  // A role has ended; the log worker's barrier has not come back yet.
  struct Waiting {
    std::string why;
    bool log_ready = false;
    bool snapshots_ready = false;
    bool is_reading = false;  // the state, from disk
  };
  // The log cannot be written: the disk is full, or the file system takes no writes any more (rule
  // 30). Part of no quorum until the log worker has found out that it can write again.
  struct CannotWrite {
    static constexpr int64_t kTryEveryUs = 3'000'000;
    std::string trouble;
    int64_t try_at_us = 0;      // kNever: the log worker is at it
    uint64_t wanted_bytes = 0;  // besides what the log itself needs
    bool is_space = false;      // that, and nothing else, is missing
  };
  struct Stopped {};
  using Role = std::variant<Waiting, Looking, CannotWrite, Stopped, std::unique_ptr<StandaloneRole>,
                            std::unique_ptr<LeaderRole>, std::unique_ptr<FollowerRole>>;

  // Calls f with the serving role, if there is one.
  template <class F>
  void with_role(F f);

  void take_messages(Now now);
  void drop_messages();
  void handle(ToReplica& message, Now now);
  void handle(storage::LogCompletion& completion, Now now);
  void handle(storage::SnapshotCompletion& completion, Now now);
  void handle(storage::HistoryCompletion& completion, Now now);
  void handle(SnapshotWorkerIdle& idle, Now now);
  void handle(StateRead& read, Now now);
  void inspect(const Inspect& request, Now now);
  void add_sessions(ReplicaFacts& facts, Now now);
  void add_role_facts(ReplicaFacts& facts, Now now);
  void end_role(const std::string& why, Now now);
  // The workers are asked to tell when they are done with the former role.
  void await_workers(std::string why);
  void begin_role_if_ready(Now now);
  void begin_role(Now now);
  // What happens between two roles with data that this server cannot go on with
  // (replica_data.cc). False: the next role has to wait.
  bool bring_data_in_order();
  void on_unreadable_state(const Error& error);
  // NEWLEADER is acknowledged, so all that counts is here.
  void on_filled();
  void on_history_given_up(const storage::HistoryGivenUp& given_up, Now now);
  void on_log_failed(const storage::LogFailed& failed, Now now);
  void try_writing(CannotWrite& role);
  void on_writing_tried(const storage::LogWritable& writable, Now now);
  void serve_read_only_if_due(Now now);
  void carry_out(zab::ElectionEffects& effects, Now now);
  void start_role(const zab::Decision& decision, Now now);
  void report_milestones(Now now);
  void write_records();
  void write_looking_if_due(Now now);
  // What people are told (replica_report.cc).
  void tell_election(const std::string& line);
  void tell_untrusted(Now now);
  void tell_cannot_write(const CannotWrite& role, Now now);
  ServiceGap service_gap() const;
  void report_service(Now now);
  void notice_pause(Now now);
  void purge_if_due(Now now);
  void sync_record_if_due(Now now);

  ReplicaCore core_;
  ReplicaInbox inbox_;
  runtime::Inbox<Completion> completions_;
  SnapshotTaker snapshot_taker_;
  ElectionJournal journal_;
  zab::ServerSet hearsay_told_;  // of this election: voters named in votes that may be forged
  zab::Membership membership_;
  std::optional<zab::Election> election_;
  std::unique_ptr<ElectionLinks> links_;
  Role role_;
  std::optional<zab::Decision> decided_;
  std::vector<ToReplica> messages_;
  size_t next_message_ = 0;  // those before it were handled
  std::vector<Completion> done_;
  // Inspections that wait for the sizes of the directories, by ticket.
  struct WaitingFacts {
    Origin origin;
    std::shared_ptr<ReplicaFacts> facts;
  };
  std::map<uint64_t, WaitingFacts> measuring_;
  uint64_t last_ticket_ = 0;
  int64_t detected_us_ = 0;
  int64_t expected_wake_us_ = kNever;
  int64_t purge_at_us_ = kNever;
  int64_t sync_record_at_us_ = kNever;
  int64_t started_us_ = 0;
  std::optional<std::string> fatal_;
  bool is_giving_up_ = false;
  uint32_t failed_attempts_ = 0;  // to follow, in a row
  ServiceReport service_;
  std::map<ServerId, int64_t> heard_us_;  // voters' last messages on election connections
  LineLimit elections_told_;
  LineLimit untrusted_told_;
  LineLimit write_trouble_told_;
  std::string last_election_told_;
};

}  // namespace zooid::server
