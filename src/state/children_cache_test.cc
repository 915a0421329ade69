#include "state/children_cache.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "base/random.h"
#include "wire/jute.h"

namespace zooid::state {
namespace {

constexpr uint32_t kNode = 7;

std::string serialised(const std::deque<std::string>& names) {
  return wire::body_of([&](wire::Writer& out) {
    out.i32(static_cast<int32_t>(names.size()));
    for (const std::string& name : names) out.buffer(name);
  });
}

class ChildrenCacheTest : public testing::Test {
 protected:
  void expect_list(const std::deque<std::string>& names) {
    std::string out = "before";
    ASSERT_TRUE(cache.append_to(out, kNode));
    EXPECT_EQ(out, "before" + serialised(names));
  }
  ChildrenCache cache;
};

TEST_F(ChildrenCacheTest, a_list_follows_what_comes_and_goes) {
  cache.put(kNode, serialised({"a", "b", "c"}));
  cache.on_added(kNode, "d");
  cache.on_removed(kNode, "b");
  expect_list({"a", "c", "d"});
  cache.on_removed(kNode, "a");
  cache.on_added(kNode, "a");
  expect_list({"c", "d", "a"});
  cache.on_added(kNode, "e");
  cache.on_removed(kNode, "e");
  cache.on_added(kNode, "e");
  expect_list({"c", "d", "a", "e"});
  EXPECT_EQ(cache.lists_made(), 1u);
}

TEST_F(ChildrenCacheTest, a_node_without_a_list_has_none_after_changes) {
  std::string out;
  cache.on_added(kNode, "a");
  cache.on_removed(kNode, "a");
  EXPECT_FALSE(cache.append_to(out, kNode));
  cache.put(kNode, serialised({"a"}));
  cache.erase(kNode);
  EXPECT_FALSE(cache.append_to(out, kNode));
}

TEST_F(ChildrenCacheTest, a_list_that_has_lost_much_is_given_up) {
  std::deque<std::string> names;
  for (int i = 0; i < 100; ++i) names.push_back("n" + std::to_string(i));
  cache.put(kNode, serialised(names));
  std::string out;
  for (int i = 0; i < 64; ++i) cache.on_removed(kNode, names[static_cast<size_t>(i)]);
  names.erase(names.begin(), names.begin() + 64);
  expect_list(names);
  cache.put(kNode + 1, serialised(names));
  for (const std::string& name : names) cache.on_removed(kNode, name);
  expect_list({});
}

TEST_F(ChildrenCacheTest, any_changes_give_what_a_walk_gives) {
  Random random(1);
  std::deque<std::string> names;
  for (int i = 0; i < 300; ++i) names.push_back("n" + std::to_string(i));
  cache.put(kNode, serialised(names));
  for (int step = 0; step < 3'000; ++step) {
    if (random.one_in(3)) {
      std::string out;
      if (!cache.append_to(out, kNode)) cache.put(kNode, serialised(names));
      ASSERT_NO_FATAL_FAILURE(expect_list(names));
    } else if (random.one_in(2) && !names.empty()) {
      const size_t which = random.below(names.size());
      cache.on_removed(kNode, names[which]);
      names.erase(names.begin() + static_cast<ptrdiff_t>(which));
    } else {
      const std::string name = "n" + std::to_string(random.below(600));
      if (std::find(names.begin(), names.end(), name) != names.end()) continue;
      cache.on_added(kNode, name);
      names.push_back(name);
    }
  }
}

}  // namespace
}  // namespace zooid::state
