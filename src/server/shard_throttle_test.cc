// The throttles in a shard: who waits, who is answered what, in which order; who is turned away.
#include "base/mark.h"
#include "server/shard_core.h"
#include "server/shard_fixture.h"

namespace zooid::server::testing {
namespace {

using wire::ErrorCode;
using wire::OpCode;

class ShardThrottleTest : public ShardFixture {
 protected:
  ShardThrottleTest() { config.request_throttle_max_requests = 2; }

  static bool has_error(const Frame& frame, ErrorCode err) {
    return frame.err == static_cast<int32_t>(err);
  }
  bool exists(std::string_view path) const {
    return replica.database.tree().find(path) != state::kNoNode;
  }
  std::string monitor() {
    auto client = network.connect_client();
    client->inbound = "mntr";
    step();
    auto facts = std::make_shared<ReplicaFacts>();
    shard->inbox().push(InspectReply{replica.inspects.back().origin.connection, facts});
    step();
    return client->received;
  }
};

TEST_F(ShardThrottleTest, so_many_are_in_process_and_all_are_answered_in_order) {
  start();
  auto first = connect_open();
  auto second = connect_open();
  std::string sent;
  for (int32_t xid = 1; xid <= 6; ++xid) sent += create(xid, "/n" + std::to_string(xid));
  first->inbound = sent;
  step();
  EXPECT_EQ(replica.pending.size(), 2u);
  second->inbound = get(1, "/") + frame(2, OpCode::kWhoAmI);
  step();
  EXPECT_FALSE(has_frame(*second)) << "a read of another client waits for its turn, too";
  replica.commit(1);
  step();
  EXPECT_EQ(next_frame(*first).xid, 1);
  EXPECT_EQ(replica.pending.size(), 2u);
  EXPECT_FALSE(has_frame(*second));
  settle();
  for (int32_t xid = 2; xid <= 6; ++xid) {
    const Frame reply = next_frame(*first);
    EXPECT_EQ(reply.xid, xid);
    EXPECT_EQ(reply.err, 0);
  }
  EXPECT_EQ(next_frame(*second).err, 0);
  EXPECT_EQ(next_frame(*second).xid, 2);
}

TEST_F(ShardThrottleTest, a_read_behind_a_throttled_write_sees_it) {
  start();
  auto client = connect_open();
  client->inbound = create(1, "/a") + create(2, "/b") + create(3, "/c", "seen") + get(4, "/c") +
                    set_data(5, "/c", "later");
  step();
  EXPECT_EQ(replica.pending.size(), 2u);
  settle();
  for (int32_t xid = 1; xid <= 3; ++xid) EXPECT_EQ(next_frame(*client).xid, xid);
  EXPECT_EQ(data_of(next_frame(*client)), "seen");
  EXPECT_EQ(next_frame(*client).err, 0);
}

TEST_F(ShardThrottleTest, who_waited_for_too_long_is_told_in_its_turn_and_nothing_is_done) {
  config.throttled_op_wait_ms = 50;
  start();
  auto client = connect_open();
  client->inbound = create(1, "/a") + create(2, "/b") + create(3, "/c") + get(4, "/", true) +
                    frame(5, static_cast<OpCode>(99)) + frame(wire::kXidPing, OpCode::kPing) +
                    create(6, "not a path");
  step();
  clock.advance_ms(51);
  replica.commit(1);
  step();
  EXPECT_EQ(next_frame(*client).xid, 1);
  EXPECT_FALSE(has_frame(*client)) << "what is refused waits for the reply in front of it";
  client->inbound = create(7, "/d");
  step();
  settle();
  EXPECT_EQ(next_frame(*client).xid, 2);
  for (const int32_t xid : {3, 4}) {
    const Frame refused = next_frame(*client);
    EXPECT_EQ(refused.xid, xid);
    EXPECT_TRUE(has_error(refused, ErrorCode::kThrottledOp)) << xid;
    EXPECT_EQ(refused.zxid, 3) << "what was applied last";
    EXPECT_TRUE(refused.body.empty());
  }
  EXPECT_TRUE(has_error(next_frame(*client), ErrorCode::kUnimplemented));
  EXPECT_EQ(next_frame(*client).xid, wire::kXidPing);
  EXPECT_TRUE(has_error(next_frame(*client), ErrorCode::kThrottledOp));
  EXPECT_EQ(next_frame(*client).err, 0) << "the connection goes on";
  EXPECT_FALSE(exists("/c"));
  EXPECT_TRUE(exists("/d"));
  const std::string numbers = monitor();
  EXPECT_NE(numbers.find("\nzk_throttled_ops\t4\n"), std::string::npos) << "the unknown one, too";
  client->inbound = set_data(8, "/", "x");
  settle();
  EXPECT_EQ(next_frame(*client).xid, 8) << "a refused read leaves no watch";
  EXPECT_FALSE(has_frame(*client));
  EXPECT_GT(mark_count("throttle.refused"), 0u);
}

TEST_F(ShardThrottleTest, a_new_session_waits_and_counts) {
  config.request_throttle_max_requests = 1;
  start();
  auto first = network.connect_client();
  auto second = network.connect_client();
  first->inbound = connect_frame(10'000);
  second->inbound = connect_frame(10'000);
  step();
  EXPECT_EQ(replica.pending.size(), 1u);
  network.break_off(*first);
  step();
  EXPECT_EQ(replica.pending.size(), 2u) << "who is gone takes no room";
  settle();
  EXPECT_EQ(second->received.size(), 41u);
  auto third = connect_open();
  third->inbound = create(1, "/a");
  settle();
  EXPECT_EQ(next_frame(*third).err, 0);
}

TEST_F(ShardThrottleTest, the_requests_of_a_lost_connection_are_dropped_but_not_its_close_session) {
  config.request_throttle_max_requests = 1;
  start();
  auto busy = connect_open();
  auto dropped = connect_open();
  auto closing = connect_open();
  busy->inbound = create(1, "/busy");
  step();
  dropped->inbound = create(1, "/dropped");
  closing->inbound = frame(1, OpCode::kCloseSession);
  step();
  network.break_off(*dropped);
  network.break_off(*closing);
  settle();
  EXPECT_TRUE(exists("/busy"));
  EXPECT_FALSE(exists("/dropped"));
  EXPECT_TRUE(replica.database.sessions().contains(session_of(*dropped)));
  EXPECT_FALSE(replica.database.sessions().contains(session_of(*closing)));
  EXPECT_GT(mark_count("throttle.stale_dropped_at_close"), 0u);
  EXPECT_GT(mark_count("throttle.write_outlives_connection"), 0u);
}

TEST_F(ShardThrottleTest, a_lost_connections_write_is_carried_out_if_stale_ones_are_not_dropped) {
  config.request_throttle_max_requests = 1;
  config.request_throttle_drop_stale = false;
  start();
  auto busy = connect_open();
  auto lost = connect_open();
  busy->inbound = create(1, "/busy");
  step();
  lost->inbound =
      get(1, "/") + create(2, "/kept") + create(3, "unreadable\xff" + std::string(1, '\0'));
  step();
  network.break_off(*lost);
  settle();
  EXPECT_TRUE(exists("/kept"));
  EXPECT_NE(monitor().find("\nzk_stale_requests\t3\n"), std::string::npos);
}

TEST_F(ShardThrottleTest, a_request_older_than_its_session_closes_its_connection) {
  config.request_throttle_max_requests = 1;
  config.request_stale_latency_check = true;
  start();
  auto busy = connect_open(40'000);
  auto late = connect_open(4'000);
  busy->inbound = create(1, "/busy");
  step();
  late->inbound = create(1, "/late") + create(2, "/later");
  for (int i = 0; i < 18; ++i) {
    step();
    clock.advance_ms(250);
    if (i == 10) late->inbound = frame(wire::kXidPing, OpCode::kPing);
  }
  EXPECT_TRUE(late->closed_by_server) << "noticed while nothing is finished";
  settle();
  EXPECT_EQ(next_frame(*busy).err, 0);
  EXPECT_FALSE(exists("/late"));
  EXPECT_FALSE(exists("/later"));
  EXPECT_GT(mark_count("throttle.stale_dropped"), 0u);
}

TEST_F(ShardThrottleTest, what_waits_counts_for_the_other_limits) {
  config.request_throttle_max_requests = 1;
  config.global_outstanding_limit = 3;
  config.large_request_threshold = 1'000;
  config.large_request_max_bytes = 5'000;
  start();
  auto client = connect_open();
  auto other = connect_open();
  std::string sent;
  for (int32_t xid = 1; xid <= 20; ++xid) sent += create(xid, "/n" + std::to_string(xid));
  client->inbound = create(0, "/big", std::string(3'000, 'x')) + sent;
  step();
  EXPECT_EQ(replica.pending.size(), 1u);
  EXPECT_TRUE(client->paused);
  other->inbound = create(1, "/large", std::string(3'000, 'x'));
  step();
  EXPECT_TRUE(other->closed_by_server);
  settle();
  for (int32_t xid = 0; xid <= 20; ++xid) EXPECT_EQ(next_frame(*client).xid, xid);
  EXPECT_FALSE(client->paused);
}

TEST_F(ShardThrottleTest, nothing_waits_any_more_when_the_server_stops_serving) {
  start();
  auto client = connect_open();
  std::string sent;
  for (int32_t xid = 1; xid <= 6; ++xid) sent += create(xid, "/n" + std::to_string(xid));
  client->inbound = sent;
  step();
  replica.pending.clear();
  shard->inbox().push(NotServing{"test"});
  step();
  EXPECT_TRUE(client->closed_by_server);
  replica.serve(shard->inbox());
  auto again = connect_open();
  again->inbound = create(1, "/a") + create(2, "/b") + create(3, "/c");
  step();
  EXPECT_EQ(replica.pending.size(), 2u);
  settle();
  for (int32_t xid = 1; xid <= 3; ++xid) EXPECT_EQ(next_frame(*again).err, 0);
  EXPECT_FALSE(exists("/n3"));
}

TEST_F(ShardThrottleTest, connect_requests_beyond_the_tokens_are_closed_without_a_byte) {
  config.connection_throttle_tokens = 2;
  config.connection_throttle_fill_ms = 1'000;
  start();
  auto first = connect_open();
  auto second = connect_open();
  auto third = network.connect_client();
  auto word = network.connect_client();
  EXPECT_FALSE(third->closed_by_server) << "a connection is nothing, its connect request counts";
  third->inbound = connect_frame(10'000);
  word->inbound = "ruok";
  settle();
  EXPECT_TRUE(third->closed_by_server);
  EXPECT_TRUE(third->received.empty());
  EXPECT_EQ(word->received, "imok");
  clock.advance_ms(1'001);
  auto renewed = network.connect_client();
  const SessionId session = session_of(*second);
  renewed->inbound = connect_frame(10'000, session, wire::session_password(session));
  settle();
  EXPECT_EQ(renewed->received.size(), 41u) << "the bucket has a token again";
  const std::string numbers = monitor();
  EXPECT_NE(numbers.find("\nzk_connection_request_count\t3\nzk_connection_rejected\t1\n"),
            std::string::npos)
      << numbers;
  EXPECT_NE(numbers.find("\nzk_connection_drop_probability\t0.0\n"), std::string::npos);
  EXPECT_GT(mark_count("connection_throttle.no_tokens"), 0u);

  shard->inbox().push(NotServing{"test"});
  step();
  replica.serve(shard->inbox());
  connect_open();
  connect_open();
}

TEST_F(ShardThrottleTest, the_session_decides_what_a_connect_request_costs) {
  config.connection_throttle_tokens = 2;  // six, as a global session costs three
  config.connection_throttle_fill_count = 0;
  config.connection_throttle_weights_enabled = true;
  start();
  auto client = connect_open();
  const SessionId session = session_of(*client);
  const auto renews = [&] {
    auto again = network.connect_client();
    again->inbound = connect_frame(10'000, session, wire::session_password(session));
    settle();
    return again->received.size() == 41u;
  };
  EXPECT_TRUE(renews()) << "two of three tokens";
  EXPECT_FALSE(renews());
}

TEST_F(ShardThrottleTest, local_sessions_cost_less) {
  config.my_id = ServerId{1};
  config.membership =
      *zab::Membership::parse("server.1=127.0.0.1:2888:3888:participant;127.0.0.1:2181\nversion=0");
  config.local_sessions_enabled = true;
  config.connection_throttle_tokens = 1;
  config.connection_throttle_fill_count = 0;
  config.connection_throttle_weights_enabled = true;
  start();
  for (int i = 0; i < 3; ++i) connect_open();
  auto fourth = network.connect_client();
  fourth->inbound = connect_frame(10'000);
  settle();
  EXPECT_TRUE(fourth->closed_by_server);
}

TEST_F(ShardThrottleTest, the_chance_of_being_refused_is_shown) {
  config.connection_throttle_tokens = 1;
  config.connection_throttle_fill_count = 0;
  config.connection_throttle_freeze_ms = 0;
  config.connection_throttle_drop_increase = 0.6;
  start();
  connect_open();
  for (int i = 0; i < 20; ++i) {
    clock.advance_ms(1);
    network.connect_client()->inbound = connect_frame(10'000);
    step();
    if (i == 0) {
      EXPECT_NE(monitor().find("_drop_probability\t0.6\n"), std::string::npos);
    }
  }
  EXPECT_NE(monitor().find("_drop_probability\t1.0\n"), std::string::npos);
  EXPECT_GT(mark_count("connection_throttle.refused_by_chance"), 0u);
}

TEST_F(ShardThrottleTest, a_slow_reader_that_is_throttled_loses_nothing) {
  start();
  auto client = connect_open();
  client->inbound = create(1, "/big", std::string(1'000'000, 'x'));
  settle();
  next_frame(*client);
  client->window = 0;
  std::string sent = create(2, "/a") + create(3, "/b");
  for (int32_t xid = 4; xid < 104; ++xid) sent += get(xid, "/big");
  client->inbound = sent;
  step();
  replica.commit();
  step();
  EXPECT_LT(client->output.size(), kBacklogPauseBytes + 2'000'000);
  client->window = SIZE_MAX;
  settle();
  for (int32_t xid = 2; xid < 104; ++xid) ASSERT_EQ(next_frame(*client).xid, xid);
}

}  // namespace
}  // namespace zooid::server::testing
