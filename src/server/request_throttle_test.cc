#include "server/request_throttle.h"

#include <gmock/gmock.h>

namespace zooid::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using wire::OpCode;
using Fate = RequestThrottle::Fate;

Now at_ms(int64_t ms) {
  return Now{ms_to_us(ms), ms};
}

class RequestThrottleTest : public testing::Test {
 protected:
  RequestThrottleTest() { config.request_throttle_max_requests = 2; }

  void push(ConnectionId connection, int32_t xid, OpCode type = OpCode::kCreate, int64_t ms = 0) {
    ThrottledRequest request;
    request.connection = connection;
    request.session = SessionId{1};
    request.timeout_ms = 4'000;
    request.xid = xid;
    request.type = type;
    request.received_us = ms_to_us(ms);
    throttle.push(std::move(request));
  }
  // (xid, fate) of everything that may go with so many in process.
  std::vector<std::pair<int32_t, Fate>> take_all(size_t in_process, int64_t ms) {
    std::vector<std::pair<int32_t, Fate>> taken;
    while (auto released = throttle.take(in_process, at_ms(ms))) {
      taken.emplace_back(released->request.xid, released->fate);
    }
    return taken;
  }
  static std::vector<int32_t> xids(const std::vector<ThrottledRequest>& requests) {
    std::vector<int32_t> result;
    for (const ThrottledRequest& request : requests) result.push_back(request.xid);
    return result;
  }

  config::ServerConfig config;
  RequestThrottle throttle{config};
};

TEST_F(RequestThrottleTest, is_off_by_default) {
  const config::ServerConfig defaults;
  const RequestThrottle off(defaults);
  EXPECT_FALSE(off.is_on());
  EXPECT_FALSE(off.holds_back(1'000'000));
  EXPECT_EQ(off.next_deadline(), kNever);
}

TEST_F(RequestThrottleTest, holds_back_when_full_and_while_others_wait) {
  EXPECT_FALSE(throttle.holds_back(1));
  EXPECT_TRUE(throttle.holds_back(2));
  push(7, 1);
  EXPECT_TRUE(throttle.holds_back(0)) << "nobody overtakes";
  EXPECT_FALSE(throttle.is_ready(2));
  EXPECT_TRUE(throttle.is_ready(1));
}

TEST_F(RequestThrottleTest, the_oldest_goes_when_there_is_room_and_waits_are_counted) {
  push(7, 1);
  push(8, 2);
  EXPECT_EQ(throttle.next_deadline(), ms_to_us(100));
  EXPECT_EQ(throttle.figures().waits, 1u);
  EXPECT_EQ(throttle.take(2, at_ms(50)), std::nullopt);
  EXPECT_EQ(throttle.next_deadline(), ms_to_us(150)) << "looks again after the stall time";
  EXPECT_EQ(throttle.figures().waits, 2u);
  const auto first = throttle.take(1, at_ms(60));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->request.xid, 1);
  EXPECT_EQ(first->fate, Fate::kCarryOut);
  EXPECT_THAT(take_all(1, 60), ElementsAre(std::pair(2, Fate::kCarryOut)));
  EXPECT_EQ(throttle.next_deadline(), kNever);
}

TEST_F(RequestThrottleTest, what_waited_for_too_long_is_refused_but_never_a_session_operation) {
  config.throttled_op_wait_ms = 30;
  push(7, 1, OpCode::kCreate, 0);
  push(7, 2, OpCode::kGetData, 0);
  push(7, 3, OpCode::kPing, 0);
  push(7, 4, OpCode::kCloseSession, 0);
  push(8, 5, OpCode::kCreateSession, 0);
  push(9, 6, OpCode::kSync, 1);
  EXPECT_THAT(take_all(0, 31),
              ElementsAre(std::pair(1, Fate::kRefuse), std::pair(2, Fate::kRefuse),
                          std::pair(3, Fate::kCarryOut), std::pair(4, Fate::kCarryOut),
                          std::pair(5, Fate::kCarryOut), std::pair(6, Fate::kCarryOut)));
  EXPECT_EQ(throttle.figures().refused, 2u);
}

TEST_F(RequestThrottleTest, requests_of_a_closed_connection_are_dropped) {
  push(7, 1);
  push(8, 2);
  push(7, 3, OpCode::kCloseSession);
  EXPECT_THAT(xids(throttle.on_connection_closed(7)), ElementsAre(1, 3))
      << "the closeSession would come without what was sent before it";
  EXPECT_THAT(take_all(0, 1), ElementsAre(std::pair(2, Fate::kCarryOut)));
  EXPECT_EQ(throttle.figures().stale_dropped, 1u) << "the first; the others must follow it";
}

TEST_F(RequestThrottleTest, a_close_session_outlives_its_connection) {
  push(7, 1, OpCode::kCloseSession);
  push(7, 2);
  EXPECT_THAT(xids(throttle.on_connection_closed(7)), ElementsAre(2));
  EXPECT_THAT(take_all(0, 1), ElementsAre(std::pair(1, Fate::kCarryOut)));
  EXPECT_EQ(throttle.figures().stale, 0u);
}

TEST_F(RequestThrottleTest, stale_requests_are_carried_out_if_they_shall_not_be_dropped) {
  config.request_throttle_drop_stale = false;
  push(7, 1);
  EXPECT_THAT(throttle.on_connection_closed(7), IsEmpty());
  EXPECT_THAT(take_all(0, 1), ElementsAre(std::pair(1, Fate::kCarryOut)));
  EXPECT_EQ(throttle.figures().stale, 1u);

  config.request_throttle_drop_stale = true;
  config.request_stale_connection_check = false;
  push(7, 2);
  EXPECT_THAT(throttle.on_connection_closed(7), IsEmpty());
  EXPECT_THAT(take_all(0, 1), ElementsAre(std::pair(2, Fate::kCarryOut)));
  EXPECT_EQ(throttle.figures().stale, 1u) << "then it does not count as stale";
}

TEST_F(RequestThrottleTest, what_is_older_than_its_session_is_dropped_if_wanted_even_when_full) {
  push(7, 1);
  EXPECT_THAT(take_all(0, 10'000), ElementsAre(std::pair(1, Fate::kCarryOut)));
  config.request_stale_latency_check = true;
  push(7, 2);
  push(7, 3, OpCode::kCloseSession);
  push(8, 4, OpCode::kCreate, 1'000);
  EXPECT_THAT(take_all(2, 4'000), IsEmpty());
  const auto dropped = throttle.take(2, at_ms(4'001));
  ASSERT_TRUE(dropped);
  EXPECT_EQ(dropped->request.xid, 2);
  EXPECT_EQ(dropped->fate, Fate::kDrop);
  EXPECT_THAT(xids(throttle.drop_connection(7)), ElementsAre(3));
  EXPECT_THAT(take_all(1, 4'001), ElementsAre(std::pair(4, Fate::kCarryOut)));
  EXPECT_EQ(throttle.figures().stale_dropped, 1u);
  push(9, 5);
  EXPECT_EQ(throttle.drop_all().size(), 1u);
  EXPECT_TRUE(throttle.is_empty());
}

}  // namespace
}  // namespace zooid::server
