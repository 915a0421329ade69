#include "state/watches.h"

#include <gmock/gmock.h>

#include <map>
#include <set>

#include "base/random.h"
#include "state/id_index.h"

namespace zooid::state {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const AclPtr kNodeAcl = std::make_shared<const StoredAcl>(wire::AclList{});
const AclPtr kParentAcl = std::make_shared<const StoredAcl>(wire::AclList{});

Change change(Change::Kind kind, std::string path) {
  return {kind, std::move(path), kNodeAcl, kParentAcl};
}
Change created(std::string path) {
  return change(Change::Kind::kCreated, std::move(path));
}
Change deleted(std::string path) {
  return change(Change::Kind::kDeleted, std::move(path));
}
Change set(std::string path) {
  return change(Change::Kind::kDataChanged, std::move(path));
}

// "7 created /a": what was delivered, in order.
std::vector<std::string> fire(WatchTable& table, const Change& change) {
  static constexpr const char* kTypes[] = {"", "created", "deleted", "changed", "children"};
  std::vector<std::string> events;
  table.fire(change, [&](WatcherId watcher, wire::EventType type, std::string_view path,
                         const AclPtr& acl) {
    const bool is_child_event = type == wire::EventType::kNodeChildrenChanged;
    EXPECT_EQ(acl, is_child_event ? kParentAcl : kNodeAcl);
    events.push_back(std::to_string(watcher) + " " + kTypes[static_cast<int>(type)] + " " +
                     std::string(path));
  });
  return events;
}

std::vector<std::string> by_path(const WatchTable& table, size_t slice) {
  WatchTable::Place place;
  std::vector<std::string> seen;
  const auto see = [&](std::string_view path, WatcherId watcher) {
    seen.push_back(std::string(path) + " " + std::to_string(watcher));
  };
  while (table.visit_by_path(place, slice, see)) {
  }
  return seen;
}
std::vector<std::string> by_watcher(const WatchTable& table, size_t slice) {
  WatchTable::Place place;
  std::vector<std::string> seen;
  const auto see = [&](std::string_view path, WatcherId watcher) {
    seen.push_back(std::string(path) + " " + std::to_string(watcher));
  };
  while (table.visit_by_watcher(place, slice, see)) {
  }
  return seen;
}

TEST(WatchTable, data_watch_fires_once) {
  WatchTable table;
  table.add(WatchKind::kData, "/a", 7);
  table.add(WatchKind::kData, "/a", 7);
  EXPECT_THAT(fire(table, set("/b")), IsEmpty());
  EXPECT_THAT(fire(table, set("/a/b")), IsEmpty());
  EXPECT_THAT(fire(table, set("/a")), ElementsAre("7 changed /a"));
  EXPECT_THAT(fire(table, set("/a")), IsEmpty());
  EXPECT_TRUE(table.empty());
}

TEST(WatchTable, create_fires_data_then_children_of_the_parent) {
  WatchTable table;
  table.add(WatchKind::kChild, "/a", 1);
  table.add(WatchKind::kData, "/a/b", 2);
  table.add(WatchKind::kData, "/a/b", 1);
  table.add(WatchKind::kChild, "/a/b", 3);
  EXPECT_THAT(fire(table, created("/a/b")),
              ElementsAre("2 created /a/b", "1 created /a/b", "1 children /a"));
  EXPECT_TRUE(table.contains(WatchSelector::kChildren, "/a/b", 3));
  table.add(WatchKind::kChild, "/", 1);
  EXPECT_THAT(fire(table, created("/x")), ElementsAre("1 children /"));
}

TEST(WatchTable, delete_tells_a_watcher_of_both_tables_once) {
  WatchTable table;
  table.add(WatchKind::kChild, "/a", 1);
  table.add(WatchKind::kChild, "/a", 2);
  table.add(WatchKind::kData, "/a", 1);
  table.add(WatchKind::kChild, "/", 1);
  EXPECT_THAT(fire(table, deleted("/a")),
              ElementsAre("1 deleted /a", "2 deleted /a", "1 children /"));
  EXPECT_TRUE(table.empty());  // the child watch that told nothing is used up all the same
}

TEST(WatchTable, recursive_watch_suppresses_the_child_table_at_delete) {
  WatchTable table;
  table.add(WatchKind::kPersistentRecursive, "/", 1);
  table.add(WatchKind::kChild, "/a", 1);
  EXPECT_THAT(fire(table, deleted("/a")), ElementsAre("1 deleted /a"));
  EXPECT_FALSE(table.contains(WatchSelector::kChildren, "/a", 1));
}

TEST(WatchTable, persistent_watch_stays_in_both_tables) {
  WatchTable table;
  table.add(WatchKind::kPersistent, "/a", 1);
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(fire(table, set("/a")), ElementsAre("1 changed /a"));
    EXPECT_THAT(fire(table, created("/a/b")), ElementsAre("1 children /a"));
    EXPECT_THAT(fire(table, set("/a/b")), IsEmpty());
    EXPECT_THAT(fire(table, deleted("/a")), ElementsAre("1 deleted /a"));
  }
}

TEST(WatchTable, recursive_watch_sees_everything_below_and_no_child_events) {
  WatchTable table;
  table.add(WatchKind::kPersistentRecursive, "/a", 1);
  table.add(WatchKind::kPersistentRecursive, "/", 2);
  table.add(WatchKind::kPersistentRecursive, "/a/b", 1);
  EXPECT_THAT(fire(table, created("/a/b/c")), ElementsAre("1 created /a/b/c", "2 created /a/b/c"));
  EXPECT_THAT(fire(table, set("/a")), ElementsAre("1 changed /a", "2 changed /a"));
  EXPECT_THAT(fire(table, set("/ab")), ElementsAre("2 changed /ab"));
  EXPECT_THAT(fire(table, set("/")), ElementsAre("2 changed /"));
}

TEST(WatchTable, kinds_exist_side_by_side_and_one_event_is_told_once) {
  WatchTable table;
  for (const WatchKind kind : {WatchKind::kData, WatchKind::kChild, WatchKind::kPersistent,
                               WatchKind::kPersistentRecursive}) {
    table.add(kind, "/a", 1);
  }
  EXPECT_THAT(fire(table, set("/a")), ElementsAre("1 changed /a"));
  EXPECT_FALSE(table.contains(WatchSelector::kData, "/a", 1));
  EXPECT_TRUE(table.contains(WatchSelector::kChildren, "/a", 1));
  EXPECT_THAT(fire(table, created("/a/x")), ElementsAre("1 created /a/x", "1 children /a"));
  EXPECT_FALSE(table.contains(WatchSelector::kChildren, "/a", 1));
  EXPECT_TRUE(table.contains(WatchSelector::kPersistent, "/a", 1));
  EXPECT_TRUE(table.contains(WatchSelector::kPersistentRecursive, "/a", 1));
}

TEST(WatchTable, remove_takes_the_kind_that_was_asked_for) {
  WatchTable table;
  table.add(WatchKind::kData, "/a", 1);
  table.add(WatchKind::kPersistentRecursive, "/a", 1);
  EXPECT_TRUE(table.contains(WatchSelector::kAny, "/a", 1));
  EXPECT_FALSE(table.remove(WatchSelector::kChildren, "/a", 1));
  EXPECT_FALSE(table.remove(WatchSelector::kPersistent, "/a", 1));
  EXPECT_FALSE(table.remove(WatchSelector::kAny, "/a", 2));
  EXPECT_FALSE(table.remove(WatchSelector::kAny, "/b", 1));
  EXPECT_TRUE(table.remove(WatchSelector::kPersistentRecursive, "/a", 1));
  EXPECT_TRUE(table.contains(WatchSelector::kData, "/a", 1));
  EXPECT_TRUE(table.remove(WatchSelector::kAny, "/a", 1));
  EXPECT_FALSE(table.contains(WatchSelector::kAny, "/a", 1));
  EXPECT_TRUE(table.empty());
}

TEST(WatchTable, watcher_goes_with_all_its_watches) {
  WatchTable table;
  table.add(WatchKind::kData, "/a", 1);
  table.add(WatchKind::kChild, "/b", 1);
  table.add(WatchKind::kPersistentRecursive, "/", 1);
  table.add(WatchKind::kData, "/a", 2);
  table.remove_watcher(1);
  table.remove_watcher(1);
  table.remove_watcher(77);
  EXPECT_THAT(fire(table, set("/a")), ElementsAre("2 changed /a"));
  EXPECT_TRUE(table.empty());
}

TEST(WatchTable, a_watcher_may_go_while_it_is_told) {
  WatchTable table;
  for (WatcherId watcher = 0; watcher < 4; ++watcher) table.add(WatchKind::kData, "/a", watcher);
  table.add(WatchKind::kChild, "/", 2);
  std::vector<WatcherId> told;
  table.fire(deleted("/a"), [&](WatcherId watcher, auto, auto, const auto&) {
    told.push_back(watcher);
    table.remove_watcher(watcher);
  });
  EXPECT_THAT(told, ElementsAre(0, 1, 2, 3));
  EXPECT_TRUE(table.empty());
}

TEST(WatchTable, counts_are_those_of_the_data_table) {
  WatchTable table;
  table.add(WatchKind::kPersistentRecursive, "/a", 1);
  table.add(WatchKind::kData, "/b", 1);
  table.add(WatchKind::kPersistentRecursive, "/b", 1);
  table.add(WatchKind::kChild, "/c", 2);
  table.add(WatchKind::kPersistent, "/b", 3);
  EXPECT_EQ(table.watch_count(), 3u);
  EXPECT_EQ(table.watch_count_of_both_tables(), 5u);
  EXPECT_EQ(table.path_count(), 2u);
  EXPECT_EQ(table.watcher_count(), 2u);
  EXPECT_THAT(by_path(table, 1'000), ElementsAre("/a 1", "/b 1", "/b 3"));
  EXPECT_THAT(by_watcher(table, 1'000), ElementsAre("/b 1", "/a 1", "/b 3"));
}

TEST(WatchTable, slices_list_what_one_look_lists) {
  WatchTable table;
  for (int i = 0; i < 50; ++i) {
    for (WatcherId watcher = 0; watcher < 5; ++watcher) {
      if ((i + static_cast<int>(watcher)) % 3 == 0) continue;
      table.add(watcher == 4 ? WatchKind::kChild : WatchKind::kData, "/" + std::to_string(i),
                watcher);
    }
  }
  const auto all = by_path(table, 1'000);
  EXPECT_EQ(all.size(), table.watch_count());
  for (const size_t slice : {1, 2, 7}) {
    EXPECT_EQ(by_path(table, slice), all);
    EXPECT_EQ(by_watcher(table, slice), by_watcher(table, 1'000));
    EXPECT_THAT(by_watcher(table, slice), testing::UnorderedElementsAreArray(all));
  }
}

TEST(WatchTable, a_list_goes_on_though_what_it_stands_at_is_gone) {
  WatchTable table;
  for (int i = 0; i < 10; ++i) table.add(WatchKind::kData, "/" + std::to_string(i), 1);
  table.add(WatchKind::kData, "/other", 2);
  WatchTable::Place place;
  std::vector<std::string> seen;
  const auto see = [&](std::string_view path, WatcherId) { seen.emplace_back(path); };
  ASSERT_TRUE(table.visit_by_watcher(place, 5, see));
  table.remove_watcher(1);
  table.add(WatchKind::kData, "/new", 3);  // in the place of one of those
  while (table.visit_by_watcher(place, 5, see)) {
  }
  EXPECT_THAT(seen, testing::Contains("/other"));
  EXPECT_THAT(seen, testing::Contains("/new"));
}

// A connection with very many watches goes: none of them fires, and they are freed bit by bit.
TEST(WatchTable, many_watches_of_one_watcher_are_freed_in_slices) {
  WatchTable table;
  for (int i = 0; i < 5'000; ++i) {
    table.add(i % 2 == 0 ? WatchKind::kData : WatchKind::kPersistentRecursive,
              "/" + std::to_string(i), 1);
  }
  table.add(WatchKind::kData, "/4998", 2);
  table.remove_watcher(1);
  EXPECT_TRUE(table.is_leaving(1));
  EXPECT_EQ(table.watch_count(), 4'001u);
  std::vector<WatcherId> told;
  const auto tell = [&](WatcherId watcher, wire::EventType, std::string_view, const AclPtr&) {
    told.push_back(watcher);
  };
  for (const char* path : {"/0", "/4999", "/4998", "/4999/below"}) {
    table.fire({Change::Kind::kDataChanged, path, kNodeAcl, nullptr}, tell);
  }
  EXPECT_THAT(told, ElementsAre(2));
  EXPECT_THAT(by_path(table, 1'000), testing::IsEmpty());
  EXPECT_THAT(by_watcher(table, 1'000), testing::IsEmpty());
  std::vector<WatcherId> gone;
  size_t slices = 0;
  for (; table.is_sweeping(); ++slices) table.sweep(1'000, gone);
  EXPECT_GE(slices, 3u);
  EXPECT_THAT(gone, ElementsAre(1));
  EXPECT_FALSE(table.is_leaving(1));
  EXPECT_TRUE(table.empty());
  table.add(WatchKind::kData, "/0", 1);
  table.fire({Change::Kind::kDataChanged, "/0", kNodeAcl, nullptr}, tell);
  EXPECT_THAT(told, ElementsAre(2, 1));
}

// ZooKeeper's two tables, written down as simply as possible.
struct Model {
  using Modes = std::set<WatchKind>;
  using Table = std::map<std::string, std::map<WatcherId, Modes>>;
  Table data, child;

  void add(WatchKind kind, const std::string& path, WatcherId watcher) {
    if (kind != WatchKind::kChild) data[path][watcher].insert(kind);
    if (kind == WatchKind::kChild || kind == WatchKind::kPersistent) {
      child[path][watcher].insert(kind);
    }
  }
  static void remove_from(Table& table, const std::string& path, WatcherId watcher) {
    table[path].erase(watcher);
  }
  static std::set<WatcherId> look_up(Table& table, const std::string& path, WatchKind one_shot) {
    std::set<WatcherId> found;
    for (auto& [watcher, modes] : table[path]) {
      if (modes.empty()) continue;
      found.insert(watcher);
      modes.erase(one_shot);
    }
    for (std::string above = path; above != "/";) {
      above = above.substr(0, std::max<size_t>(1, above.rfind('/')));
      for (const auto& [watcher, modes] : table[above]) {
        if (modes.contains(WatchKind::kPersistentRecursive)) found.insert(watcher);
      }
    }
    return found;
  }
};

TEST(WatchTable, agrees_with_the_model) {
  Random random(11);
  WatchTable table;
  Model model;
  const auto random_path = [&] {
    std::string path;
    for (uint64_t i = 0; i <= random.below(3); ++i)
      path += std::string("/") + "ab"[random.below(2)];
    return random.one_in(8) ? "/" : path;
  };
  for (int step = 0; step < 60'000; ++step) {
    const std::string path = random_path();
    const auto watcher = static_cast<WatcherId>(random.below(6));
    const uint64_t action = random.below(10);
    if (action < 5) {
      const auto kind = static_cast<WatchKind>(random.below(4));
      table.add(kind, path, watcher);
      model.add(kind, path, watcher);
      continue;
    }
    if (action == 5 && random.one_in(3)) {
      table.remove_watcher(watcher);
      for (auto* one : {&model.data, &model.child}) {
        for (auto& [watched, watchers] : *one) watchers.erase(watcher);
      }
      continue;
    }
    if (action == 6) {
      const bool had = !model.data[path][watcher].empty() || !model.child[path][watcher].empty();
      EXPECT_EQ(table.contains(WatchSelector::kAny, path, watcher), had);
      EXPECT_EQ(table.remove(WatchSelector::kAny, path, watcher), had);
      Model::remove_from(model.data, path, watcher);
      Model::remove_from(model.child, path, watcher);
      continue;
    }
    if (path == "/") continue;
    const auto kind = static_cast<Change::Kind>(random.below(3));
    std::multiset<std::string> expected;
    const auto expect = [&](const std::set<WatcherId>& watchers, const char* what) {
      for (const WatcherId id : watchers) expected.insert(std::to_string(id) + " " + what);
    };
    const std::string parent = path.substr(0, std::max<size_t>(1, path.rfind('/')));
    const char* name = kind == Change::Kind::kCreated   ? "created "
                       : kind == Change::Kind::kDeleted ? "deleted "
                                                        : "changed ";
    const auto told = Model::look_up(model.data, path, WatchKind::kData);
    expect(told, (name + path).c_str());
    if (kind == Change::Kind::kDeleted) {
      auto more = Model::look_up(model.child, path, WatchKind::kChild);
      for (const WatcherId id : told) more.erase(id);
      expect(more, (name + path).c_str());
    }
    if (kind != Change::Kind::kDataChanged) {
      expect(Model::look_up(model.child, parent, WatchKind::kChild),
             ("children " + parent).c_str());
    }
    const auto events = fire(table, change(kind, path));
    EXPECT_EQ(std::multiset<std::string>(events.begin(), events.end()), expected);
    if (HasFailure()) return;
  }
  for (WatcherId watcher = 0; watcher < 6; ++watcher) table.remove_watcher(watcher);
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.watch_count_of_both_tables(), 0u);
  EXPECT_EQ(table.path_count(), 0u);
  EXPECT_EQ(table.watcher_count(), 0u);
}

TEST(IdIndex, agrees_with_a_set_also_when_hashes_collide) {
  Random random(5);
  IdIndex index;
  std::set<uint32_t> ids;
  const auto hash = [](uint32_t id) { return id % 37 * 0x10001u; };
  for (int step = 0; step < 50'000; ++step) {
    const auto id = static_cast<uint32_t>(random.below(step % 10'000 < 5'000 ? 400 : 20));
    const auto found = index.find(hash(id), [&](uint32_t other) { return other == id; });
    ASSERT_EQ(found, ids.contains(id) ? id : IdIndex::kNone);
    if (ids.erase(id) > 0) {
      index.erase(hash(id), id);
    } else {
      index.insert(hash(id), id);
      ids.insert(id);
    }
    ASSERT_EQ(index.size(), ids.size());
  }
}

}  // namespace
}  // namespace zooid::state
