// Data directories of real servers are recovered to the tree that clients saw.
#include <map>

#include "storage/snapshot_file.h"
#include "storage/test_store.h"

namespace zooid::storage::test {
namespace {

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

// In the form of expected-tree.txt (tests/golden/storage/README.md), without the sessions.
std::string describe(const state::Database& database) {
  const state::Tree& tree = database.tree();
  std::map<std::string, std::string> nodes;
  std::vector<state::NodeId> to_visit{state::kRoot};
  while (!to_visit.empty()) {
    const state::NodeId node = to_visit.back();
    to_visit.pop_back();
    Lines children;
    for (auto child = tree.first_child(node); child != state::kNoNode;
         child = tree.next_sibling(child)) {
      to_visit.push_back(child);
      children.emplace_back(tree.name(child));
    }
    std::sort(children.begin(), children.end());
    const wire::Stat s = tree.stat(node);
    Lines acl;
    for (const auto& a : tree.acl(node)->list()) {
      acl.push_back(fmt::format("{}:{}:{}", a.perms, a.id.scheme, a.id.id));
    }
    const auto data = tree.data(node);
    nodes[tree.path(node)] =
        fmt::format(" data {}\n stat {} {} {} {} {} {} {} {} {} {} {}\n acl {}\n children {}\n",
                    data ? "=" + hex(*data) : "null", s.czxid, s.mzxid, s.ctime, s.mtime, s.version,
                    s.cversion, s.aversion, s.ephemeral_owner, s.data_length, s.num_children,
                    s.pzxid, fmt::join(acl, " "), fmt::join(children, ","));
  }
  std::string out = fmt::format("zxid {}\n", database.last_zxid().value);
  for (const auto& [path, text] : nodes) out += fmt::format("node {}\n{}", path, text);
  return out;
}

std::string without_sessions(const std::string& expected) {
  std::istringstream in(expected);
  std::string out;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("session ")) out += line + "\n";
  }
  return out;
}

class GoldenTest : public Store {};

TEST_F(GoldenTest, standalone_directories_give_what_clients_saw_from_every_snapshot) {
  for (const std::string folder : {"standalone-3.8.0", "standalone-3.9.5"}) {
    const std::string expected = without_sessions(read_golden(folder + "/expected-tree.txt"));
    const std::string newest = folder == "standalone-3.8.0" ? "snapshot.55" : "snapshot.51";
    for (const std::string removed : {"none", "", ".gz", ".snappy"}) {
      env::MemoryFileSystem disk;
      put_golden(disk, folder);
      // Each of the three forms alone, and none of them: everything from the log.
      for (const std::string suffix : {"", ".gz", ".snappy"}) {
        if (suffix == removed) continue;
        ASSERT_TRUE(disk.remove(kVersion2 + "/" + newest + suffix).has_value());
      }
      const auto result = recover(disk, kDirectories, {});
      ASSERT_TRUE(result.has_value()) << result.error().message;
      EXPECT_EQ(describe(*result->database), expected) << folder << " " << removed;
      EXPECT_TRUE(result->notes.empty()) << result->notes.front();
      EXPECT_EQ(result->snapshot_zxid.value == 0, removed == "none");
    }
  }
}

TEST_F(GoldenTest, all_servers_of_an_ensemble_have_one_history) {
  for (const std::string ensemble : {"ensemble-3.8.0", "ensemble-mixed"}) {
    std::string expected;
    for (const std::string server : {"server1", "server2", "server3", "server4"}) {
      env::MemoryFileSystem disk;
      put_golden(disk, ensemble + "/" + server);
      const auto result = recover(disk, kDirectories, {.is_ensemble_member = true});
      ASSERT_TRUE(result.has_value()) << result.error().message;
      EXPECT_TRUE(result->notes.empty()) << result->notes.front();
      EXPECT_EQ(result->current_epoch, 3);
      const std::string tree = describe(*result->database);
      if (expected.empty()) expected = tree;
      EXPECT_EQ(tree.substr(0, 20), expected.substr(0, 20)) << ensemble << " " << server;
    }
  }
}

TEST_F(GoldenTest, handmade_directory_is_recovered_and_its_torn_end_cut) {
  put_golden(files, "handmade");
  const auto result = recovered();
  ASSERT_TRUE(result.has_value()) << result.error().message;
  const state::Tree& tree = result->database->tree();
  EXPECT_EQ(result->last_logged, Zxid{0xa});
  EXPECT_EQ(tree.data(tree.find("/a")), "world");
  EXPECT_EQ(tree.stat(tree.find("/a")).version, 1);
  EXPECT_EQ(tree.ephemerals(SessionId{0x7700000000000001}), Lines{"/a/e"});
  for (const char* path : {"/m", "/t", "/t2"}) EXPECT_NE(tree.find(path), state::kNoNode) << path;
  for (const char* path : {"/c", "/torn"}) EXPECT_EQ(tree.find(path), state::kNoNode) << path;
  ASSERT_EQ(result->notes.size(), 1u);
  EXPECT_NE(result->notes[0].find("offset 427"), std::string::npos) << result->notes[0];
  EXPECT_EQ(get(files, kVersion2 + "/log.6").size(), 427u);
}

TEST_F(GoldenTest, expired_sessions_and_reaped_nodes_are_gone) {
  put_golden(files, "expiry-3.8.0");
  const auto result = recovered();
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_TRUE(result->notes.empty());
  EXPECT_EQ(result->last_logged, Zxid{0xa});
}

}  // namespace
}  // namespace zooid::storage::test
