// Looks at every server after each of its wake-ups, and judges what agreement promises:
//   - at most one established leader per epoch; epochs and commits never go back
//   - equal bytes at equal zxid, committed or not: an epoch's leader proposes each zxid once
//   - whoever begins to serve has every committed transaction, and no other ones before its last
//   - equal digests at equal zxid
//   - what DurabilityChecker says of the disks
// It also collects the committed history, for the checkers of replies.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "server/replica_core.h"
#include "sim/durability_checker.h"
#include "sim/sim_server.h"
#include "sim/violation.h"

namespace zooid::sim {

class EnsembleChecker {
 public:
  EnsembleChecker(Verdict& verdict, bool judges_damaged)
      : verdict_(verdict), durability_(verdict, judges_damaged) {}

  void after_wake_up(SimServer& server, int64_t now_us);
  // The process is gone, or another one has begun.
  void forget_process(const SimServer& server);

  const DurabilityChecker& durability() const { return durability_; }

  // At the end of a run: a transaction in a log file below the last zxid that its server serves.
  void add_log(const SimServer& server, Zxid zxid, const Bytes& txn, int64_t now_us);

  struct Committed {
    Zxid zxid;
    Bytes txn;
    int64_t first_seen_us = 0;  // in any server's history
  };
  // In zxid order. Complete when the ensemble has come to rest.
  std::vector<Committed> committed() const;
  uint64_t committed_count() const { return committed_count_; }
  uint64_t elections() const { return leader_of_epoch_.size(); }
  // Committed ones whose bytes nobody has any more and no look has met.
  uint64_t unseen_count() const;
  uint64_t snapshot_syncs() const { return snapshot_syncs_; }
  uint64_t cut_txns() const { return cut_txns_; }
  int64_t last_established_us() const { return last_established_us_; }

 private:
  // What was proposed under one zxid.
  struct Proposed {
    Bytes txn;
    std::optional<uint64_t> digest;  // of the state after it, once some server served it
    int64_t first_seen_us = 0;
    bool is_committed = false;
  };
  // One server's history, as far as it was seen.
  struct Mirror {
    uint64_t process = 0;  // SimServer::starts
    Zxid base;
    std::vector<Zxid> zxids;  // above the base, ascending
    Zxid history_end;         // last one logged before it served
    bool was_serving = false;
    Zxid served;  // last zxid of the state while serving
    Epoch accepted_epoch = -1, current_epoch = -1;
  };

  Proposed& at(Zxid zxid);
  void follow_history(Mirror& mirror, const SimServer& server, const server::ReplicaCore& core,
                      int64_t now_us);
  void check_epochs(Mirror& mirror, const SimServer& server, const server::ReplicaCore& core,
                    int64_t now_us);
  void begin_serving(Mirror& mirror, SimServer& server, const server::ReplicaCore& core,
                     int64_t now_us);
  void check_history(const Mirror& mirror, const SimServer& server, Zxid up_to, int64_t now_us);
  void commit(Zxid up_to);
  void check_digest(const SimServer& server, const server::ReplicaCore& core, int64_t now_us);

  Verdict& verdict_;
  DurabilityChecker durability_;
  std::map<ServerId, Mirror> mirrors_;
  std::map<Epoch, std::vector<Proposed>> proposed_;  // by counter
  struct Leadership {
    ServerId server;
    uint64_t process;
    Incarnation role;
  };
  std::map<Epoch, Leadership> leader_of_epoch_;
  std::map<Epoch, uint32_t> committed_in_epoch_;
  uint64_t committed_count_ = 0;
  uint64_t snapshot_syncs_ = 0;
  uint64_t cut_txns_ = 0;
  int64_t last_established_us_ = 0;
};

}  // namespace zooid::sim
