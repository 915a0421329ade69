#include "server/follower_pace.h"

#include <gtest/gtest.h>

namespace zooid::server {
namespace {

using Verdict = FollowerPace::Verdict;

class FollowerPaceTest : public ::testing::Test {
 protected:
  Verdict judge(size_t waiting, size_t uncommitted = 0) {
    facts.waiting_bytes = waiting;
    facts.uncommitted_bytes = uncommitted;
    return pace.judge(facts, now);
  }
  void pass_ms(int64_t ms) { now.mono_us += ms * 1000; }

  FollowerPace pace{{.bytes_max = 1'000, .patience_us = 2'000'000, .level_us = 20'000'000}};
  FollowerPace::Facts facts;
  Now now{1'000'000, 0};
};

TEST_F(FollowerPaceTest, reading_pauses_at_the_bound_and_goes_on_at_half_of_it) {
  EXPECT_EQ(judge(1'000), Verdict::kRead);
  EXPECT_EQ(judge(1'001), Verdict::kPause);
  EXPECT_EQ(judge(501), Verdict::kPause);
  EXPECT_EQ(judge(500), Verdict::kRead);
  EXPECT_EQ(judge(900), Verdict::kRead);
}

TEST_F(FollowerPaceTest, nobody_leaves_before_it_is_established) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(judge(1'500), Verdict::kPause);
    pass_ms(1'000);
  }
  facts.is_established = true;
  EXPECT_EQ(judge(1'500), Verdict::kPause) << "the time before does not count";
}

TEST_F(FollowerPaceTest, a_stall_that_is_over_soon_is_forgiven) {
  facts.is_established = facts.is_level = true;
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(judge(1'200), Verdict::kPause);
    pass_ms(1'900);
    EXPECT_EQ(judge(200), Verdict::kRead);
    pass_ms(1'000);
  }
}

TEST_F(FollowerPaceTest, a_disk_that_stays_behind_makes_it_leave) {
  facts.is_established = facts.is_level = true;
  EXPECT_EQ(judge(1'200), Verdict::kPause);
  pass_ms(700);
  EXPECT_EQ(judge(450), Verdict::kRead);
  pass_ms(100);
  EXPECT_EQ(judge(1'100), Verdict::kPause);
  pass_ms(700);
  EXPECT_EQ(judge(450), Verdict::kRead);
  pass_ms(500);
  EXPECT_EQ(judge(900), Verdict::kLeave);
}

TEST_F(FollowerPaceTest, who_comes_level_has_longer_unless_it_does_not_hear_the_pings) {
  facts.is_established = true;
  for (int i = 0; i < 19; ++i) {
    EXPECT_EQ(judge(1'100), Verdict::kPause);
    pass_ms(500);
    EXPECT_EQ(judge(400), Verdict::kRead);
    pass_ms(500);
  }
  EXPECT_EQ(judge(1'100), Verdict::kPause);
  pass_ms(1'000);
  EXPECT_EQ(judge(800), Verdict::kLeave);
}

TEST_F(FollowerPaceTest, a_long_pause_makes_it_leave_level_or_not) {
  facts.is_established = true;
  EXPECT_EQ(judge(1'100), Verdict::kPause);
  pass_ms(2'000);
  EXPECT_EQ(judge(800), Verdict::kLeave);
}

TEST_F(FollowerPaceTest, it_never_leaves_for_what_may_need_its_disk) {
  facts.is_established = facts.is_level = true;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(judge(1'100, 1'000), Verdict::kPause);
    pass_ms(1'000);
  }
  EXPECT_EQ(judge(900, 100), Verdict::kLeave) << "now others have committed it";
}

}  // namespace
}  // namespace zooid::server
