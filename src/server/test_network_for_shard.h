// For tests: a network of one process whose every step is taken by hand. A client writes bytes into
// a pipe, step() gives them to the server's handlers, flush() takes what the server wrote.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "env/network.h"

namespace zooid::server::testing {

// Both ends of one connection.
struct TestPipe {
  env::Endpoint peer;
  env::StreamHandler* handler = nullptr;
  std::string inbound;       // from the client, not yet given to the server
  std::string output;        // written by the server, not yet taken by the "kernel"
  std::string received;      // taken
  size_t window = SIZE_MAX;  // what the kernel takes in one flush
  const size_t* read_bytes_max = nullptr;
  bool paused = false;
  bool closed_by_server = false;
  bool refused = false;
  bool blocked = false;
};

class TestStream : public env::Stream {
 public:
  explicit TestStream(std::shared_ptr<TestPipe> pipe) : pipe_(std::move(pipe)) {}
  ~TestStream() override { detach(); }
  std::string& output() override {
    ASSERT(!pipe_->closed_by_server);
    return pipe_->output;
  }
  size_t backlog() const override { return pipe_->output.size(); }
  size_t count_backlog() override { return backlog(); }
  void want_room(size_t) override { ASSERT(false && "a shard asks for its streams' backlog"); }
  void pause_reading() override { pipe_->paused = true; }
  void resume_reading() override { pipe_->paused = false; }
  void limit_reads(const size_t& bytes_max) override { pipe_->read_bytes_max = &bytes_max; }
  void close() override { detach(); }
  void reset() override {
    detach();
    pipe_->output.clear();
  }
  const env::Endpoint& peer() const override { return pipe_->peer; }

 private:
  void detach() {
    pipe_->closed_by_server = true;
    pipe_->handler = nullptr;
  }
  std::shared_ptr<TestPipe> pipe_;
};

class TestListener : public env::Listener {
 public:
  explicit TestListener(uint16_t port) : port_(port) {}
  uint16_t port() const override { return port_; }
  void pause() override {}
  void resume() override {}

 private:
  uint16_t port_;
};

class TestNetwork : public env::Network {
 public:
  std::unique_ptr<env::Stream> connect(const env::Endpoint&, int64_t,
                                       env::StreamHandler&) override {
    ASSERT(false && "a shard connects to nobody");
    return nullptr;
  }
  Result<std::vector<std::string>> addresses_of(const std::string& host) override {
    return std::vector{host};
  }
  Result<std::unique_ptr<env::Listener>> listen(const env::Endpoint& at, int,
                                                env::AcceptFunction accept) override {
    accept_ = std::move(accept);
    return std::make_unique<TestListener>(at.port);
  }

  size_t output_bytes() const override {
    size_t bytes = 0;
    for (const auto& pipe : pipes_) bytes += pipe->output.size();
    return bytes;
  }

  std::shared_ptr<TestPipe> connect_client(const std::string& address = "127.0.0.1") {
    auto pipe = std::make_shared<TestPipe>();
    pipe->peer = {address, ++next_port_};
    env::StreamHandler* handler = accept_(std::make_unique<TestStream>(pipe));
    pipe->refused = handler == nullptr;
    if (!pipe->refused) pipe->handler = handler;
    pipes_.push_back(pipe);
    return pipe;
  }
  // One read of each readable connection. The bytes lie in memory of their own, gone afterwards.
  void deliver() {
    for (size_t i = 0; i < pipes_.size(); ++i) {
      TestPipe& pipe = *pipes_[i];
      if (pipe.handler == nullptr || pipe.paused || pipe.inbound.empty()) continue;
      const std::string bytes =
          pipe.inbound.substr(0, pipe.read_bytes_max ? *pipe.read_bytes_max : SIZE_MAX);
      pipe.inbound.erase(0, bytes.size());
      pipe.handler->on_bytes(bytes);
    }
  }
  void flush() {
    for (size_t i = 0; i < pipes_.size(); ++i) {
      TestPipe& pipe = *pipes_[i];
      const size_t taken = std::min(pipe.window, pipe.output.size());
      pipe.received.append(pipe.output, 0, taken);
      pipe.output.erase(0, taken);
      const bool was_blocked = std::exchange(pipe.blocked, !pipe.output.empty());
      if (was_blocked && !pipe.blocked && pipe.handler != nullptr) pipe.handler->on_drained();
    }
  }
  // The client is gone.
  void break_off(TestPipe& pipe) {
    if (pipe.handler == nullptr) return;
    std::exchange(pipe.handler, nullptr)->on_closed(Error{Error::Kind::kClosed, "reset"});
  }

 private:
  env::AcceptFunction accept_;
  uint16_t next_port_ = 40'000;
  std::vector<std::shared_ptr<TestPipe>> pipes_;
};

}  // namespace zooid::server::testing
