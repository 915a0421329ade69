// Valid packets of clients in any order and segmentation: connect requests twice or too late,
// requests before them, identities, closes, watches, while commits come when they like. No client
// harms another, and what one is answered comes in the order of its requests.
#include "base/log.h"
#include "base/random.h"
#include "server/shard_fixture.h"

namespace zooid::server::testing {
namespace {

using wire::OpCode;

class ShardOrderTest : public ShardFixture {
 protected:
  void SetUp() override {
    log::set_sink([](log::Level, std::string_view) {});
    start();
    bystander_ = connect_open(60'000);
  }

  std::string any_frame(int32_t xid) {
    static const char* kPaths[] = {"/", "/a", "/a/b", "/gone", "", "bad", "/zookeeper/config"};
    const std::string path = kPaths[random_.below(std::size(kPaths))];
    switch (random_.below(18)) {
      case 0:
        return connect_frame(10'000);
      case 1:
        return connect_frame(-1, SessionId{0x0100000000000001}, "wrong");
      case 2:
        return create(xid, path, "x", static_cast<int32_t>(random_.below(5)));
      case 3:
        return remove(xid, path);
      case 4:
        return set_data(xid, path, "y");
      case 5:
        return frame(wire::kXidPing, OpCode::kPing);
      case 6: {
        std::string body;
        wire::Writer out(body);
        out.i32(0);
        out.buffer(random_.one_in(4) ? "nothing" : "digest");
        out.buffer("a:b");
        return frame(wire::kXidAuth, OpCode::kAuth, body);
      }
      case 7:
        return random_.one_in(4) ? frame(xid, OpCode::kCloseSession) : get(xid, path);
      case 8: {
        std::string body;
        wire::Writer out(body);
        out.i64(0);
        for (int i = 0; i < 3; ++i) {
          out.i32(1);
          out.buffer(path);
        }
        return frame(wire::kXidSetWatches, OpCode::kSetWatches, body);
      }
      case 9:
        return path_mode(xid, OpCode::kAddWatch, path, static_cast<int32_t>(random_.below(3)));
      case 10:
        return path_mode(xid, OpCode::kRemoveWatches, path,
                         1 + static_cast<int32_t>(random_.below(3)));
      case 11:
        return frame(xid, OpCode::kSync, wire::body_of([&](auto& out) { out.buffer(path); }));
      case 12:
        // Below auth and sasl, which are answered at once, before what is waited for.
        return frame(xid, static_cast<OpCode>(random_.below(100)));
      case 13:
        return frame(xid, OpCode::kMulti, std::string("\xff\xff\xff\xff\1\xff\xff\xff\xff", 9));
      default: {
        static constexpr OpCode kReads[] = {OpCode::kGetData, OpCode::kExists, OpCode::kGetChildren,
                                            OpCode::kGetChildren2};
        return path_watch(xid, kReads[random_.below(4)], path, random_.one_in(2));
      }
    }
  }

  // Ordinary replies in what a client received, in their order.
  static std::vector<int32_t> replies(TestPipe& pipe) {
    std::vector<int32_t> xids;
    while (has_frame(pipe)) {
      const int32_t xid = next_frame(pipe).xid;
      if (xid > 0) xids.push_back(xid);
    }
    return xids;
  }

  void send_in_pieces(TestPipe& client, std::string_view bytes) {
    while (!bytes.empty() && client.handler != nullptr) {
      const size_t piece = random_.one_in(2) ? bytes.size() : 1 + random_.below(30);
      client.inbound.append(bytes.substr(0, piece));
      bytes.remove_prefix(std::min(piece, bytes.size()));
      if (random_.one_in(3)) continue;
      step();
      if (random_.one_in(2)) replica.commit(random_.below(4));
    }
  }

  void one_client() {
    const bool is_honest = !random_.one_in(4);
    auto client = network.connect_client();
    std::string bytes = is_honest ? connect_frame(60'000) : std::string();
    const auto count = static_cast<int32_t>(random_.below(14));
    for (int32_t xid = 1; xid <= count; ++xid) bytes += any_frame(xid);
    send_in_pieces(*client, bytes);
    if (random_.one_in(4)) network.break_off(*client);
    settle();
    ++(client->closed_by_server ? closed_ : open_);
    if (!is_honest || client->received.size() < 41) return;
    client->received.erase(0, 41);
    const std::vector<int32_t> xids = replies(*client);
    for (size_t i = 1; i < xids.size(); ++i) EXPECT_LT(xids[i - 1], xids[i]);
    answered_ += xids.size();
    network.break_off(*client);
  }

  void expect_bystander_served() {
    bystander_->received.clear();
    bystander_->inbound = get(1, "/");
    settle();
    ASSERT_TRUE(has_frame(*bystander_));
    EXPECT_EQ(next_frame(*bystander_).err, 0);
  }

  Random random_{11};
  std::shared_ptr<TestPipe> bystander_;
  size_t closed_ = 0, open_ = 0, answered_ = 0;
};

TEST_F(ShardOrderTest, any_order_of_packets_harms_nobody_else) {
  for (int i = 0; i < 3'000 && !HasFailure(); ++i) {
    SCOPED_TRACE(i);
    one_client();
    if (i % 50 == 0) expect_bystander_served();
  }
  EXPECT_GT(closed_, 500u);
  EXPECT_GT(open_, 200u);
  EXPECT_GT(answered_, 3'000u);
}

}  // namespace
}  // namespace zooid::server::testing
