// Following: joins the learner machine with the connection to the leader, the log, the state, and
// the clients of this server, whose writes go to the leader.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "server/follower_pace.h"
#include "server/leader_link.h"
#include "server/leader_role.h"
#include "server/snapshot_taker.h"
#include "zab/learner.h"

namespace zooid::server {

class FollowerRole {
 public:
  // The leader is connected to after `pause_us`.
  FollowerRole(ReplicaCore& core, SnapshotTaker& snapshot_taker, const zab::Membership& membership,
               ServerId leader, int64_t pause_us, Now now);
  ~FollowerRole();

  void on_write(ClientWrite& write, Now now);
  void on_new_session(const NewSession& request, Now now);
  void on_attach(const AttachSession& request, Now now);
  void on_touch(const TouchSessions& touched, Now now);
  void on_log_synced(Zxid up_to, Now now);
  void on_log_truncated(const storage::LogTruncated& cut, Now now);
  void on_install_step(bool is_finished, Now now);
  void on_snapshot_worker_idle();
  // What is on disk behind the cut, where the tree was ahead of it.
  void on_state_read(Result<storage::Recovered> state, Now now);
  void on_epoch_written(storage::EpochFile file, Epoch epoch, Now now);
  void on_snapshot_event(SnapshotTaker::Event event);
  void on_step(Now now);
  int64_t next_deadline() const;
  size_t outstanding() const { return core_.pending_writes.size(); }
  void add_facts(ReplicaFacts& facts, Now now) const;
  RoleMilestones take_milestones() { return std::exchange(milestones_, {}); }
  ServerId leader() const { return leader_; }
  bool is_established() const { return established_; }
  bool has_heard_leader() const { return link_->has_heard(); }

 private:
  // What is under way with the log and the snapshot worker (each link an event of this role).
  enum class Install { kNone, kReceiving, kWriting, kMarking, kPublishing, kCutting };

  void carry_out(zab::LearnerEffects& effects, Now now);
  // Applies what is committed, completes the syncs that stand in between, then serves if it is to.
  void apply_committed(Now now);
  void append(zab::WindowTxn txn);
  void note_committed(Zxid up_to);
  // Reads from the leader, or not, or leaves: as the log's disk allows.
  void keep_pace(Now now);
  void forward_new_session(SessionId session, int32_t timeout_ms, Now now);
  void forward(ClientWrite& write, zab::LearnerEffects& effects);
  void begin_receiving(Zxid zxid);
  void on_snapshot_bytes(std::string_view bytes, Now now);
  void resume_if_written(Now now);
  void on_snapshot_stream(std::unique_ptr<state::Database> database, Now now);
  void establish(Epoch epoch, Now now);
  void on_truncated(Now now);
  size_t requests_in_flight_max() const;

  ReplicaCore& core_;
  SnapshotTaker& snapshot_taker_;
  zab::Membership membership_;
  ServerId leader_;
  std::unique_ptr<zab::Learner> machine_;
  std::unique_ptr<LeaderLink> link_;
  bool established_ = false;
  Install install_ = Install::kNone;
  uint64_t received_bytes_ = 0;    // of the leader's snapshot
  size_t unwritten_ = 0;           // of what was received, when last looked at
  int64_t resume_at_us_ = kNever;  // the leader is not read while much waits for the disk
  std::optional<Zxid> cutting_to_;
  bool is_cut_asked_ = false;
  std::unique_ptr<state::Database> received_;  // between its stream's end and install_snapshot
  std::map<SessionId, int32_t> touched_;       // since the last PING
  std::deque<AttachSession> attaching_;        // waiting for REVALIDATE answers, in order
  struct WaitingSync {
    Origin origin;
    int32_t xid;
  };
  std::deque<WaitingSync> syncs_;
  // Answered by the leader: each is complete when everything up to `after` is applied.
  struct DueSync {
    WaitingSync sync;
    Zxid after;
  };
  std::deque<DueSync> due_syncs_;
  Zxid apply_to_;           // everything up to here is committed
  bool is_behind_ = false;  // not all of that is applied yet
  std::optional<Epoch> to_establish_;
  FollowerPace pace_;
  // Appended and not committed: zxid and bytes.
  std::deque<std::pair<Zxid, size_t>> uncommitted_;
  size_t uncommitted_bytes_ = 0;
  Zxid last_appended_;
  bool is_level_ = false;         // a PING has shown that the leader had no more
  std::deque<ClientWrite> held_;  // beyond the bound of requests in flight (rule 23)
  RoleMilestones milestones_;
};

}  // namespace zooid::server
