// Sequences of packets and notifications to real machines of the agreement.
#include "fuzz/targets.h"
#include "zab/hostile_peers.h"

namespace zooid::fuzz {

void leader_packets(std::string_view bytes) {
  (void)zab::testing::drive_leader(bytes);
}

void learner_packets(std::string_view bytes) {
  (void)zab::testing::drive_learner(bytes);
}

void election_messages(std::string_view bytes) {
  (void)zab::testing::drive_election(bytes);
}

}  // namespace zooid::fuzz
