#include "state/tree.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>

#include "base/random.h"
#include "state/node_index.h"
#include "state/test_txns.h"
#include "wire/jute.h"

namespace zooid::state {
namespace {

wire::StatPersisted stat_of(int64_t zxid, int64_t owner = 0) {
  wire::StatPersisted stat;
  stat.czxid = stat.mzxid = stat.pzxid = zxid;
  stat.ctime = stat.mtime = 1000 + zxid;
  stat.ephemeral_owner = owner;
  return stat;
}

std::vector<std::string> children(const Tree& tree, NodeId node) {
  std::string bytes;
  tree.write_children(bytes, node);
  wire::Reader in(bytes);
  std::vector<std::string> names;
  for (int32_t left = in.count(4); left > 0; --left) names.emplace_back(in.buffer());
  EXPECT_TRUE(in.ok());
  EXPECT_EQ(in.remaining(), 0u);
  return names;
}

TEST(NodeIndex, colliding_hashes_are_found_and_erased) {
  NodeIndex index;
  const auto hash_of = [](uint32_t id) { return id % 3 == 0 ? 0xabcd1234u : id * 2654435761u; };
  const auto find = [&](uint32_t id) {
    return index.find(hash_of(id), [&](uint32_t other) { return other == id; });
  };
  constexpr uint32_t kIds = 6000;  // 2,000 of them with one hash: more than a segment holds
  for (uint32_t id = 1; id <= kIds; ++id) index.insert(hash_of(id), id, hash_of);
  EXPECT_EQ(index.size(), kIds);
  for (uint32_t id = 1; id <= kIds; ++id) ASSERT_EQ(find(id), id);
  for (uint32_t id = 1; id <= kIds; id += 2) index.erase(hash_of(id), id);
  for (uint32_t id = 1; id <= kIds; ++id) ASSERT_EQ(find(id), id % 2 == 1 ? 0u : id);
  for (uint32_t id = 2; id <= kIds; id += 2) index.erase(hash_of(id), id);
  EXPECT_EQ(index.size(), 0u);
}

TEST(Tree, only_the_root_at_first) {
  const Tree tree;
  EXPECT_EQ(tree.find("/"), kRoot);
  EXPECT_EQ(tree.find(""), kRoot);
  EXPECT_EQ(tree.path(kRoot), "/");
  EXPECT_EQ(tree.data(kRoot), "");
  EXPECT_EQ(tree.acl_key(kRoot), -1);
  EXPECT_EQ(tree.digest(), test::digest_from_scratch(tree));
}

TEST(Tree, malformed_paths_are_not_found) {
  Tree tree;
  const NodeId a = tree.create(kRoot, "a", "1", -1, stat_of(1));
  tree.create(a, "b", "2", -1, stat_of(2));
  EXPECT_NE(tree.find("/a/b"), kNoNode);
  for (const char* path : {"a", "a/b", "/a/", "/a//b", "//a", "/a/b/", "/a/c", "/b", "/a/b/c"}) {
    EXPECT_EQ(tree.find(path), kNoNode) << path;
  }
}

TEST(Tree, names_and_data_of_every_length_come_back) {
  Tree tree;
  for (const size_t name_bytes : {1, 18, 19, 20, 21, 255, 256, 5000}) {
    const std::string name(name_bytes, 'n');
    for (const size_t data_bytes : {0, 1, 7, 8, 23, 24, 25, 100, 5000, 70000}) {
      const std::string data(data_bytes, 'd');
      const NodeId node = tree.create(kRoot, name, data, -1, stat_of(1));
      EXPECT_EQ(tree.name(node), name);
      EXPECT_EQ(tree.data(node), data);
      EXPECT_EQ(tree.find("/" + name), node);
      for (const size_t next_bytes : {100, 101, 0, 24, 3000, 23}) {
        const std::string next(next_bytes, 'x');
        tree.set_data(node, next, stat_of(2));
        EXPECT_EQ(tree.data(node), next);
        EXPECT_EQ(tree.name(node), name);
      }
      tree.set_data(node, std::nullopt, stat_of(3));
      EXPECT_EQ(tree.data(node), std::nullopt);
      EXPECT_EQ(tree.digest(), test::digest_from_scratch(tree));
      tree.remove(node);
    }
  }
  EXPECT_EQ(tree.node_count(), 2u);
  EXPECT_EQ(tree.data_size(), 1u);
}

TEST(Tree, null_and_empty_data_differ) {
  Tree tree;
  const NodeId null = tree.create(kRoot, "null", std::nullopt, -1, stat_of(1));
  const NodeId empty = tree.create(kRoot, "empty", std::string_view{}, -1, stat_of(1));
  EXPECT_EQ(tree.data(null), std::nullopt);
  EXPECT_EQ(tree.data(empty), "");
  EXPECT_EQ(tree.stat(null).data_length, 0);
}

TEST(Tree, children_are_answered_in_the_order_of_their_creation) {
  Tree tree;
  const NodeId top = tree.create(kRoot, "top", "", -1, stat_of(1));
  for (const char* name : {"d", "a", "c", "b"}) tree.create(top, name, "", -1, stat_of(2));
  EXPECT_EQ(children(tree, top), (std::vector<std::string>{"d", "a", "c", "b"}));
  tree.remove(tree.find("/top/d"));
  EXPECT_EQ(children(tree, top), (std::vector<std::string>{"a", "c", "b"}));
  tree.remove(tree.find("/top/b"));
  EXPECT_EQ(children(tree, top), (std::vector<std::string>{"a", "c"}));
  tree.create(top, "d", "", -1, stat_of(3));
  EXPECT_EQ(children(tree, top), (std::vector<std::string>{"a", "c", "d"}));
  tree.remove(tree.find("/top/c"));
  EXPECT_EQ(children(tree, top), (std::vector<std::string>{"a", "d"}));
}

TEST(Tree, long_lists_of_children_follow_every_change) {
  Tree tree;
  std::vector<std::string> expected;
  for (int i = 0; i < 1005; ++i) {
    expected.push_back("child-" + std::to_string(i));
    tree.create(kRoot, expected.back(), "", -1, stat_of(1));
    if (i >= 998) {
      EXPECT_EQ(children(tree, kRoot), expected);
      EXPECT_EQ(children(tree, kRoot), expected);
    }
  }
  while (expected.size() > 995) {
    tree.remove(tree.find_child(kRoot, expected[500]));
    expected.erase(expected.begin() + 500);
    EXPECT_EQ(children(tree, kRoot), expected);
  }
}

TEST(Tree, a_kept_list_does_not_survive_its_node) {
  Tree tree;
  for (int round = 0; round < 2; ++round) {
    const NodeId top = tree.create(kRoot, "top", "", -1, stat_of(1));
    for (int i = 0; i < 1100; ++i) {
      tree.create(top, std::to_string(round) + "-" + std::to_string(i), "", -1, stat_of(1));
    }
    EXPECT_EQ(children(tree, top).front(), std::to_string(round) + "-0");
    while (tree.first_child(top) != kNoNode) tree.remove(tree.first_child(top));
    EXPECT_TRUE(children(tree, top).empty());
    tree.remove(top);
  }
}

TEST(Tree, shown_stat_counts_deletes_and_hides_special_owners) {
  Tree tree;
  wire::StatPersisted stat = stat_of(1, kOwnerContainer);
  stat.cversion = 5;
  const NodeId container = tree.create(kRoot, "c", "abc", -1, stat);
  tree.create(container, "x", "", -1, stat_of(2));
  EXPECT_EQ(tree.stat(container).cversion, 9);
  EXPECT_EQ(tree.stat(container).num_children, 1);
  EXPECT_EQ(tree.stat(container).data_length, 3);
  EXPECT_EQ(tree.stat(container).ephemeral_owner, 0);
  const NodeId ttl = tree.create(kRoot, "t", "", -1, stat_of(1, ttl_owner(600000)));
  EXPECT_EQ(tree.stored(ttl).ephemeral_owner, static_cast<int64_t>(0xff000000000927c0));
  EXPECT_EQ(tree.stat(ttl).ephemeral_owner, 0);
  const NodeId ephemeral = tree.create(kRoot, "e", "", -1, stat_of(1, 0x77));
  EXPECT_EQ(tree.stat(ephemeral).ephemeral_owner, 0x77);
  stat.cversion = INT32_MIN;
  tree.set_stat(container, stat);
  EXPECT_EQ(tree.stat(container).cversion, -1);
}

TEST(Tree, node_kinds_follow_the_stored_owner) {
  EXPECT_EQ(node_kind(0, true), NodeKind::kPersistent);
  EXPECT_EQ(node_kind(kOwnerContainer, false), NodeKind::kContainer);
  EXPECT_EQ(node_kind(ttl_owner(1), true), NodeKind::kTtl);
  EXPECT_EQ(node_kind(ttl_owner(1), false), NodeKind::kEphemeral);
  EXPECT_EQ(ttl_of_owner(ttl_owner(123456)), 123456);
  // A session of server 255.
  EXPECT_EQ(node_kind(static_cast<int64_t>(0xff12345678900001), true), NodeKind::kEphemeral);
}

// emulate353TTLNodes: 3.5.3 stored 1 << 63 | ttl.
TEST(Tree, ttl_nodes_of_353_are_told_by_the_first_bit) {
  const auto owner = static_cast<int64_t>(0x8000000000000000 | 600'000);
  EXPECT_EQ(node_kind(owner, {true, true}), NodeKind::kTtl);
  EXPECT_EQ(ttl_of_owner(owner), 600'000);
  EXPECT_EQ(node_kind(owner, true), NodeKind::kEphemeral);
  EXPECT_EQ(node_kind(owner, {false, true}), NodeKind::kEphemeral) << "only with extended types";
  EXPECT_EQ(node_kind(kOwnerContainer, {true, true}), NodeKind::kContainer);
  EXPECT_EQ(node_kind(ttl_owner(5), {true, true}), NodeKind::kTtl);
  EXPECT_EQ(node_kind(0x100000000000001, {true, true}), NodeKind::kEphemeral);
  Tree tree(ExtendedTypes{true, true});
  const NodeId node = tree.create(kRoot, "t", "", -1, stat_of(1, owner));
  EXPECT_EQ(tree.next_ttl_node(kNoNode), node);
  EXPECT_EQ(tree.ephemeral_count(), 0u);
  EXPECT_EQ(tree.stat(node).ephemeral_owner, 0);
}

TEST(Tree, ephemerals_containers_and_ttl_nodes_are_listed_by_path) {
  Tree tree;
  const NodeId z = tree.create(kRoot, "z", "", -1, stat_of(1, kOwnerContainer));
  const NodeId a = tree.create(kRoot, "a", "", -1, stat_of(1, kOwnerContainer));
  const NodeId t = tree.create(kRoot, "t", "", -1, stat_of(1, ttl_owner(5)));
  tree.create(z, "e", "", -1, stat_of(1, 7));
  tree.create(a, "e", "", -1, stat_of(1, 7));
  tree.create(a, "f", "", -1, stat_of(1, -3));
  EXPECT_EQ(tree.next_container(kNoNode), std::min(a, z));
  EXPECT_EQ(tree.next_container(std::min(a, z) + 1), std::max(a, z));
  EXPECT_EQ(tree.next_container(std::max(a, z) + 1), kNoNode);
  EXPECT_EQ(tree.next_ttl_node(kNoNode), t);
  EXPECT_EQ(tree.next_ttl_node(t + 1), kNoNode);
  EXPECT_EQ(tree.ephemerals(SessionId{7}), (std::vector<std::string>{"/a/e", "/z/e"}));
  EXPECT_EQ(tree.ephemeral_owners(), (std::vector<SessionId>{SessionId{-3}, SessionId{7}}));
  EXPECT_EQ(tree.ephemeral_count(), 3u);
  tree.remove(tree.find("/a/f"));
  EXPECT_EQ(tree.ephemeral_owners(), (std::vector<SessionId>{SessionId{7}}));
  EXPECT_TRUE(tree.ephemerals(SessionId{-3}).empty());
}

TEST(Tree, equal_acls_share_a_key_that_is_never_given_again) {
  Tree tree;
  const int64_t key = tree.intern_acl(test::kReadOnly);
  EXPECT_EQ(key, 1);
  EXPECT_EQ(tree.intern_acl(test::kReadOnly), key);
  EXPECT_EQ(tree.intern_acl(test::kOpen), 2);  // what clients send is not the unset ACL
  const NodeId node = tree.create(kRoot, "a", "", key, stat_of(1));
  EXPECT_EQ(tree.acl(node)->list(), test::kReadOnly);
  tree.set_acl(node, 2, stat_of(1));
  EXPECT_FALSE(tree.has_acl_key(key));
  EXPECT_EQ(tree.intern_acl(test::kReadOnly), 3);
  tree.remove(node);
  EXPECT_FALSE(tree.has_acl_key(2));
  tree.restore_acl(9, test::kOpen);
  EXPECT_EQ(tree.intern_acl(test::kOpen), 9);
  EXPECT_EQ(tree.intern_acl({}), 10);
  EXPECT_EQ(tree.acl_of_key(-1)->list(), test::kOpen);
}

TEST(Tree, nodes_below_zookeeper_are_not_in_the_digest) {
  Tree tree;
  const NodeId zookeeper = tree.create(kRoot, "zookeeper", "", -1, {});
  EXPECT_EQ(tree.digest(), 0x51c6d660u);
  const NodeId quota = tree.create(zookeeper, "quota", "x", -1, stat_of(3));
  const NodeId deep = tree.create(quota, "deep", "x", -1, stat_of(3));
  tree.set_data(deep, "y", stat_of(4));
  tree.set_stat(quota, stat_of(5));
  tree.set_local_data(deep, "z");
  EXPECT_EQ(tree.data(deep), "z");
  EXPECT_EQ(tree.digest(), 0x51c6d660u);
  tree.create(kRoot, "zookeepers", "", -1, stat_of(3));
  EXPECT_EQ(tree.digest(), test::digest_from_scratch(tree));
  EXPECT_NE(tree.digest(), 0x51c6d660u);
}

TEST(Tree, without_digests_none_is_computed) {
  Tree tree(true, false);
  tree.set_stat(tree.create(kRoot, "a", "x", -1, stat_of(1)), stat_of(2));
  EXPECT_EQ(tree.digest(), 0u);
}

// The same tree in the simplest form.
struct Model {
  struct Entry {
    std::optional<std::string> data;
    wire::StatPersisted stat;
    wire::AclList acl;
    std::vector<std::string> children;
  };
  std::map<std::string, Entry> nodes;

  static std::string join(const std::string& parent, const std::string& name) {
    return parent == "/" ? "/" + name : parent + "/" + name;
  }
  void remove(const std::string& path) {
    const size_t slash = path.rfind('/');
    auto& siblings = nodes.at(slash == 0 ? "/" : path.substr(0, slash)).children;
    siblings.erase(std::find(siblings.begin(), siblings.end(), path.substr(slash + 1)));
    nodes.erase(path);
  }
};

void expect_equal(const Tree& tree, const Model& model) {
  uint64_t data_size = 0;
  uint64_t digest = 0;
  std::map<int64_t, std::vector<std::string>> ephemerals;
  for (const auto& [path, entry] : model.nodes) {
    const NodeId node = tree.find(path);
    ASSERT_NE(node, kNoNode) << path;
    ASSERT_EQ(tree.path(node), path);
    ASSERT_EQ(tree.data(node), entry.data) << path;
    ASSERT_EQ(tree.stored(node), entry.stat) << path;
    ASSERT_EQ(tree.acl(node)->list(), entry.acl) << path;
    ASSERT_EQ(children(tree, node), entry.children) << path;
    ASSERT_EQ(tree.child_count(node), static_cast<int32_t>(entry.children.size()));
    data_size += path.size() + (entry.data ? entry.data->size() : 0);
    digest += node_digest(path == "/" ? "" : path, entry.data, entry.stat);
    const int64_t owner = entry.stat.ephemeral_owner;
    if (node_kind(owner, true) == NodeKind::kEphemeral) ephemerals[owner].push_back(path);
  }
  ASSERT_EQ(tree.node_count(), model.nodes.size() + 1);
  ASSERT_EQ(tree.descendant_count(kRoot), model.nodes.size() - 1);
  ASSERT_EQ(tree.data_size(), data_size);
  ASSERT_EQ(tree.digest(), digest);
  ASSERT_EQ(tree.ephemeral_owners().size(), ephemerals.size());
  for (const auto& [owner, paths] : ephemerals) {
    ASSERT_EQ(tree.ephemerals(SessionId{owner}), paths);
  }
}

TEST(Tree, random_changes_agree_with_a_simple_model) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Tree tree;
    Model model;
    model.nodes["/"] = {"", {}, test::kOpen, {}};
    const std::vector<int64_t> owners{0, 0, 0, 5, 6, kOwnerContainer, ttl_owner(9)};
    const auto any_path = [&] {
      auto it = model.nodes.begin();
      std::advance(it, static_cast<long>(random.below(model.nodes.size())));
      return it->first;
    };
    const auto any_data = [&]() -> std::optional<std::string> {
      if (random.one_in(8)) return std::nullopt;
      return std::string(random.below(random.one_in(10) ? 3000 : 130), 'a');
    };
    for (int64_t zxid = 1; zxid <= 1500; ++zxid) {
      const std::string path = any_path();
      const NodeId node = tree.find(path);
      Model::Entry& entry = model.nodes.at(path);
      wire::StatPersisted stat = entry.stat;
      switch (random.below(7)) {
        case 0:
        case 1:
        case 2: {
          std::string name = std::to_string(random.below(40));
          if (random.one_in(6)) name += std::string(random.below(40), '-');
          const std::string child = Model::join(path, name);
          if (model.nodes.contains(child)) break;
          stat = stat_of(zxid, owners[random.below(owners.size())]);
          const wire::AclList acl{{static_cast<int32_t>(random.below(5)), {"world", "anyone"}}};
          const auto data = any_data();
          tree.create(node, name, data, tree.intern_acl(acl), stat);
          entry.children.push_back(name);
          model.nodes[child] = {data, stat, acl, {}};
          break;
        }
        case 3:
          if (path == "/" || !entry.children.empty()) break;
          tree.remove(node);
          model.remove(path);
          break;
        case 4:
          stat.mzxid = zxid;
          stat.version += 1;
          entry.data = any_data();
          tree.set_data(node, entry.data, stat);
          entry.stat = stat;
          break;
        case 5:
          stat.pzxid = zxid;
          stat.cversion += 1;
          tree.set_stat(node, stat);
          entry.stat = stat;
          break;
        default:
          stat.aversion += 1;
          entry.acl = {{static_cast<int32_t>(random.below(9)), {"digest", "a:b"}}};
          tree.set_acl(node, tree.intern_acl(entry.acl), stat);
          entry.stat = stat;
      }
      if (zxid % 100 == 0) expect_equal(tree, model);
      if (HasFatalFailure()) return;
    }
    uint64_t below = 0;
    for (const auto& [path, entry] : model.nodes) below += path.starts_with("/1/") ? 1 : 0;
    uint64_t bytes_below = 0;
    for (const auto& [path, entry] : model.nodes) {
      if (path.starts_with("/1/") && entry.data) bytes_below += entry.data->size();
    }
    if (tree.find("/1") != kNoNode) {
      EXPECT_EQ(tree.descendant_count(tree.find("/1")), below);
      EXPECT_EQ(tree.descendant_bytes(tree.find("/1")), bytes_below);
    }
  }
}

TEST(Tree, a_hundred_thousand_nodes_are_all_found) {
  Tree tree;
  std::vector<NodeId> parents;
  for (int i = 0; i < 10; ++i) {
    parents.push_back(tree.create(kRoot, std::to_string(i), "", -1, stat_of(1)));
  }
  for (int i = 0; i < 100'000; ++i) {
    tree.create(parents[static_cast<size_t>(i % 10)], "n" + std::to_string(i), "", -1, stat_of(1));
  }
  for (int i = 0; i < 100'000; ++i) {
    const std::string path = "/" + std::to_string(i % 10) + "/n" + std::to_string(i);
    ASSERT_NE(tree.find(path), kNoNode) << path;
  }
  EXPECT_EQ(tree.find("/1/n2"), kNoNode);
  EXPECT_EQ(tree.node_count(), 100'012u);
}

}  // namespace
}  // namespace zooid::state
