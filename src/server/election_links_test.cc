#include "server/election_links.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "base/mark.h"
#include "env/memory_network.h"

namespace zooid::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr ServerId kOne{1}, kTwo{2}, kThree{3}, kNine{9};

zab::Membership three_servers() {
  return *zab::Membership::parse(
      "server.1=h1:2888:3888:participant\nserver.2=h2:2888:3888:participant\n"
      "server.3=h3:2888:3888:participant\nversion=0");
}

wire::Notification vote(int64_t leader, int64_t round = 1) {
  return {.leader = ServerId{leader}, .zxid = Zxid{7}, .round = round, .config = "version=0"};
}

std::string frame(const std::string& body) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(static_cast<uint32_t>(body.size()) >> shift);
  }
  return bytes + body;
}

// A server that has nothing but election links.
struct Site : env::Worker, ElectionLinksEvents {
  Site(env::MemoryHost& host, ServerId id, ElectionLinksOptions options = {})
      : host(host), links(host, host, id, three_servers(), options, *this) {
    host.add_worker(*this);
  }
  ~Site() override { host.remove_worker(*this); }
  void on_batch(Now now) override { links.on_batch(now); }
  int64_t next_deadline() const override { return links.next_deadline(); }
  void on_notification(ServerId from, const wire::Notification& message) override {
    received.emplace_back(from.value, message.leader.value);
    if (on_message) on_message(from);
  }
  void on_peer_connected(ServerId peer) override { connected.push_back(peer.value); }
  void on_peer_refused(ServerId peer) override { refused.push_back(peer.value); }
  // As from a step of the owner.
  void send(ServerId to, const wire::Notification& notification) {
    links.send(to, notification);
    host.wake();
  }

  env::MemoryHost& host;
  std::vector<std::pair<int64_t, int64_t>> received;  // sender, leader
  std::vector<int64_t> connected;
  std::vector<int64_t> refused;
  std::function<void(ServerId)> on_message;
  ElectionLinks links;
};

// A peer of which a test decides every byte.
struct RawPeer : env::StreamHandler {
  void on_connected() override { is_connected = true; }
  void on_bytes(std::string_view bytes) override { received += bytes; }
  void on_closed(const Error&) override { is_closed = true; }
  std::unique_ptr<env::Stream> stream;
  std::string received;
  bool is_connected = false;
  bool is_closed = false;
};

struct ElectionLinksTest : testing::Test {
  ElectionLinksTest() { log::set_level(log::Level::kError); }
  ~ElectionLinksTest() override { log::set_level(log::Level::kInfo); }

  std::unique_ptr<Site> start(env::MemoryHost& host, ServerId id,
                              ElectionLinksOptions options = {}) {
    auto site = std::make_unique<Site>(host, id, options);
    EXPECT_TRUE(site->links.start());
    return site;
  }
  void run() { network.run_for_ms(50); }
  std::unique_ptr<RawPeer> connect_raw(const std::string& bytes) {
    auto peer = std::make_unique<RawPeer>();
    peer->stream = outside.connect({"h2", 3888}, 1000, *peer);
    run();
    peer->stream->output() += bytes;
    outside.wake();
    run();
    return peer;
  }

  env::MemoryNetwork network{3};
  env::MemoryHost& h1 = network.add_host("h1");
  env::MemoryHost& h2 = network.add_host("h2");
  env::MemoryHost& h3 = network.add_host("h3");
  env::MemoryHost& outside = network.add_host("outside");
};

TEST_F(ElectionLinksTest, the_greater_id_opens_the_connection_and_keeps_it) {
  auto one = start(h1, kOne);
  auto two = start(h2, kTwo);
  two->send(kOne, vote(2));
  run();
  EXPECT_THAT(one->received, ElementsAre(std::pair(2, 2)));
  EXPECT_THAT(one->connected, ElementsAre(2));
  EXPECT_THAT(two->connected, ElementsAre(1));
  one->send(kTwo, vote(1));
  run();
  EXPECT_THAT(two->received, ElementsAre(std::pair(1, 1)));
}

TEST_F(ElectionLinksTest, a_hello_from_a_lower_id_is_answered_by_connecting) {
  auto one = start(h1, kOne);
  auto two = start(h2, kTwo);
  one->send(kTwo, vote(1));
  run();
  EXPECT_THAT(two->received, ElementsAre(std::pair(1, 1)));
  EXPECT_THAT(one->connected, ElementsAre(2));
  EXPECT_THAT(two->connected, ElementsAre(1));
  EXPECT_GT(mark_count("election_links.hello_asks_for_a_connection"), 0u);
  EXPECT_GT(mark_count("election_links.called_back"), 0u);
}

TEST_F(ElectionLinksTest, both_sides_at_once_end_with_one_connection) {
  auto one = start(h1, kOne);
  auto two = start(h2, kTwo);
  for (int i = 0; i < 3; ++i) {
    one->send(kTwo, vote(1));
    two->send(kOne, vote(2));
    network.run_for_ms(500);
  }
  EXPECT_TRUE(one->links.is_connected(kTwo));
  EXPECT_TRUE(two->links.is_connected(kOne));
  EXPECT_THAT(one->received, testing::Contains(std::pair<int64_t, int64_t>(2, 2)));
  EXPECT_THAT(two->received, testing::Contains(std::pair<int64_t, int64_t>(1, 1)));
  EXPECT_LE(one->connected.size(), 3u);
}

TEST_F(ElectionLinksTest, only_the_newest_unsent_message_is_sent) {
  auto two = start(h2, kTwo);
  two->send(kOne, vote(1));
  two->send(kOne, vote(2));
  two->send(kOne, vote(3));
  run();
  auto one = start(h1, kOne);
  two->links.connect_all();
  run();
  EXPECT_THAT(one->received, ElementsAre(std::pair(2, 3)));
  EXPECT_GT(mark_count("election_links.unsent_message_replaced"), 0u);
}

TEST_F(ElectionLinksTest, several_messages_of_one_step_leave_first_and_newest) {
  auto one = start(h1, kOne);
  auto two = start(h2, kTwo);
  two->send(kOne, vote(2));
  run();
  one->received.clear();
  for (int64_t leader : {4, 5, 6, 7}) two->send(kOne, vote(leader));
  run();
  EXPECT_THAT(one->received, ElementsAre(std::pair(2, 4), std::pair(2, 7)));
}

TEST_F(ElectionLinksTest, a_new_connection_repeats_the_last_message) {
  auto one = start(h1, kOne);
  auto two = start(h2, kTwo);
  two->send(kOne, vote(2));
  run();
  two->links.begin_round();  // nothing of this round is lost, so nobody reconnects by itself
  network.reset_connections(h1, h2);
  network.run_for_ms(500);
  EXPECT_FALSE(two->links.is_connected(kOne));
  one->send(kTwo, vote(1));
  run();
  EXPECT_THAT(one->received, ElementsAre(std::pair(2, 2), std::pair(2, 2)));
}

TEST_F(ElectionLinksTest, a_connection_that_breaks_in_the_round_is_reopened_a_few_times) {
  auto one = start(h1, kOne);
  auto two = start(h2, kTwo);
  two->send(kOne, vote(2));
  run();
  for (int i = 0; i < 4; ++i) {
    network.reset_connections(h1, h2);
    network.run_for_ms(100);
    EXPECT_TRUE(two->links.is_connected(kOne));
  }
  network.reset_connections(h1, h2);
  network.run_for_ms(500);
  EXPECT_FALSE(two->links.is_connected(kOne));
  two->links.begin_round();
  two->send(kOne, vote(2));
  run();
  network.reset_connections(h1, h2);
  run();
  EXPECT_TRUE(two->links.is_connected(kOne));
}

TEST_F(ElectionLinksTest, refusal_is_told_once_for_each_attempt) {
  auto two = start(h2, kTwo);
  two->send(kOne, vote(2));
  run();
  EXPECT_THAT(two->refused, ElementsAre(1));
  two->send(kOne, vote(2));
  run();
  EXPECT_THAT(two->refused, ElementsAre(1, 1));
}

TEST_F(ElectionLinksTest, the_death_of_a_connected_peer_shows_as_refusal_in_the_same_round) {
  auto one = start(h1, kOne);
  auto two = start(h2, kTwo);
  two->send(kOne, vote(2));
  run();
  h1.kill();
  run();
  EXPECT_THAT(two->refused, ElementsAre(1));
}

TEST_F(ElectionLinksTest, time_out_and_unknown_name_are_no_refusal) {
  ElectionLinksOptions options;
  options.connect_timeout_ms = 300;
  auto two = start(h2, kTwo, options);
  h1.power_off();
  network.remove_name("h3");
  two->send(kOne, vote(2));
  two->send(kThree, vote(2));
  network.run_for_ms(1000);
  EXPECT_THAT(two->refused, IsEmpty());
}

TEST_F(ElectionLinksTest, an_attempt_of_the_round_before_is_made_again_before_it_counts) {
  auto two = start(h2, kTwo);
  two->send(kOne, vote(2));
  two->links.begin_round();
  run();
  EXPECT_THAT(two->refused, ElementsAre(1));  // the second attempt's
}

TEST_F(ElectionLinksTest, one_attempt_at_a_time) {
  ElectionLinksOptions options;
  options.connect_timeout_ms = 1000;
  auto two = start(h2, kTwo, options);
  auto one = start(h1, kOne);
  network.cut(h2, h1);
  for (int i = 0; i < 8; ++i) {
    two->send(kOne, vote(2));
    network.run_for_ms(100);
  }
  network.heal_all();
  run();
  EXPECT_THAT(one->connected, ElementsAre(2));
  EXPECT_THAT(one->received, ElementsAre(std::pair(2, 2)));
}

// Both are started by one command, the greater id first: its attempt meets a host without a system.
TEST_F(ElectionLinksTest, a_hello_renews_the_attempt_that_was_made_before_its_host_was_up) {
  h1.power_off();
  auto two = start(h2, kTwo);
  two->send(kOne, vote(2));
  run();
  h1.power_on();
  auto one = start(h1, kOne);
  one->send(kTwo, vote(1));
  network.run_for_ms(20);
  EXPECT_THAT(one->connected, ElementsAre(2));
  EXPECT_THAT(one->received, ElementsAre(std::pair(2, 2)));
  EXPECT_THAT(two->received, ElementsAre(std::pair(1, 1)));
}

TEST_F(ElectionLinksTest, an_attempt_is_renewed_once) {
  auto one = start(h1, kOne);
  auto two = start(h2, kTwo);
  env::MemoryHost& dead = network.add_host("dead");
  dead.power_off();
  network.set_name("h1", dead);
  two->send(kOne, vote(2));
  run();
  const uint64_t before = mark_count("election_links.attempt_renewed");
  for (int i = 0; i < 5; ++i) {
    one->send(kTwo, vote(1));
    run();
  }
  EXPECT_EQ(mark_count("election_links.attempt_renewed"), before + 1);
}

TEST_F(ElectionLinksTest, a_stranger_is_answered_over_its_connection) {
  auto two = start(h2, kTwo);
  two->on_message = [&](ServerId from) { two->links.send(from, vote(2)); };
  auto stranger =
      connect_raw(wire::serialize_hello(kNine, "outside:4000") + frame(wire::serialize(vote(9))));
  EXPECT_THAT(two->received, ElementsAre(std::pair(9, 9)));
  EXPECT_EQ(stranger->received, frame(wire::serialize(vote(2))));
  stranger->stream.reset();
  run();
  two->send(kNine, vote(2));  // gone: nowhere to send to
  EXPECT_GT(mark_count("election_links.receiver_unknown"), 0u);
}

TEST_F(ElectionLinksTest, a_stranger_of_lower_id_is_called_at_the_address_of_its_hello) {
  auto two = start(h2, kTwo);
  RawPeer back;
  auto listener = outside.listen({"", 4000}, 4, [&](std::unique_ptr<env::Stream> stream) {
    back.stream = std::move(stream);
    return &back;
  });
  auto stranger = connect_raw(wire::serialize_hello(ServerId{0}, "outside:4000"));
  EXPECT_TRUE(stranger->is_closed);
  EXPECT_EQ(back.received, wire::serialize_hello(kTwo, "h2:3888"));
  EXPECT_THAT(two->connected, ElementsAre(0));
}

TEST_F(ElectionLinksTest, a_member_is_called_where_the_configuration_says_it_is) {
  auto one = start(h1, kOne);
  auto two = start(h2, kTwo);
  RawPeer back;
  auto listener = outside.listen({"", 4000}, 4, [&](std::unique_ptr<env::Stream> stream) {
    back.stream = std::move(stream);
    return &back;
  });
  // Somebody says hello in the name of server 1: server 1 itself is called.
  auto liar = connect_raw(wire::serialize_hello(kOne, "outside:4000"));
  EXPECT_TRUE(liar->is_closed);
  EXPECT_EQ(back.received, "");
  EXPECT_THAT(one->connected, ElementsAre(2));
  EXPECT_TRUE(two->links.is_at_configured_address(kOne));
  // In the name of server 3, which is not there, it is taken for what it says and no more.
  auto other = connect_raw(wire::serialize_hello(kThree, "outside:4000"));
  EXPECT_TRUE(two->links.is_connected(kThree));
  EXPECT_FALSE(two->links.is_at_configured_address(kThree));
}

TEST_F(ElectionLinksTest, strangers_are_limited) {
  auto two = start(h2, kTwo);
  std::vector<std::unique_ptr<RawPeer>> strangers;
  for (size_t i = 0; i <= ElectionLinks::kStrangersMax; ++i) {
    const ServerId id{100 + static_cast<int64_t>(i)};
    strangers.push_back(connect_raw(wire::serialize_hello(id, "outside:4000")));
  }
  EXPECT_TRUE(strangers.back()->is_closed);
  EXPECT_FALSE(strangers.front()->is_closed);
  EXPECT_GT(mark_count("election_links.strangers_limit"), 0u);
  auto three = start(h3, kThree);  // a member is not concerned
  three->send(kTwo, vote(3));
  run();
  EXPECT_THAT(two->received, ElementsAre(std::pair(3, 3)));
}

TEST_F(ElectionLinksTest, hostile_bytes_cost_their_own_connection_only) {
  auto two = start(h2, kTwo);
  auto three = start(h3, kThree);
  three->send(kTwo, vote(3));
  run();
  const std::string hello = wire::serialize_hello(kNine, "outside:4000");
  const std::string unknown_version("\xff\xff\xff\xff\x00\x00\x00\x07________", 16);
  EXPECT_TRUE(connect_raw(unknown_version)->is_closed);
  EXPECT_TRUE(connect_raw("GET / HTTP/1.1\r\n\r\n" + std::string(40, 'x'))->is_closed);
  EXPECT_TRUE(connect_raw(hello + std::string("\x7f\xff\xff\xff", 4))->is_closed);
  EXPECT_TRUE(connect_raw(hello + std::string(4, '\0'))->is_closed);
  EXPECT_TRUE(connect_raw(wire::serialize_hello(kNine, "no port"))->is_closed);
  EXPECT_TRUE(connect_raw(wire::serialize_hello(kTwo, "h2:3888"))->is_closed);
  EXPECT_TRUE(connect_raw(wire::serialize_hello(ServerId{-4}, "h2:3888"))->is_closed);
  EXPECT_FALSE(connect_raw(hello + frame("too short"))->is_closed);  // ignored, as in ZooKeeper
  three->send(kTwo, vote(1));
  run();
  EXPECT_THAT(two->received, ElementsAre(std::pair(3, 3), std::pair(3, 1)));
}

TEST_F(ElectionLinksTest, a_hello_that_does_not_come_is_not_waited_for) {
  ElectionLinksOptions options;
  options.hello_timeout_ms = 2000;
  auto two = start(h2, kTwo, options);
  auto silent = connect_raw("");
  auto slow = connect_raw(wire::serialize_hello(kNine, "outside:4000").substr(0, 10));
  network.run_for_ms(1500);
  EXPECT_FALSE(silent->is_closed);
  network.run_for_ms(1000);
  EXPECT_TRUE(silent->is_closed);
  EXPECT_TRUE(slow->is_closed);
}

TEST_F(ElectionLinksTest, too_many_silent_connections_push_out_the_oldest) {
  auto two = start(h2, kTwo);
  std::vector<std::unique_ptr<RawPeer>> silent;
  for (size_t i = 0; i <= ElectionLinks::kHalfOpenMax; ++i) silent.push_back(connect_raw(""));
  EXPECT_TRUE(silent.front()->is_closed);
  EXPECT_FALSE(silent.back()->is_closed);
  EXPECT_GT(mark_count("election_links.half_open_limit"), 0u);
  auto three = start(h3, kThree);
  three->send(kTwo, vote(3));
  run();
  EXPECT_THAT(two->received, ElementsAre(std::pair(3, 3)));
}

TEST_F(ElectionLinksTest, of_a_flood_only_the_newest_messages_are_handed_on) {
  auto two = start(h2, kTwo);
  std::string bytes = wire::serialize_hello(kNine, "outside:4000");
  for (int64_t i = 1; i <= 1000; ++i) bytes += frame(wire::serialize(vote(i)));
  auto flood = connect_raw(bytes);
  ASSERT_FALSE(two->received.empty());
  EXPECT_EQ(two->received.back().second, 1000);
  EXPECT_LT(two->received.size(), 400u);
}

TEST_F(ElectionLinksTest, the_own_address_may_be_unknown_here) {
  network.remove_name("h2");
  auto two = start(h2, kTwo);
  network.set_name("h2", h2);
  EXPECT_EQ(two->links.port(), 3888);
  EXPECT_GT(mark_count("peer_listener.own_address_unknown"), 0u);
  auto three = start(h3, kThree);
  three->send(kTwo, vote(3));
  run();
  EXPECT_THAT(two->received, ElementsAre(std::pair(3, 3)));
}

TEST_F(ElectionLinksTest, a_server_outside_the_configuration_does_not_start) {
  Site nine(outside, kNine);
  const auto started = nine.links.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind, Error::Kind::kConfig);
}

TEST_F(ElectionLinksTest, other_members_close_the_connections_and_equal_ones_do_not) {
  auto one = start(h1, kOne);
  auto two = start(h2, kTwo);
  two->send(kOne, vote(2));
  run();
  EXPECT_TRUE(two->links.set_membership(three_servers().with_version(9)));
  EXPECT_TRUE(two->links.is_connected(kOne));
  EXPECT_TRUE(two->links.set_membership(*zab::Membership::parse(
      "server.1=h1:2888:3888:participant\nserver.2=h2:2888:4888:participant\nversion=10")));
  EXPECT_FALSE(two->links.is_connected(kOne));
  EXPECT_EQ(two->links.port(), 4888);
  two->send(kOne, vote(1));
  run();
  EXPECT_THAT(one->received, ElementsAre(std::pair(2, 2), std::pair(2, 1)));
}

TEST_F(ElectionLinksTest, a_server_that_is_no_member_any_more_keeps_its_address) {
  auto two = start(h2, kTwo);
  EXPECT_TRUE(two->links.set_membership(*zab::Membership::parse(
      "server.1=h1:2888:3888:participant\nserver.3=h3:2888:3888:participant\nversion=10")));
  EXPECT_EQ(two->links.port(), 3888);
  auto one = start(h1, kOne);
  one->send(kTwo, vote(1));
  run();
  EXPECT_THAT(two->received, ElementsAre(std::pair(1, 1)));
}

TEST_F(ElectionLinksTest, a_full_connection_keeps_the_newest_message_until_it_drains) {
  auto two = start(h2, kTwo);
  auto slow = connect_raw(wire::serialize_hello(kNine, "outside:4000"));
  slow->stream->pause_reading();
  wire::Notification large = vote(1);
  large.config.assign(200'000, 'c');
  two->send(kNine, large);
  run();
  two->send(kNine, vote(2));
  two->send(kNine, vote(3));
  run();
  EXPECT_EQ(two->links.next_deadline(), kNever);  // waits for room, not for time
  slow->stream->resume_reading();
  run();
  run();
  EXPECT_EQ(slow->received, frame(wire::serialize(large)) + frame(wire::serialize(vote(3))));
}

}  // namespace
}  // namespace zooid::server
