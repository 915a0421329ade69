#include "server/steady_wall_clock.h"

#include <gtest/gtest.h>

namespace zooid::server {
namespace {

Now at(int64_t mono_s, int64_t wall_ms) {
  return {mono_s * 1'000'000, wall_ms};
}

TEST(SteadyWallClock, follows_the_clock_and_small_corrections) {
  SteadyWallClock clock(at(0, 1'000'000));
  EXPECT_EQ(clock.read(at(1, 1'001'000)), 1'001'000);
  EXPECT_EQ(clock.read(at(2, 1'006'000)), 1'006'000);
  EXPECT_FALSE(clock.is_doubtful());
}

TEST(SteadyWallClock, never_goes_back) {
  SteadyWallClock clock(at(0, 1'000'000));
  EXPECT_EQ(clock.read(at(1, 1'001'000)), 1'001'000);
  EXPECT_EQ(clock.read(at(1, 999'000)), 1'001'000);
  EXPECT_EQ(clock.read(at(3, 1'001'500)), 1'001'500);
}

TEST(SteadyWallClock, follows_a_jump_only_after_a_minute) {
  SteadyWallClock clock(at(0, 1'000'000));
  EXPECT_EQ(clock.read(at(1, 9'000'000)), 1'001'000);
  EXPECT_TRUE(clock.is_doubtful());
  EXPECT_EQ(clock.read(at(30, 9'029'000)), 1'030'000);
  EXPECT_EQ(clock.read(at(62, 9'061'000)), 9'061'000);
  EXPECT_FALSE(clock.is_doubtful());
}

TEST(SteadyWallClock, a_jump_that_is_taken_back_leaves_no_trace) {
  SteadyWallClock clock(at(0, 1'000'000));
  EXPECT_EQ(clock.read(at(1, 9'000'000)), 1'001'000);
  EXPECT_EQ(clock.read(at(5, 1'005'000)), 1'005'000);
  EXPECT_FALSE(clock.is_doubtful());
}

}  // namespace
}  // namespace zooid::server
