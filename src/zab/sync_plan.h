// Which synchronisation a leader offers a learner (quorum-protocol 4), as a pure function.
#pragma once

#include <string>

#include "zab/txn_window.h"

namespace zooid::zab {

enum class SyncMode { kDiff, kTrunc, kSnap };
const char* sync_mode_name(SyncMode mode);

// What the leader has. `committed` bounds what counts as history here.
struct HistoryView {
  const TxnWindow* window;  // replayed and running, committed and outstanding
  Zxid committed;           // last committed (applied or about to be)
  Zxid last_processed;      // L: epoch << 32 right after the leader started
  Zxid last_proposed;       // own log's last: a learner may hold outstanding proposals of ours
  Epoch epoch = 0;          // of this leadership
  Epoch current_epoch = 0;  // of this server before it: whose history it had acknowledged
  bool is_established = true;
};
// What the log on disk could serve, asked for only if the window does not reach back far enough.
struct DiskReach {
  bool asked = false;
  bool has_start = false;
  uint64_t bytes_after_start = 0;
  uint64_t newest_snapshot_bytes = 0;
  double snapshot_size_factor = 0.33;  // < 0: log sync is off; > 1 counts as 0.33; 0: no limit
};

struct SyncPlan {
  SyncMode mode = SyncMode::kSnap;
  Zxid packet_zxid;  // of the DIFF, TRUNC or SNAP packet
  // PROPOSAL + COMMIT for everything > send_after (and <= committed) follows; it comes from the log
  // first if from_disk. Then the log must hold the learner's zxid itself unless its counter is 0
  // (4.1); if it does not, or has a gap, the learner gets a SNAP.
  Zxid send_after;
  bool from_disk = false;
  bool wants_disk = false;  // decide again with DiskReach filled in
  // Nothing yet: decide again once the leader is established, for then it has a SNAP that lies
  // above what the learner holds. If it cannot be without this learner: `mode`, provided that it is
  // TRUNC; a SNAP only waits.
  bool waits = false;
  bool is_refused = false;  // no learner of a sound ensemble can say this
  std::string reason;       // for logs: the rule that fitted
};

// `learner`: last zxid of ACKEPOCH. Where Apache's table is needlessly harsh a milder answer that
// every learner understands is given. The differences, all of them:
// - the learner misses nothing: DIFF, also when the window is empty (Apache: SNAP);
// - a learner that joined a later epoch in which nothing was logged: DIFF (Apache: SNAP). Its
//   zxid shows that it synchronised with the established leader of that epoch, whose history is
//   ours: the quorum of this epoch contains a server that was in the quorum of that one;
// - surplus of an epoch other than that of our last transaction: SNAP above it once the leader is
//   established (Apache: TRUNC across epochs, after which a learner of foreign history keeps wrong
//   transactions). Before that only if the quorum needs this learner: TRUNC, which fits every
//   history that came about by the protocol (docs/decisions/0011);
// - surplus of this epoch that was never proposed, or of a later one: refused (Apache: TRUNC);
// - a gap in our own history behind the learner's zxid: SNAP (Apache: TRUNC, then packets with a
//   gap, which newer learners refuse);
// - the learner holds proposals of this leadership that are not committed yet: DIFF that ends with
//   what it holds (Apache: TRUNC and the same proposals again). Its ACK of NEWLEADER counts for
//   them; it gets no COMMIT for them, so its UPTODATE waits until they are committed.
//
// Never a SNAP below the learner's zxid (rule 36): a learner that was not written by us lays it
// over its log, and what the log holds above it comes back at its next start.
SyncPlan plan_sync(const HistoryView& history, Zxid learner, const DiskReach& disk);

}  // namespace zooid::zab
