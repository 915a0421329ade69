#include "server/work_slice.h"

#include <gtest/gtest.h>

#include "server/shard_fixture.h"

namespace zooid::server::testing {
namespace {

TEST(WorkSlice, ends_with_its_work_or_its_time) {
  HandClock clock;
  WorkSlice slice(clock);
  slice.begin();
  slice.spend(WorkSlice::kWorkMax - 1);
  EXPECT_FALSE(slice.is_over());
  slice.spend(1);
  EXPECT_TRUE(slice.is_over());
  slice.begin();
  EXPECT_FALSE(slice.is_over());
  clock.us_between_looks = WorkSlice::kSliceUs / 2 + 1;
  size_t spent = 0;
  for (; !slice.is_over(); ++spent) slice.spend(1);
  EXPECT_LT(spent, 200u);  // a look in 32, the third of them is too late
  EXPECT_GT(spent, 64u);
}

// Whatever little it may do, each step does something: it is over only behind that.
TEST(WorkSlice, begins_with_something_to_do) {
  HandClock clock;
  WorkSlice slice(clock);
  slice.set_work_max(1);
  for (int step = 0; step < 3; ++step) {
    slice.begin();
    EXPECT_FALSE(slice.is_over());
    slice.spend(50);
    EXPECT_TRUE(slice.is_over());
  }
}

}  // namespace
}  // namespace zooid::server::testing
