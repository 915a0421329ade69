// A shard in read-only mode, and replies that concern local sessions (features.md 1.8).
#include "server/shard_fixture.h"

namespace zooid::server::testing {
namespace {

using wire::ErrorCode;
using wire::OpCode;

class ShardReadOnlyTest : public ShardFixture {
 protected:
  void go_read_only() {
    start();
    replica.shard->push(NotServing{"no quorum"});
    replica.shard->push(Serving{&replica.database, "read-only", true});
    step();
  }
  static std::string read_only_connect(SessionId session = kNoSession) {
    std::string bytes = connect_frame(10'000, session, wire::session_password(session));
    bytes.back() = 1;
    return bytes;
  }
  static wire::ConnectResponse connect_response(TestPipe& pipe) {
    wire::Reader in(pipe.received);
    const int32_t length = in.i32();
    wire::ConnectResponse response;
    wire::read(in, response);
    EXPECT_TRUE(in.ok());
    pipe.received.erase(0, static_cast<size_t>(length) + 4);
    return response;
  }
  // What the replica does with a new session when it is a local one.
  std::shared_ptr<TestPipe> connect_local(SessionId session) {
    auto client = network.connect_client();
    client->inbound = read_only_connect();
    step();
    replica.take();
    EXPECT_EQ(replica.pending.size(), 1u);
    const auto wish = std::get<NewSession>(replica.pending.front());
    replica.pending.clear();
    replica.shard->push(AttachResult{wish.origin.connection, true, session, wish.timeout_ms});
    step();
    return client;
  }
};

TEST_F(ShardReadOnlyTest, clients_that_do_not_ask_for_it_are_refused) {
  go_read_only();
  for (const bool has_flag : {true, false}) {
    auto client = network.connect_client();
    client->inbound = connect_frame(10'000, kNoSession, std::string(16, '\0'), has_flag);
    step();
    EXPECT_TRUE(client->closed_by_server);
    EXPECT_TRUE(client->received.empty());
  }
}

TEST_F(ShardReadOnlyTest, the_response_says_read_only_and_a_serving_servers_does_not) {
  go_read_only();
  auto client = connect_local(SessionId{0x77});
  const auto response = connect_response(*client);
  EXPECT_EQ(response.session_id, SessionId{0x77});
  EXPECT_TRUE(response.read_only);
  replica.shard->push(NotServing{"a quorum is there"});
  replica.shard->push(Serving{&replica.database, "follower", false});
  step();
  EXPECT_TRUE(client->closed_by_server) << "read-only clients must look for a session of their own";
  auto again = network.connect_client();
  again->inbound = read_only_connect();
  settle();
  EXPECT_FALSE(connect_response(*again).read_only);
}

TEST_F(ShardReadOnlyTest, writes_are_refused_in_their_place_and_reads_answered) {
  go_read_only();
  auto client = connect_local(SessionId{0x77});
  connect_response(*client);
  const std::vector<OpCode> writes = {
      OpCode::kCreate, OpCode::kCreate2, OpCode::kCreateTtl, OpCode::kCreateContainer,
      OpCode::kDelete, OpCode::kSetData, OpCode::kSetAcl,    OpCode::kReconfig,
      OpCode::kMulti,  OpCode::kSync,    OpCode::kCheck,     OpCode::kDeleteContainer};
  int32_t xid = 0;
  for (const OpCode type : writes) {
    client->inbound += frame(++xid, type, set_data_body("/", "x"));
    client->inbound += get(++xid, "/");
  }
  step();
  xid = 0;
  for (const OpCode type : writes) {
    const Frame refusal = next_frame(*client);
    EXPECT_EQ(refusal.xid, ++xid);
    EXPECT_EQ(refusal.err, static_cast<int32_t>(ErrorCode::kNotReadOnly)) << static_cast<int>(type);
    EXPECT_EQ(refusal.zxid, replica.database.last_zxid().value);
    const Frame data = next_frame(*client);
    EXPECT_EQ(data.xid, ++xid);
    EXPECT_EQ(data.err, 0);
  }
  replica.take();
  EXPECT_TRUE(replica.pending.empty()) << "no write may reach the replica";
}

TEST_F(ShardReadOnlyTest, a_global_session_is_closed_and_may_live_on_elsewhere) {
  start();
  auto before = connect_open();
  const SessionId session = session_of(*before);
  replica.shard->push(NotServing{"no quorum"});
  replica.shard->push(Serving{&replica.database, "read-only", true});
  step();
  auto client = network.connect_client();
  client->inbound = read_only_connect(session);
  step();
  EXPECT_TRUE(client->closed_by_server);
  EXPECT_TRUE(client->received.empty()) << "an answer would say that it has expired";
}

TEST_F(ShardReadOnlyTest, closing_a_local_session_is_answered_without_a_transaction) {
  go_read_only();
  auto client = connect_local(SessionId{0x77});
  connect_response(*client);
  client->inbound = frame(5, OpCode::kCloseSession);
  step();
  replica.take();
  ASSERT_EQ(replica.pending.size(), 1u);
  const auto write = std::get<ClientWrite>(replica.pending.front());
  replica.pending.clear();
  EXPECT_EQ(write.session, SessionId{0x77});
  replica.shard->push(LocalReply{write.origin.connection, write.xid, write.type});
  step();
  const Frame reply = next_frame(*client);
  EXPECT_EQ(reply.xid, 5);
  EXPECT_EQ(reply.err, 0);
  EXPECT_TRUE(client->closed_by_server);
}

TEST_F(ShardReadOnlyTest, isro_tells_the_mode_and_is_allowed_when_the_mode_is) {
  config.four_letter_words = {"srvr"};
  config.read_only_mode_enabled = true;
  go_read_only();
  const auto isro = [&] {
    auto client = network.connect_client();
    client->inbound = "isro";
    step();
    return client->received;
  };
  EXPECT_EQ(isro(), "ro");
  replica.shard->push(NotServing{"a quorum is there"});
  step();
  EXPECT_EQ(isro(), "null");
  replica.shard->push(Serving{&replica.database, "follower", false});
  step();
  EXPECT_EQ(isro(), "rw");
}

// A leader knows no local session of this server: what it says to an ephemeral create is not the
// reason.
TEST_F(ShardReadOnlyTest, an_expired_answer_to_an_ephemeral_of_a_local_session_is_translated) {
  start();
  auto client = connect_open();
  client->inbound = create(1, "/e", "", wire::kFlagEphemeral) + create(2, "/f");
  step();
  replica.take();
  ASSERT_EQ(replica.pending.size(), 2u);
  const ConnectionId connection = std::get<ClientWrite>(replica.pending[0]).origin.connection;
  replica.pending.clear();
  for (int32_t xid = 1; xid <= 2; ++xid) {
    auto applied = std::make_shared<state::Applied>();
    applied->header.zxid = Zxid{100 + xid};
    applied->err = ErrorCode::kSessionExpired;
    Reply reply{connection, xid, OpCode::kCreate};
    if (xid == 1) reply.instead_of_expired = ErrorCode::kEphemeralOnLocalSession;
    replica.shard->push(AppliedTxn{applied, {reply}});
  }
  step();
  const Frame ephemeral = next_frame(*client);
  EXPECT_EQ(ephemeral.err, static_cast<int32_t>(ErrorCode::kEphemeralOnLocalSession));
  EXPECT_EQ(ephemeral.zxid, 101);
  EXPECT_EQ(next_frame(*client).err, static_cast<int32_t>(ErrorCode::kSessionExpired));
}

}  // namespace
}  // namespace zooid::server::testing
