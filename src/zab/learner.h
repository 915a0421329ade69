// A follower's side of the quorum protocol (quorum-protocol 3.1, 6, 8), pure. One per attempt to
// follow; dropped with the role.
//
// Every proposal goes to the log as it arrives; nothing is acknowledged before LogSynced tells that
// it is durable. The chain before the ACK of NEWLEADER is: snapshot received and durable (SNAP),
// log cut (SNAP, TRUNC), all proposals synced, currentEpoch durable; each link is an event.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "wire/quorum_packet.h"
#include "zab/membership.h"
#include "zab/txn_window.h"

namespace zooid::zab {

// The zxid of the parts of a PING's answer before the last one, which alone has the PING's own and
// counts as the answer. No PING has this one; Apache's leader looks at no answer's zxid.
inline constexpr Zxid kPingPart{0};

struct LearnerOptions {
  int64_t tick_ms = 2000;
  int32_t init_limit = 10;
  int32_t sync_limit = 5;
  int32_t txn_bytes_max = wire::kMaxRecordBufferDefault;  // what a transaction may hold (rule 13)
};

struct LearnerStart {
  ServerId self;
  Membership membership;  // committed
  Epoch accepted_epoch = 0;
  Epoch current_epoch = 0;
  Zxid last_logged;   // durable; may be ahead of the tree (rule 5); kZxidUntrusted: see rule 35
  Zxid last_applied;  // the tree's, never ahead of the log: the owner has seen to that
};

struct LearnerEffects {
  // Carried out in the order of these fields.
  std::string send;  // bytes for the leader's connection
  std::optional<Epoch> persist_accepted_epoch;
  // SNAP: the bytes behind the packet belong to the snapshot decoder, until on_snapshot_received.
  // The owner loads them into a new database, which replaces the old one.
  std::optional<Zxid> expect_snapshot;
  // SNAP, after on_snapshot_received: write the new database as a snapshot with this zxid (durable,
  // not yet published), cut the log to it, roll, publish; then on_snapshot_installed.
  std::optional<Zxid> install_snapshot;
  // TRUNC: cut the log after this zxid; then on_truncated. If the tree is ahead of it the owner
  // reloads from disk first. Where the history here has no such point the owner ends the role, and
  // what becomes of the data is its matter. If the role ends before that, or between
  // install_snapshot and its completion, tree and log may differ: the owner reloads before the next
  // role.
  std::optional<Zxid> truncate;
  // DIFF, or TRUNC once it is done: the logged tail that was pending is the leader's history: apply
  // it, up to this zxid.
  std::optional<Zxid> adopt_tail;
  std::vector<WindowTxn> appends;
  std::optional<Epoch> persist_current_epoch;
  std::optional<Zxid> committed;            // apply what was appended up to here
  std::optional<Epoch> promised;            // ACKEPOCH went out (for the record)
  std::optional<Membership> configuration;  // NEWLEADER's: takes effect at `established`
  // UPTODATE: serve clients.
  std::optional<Epoch> established;
  std::string sync;  // with the NEWLEADER ack: "DIFF, 12 transactions" (for the record)
  // The leader pings: the owner answers through answer_ping with the sessions touched since.
  std::optional<Zxid> ping;
  struct Revalidated {
    SessionId session;
    bool valid;
  };
  std::vector<Revalidated> revalidated;
  // Each completes the oldest waiting sync; behind all commits that came before it.
  struct SyncDone {
    Zxid after_commit;  // complete when everything up to here is applied
  };
  std::vector<SyncDone> syncs_done;
  // The attempt or the following is over; the role must end and this is why.
  std::optional<std::string> give_up;
};

class Learner {
 public:
  Learner(LearnerStart start, LearnerOptions options, Now now);
  ~Learner();

  // The connection to the leader's quorum port is there.
  void on_connected(Now now, LearnerEffects& effects);
  void on_packet(const wire::QuorumPacket& packet, Now now, LearnerEffects& effects);
  void on_closed(const std::string& reason, Now now, LearnerEffects& effects);

  void on_accepted_epoch_persisted(Epoch epoch, Now now, LearnerEffects& effects);
  void on_current_epoch_persisted(Epoch epoch, Now now, LearnerEffects& effects);
  // Bytes of the snapshot stream arrived. From the first call on the stream must go on within
  // initLimit; without any the owner alone watches it.
  void on_snapshot_progress(Now now);
  void on_snapshot_received(Now now, LearnerEffects& effects);
  void on_snapshot_installed(Now now, LearnerEffects& effects);
  // The log ends with what effects.truncate asked for, and the tree is not ahead of it.
  void on_truncated(Now now, LearnerEffects& effects);
  void on_log_synced(Zxid up_to, Now now, LearnerEffects& effects);

  // Requests of this server's clients, once established. Appends to effects.send.
  void forward(std::string_view request_packet_data, const std::vector<wire::Id>* ids,
               LearnerEffects& effects);
  void revalidate(SessionId session, int32_t timeout_ms, LearnerEffects& effects);
  struct Touched {
    SessionId session;
    int32_t timeout_ms;
  };
  // At most 64 k sessions in a PING packet (rule 13); more packets for more, of which the last
  // carries the PING's zxid.
  void answer_ping(Zxid ping_zxid, const std::vector<Touched>& touched, LearnerEffects& effects);

  // The owner does not read from the leader, for want of room: that nothing comes is no silence.
  void on_reading_paused(Now now);
  void on_timer(Now now, LearnerEffects& effects);
  int64_t next_deadline() const;
  // Memory of the proposals that wait here until the data is in place.
  size_t held_bytes() const;

  bool is_established() const;
  Epoch epoch() const;

 private:
  struct Machine;
  std::unique_ptr<Machine> machine_;
};

}  // namespace zooid::zab
