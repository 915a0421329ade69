// Bounds of a shard, time-outs, touched sessions, slow readers; and bytes of chance.
#include "base/mark.h"
#include "base/random.h"
#include "server/client_connection.h"
#include "server/shard_core.h"
#include "server/shard_fixture.h"

namespace zooid::server::testing {
namespace {

using wire::OpCode;

class ShardLimitsTest : public ShardFixture {
 protected:
  // Time passes in small steps, as for a loop that wakes up at deadlines.
  void pass_ms(int64_t ms) {
    for (int64_t passed = 0; passed < ms; passed += 250) {
      clock.advance_ms(250);
      step();
      replica.commit();
    }
  }
};

TEST_F(ShardLimitsTest, connections_of_one_address_are_limited) {
  config.max_client_cnxns = 2;
  start();
  auto first = network.connect_client("10.0.0.1");
  auto second = network.connect_client("10.0.0.1");
  EXPECT_TRUE(network.connect_client("10.0.0.1")->refused);
  EXPECT_FALSE(network.connect_client("10.0.0.2")->refused);
  network.break_off(*first);
  EXPECT_FALSE(network.connect_client("10.0.0.1")->refused);
}

TEST_F(ShardLimitsTest, connections_of_the_server_are_limited) {
  config.max_cnxns = 2;
  config.max_client_cnxns = 0;
  start();
  EXPECT_FALSE(network.connect_client("10.0.0.1")->refused);
  EXPECT_FALSE(network.connect_client("10.0.0.2")->refused);
  EXPECT_TRUE(network.connect_client("10.0.0.3")->refused);
}

TEST_F(ShardLimitsTest, reading_pauses_at_the_outstanding_limit_and_all_are_answered_in_order) {
  config.global_outstanding_limit = 4;
  start();
  auto client = connect_open();
  auto other = connect_open();
  std::string sent;
  for (int32_t xid = 1; xid <= 20; ++xid) sent += create(xid, "/n" + std::to_string(xid));
  client->inbound = sent;
  step();
  EXPECT_EQ(replica.pending.size(), 4u);
  EXPECT_TRUE(client->paused);
  other->inbound = get(1, "/");
  step();
  EXPECT_EQ(next_frame(*other).err, 0);
  settle();
  for (int32_t xid = 1; xid <= 20; ++xid) EXPECT_EQ(next_frame(*client).xid, xid);
  EXPECT_FALSE(client->paused);
}

TEST_F(ShardLimitsTest, large_requests_have_a_bound_of_their_own) {
  config.large_request_threshold = 1'000;
  config.large_request_max_bytes = 5'000;
  start();
  auto first = connect_open();
  auto second = connect_open();
  first->inbound = create(1, "/a", std::string(3'000, 'x')) + create(2, "/b", "small");
  second->inbound = create(1, "/c", std::string(900, 'x'));
  step();
  EXPECT_FALSE(first->closed_by_server);
  second->inbound = create(2, "/d", std::string(3'000, 'x'));
  step();
  EXPECT_TRUE(second->closed_by_server) << "together they would take more than 5000 bytes";
  settle();
  EXPECT_EQ(next_frame(*first).err, 0);
  first->inbound = create(3, "/e", std::string(3'000, 'x'));
  settle();
  EXPECT_FALSE(first->closed_by_server) << "what was answered counts no more";
}

TEST_F(ShardLimitsTest, a_connection_without_a_session_is_closed_after_ten_seconds) {
  start();
  auto silent = network.connect_client();
  auto trickling = network.connect_client();
  pass_ms(9'000);
  EXPECT_FALSE(silent->closed_by_server);
  trickling->inbound = std::string(1, '\0');
  pass_ms(2'000);
  EXPECT_TRUE(silent->closed_by_server);
  EXPECT_TRUE(trickling->closed_by_server);
}

TEST_F(ShardLimitsTest, an_idle_session_is_closed_at_its_timeout_and_pings_keep_it) {
  start();
  auto idle = connect_open(4'000);
  auto pinging = connect_open(4'000);
  for (int i = 0; i < 5; ++i) {
    pinging->inbound = frame(wire::kXidPing, OpCode::kPing);
    pass_ms(1'000);
  }
  EXPECT_TRUE(idle->closed_by_server);
  EXPECT_FALSE(pinging->closed_by_server);
}

TEST_F(ShardLimitsTest, touched_sessions_are_reported_at_most_every_quarter_of_a_tick) {
  start();
  auto client = connect_open();
  pass_ms(1'000);
  replica.touches.clear();
  for (int i = 0; i < 20; ++i) {  // two seconds: a tick
    client->inbound = frame(wire::kXidPing, OpCode::kPing);
    clock.advance_ms(100);
    step();
  }
  EXPECT_GE(replica.touches.size(), 3u);
  EXPECT_LE(replica.touches.size(), 4u);
  ASSERT_EQ(replica.touches[0].touched.size(), 1u);
  EXPECT_EQ(replica.touches[0].touched[0].session, session_of(*client));
  EXPECT_EQ(replica.touches[0].touched[0].timeout_ms, 10'000);
  pass_ms(1'000);
  replica.touches.clear();
  pass_ms(4'000);
  EXPECT_TRUE(replica.touches.empty());
}

TEST_F(ShardLimitsTest, a_slow_reader_is_not_read_until_its_backlog_has_drained) {
  start();
  auto client = connect_open();
  client->inbound = create(1, "/big", std::string(1'000'000, 'x'));
  settle();
  next_frame(*client);
  client->window = 0;
  std::string sent;
  for (int32_t xid = 2; xid < 102; ++xid) sent += get(xid, "/big");
  client->inbound = sent;
  step();
  EXPECT_TRUE(client->paused);
  EXPECT_LT(client->output.size(), kBacklogPauseBytes + 2'000'000);
  client->window = SIZE_MAX;
  for (int32_t xid = 2; xid < 102;) {
    step();
    ASSERT_TRUE(has_frame(*client)) << xid;
    while (has_frame(*client)) EXPECT_EQ(next_frame(*client).xid, xid++);
  }
  step();
  EXPECT_FALSE(client->paused);
  EXPECT_GT(mark_count("client.backlog_pause"), 0u);
}

TEST_F(ShardLimitsTest, waiting_reads_stop_at_the_backlog_too) {
  start();
  auto client = connect_open();
  client->inbound = create(1, "/big", std::string(1'000'000, 'x'));
  settle();
  client->received.clear();
  client->window = 0;
  std::string sent = create(2, "/a");
  for (int32_t xid = 3; xid < 103; ++xid) sent += get(xid, "/big");
  client->inbound = sent + create(103, "/b");
  step();
  replica.commit();
  step();
  EXPECT_LT(client->output.size(), kBacklogPauseBytes + 2'000'000);
  EXPECT_TRUE(replica.pending.empty()) << "the last write waits for the reads";
  client->window = SIZE_MAX;
  settle();
  for (int32_t xid = 2; xid <= 103; ++xid) ASSERT_EQ(next_frame(*client).xid, xid);
}

TEST_F(ShardLimitsTest, who_does_not_take_its_watch_events_is_closed) {
  start();
  auto client = connect_open();
  const std::string path = "/" + std::string(500'000, 'n');
  client->inbound = path_mode(1, OpCode::kAddWatch, path, 0);
  settle();
  client->window = 0;
  auto applied = std::make_shared<state::Applied>();
  applied->header.zxid = replica.database.last_zxid();
  applied->changes.push_back({state::Change::Kind::kDataChanged, path,
                              std::make_shared<const state::StoredAcl>(wire::AclList{}), nullptr});
  for (int i = 0; i < 200 && !client->closed_by_server; ++i) {
    shard->inbox().push(AppliedTxn{applied, {}});
    step();
  }
  EXPECT_TRUE(client->closed_by_server);
  EXPECT_LE(client->output.size(), kBacklogPauseBytes + kBacklogExtraBytes + 2'000'000);
  EXPECT_GT(mark_count("client.slow_reader_closed"), 0u);
}

TEST_F(ShardLimitsTest, events_for_one_who_reads_nothing_stop_at_the_bound_of_all_output) {
  config.output_bytes_max = 1'000'000;
  start();
  auto client = connect_open();
  const std::string path = "/" + std::string(500'000, 'n');
  client->inbound = path_mode(1, OpCode::kAddWatch, path, 0);
  settle();
  client->window = 0;
  auto applied = std::make_shared<state::Applied>();
  applied->header.zxid = replica.database.last_zxid();
  applied->changes.push_back({state::Change::Kind::kDataChanged, path,
                              std::make_shared<const state::StoredAcl>(wire::AclList{}), nullptr});
  size_t most = 0;
  for (int i = 0; i < 20 && !client->closed_by_server; ++i) {
    shard->inbox().push(AppliedTxn{applied, {}});
    step();
    most = std::max(most, client->output.size());
  }
  EXPECT_TRUE(client->closed_by_server);
  EXPECT_LE(most, 2 * config.output_bytes_max + 600'000);
  EXPECT_TRUE(client->output.empty()) << "what it did not take is dropped at once";
}

// The output of all connections together.
class OutputBoundTest : public ShardLimitsTest {
 protected:
  void SetUp() override {
    config.output_bytes_max = 1'000'000;
    config.max_client_cnxns = 0;
    start();
    auto client = connect_open();
    client->inbound = create(1, "/big", std::string(200'000, 'x')) + create(2, "/small");
    settle();
  }
  // Takes so much at each flush and asks for so many large replies.
  std::shared_ptr<TestPipe> reader(size_t window, int count) {
    auto client = connect_open(60'000);
    client->window = window;
    for (int32_t xid = 1; xid <= count; ++xid) client->inbound += get(xid, "/big");
    step();
    return client;
  }
};

TEST_F(OutputBoundTest, at_the_bound_large_replies_wait_and_small_ones_do_not) {
  std::vector<std::shared_ptr<TestPipe>> readers;
  for (int i = 0; i < 20; ++i) readers.push_back(reader(0, 10));
  EXPECT_LT(network.output_bytes(), 1'300'000u);
  EXPECT_GT(mark_count("client.waits_for_room"), 0u);
  auto small = connect_open();
  small->inbound = get(1, "/small") + create(2, "/new") + get(3, "/small");
  step();
  replica.commit();
  step();
  for (int32_t xid = 1; xid <= 3; ++xid) EXPECT_EQ(next_frame(*small).xid, xid);
  for (const auto& client : readers) client->window = SIZE_MAX;
  settle();
  for (const auto& client : readers) {
    for (int32_t xid = 1; xid <= 10; ++xid) ASSERT_EQ(next_frame(*client).xid, xid);
    EXPECT_FALSE(client->closed_by_server);
    EXPECT_FALSE(client->paused);
  }
}

TEST_F(OutputBoundTest, at_the_bound_those_that_take_nothing_are_closed_the_largest_first) {
  std::vector<std::shared_ptr<TestPipe>> stuck;
  for (int i = 0; i < 10; ++i) stuck.push_back(reader(0, 10));
  auto patient = reader(300'000, 10);
  const size_t before = network.output_bytes();
  EXPECT_GE(before, config.output_bytes_max);
  pass_ms(5'000);
  EXPECT_LT(network.output_bytes(), config.output_bytes_max);
  EXPECT_FALSE(patient->closed_by_server);
  for (int32_t xid = 1; xid <= 10; ++xid) ASSERT_EQ(next_frame(*patient).xid, xid);
  EXPECT_TRUE(stuck[0]->closed_by_server);
  EXPECT_GT(mark_count("client.output_dropped_for_others"), 0u);
}

TEST_F(OutputBoundTest, who_takes_its_output_is_not_closed_at_the_bound) {
  std::vector<std::shared_ptr<TestPipe>> readers;
  for (int i = 0; i < 10; ++i) readers.push_back(reader(70'000, 10));
  for (int looks = 0; looks < 40; ++looks) pass_ms(250);
  for (const auto& client : readers) {
    EXPECT_FALSE(client->closed_by_server);
    for (int32_t xid = 1; xid <= 3; ++xid) ASSERT_EQ(next_frame(*client).xid, xid);
  }
}

TEST_F(ShardLimitsTest, incomplete_requests_have_a_bound_the_oldest_goes_first) {
  config.incoming_bytes_max = 1'000'000;
  config.max_client_cnxns = 0;
  start();
  const std::string request = create(1, "/a", std::string(500'000, 'x'));
  std::vector<std::shared_ptr<TestPipe>> trickling;
  for (int i = 0; i < 30; ++i) {
    trickling.push_back(connect_open(60'000));
    trickling.back()->inbound = request.substr(0, 100'000);
    pass_ms(250);
  }
  EXPECT_TRUE(trickling.front()->closed_by_server);
  EXPECT_FALSE(trickling.back()->closed_by_server);
  EXPECT_GT(mark_count("client.partial_request_dropped"), 0u);
  auto honest = connect_open(60'000);
  honest->inbound = request;
  for (int i = 0; i < 200 && !honest->inbound.empty(); ++i) step();
  settle();
  EXPECT_EQ(next_frame(*honest).err, 0);
}

TEST_F(ShardLimitsTest, a_burst_of_incomplete_requests_stops_at_twice_the_bound) {
  config.incoming_bytes_max = 1'000'000;
  config.max_client_cnxns = 0;
  start();
  std::vector<std::shared_ptr<TestPipe>> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(connect_open(60'000));
  for (const auto& client : clients) {
    client->inbound = create(1, "/a", std::string(500'000, 'x')).substr(0, 100'000);
  }
  size_t closed = 0;
  for (int i = 0; i < 200; ++i) step();
  for (const auto& client : clients) closed += client->closed_by_server ? 1 : 0;
  EXPECT_GT(closed, 70u);
  EXPECT_LT(closed, 100u);
  EXPECT_EQ(*clients.back()->read_bytes_max, kReadBytesIfFull) << "and little is read at once";
}

TEST_F(ShardLimitsTest, a_session_lives_on_while_its_connection_is_not_read_because_of_a_limit) {
  config.global_outstanding_limit = 1;
  start();
  auto client = connect_open(4'000);
  client->inbound = create(1, "/a") + frame(wire::kXidPing, OpCode::kPing);
  step();
  EXPECT_TRUE(client->paused);
  replica.touches.clear();
  for (int i = 0; i < 40; ++i) {  // ten seconds without a commit
    clock.advance_ms(250);
    step();
  }
  EXPECT_FALSE(client->closed_by_server);
  EXPECT_FALSE(replica.touches.empty());
  settle();
  EXPECT_EQ(next_frame(*client).xid, 1);
  EXPECT_EQ(next_frame(*client).xid, -2);
}

TEST_F(ShardLimitsTest, an_idle_connection_is_small) {
  EXPECT_LE(sizeof(ClientConnection), 320u);
}

TEST_F(ShardLimitsTest, bytes_of_chance_close_only_their_own_connection) {
  config.max_client_cnxns = 0;
  start();
  Random random(7);
  auto bystander = connect_open(40'000);
  for (int round = 0; round < 400; ++round) {
    std::string bytes = connect_frame(10'000) + create(1, "/a") + get(2, "/a", true) +
                        path_mode(3, OpCode::kAddWatch, "/a", 1) + set_data(4, "/a", "y") +
                        frame(5, static_cast<OpCode>(random.below(110)), "\1\2\3\4\5\6\7\x8") +
                        frame(wire::kXidSetWatches, OpCode::kSetWatches2, std::string(40, '\0')) +
                        remove(6, "/a") + frame(7, OpCode::kCloseSession);
    const uint64_t changes = random.below(6);
    for (uint64_t i = 0; i < changes; ++i) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    }
    if (random.one_in(10)) {
      for (char& byte : bytes) byte = static_cast<char>(random.next());
    }
    auto client = network.connect_client();
    while (!bytes.empty()) {
      const size_t length = std::min<size_t>(bytes.size(), 1 + random.below(200));
      client->inbound += bytes.substr(0, length);
      bytes.erase(0, length);
      step();
      if (random.one_in(2)) replica.commit(1 + random.below(3));
      if (random.one_in(100)) network.break_off(*client);
    }
    if (round % 20 == 0) settle();
  }
  settle();
  bystander->inbound = get(1, "/");
  settle();
  EXPECT_FALSE(bystander->closed_by_server);
  EXPECT_EQ(next_frame(*bystander).err, 0);
}

// Each may have watches and requests, so they are closed in slices; but whoever is still to be
// closed is served by nobody, not by the next role either.
TEST_F(ShardLimitsTest, the_clients_of_a_role_that_ends_are_closed_in_slices) {
  config.max_client_cnxns = 0;
  start();
  std::vector<std::shared_ptr<TestPipe>> clients;
  for (int i = 0; i < 600; ++i) clients.push_back(connect_open());
  const auto closed = [&] {
    return std::ranges::count_if(clients, [](const auto& pipe) { return pipe->closed_by_server; });
  };
  shard->inbox().push(NotServing{"no quorum"});
  step();
  const auto at_first = closed();
  EXPECT_GT(at_first, 0);
  ASSERT_LT(at_first, 600);
  EXPECT_EQ(shard->next_deadline(), 0);
  replica.serve(shard->inbox(), "leader");
  clients.back()->inbound = path_watch(1, OpCode::kExists, "/a", true);
  step();
  EXPECT_FALSE(clients.back()->closed_by_server);
  auto fresh = connect_open();
  EXPECT_FALSE(fresh->closed_by_server);
  for (int i = 0; i < 5; ++i) step();
  EXPECT_EQ(closed(), 600);
  EXPECT_FALSE(has_frame(*clients.back()));
  EXPECT_NE(shard->next_deadline(), 0);
  fresh->inbound = path_watch(1, OpCode::kExists, "/a");
  settle();
  EXPECT_EQ(next_frame(*fresh).xid, 1);
}

}  // namespace
}  // namespace zooid::server::testing
