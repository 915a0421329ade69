// Looks at every server after each of its wake-ups, and judges what a server may let others see
// before its disk has it. The bugs that this finds at once lose data only when several servers fail
// within a few milliseconds.
//   - what a leader serves is durable on a quorum of the voters (Zab: commit, NEWLEADER)
//   - who writes an epoch into currentEpoch has the history with which that epoch began, durable
//   and
//     without what was cut from it (ZOOKEEPER-4643, ZOOKEEPER-3023)
//   - a process that begins has all that the former one had made durable on this disk, or says that
//     it cannot be trusted, and so do those behind it until a leader has filled it (rule 35)
#pragma once

#include <cstdint>
#include <map>

#include "server/replica_core.h"
#include "sim/sim_server.h"
#include "sim/violation.h"

namespace zooid::sim {

class DurabilityChecker {
 public:
  // `judges_damaged`: also what begins on a disk with a flipped bit.
  DurabilityChecker(Verdict& verdict, bool judges_damaged)
      : verdict_(verdict), judges_damaged_(judges_damaged) {}

  void after_wake_up(const SimServer& server, int64_t now_us);
  // The last zxid that the server's disk had durable, and never gave up in an agreed way.
  Zxid promised(ServerId server) const;
  // acceptedEpoch, likewise.
  Epoch promised_epoch(ServerId server) const;

 private:
  // What a server's disk was last known to have; it stays when the process ends.
  struct Disk {
    Zxid logged;
    Epoch current_epoch = 0;
    Zxid served;           // by the process that ran last, when it led
    uint64_t number = 0;   // Disk::number
    uint64_t process = 0;  // SimServer::starts
    // What it confirmed and has not given up since, as a leader that it follows demanded.
    Zxid promised;
    Epoch promised_epoch = 0;  // acceptedEpoch
    bool is_changing = false;  // its log is being cut, or its state replaced
  };

  void check_beginning(const SimServer& server, const server::ReplicaCore& core, const Disk& disk,
                       int64_t now_us);

  void check_epoch(const SimServer& server, const server::ReplicaCore& core, Disk& disk,
                   int64_t now_us);
  void check_served(const SimServer& server, Zxid served, int64_t now_us);

  Verdict& verdict_;
  const bool judges_damaged_;
  std::map<ServerId, Disk> disks_;
  std::map<Epoch, Zxid> beginnings_;  // of an epoch: what its leader had when it wrote the epoch
};

}  // namespace zooid::sim
