// Thousands of sequences of packets that peers may send, in each state of who gets them.
#include <gtest/gtest.h>

#include "base/log.h"
#include "base/mark.h"
#include "zab/hostile_peers.h"

namespace zooid::zab {
namespace {

struct Totals {
  size_t established = 0, ended = 0, closed = 0, appended = 0;
};

Totals drive(testing::HostileOutcome (*one)(std::string_view), size_t sequences) {
  log::set_sink([](log::Level, std::string_view) {});
  Totals totals;
  for (uint64_t seed = 1; seed <= sequences && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    const testing::HostileOutcome outcome = one(testing::random_choices(seed, 240));
    totals.established += outcome.established;
    totals.ended += outcome.ended;
    totals.closed += outcome.closed;
    totals.appended += outcome.appended;
  }
  return totals;
}

TEST(HostilePeers, any_packets_close_their_connection_and_never_stop_the_leader) {
  const Totals totals = drive(testing::drive_leader, 20'000);
  EXPECT_GT(totals.established, 5'000u);
  EXPECT_GT(totals.closed, 5'000u);
  EXPECT_GT(totals.appended, 5'000u);
  for (const char* mark : {"leader.epoch_far_ahead", "leader.impossible_zxid",
                           "leader.packet_out_of_turn", "leader.ack_skips_proposal"}) {
    EXPECT_GT(mark_count(mark), 0u) << mark;
  }
}

TEST(HostilePeers, any_packets_of_a_leader_end_the_attempt_and_never_harm_the_log) {
  const Totals totals = drive(testing::drive_learner, 40'000);
  EXPECT_GT(totals.established, 100u);
  EXPECT_GT(totals.ended, 10'000u);
  EXPECT_GT(totals.appended, 5'000u);
  for (const char* mark :
       {"learner.trunc_beyond_history", "learner.impossible_snap", "learner.proposal_gap",
        "learner.proposal_of_later_epoch", "learner.unreadable_transaction",
        "learner.commit_is_not_oldest", "learner.packet_out_of_turn"}) {
    EXPECT_GT(mark_count(mark), 0u) << mark;
  }
}

TEST(HostilePeers, any_notifications_leave_the_membership_alone) {
  const Totals totals = drive(testing::drive_election, 20'000);
  EXPECT_GT(totals.established, 100u);
  EXPECT_GT(totals.ended, 100u);
}

}  // namespace
}  // namespace zooid::zab
