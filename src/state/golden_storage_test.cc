// Replays what real servers wrote: every stored digest and the tree that clients saw must come out.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "state/database.h"
#include "state/test_txns.h"

namespace zooid::state {
namespace {

namespace fs = std::filesystem;

const fs::path kStorage = fs::path(ZOOID_TESTS_DIR) / "golden" / "storage";

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
}

int64_t zxid_of(const fs::path& path) {
  return std::stoll(path.filename().string().substr(path.filename().string().find('.') + 1),
                    nullptr, 16);
}

// Not a map: ZooKeeper 3.9.5 wrote error transactions with the zxid of the one before.
using Txns = std::multimap<int64_t, wire::Txn>;

// The whole transactions of a log file, up to the padding or a torn entry.
std::vector<wire::Txn> read_log(const fs::path& path) {
  std::vector<wire::Txn> txns;
  const std::string bytes = read_file(path);
  wire::Reader in(std::string_view(bytes).substr(16));
  while (true) {
    in.i64();
    const auto txn_bytes = in.nullable();
    if (!in.ok() || !txn_bytes || txn_bytes->empty() || in.remaining() == 0) return txns;
    in.boolean();  // 'B'
    auto txn = wire::read_txn(*txn_bytes);
    EXPECT_TRUE(txn.has_value()) << path;
    if (!txn) return txns;
    txns.push_back(std::move(*txn));
  }
}

// Of one server. The files' ranges do not overlap.
Txns read_logs(const fs::path& folder) {
  Txns txns;
  for (const auto& entry : fs::directory_iterator(folder / "version-2")) {
    if (!entry.path().filename().string().starts_with("log.")) continue;
    for (wire::Txn& txn : read_log(entry.path())) {
      const int64_t zxid = txn.header.zxid.value;
      txns.emplace(zxid, std::move(txn));
    }
  }
  return txns;
}

std::vector<fs::path> plain_snapshots(const fs::path& folder) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder / "version-2")) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("snapshot.") || name.ends_with(".gz") || name.ends_with(".snappy")) {
      continue;
    }
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

void load_snapshot(Database& database, const fs::path& path, int64_t zxid) {
  const std::string bytes = read_file(path);
  std::string rest;
  const auto result = test::load_body(database, std::string_view(bytes).substr(16), &rest);
  ASSERT_TRUE(result.has_value()) << path << ": " << result.error().message;
  database.finish_load(Zxid{zxid});
  wire::Reader in(rest);
  in.i64();
  EXPECT_EQ(in.buffer(), "/");
  if (in.remaining() == 0) return;
  const int64_t digest_zxid = in.i64();
  EXPECT_EQ(in.i32(), 2);
  database.set_snapshot_digest(Zxid{digest_zxid}, in.i64());
}

struct Replayed {
  size_t txns = 0;
  size_t digests = 0;
};

Replayed replay(Database& database, const Txns& txns) {
  Replayed replayed;
  for (auto it = txns.upper_bound(database.last_zxid().value); it != txns.end(); ++it) {
    Applied applied;
    database.apply(it->second, &applied);
    ++replayed.txns;
    if (it->second.digest) {
      ++replayed.digests;
      EXPECT_EQ(static_cast<int64_t>(database.tree().digest()), it->second.digest->tree_digest)
          << "zxid " << it->first;
    }
    EXPECT_EQ(applied.header.zxid, database.last_zxid());
  }
  for (const DigestMismatch& mismatch : database.take_digest_mismatches()) {
    ADD_FAILURE() << "mismatch at " << mismatch.zxid.value << " " << mismatch.paths;
  }
  EXPECT_EQ(database.tree().digest(), test::digest_from_scratch(database.tree()));
  return replayed;
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

// In the form of expected-tree.txt.
std::string describe(const Database& database) {
  std::string out = fmt::format("zxid {}\n", database.last_zxid().value);
  for (const auto& [id, timeout_ms] : database.sessions()) {
    out += fmt::format("session {} {}\n", id.value, timeout_ms);
  }
  const Tree& tree = database.tree();
  std::map<std::string, std::string> nodes;
  std::vector<NodeId> to_visit{kRoot};
  while (!to_visit.empty()) {
    const NodeId node = to_visit.back();
    to_visit.pop_back();
    std::vector<std::string> children;
    for (NodeId child = tree.first_child(node); child != kNoNode;
         child = tree.next_sibling(child)) {
      to_visit.push_back(child);
      children.emplace_back(tree.name(child));
    }
    std::sort(children.begin(), children.end());
    const wire::Stat s = tree.stat(node);
    std::vector<std::string> acl;
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
  for (const auto& [path, text] : nodes) out += fmt::format("node {}\n{}", path, text);
  return out;
}

class StandaloneGolden : public testing::TestWithParam<std::string> {};

TEST_P(StandaloneGolden, log_reproduces_every_digest_and_the_tree_that_clients_saw) {
  const fs::path folder = kStorage / GetParam();
  Database database;
  const Replayed replayed = replay(database, read_logs(folder));
  EXPECT_GE(replayed.txns, 83u);
  EXPECT_GE(replayed.digests, 50u);
  EXPECT_EQ(describe(database), read_file(folder / "expected-tree.txt"));
}

TEST_P(StandaloneGolden, snapshots_load_and_the_log_continues_them) {
  const fs::path folder = kStorage / GetParam();
  const auto snapshots = plain_snapshots(folder);
  for (const fs::path& path : snapshots) {
    Database database;
    load_snapshot(database, path, zxid_of(path));
    replay(database, read_logs(folder));
    EXPECT_EQ(describe(database), read_file(folder / "expected-tree.txt")) << path;
  }
  EXPECT_EQ(snapshots.size(), 2u);
}

INSTANTIATE_TEST_SUITE_P(Versions, StandaloneGolden,
                         testing::Values("standalone-3.8.0", "standalone-3.9.5"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name) {
                             if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
                           }
                           return name;
                         });

TEST(EnsembleGolden, logs_of_every_server_reproduce_every_digest) {
  size_t replays = 0;
  size_t digests = 0;
  std::map<std::string, std::map<int64_t, std::vector<std::string>>> outcomes;
  for (const std::string ensemble : {"ensemble-3.8.0", "ensemble-mixed"}) {
    for (const std::string server : {"server1", "server2", "server3", "server4"}) {
      const fs::path folder = kStorage / ensemble / server;
      const auto txns = read_logs(folder);
      for (const fs::path& path : plain_snapshots(folder)) {
        const int64_t zxid = zxid_of(path);
        const auto first = txns.upper_bound(zxid);
        ASSERT_NE(first, txns.end());
        // One server was wiped and got what is missing as a SNAP.
        const Zxid next{first->first};
        if (zxid == 0 ? next.counter() != 1 : next != Zxid{zxid}.next() && next.counter() != 1) {
          continue;
        }
        SCOPED_TRACE(path.string());
        Database database;
        load_snapshot(database, path, zxid);
        digests += replay(database, txns).digests;
        ++replays;
        outcomes[ensemble][database.last_zxid().value] = test::dump(database);
        for (const auto& [last, lines] : outcomes[ensemble]) {
          if (last == database.last_zxid().value) {
            EXPECT_EQ(lines, test::dump(database));
          }
        }
      }
    }
  }
  EXPECT_GE(replays, 10u);
  EXPECT_GE(digests, 200u);
}

TEST(ExpiryGolden, expired_session_and_reaped_nodes_are_gone) {
  Database database;
  EXPECT_GT(replay(database, read_logs(kStorage / "expiry-3.8.0")).digests, 0u);
  EXPECT_EQ(database.tree().next_container(kNoNode), kNoNode);
  EXPECT_EQ(database.tree().next_ttl_node(kNoNode), kNoNode);
}

TEST(HandmadeGolden, snapshot_and_unpadded_log_give_the_expected_tree) {
  Database database;
  load_snapshot(database, kStorage / "handmade" / "version-2" / "snapshot.5", 5);
  replay(database, read_logs(kStorage / "handmade"));
  const Tree& tree = database.tree();
  EXPECT_EQ(database.last_zxid(), Zxid{0xa});
  EXPECT_EQ(tree.data(tree.find("/a")), "world");
  EXPECT_EQ(tree.stat(tree.find("/a")).version, 1);
  EXPECT_EQ(tree.ephemerals(SessionId{0x7700000000000001}), std::vector<std::string>{"/a/e"});
  for (const char* path : {"/m", "/t", "/t2"}) EXPECT_NE(tree.find(path), kNoNode) << path;
  for (const char* path : {"/c", "/torn"}) EXPECT_EQ(tree.find(path), kNoNode) << path;
}

TEST(HandmadeGolden, wrong_digest_is_reported) {
  Database database;
  load_snapshot(database, kStorage / "handmade" / "snapshot.5.with-wrong-digest", 5);
  for (const auto& [zxid, txn] : read_logs(kStorage / "handmade")) {
    if (zxid > 5) database.apply(txn, nullptr);
  }
  EXPECT_EQ(database.take_digest_mismatches().size(), 1u);
}

}  // namespace
}  // namespace zooid::state
