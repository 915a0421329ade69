// The tables of the state are keyed by chance (base/hash.h): nothing that anybody sees may depend
// on the key. What one history of changes gives under one key it must give under every other one.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/random.h"
#include "state/reads.h"
#include "state/reapable.h"
#include "state/test_requests.h"
#include "state/watches.h"

namespace zooid::state {
namespace {

using namespace test;

class HashIndependenceTest : public testing::Test {
 protected:
  ~HashIndependenceTest() override { hash_key = HashKey{}; }
};

Request any_request(Random& random, std::string_view path) {
  switch (random.below(7)) {
    case 0:
    case 1:
      return create_request(path, "data", static_cast<int32_t>(random.below(4)));
    case 2:
      return create_container_request(path);
    case 3:
      return delete_request(path);
    case 4:
      return set_acl_request(path, random.one_in(2) ? kOpen : kReadOnly);
    case 5:
      return random.one_in(8) ? close_request() : set_data_request(path, "other");
    default:
      return set_data_request(path, std::string(random.below(40), 'd'));
  }
}

// Everything that a server, a client or a file would see.
std::string history(HashKey key, uint64_t seed) {
  hash_key = key;
  Random random(seed);
  SmallLeader leader;
  WatchTable watches;
  std::string seen;
  const auto hear = [&](WatcherId watcher, wire::EventType type, std::string_view path,
                        const AclPtr&) {
    seen += fmt::format("{} {} {}\n", watcher, static_cast<int>(type), path);
  };
  for (int i = 0; i < 800; ++i) {
    std::string path = "/n" + std::to_string(random.below(30));
    if (random.one_in(2)) path += "/n" + std::to_string(random.below(30));
    watches.add(random.one_in(2) ? WatchKind::kData : WatchKind::kPersistentRecursive, path,
                static_cast<WatcherId>(random.below(9)));
    const wire::Txn txn =
        leader.prepare(any_request(random, path), 0x10 + static_cast<int64_t>(random.below(4)));
    seen += wire::serialize(txn).view();
    while (leader.proposed() > random.below(12)) {
      for (const Change& change : leader.commit().changes) watches.fire(change, hear);
    }
    if (random.one_in(20)) watches.remove_watcher(static_cast<WatcherId>(random.below(9)));
  }
  leader.commit_all();
  WatchTable::Place place;
  const auto list = [&](std::string_view path, WatcherId watcher) {
    seen += fmt::format("{} {}\n", path, watcher);
  };
  while (watches.visit_by_path(place, 10, list)) {
  }
  ReapScan scan;
  for (const auto& [path, czxid, mzxid] :
       reapable_nodes(leader.tree(), INT64_MAX, 1, scan, SIZE_MAX)) {
    seen += path;
  }
  for (int64_t session = 0x10; session < 0x14; ++session) {
    const std::vector<wire::Id> nobody;
    read_ephemerals({leader.database(), {}, nobody}, SessionId{session}, "/", seen);
  }
  SnapshotWalk walk(leader.database());
  while (!walk.step(seen)) {
  }
  return seen;
}

TEST_F(HashIndependenceTest, what_is_seen_does_not_depend_on_the_key) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const std::string expected = history(HashKey{}, seed);
    EXPECT_GT(expected.size(), 10'000u);
    EXPECT_TRUE(history(HashKey{1, 2}, seed) == expected) << "seed " << seed;
    EXPECT_TRUE(history(HashKey{seed, ~seed}, seed) == expected) << "seed " << seed;
  }
}

}  // namespace
}  // namespace zooid::state
