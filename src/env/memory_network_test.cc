#include "env/memory_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/mark.h"

namespace zooid::env {
namespace {

// One end of a connection that writes down what happened.
struct End : StreamHandler {
  void on_connected() override {
    events.push_back("connected");
    if (!greeting.empty()) stream->output() += greeting;
  }
  void on_bytes(std::string_view bytes) override { received += bytes; }
  void on_drained() override { events.push_back("drained"); }
  void on_room() override { events.push_back("room"); }
  void on_closed(const Error& reason) override {
    events.push_back("closed");
    closed = reason.kind;
  }
  std::unique_ptr<Stream> stream;
  std::string greeting;
  std::string received;
  std::vector<std::string> events;
  std::optional<Error::Kind> closed;
};

struct MemoryNetworkTest : testing::Test {
  explicit MemoryNetworkTest(MemoryNetworkOptions options = {.window_bytes = 1000})
      : network(7, options), a(network.add_host("a")), b(network.add_host("b")) {}

  void listen() {
    listener = *b.listen({"", 2000}, 16, [this](std::unique_ptr<Stream> stream) {
      server.stream = std::move(stream);
      return accepts ? &server : nullptr;
    });
  }
  void connect(const std::string& host = "b", uint16_t port = 2000) {
    client.stream = a.connect({host, port}, 5000, client);
  }
  void establish() {
    listen();
    connect();
    network.run_for_ms(10);
    ASSERT_THAT(client.events, testing::ElementsAre("connected"));
    ASSERT_NE(server.stream, nullptr);
  }
  // Output appended outside of the loop leaves when the loop runs.
  void write(MemoryHost& host, End& end, const std::string& bytes) {
    end.stream->output() += bytes;
    host.wake();
  }

  MemoryNetwork network;
  MemoryHost& a;
  MemoryHost& b;
  bool accepts = true;
  End client, server;
  std::unique_ptr<Listener> listener;
};

TEST_F(MemoryNetworkTest, carries_bytes_both_ways_in_order) {
  client.greeting = "hello";
  establish();
  EXPECT_EQ(server.received, "hello");
  std::string sent;
  for (int i = 0; i < 300; ++i) {
    write(b, server, std::to_string(i));
    sent += std::to_string(i);
    network.run_until(network.now_us() + 50);
  }
  network.run_for_ms(100);
  EXPECT_EQ(client.received, sent);
  EXPECT_EQ(client.stream->peer().host, "b");
  EXPECT_EQ(server.stream->peer().host, "a");
}

TEST_F(MemoryNetworkTest, connecting_needs_time) {
  listen();
  connect();
  network.run_until(150);
  EXPECT_THAT(client.events, testing::IsEmpty());
  network.run_until(1100);
  EXPECT_THAT(client.events, testing::ElementsAre("connected"));
}

TEST_F(MemoryNetworkTest, refuses_where_nobody_listens) {
  connect();
  network.run_for_ms(10);
  EXPECT_EQ(client.closed, Error::Kind::kRefused);
}

TEST_F(MemoryNetworkTest, tells_unknown_names) {
  connect("nobody");
  network.run_for_ms(10);
  EXPECT_EQ(client.closed, Error::Kind::kNotFound);
}

TEST_F(MemoryNetworkTest, names_may_move) {
  listen();
  network.set_name("alias", b);
  connect("alias");
  network.run_for_ms(10);
  EXPECT_THAT(client.events, testing::ElementsAre("connected"));
  network.remove_name("alias");
  End second;
  second.stream = a.connect({"alias", 2000}, 100, second);
  network.run_for_ms(10);
  EXPECT_EQ(second.closed, Error::Kind::kNotFound);
}

TEST_F(MemoryNetworkTest, listening_is_refused_on_foreign_addresses_and_used_ports) {
  listen();
  const auto accept = [](std::unique_ptr<Stream>) -> StreamHandler* { return nullptr; };
  EXPECT_FALSE(b.listen({"", 2000}, 1, accept));
  EXPECT_EQ(b.listen({"nobody", 1}, 1, accept).error().kind, Error::Kind::kNotFound);
  EXPECT_EQ(b.listen({"a", 1}, 1, accept).error().kind, Error::Kind::kOther);
  auto any = b.listen({"b", 0}, 1, accept);
  ASSERT_TRUE(any);
  EXPECT_NE((*any)->port(), 0);
}

TEST_F(MemoryNetworkTest, times_out_through_a_cut_and_against_a_dead_machine) {
  listen();
  network.cut(a, b);
  connect();
  network.run_for_ms(4999);
  EXPECT_FALSE(client.closed);
  network.run_for_ms(2);
  EXPECT_EQ(client.closed, Error::Kind::kTimeout);
  network.heal_all();
  b.power_off();
  End second;
  second.stream = a.connect({"b", 2000}, 100, second);
  network.run_for_ms(101);
  EXPECT_EQ(second.closed, Error::Kind::kTimeout);
}

TEST_F(MemoryNetworkTest, an_unwanted_connection_is_closed_without_a_byte) {
  accepts = false;
  listen();
  connect();
  network.run_for_ms(10);
  EXPECT_THAT(client.events, testing::ElementsAre("connected", "closed"));
  EXPECT_EQ(client.closed, Error::Kind::kClosed);
}

TEST_F(MemoryNetworkTest, close_sends_the_output_first) {
  establish();
  client.stream->output() += std::string(3000, 'x');  // more than a window
  client.stream->close();
  client.stream.reset();
  network.run_for_ms(50);
  EXPECT_EQ(server.received.size(), 3000u);
  EXPECT_EQ(server.closed, Error::Kind::kClosed);
  EXPECT_FALSE(client.closed);
}

TEST_F(MemoryNetworkTest, destroying_a_stream_drops_its_output) {
  establish();
  client.stream->output() += "lost";
  client.stream.reset();
  network.run_for_ms(50);
  EXPECT_EQ(server.received, "");
  EXPECT_EQ(server.closed, Error::Kind::kClosed);
}

TEST_F(MemoryNetworkTest, reset_is_told_as_such) {
  establish();
  client.stream->reset();
  network.run_for_ms(50);
  EXPECT_EQ(server.closed, Error::Kind::kOther);
}

TEST_F(MemoryNetworkTest, a_reader_that_pauses_blocks_the_writer_until_it_resumes) {
  establish();
  server.stream->pause_reading();
  write(a, client, std::string(2500, 'x'));
  network.run_for_ms(50);
  EXPECT_EQ(client.stream->backlog(), 1500u);
  EXPECT_EQ(server.received, "");
  EXPECT_THAT(client.events, testing::ElementsAre("connected"));
  server.stream->resume_reading();
  network.run_for_ms(50);
  EXPECT_EQ(server.received.size(), 2500u);
  EXPECT_EQ(client.stream->backlog(), 0u);
  EXPECT_THAT(client.events, testing::ElementsAre("connected", "drained"));
}

// Gives a long text in pieces, as much as the stream has room for, and sleeps otherwise.
struct Producer : End {
  void give() {
    constexpr size_t kPiece = 300;
    while (given < kBytes && stream->backlog() < kRoom) {
      stream->output().append(kPiece, static_cast<char>('a' + given / kPiece % 26));
      given += kPiece;
    }
    if (given < kBytes) stream->want_room(kRoom / 2);
  }
  void on_room() override {
    ++rooms;
    give();
  }
  static constexpr size_t kRoom = 3'000;
  static constexpr size_t kBytes = 90'000;
  size_t given = 0;
  int rooms = 0;
};

// Rule 41: nothing else happens on the sender's host, whatever the kernel takes at once.
TEST(MemoryNetworkRoom, a_stream_with_more_to_give_is_called_again) {
  for (const size_t window : {size_t{500}, size_t{4'096}, size_t{16} << 20}) {
    SCOPED_TRACE(window);
    MemoryNetwork network(11, {.window_bytes = window});
    MemoryHost& a = network.add_host("a");
    MemoryHost& b = network.add_host("b");
    Producer producer;
    End receiver;
    const auto listener = *b.listen({"", 2000}, 16, [&](std::unique_ptr<Stream> stream) {
      receiver.stream = std::move(stream);
      return &receiver;
    });
    producer.stream = a.connect({"b", 2000}, 5000, producer);
    producer.stream->want_room(1);  // told once it is connected
    network.run_for_ms(2'000);
    EXPECT_EQ(receiver.received.size(), Producer::kBytes);
    EXPECT_GT(producer.rooms, 1);
    producer.stream->reset();
  }
}

TEST_F(MemoryNetworkTest, room_is_told_once_for_each_asking_and_not_after_it_was_withdrawn) {
  establish();
  client.stream->want_room(1);
  client.stream->want_room(0);
  network.run_for_ms(10);
  EXPECT_THAT(client.events, testing::ElementsAre("connected"));
  client.stream->want_room(1);
  network.run_for_ms(10);
  a.wake();
  network.run_for_ms(10);
  EXPECT_THAT(client.events, testing::ElementsAre("connected", "room"));
}

TEST_F(MemoryNetworkTest, a_cut_holds_bytes_and_heal_brings_them_in_order) {
  establish();
  network.cut_both(a, b);
  write(a, client, "one ");
  network.run_for_ms(100);
  write(a, client, "two ");
  network.run_for_ms(100);
  EXPECT_EQ(server.received, "");
  write(a, client, "three");
  network.run_until(network.now_us() + 1);  // still on its way
  network.heal_both(a, b);
  network.run_for_ms(10);
  EXPECT_EQ(server.received, "one two three");
  EXPECT_GT(mark_count("memory_network.packet_held"), 0u);
}

TEST_F(MemoryNetworkTest, a_killed_process_closes_and_refuses) {
  establish();
  b.kill();
  network.run_for_ms(10);
  EXPECT_EQ(client.closed, Error::Kind::kClosed);
  EXPECT_FALSE(server.closed);  // nobody is left to be told
  End second;
  second.stream = a.connect({"b", 2000}, 5000, second);
  network.run_for_ms(10);
  EXPECT_EQ(second.closed, Error::Kind::kRefused);
}

TEST_F(MemoryNetworkTest, a_dead_machine_leaves_half_open_connections) {
  establish();
  b.power_off();
  write(a, client, "anybody there?");
  network.run_for_ms(10'000);
  EXPECT_FALSE(client.closed);
  b.power_on();
  write(a, client, "and now?");
  network.run_for_ms(10);
  EXPECT_EQ(client.closed, Error::Kind::kOther);
  EXPECT_GT(mark_count("memory_network.reset_by_new_process"), 0u);
}

TEST_F(MemoryNetworkTest, connections_between_two_hosts_can_be_reset) {
  establish();
  network.reset_connections(a, b);
  network.run_for_ms(1);
  EXPECT_EQ(client.closed, Error::Kind::kOther);
  EXPECT_EQ(server.closed, Error::Kind::kOther);
}

TEST_F(MemoryNetworkTest, giving_up_while_connecting_ends_the_other_side) {
  listen();
  network.cut(b, a);  // the request arrives, the answer does not
  connect();
  network.run_for_ms(10);
  ASSERT_NE(server.stream, nullptr);
  client.stream->close();
  network.heal_all();
  network.run_for_ms(10);
  EXPECT_THAT(client.events, testing::IsEmpty());
  EXPECT_EQ(server.closed, Error::Kind::kOther);
}

TEST_F(MemoryNetworkTest, a_paused_listener_keeps_connections_waiting) {
  listen();
  listener->pause();
  connect();
  network.run_for_ms(10);
  EXPECT_THAT(client.events, testing::ElementsAre("connected"));
  EXPECT_EQ(server.stream, nullptr);
  listener->resume();
  network.run_for_ms(10);
  EXPECT_NE(server.stream, nullptr);
}

struct Ticker : Worker {
  explicit Ticker(MemoryHost& host) : host(host) { host.add_worker(*this); }
  void on_batch(Now now) override {
    ticks.push_back(now.mono_us);
    order += 'b';
    deadline = now.mono_us + 1000;
  }
  void after_flush(Now) override { order += 'f'; }
  int64_t next_deadline() const override { return deadline; }
  MemoryHost& host;
  int64_t deadline = 0;
  std::vector<int64_t> ticks;
  std::string order;
};

TEST_F(MemoryNetworkTest, workers_run_at_their_deadlines) {
  Ticker ticker(a);
  network.run_until(3500);
  EXPECT_THAT(ticker.ticks, testing::ElementsAre(0, 1000, 2000, 3000));
  EXPECT_EQ(ticker.order, "bfbfbfbf");
  a.remove_worker(ticker);
  network.run_until(10'000);
  EXPECT_EQ(ticker.ticks.size(), 4u);
}

TEST_F(MemoryNetworkTest, nothing_happens_behind_the_last_step) {
  Ticker ticker(a);
  network.at(1'500, [] {});
  network.run_until(3'500);
  // Wake-ups at 0, 1,000, 2,000 and 3,000, and the action.
  EXPECT_EQ(network.steps(), 5u);
  network.stop_after(7);
  network.run_until(100'000);
  EXPECT_TRUE(network.is_stopped());
  EXPECT_EQ(network.steps(), 7u);
  EXPECT_EQ(network.now_us(), 5'000);
  network.run_until(200'000);
  EXPECT_EQ(network.now_us(), 5'000);
  EXPECT_EQ(ticker.ticks.size(), 6u);
  a.remove_worker(ticker);
}

uint64_t run_of(uint64_t seed) {
  MemoryNetwork network(seed);
  MemoryHost& a = network.add_host("a");
  MemoryHost& b = network.add_host("b");
  End client, server;
  auto listener = *b.listen({"", 1}, 4, [&](std::unique_ptr<Stream> stream) {
    server.stream = std::move(stream);
    return &server;
  });
  client.stream = a.connect({"b", 1}, 1000, client);
  for (int i = 0; i < 50; ++i) {
    network.run_for_ms(1);
    if (client.events.empty()) continue;
    client.stream->output() += "some bytes";
    a.wake();
  }
  return network.trace_hash();
}

struct MemoryNetworkSegmentsTest : MemoryNetworkTest {
  MemoryNetworkSegmentsTest()
      : MemoryNetworkTest({.window_bytes = 3000, .cuts_segments = true, .joins_arrivals = true}) {}
};

TEST_F(MemoryNetworkSegmentsTest, pieces_of_any_size_arrive_in_order) {
  establish();
  std::string sent;
  for (int i = 0; i < 3'000; ++i) sent += std::to_string(i);
  write(a, client, sent);
  network.run_for_ms(200);
  EXPECT_EQ(server.received, sent);
  EXPECT_GT(a.bytes_out(), sent.size() - 1);
}

TEST_F(MemoryNetworkTest, a_slow_route_takes_its_time_in_one_direction) {
  establish();
  network.set_bandwidth(a, b, 10'000);
  write(a, client, std::string(5'000, 'x'));
  write(b, server, std::string(5'000, 'y'));
  network.run_for_ms(100);
  EXPECT_LT(server.received.size(), 2'000u);
  network.run_for_ms(1'000);
  EXPECT_EQ(server.received.size(), 5'000u);
  EXPECT_EQ(client.received.size(), 5'000u);
  network.set_bandwidth(a, b, 0);
  write(a, client, std::string(5'000, 'x'));
  network.run_for_ms(100);
  EXPECT_EQ(server.received.size(), 10'000u);
}

TEST(MemoryNetworkRuns, are_repeated_by_their_seed) {
  EXPECT_EQ(run_of(1), run_of(1));
  EXPECT_NE(run_of(1), run_of(2));
}

}  // namespace
}  // namespace zooid::env
