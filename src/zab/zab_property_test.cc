// Many seeds of an ensemble under faults (zab_world.h): first safety, then it must settle.
#include <gtest/gtest.h>

#include "base/mark.h"
#include "zab/zab_world.h"

namespace zooid::zab {
namespace {

struct Totals {
  uint64_t proposals = 0, committed = 0, establishments = 0, elections = 0;
};

void run(uint64_t seed, size_t servers, int steps, Totals& totals) {
  SCOPED_TRACE(::testing::Message() << "seed " << seed << ", servers " << servers);
  testing::World world(seed, servers);
  for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) world.step();
  ASSERT_FALSE(::testing::Test::HasFailure());
  EXPECT_TRUE(world.settle());
  totals.proposals += world.proposals;
  totals.committed += world.committed.size();
  totals.establishments += world.establishments;
  totals.elections += world.elections;
}

TEST(ZabProperty, ensembles_agree_lose_nothing_and_settle) {
  Totals totals;
  for (uint64_t seed = 1; seed <= 60 && !HasFailure(); ++seed) {
    run(seed, seed % 3 == 0 ? 5 : 3, 4'000, totals);
  }
  RecordProperty("proposals", static_cast<int>(totals.proposals));
  EXPECT_GT(totals.committed, 2'500u);
  EXPECT_GT(totals.establishments, 150u);
  for (const char* mark :
       {"leader.follower_is_ahead", "leader.learner_holds_outstanding",
        "leader.cursor_behind_window", "leader.phase_timeout", "leader.quorum_lost"}) {
    EXPECT_GT(mark_count(mark), 0u) << mark;
  }
}

}  // namespace
}  // namespace zooid::zab
