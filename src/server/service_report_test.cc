#include "server/service_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/duration_text.h"
#include "base/log.h"

namespace zooid::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kSecondUs = 1'000'000;

class ServiceReportTest : public ::testing::Test {
 protected:
  ServiceReportTest() {
    log::set_sink([this](log::Level level, std::string_view line) {
      lines.push_back((level == log::Level::kWarn ? "WARN " : "INFO ") + std::string(line));
    });
  }
  ~ServiceReportTest() override {
    log::set_sink([](log::Level, std::string_view) {});
  }
  static Now at(int64_t seconds) { return {.mono_us = seconds * kSecondUs}; }
  std::vector<std::string> take() { return std::exchange(lines, {}); }

  std::vector<std::string> lines;
  ServiceReport report;
};

TEST(DurationText, has_a_unit_that_people_choose) {
  EXPECT_EQ(duration_text(-5), "0 ms");
  EXPECT_EQ(duration_text(230'999), "230 ms");
  EXPECT_EQ(duration_text(4'290'000), "4.2 s");
  EXPECT_EQ(duration_text(73 * kSecondUs), "73 s");
  EXPECT_EQ(duration_text(720 * kSecondUs), "12 min");
  EXPECT_EQ(duration_text(11'100 * kSecondUs), "3 h 5 min");
}

TEST_F(ServiceReportTest, a_server_that_waits_for_others_says_so) {
  report.on_start(3, 2, at(1));
  EXPECT_THAT(take(), ElementsAre("INFO waiting for the other servers: 2 of 3 voters are needed to "
                                  "serve clients"));
  report.on_serving("follower of server 3", at(2));
  report.on_serving("follower of server 3", at(3));
  EXPECT_THAT(take(), ElementsAre("INFO serving clients, as follower of server 3"));
}

TEST_F(ServiceReportTest, a_standalone_server_waits_for_nobody) {
  report.on_start(0, 0, at(1));
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(ServiceReportTest, tells_the_loss_reminds_each_minute_and_tells_the_return) {
  report.on_start(3, 2, at(0));
  report.on_serving("leader", at(10));
  take();
  EXPECT_EQ(report.next_deadline(), kNever);
  report.on_lost("only 1 of 3 voters is here", at(30));
  report.on_lost("only 1 of 3 voters is here", at(31));
  EXPECT_THAT(take(), ElementsAre("WARN no longer serving clients, after 20 s as leader: only 1 of "
                                  "3 voters is here"));
  EXPECT_FALSE(report.is_reminder_due(at(89)));
  EXPECT_EQ(report.next_deadline(), 90 * kSecondUs);
  ServiceGap gap{.voters = 3, .needed = 2};
  gap.others.push_back({.id = ServerId{2}, .heard_us = 25 * kSecondUs, .trouble = "refused"});
  gap.others.push_back({.id = ServerId{3}});
  ASSERT_TRUE(report.is_reminder_due(at(90)));
  report.remind(gap, at(90));
  EXPECT_THAT(take(),
              ElementsAre("WARN not serving clients for 60 s: 2 of 3 voters are needed, 1 "
                          "is here; server 2 cannot be reached (refused), its last vote came 65 s "
                          "ago; server 3 has sent no vote"));
  EXPECT_FALSE(report.is_reminder_due(at(149)));
  EXPECT_TRUE(report.is_reminder_due(at(150)));
  report.on_serving("follower of server 2", at(103));
  EXPECT_THAT(take(),
              ElementsAre("INFO serving clients again after 73 s, as follower of server 2"));
  EXPECT_FALSE(report.is_reminder_due(at(1'000)));
}

TEST_F(ServiceReportTest, names_this_servers_own_trouble_first) {
  ServiceGap gap{.own_trouble = "no space left on /data", .voters = 3, .needed = 2};
  gap.others.push_back({.id = ServerId{2}, .is_connected = true, .heard_us = 58 * kSecondUs});
  gap.serves_read_only = true;
  EXPECT_EQ(describe(gap, 60 * kSecondUs),
            "no space left on /data; 2 of 3 voters are needed, 2 are here; server 2 is connected, "
            "its last vote came 2.0 s ago; clients that accept a read-only server are served");
  EXPECT_EQ(describe({.own_trouble = "no space"}, 0), "no space");
}

TEST_F(ServiceReportTest, a_leader_that_changes_all_the_time_does_not_fill_the_log) {
  report.on_start(3, 2, at(0));
  for (int i = 0; i < 1'000; ++i) {
    report.on_serving("leader", {.mono_us = i * 2'000});
    report.on_lost("why not", {.mono_us = i * 2'000 + 1'000});
  }
  EXPECT_EQ(take().size(), 1 + LineLimit::kLinesMax);
  report.on_serving("leader", at(70));
  EXPECT_THAT(take(), ElementsAre("INFO serving clients again after 68 s, as leader (1990 such "
                                  "lines were left out)"));
}

}  // namespace
}  // namespace zooid::server
