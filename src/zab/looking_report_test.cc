#include "zab/looking_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zooid::zab {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int64_t kStartedMs = 1'714'564'800'000;

LookingReport report() {
  LookingReport report;
  report.written_wall_ms = kStartedMs + 52'000;
  report.voters = {{ServerId{1}, kStartedMs + 50'000, false},
                   {ServerId{2}, kStartedMs + 1'000, true},
                   {ServerId{4}, 0, true},
                   {ServerId{5}, 0, false}};
  report.record = {.self = ServerId{3}, .started_wall_ms = kStartedMs, .round = 2};
  report.record.why = "only 1 of 5 voters is following";
  return report;
}

TEST(LookingReportTest, round_trip) {
  const auto read = parse_looking(render_looking(report()));
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->written_wall_ms, report().written_wall_ms);
  EXPECT_EQ(read->voters, report().voters);
  EXPECT_TRUE(read->is_voter);
  EXPECT_EQ(to_line(read->record), to_line(report().record));
}

TEST(LookingReportTest, an_observer_does_not_count_itself) {
  LookingReport observer = report();
  observer.is_voter = false;
  const auto read = parse_looking(render_looking(observer));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->voter_count(), 4u);
  EXPECT_EQ(read->heard_count(), 1u);
}

TEST(LookingReportTest, damage_is_an_error) {
  const std::string text = render_looking(report());
  for (const std::string& damaged : {std::string{}, std::string("zooid-looking 2\n"),
                                     text.substr(0, 40), text.substr(0, text.size() / 2)}) {
    EXPECT_FALSE(parse_looking(damaged).has_value()) << damaged;
  }
}

TEST(LookingReportTest, tells_since_when_who_was_heard_and_what_is_missing) {
  const std::string text = describe(report(), report().written_wall_ms + 1'500);
  EXPECT_THAT(text,
              AllOf(HasSubstr("Nobody leads, as far as this server (3) knows: it has been looking "
                              "for 52 s, as of 1.5 s ago.\n"),
                    HasSubstr("Heard from 2 of 5 voters, itself included; a quorum is 3: 1 more "
                              "needed."),
                    HasSubstr("server 1 last heard 2.0 s before that\n"),
                    HasSubstr("server 2 refuses the connection"),
                    HasSubstr("server 4 refuses the connection: nothing listens on its election "
                              "port; not heard since then\n"),
                    HasSubstr("server 5 silent"), HasSubstr("only 1 of 5 voters is following")));
  EXPECT_THAT(describe(report(), report().written_wall_ms + 11'000),
              HasSubstr("It did not renew this since"));
}

}  // namespace
}  // namespace zooid::zab
