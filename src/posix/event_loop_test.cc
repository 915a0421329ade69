#include "posix/event_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "base/mark.h"
#include "posix/loop_for_test.h"

namespace zooid::posix {
namespace {

using env::Endpoint;
using testing::HasSubstr;

TEST(EventLoop, echoes_what_was_sent) {
  EventLoop loop;
  TestServer server(
      loop, [](TestPeer& peer, std::string_view bytes) { peer.stream->output().append(bytes); });
  TestPeer client;
  client.stream = loop.connect(server.endpoint(), 1000, client);
  EXPECT_EQ(client.stream->peer().port, 0);
  client.stream->output() += "hello";  // before it is connected
  run_until(loop, [&] { return client.received == "hello"; });
  EXPECT_EQ(client.connected, 1);
  EXPECT_EQ(client.stream->peer(), server.endpoint());
  EXPECT_EQ(client.stream->backlog(), 0u);
  EXPECT_EQ(server.peers.at(0)->stream->peer().host, "127.0.0.1");
}

TEST(EventLoop, serves_ipv4_and_ipv6_when_the_host_is_empty) {
  EventLoop loop;
  TestServer server(loop, {}, "");
  TestPeer four;
  TestPeer six;
  four.stream = loop.connect({"127.0.0.1", server.port()}, 1000, four);
  six.stream = loop.connect({"::1", server.port()}, 1000, six);
  run_until(loop,
            [&] { return four.connected + four.closed == 1 && six.connected + six.closed == 1; });
  EXPECT_EQ(four.connected, 1);
  if (six.closed == 1) GTEST_SKIP() << "no IPv6 here: " << six.reason.message;
  run_until(loop, [&] { return server.peers.size() == 2; });
  std::vector<std::string> hosts = {server.peers[0]->stream->peer().host,
                                    server.peers[1]->stream->peer().host};
  std::sort(hosts.begin(), hosts.end());
  EXPECT_THAT(hosts, testing::ElementsAre("127.0.0.1", "::1"));
}

TEST(EventLoop, the_sum_of_outputs_counts_closed_streams_and_forgets_reset_ones) {
  EventLoop loop;
  TestServer server(loop, {});
  TestPeer client;
  client.stream = loop.connect(server.endpoint(), 1000, client);
  run_until(loop, [&] { return server.peers.size() == 1; });
  client.stream->pause_reading();
  constexpr size_t kMuch = 32u << 20;  // more than the kernel takes
  env::Stream& stream = *server.peers[0]->stream;
  stream.output().append(kMuch, 'x');
  EXPECT_EQ(stream.count_backlog(), kMuch);
  EXPECT_GE(loop.output_bytes(), kMuch);
  run_until(loop, [&] { return stream.backlog() < kMuch; });
  stream.close();
  loop.run_once(0);
  EXPECT_GT(loop.output_bytes(), kMuch / 4);
  server.peers[0]->stream.reset();  // it is sent on
  EXPECT_GT(loop.output_bytes(), kMuch / 4);
  client.stream->reset();
  run_until(loop, [&] { return loop.output_bytes() == 0; });
}

TEST(EventLoop, reads_no_more_at_once_than_it_may) {
  EventLoop loop;
  TestServer server(loop, {});
  TestPeer client;
  client.stream = loop.connect(server.endpoint(), 1000, client);
  run_until(loop, [&] { return server.peers.size() == 1; });
  size_t bytes_max = 1'000;
  server.peers[0]->stream->limit_reads(bytes_max);
  client.stream->output().append(50'000, 'x');
  run_until(loop, [&] { return server.peers[0]->received.size() == 50'000; });
  EXPECT_EQ(server.peers[0]->longest, 1'000u);
  bytes_max = 1u << 20;
  client.stream->output().append(50'000, 'x');
  run_until(loop, [&] { return server.peers[0]->received.size() == 100'000; });
  EXPECT_GT(server.peers[0]->longest, 1'000u);
}

TEST(EventLoop, looks_names_up) {
  EventLoop loop;
  TestServer server(loop, {}, "localhost");
  TestPeer client;
  client.stream = loop.connect({"localhost", server.port()}, 5000, client);
  run_until(loop, [&] { return client.connected == 1; });
}

TEST(EventLoop, says_when_a_name_is_unknown) {
  EventLoop loop;
  TestPeer client;
  client.stream = loop.connect({"no-such-host.invalid", 1}, 20'000, client);
  run_until(loop, [&] { return client.closed == 1; }, 25'000);
  EXPECT_NE(client.reason.kind, Error::Kind::kRefused);
  EXPECT_THAT(client.reason.message, HasSubstr("no-such-host.invalid"));
}

TEST(EventLoop, abandons_a_look_up_with_its_stream_and_its_loop) {
  TestPeer client;
  {
    EventLoop loop;
    client.stream = loop.connect({"localhost", 1}, 1000, client);
    client.stream.reset();
    client.stream = loop.connect({"localhost", 1}, 1000, client);
    client.stream.reset();
  }
  EXPECT_EQ(client.closed, 0);
}

TEST(EventLoop, reports_a_refused_connection_after_connect_returned) {
  EventLoop loop;
  uint16_t port = 0;
  {
    port = TestServer(loop, {}).port();
  }
  TestPeer client;
  client.stream = loop.connect({"127.0.0.1", port}, 1000, client);
  EXPECT_EQ(client.closed, 0);
  run_until(loop, [&] { return client.closed == 1; });
  EXPECT_EQ(client.reason.kind, Error::Kind::kRefused);
  EXPECT_THAT(client.reason.message, HasSubstr("127.0.0.1:" + std::to_string(port)));
}

TEST(EventLoop, gives_up_connecting_after_the_timeout) {
  EventLoop loop;
  FullListener full;  // its queue is full: the kernel answers nobody
  TestPeer client;
  const int64_t start_us = loop.now().mono_us;
  client.stream = loop.connect(full.endpoint(), 100, client);
  run_until(loop, [&] { return client.closed == 1; });
  EXPECT_EQ(client.reason.kind, Error::Kind::kTimeout);
  EXPECT_GE(loop.now().mono_us - start_us, 100'000);
  EXPECT_LT(loop.now().mono_us - start_us, 1'000'000);
}

TEST(EventLoop, pausing_holds_a_big_transfer_back) {
  EventLoop loop;
  TestServer server(loop, {});
  TestPeer client;
  client.stream = loop.connect(server.endpoint(), 1000, client);
  run_until(loop, [&] { return server.peers.size() == 1 && client.connected == 1; });
  TestPeer& receiver = *server.peers[0];
  receiver.stream->pause_reading();

  const std::string big = patterned(32 << 20);
  client.stream->output() += big;
  for (int i = 0; i < 50; ++i) loop.run_once(1000);
  EXPECT_TRUE(receiver.received.empty());
  EXPECT_GT(client.stream->backlog(), 0u);
  EXPECT_EQ(client.drained, 0);

  receiver.stream->resume_reading();
  run_until(loop, [&] { return receiver.received.size() == big.size() && client.drained == 1; });
  EXPECT_TRUE(receiver.received == big);
  EXPECT_EQ(client.stream->backlog(), 0u);
  EXPECT_GT(mark_count("posix: stream drained"), 0u);
}

// Rule 41: nobody but the stream itself wakes the sender's loop, whatever the kernel takes at once.
TEST(EventLoop, a_stream_with_more_to_give_is_called_again) {
  // Of the smaller one the kernel takes everything, of the larger one it refuses something.
  for (const size_t room : {size_t{4} << 10, size_t{12} << 20}) {
    SCOPED_TRACE(room);
    EventLoop loop;
    TestServer server(loop, {});
    TestPeer client;
    const std::string all = patterned(24 << 20);
    size_t given = 0;
    const auto give = [&] {
      while (given < all.size() && client.stream->backlog() < room) {
        client.stream->output().append(all, given, 10'000);
        given += std::min<size_t>(10'000, all.size() - given);
      }
      if (given < all.size()) client.stream->want_room(room / 2);
    };
    client.on_more = give;
    client.stream = loop.connect(server.endpoint(), 1000, client);
    client.stream->want_room(1);  // told once it is connected
    run_until(loop, [&] { return given == all.size(); });
    run_until(loop, [&] { return server.peers[0]->received.size() == all.size(); });
    EXPECT_TRUE(server.peers[0]->received == all);
  }
}

TEST(EventLoop, tells_room_once_for_each_asking_and_does_not_sleep_before) {
  EventLoop loop;
  TestServer server(loop, {});
  TestPeer client;
  int told = 0;
  client.on_more = [&] { ++told; };
  client.stream = loop.connect(server.endpoint(), 1000, client);
  run_until(loop, [&] { return client.connected == 1 && server.peers.size() == 1; });
  for (int i = 0; i < 3; ++i) loop.run_once(1'000);
  client.stream->want_room(1);
  client.stream->want_room(0);
  for (int i = 0; i < 3; ++i) loop.run_once(1'000);
  EXPECT_EQ(told, 0);
  client.stream->want_room(1);
  loop.run_once(5'000'000);  // flushes, and finds room
  const int64_t before_us = loop.instant_us();
  loop.run_once(5'000'000);
  EXPECT_LT(loop.instant_us() - before_us, 2'000'000);
  EXPECT_EQ(told, 1);
  for (int i = 0; i < 3; ++i) loop.run_once(1'000);
  EXPECT_EQ(told, 1);
}

TEST(EventLoop, reads_a_busy_stream_once_per_wake_up) {
  EventLoop loop;
  TestServer server(loop, {});
  TestPeer busy;
  TestPeer quiet;
  busy.stream = loop.connect(server.endpoint(), 1000, busy);
  run_until(loop, [&] { return server.peers.size() == 1; });
  quiet.stream = loop.connect(server.endpoint(), 1000, quiet);
  run_until(loop, [&] { return server.peers.size() == 2; });
  busy.stream->output() += patterned(4 << 20);
  run_until(loop, [&] { return !server.peers[0]->received.empty(); });
  quiet.stream->output() += "x";
  int wake_ups = 0;
  while (server.peers[1]->received.empty()) {
    loop.run_once(0);
    ASSERT_LT(++wake_ups, 10) << "starved by the busy one";
  }
  EXPECT_LE(server.peers[0]->longest, size_t{64} << 10);
}

TEST(EventLoop, answers_a_client_that_closed_its_sending_side) {
  EventLoop loop;
  TestServer server(loop,
                    [](TestPeer& peer, std::string_view) { peer.stream->output() += "imok"; });
  BlockingClient client(server.endpoint());
  client.send("ruok");
  client.shut_down_sending();
  run_until(loop, [&] { return server.peers.size() == 1 && server.peers[0]->closed == 1; });
  EXPECT_EQ(server.peers[0]->reason.kind, Error::Kind::kClosed);
  EXPECT_EQ(server.peers[0]->received, "ruok");
  server.peers.clear();
  loop.run_once(0);
  EXPECT_EQ(client.read_to_end(), "imok");
}

TEST(EventLoop, close_sends_what_is_left_even_if_the_stream_is_gone) {
  EventLoop loop;
  TestServer server(loop, {});
  TestPeer client;
  client.stream = loop.connect(server.endpoint(), 1000, client);
  run_until(loop, [&] { return server.peers.size() == 1 && client.connected == 1; });
  const std::string big = patterned(8 << 20);
  client.stream->output() += big;
  client.stream->close();
  client.stream.reset();
  TestPeer& receiver = *server.peers[0];
  run_until(loop, [&] { return receiver.closed == 1; });
  EXPECT_EQ(receiver.reason.kind, Error::Kind::kClosed);
  EXPECT_TRUE(receiver.received == big);
  EXPECT_EQ(client.closed, 0);
}

TEST(EventLoop, close_is_not_overtaken_by_a_reset_when_input_is_unread) {
  EventLoop loop;
  TestServer server(loop, [](TestPeer& peer, std::string_view) {
    peer.stream->output() += "bye";
    peer.stream->close();
  });
  TestPeer client;
  client.stream = loop.connect(server.endpoint(), 1000, client);
  run_until(loop, [&] { return client.connected == 1; });
  client.stream->output() += patterned(1 << 20);
  run_until(loop, [&] { return client.closed == 1; });
  EXPECT_EQ(client.received, "bye");
  EXPECT_EQ(client.reason.kind, Error::Kind::kClosed);
}

TEST(EventLoop, close_gives_up_after_two_seconds) {
  EventLoop loop;
  TestServer server(loop, {});
  BlockingClient client(server.endpoint());  // never reads
  run_until(loop, [&] { return server.peers.size() == 1; });
  server.peers[0]->stream->output() += patterned(32 << 20);
  server.peers[0]->stream->close();
  server.peers.clear();
  const uint64_t before = mark_count("posix: output dropped at close");
  run_until(loop, [&] { return mark_count("posix: output dropped at close") > before; }, 4000);
}

TEST(EventLoop, reset_reaches_the_other_side_as_an_error) {
  EventLoop loop;
  TestServer server(loop, {});
  TestPeer client;
  client.stream = loop.connect(server.endpoint(), 1000, client);
  run_until(loop, [&] { return server.peers.size() == 1; });
  client.stream->output() += "lost";
  client.stream->reset();
  run_until(loop, [&] { return server.peers[0]->closed == 1; });
  EXPECT_EQ(server.peers[0]->received, "");
  EXPECT_NE(server.peers[0]->reason.kind, Error::Kind::kClosed);
  EXPECT_EQ(client.closed, 0);
}

TEST(EventLoop, a_handler_may_destroy_any_stream) {
  EventLoop loop;
  TestServer server(loop, {});
  TestPeer first;
  TestPeer second;
  first.stream = loop.connect(server.endpoint(), 1000, first);
  second.stream = loop.connect(server.endpoint(), 1000, second);
  run_until(loop, [&] { return server.peers.size() == 2; });
  server.on_bytes = [&](TestPeer&, std::string_view) { server.drop_streams(); };
  first.stream->output() += "x";
  second.stream->output() += "y";
  run_until(loop, [&] { return first.closed == 1 && second.closed == 1; });
}

TEST(EventLoop, an_accept_function_may_refuse) {
  EventLoop loop;
  auto listener = loop.listen({"127.0.0.1", 0}, 0, [](auto) { return nullptr; });
  ASSERT_TRUE(listener);
  TestPeer client;
  client.stream = loop.connect({"127.0.0.1", (*listener)->port()}, 1000, client);
  run_until(loop, [&] { return client.closed == 1; });
  EXPECT_EQ(client.received, "");
}

TEST(EventLoop, a_paused_listener_leaves_connections_waiting) {
  EventLoop loop;
  TestServer server(loop, {});
  server.listener->pause();
  TestPeer client;
  client.stream = loop.connect(server.endpoint(), 1000, client);
  run_until(loop, [&] { return client.connected == 1; });
  for (int i = 0; i < 10; ++i) loop.run_once(1000);
  EXPECT_TRUE(server.peers.empty());
  server.listener->resume();
  run_until(loop, [&] { return server.peers.size() == 1; });
}

TEST(EventLoop, a_port_in_use_is_an_error_that_says_so) {
  EventLoop loop;
  TestServer server(loop, {});
  auto second = loop.listen(server.endpoint(), 0, [](auto) { return nullptr; });
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("is another server running there?"));
  EXPECT_THAT(second.error().message, HasSubstr(server.endpoint().text()));
}

TEST(EventLoop, out_of_descriptors_rests_and_goes_on) {
  EventLoop loop;
  TestServer server(loop, {});
  std::vector<std::unique_ptr<BlockingClient>> clients;
  {
    const DescriptorLimit limit(100);
    for (int i = 0; i < 60; ++i) {
      clients.push_back(std::make_unique<BlockingClient>(server.endpoint()));
    }
    run_until(loop, [&] { return mark_count("posix: accepting rests") > 0; });
    EXPECT_LT(server.peers.size(), 60u);
  }
  run_until(loop, [&] { return server.peers.size() >= 50; });
}

TEST(EventLoop, holds_thousands_of_connections) {
  constexpr size_t kCount = 5000;
  const DescriptorLimit limit(2 * kCount + 200);
  if (!limit.reached()) GTEST_SKIP() << "the system does not allow enough open files";
  EventLoop loop;
  TestServer server(
      loop, [](TestPeer& peer, std::string_view bytes) { peer.stream->output().append(bytes); });
  std::vector<std::unique_ptr<TestPeer>> clients;
  for (size_t i = 0; i < kCount; ++i) {
    auto client = std::make_unique<TestPeer>();
    client->stream = loop.connect(server.endpoint(), 20'000, *client);
    client->stream->output() += "ping" + std::to_string(i);
    clients.push_back(std::move(client));
    if (i % 100 == 0) loop.run_once(0);
  }
  const auto is_answered = [](const auto& client) { return !client->received.empty(); };
  run_until(loop, [&] { return std::ranges::all_of(clients, is_answered); }, 30'000);
  EXPECT_EQ(clients.back()->received, "ping" + std::to_string(kCount - 1));
  clients.clear();
  const auto is_closed = [](const auto& peer) { return peer->closed == 1; };
  run_until(loop, [&] { return std::ranges::all_of(server.peers, is_closed); }, 30'000);
}

TEST(EventLoop, wakes_for_another_thread) {
  EventLoop loop;
  CountingWorker worker;
  loop.add_worker(worker);
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) {
      ++worker.pushed;
      loop.waker().wake();
    }
    loop.stop();
  });
  loop.run();
  other.join();
  loop.run_once(0);
  EXPECT_EQ(worker.seen, 1000);
}

TEST(EventLoop, a_worker_woken_in_a_batch_runs_before_the_loop_sleeps) {
  EventLoop loop;
  CountingWorker worker;
  worker.on_each = [&] {
    if (worker.batches == 1) loop.waker().wake();
  };
  loop.add_worker(worker);
  loop.run_once(0);
  EXPECT_EQ(worker.batches, 2);
  EXPECT_EQ(worker.flushes, 1);
}

TEST(EventLoop, a_worker_told_in_after_flush_is_answered_in_the_same_wake_up) {
  EventLoop loop;
  CountingWorker worker;
  worker.on_flush = [&] { loop.waker().wake(); };
  loop.add_worker(worker);
  loop.run_once(0);
  EXPECT_EQ(worker.batches, 2);
}

TEST(EventLoop, sleeps_until_a_workers_deadline) {
  EventLoop loop;
  CountingWorker worker;
  loop.add_worker(worker);
  const Now start = loop.now();
  worker.deadline_us = start.mono_us + 20'000;
  loop.run_once(10'000'000);
  EXPECT_GE(loop.now().mono_us, worker.deadline_us);
  EXPECT_LT(loop.now().mono_us, start.mono_us + 2'000'000);
  EXPECT_GE(loop.now().wall_ms, start.wall_ms + 19);
}

TEST(EventLoop, runs_posted_tasks_before_the_batch) {
  EventLoop loop;
  CountingWorker worker;
  loop.add_worker(worker);
  int batches_before = -1;
  std::thread other([&] {
    loop.post([&] {
      batches_before = worker.batches;
      loop.stop();
    });
  });
  loop.run();
  other.join();
  EXPECT_GE(batches_before, 0);
  EXPECT_LT(batches_before, worker.batches);
}

}  // namespace
}  // namespace zooid::posix
