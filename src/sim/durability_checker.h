// Looks at every server after each of its wake-ups, and judges what a server may let others see
// before its disk has it. The bugs that this finds at once lose data only when several servers fail
// within a few milliseconds.
//   - what a leader serves is durable on a quorum of the voters (Zab: commit, NEWLEADER)
//   - who writes an epoch into currentEpoch has the history with which that epoch began, durable
//   and
//     without what was cut from it (ZOOKEEPER-4643, ZOOKEEPER-3023)
#pragma once

#include <cstdint>
#include <map>

#include "server/replica_core.h"
#include "sim/sim_server.h"
#include "sim/violation.h"

namespace zooid::sim {

class DurabilityChecker {
 public:
  explicit DurabilityChecker(Verdict& verdict) : verdict_(verdict) {}

  void after_wake_up(const SimServer& server, int64_t now_us);

 private:
  // What a server's disk was last known to have; it stays when the process ends.
  struct Disk {
    Zxid logged;
    Epoch current_epoch = 0;
    Zxid served;  // by the process that ran last, when it led
  };

  void check_epoch(const SimServer& server, const server::ReplicaCore& core, Disk& disk,
                   int64_t now_us);
  void check_served(const SimServer& server, Zxid served, int64_t now_us);

  Verdict& verdict_;
  std::map<ServerId, Disk> disks_;
  std::map<Epoch, Zxid> beginnings_;  // of an epoch: what its leader had when it wrote the epoch
};

}  // namespace zooid::sim
