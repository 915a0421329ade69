// The leader's side of the quorum protocol (quorum-protocol 3.2, 3.3, 4, 6), pure: discovery,
// synchronisation, broadcast, liveness. Knows transactions as bytes with a zxid.
//
// Owned by the replica while it leads; dropped with the role. Bytes for a learner are pulled by
// pump(): the window of transactions is shared, each learner is a cursor into it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "wire/quorum_packet.h"
#include "zab/membership.h"
#include "zab/sync_plan.h"

namespace zooid::zab {

// A learner connection of this leadership; numbered by the owner from 1, never reused.
using LearnerKey = uint64_t;

struct LeaderOptions {
  int64_t tick_ms = 2000;
  int32_t init_limit = 10;
  int32_t sync_limit = 5;
  double snapshot_size_factor = 0.33;
  int32_t txn_bytes_max = wire::kMaxRecordBufferDefault;  // rule 13
  // reconfigEnabled: a configuration without a version gets epoch << 32 in NEWLEADER. Without it
  // NEWLEADER says version 0 for ever.
  bool versions_configuration = true;
  uint32_t counter_max = 0xffffffff;  // no transaction gets it: leading ends for a new epoch
};

struct LeaderStart {
  ServerId self;
  Membership membership;  // committed; version 0 gets epoch << 32 in the NEWLEADER text
  Epoch accepted_epoch = 0;
  Epoch current_epoch = 0;
  // Durable. Everything up to it is this leader's history (rule 5): the owner has applied it before
  // a snapshot begins, and before it carries out `established`.
  Zxid last_logged;
};

struct LeaderEffects {
  // Durable storage asked for, in this order. epoch files before appends of the same step.
  std::optional<Epoch> persist_accepted_epoch;
  std::optional<Epoch> persist_current_epoch;
  std::vector<WindowTxn> appends;
  // Everything up to here is committed now: apply it.
  std::optional<Zxid> committed;
  // A quorum acknowledged NEWLEADER: serve clients. zxids continue at epoch << 32.
  std::optional<Epoch> established;
  std::optional<Epoch>
      promised;  // the epoch is fixed and a quorum acknowledged it (for the record)
  // The leadership is over; the role must end and this is why.
  std::optional<std::string> abdicate;
  // Learner connections to be closed, with the reason.
  std::vector<std::pair<LearnerKey, std::string>> close;
  // These learners have acknowledged NEWLEADER: they follow (for people).
  std::vector<LearnerKey> synced;
  // Start a snapshot stream to the learner (its SNAP packet is the last thing pumped); tell
  // on_snapshot_sent when the stream and its signature were appended.
  std::vector<LearnerKey> snapshots;
  // Transactions (after, up_to] are wanted from the log files; answer with on_history, in order and
  // in slices. After each slice the learner asks again.
  struct History {
    LearnerKey learner;
    Zxid after;
    Zxid up_to;
  };
  std::vector<History> history;
  // What the window does not reach: answer with on_disk_reach.
  struct AskReach {
    LearnerKey learner;
    Zxid zxid;
  };
  std::vector<AskReach> reach;
  // Forwarded requests, touched sessions, revalidations: for the session tracker and the preparer.
  struct Request {
    LearnerKey learner;
    wire::QuorumPacket packet;  // REQUEST; data read by wire::read_forwarded_request
  };
  std::vector<Request> requests;
  struct Touch {
    SessionId session;
    int32_t timeout_ms;
    LearnerKey learner;
  };
  std::vector<Touch> touches;
  struct Revalidate {
    LearnerKey learner;
    SessionId session;
    int32_t timeout_ms;
  };
  std::vector<Revalidate> revalidations;
  // This was still the leader when this round of confirm() began, and when any before it did.
  std::optional<uint64_t> confirmed;
};

struct LearnerStatus {  // for mntr and the console
  LearnerKey key;
  ServerId server;
  bool is_observer = false;
  bool is_synced = false;  // counts in the forwarding set
  Zxid acked;
  std::string sync;  // "DIFF", "TRUNC", "SNAP" and counts
};

class Leader {
 public:
  // `window` is shared with the replica, outlives the leader, and holds the history before this
  // leadership. Discovery starts at once.
  Leader(LeaderStart start, LeaderOptions options, TxnWindow& window, Now now,
         LeaderEffects& effects);
  ~Leader();

  void on_learner_connected(LearnerKey key, Now now);
  void on_learner_packet(LearnerKey key, const wire::QuorumPacket& packet, Now now,
                         LeaderEffects& effects);
  void on_learner_closed(LearnerKey key, Now now, LeaderEffects& effects);

  // Completions of what was asked for.
  void on_accepted_epoch_persisted(Epoch epoch, Now now, LeaderEffects& effects);
  void on_current_epoch_persisted(Epoch epoch, Now now, LeaderEffects& effects);
  void on_log_synced(Zxid up_to, Now now, LeaderEffects& effects);
  void on_disk_reach(LearnerKey key, const DiskReach& reach, Now now, LeaderEffects& effects);
  // An empty slice: the log does not have them (purged or damaged): the learner gets a SNAP
  // instead, or is closed if packets of the range were sent already.
  void on_history(LearnerKey key, const std::vector<WindowTxn>& slice, Now now,
                  LeaderEffects& effects);
  // The learner's connection has taken bytes: whoever is being synchronised lives (rule 41).
  void on_stream_progress(LearnerKey key, Now now);
  // The walk has ended and its last byte was appended: called in the same step, so that nothing is
  // committed in between.
  void on_snapshot_sent(LearnerKey key, Now now);
  // The zxid at which the snapshot stream began; called before its first byte is appended, at once
  // when `snapshots` names the learner. The SNAP packet with this zxid is then pumped first.
  void on_snapshot_begun(LearnerKey key, Zxid zxid, Now now);

  // False: this epoch has no zxid left, or the leadership is over already. It ends then (abdicate),
  // and whoever asked gives up what it wanted to propose. Only after `established`.
  bool may_propose(LeaderEffects& effects);
  // The zxid that the next proposal will have. Only after `established`.
  Zxid next_zxid() const;
  // Proposes a transaction that carries next_zxid(). Requires may_propose(). Asserts rule 13's
  // limit: the preparer keeps it. Also trims the window, up to what earlier steps reported as
  // committed and the log as synced, so those effects must have been carried out; nobody else trims
  // it during a leadership.
  void propose(Zxid zxid, Bytes txn, Now now, LeaderEffects& effects);
  // Asks whether this still is the leader: a quorum has to answer a PING that leaves after this
  // call. Gives the number of the round, which `confirmed` names. One PING is under way to a
  // learner at a time: later rounds wait for its answer.
  uint64_t confirm(LeaderEffects& effects);
  // A learner's client asked for sync: SYNC goes out behind the commit of all that is proposed now,
  // and once a round of confirm() that begins here, or the commit of a later proposal, has shown
  // that nothing was committed elsewhere. (ZooKeeper's leader does not ask: a former leader that
  // has not noticed yet answers with what is old.)
  void sync(LearnerKey key, LeaderEffects& effects);
  void answer_revalidate(LearnerKey key, SessionId session, bool valid);

  // Appends to `out` what the learner may get now, about `bytes_max` bytes. The owner calls it at
  // the end of each step and when the learner's stream has drained. Never while a snapshot stream
  // runs.
  void pump(LearnerKey key, size_t bytes_max, std::string& out, Now now);
  // What pumping asked for (history from the log files). Called after a round of pumps.
  void take_pump_effects(LeaderEffects& effects);

  void on_timer(Now now, LeaderEffects& effects);
  int64_t next_deadline() const;

  // A leader that abdicated takes every further call and does nothing.
  Epoch epoch() const;  // 0 until fixed
  bool is_established() const;
  Zxid last_proposed() const;
  Zxid last_committed() const;
  size_t outstanding() const;
  std::vector<LearnerStatus> learners() const;
  // Who the learner says it is; nullopt: it has not said so, or is gone.
  std::optional<ServerId> server_of(LearnerKey key) const;
  // How it was brought to this leader's history: "DIFF, 12 transactions"; empty: not yet.
  std::string sync_of(LearnerKey key) const;
  // The text that NEWLEADER carries (with the version given by the epoch if it had none).
  const Membership& announced_membership() const;

 private:
  struct Machine;
  std::unique_ptr<Machine> machine_;
};

}  // namespace zooid::zab
