// The order that one client sees (rules 1, 2, 4), watches, sessions.
#include "base/mark.h"
#include "server/shard_fixture.h"

namespace zooid::server::testing {
namespace {

using wire::ErrorCode;
using wire::OpCode;

constexpr int32_t kNoNode = static_cast<int32_t>(ErrorCode::kNoNode);
constexpr int32_t kNoWatcher = static_cast<int32_t>(ErrorCode::kNoWatcher);

class ShardTest : public ShardFixture {
 protected:
  void SetUp() override { start(); }

  struct Event {
    int32_t type;
    int64_t zxid;
    std::string path;
  };
  static Event next_event(TestPipe& pipe) {
    const Frame frame = next_frame(pipe);
    EXPECT_EQ(frame.xid, -1);
    wire::Reader in(frame.body);
    Event event;
    event.type = in.i32();
    EXPECT_EQ(in.i32(), 3);
    event.zxid = frame.zxid;
    event.path = in.buffer();
    return event;
  }
};

TEST_F(ShardTest, a_read_between_writes_sees_the_first_and_not_the_second) {
  auto client = connect_open();
  client->inbound = create(1, "/a", "one") + get(2, "/a") + remove(3, "/a");
  step();
  ASSERT_EQ(replica.pending.size(), 1u) << "the delete lies behind an unexecuted read";
  settle();
  const Frame created = next_frame(*client);
  const Frame read = next_frame(*client);
  const Frame removed = next_frame(*client);
  EXPECT_EQ(created.xid, 1);
  EXPECT_EQ(read.xid, 2);
  EXPECT_EQ(read.err, 0);
  EXPECT_EQ(data_of(read), "one");
  EXPECT_EQ(read.zxid, created.zxid);
  EXPECT_EQ(removed.xid, 3);
  EXPECT_EQ(removed.err, 0);
  EXPECT_FALSE(has_frame(*client));
}

TEST_F(ShardTest, set_get_set_in_one_segment_reads_the_first_value) {
  auto client = connect_open();
  client->inbound = create(1, "/x");
  settle();
  next_frame(*client);
  client->inbound = set_data(2, "/x", "1") + get(3, "/x") + set_data(4, "/x", "2") + get(5, "/x");
  settle();
  EXPECT_EQ(next_frame(*client).xid, 2);
  EXPECT_EQ(data_of(next_frame(*client)), "1");
  EXPECT_EQ(next_frame(*client).xid, 4);
  EXPECT_EQ(data_of(next_frame(*client)), "2");
}

TEST_F(ShardTest, writes_directly_behind_writes_are_forwarded_at_once) {
  auto client = connect_open();
  client->inbound = create(1, "/a") + create(2, "/b") + create(3, "/c") + get(4, "/c");
  step();
  EXPECT_EQ(replica.pending.size(), 3u);
  EXPECT_FALSE(has_frame(*client));
  replica.commit();
  step();
  for (int32_t xid = 1; xid <= 4; ++xid) EXPECT_EQ(next_frame(*client).xid, xid);
}

TEST_F(ShardTest, other_connections_do_not_wait_for_a_write) {
  auto writer = connect_open();
  auto reader = connect_open();
  writer->inbound = create(1, "/a") + get(2, "/a");
  reader->inbound = get(1, "/");
  step();
  EXPECT_FALSE(has_frame(*writer));
  EXPECT_EQ(next_frame(*reader).err, 0);
}

TEST_F(ShardTest, a_write_reply_carries_the_zxid_and_stat_of_its_own_transaction) {
  auto client = connect_open();
  client->inbound = create(1, "/a") + set_data(2, "/a", "1") + set_data(3, "/a", "2");
  step();
  replica.commit();  // one batch: the tree is at the last one when the replies are made
  step();
  const Frame created = next_frame(*client);
  const Frame first = next_frame(*client);
  const Frame second = next_frame(*client);
  EXPECT_EQ(first.zxid, created.zxid + 1);
  EXPECT_EQ(second.zxid, created.zxid + 2);
  wire::Stat stat;
  wire::Reader in(first.body);
  wire::read(in, stat);
  EXPECT_EQ(stat.mzxid, first.zxid);
  EXPECT_EQ(stat.version, 1);
}

TEST_F(ShardTest, a_watch_event_comes_before_the_data_that_fired_it) {
  auto client = connect_open();
  client->inbound = create(1, "/a", "old") + get(2, "/a", true);
  settle();
  client->received.clear();
  replica.commit_foreign(OpCode::kSetData, set_data_body("/a", "new"));
  client->inbound = get(3, "/a");
  step();
  const Event event = next_event(*client);
  EXPECT_EQ(event.type, 3);
  EXPECT_EQ(event.path, "/a");
  EXPECT_EQ(event.zxid, replica.database.last_zxid().value);
  EXPECT_EQ(data_of(next_frame(*client)), "new");
}

TEST_F(ShardTest, events_replies_and_waiting_reads_leave_in_this_order) {
  auto client = connect_open();
  client->inbound = create(1, "/a") + create(2, "/b") + path_watch(3, OpCode::kExists, "/c", true) +
                    get(4, "/a", true);
  settle();
  client->received.clear();
  client->inbound = create(5, "/c") + get(6, "/a");
  step();
  replica.commit();
  replica.commit_foreign(OpCode::kSetData, set_data_body("/a", "new"));
  step();
  EXPECT_EQ(next_event(*client).path, "/c");
  EXPECT_EQ(next_frame(*client).xid, 5);
  EXPECT_EQ(next_event(*client).path, "/a");
  EXPECT_EQ(data_of(next_frame(*client)), "new");
}

TEST_F(ShardTest, a_sync_that_is_slow_keeps_the_replies_behind_it_back) {
  auto client = connect_open();
  std::string path;
  wire::Writer(path).buffer("/");
  replica.holds_syncs = true;
  client->inbound = frame(1, OpCode::kSync, path) + create(2, "/a") + get(3, "/a");
  settle();
  const Frame synced = next_frame(*client);
  EXPECT_EQ(synced.xid, 1);
  EXPECT_EQ(synced.body, path);
  EXPECT_EQ(next_frame(*client).xid, 2);
  EXPECT_EQ(next_frame(*client).xid, 3);
  EXPECT_GT(mark_count("client.reply_kept"), 0u);
}

TEST_F(ShardTest, the_reply_to_a_sync_shows_the_zxid_of_its_place_among_the_commits) {
  auto client = connect_open();
  std::string path;
  wire::Writer(path).buffer("/");
  client->inbound = create(1, "/a") + frame(2, OpCode::kSync, path) + create(3, "/b");
  settle();
  const Frame before = next_frame(*client), synced = next_frame(*client);
  EXPECT_EQ(synced.xid, 2);
  EXPECT_EQ(synced.zxid, before.zxid);
  EXPECT_EQ(next_frame(*client).zxid, before.zxid + 1);
}

TEST_F(ShardTest, a_write_that_cannot_be_read_is_answered_in_its_place_without_a_transaction) {
  auto client = connect_open();
  client->inbound = create(1, "/a") + frame(2, OpCode::kDelete, "xx") + create(3, "/b");
  settle();
  const Frame before = next_frame(*client), refused = next_frame(*client);
  EXPECT_EQ(refused.xid, 2);
  EXPECT_EQ(refused.err, static_cast<int32_t>(ErrorCode::kMarshallingError));
  EXPECT_EQ(refused.zxid, before.zxid);
  EXPECT_EQ(next_frame(*client).zxid, before.zxid + 1);
}

// ZooKeeper does not filter them, either: who asks by path knows the path.
TEST_F(ShardTest, events_of_set_watches_come_to_who_may_not_read) {
  auto client = connect_open();
  wire::CreateRequest secret;
  secret.path = "/secret";
  secret.acl = {{wire::kPermAll, {"digest", "bob:hash"}}};
  std::string create_body;
  wire::Writer create_writer(create_body);
  wire::write_create(create_writer, OpCode::kCreate, secret);
  replica.commit_foreign(OpCode::kCreate, create_body);
  settle();
  wire::SetWatchesRequest request;
  request.exist = {"/secret"};
  std::string body;
  wire::Writer writer(body);
  wire::write_set_watches(writer, OpCode::kSetWatches, request);
  client->inbound = frame(wire::kXidSetWatches, OpCode::kSetWatches, body);
  settle();
  EXPECT_EQ(next_event(*client).path, "/secret");
}

TEST_F(ShardTest, a_write_of_a_lost_connection_answers_nobody) {
  auto client = connect_open();
  const SessionId session = session_of(*client);
  client->inbound = create(1, "/a");
  step();
  network.break_off(*client);
  auto again = network.connect_client();
  again->inbound = connect_frame(10'000, session, wire::session_password(session));
  settle();
  ASSERT_EQ(replica.gone.size(), 1u);
  EXPECT_EQ(replica.gone[0].session, session);
  EXPECT_EQ(again->received.size(), 41u);
}

TEST_F(ShardTest, an_event_is_withheld_from_who_may_not_read_and_uses_the_watch_up) {
  auto client = connect_open();
  client->inbound = path_watch(1, OpCode::kExists, "/secret", true);
  settle();
  EXPECT_EQ(next_frame(*client).err, kNoNode);
  wire::CreateRequest request;
  request.path = "/secret";
  request.data = "x";
  request.acl = {{wire::kPermAll, {"digest", "bob:hash"}}};
  std::string body;
  wire::Writer writer(body);
  wire::write_create(writer, OpCode::kCreate, request);
  replica.commit_foreign(OpCode::kCreate, body);
  settle();
  EXPECT_FALSE(has_frame(*client));
  client->inbound = path_mode(2, OpCode::kCheckWatches, "/secret", 3);
  settle();
  EXPECT_EQ(next_frame(*client).err, kNoWatcher);
}

TEST_F(ShardTest, persistent_and_recursive_watches_fire_again) {
  auto client = connect_open();
  client->inbound = create(1, "/p") + path_mode(2, OpCode::kAddWatch, "/p", 1) +
                    path_mode(3, OpCode::kAddWatch, "/p", 2);
  settle();
  EXPECT_EQ(next_frame(*client).xid, 1);
  const Frame added = next_frame(*client);
  EXPECT_EQ(added.err, 0);
  EXPECT_EQ(added.body, std::string(4, '\0'));
  EXPECT_EQ(next_frame(*client).err, static_cast<int32_t>(ErrorCode::kMarshallingError));
  for (const char* path : {"/p/a", "/p/b"}) {
    replica.commit_foreign(OpCode::kCreate, create_body(path, "x"));
    settle();
    const Event event = next_event(*client);
    EXPECT_EQ(event.type, 1);
    EXPECT_EQ(event.path, path);
    EXPECT_FALSE(has_frame(*client));
  }
  client->inbound =
      path_mode(4, OpCode::kRemoveWatches, "/p", 5) + path_mode(5, OpCode::kRemoveWatches, "/p", 5);
  settle();
  EXPECT_EQ(next_frame(*client).err, 0);
  EXPECT_EQ(next_frame(*client).err, kNoWatcher);
}

TEST_F(ShardTest, set_watches_sends_missed_events_before_its_reply_and_arms_the_rest) {
  auto client = connect_open();
  client->inbound = create(1, "/changed") + create(2, "/same");
  settle();
  next_frame(*client);
  const int64_t seen = next_frame(*client).zxid;
  replica.commit_foreign(OpCode::kSetData, set_data_body("/changed", "new"));
  wire::SetWatchesRequest request;
  request.relative_zxid = seen;
  request.data = {"/changed", "/same", "/gone"};
  request.exist = {"/same", "/missing"};
  request.child = {"/same", "/gone2"};
  std::string body;
  wire::Writer writer(body);
  wire::write_set_watches(writer, OpCode::kSetWatches, request);
  client->inbound = frame(wire::kXidSetWatches, OpCode::kSetWatches, body);
  settle();
  const std::pair<int32_t, std::string> expected[] = {
      {3, "/changed"}, {2, "/gone"}, {1, "/same"}, {2, "/gone2"}};
  for (const auto& [type, path] : expected) {
    const Event event = next_event(*client);
    EXPECT_EQ(event.type, type);
    EXPECT_EQ(event.path, path);
    EXPECT_EQ(event.zxid, -1);
  }
  const Frame reply = next_frame(*client);
  EXPECT_EQ(reply.xid, -8);
  EXPECT_EQ(reply.zxid, replica.database.last_zxid().value);
  for (const char* path : {"/missing", "/same"}) {
    client->inbound = path_mode(9, OpCode::kCheckWatches, path, 2);
    settle();
    EXPECT_EQ(next_frame(*client).err, 0) << path;
  }
}

TEST_F(ShardTest, close_session_answers_then_closes_and_its_ephemerals_are_gone) {
  auto client = connect_open();
  auto other = connect_open();
  client->inbound = create(1, "/e", "x", wire::kFlagEphemeral);
  settle();
  other->inbound = path_watch(1, OpCode::kExists, "/e", true);
  settle();
  client->received.clear();
  other->received.clear();
  client->inbound = frame(2, OpCode::kCloseSession);
  settle();
  EXPECT_EQ(next_frame(*client).xid, 2);
  EXPECT_TRUE(client->closed_by_server);
  EXPECT_EQ(next_event(*other).path, "/e");
}

TEST_F(ShardTest, auth_is_answered_at_once_and_its_failure_closes) {
  auto client = connect_open();
  std::string body;
  wire::Writer writer(body);
  wire::write_auth(writer, {0, "digest", "alice:pw"});
  client->inbound = create(1, "/a") + frame(wire::kXidAuth, OpCode::kAuth, body);
  step();
  const Frame authenticated = next_frame(*client);
  EXPECT_EQ(authenticated.xid, -4);
  EXPECT_EQ(authenticated.zxid, 0);
  EXPECT_EQ(authenticated.err, 0);
  settle();
  next_frame(*client);
  client->inbound = frame(2, OpCode::kWhoAmI);
  settle();
  const Frame who = next_frame(*client);
  EXPECT_NE(who.body.find("alice"), std::string::npos);
  EXPECT_NE(who.body.find("127.0.0.1"), std::string::npos);

  std::string bad;
  wire::Writer bad_writer(bad);
  wire::write_auth(bad_writer, {0, "nosuch", "x"});
  client->inbound = frame(wire::kXidAuth, OpCode::kAuth, bad) + frame(3, OpCode::kPing);
  settle();
  const Frame failed = next_frame(*client);
  EXPECT_EQ(failed.err, static_cast<int32_t>(ErrorCode::kAuthFailed));
  EXPECT_EQ(failed.zxid, 0);
  EXPECT_FALSE(has_frame(*client));
  EXPECT_TRUE(client->closed_by_server);
}

TEST_F(ShardTest, a_request_has_the_identities_of_its_arrival) {
  auto client = connect_open();
  std::string body;
  wire::Writer writer(body);
  wire::write_auth(writer, {0, "digest", "alice:pw"});
  client->inbound = create(1, "/a") + frame(2, OpCode::kWhoAmI) + create(3, "/b") +
                    frame(wire::kXidAuth, OpCode::kAuth, body) + frame(4, OpCode::kWhoAmI);
  step();
  replica.commit();
  step();
  ASSERT_EQ(replica.pending.size(), 1u);
  EXPECT_EQ(std::get<ClientWrite>(replica.pending.front()).ids->size(), 1u);
  settle();
  EXPECT_EQ(next_frame(*client).xid, -4);
  EXPECT_EQ(next_frame(*client).xid, 1);
  EXPECT_EQ(next_frame(*client).body.find("alice"), std::string::npos);
  EXPECT_EQ(next_frame(*client).xid, 3);
  EXPECT_NE(next_frame(*client).body.find("alice"), std::string::npos);
}

TEST_F(ShardTest, a_connection_that_the_replica_closes_sends_what_it_was_owed) {
  auto client = connect_open();
  auto bystander = connect_open();
  client->inbound = create(1, "/a") + get(2, "/a");
  step();
  const ConnectionId id = std::get<ClientWrite>(replica.pending.front()).origin.connection;
  replica.commit();
  shard->inbox().push(CloseConnection{id, "session moved to another connection"});
  shard->inbox().push(CloseConnection{id, "again"});
  step();
  EXPECT_TRUE(client->closed_by_server);
  EXPECT_EQ(next_frame(*client).xid, 1);
  EXPECT_FALSE(has_frame(*client));
  EXPECT_FALSE(bystander->closed_by_server);
}

TEST_F(ShardTest, not_serving_closes_every_client_and_serving_again_takes_new_ones) {
  auto client = connect_open();
  client->inbound = create(1, "/a") + get(2, "/a", true);
  settle();
  shard->inbox().push(NotServing{"no quorum"});
  settle();
  EXPECT_TRUE(client->closed_by_server);
  auto refused = network.connect_client();
  refused->inbound = connect_frame(10'000);
  settle();
  EXPECT_TRUE(refused->closed_by_server);
  EXPECT_TRUE(refused->received.empty());
  replica.serve(shard->inbox(), "leader");
  settle();
  auto again = connect_open();
  again->inbound = get(1, "/a");
  settle();
  EXPECT_EQ(next_frame(*again).err, 0);
}

TEST_F(ShardTest, a_moved_session_is_closed_without_a_reply) {
  auto client = connect_open();
  client->inbound = create(1, "/a");
  step();
  auto applied = std::make_shared<state::Applied>();
  applied->err = ErrorCode::kSessionMoved;
  const auto& write = std::get<ClientWrite>(replica.pending.front());
  shard->inbox().push(AppliedTxn{applied, {Reply{write.origin.connection, 1, OpCode::kCreate}}});
  step();
  EXPECT_TRUE(client->closed_by_server);
  EXPECT_FALSE(has_frame(*client));
}

}  // namespace
}  // namespace zooid::server::testing
