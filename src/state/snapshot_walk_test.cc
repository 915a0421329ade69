// Snapshots that are written while transactions go on: loading one and replaying the transactions
// behind its zxid must give the same state, whatever happened meanwhile.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>

#include "base/mark.h"
#include "base/random.h"
#include "state/database.h"
#include "state/paths.h"
#include "state/test_txns.h"

namespace zooid::state {
namespace {

using test::create;

// Applies transactions and keeps them, as the log does.
struct Writer {
  Database database;
  std::vector<wire::Txn> log;
  int64_t next_zxid = 1;

  void apply(wire::Txn txn) {
    database.apply(txn, nullptr);
    txn.digest = wire::TxnDigest{2, static_cast<int64_t>(database.tree().digest())};
    log.push_back(std::move(txn));
    next_zxid = log.back().header.zxid.value + 1;
  }
};

// One record of a node for every path, each behind its parent.
void expect_well_formed(std::string_view body) {
  wire::SnapshotDecoder decoder;
  decoder.feed(body);
  std::set<std::string> paths;
  std::set<int64_t> keys{-1};
  while (true) {
    const auto record = decoder.next();
    ASSERT_TRUE(record.has_value());
    ASSERT_FALSE(std::holds_alternative<wire::SnapshotNeedsMore>(*record));
    if (std::holds_alternative<wire::SnapshotEnd>(*record)) break;
    if (const auto* acl = std::get_if<wire::SnapshotAcl>(&*record)) keys.insert(acl->key);
    const auto* node = std::get_if<wire::SnapshotNode>(&*record);
    if (node == nullptr) continue;
    EXPECT_TRUE(keys.contains(node->acl_key)) << node->path;
    EXPECT_TRUE(paths.insert(std::string(node->path)).second) << node->path;
    if (node->path.empty()) continue;
    const std::string_view parent = parent_path(node->path);
    EXPECT_TRUE(paths.contains(parent == "/" ? "" : std::string(parent))) << node->path;
  }
}

// Loads `body` and replays what lies behind `zxid`.
std::unique_ptr<Database> restore(const Writer& writer, std::string_view body, Zxid zxid,
                                  Zxid end_zxid, int64_t end_digest) {
  auto restored = std::make_unique<Database>();
  const auto result = test::load_body(*restored, body);
  EXPECT_TRUE(result.has_value()) << result.error().message;
  restored->finish_load(zxid);
  restored->set_snapshot_digest(end_zxid, end_digest);
  for (const wire::Txn& txn : writer.log) {
    if (txn.header.zxid > zxid) restored->apply(txn, nullptr);
  }
  for (const DigestMismatch& mismatch : restored->take_digest_mismatches()) {
    ADD_FAILURE() << "digest mismatch at " << mismatch.zxid.value;
  }
  return restored;
}

// Writes a snapshot in slices of one node; `between` runs after each slice.
std::string walk_with(Writer& writer, const std::function<void(size_t slice)>& between) {
  SnapshotWalk walk(writer.database);
  std::string body;
  for (size_t slice = 0; !walk.step(body, 1); ++slice) between(slice);
  const Zxid end_zxid = writer.database.last_zxid();
  const auto end_digest = static_cast<int64_t>(writer.database.tree().digest());
  expect_well_formed(body);
  const auto restored = restore(writer, body, walk.zxid(), end_zxid, end_digest);
  EXPECT_EQ(test::dump(*restored), test::dump(writer.database));
  return body;
}

// Slices of walk_with: 0 wrote the root, 1 /zookeeper, 2 its config, 3 its quota, 4 the first node.
constexpr size_t kFirstNodeWritten = 4;

TEST(SnapshotWalk, deleting_the_node_on_which_it_stands_moves_it) {
  const uint64_t marks = mark_count("state.walk_moved_by_delete");
  Writer writer;
  writer.apply(create(1, "/a", "", 1));
  writer.apply(create(2, "/b", "", 2));
  writer.apply(create(3, "/b/c", "", 1));
  writer.apply(create(4, "/d", "", 3));
  walk_with(writer, [&](size_t slice) {
    if (slice != kFirstNodeWritten) return;
    writer.apply(test::remove(5, "/b/c"));
    writer.apply(test::remove(6, "/b"));
    writer.apply(test::remove(7, "/d"));
  });
  EXPECT_GT(mark_count("state.walk_moved_by_delete"), marks);
}

TEST(SnapshotWalk, deleting_the_last_child_moves_it_to_the_next_of_the_parents) {
  Writer writer;
  writer.apply(create(1, "/a", "", 1));
  writer.apply(create(2, "/a/b", "", 1));
  writer.apply(create(3, "/a/b/c", "", 1));
  writer.apply(create(4, "/z", "", 2));
  walk_with(writer, [&](size_t slice) {
    if (slice == kFirstNodeWritten + 1) writer.apply(test::remove(5, "/a/b/c"));
  });
}

TEST(SnapshotWalk, node_deleted_behind_it_and_created_before_it_is_written_once) {
  const uint64_t marks = mark_count("state.walk_leaves_new_node_to_replay");
  Writer writer;
  writer.apply(create(1, "/a", "old", 1));
  writer.apply(create(2, "/b", "", 2));
  walk_with(writer, [&](size_t slice) {
    if (slice != kFirstNodeWritten) return;
    writer.apply(test::remove(3, "/a"));
    writer.apply(create(4, "/a", "new", 3));
    writer.apply(create(5, "/a/child", "new", 1));
  });
  EXPECT_GT(mark_count("state.walk_leaves_new_node_to_replay"), marks);
}

TEST(SnapshotWalk, ends_although_every_slice_creates_more_than_it_writes) {
  Writer writer;
  writer.apply(create(1, "/a", "", 1));
  size_t slices = 0;
  walk_with(writer, [&](size_t) {
    ++slices;
    for (int i = 0; i < 3 && slices < 1000; ++i) {
      const int64_t zxid = writer.next_zxid;
      writer.apply(create(zxid, "/n" + std::to_string(zxid), "", static_cast<int32_t>(zxid)));
    }
  });
  EXPECT_LT(slices, 1000u);
}

TEST(SnapshotWalk, acl_that_is_not_in_the_written_map_is_replaced_by_the_former_one) {
  const uint64_t marks = mark_count("state.walk_writes_former_acl");
  Writer writer;
  const wire::AclList fresh{{wire::kPermAll, {"digest", "alice:x"}}};
  const wire::AclList fresher{{wire::kPermAll, {"digest", "bob:x"}}};
  writer.apply(create(1, "/a", "", 1));
  writer.apply(create(2, "/b", "", 2, test::kReadOnly));
  writer.apply(create(3, "/c", "", 3, test::kReadOnly));
  std::string body = walk_with(writer, [&](size_t slice) {
    if (slice != kFirstNodeWritten) return;
    writer.apply(test::set_acl(4, "/b", fresh, 1));
    writer.apply(test::set_acl(5, "/b", fresher, 2));
    writer.apply(test::set_acl(6, "/c", fresh, 1));
    writer.apply(test::set_acl(7, "/c", test::kOpen, 2));  // in the map again
    writer.apply(create(8, "/d", "", 4, fresh));
  });
  EXPECT_GT(mark_count("state.walk_writes_former_acl"), marks);
  // Without the replay /b is as closed as it was before, not open to everybody.
  Database loaded;
  ASSERT_TRUE(test::load_body(loaded, body).has_value());
  EXPECT_EQ(loaded.tree().acl(loaded.tree().find("/b"))->list(), test::kReadOnly);
}

TEST(SnapshotWalk, list_that_lost_its_last_user_gets_a_key_outside_the_written_map) {
  Writer writer;
  const wire::AclList alice{{wire::kPermAll, {"digest", "alice:x"}}};
  writer.apply(create(1, "/a", "", 1, alice));
  writer.apply(create(2, "/b", "", 2));
  walk_with(writer, [&](size_t slice) {
    if (slice != 0) return;
    writer.apply(test::remove(3, "/a"));
    writer.apply(test::set_acl(4, "/b", alice, 1));
  });
}

TEST(SnapshotWalk, slices_keep_their_bounds) {
  Writer writer;
  int64_t zxid = 0;
  for (int i = 1; i <= 100; ++i) {
    writer.apply(test::open_session(++zxid, i, 1000));
    writer.apply(create(++zxid, "/n" + std::to_string(i), std::string(100, 'x'), i));
  }
  SnapshotWalk by_bytes(writer.database);
  std::string body;
  size_t slices = 1;
  for (size_t before = 0; !by_bytes.step(body, 256, 500); before = body.size()) {
    EXPECT_LE(body.size() - before, 500u + 200u);
    ++slices;
  }
  EXPECT_GT(slices, 20u);
  EXPECT_TRUE(by_bytes.step(body));  // again: nothing more
  EXPECT_EQ(body, test::snapshot_of(writer.database));
  expect_well_formed(body);
}

TEST(SnapshotWalk, two_walks_at_once_stand_alone) {
  Writer writer;
  for (int i = 1; i <= 20; ++i) writer.apply(create(i, "/n" + std::to_string(i), "", i));
  SnapshotWalk first(writer.database);
  std::string first_body;
  for (int i = 0; i < 10; ++i) first.step(first_body, 1);
  writer.apply(test::remove(21, "/n7"));
  writer.apply(create(22, "/n7", "again", 21));
  walk_with(writer, [&](size_t slice) {
    if (slice == 12) writer.apply(test::remove(23, "/n12"));
  });
  while (!first.step(first_body)) {
  }
  const auto restored = restore(writer, first_body, first.zxid(), writer.database.last_zxid(),
                                static_cast<int64_t>(writer.database.tree().digest()));
  EXPECT_EQ(test::dump(*restored), test::dump(writer.database));
}

// Random transactions that the leader would make: they fit the state.
class RandomWriter {
 public:
  RandomWriter(Writer& writer, Random& random) : writer_(writer), random_(random) {}

  void apply_one() {
    const int64_t zxid = writer_.next_zxid;
    if (random_.one_in(6)) {
      std::vector<wire::Txn> parts;
      // The parts of a multi must fit one another: only on different nodes.
      std::set<std::string> used;
      for (uint64_t i = random_.below(4) + 1; i > 0; --i) {
        wire::Txn part = any_change(zxid);
        const std::string path = path_of(part);
        if (path.empty() || touches(used, path)) continue;
        used.insert(path);
        parts.push_back(std::move(part));
      }
      writer_.apply(test::multi(zxid, parts));
      return;
    }
    if (random_.one_in(12)) {
      const auto session = static_cast<int64_t>(random_.below(4) + 1);
      if (writer_.database.sessions().contains(SessionId{session})) {
        writer_.apply(test::close_session(zxid, session,
                                          writer_.database.tree().ephemerals(SessionId{session})));
      } else {
        writer_.apply(test::open_session(zxid, session, 1000 + static_cast<int32_t>(zxid)));
      }
      return;
    }
    writer_.apply(any_change(zxid));
  }

 private:
  static std::string path_of(const wire::Txn& txn) {
    if (const auto* body = std::get_if<wire::CreateTxn>(&txn.body)) return body->path;
    if (const auto* body = std::get_if<wire::DeleteTxn>(&txn.body)) return body->path;
    if (const auto* body = std::get_if<wire::SetDataTxn>(&txn.body)) return body->path;
    if (const auto* body = std::get_if<wire::SetAclTxn>(&txn.body)) return body->path;
    return {};
  }
  // Is one of them the same, a parent, a child or a sibling?
  static bool touches(const std::set<std::string>& used, const std::string& path) {
    for (const std::string& other : used) {
      if (other.starts_with(path) || path.starts_with(other) ||
          parent_path(other) == parent_path(path)) {
        return true;
      }
    }
    return false;
  }

  const Tree& tree() const { return writer_.database.tree(); }

  NodeId any_node() {
    NodeId node = kRoot;
    while (!random_.one_in(3) && tree().child_count(node) > 0) {
      NodeId child = tree().first_child(node);
      for (uint64_t skip = random_.below(static_cast<uint64_t>(tree().child_count(node))); skip > 0;
           --skip) {
        child = tree().next_sibling(child);
      }
      node = child;
    }
    return node;
  }

  wire::AclList any_acl() {
    if (random_.one_in(3)) return test::kOpen;
    return {{wire::kPermAll, {"digest", "user" + std::to_string(random_.below(12))}}};
  }

  wire::Txn any_change(int64_t zxid) {
    const NodeId node = any_node();
    const std::string path = tree().path(node);
    const wire::StatPersisted& stat = tree().stored(node);
    switch (random_.below(8)) {
      case 0:
      case 1:
      case 2:
        return any_create(zxid, node, path);
      case 3:
      case 4:
        if (tree().child_count(node) == 0 && !path.starts_with("/zookeeper")) {
          return test::remove(zxid, path);
        }
        return test::set_data(zxid, "/zookeeper", "x" + std::to_string(zxid),
                              tree().stored(tree().find("/zookeeper")).version + 1);
      case 5:
        return test::set_acl(zxid, path, any_acl(), stat.aversion + 1);
      default:
        if (path.find("zookeeper_stats") != std::string::npos) {
          return test::set_acl(zxid, path, any_acl(), stat.aversion + 1);
        }
        return test::set_data(
            zxid, path,
            random_.one_in(5) ? wire::NullableBytes{} : std::string(random_.below(200), 'd'),
            stat.version + 1);
    }
  }

  wire::Txn any_create(int64_t zxid, NodeId parent, const std::string& parent_path) {
    if (node_kind(tree().stored(parent).ephemeral_owner, true) == NodeKind::kEphemeral ||
        parent_path.starts_with("/zookeeper")) {
      return test::set_acl(zxid, parent_path, any_acl(), tree().stored(parent).aversion + 1);
    }
    const std::string name = std::to_string(random_.below(6));
    if (tree().find_child(parent, name) != kNoNode) {
      return test::set_data(zxid, parent_path, "y", tree().stored(parent).version + 1);
    }
    wire::CreateTxn body{parent_path == "/" ? "/" + name : parent_path + "/" + name,
                         std::string(random_.below(100), 'c'),
                         any_acl(),
                         false,
                         tree().stored(parent).cversion + 1,
                         5000};
    wire::OpCode type = wire::OpCode::kCreate;
    int64_t session = 0x11;
    switch (random_.below(6)) {
      case 0:
        type = wire::OpCode::kCreateContainer;
        break;
      case 1:
        type = wire::OpCode::kCreateTtl;
        break;
      case 2:
        session = static_cast<int64_t>(random_.below(4) + 1);
        body.ephemeral = writer_.database.sessions().contains(SessionId{session});
        break;
      case 3:
        type = wire::OpCode::kCreate2;
        break;
      default:
        break;
    }
    return test::txn(zxid, type, std::move(body), session);
  }

  Writer& writer_;
  Random& random_;
};

TEST(SnapshotWalk, fuzzy_snapshot_and_replay_give_the_same_state) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Writer writer;
    RandomWriter load(writer, random);
    writer.apply(create(1, "/zookeeper/quota/1", "", 1));
    writer.apply(create(2, "/zookeeper/quota/1/zookeeper_limits", "count=5", 1));
    writer.apply(create(3, "/zookeeper/quota/1/zookeeper_stats", "", 2));
    for (uint64_t i = random.below(200); i > 0; --i) load.apply_one();

    SnapshotWalk walk(writer.database);
    std::string body;
    const uint64_t txns_per_slice = random.below(4) + 1;
    while (!walk.step(body, random.below(6) + 1, random.below(2000) + 1)) {
      for (uint64_t i = random.below(txns_per_slice + 1); i > 0; --i) load.apply_one();
    }
    const Zxid end_zxid = writer.database.last_zxid();
    const auto end_digest = static_cast<int64_t>(writer.database.tree().digest());
    for (uint64_t i = random.below(20); i > 0; --i) load.apply_one();

    expect_well_formed(body);
    const auto restored = restore(writer, body, walk.zxid(), end_zxid, end_digest);
    ASSERT_EQ(test::dump(*restored), test::dump(writer.database));
    ASSERT_EQ(restored->tree().digest(), test::digest_from_scratch(restored->tree()));
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace zooid::state
