// Turns: a client that sends many or dear requests does not keep the others waiting (rules 25, 40).
#include "base/mark.h"
#include "server/shard_fixture.h"
#include "server/turns.h"

namespace zooid::server::testing {
namespace {

using wire::OpCode;

class ShardTurnsTest : public ShardFixture {
 protected:
  static std::string gets(int32_t first, int32_t count) {
    std::string sent;
    for (int32_t xid = first; xid < first + count; ++xid) sent += get(xid, "/");
    return sent;
  }
  // How many frames came, each with the next xid.
  static int32_t take_in_order(TestPipe& pipe, int32_t first) {
    int32_t xid = first;
    for (; has_frame(pipe); ++xid) EXPECT_EQ(next_frame(pipe).xid, xid);
    return xid - first;
  }
  static std::string set_watches(int32_t xid, const std::vector<std::string>& data,
                                 const std::vector<std::string>& exist) {
    return frame(xid, OpCode::kSetWatches, wire::body_of([&](wire::Writer& out) {
                   out.i64(0);
                   for (const auto* list : {&data, &exist}) {
                     out.i32(static_cast<int32_t>(list->size()));
                     for (const std::string& path : *list) out.buffer(path);
                   }
                   out.i32(0);
                 }));
  }
};

TEST_F(ShardTurnsTest, others_are_served_between_the_turns_of_one_with_a_long_pipeline) {
  start();
  auto greedy = connect_open();
  auto modest = connect_open();
  constexpr int32_t kCount = 5'000;
  greedy->inbound = gets(1, kCount);
  int32_t answered = 0, steps = 0;
  while (answered < kCount) {
    ASSERT_LT(++steps, 20);
    modest->inbound = get(steps, "/");
    step();
    EXPECT_EQ(next_frame(*modest).xid, steps) << "in the same wake-up";
    const int32_t now = take_in_order(*greedy, answered + 1);
    EXPECT_LE(now, 4'000) << "of its own, and of the line";
    answered += now;
  }
  EXPECT_GT(steps, 1);
  EXPECT_FALSE(greedy->paused);
  greedy->inbound = get(kCount + 1, "/");
  step();
  EXPECT_EQ(next_frame(*greedy).xid, kCount + 1);
}

TEST_F(ShardTurnsTest, many_with_long_pipelines_take_turns_and_a_new_one_waits_for_one_wake_up) {
  start();
  constexpr int32_t kCount = 3'000;
  std::vector<std::shared_ptr<TestPipe>> greedy;
  for (int i = 0; i < 8; ++i) greedy.push_back(connect_open());
  auto modest = connect_open();
  for (auto& pipe : greedy) pipe->inbound = gets(1, kCount);
  modest->inbound = get(1, "/");
  step();
  EXPECT_FALSE(has_frame(*modest)) << "this wake-up has done enough";
  modest->inbound = get(2, "/");
  std::vector<int32_t> answered(greedy.size(), 0);
  int32_t modest_steps = 0;
  for (int32_t steps = 1; steps < 40; ++steps) {
    step();
    if (modest_steps == 0 && has_frame(*modest)) modest_steps = steps;
    for (size_t i = 0; i < greedy.size(); ++i) {
      answered[i] += take_in_order(*greedy[i], answered[i] + 1);
    }
  }
  EXPECT_EQ(answered, std::vector<int32_t>(greedy.size(), kCount));
  EXPECT_EQ(take_in_order(*modest, 1), 2);
  EXPECT_LE(modest_steps, 8) << "no more than one turn of each";
}

TEST_F(ShardTurnsTest, a_turn_ends_when_its_time_is_up_whatever_was_counted) {
  start();
  auto slow = connect_open();
  clock.us_between_looks = 600;
  slow->inbound = gets(1, 1'000);
  step();
  const int32_t first = take_in_order(*slow, 1);
  EXPECT_GE(first, 64);
  EXPECT_LE(first, 400);
  int32_t answered = first;
  for (int steps = 0; steps < 40; ++steps) {
    clock.advance_ms(10);
    step();
    answered += take_in_order(*slow, answered + 1);
  }
  EXPECT_EQ(answered, 1'000);
}

TEST_F(ShardTurnsTest, reads_that_waited_for_a_write_run_in_turns_and_its_next_write_after_them) {
  config.global_outstanding_limit = 100'000;
  start();
  auto client = connect_open();
  constexpr int32_t kReads = 7'000;
  client->inbound = create(1, "/a") + gets(2, kReads) + create(kReads + 2, "/b");
  while (!client->inbound.empty() || client->paused) step();
  ASSERT_EQ(replica.pending.size(), 1u);
  replica.commit();
  int32_t answered = 0, steps = 0;
  while (answered < kReads + 1) {
    ASSERT_LT(++steps, 20);
    EXPECT_TRUE(replica.pending.empty()) << "a write overtook reads";
    step();
    answered += take_in_order(*client, answered + 1);
    replica.take();
  }
  EXPECT_GE(steps, 2);
  settle();
  EXPECT_EQ(next_frame(*client).xid, kReads + 2);
}

TEST_F(ShardTurnsTest, watches_are_restored_in_turns_and_each_path_gets_its_due) {
  start();
  auto writer = connect_open();
  writer->inbound = create(1, "/there") + create(2, "/late");
  settle();
  writer->received.clear();
  auto client = connect_open();
  auto other = connect_open();
  const auto cut = mark_count("client.watches_restored_in_turns");
  std::vector<std::string> exist{"/first"};
  for (int i = 0; i < 9'000; ++i) exist.push_back("/none" + std::to_string(i));
  exist.push_back("/there");
  exist.push_back("/last");
  client->inbound = set_watches(-8, {}, exist);
  // It arrives in several reads.
  const auto is_cut = [&] { return mark_count("client.watches_restored_in_turns") > cut; };
  for (int steps = 0; steps < 10 && !is_cut(); ++steps) step();
  EXPECT_GT(mark_count("client.watches_restored_in_turns"), cut);
  EXPECT_FALSE(has_frame(*client));
  other->inbound = get(1, "/");
  replica.commit_foreign(OpCode::kCreate, create_body("/first", "x"));  // it has a watch
  replica.commit_foreign(OpCode::kCreate, create_body("/last", "x"));   // it has none yet
  step();
  EXPECT_EQ(next_frame(*other).xid, 1);
  EXPECT_EQ(next_frame(*client).xid, wire::kXidNotification) << "/first fires";
  for (int steps = 0; steps < 10; ++steps) step();
  EXPECT_EQ(next_frame(*client).xid, wire::kXidNotification) << "/there was missed";
  EXPECT_EQ(next_frame(*client).xid, wire::kXidNotification) << "/last was created meanwhile";
  EXPECT_EQ(next_frame(*client).xid, -8);
  EXPECT_FALSE(has_frame(*client));
  replica.commit_foreign(OpCode::kCreate, create_body("/none8999", "x"));
  step();
  EXPECT_EQ(next_frame(*client).xid, wire::kXidNotification);
}

// Found by the simulator (seed 6): a local session is closed without a transaction, so its reply is
// there before that of the write in front of it.
TEST_F(ShardTurnsTest, a_local_reply_that_waits_for_an_older_one_names_no_earlier_zxid) {
  start();
  auto client = connect_open();
  client->inbound = create(1, "/a") + frame(2, OpCode::kCloseSession);
  step();
  replica.take();
  ASSERT_EQ(replica.pending.size(), 2u);
  const ConnectionId connection = std::get<ClientWrite>(replica.pending.back()).origin.connection;
  replica.pending.pop_back();
  replica.shard->push(LocalReply{connection, 2, OpCode::kCloseSession});
  step();
  EXPECT_FALSE(has_frame(*client));
  replica.commit();
  step();
  const Frame write = next_frame(*client);
  const Frame close = next_frame(*client);
  EXPECT_EQ(write.xid, 1);
  EXPECT_EQ(close.xid, 2);
  EXPECT_EQ(close.err, 0);
  EXPECT_GE(close.zxid, write.zxid);
  EXPECT_TRUE(client->closed_by_server);
}

TEST_F(ShardTurnsTest, who_goes_while_it_waits_for_its_turn_is_forgotten) {
  start();
  auto greedy = connect_open();
  greedy->inbound = gets(1, 20'000);
  step();
  ASSERT_TRUE(greedy->paused);
  network.break_off(*greedy);
  for (int steps = 0; steps < 5; ++steps) step();
  EXPECT_EQ(shard->next_deadline() > clock.now().mono_us, true) << "nobody stands in line";
}

TEST_F(ShardTurnsTest, identities_of_a_connection_have_a_bound) {
  start();
  auto client = connect_open();
  const auto auth = [](int i) {
    return frame(-4, OpCode::kAuth, wire::body_of([&](wire::Writer& out) {
      out.i32(0);
      out.buffer("digest");
      out.buffer("user" + std::to_string(i) + ":pw");
    }));
  };
  for (int i = 0; i < 500; ++i) client->inbound += auth(i % 250);
  for (int steps = 0; steps < 20; ++steps) step();
  for (int i = 0; i < 500; ++i) ASSERT_EQ(next_frame(*client).err, 0);
  EXPECT_FALSE(client->closed_by_server) << "the same one again counts nothing";
  const auto refused = mark_count("client.too_many_identities");
  for (int i = 0; i < 1'000; ++i) client->inbound += auth(1'000 + i);
  for (int steps = 0; steps < 20; ++steps) step();
  EXPECT_TRUE(client->closed_by_server);
  EXPECT_EQ(mark_count("client.too_many_identities"), refused + 1);
}

}  // namespace
}  // namespace zooid::server::testing
