// The client machine against a server that a test plays by hand, in the network in memory.
#include "client/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "env/memory_network.h"
#include "wire/request.h"

namespace zooid::client {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int32_t kTimeoutMs = 3'000;

// Accepts connections; what arrived is kept, what is sent is written by the test.
class HandServer : public env::StreamHandler {
 public:
  explicit HandServer(env::MemoryHost& host) : host_(host) {
    auto listener = host.listen({"", 2181}, 10, [this](std::unique_ptr<env::Stream> stream) {
      ++accepted;
      input.clear();
      stream_ = std::move(stream);
      return static_cast<env::StreamHandler*>(this);
    });
    listener_ = std::move(*listener);
  }
  void on_bytes(std::string_view bytes) override {
    bytes_ += bytes.size();
    input.append(bytes);
  }
  void on_closed(const Error&) override { stream_.reset(); }

  void answer_handshake(int64_t session, int32_t timeout_ms = kTimeoutMs) {
    wire::ConnectResponse response;
    response.session_id = SessionId{session};
    response.timeout_ms = timeout_ms;
    response.password.assign(16, 'p');
    response.has_read_only = true;
    std::string& out = stream_->output();
    const size_t begun = wire::begin_frame(out);
    wire::Writer writer(out);
    wire::write(writer, response);
    wire::end_frame(out, begun);
    host_.wake();
  }
  void answer(int32_t xid, int32_t err) {
    std::string& out = stream_->output();
    const size_t begun = wire::begin_frame(out);
    wire::Writer writer(out);
    wire::write(writer, wire::ReplyHeader{xid, 7, err});
    wire::end_frame(out, begun);
    host_.wake();
  }
  void close() { stream_.reset(); }
  bool is_connected() const { return stream_ != nullptr; }
  size_t bytes() const { return bytes_; }

  int accepted = 0;
  std::string input;

 private:
  env::MemoryHost& host_;
  std::unique_ptr<env::Stream> stream_;
  std::unique_ptr<env::Listener> listener_;
  size_t bytes_ = 0;
};

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() {
    ClientOptions options;
    options.servers = {{"server", 2181}};
    options.session_timeout_ms = kTimeoutMs;
    client_.emplace(here_, here_, 1, options);
    here_.add_worker(*client_);
  }
  ~ClientTest() override { here_.remove_worker(*client_); }

  env::MemoryNetwork network_{1};
  env::MemoryHost& here_ = network_.add_host("here");
  env::MemoryHost& there_ = network_.add_host("server");
  std::optional<Client> client_;
};

TEST_F(ClientTest, TheAnswerToTheHandshakeMayBeTheLastThingForAWhile) {
  HandServer server(there_);
  network_.run_for_ms(10);
  server.answer_handshake(5);
  network_.run_for_ms(900);  // less than a third of the time-out: not even a ping is due
  EXPECT_EQ(client_->state(), SessionState::kConnected);
  EXPECT_EQ(server.accepted, 1);
}

TEST_F(ClientTest, PingsKeepAConnectionWithoutRequests) {
  HandServer server(there_);
  network_.run_for_ms(10);
  server.answer_handshake(5);
  network_.run_for_ms(10);
  const size_t before = server.bytes();
  for (int i = 0; i < 10; ++i) {
    network_.run_for_ms(1'000);
    server.answer(wire::kXidPing, 0);
  }
  EXPECT_EQ(client_->state(), SessionState::kConnected);
  EXPECT_EQ(server.accepted, 1);
  EXPECT_GE(server.bytes() - before, 9u * 12);
}

TEST_F(ClientTest, ASilentServerIsLeft) {
  HandServer server(there_);
  network_.run_for_ms(10);
  server.answer_handshake(5);
  network_.run_for_ms(2'100);
  EXPECT_EQ(server.accepted, 2);
  EXPECT_EQ(client_->state(), SessionState::kConnecting);
}

TEST_F(ClientTest, AnExpiredSessionIsFollowedByANewOneWhenAskedFor) {
  HandServer server(there_);
  network_.run_for_ms(10);
  server.answer_handshake(5);
  network_.run_for_ms(10);
  client_->remember_watch(Client::WatchKind::kData, "/a");
  server.close();
  network_.run_for_ms(100);
  server.answer_handshake(0, 0);
  network_.run_for_ms(10);
  ASSERT_EQ(client_->state(), SessionState::kExpired);
  std::optional<wire::ErrorCode> err;
  client_->submit(wire::OpCode::kSync, "", [&](const ReplyView& reply) { err = reply.err; });
  EXPECT_EQ(err, wire::ErrorCode::kSessionExpired);

  client_->renew();
  network_.run_for_ms(500);
  ASSERT_TRUE(server.is_connected());
  wire::Reader in(std::string_view(server.input).substr(4));
  wire::ConnectRequest request;
  wire::read(in, request);
  EXPECT_EQ(request.session_id, SessionId{0});
  server.input.clear();
  server.answer_handshake(6);
  network_.run_for_ms(10);
  EXPECT_EQ(client_->state(), SessionState::kConnected);
  EXPECT_EQ(client_->session(), SessionId{6});
  EXPECT_THAT(server.input, IsEmpty()) << "watches of the former session were set";
}

TEST_F(ClientTest, WhyNoServerAnsweredIsKnown) {
  EXPECT_FALSE(client_->is_round_over());
  network_.run_for_ms(50);
  ASSERT_TRUE(client_->is_round_over());
  EXPECT_THAT(client_->failures().begin()->second, HasSubstr("refused"));

  HandServer server(there_);
  network_.run_for_ms(500);
  server.close();
  network_.run_for_ms(50);
  EXPECT_THAT(client_->failures().begin()->second, HasSubstr("does not serve"));
  network_.run_for_ms(500);
  server.answer_handshake(5);
  network_.run_for_ms(10);
  EXPECT_THAT(client_->failures(), IsEmpty());
}

TEST_F(ClientTest, ARefusedIdentityEndsTheSession) {
  HandServer server(there_);
  network_.run_for_ms(10);
  server.answer_handshake(5);
  network_.run_for_ms(10);
  std::optional<wire::ErrorCode> err;
  client_->add_auth("no", "such", [&](const ReplyView& reply) { err = reply.err; });
  network_.run_for_ms(10);
  server.answer(wire::kXidAuth, static_cast<int32_t>(wire::ErrorCode::kAuthFailed));
  network_.run_for_ms(2'000);
  EXPECT_EQ(err, wire::ErrorCode::kAuthFailed);
  EXPECT_EQ(client_->state(), SessionState::kAuthFailed);
  EXPECT_EQ(server.accepted, 1);
}

TEST(ParseHostsTest, AsJavasClientReadsThem) {
  std::string chroot;
  const auto hosts = parse_hosts("a:1, b ,[::1]:3,[fe80::2],c:/app/x", &chroot);
  ASSERT_TRUE(hosts.has_value()) << hosts.error().message;
  EXPECT_THAT(*hosts, ::testing::ElementsAre(
                          env::Endpoint{"a", 1}, env::Endpoint{"b", 2181}, env::Endpoint{"::1", 3},
                          env::Endpoint{"fe80::2", 2181}, env::Endpoint{"c", 2181}));
  EXPECT_EQ(chroot, "/app/x");
  chroot = "former";
  ASSERT_TRUE(parse_hosts("a/", &chroot).has_value());
  EXPECT_EQ(chroot, "");
}

TEST(ParseHostsTest, WhatIsNoHostIsNamed) {
  for (const char* text :
       {"", ",", "a:x", "a:70000", "[::1", "[]:1", "[::1]1", ":2181", "a/b/", "a//b"}) {
    EXPECT_FALSE(parse_hosts(text, nullptr).has_value()) << text;
  }
}

}  // namespace
}  // namespace zooid::client
