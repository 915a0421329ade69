// What a server does that orders writes itself, as standalone server or as leader: sessions with
// their expiry, preparation of transactions, the queue of what was proposed and is not committed
// yet. How a proposal becomes committed is the role's affair.
#pragma once

#include <deque>

#include "server/replica_core.h"
#include "server/steady_wall_clock.h"
#include "state/preparer.h"
#include "state/reapable.h"
#include "state/sessions.h"

namespace zooid::server {

// A request that is to become a transaction.
struct WriteOrder {
  state::SessionOwner owner = 0;  // 0: a client of this server; else the learner's key
  SessionId session;
  int32_t cxid = 0;
  wire::OpCode type = wire::OpCode::kError;
  std::string_view body;
  const std::vector<wire::Id>* ids = nullptr;
  const Origin* origin = nullptr;  // who waits for the reply; null: nobody here
};

class Primary {
 public:
  // Takes over all sessions of the database with a full time-out from now.
  Primary(ReplicaCore& core, Now now);

  // Judges the session, prepares the transaction, remembers it as proposed and as pending for its
  // origin. The caller gives it the zxid and proposes the bytes.
  Bytes order(const WriteOrder& write, Zxid zxid, Now now);

  // Everything proposed up to zxid is to be applied, and syncs that waited for it to be completed:
  // as much of it now as the step's slice allows, the rest by go_on() in the next steps.
  void commit(Zxid up_to);
  void go_on();
  // Not all that is committed is applied yet: nothing new is ordered meanwhile.
  bool is_behind() const {
    return !proposed_.empty() && proposed_.front().header.zxid <= committed_;
  }
  // For what needs the state at all that is committed.
  void catch_up();
  // A sync of a client of this server: done when all that is proposed now is committed, and the
  // round or a later proposal's commit has shown that this still is the leader.
  void sync(Origin origin, int32_t xid, uint64_t round);
  // Every round of zab::Leader::confirm() up to this one has succeeded.
  void confirm(uint64_t round);

  Zxid last_proposed() const { return last_proposed_; }
  size_t outstanding() const { return proposed_.size(); }

  // AttachSession of a client of this server.
  bool attach(SessionId session, int32_t timeout_ms, Now now);
  void touch(SessionId session, int32_t timeout_ms, Now now);
  state::SessionTracker& tracker() { return tracker_; }
  const state::SessionTracker& tracker() const { return tracker_; }

  // Sessions that have expired by now: some of them, and the tracker tells when there are more.
  std::vector<SessionId> take_expired(Now now) {
    constexpr size_t kSessionsOfStep = 64;  // each may own many ephemerals
    return tracker_.take_expired(now.mono_us, kSessionsOfStep);
  }

  // Containers and TTL nodes that are due for removal, as paths: one slice of the look at all.
  std::vector<std::string> reapable(state::ReapScan& scan, Now now);

  struct ProposalSizes {
    int64_t last = -1, min = -1, max = -1;
  };
  const ProposalSizes& proposal_sizes() const { return sizes_; }

 private:
  wire::ErrorCode judge_session(const WriteOrder& write) const;
  void apply_next();
  void note_applied();
  void complete_syncs_before(Zxid zxid);
  void complete_confirmed_syncs();
  void complete_oldest_sync();
  // At most once a minute.
  void tell_over_soft_quota(Now now);

  ReplicaCore& core_;
  state::TxnPreparer preparer_;
  state::SessionTracker tracker_;
  SteadyWallClock wall_clock_;
  std::deque<wire::Txn> proposed_;  // and not applied
  Zxid committed_;
  struct WaitingSync {
    Origin origin;
    int32_t xid;
    Zxid after;
    uint64_t round;
  };
  std::deque<WaitingSync> syncs_;
  uint64_t confirmed_ = 0;
  Zxid last_proposed_;
  int64_t tell_quota_at_us_ = 0;
  ProposalSizes sizes_;
};

}  // namespace zooid::server
