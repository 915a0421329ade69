// One learner connection as its leader sees it: how far the handshake is, what was sent, what was
// acknowledged; and the making of its packets from the shared window. Internal to the leader
// machine (leader_machine.h), which owns one per connection.
#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <string>

#include "zab/attempt_pace.h"
#include "zab/leader.h"

namespace zooid::zab {

// In the order in which a connection passes them. From kSync on transactions are forwarded.
enum class LearnerStage {
  kInfo,          // FOLLOWERINFO or OBSERVERINFO is expected
  kEpoch,         // waits until the epoch is fixed and durable
  kAckEpoch,      // LEADERINFO was made, ACKEPOCH is expected
  kEpochQuorum,   // waits for the quorum of epoch acks
  kAwaitsQuorum,  // waits for the leader to be established (SyncPlan::waits)
  kReach,         // waits for on_disk_reach
  kHistory,       // waits for the first slice of the log, on which the opening packet depends
  kSnapshot,      // its snapshot stream was asked for or runs
  kSync,          // sync packets up to sync_end, then NEWLEADER
  kNewLeader,     // NEWLEADER was made, its ACK is expected
  kUpToDate,      // acknowledged; UPTODATE waits for the leader
  kBroadcast,
};
const char* stage_name(LearnerStage stage);

// The zxid that follows in the history of `epoch`'s leader when everything up to `zxid` is known.
constexpr Zxid successor(Zxid zxid, Epoch epoch) {
  return zxid.epoch() == epoch ? zxid.next() : Zxid::make(epoch, 1);
}
// Whether `next` may stand directly behind `previous` in a history without gaps.
constexpr bool follows(Zxid previous, Zxid next) {
  return next == previous.next() || next.epoch() > previous.epoch();
}

// What all learners share when packets are made.
struct BroadcastView {
  const TxnWindow& window;
  Epoch epoch;
  Zxid proposed;   // the last transaction, outstanding ones included
  Zxid committed;  // the last committed transaction
  Zxid log_end;    // the window holds everything above, the log files everything up to here
  bool is_established;
  const std::string& newleader_text;
  int64_t init_us;  // initLimit and syncLimit as times
  int64_t sync_us;
  uint64_t rounds_begun;     // of confirm()
  uint64_t round_confirmed;  // by a quorum
};

struct LearnerProgress {
  LearnerKey key = 0;
  LearnerStage stage = LearnerStage::kInfo;
  ServerId server;
  bool is_observer = false;
  bool is_voter = false;
  Zxid learner_zxid;  // of ACKEPOCH

  // Sending. Every transaction <= cursor was sent or is the learner's already; every one <=
  // commit_mark is known to it as committed. Those between belong to this leadership.
  std::string queued;  // handshake packets that go next
  Zxid cursor;
  Zxid commit_mark;
  Zxid sync_end;  // NEWLEADER follows behind this one
  SyncMode mode = SyncMode::kSnap;
  uint64_t sync_count = 0;      // transactions sent before NEWLEADER
  std::deque<WindowTxn> slice;  // from the log files, to be sent before the window
  bool is_history_asked = false;
  bool may_be_cut = false;    // while it awaits the quorum: TRUNC is possible, too
  uint32_t waited_beats = 0;  // in that stage
  bool is_ping_due = false;
  struct Sync {
    Zxid after;  // SYNC goes out behind its commit
    uint64_t round;
  };
  std::deque<Sync> syncs;
  // The rounds of confirm() that had begun when each PING left that is not answered yet. Counted
  // from UPTODATE on: Java learners answer none before it.
  std::deque<uint64_t> pings_under_way;
  uint64_t round_confirmed = 0;  // that it has answered
  struct RevalidateAnswer {
    Zxid after;  // what was committed when it was given: keeps the order of Apache's one queue
    SessionId session;
    bool valid;
  };
  std::deque<RevalidateAnswer> revalidate_answers;

  // Acknowledged. Counts from the ACK of NEWLEADER on.
  Zxid held;   // outstanding proposals of ours that it had in its log already (sync_plan.h)
  Zxid acked;  // everything of this epoch up to here is durable there or was committed unasked
  // ACKs of proposals that came before its ACK of NEWLEADER (3.8.0 logs on its own thread): they
  // count with that one.
  std::deque<Zxid> early_acks;

  // Time, in us of the monotonic clock.
  int64_t packet_due_us = kNever;  // the next packet must come before
  int64_t welcome_at_us = kNever;  // LEADERINFO is kept back until then
  // Counts for the liveness of the quorum until then: syncLimit after the last packet from it, or,
  // while it is synchronised and has nothing to say, after its connection last took bytes.
  int64_t alive_until_us = 0;
  int64_t ack_wait_since_us = 0;  // the oldest unacknowledged proposal waits since then
  Zxid ack_floor;                 // proposals up to here may stay unacknowledged (3.9.5)

  bool counts() const { return is_voter && stage >= LearnerStage::kUpToDate; }
  // A proposal was written to it that it has to acknowledge and did not.
  bool owes_ack() const { return !is_observer && cursor > std::max(acked, ack_floor); }

  // Has its opening packet or more before it, and its connection takes them: not waiting for us.
  bool is_stream_due() const {
    return stage >= LearnerStage::kSnapshot && stage <= LearnerStage::kSync && !is_history_asked;
  }
  // On its way to the ACK of NEWLEADER: this server reads for it, or its connection takes bytes.
  bool is_synchronising(Now now) const {
    if (stage == LearnerStage::kReach || is_history_asked) return true;
    if (stage == LearnerStage::kNewLeader) return now.mono_us < packet_due_us;
    return is_stream_due() && now.mono_us < alive_until_us;
  }

  void note_sign_of_life(Now now, int64_t sync_us) {
    alive_until_us = std::max(alive_until_us, now.mono_us + sync_us);
  }

  // Appends what may go out now, about bytes_max bytes. Returns what must be read from the log
  // files to go on. Not while a snapshot stream runs.
  std::optional<LeaderEffects::History> pump(const BroadcastView& view, size_t bytes_max,
                                             std::string& out, Now now);

 private:
  void send_newleader(const BroadcastView& view, std::string& out, Now now);
  void send_uptodate(const BroadcastView& view, std::string& out, Now now);
  void send_answers(const BroadcastView& view, std::string& out);
  bool send_commit(const BroadcastView& view, std::string& out);
  void send_txn(const BroadcastView& view, const WindowTxn& txn, std::string& out, Now now);
  const WindowTxn* next_txn(const BroadcastView& view) const;
};

}  // namespace zooid::zab
