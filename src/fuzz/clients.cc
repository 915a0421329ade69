// Both ways into the client port, through a real shard whose writes are prepared and applied.
#include "fuzz/targets.h"
#include "server/shard_fixture.h"

namespace zooid::fuzz {
namespace {

class Client : public server::testing::ShardFixture {
 public:
  Client() { start(); }
  void TestBody() override {}
  void send(std::string_view bytes, bool has_session) {
    auto pipe = has_session ? connect_open() : network.connect_client();
    pipe->inbound = bytes;
    for (int i = 0; i < 4; ++i) {
      step();
      replica.commit();
    }
    clock.advance_ms(30'000);  // half a frame waits for its rest, not for ever
    step();
  }
};

}  // namespace

void frames(std::string_view bytes) {
  Client().send(bytes, true);
}

void four_letter_words(std::string_view bytes) {
  Client().send(bytes, false);
}

}  // namespace zooid::fuzz
