// Reads along on the quorum links while a learner is being synchronised, and judges what a leader
// sends by what the learner said it has. It hears what arrives, so it knows nothing of either end's
// insides: a Java server could stand there.
//   - no SNAP whose zxid lies below the learner's last one: a Java learner keeps its log beneath a
//     SNAP, and the tail comes back at its next start (rule 36)
//   - no TRUNC above it, no DIFF to a zxid below it
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "env/memory_network.h"
#include "sim/violation.h"
#include "wire/quorum_packet.h"

namespace zooid::sim {

class SyncChecker {
 public:
  explicit SyncChecker(Verdict& verdict) : verdict_(verdict) {}

  // Every arrival, in order.
  void on_bytes(const env::MemoryHost& from, uint64_t connection, std::string_view bytes,
                int64_t now_us);
  // When a leader's decision, DIFF, TRUNC or SNAP, last arrived at a learner; 0: never.
  int64_t last_begun_us() const { return last_begun_us_; }

 private:
  struct Link {
    std::string beginning;  // the learner's first bytes, until they show what is spoken
    const env::MemoryHost* learner = nullptr;
    wire::QuorumPacketDecoder from_learner, from_leader;
    Zxid last;  // of the learner, as it said
    bool has_last = false;
    bool is_synchronised = false;  // what the leader decided was seen
  };

  void hear_learner(Link& link, std::string_view bytes);
  void hear_leader(Link& link, const std::string& leader, std::string_view bytes, int64_t now_us);
  void judge(const Link& link, const std::string& leader, const wire::QuorumPacket& packet,
             int64_t now_us);

  Verdict& verdict_;
  std::map<uint64_t, Link> links_;  // by connection; those that are not watched any more are gone
  uint64_t newest_ = 0;             // connections below it that have no link are of no interest
  bool has_any_ = false;
  int64_t last_begun_us_ = 0;
};

}  // namespace zooid::sim
