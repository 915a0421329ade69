// How much a server did in one wake-up of its loop, counted in what it touches: nobody may hold the
// loop for more than a few milliseconds (rule 40), and virtual time does not pass while it works.
// Start-up is not a wake-up, and the log's and the snapshots' workers have turns of their own.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "sim/sim_server.h"
#include "sim/violation.h"

namespace zooid::sim {

struct Work {
  uint64_t file_bytes_read = 0;
  uint64_t files_opened = 0;  // and directories listed
  uint64_t txns_applied = 0;
  uint64_t bytes_out = 0;  // taken by the network

  // Each the larger of the two.
  void raise_to(const Work& other);
  std::string text() const;
};

class WorkMeter {
 public:
  // What a step may do at most; a bound of 0 is none.
  WorkMeter(Verdict& verdict, Work budget) : verdict_(verdict), budget_(budget) {}

  void begin(SimServer& server);
  void end(SimServer& server, int64_t now_us);
  // Of one step each, not of the same one.
  const Work& largest() const { return largest_; }

 private:
  struct Counters {
    uint64_t process = 0;  // SimServer::starts
    uint64_t disk = 0;     // Disk::number
    env::MemoryFileSystem::Figures files;
    uint64_t bytes_out = 0;
    Zxid applied;
    bool was_serving = false;
  };
  static Counters counters_of(SimServer& server);
  void judge(const SimServer& server, const Work& work, int64_t now_us);

  Verdict& verdict_;
  const Work budget_;
  Counters begun_;
  Work largest_;
};

}  // namespace zooid::sim
