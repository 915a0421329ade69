// What tests of the loop share: a server and a client that record what happens to them, and raw
// sockets for what a stream cannot do.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "posix/event_loop.h"
#include "posix/socket_address.h"

namespace zooid::posix {

struct TestPeer : env::StreamHandler {
  std::unique_ptr<env::Stream> stream;
  std::function<void(TestPeer&, std::string_view)> then;
  std::function<void()> on_more;  // on_room
  std::string received;
  size_t longest = 0;
  int connected = 0;
  int drained = 0;
  int closed = 0;
  Error reason;

  void on_connected() override { ++connected; }
  void on_bytes(std::string_view bytes) override {
    received += bytes;
    longest = std::max(longest, bytes.size());
    if (then) then(*this, bytes);
  }
  void on_drained() override { ++drained; }
  void on_room() override {
    if (on_more) on_more();
  }
  void on_closed(const Error& why) override {
    ++closed;
    reason = why;
  }
};

struct TestServer {
  using OnBytes = std::function<void(TestPeer&, std::string_view)>;
  OnBytes on_bytes;
  std::vector<std::unique_ptr<TestPeer>> peers;
  std::unique_ptr<env::Listener> listener;

  TestServer(EventLoop& loop, OnBytes react, const std::string& host = "127.0.0.1")
      : on_bytes(std::move(react)) {
    auto listening = loop.listen({host, 0}, 4096, [this](std::unique_ptr<env::Stream> stream) {
      auto peer = std::make_unique<TestPeer>();
      peer->stream = std::move(stream);
      peer->then = [this](TestPeer& at, std::string_view bytes) {
        if (on_bytes) on_bytes(at, bytes);
      };
      peers.push_back(std::move(peer));
      return peers.back().get();
    });
    EXPECT_TRUE(listening) << listening.error().message;
    listener = std::move(*listening);
  }
  uint16_t port() const { return listener->port(); }
  env::Endpoint endpoint() const { return {"127.0.0.1", port()}; }
  void drop_streams() {
    for (auto& peer : peers) peer->stream.reset();
  }
};

struct CountingWorker : env::Worker {
  std::atomic<int> pushed = 0;
  int seen = 0;
  int batches = 0;
  int flushes = 0;
  int64_t deadline_us = kNever;
  std::function<void()> on_each;
  std::function<void()> on_flush;

  void on_batch(Now) override {
    ++batches;
    seen = pushed;
    if (on_each) on_each();
  }
  void after_flush(Now) override {
    ++flushes;
    if (on_flush) on_flush();
  }
  int64_t next_deadline() const override { return deadline_us; }
};

template <class Condition>
void run_until(EventLoop& loop, Condition condition, int64_t limit_ms = 10'000) {
  const int64_t end_us = loop.now().mono_us + limit_ms * 1000;
  while (!condition()) {
    ASSERT_LT(loop.now().mono_us, end_us) << "the condition was not reached";
    loop.run_once(20'000);
  }
}

// Bytes of which any loss, doubling or reordering shows.
inline std::string patterned(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 2654435761u >> 13);
  return text;
}

// A plain blocking socket.
class BlockingClient {
 public:
  explicit BlockingClient(const env::Endpoint& to) {
    SocketAddress address = *numeric_address(to.host);
    address.set_port(to.port);
    fd_ = socket(address.family(), SOCK_STREAM, 0);
    EXPECT_GE(fd_, 0);
    EXPECT_EQ(connect(fd_, address.raw(), address.length), 0);
  }
  ~BlockingClient() { close(fd_); }
  void send(std::string_view text) {
    EXPECT_EQ(::send(fd_, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  void shut_down_sending() { shutdown(fd_, SHUT_WR); }
  std::string read_to_end() {
    std::string all;
    char buffer[4096];
    while (true) {
      const ssize_t count = recv(fd_, buffer, sizeof(buffer), 0);
      if (count <= 0) return all;
      all.append(buffer, static_cast<size_t>(count));
    }
  }

 private:
  int fd_;
};

// A listening socket whose queue is full, so that further attempts to connect get no answer.
class FullListener {
 public:
  FullListener() {
    SocketAddress address = *numeric_address("127.0.0.1");
    fd_ = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(bind(fd_, address.raw(), address.length), 0);
    EXPECT_EQ(listen(fd_, 0), 0);
    address = local_address(fd_);
    for (int i = 0; i < 8; ++i) {
      const int filler = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      connect(filler, address.raw(), address.length);
      fillers_.push_back(filler);
    }
  }
  ~FullListener() {
    for (const int filler : fillers_) close(filler);
    close(fd_);
  }
  env::Endpoint endpoint() const { return local_address(fd_).endpoint(); }

 private:
  int fd_;
  std::vector<int> fillers_;
};

// The soft limit of open files while it lives.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(uint64_t wanted) {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit changed = before_;
    changed.rlim_cur = std::min<rlim_t>(wanted, before_.rlim_max);
    setrlimit(RLIMIT_NOFILE, &changed);
    reached_ = changed.rlim_cur >= wanted;
  }
  ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &before_); }
  bool reached() const { return reached_; }

 private:
  rlimit before_{};
  bool reached_ = false;
};

}  // namespace zooid::posix
