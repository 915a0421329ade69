#include "server/connection_throttle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace zooid::server {
namespace {

using Session = ConnectionThrottle::Session;

Now at_ms(int64_t ms) {
  return Now{ms_to_us(ms), ms};
}

class ConnectionThrottleTest : public testing::Test {
 protected:
  ConnectionThrottleTest() {
    config.connection_throttle_tokens = 10;
    config.connection_throttle_fill_ms = 100;
    config.connection_throttle_fill_count = 2;
  }
  ConnectionThrottle make(uint64_t seed = 1) const { return {config, seed, at_ms(0)}; }
  // How many of so many connect requests are admitted at that moment.
  static int admitted(ConnectionThrottle& throttle, int asked, int64_t ms,
                      Session session = Session::kNewGlobal) {
    int count = 0;
    for (int i = 0; i < asked; ++i) count += throttle.admit(session, at_ms(ms)) ? 1 : 0;
    return count;
  }

  config::ServerConfig config;
};

TEST_F(ConnectionThrottleTest, is_off_without_tokens) {
  config = config::ServerConfig{};
  config.connection_throttle_freeze_ms = 0;
  ConnectionThrottle throttle = make();
  EXPECT_EQ(admitted(throttle, 10'000, 0), 10'000);
  EXPECT_EQ(throttle.drop_probability(), 0);
}

TEST_F(ConnectionThrottleTest, the_bucket_empties_and_is_filled_as_time_passes) {
  ConnectionThrottle throttle = make();
  EXPECT_EQ(admitted(throttle, 20, 0), 10);
  EXPECT_EQ(admitted(throttle, 20, 100), 0) << "more than a fill time must have passed";
  EXPECT_EQ(admitted(throttle, 20, 101), 2);
  EXPECT_EQ(admitted(throttle, 20, 351), 5) << "2.5 fill times";
  EXPECT_EQ(admitted(throttle, 20, 502), 3) << "151 * 2 / 100; the rest of it is lost";
  EXPECT_EQ(admitted(throttle, 20, 100'000), 10) << "no more than the bucket holds";
  throttle.restart(at_ms(100'001));
  EXPECT_EQ(admitted(throttle, 20, 100'001), 10);
}

TEST_F(ConnectionThrottleTest, a_fill_that_is_beyond_all_numbers_fills_the_bucket) {
  config.connection_throttle_fill_count = INT32_MAX;
  ConnectionThrottle throttle = make();
  EXPECT_EQ(admitted(throttle, 20, 0), 10);
  EXPECT_EQ(admitted(throttle, 20, int64_t{1} << 40), 10);
}

TEST_F(ConnectionThrottleTest, without_weights_each_session_costs_one) {
  config.connection_throttle_global_weight = 5;
  const ConnectionThrottle throttle = make();
  for (const Session session : {Session::kNewGlobal, Session::kNewLocal, Session::kRenewed}) {
    EXPECT_EQ(throttle.weight(session), 1);
  }
  EXPECT_EQ(throttle.tokens(), 10);
}

TEST_F(ConnectionThrottleTest, with_weights_the_bucket_is_counted_in_global_sessions) {
  config.connection_throttle_weights_enabled = true;
  ConnectionThrottle throttle = make();
  EXPECT_EQ(throttle.tokens(), 30);
  EXPECT_EQ(admitted(throttle, 100, 0, Session::kNewGlobal), 10);
  throttle.restart(at_ms(0));
  EXPECT_EQ(admitted(throttle, 100, 0, Session::kNewLocal), 30);
  throttle.restart(at_ms(0));
  EXPECT_EQ(admitted(throttle, 100, 0, Session::kRenewed), 15);
  EXPECT_EQ(admitted(throttle, 100, 101, Session::kRenewed), 3) << "101 * 2 * 3 / 100 tokens";
  throttle.restart(at_ms(101));
  EXPECT_EQ(admitted(throttle, 9, 101, Session::kNewGlobal), 9);
  EXPECT_EQ(admitted(throttle, 1, 101, Session::kRenewed), 1);
  EXPECT_EQ(admitted(throttle, 1, 101, Session::kRenewed), 0) << "one token is not enough";
  EXPECT_EQ(admitted(throttle, 1, 101, Session::kNewLocal), 1);
}

TEST_F(ConnectionThrottleTest, weights_that_cannot_be_are_replaced) {
  config.connection_throttle_weights_enabled = true;
  config.connection_throttle_global_weight = 0;
  config.connection_throttle_local_weight = -1;
  config.connection_throttle_renew_weight = -7;
  const ConnectionThrottle defaults = make();
  EXPECT_EQ(defaults.weight(Session::kNewGlobal), 3);
  EXPECT_EQ(defaults.weight(Session::kNewLocal), 1);
  EXPECT_EQ(defaults.weight(Session::kRenewed), 2);
  config.connection_throttle_global_weight = 3;
  config.connection_throttle_local_weight = 4;
  config.connection_throttle_renew_weight = 2;
  const ConnectionThrottle raised = make();
  EXPECT_EQ(raised.weight(Session::kNewGlobal), 4);
  EXPECT_EQ(raised.weight(Session::kNewLocal), 4);
  EXPECT_EQ(raised.weight(Session::kRenewed), 4);
}

TEST_F(ConnectionThrottleTest, the_chance_grows_while_the_bucket_is_empty_and_shrinks_when_full) {
  config.connection_throttle_fill_ms = 1'000'000;
  config.connection_throttle_freeze_ms = 50;
  config.connection_throttle_drop_increase = 0.25;
  config.connection_throttle_drop_decrease = 0.5;
  ConnectionThrottle throttle = make();
  EXPECT_EQ(admitted(throttle, 20, 0), 10);
  EXPECT_EQ(throttle.drop_probability(), 0);
  EXPECT_EQ(admitted(throttle, 20, 50), 0);
  EXPECT_EQ(throttle.drop_probability(), 0) << "more than the freeze time must have passed";
  for (int i = 1; i <= 5; ++i) {
    admitted(throttle, 20, 50 + i * 51);
    EXPECT_EQ(throttle.drop_probability(), std::min(i * 0.25, 1.0)) << "once in each freeze time";
  }
  EXPECT_EQ(throttle.drop_probability(), 1) << "then nobody gets through";
  admitted(throttle, 1, 10'000'000'000);
  EXPECT_EQ(throttle.drop_probability(), 0.5) << "the bucket is full again";
  throttle.restart(at_ms(0));
  EXPECT_EQ(throttle.drop_probability(), 0);
}

TEST_F(ConnectionThrottleTest, the_ratio_says_how_empty_the_bucket_may_be_when_the_chance_shrinks) {
  config.connection_throttle_fill_ms = 10;
  config.connection_throttle_fill_count = 1;
  config.connection_throttle_freeze_ms = 0;
  config.connection_throttle_drop_increase = 0.1;
  config.connection_throttle_drop_decrease = 0.1;
  const auto chance_with_three_of_ten_taken = [&](double ratio) {
    config.connection_throttle_decrease_ratio = ratio;
    ConnectionThrottle throttle = make();
    EXPECT_EQ(admitted(throttle, 10, 0), 10);
    EXPECT_EQ(admitted(throttle, 1, 1), 0);
    EXPECT_EQ(throttle.drop_probability(), 0.1);
    admitted(throttle, 1, 71);
    return throttle.drop_probability();
  };
  EXPECT_EQ(chance_with_three_of_ten_taken(0), 0.1);
  EXPECT_EQ(chance_with_three_of_ten_taken(0.24), 0.1);
  EXPECT_EQ(chance_with_three_of_ten_taken(0.25), 0) << "2.5 tokens are rounded to three";
}

TEST_F(ConnectionThrottleTest, chance_comes_from_the_seed) {
  config.connection_throttle_tokens = 1'000;
  config.connection_throttle_fill_ms = 11;
  config.connection_throttle_fill_count = 1'000;
  config.connection_throttle_freeze_ms = 10;
  config.connection_throttle_drop_increase = 0.4;
  const auto run = [&](uint64_t seed) {
    ConnectionThrottle throttle = make(seed);
    EXPECT_EQ(admitted(throttle, 1'000, 0), 1'000);
    EXPECT_EQ(admitted(throttle, 1, 11), 0);
    std::string pattern;
    for (int i = 0; i < 200; ++i) {
      pattern += throttle.admit(Session::kNewGlobal, at_ms(12)) ? '+' : '-';
    }
    EXPECT_EQ(throttle.drop_probability(), 0.4);
    return pattern;
  };
  const std::string pattern = run(1);
  EXPECT_EQ(pattern, run(1));
  EXPECT_NE(pattern, run(2));
  const auto passed = std::ranges::count(pattern, '+');
  EXPECT_GT(passed, 100) << pattern;
  EXPECT_LT(passed, 140) << pattern;
}

}  // namespace
}  // namespace zooid::server
