#include "server/peer_listener.h"

#include <gtest/gtest.h>

#include "base/mark.h"
#include "env/memory_network.h"

namespace zooid::server {
namespace {

// A host whose name server answers when the test says so.
struct SlowNames : env::Network {
  explicit SlowNames(env::MemoryHost& host) : host(host) {}
  std::unique_ptr<env::Stream> connect(const env::Endpoint& to, int64_t timeout_ms,
                                       env::StreamHandler& handler) override {
    return host.connect(to, timeout_ms, handler);
  }
  Result<std::vector<std::string>> addresses_of(const std::string&) override { return answer; }
  Result<std::unique_ptr<env::Listener>> listen(const env::Endpoint& at, int backlog,
                                                env::AcceptFunction accept) override {
    listened.push_back(at.host);
    return host.listen(at, backlog, std::move(accept));
  }
  size_t output_bytes() const override { return host.output_bytes(); }
  env::MemoryHost& host;
  Result<std::vector<std::string>> answer = fail(Error::Kind::kTimeout, "still looked up");
  std::vector<std::string> listened;
};

struct PeerListenerTest : testing::Test {
  env::MemoryNetwork network{1};
  env::MemoryHost& host = network.add_host("h");
  SlowNames names{host};
  PeerListener listener{
      names, {"own.name", 3888}, false, [](std::unique_ptr<env::Stream>) { return nullptr; }};
  static Now at_ms(int64_t ms) { return {.mono_us = ms * 1000, .wall_ms = ms}; }
};

TEST_F(PeerListenerTest, waits_two_seconds_for_the_own_name_and_then_takes_every_address) {
  EXPECT_TRUE(listener.try_listen(at_ms(100)));
  EXPECT_FALSE(listener.is_listening());
  EXPECT_EQ(listener.next_deadline(), 2'100'000);
  EXPECT_TRUE(listener.try_listen(at_ms(2'099)));
  EXPECT_FALSE(listener.is_listening());
  EXPECT_TRUE(listener.try_listen(at_ms(2'100)));
  EXPECT_EQ(names.listened, std::vector<std::string>{""});
  EXPECT_EQ(listener.next_deadline(), kNever);
  EXPECT_GT(mark_count("peer_listener.name_server_is_slow"), 0u);
}

TEST_F(PeerListenerTest, listens_at_the_addresses_of_the_name_when_they_come) {
  EXPECT_TRUE(listener.try_listen(at_ms(100)));
  names.answer = std::vector<std::string>{"h"};
  EXPECT_TRUE(listener.try_listen(at_ms(200)));
  EXPECT_EQ(names.listened, std::vector<std::string>{"h"});
  EXPECT_EQ(listener.port(), 3888);
}

TEST_F(PeerListenerTest, takes_every_address_when_the_name_server_has_no_answer) {
  names.answer = fail("temporary failure in name resolution");
  EXPECT_TRUE(listener.try_listen(at_ms(100)));
  EXPECT_EQ(names.listened, std::vector<std::string>{""});
}

TEST_F(PeerListenerTest, a_port_in_use_is_an_error_and_is_tried_again) {
  names.answer = std::vector<std::string>{"h"};
  auto other = *host.listen({"", 3888}, 1, [](std::unique_ptr<env::Stream>) { return nullptr; });
  EXPECT_FALSE(listener.try_listen(at_ms(100)));
  EXPECT_FALSE(listener.is_listening());
  other.reset();
  EXPECT_TRUE(listener.try_listen(at_ms(200)));
  EXPECT_TRUE(listener.is_listening());
}

}  // namespace
}  // namespace zooid::server
