#include "state/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "state/test_txns.h"

namespace zooid::state {
namespace {

using test::create;
using test::create_ephemeral;
using test::set_data;

wire::SnapshotNode node(std::string_view path, int64_t acl_key = -1) {
  return wire::SnapshotNode{path, "", acl_key, {}};
}

TEST(Database, fresh_one_is_as_zookeepers) {
  const Database database;
  const Tree& tree = database.tree();
  EXPECT_EQ(tree.digest(), 0x51c6d660u);
  EXPECT_EQ(tree.node_count(), 5u);
  EXPECT_EQ(tree.data_size(), 44u);
  EXPECT_EQ(tree.stat(kRoot).cversion, -1);
  EXPECT_EQ(tree.stat(tree.find("/zookeeper")).cversion, -2);
  const NodeId config = tree.find("/zookeeper/config");
  EXPECT_EQ(tree.stored(config).aversion, -1);
  EXPECT_EQ(tree.acl(config)->list(), test::kReadOnly);
  EXPECT_EQ(tree.acl_key(config), 1);
  EXPECT_NE(tree.find("/zookeeper/quota"), kNoNode);
}

TEST(Database, snapshot_of_a_fresh_one_has_the_known_bytes) {
  Database database;
  const std::string body = test::snapshot_of(database);
  // storage-formats 4.5: 457 bytes less header (16), seal (13), digest section (20) and seal (13).
  EXPECT_EQ(body.size(), 457u - 16 - 13 - 20 - 13);
  EXPECT_EQ(body.substr(body.size() - 5), std::string_view("\0\0\0\1/", 5));
  Database loaded;
  ASSERT_TRUE(test::load_body(loaded, body).has_value());
  loaded.finish_load(Zxid{0});
  EXPECT_EQ(test::dump(loaded), test::dump(database));
}

TEST(Database, loading_refuses_what_cannot_be) {
  const auto error_of = [](const std::vector<wire::SnapshotRecord>& records) {
    Database database;
    for (const wire::SnapshotRecord& record : records) {
      if (const auto result = database.load(record); !result) return result.error().message;
    }
    return std::string("none");
  };
  const wire::SnapshotAcl acl{4, test::kOpen};
  EXPECT_EQ(error_of({acl, node(""), node("/a", 4), node("/a/b")}), "none");
  EXPECT_THAT(error_of({node("/a")}), testing::HasSubstr("before its parent"));
  EXPECT_THAT(error_of({node(""), node("/a/b")}), testing::HasSubstr("before its parent"));
  EXPECT_THAT(error_of({node(""), node("/a"), node("/a")}), testing::HasSubstr("twice"));
  EXPECT_THAT(error_of({node(""), node("")}), testing::HasSubstr("twice"));
  EXPECT_THAT(error_of({acl, node(""), node("/a", 3)}), testing::HasSubstr("ACL key 3"));
  EXPECT_THAT(error_of({acl, node(""), node("/a", -3)}), testing::HasSubstr("ACL key -3"));
  EXPECT_THAT(error_of({acl, node(""), node("/a", INT64_MAX)}), testing::HasSubstr("ACL key"));
  EXPECT_THAT(error_of({acl, acl}), testing::HasSubstr("ACL key 4"));
  EXPECT_THAT(error_of({wire::SnapshotAcl{-1, {}}}), testing::HasSubstr("ACL key -1"));
  EXPECT_THAT(error_of({wire::SnapshotAcl{INT64_MAX, {}}}), testing::HasSubstr("ACL key"));
  for (const char* path : {"a", "/a/", "//", "/"}) {
    EXPECT_THAT(error_of({node(""), node(path)}), testing::HasSubstr("is no path")) << path;
  }
}

// ZooKeeper writes its ACL map first and goes on meanwhile: nodes may have a key that was given
// later (rule 38).
TEST(Database, acl_keys_beyond_the_map_allow_nothing_until_replay_explains_them) {
  Database database;
  const std::vector<wire::SnapshotRecord> records{wire::SnapshotAcl{1, test::kOpen}, node(""),
                                                  node("/changed", 2), node("/created", 3),
                                                  node("/deleted", 3)};
  for (const wire::SnapshotRecord& record : records) ASSERT_TRUE(database.load(record).has_value());
  database.finish_load(Zxid{5});
  const auto perms = [&](std::string_view path) {
    const wire::AclList& list = database.tree().acl(database.tree().find(path))->list();
    return list.size() == 1 ? list.front().perms : -1;
  };
  EXPECT_EQ(perms("/changed"), 0);
  EXPECT_EQ(perms("/created"), 0);
  EXPECT_EQ(database.unexplained_acl(), "/changed");
  EXPECT_FALSE(database.is_whole());
  // A list that is new in replay is not taken for one of those.
  const wire::AclList denies_all{wire::Acl{0, wire::Id{"world", "anyone"}}};
  database.apply(create(6, "/other", "", 1, denies_all), nullptr);
  EXPECT_GT(database.tree().acl_key(database.tree().find("/other")), 3);
  database.apply(test::set_acl(7, "/changed", test::kReadOnly, 1), nullptr);
  EXPECT_EQ(perms("/changed"), wire::kPermRead);
  database.apply(create(8, "/created", "", 2, test::kOpen), nullptr);
  EXPECT_EQ(perms("/created"), wire::kPermAll);
  EXPECT_EQ(database.unexplained_acl(), "/deleted");
  // What is still unexplained is written as it was read.
  EXPECT_THAT(test::snapshot_of(database), testing::HasSubstr("/deleted"));
  database.apply(test::remove(9, "/deleted"), nullptr);
  EXPECT_EQ(database.unexplained_acl(), "");
  EXPECT_TRUE(database.is_whole());
}

TEST(Database, a_cut_or_changed_snapshot_never_stops_the_process) {
  Database original;
  original.apply(test::open_session(1, 7, 1000), nullptr);
  original.apply(create(2, "/a", "data", 1, test::kReadOnly), nullptr);
  original.apply(create_ephemeral(3, "/a/e", 7, 1), nullptr);
  const std::string body = test::snapshot_of(original);
  for (size_t at = 0; at < body.size(); ++at) {
    Database database;
    EXPECT_FALSE(test::load_body(database, body.substr(0, at)).has_value());
    for (const char change : {'\x00', '\x01', '\x7f', '\xff', '/'}) {
      std::string changed = body;
      changed[at] = change;
      Database other;
      if (!test::load_body(other, changed)) continue;
      other.finish_load(Zxid{3});
      other.apply(test::close_session(4, 7, {"/a/e"}), nullptr);
      other.apply(test::remove(5, "/a"), nullptr);
      EXPECT_EQ(other.tree().digest(), test::digest_from_scratch(other.tree()));
    }
  }
}

TEST(Database, loading_replaces_what_was_there) {
  Database original;
  original.apply(create(2, "/a", "data", 1), nullptr);
  const std::string body = test::snapshot_of(original);
  Database database;
  database.apply(test::open_session(1, 7, 1000), nullptr);
  database.apply(create(2, "/b", "data", 1), nullptr);
  ASSERT_TRUE(test::load_body(database, body).has_value());
  database.finish_load(Zxid{2});
  EXPECT_EQ(test::dump(database), test::dump(original));
}

TEST(Database, configuration_text_is_not_a_transaction) {
  Database database;
  database.set_last_zxid(Zxid{0x100000000});
  database.set_config("server.1=…", 0x100000000, 1234);
  const Tree& tree = database.tree();
  const NodeId config = tree.find("/zookeeper/config");
  EXPECT_EQ(tree.data(config), "server.1=…");
  EXPECT_EQ(tree.stored(config).mzxid, 0x100000000);
  EXPECT_EQ(tree.stored(config).mtime, 1234);
  EXPECT_EQ(tree.stored(config).version, -1);
  EXPECT_EQ(tree.digest(), 0x51c6d660u);
  EXPECT_EQ(database.last_zxid(), Zxid{0x100000000});
}

TEST(Database, ephemerals_without_session_are_dropped_at_start) {
  Database database;
  database.apply(test::open_session(1, 7, 1000), nullptr);
  database.apply(create_ephemeral(2, "/kept", 7, 1), nullptr);
  database.apply(create_ephemeral(3, "/b", 8, 2), nullptr);
  database.apply(create_ephemeral(4, "/a", 8, 3), nullptr);
  database.apply(create_ephemeral(5, "/c", -2, 4), nullptr);
  EXPECT_EQ(database.drop_orphaned_ephemerals(), (std::vector<std::string>{"/c", "/a", "/b"}));
  EXPECT_EQ(database.tree().ephemeral_count(), 1u);
  EXPECT_EQ(database.tree().stored(kRoot).pzxid, 5);
  EXPECT_TRUE(database.drop_orphaned_ephemerals().empty());
}

TEST(Database, wrong_digest_of_a_transaction_is_reported_once_with_its_paths) {
  Database database;
  wire::Txn right = create(1, "/a", "", 1);
  database.apply(right, nullptr);
  right = create(2, "/b", "", 2);
  right.digest = wire::TxnDigest{2, 77};
  database.apply(right, nullptr);
  const auto mismatches = database.take_digest_mismatches();
  ASSERT_EQ(mismatches.size(), 1u);
  EXPECT_EQ(mismatches[0].zxid, Zxid{2});
  EXPECT_EQ(mismatches[0].expected, 77);
  EXPECT_EQ(mismatches[0].actual, static_cast<int64_t>(database.tree().digest()));
  EXPECT_EQ(mismatches[0].paths, "/b");
  EXPECT_TRUE(database.take_digest_mismatches().empty());
  right.digest = wire::TxnDigest{1, 77};  // another version: not comparable
  database.apply(right, nullptr);
  EXPECT_TRUE(database.take_digest_mismatches().empty());
}

TEST(Database, digests_are_not_compared_when_they_are_off) {
  Database database(DatabaseOptions{.digest_enabled = false});
  wire::Txn transaction = create(1, "/a", "", 1);
  transaction.digest = wire::TxnDigest{2, 77};
  database.apply(transaction, nullptr);
  database.set_snapshot_digest(Zxid{1}, 99);
  EXPECT_TRUE(database.take_digest_mismatches().empty());
  EXPECT_EQ(database.tree().digest(), 0u);
}

// Loads a snapshot named 2 and applies 3, 4, 5 with trailers of which all are wrong. The paths of
// what is reported: /c, /d, /e.
std::vector<std::pair<int64_t, std::string>> mismatches_after(int64_t section_zxid,
                                                              bool section_is_right) {
  Database original;
  original.apply(create(1, "/a", "", 1), nullptr);
  original.apply(create(2, "/b", "", 2), nullptr);
  const std::string body = test::snapshot_of(original);
  const std::vector<wire::Txn> txns{create(3, "/c", "", 3), create(4, "/d", "", 4),
                                    create(5, "/e", "", 5)};
  std::map<int64_t, int64_t> digests{{2, static_cast<int64_t>(original.tree().digest())}};
  for (const wire::Txn& transaction : txns) {
    original.apply(transaction, nullptr);
    digests[transaction.header.zxid.value] = static_cast<int64_t>(original.tree().digest());
  }
  Database database;
  EXPECT_TRUE(test::load_body(database, body).has_value());
  database.finish_load(Zxid{2});
  database.set_snapshot_digest(Zxid{section_zxid}, section_is_right ? digests[section_zxid] : 123);
  for (wire::Txn transaction : txns) {
    transaction.digest = wire::TxnDigest{2, 77};
    database.apply(transaction, nullptr);
  }
  std::vector<std::pair<int64_t, std::string>> found;
  for (const auto& mismatch : database.take_digest_mismatches()) {
    found.emplace_back(mismatch.zxid.value, mismatch.paths);
  }
  return found;
}

TEST(Database, digests_are_compared_only_behind_the_fuzzy_range) {
  using Found = std::vector<std::pair<int64_t, std::string>>;
  EXPECT_EQ(mismatches_after(4, true), (Found{{5, "/e"}}));
  EXPECT_EQ(mismatches_after(4, false), (Found{{4, "/d"}, {5, "/e"}}));
  EXPECT_EQ(mismatches_after(2, true), (Found{{3, "/c"}, {4, "/d"}, {5, "/e"}}));
  EXPECT_EQ(mismatches_after(2, false), (Found{{2, ""}, {3, "/c"}, {4, "/d"}, {5, "/e"}}));
  EXPECT_EQ(mismatches_after(1, false), (Found{{3, "/c"}, {4, "/d"}, {5, "/e"}}));  // ignored
  EXPECT_EQ(mismatches_after(0, false), (Found{{3, "/c"}, {4, "/d"}, {5, "/e"}}));  // ignored
}

std::string quota_stats(const Database& database, const std::string& path) {
  const NodeId stats = database.tree().find("/zookeeper/quota" + path + "/zookeeper_stats");
  return std::string(database.tree().data(stats).value_or("null"));
}

TEST(Database, quota_statistics_follow_the_subtree) {
  Database database;
  int64_t zxid = 0;
  const auto add = [&](const std::string& path, const std::string& data) {
    database.apply(create(++zxid, path, data, 100), nullptr);
  };
  add("/a", "12345");
  add("/a/b", "1");
  add("/zookeeper/quota/a", "");
  add("/zookeeper/quota/a/zookeeper_limits", "count=5,bytes=-1");
  add("/zookeeper/quota/a/zookeeper_stats", "count=0,bytes=0");
  EXPECT_EQ(quota_stats(database, "/a"), "count=2,bytes=6");
  const NodeId stats = database.tree().find("/zookeeper/quota/a/zookeeper_stats");
  const wire::StatPersisted stat = database.tree().stored(stats);
  add("/a/b/c", "1234");
  EXPECT_EQ(quota_stats(database, "/a"), "count=3,bytes=10");
  database.apply(set_data(++zxid, "/a/b/c", "1", 1), nullptr);
  EXPECT_EQ(quota_stats(database, "/a"), "count=3,bytes=7");
  database.apply(set_data(++zxid, "/a/b/c", std::nullopt, 2), nullptr);
  EXPECT_EQ(quota_stats(database, "/a"), "count=3,bytes=6");
  database.apply(test::remove(++zxid, "/a/b/c"), nullptr);
  EXPECT_EQ(quota_stats(database, "/a"), "count=2,bytes=6");
  add("/ab", "not below /a");
  EXPECT_EQ(quota_stats(database, "/a"), "count=2,bytes=6");
  EXPECT_EQ(database.tree().stored(stats), stat);

  // The nearest prefix only.
  add("/zookeeper/quota/a/b", "");
  add("/zookeeper/quota/a/b/zookeeper_limits", "count=5,bytes=-1");
  add("/zookeeper/quota/a/b/zookeeper_stats", "");
  EXPECT_EQ(quota_stats(database, "/a/b"), "count=1,bytes=1");
  add("/a/b/d", "22");
  EXPECT_EQ(quota_stats(database, "/a/b"), "count=2,bytes=3");
  EXPECT_EQ(quota_stats(database, "/a"), "count=2,bytes=6");

  // Loading counts anew; without limits nothing is kept any more.
  const std::string body = test::snapshot_of(database);
  Database loaded;
  ASSERT_TRUE(test::load_body(loaded, body).has_value());
  loaded.finish_load(Zxid{zxid});
  EXPECT_EQ(quota_stats(loaded, "/a"), "count=3,bytes=8");
  EXPECT_EQ(quota_stats(loaded, "/a/b"), "count=2,bytes=3");
  database.apply(test::remove(++zxid, "/zookeeper/quota/a/b/zookeeper_limits"), nullptr);
  database.apply(test::remove(++zxid, "/a/b/d"), nullptr);
  EXPECT_EQ(quota_stats(database, "/a/b"), "count=2,bytes=3");
  EXPECT_EQ(quota_stats(database, "/a"), "count=1,bytes=4");
}

TEST(Database, nonsense_in_quota_nodes_does_no_harm) {
  Database database;
  int64_t zxid = 0;
  const auto add = [&](const std::string& path, const std::string& data) {
    database.apply(create(++zxid, path, data, 100), nullptr);
  };
  add("/zookeeper/quota/zookeeper_limits", "count=1");  // of the root: not honoured
  add("/zookeeper/quota/zookeeper_stats", "count=1");
  add("/zookeeper/quota/a", "");
  add("/zookeeper/quota/a/zookeeper_limits", "");
  add("/a", "x");  // no statistics node
  add("/zookeeper/quota/a/zookeeper_stats", "");
  database.apply(set_data(++zxid, "/zookeeper/quota/a/zookeeper_stats",
                          "count=9223372036854775807,bytes=zwölf;x", 1),
                 nullptr);
  add("/a/b", "x");
  EXPECT_EQ(quota_stats(database, "/a"), "count=-9223372036854775808,bytes=0");
  EXPECT_EQ(database.tree().digest(), test::digest_from_scratch(database.tree()));
}

}  // namespace
}  // namespace zooid::state
