#include "server/container_reaper.h"

#include <gmock/gmock.h>

namespace zooid::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Now at_ms(int64_t ms) {
  return Now{ms_to_us(ms), ms};
}

class ContainerReaperTest : public testing::Test {
 protected:
  std::vector<std::string> take(ContainerReaper& reaper, int64_t ms) {
    return reaper.take_due(at_ms(ms), [this](state::ReapScan& scan) {
      ++looks;
      scan.is_done = --slices_left == 0;
      if (scan.is_done) slices_left = slices;
      return found;
    });
  }
  config::ServerConfig config;
  std::vector<std::string> found{"/a", "/b", "/c"};
  int looks = 0;
  int slices = 1, slices_left = 1;
};

TEST_F(ContainerReaperTest, looks_every_interval_and_deletes_no_faster_than_allowed) {
  config.container_check_interval_ms = 60'000;
  config.container_max_per_minute = 600;  // one in 100 ms
  ContainerReaper reaper(config, at_ms(0));
  EXPECT_EQ(reaper.next_deadline(), ms_to_us(60'000));
  EXPECT_THAT(take(reaper, 59'999), IsEmpty());
  EXPECT_EQ(looks, 0);
  EXPECT_THAT(take(reaper, 60'000), ElementsAre("/a"));
  EXPECT_EQ(reaper.next_deadline(), ms_to_us(60'100));
  EXPECT_THAT(take(reaper, 60'099), IsEmpty());
  EXPECT_THAT(take(reaper, 60'100), ElementsAre("/b"));
  EXPECT_THAT(take(reaper, 60'250), ElementsAre("/c"));
  EXPECT_EQ(looks, 1);
  EXPECT_EQ(reaper.next_deadline(), ms_to_us(120'000));
  EXPECT_THAT(take(reaper, 120'000), ElementsAre("/a"));
  EXPECT_EQ(looks, 2);
}

TEST_F(ContainerReaperTest, a_look_waits_until_the_former_ones_nodes_are_gone) {
  config.container_check_interval_ms = 1'000;
  config.container_max_per_minute = 60;  // one a second
  ContainerReaper reaper(config, at_ms(0));
  for (int second = 1; second <= 3; ++second) {
    EXPECT_THAT(take(reaper, second * 1'000), ElementsAre(found[static_cast<size_t>(second - 1)]));
  }
  EXPECT_EQ(looks, 1);
  take(reaper, 4'000);
  EXPECT_EQ(looks, 2);
}

TEST_F(ContainerReaperTest, a_look_takes_one_slice_a_step_and_rests_while_enough_are_found) {
  config.container_check_interval_ms = 1'000;
  config.container_max_per_minute = 60'000;
  slices = slices_left = 3;
  found.assign(6'000, "/n");
  ContainerReaper reaper(config, at_ms(0));
  EXPECT_THAT(take(reaper, 1'000), testing::SizeIs(1));
  EXPECT_EQ(looks, 1);
  EXPECT_EQ(reaper.next_deadline(), 0) << "the next slice is due at once";
  EXPECT_THAT(take(reaper, 1'000), IsEmpty());
  EXPECT_EQ(looks, 2);
  EXPECT_EQ(reaper.next_deadline(), ms_to_us(1'001)) << "enough are found";
  for (int64_t ms = 1'001; looks == 2; ++ms) ASSERT_THAT(take(reaper, ms), testing::SizeIs(1));
  EXPECT_EQ(looks, 3);
  EXPECT_NE(reaper.next_deadline(), 0) << "the look is done";
}

TEST_F(ContainerReaperTest, an_interval_of_0_switches_it_off) {
  config.container_check_interval_ms = 0;
  ContainerReaper reaper(config, at_ms(0));
  EXPECT_EQ(reaper.next_deadline(), kNever);
  EXPECT_THAT(take(reaper, 1'000'000'000), IsEmpty());
}

}  // namespace
}  // namespace zooid::server
