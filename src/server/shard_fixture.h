// For tests: a shard on a hand-driven network, with a replica whose commits are made by hand.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/shard.h"
#include "server/test_network_for_shard.h"
#include "state/preparer.h"
#include "wire/request.h"

namespace zooid::server::testing {

class HandClock : public env::Clock {
 public:
  // Each look finds that so much time has passed inside the step.
  int64_t instant_us() const override { return now_.mono_us + (passed_us_ += us_between_looks); }
  Now now() const override { return now_; }
  void advance_ms(int64_t ms) {
    now_.mono_us += ms * 1000;
    now_.wall_ms += ms;
    passed_us_ = 0;
  }
  int64_t us_between_looks = 0;

 private:
  mutable int64_t passed_us_ = 0;
  Now now_{1'000'000'000, 1'700'000'000'000};
};

// A frame as a client sees it.
struct Frame {
  int32_t xid = 0;
  int64_t zxid = 0;
  int32_t err = 0;
  std::string body;
};

// Orders the shard's writes, applies them when told to, tells the shard.
class HandReplica {
 public:
  explicit HandReplica(const env::Clock& clock) : clock_(clock) {
    state::PreparerOptions options;
    options.extended_types_enabled = true;
    options.auth.super_digest = super_digest();
    preparer = std::make_unique<state::TxnPreparer>(database, options);
  }
  static std::string super_digest() { return state::digest_id("super:test", "SHA1"); }

  void serve(ShardInbox& inbox, const std::string& mode = "standalone") {
    shard = &inbox;
    shard->push(Serving{&database, mode});
  }
  // Takes what the shard has sent since.
  void take();
  // Commits the oldest `count` of what was taken, as one batch.
  void commit(size_t count = SIZE_MAX);
  // A write of somebody else: no reply here.
  void commit_foreign(wire::OpCode type, const std::string& body);

  ReplicaInbox inbox;
  state::Database database;
  std::unique_ptr<state::TxnPreparer> preparer;
  ShardInbox* shard = nullptr;
  std::deque<ToReplica> pending;  // NewSession, AttachSession, ClientWrite
  std::vector<TouchSessions> touches;
  std::vector<ConnectionGone> gone;
  std::vector<Inspect> inspects;
  bool holds_syncs = false;  // SyncDone comes only after all writes of the batch
  SessionId next_session{0x0100000000000001};

 private:
  std::shared_ptr<state::Applied> apply(SessionId session, int32_t cxid, wire::OpCode type,
                                        std::string_view body, const std::vector<wire::Id>* ids);
  const env::Clock& clock_;
};

class ShardFixture : public ::testing::Test {
 protected:
  ShardFixture();
  ~ShardFixture() override = default;

  void start();
  // One wake-up of the loop: reads, the shard's step, writes.
  void step();
  // Steps and commits until nothing moves.
  void settle();

  std::shared_ptr<TestPipe> connect_open(int32_t timeout_ms = 10'000);
  SessionId session_of(const TestPipe& pipe) const { return sessions_.at(&pipe); }
  // Reads one frame off what the client received.
  static Frame next_frame(TestPipe& pipe);
  static bool has_frame(const TestPipe& pipe) { return !pipe.received.empty(); }

  static std::string connect_frame(int32_t timeout_ms, SessionId session = kNoSession,
                                   std::string password = std::string(16, '\0'),
                                   bool has_read_only = true, int64_t last_zxid = 0);
  static std::string frame(int32_t xid, wire::OpCode type, std::string_view body = {});
  static std::string create(int32_t xid, std::string_view path, std::string_view data = "x",
                            int32_t flags = 0);
  static std::string create_body(std::string_view path, std::string_view data, int32_t flags = 0);
  static std::string remove(int32_t xid, std::string_view path);
  static std::string set_data(int32_t xid, std::string_view path, std::string_view data);
  static std::string set_data_body(std::string_view path, std::string_view data);
  static std::string get(int32_t xid, std::string_view path, bool watch = false);
  static std::string path_watch(int32_t xid, wire::OpCode type, std::string_view path,
                                bool watch = false);
  static std::string path_mode(int32_t xid, wire::OpCode type, std::string_view path, int32_t mode);
  static std::string data_of(const Frame& reply);

  config::ServerConfig config;
  HandClock clock;
  TestNetwork network;
  HandReplica replica{clock};
  std::unique_ptr<Shard> shard;

 private:
  std::map<const TestPipe*, SessionId> sessions_;
};

}  // namespace zooid::server::testing
