// The records of the last elections of this server, kept in dataDir/zooid/elections across restarts
// (rule 15: own files; never synced, never needed to start). Written by the snapshot worker.
#pragma once

#include <deque>

#include "server/replica_core.h"
#include "zab/election_journal.h"
#include "zab/looking_report.h"

namespace zooid::server {

class ElectionJournal {
 public:
  // Reads what an earlier process left; a file of an unknown version is renamed aside.
  explicit ElectionJournal(ReplicaCore& core);

  // A record, new or grown: replaces the last one if it is the same election.
  void put(const zab::ElectionRecord& record);
  // Of the election that runs (dataDir/zooid/looking); put() or forget_looking() removes it.
  void put_looking(const zab::LookingReport& report);
  void forget_looking();
  const std::deque<zab::ElectionRecord>& records() const { return records_; }

 private:
  void save();
  // By the snapshot worker: in order, and not on the loop.
  void write(const std::string& path, std::string content);

  ReplicaCore& core_;
  std::deque<zab::ElectionRecord> records_;
  bool has_looking_ = false;  // the file may be there
};

}  // namespace zooid::server
