// The lines of servers that lose their quorum, in simulated time: what ServiceReport is given.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "server/scenario_ensemble.h"

namespace zooid::server::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ServiceLines : public ::testing::Test {
 protected:
  ServiceLines() {
    log::set_sink([this](log::Level, std::string_view line) { lines_.emplace_back(line); });
  }
  ~ServiceLines() override {
    log::set_sink([](log::Level, std::string_view) {});
  }

  std::vector<std::string> find(const std::string& part) const {
    std::vector<std::string> found;
    for (const std::string& line : lines_) {
      if (line.find(part) != std::string::npos) found.push_back(line);
    }
    return found;
  }
  std::vector<std::string> take(const std::string& part) {
    std::vector<std::string> found = find(part);
    lines_.clear();
    return found;
  }

 private:
  std::vector<std::string> lines_;
};

TEST_F(ServiceLines, remind_of_what_is_missing_each_minute) {
  ScenarioEnsemble ensemble(3, 1'000);
  ensemble.run_for_ms(2'000);
  EXPECT_EQ(take("serving clients, as").size(), 3u);
  ensemble.find(1)->stop();
  ensemble.find(2)->stop();
  ensemble.run_for_ms(30'000);
  EXPECT_THAT(take("no longer serving clients"),
              ElementsAre(AllOf(HasSubstr("as leader"), HasSubstr("2 are needed"),
                                ContainsRegex("server 1 last heard [0-9.]+ m?s ago"),
                                ContainsRegex("server 2 last heard [0-9.]+ m?s ago"))));
  ensemble.run_for_ms(20'000);
  EXPECT_THAT(take("not serving clients for"), IsEmpty());
  ensemble.run_for_ms(120'000);
  const auto reminders = take("not serving clients for");
  ASSERT_EQ(reminders.size(), 2u);
  EXPECT_THAT(reminders[0], AllOf(HasSubstr("for 60 s: 2 of 3 voters are needed, 1 is here"),
                                  HasSubstr("server 1 cannot be reached"),
                                  HasSubstr("server 2 cannot be reached")));
  EXPECT_THAT(reminders[1], HasSubstr("for 2 min"));
  ensemble.find(1)->start();
  ensemble.run_for_ms(70'000);
  EXPECT_THAT(take("serving clients again after"), ElementsAre(HasSubstr("min, as leader")));
  ensemble.run_for_ms(200'000);
  EXPECT_THAT(take("not serving"), IsEmpty());
}

TEST_F(ServiceLines, a_server_alone_says_at_once_that_it_waits) {
  ScenarioEnsemble ensemble(3, 1'000);
  ensemble.find(1)->stop();
  ensemble.find(2)->stop();
  ensemble.find(3)->stop();
  take("");
  ensemble.find(2)->start();
  ensemble.run_for_ms(61'000);
  EXPECT_THAT(find("waiting for"), ElementsAre(HasSubstr("2 of 3 voters are needed")));
  EXPECT_THAT(find("serving clients for 60 s"),
              ElementsAre(HasSubstr("server 3 cannot be reached")));
  EXPECT_THAT(find("serving clients, as"), IsEmpty());
}

}  // namespace
}  // namespace zooid::server::testing
