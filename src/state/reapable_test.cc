#include "state/reapable.h"

#include <gmock/gmock.h>

#include "state/test_requests.h"

namespace zooid::state {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

int64_t mtime_of(const Tree& tree, std::string_view path) {
  return tree.stored(tree.find(path)).mtime;
}

std::vector<std::string> due_nodes(const Tree& tree, std::optional<int64_t> wall_ms,
                                   int64_t never_used_ms) {
  ReapScan scan;
  std::vector<std::string> paths;
  for (Reapable& node : reapable_nodes(tree, wall_ms, never_used_ms, scan, SIZE_MAX)) {
    paths.push_back(std::move(node.path));
  }
  return paths;
}

TEST(Reapable, containers_go_when_their_last_child_has_gone) {
  SmallLeader leader;
  leader.run(create_container_request("/used"));
  leader.run(create_container_request("/new"));
  leader.run(create_request("/used/child", ""));
  const Tree& tree = leader.database().tree();
  const int64_t later = mtime_of(tree, "/used") + 1'000'000'000;
  EXPECT_THAT(due_nodes(tree, later, 0), IsEmpty());
  leader.run(delete_request("/used/child"));
  EXPECT_THAT(due_nodes(tree, later, 0), ElementsAre("/used"));
  EXPECT_THAT(due_nodes(tree, std::nullopt, 0), ElementsAre("/used"));
}

TEST(Reapable, a_container_that_was_never_used_goes_after_its_time_if_there_is_one) {
  SmallLeader leader;
  leader.run(create_container_request("/c"));
  const Tree& tree = leader.database().tree();
  const int64_t made = mtime_of(tree, "/c");
  EXPECT_THAT(due_nodes(tree, made + 5'000, 5'000), IsEmpty());
  EXPECT_THAT(due_nodes(tree, made + 5'001, 5'000), ElementsAre("/c"));
  EXPECT_THAT(due_nodes(tree, std::nullopt, 5'000), IsEmpty()) << "the clock is doubtful";
}

TEST(Reapable, ttl_nodes_go_when_their_data_is_older_than_their_ttl) {
  SmallLeader leader({.extended_types_enabled = true});
  const auto ttl = [](std::string_view path, int64_t ttl_ms) {
    return create_request(path, "", wire::kFlagTtl, kOpen, wire::OpCode::kCreateTtl, ttl_ms);
  };
  leader.run(ttl("/short", 1'000));
  leader.run(ttl("/long", 50'000));
  leader.run(ttl("/parent", 1'000));
  leader.run(create_request("/parent/child", ""));
  const Tree& tree = leader.database().tree();
  const int64_t made = mtime_of(tree, "/short");
  EXPECT_THAT(due_nodes(tree, made + 1'000, 0), IsEmpty());
  EXPECT_THAT(due_nodes(tree, made + 1'001, 0), ElementsAre("/short"));
  EXPECT_THAT(due_nodes(tree, std::nullopt, 0), IsEmpty());
  leader.run(delete_request("/parent/child"));
  EXPECT_THAT(due_nodes(tree, made + 100'000, 0),
              UnorderedElementsAre("/short", "/long", "/parent"));
}

TEST(Reapable, a_look_in_slices_of_one_node_finds_what_one_look_finds) {
  SmallLeader leader({.extended_types_enabled = true});
  std::vector<std::string> expected;
  for (int i = 0; i < 20; ++i) {
    const std::string container = "/c" + std::to_string(i);
    leader.run(create_container_request(container));
    leader.run(create_request(container + "/child", ""));
    if (i % 2 == 0) leader.run(delete_request(container + "/child"));
    leader.run(create_request("/t" + std::to_string(i), "", wire::kFlagTtl, kOpen,
                              wire::OpCode::kCreateTtl, i % 3 == 0 ? 1 : 1'000'000'000));
  }
  const Tree& tree = leader.database().tree();
  const int64_t later = mtime_of(tree, "/t19") + 1'000'000;
  ReapScan scan;
  std::vector<std::string> found;
  size_t slices = 0;
  while (!scan.is_done) {
    for (Reapable& node : reapable_nodes(tree, later, 0, scan, 1)) {
      found.push_back(std::move(node.path));
    }
    ++slices;
  }
  EXPECT_EQ(found, due_nodes(tree, later, 0));
  EXPECT_EQ(found.size(), 10u + 7u);
  EXPECT_EQ(slices, 40u + 2u) << "each node once, and the end of either list";
}

}  // namespace
}  // namespace zooid::state
