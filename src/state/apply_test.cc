// What one transaction does: to the tree, and to what shards are told.
#include <gtest/gtest.h>

#include "base/mark.h"
#include "state/database.h"
#include "state/test_txns.h"

namespace zooid::state {
namespace {

using test::close_session;
using test::create;
using test::create_ephemeral;
using test::multi;
using test::set_acl;
using test::set_data;
using test::txn;
using wire::ErrorCode;
using wire::OpCode;

Applied apply(Database& database, const wire::Txn& transaction) {
  Applied applied;
  database.apply(transaction, &applied);
  EXPECT_EQ(database.tree().digest(), test::digest_from_scratch(database.tree()));
  return applied;
}

wire::Stat stat_of(const Database& database, std::string_view path) {
  return database.tree().stat(database.tree().find(path));
}

TEST(Apply, create_gives_path_stat_and_change) {
  Database database;
  const Applied applied = apply(database, create(5, "/a", "data", 1, test::kReadOnly));
  EXPECT_EQ(database.last_zxid(), Zxid{5});
  EXPECT_EQ(applied.err, ErrorCode::kOk);
  ASSERT_EQ(applied.results.size(), 1u);
  EXPECT_EQ(applied.results[0].type, OpCode::kCreate);
  EXPECT_EQ(applied.results[0].path, "/a");
  const wire::Stat expected{.czxid = 5,
                            .mzxid = 5,
                            .ctime = test::kTestTimeBase + 5,
                            .mtime = test::kTestTimeBase + 5,
                            .data_length = 4,
                            .pzxid = 5};
  EXPECT_EQ(applied.results[0].stat, expected);
  ASSERT_EQ(applied.changes.size(), 1u);
  EXPECT_EQ(applied.changes[0].kind, Change::Kind::kCreated);
  EXPECT_EQ(applied.changes[0].path, "/a");
  EXPECT_EQ(applied.changes[0].acl->list(), test::kReadOnly);
  EXPECT_EQ(applied.changes[0].parent_acl->list(), test::kOpen);
  EXPECT_EQ(stat_of(database, "/").pzxid, 5);
  EXPECT_EQ(stat_of(database, "/").cversion, 0);  // 2 * 1 - 2 children
}

TEST(Apply, every_create_type_makes_its_kind_of_node) {
  Database database;
  const auto body = [](std::string path, bool ephemeral, int32_t counter) {
    return wire::CreateTxn{std::move(path), "x", test::kOpen, ephemeral, counter, 600000};
  };
  apply(database, txn(1, OpCode::kCreate2, body("/p", false, 1)));
  apply(database, txn(2, OpCode::kCreate2, body("/e", true, 2), 0x77));
  apply(database, txn(3, OpCode::kCreateContainer, body("/c", false, 3)));
  apply(database, txn(4, OpCode::kCreateTtl, body("/t", false, 4)));
  const Tree& tree = database.tree();
  EXPECT_EQ(tree.stored(tree.find("/p")).ephemeral_owner, 0);
  EXPECT_EQ(tree.ephemerals(SessionId{0x77}), std::vector<std::string>{"/e"});
  EXPECT_EQ(tree.next_container(kNoNode), tree.find("/c"));
  EXPECT_EQ(tree.next_container(tree.find("/c") + 1), kNoNode);
  EXPECT_EQ(tree.next_ttl_node(kNoNode), tree.find("/t"));
  EXPECT_EQ(tree.next_ttl_node(tree.find("/t") + 1), kNoNode);
  EXPECT_EQ(tree.stored(tree.find("/t")).ephemeral_owner, ttl_owner(600000));
}

TEST(Apply, create_with_counter_minus_one_counts_by_itself) {
  Database database;
  apply(database, create(1, "/a", "", -1));
  apply(database, create(2, "/b", "", -1));
  EXPECT_EQ(database.tree().stored(kRoot).cversion, 2);
  EXPECT_EQ(database.tree().stored(kRoot).pzxid, 2);
}

TEST(Apply, every_create_of_an_existing_node_raises_the_parents_counter) {
  const uint64_t marks = mark_count("state.create_of_existing_node");
  for (const OpCode type :
       {OpCode::kCreate, OpCode::kCreate2, OpCode::kCreateContainer, OpCode::kCreateTtl}) {
    Database database;
    apply(database, create(9, "/a", "kept", 1));
    const Applied applied = apply(
        database, txn(12, type, wire::CreateTxn{"/a", "new", test::kReadOnly, false, 4, 1000}));
    EXPECT_EQ(applied.err, ErrorCode::kNodeExists);
    EXPECT_TRUE(applied.changes.empty());
    const Tree& tree = database.tree();
    EXPECT_EQ(tree.stored(kRoot).cversion, 4);
    EXPECT_EQ(tree.stored(kRoot).pzxid, 12);
    EXPECT_EQ(tree.data(tree.find("/a")), "kept");
    EXPECT_EQ(tree.acl(tree.find("/a"))->list(), test::kReadOnly);
    apply(database, txn(13, type, wire::CreateTxn{"/a", "", test::kReadOnly, false, 3, 1000}));
    EXPECT_EQ(tree.stored(kRoot).cversion, 4);
    EXPECT_EQ(tree.stored(kRoot).pzxid, 12);
  }
  EXPECT_EQ(mark_count("state.create_of_existing_node"), marks + 8);
}

TEST(Apply, delete_moves_pzxid_only_forward_also_for_a_missing_node) {
  Database database;
  apply(database, create(5, "/a", "", 1, test::kReadOnly));
  const Applied applied = apply(database, test::remove(6, "/a"));
  EXPECT_EQ(applied.err, ErrorCode::kOk);
  ASSERT_EQ(applied.changes.size(), 1u);
  EXPECT_EQ(applied.changes[0].kind, Change::Kind::kDeleted);
  EXPECT_EQ(applied.changes[0].acl->list(), test::kReadOnly);
  EXPECT_EQ(applied.changes[0].parent_acl->list(), test::kOpen);
  EXPECT_EQ(database.tree().stored(kRoot).pzxid, 6);
  EXPECT_EQ(apply(database, test::remove(7, "/a")).err, ErrorCode::kNoNode);
  EXPECT_EQ(database.tree().stored(kRoot).pzxid, 7);
  EXPECT_EQ(apply(database, test::remove(3, "/a")).err, ErrorCode::kNoNode);
  EXPECT_EQ(database.tree().stored(kRoot).pzxid, 7);
  EXPECT_EQ(database.tree().stored(kRoot).cversion, 1);
}

TEST(Apply, set_data_and_set_acl_store_absolute_versions) {
  Database database;
  apply(database, create(1, "/a", "1", 1));
  const Applied data = apply(database, set_data(2, "/a", std::nullopt, 7));
  ASSERT_EQ(data.changes.size(), 1u);
  EXPECT_EQ(data.changes[0].kind, Change::Kind::kDataChanged);
  EXPECT_EQ(data.changes[0].parent_acl, nullptr);
  EXPECT_EQ(data.results[0].stat, stat_of(database, "/a"));
  EXPECT_EQ(data.results[0].stat.version, 7);
  EXPECT_EQ(data.results[0].stat.mzxid, 2);
  EXPECT_EQ(data.results[0].stat.data_length, 0);
  const Applied acl = apply(database, set_acl(3, "/a", test::kReadOnly, 4));
  EXPECT_TRUE(acl.changes.empty());
  EXPECT_EQ(acl.results[0].stat.aversion, 4);
  EXPECT_EQ(acl.results[0].stat.mzxid, 2);
  EXPECT_EQ(database.tree().acl(database.tree().find("/a"))->list(), test::kReadOnly);
}

TEST(Apply, reconfig_writes_the_configuration_node) {
  Database database;
  const uint64_t digest = database.tree().digest();
  const Applied applied =
      apply(database, txn(8, OpCode::kReconfig, wire::SetDataTxn{"/zookeeper/config", "text", -1}));
  EXPECT_EQ(applied.results[0].type, OpCode::kReconfig);
  EXPECT_EQ(applied.results[0].stat.version, -1);
  EXPECT_EQ(applied.results[0].stat.mzxid, 8);
  EXPECT_EQ(applied.changes[0].path, "/zookeeper/config");
  EXPECT_EQ(database.tree().digest(), digest);
}

TEST(Apply, missing_nodes_and_parents_are_errors_without_effect) {
  Database database;
  const auto before = test::dump(database.tree());
  EXPECT_EQ(apply(database, create(1, "/no/child", "", 1)).err, ErrorCode::kNoNode);
  EXPECT_EQ(apply(database, set_data(2, "/no", "", 1)).err, ErrorCode::kNoNode);
  EXPECT_EQ(apply(database, set_acl(3, "/no", test::kOpen, 1)).err, ErrorCode::kNoNode);
  EXPECT_EQ(apply(database, test::remove(4, "/no/child")).err, ErrorCode::kNoNode);
  EXPECT_EQ(test::dump(database.tree()), before);
  EXPECT_EQ(database.last_zxid(), Zxid{4});
}

TEST(Apply, paths_that_no_node_can_have_are_refused) {
  Database database;
  const auto before = test::dump(database.tree());
  int64_t zxid = 0;
  for (const char* path : {"", "/", "a", "a/b", "/a/", "//"}) {
    EXPECT_EQ(apply(database, create(++zxid, path, "", 5)).err, ErrorCode::kBadArguments) << path;
    EXPECT_EQ(apply(database, test::remove(++zxid, path)).err, ErrorCode::kBadArguments) << path;
  }
  apply(database, close_session(++zxid, 1, {"", "/", "x"}));
  EXPECT_EQ(test::dump(database.tree()), before);
}

TEST(Apply, error_carries_its_code) {
  Database database;
  const Applied applied =
      apply(database, txn(3, OpCode::kError, wire::ErrorTxn{ErrorCode::kNoAuth}));
  EXPECT_EQ(applied.err, ErrorCode::kNoAuth);
  EXPECT_TRUE(applied.changes.empty());
  EXPECT_TRUE(applied.results.empty());
  EXPECT_EQ(database.last_zxid(), Zxid{3});
}

TEST(Apply, sessions_open_and_close) {
  Database database;
  const Applied opened = apply(database, test::open_session(1, 0x77, 4000));
  EXPECT_EQ(opened.session_timeout_ms, 4000);
  EXPECT_TRUE(opened.changes.empty());
  EXPECT_EQ(database.sessions().at(SessionId{0x77}), 4000);
  apply(database, create(2, "/p", "", 1, test::kReadOnly));
  apply(database, create_ephemeral(3, "/p/b", 0x77, 1));
  apply(database, create_ephemeral(4, "/p/a", 0x77, 2));
  apply(database, create_ephemeral(5, "/x", 0x77, 2));
  apply(database, create_ephemeral(6, "/other", 0x78, 3));
  // /x is missing in the record but owned by the session.
  const Applied closed = apply(database, close_session(7, 0x77, {"/p/b", "/p/a", "/gone"}));
  EXPECT_TRUE(database.sessions().empty());
  std::vector<std::string> deleted;
  for (const Change& change : closed.changes) {
    EXPECT_EQ(change.kind, Change::Kind::kDeleted);
    EXPECT_NE(change.acl, nullptr);
    deleted.push_back(change.path);
  }
  EXPECT_EQ(deleted, (std::vector<std::string>{"/p/b", "/p/a", "/x"}));
  EXPECT_EQ(closed.changes[0].parent_acl->list(), test::kReadOnly);
  EXPECT_TRUE(closed.results.empty());
  EXPECT_EQ(stat_of(database, "/p").pzxid, 7);
  EXPECT_EQ(stat_of(database, "/").pzxid, 7);
  EXPECT_NE(database.tree().find("/other"), kNoNode);
}

TEST(Apply, close_without_a_record_deletes_what_the_session_owns) {
  Database database;
  apply(database, create_ephemeral(1, "/e", 0x77, 1));
  const Applied closed =
      apply(database, txn(2, OpCode::kCloseSession, wire::CloseSessionTxn{{}, false}, 0x77));
  EXPECT_EQ(closed.changes.size(), 1u);
  EXPECT_EQ(database.tree().find("/e"), kNoNode);
}

TEST(Apply, multi_captures_each_stat_when_its_operation_is_done) {
  Database database;
  wire::Txn transaction =
      multi(5, {create(5, "/m", "1", 1), create(5, "/m/c", "", 1), set_data(5, "/m", "333", 1),
                txn(5, OpCode::kCheck, wire::CheckTxn{"/m", 1}), test::remove(5, "/m/c")});
  const Applied applied = apply(database, transaction);
  EXPECT_EQ(applied.err, ErrorCode::kOk);
  ASSERT_EQ(applied.results.size(), 5u);
  EXPECT_EQ(applied.results[0].type, OpCode::kCreate);
  EXPECT_EQ(applied.results[0].stat.num_children, 0);
  EXPECT_EQ(applied.results[2].type, OpCode::kSetData);
  EXPECT_EQ(applied.results[2].stat.num_children, 1);
  EXPECT_EQ(applied.results[2].stat.data_length, 3);
  EXPECT_EQ(applied.results[3].type, OpCode::kCheck);
  EXPECT_EQ(applied.results[4].type, OpCode::kDelete);
  ASSERT_EQ(applied.changes.size(), 4u);
  EXPECT_EQ(applied.changes[3].kind, Change::Kind::kDeleted);
  EXPECT_EQ(stat_of(database, "/m").cversion, 2);
}

TEST(Apply, failed_multi_changes_nothing_and_gives_the_stored_codes) {
  Database database;
  const auto before = test::dump(database.tree());
  const Applied applied =
      apply(database,
            multi(5, {create(5, "/m", "1", 1), test::remove(5, "/m"),
                      txn(5, OpCode::kError, wire::ErrorTxn{ErrorCode::kBadVersion}),
                      txn(5, OpCode::kError, wire::ErrorTxn{ErrorCode::kRuntimeInconsistency})}));
  EXPECT_EQ(applied.err, ErrorCode::kOk);
  EXPECT_TRUE(applied.changes.empty());
  std::vector<ErrorCode> codes;
  for (const OpResult& result : applied.results) {
    EXPECT_EQ(result.type, OpCode::kError);
    codes.push_back(result.err);
  }
  EXPECT_EQ(codes, (std::vector<ErrorCode>{ErrorCode::kOk, ErrorCode::kOk, ErrorCode::kBadVersion,
                                           ErrorCode::kRuntimeInconsistency}));
  EXPECT_EQ(test::dump(database.tree()), before);
  EXPECT_EQ(database.last_zxid(), Zxid{5});
}

TEST(Apply, replaying_everything_once_more_changes_nothing) {
  Database database;
  const std::vector<wire::Txn> txns{
      create(1, "/a", "1", 1),       create(2, "/a/b", "2", 1),
      set_data(3, "/a", "333", 1),   set_acl(4, "/a/b", test::kReadOnly, 1),
      test::open_session(5, 9, 100), create_ephemeral(6, "/a/e", 9, 2),
      test::remove(7, "/a/b"),       create(8, "/c", "", 2)};
  for (const wire::Txn& transaction : txns) database.apply(transaction, nullptr);
  const auto once = test::dump(database);
  for (const wire::Txn& transaction : txns) database.apply(transaction, nullptr);
  EXPECT_EQ(test::dump(database), once);
}

TEST(Apply, delete_takes_children_with_it_which_a_later_create_will_bring_again) {
  // A snapshot of ZooKeeper may hold a node and its child that were created after this delete.
  const uint64_t marks = mark_count("state.delete_with_children");
  Database database;
  apply(database, create(1, "/a", "", 1));
  apply(database, create(2, "/a/b", "", 1));
  apply(database, create(3, "/a/b/c", "", 1));
  const Applied applied = apply(database, test::remove(4, "/a"));
  ASSERT_EQ(applied.changes.size(), 3u);
  EXPECT_EQ(applied.changes[0].path, "/a/b/c");
  EXPECT_EQ(applied.changes[2].path, "/a");
  EXPECT_EQ(database.tree().find("/a"), kNoNode);
  EXPECT_EQ(database.tree().node_count(), 5u);
  EXPECT_GT(mark_count("state.delete_with_children"), marks);
}

}  // namespace
}  // namespace zooid::state
