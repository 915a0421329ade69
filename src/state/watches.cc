// One record for each (path, watcher), whatever kinds of watches it has there. The record stands in
// two lists, its path's (in the order of registration, which is the order of delivery) and its
// watcher's; both are linked by record numbers, so that taking one out costs the same however long
// they are. A record is 24 B and an index slot 8 B at most 7/8 full; a path 24 B, its text and a
// slot.
#include "state/watches.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/hash.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "state/id_index.h"
#include "state/paths.h"
#include "state/pool.h"

namespace zooid::state {
namespace {

constexpr uint32_t kNone = IdIndex::kNone;
constexpr WatcherId kWatchersMax = 1u << 24;

// What a record holds. ZooKeeper's two tables are in it: a persistent watch stands in both, a
// recursive one in the data table.
constexpr uint8_t kDataBit = 1, kChildBit = 2, kPersistentBit = 4, kRecursiveBit = 8;
constexpr uint8_t kDataTable = kDataBit | kPersistentBit | kRecursiveBit;
constexpr uint8_t kChildTable = kChildBit | kPersistentBit;

uint8_t bit_of(WatchKind kind) {
  constexpr std::array<uint8_t, 4> kBits{kDataBit, kChildBit, kPersistentBit, kRecursiveBit};
  return kBits.at(static_cast<size_t>(kind));
}

uint8_t bits_of(WatchSelector selector) {
  switch (selector) {
    case WatchSelector::kChildren:
      return kChildBit;
    case WatchSelector::kData:
      return kDataBit;
    case WatchSelector::kPersistent:
      return kPersistentBit;
    case WatchSelector::kPersistentRecursive:
      return kRecursiveBit;
    case WatchSelector::kAny:
      return kDataBit | kChildBit | kPersistentBit | kRecursiveBit;
  }
  return 0;
}

struct Watch {
  uint32_t path = kNone;
  uint32_t watcher : 24 = 0;
  uint32_t bits : 8 = 0;
  uint32_t previous_of_path = kNone, next_of_path = kNone;
  uint32_t previous_of_watcher = kNone, next_of_watcher = kNone;
};
static_assert(sizeof(Watch) == 24);

struct Path {
  std::unique_ptr<char[]> text;
  uint32_t length = 0;
  uint32_t first = kNone, last = kNone;
  uint32_t in_data_table = 0;  // how many of its records are

  std::string_view view() const { return {text.get(), length}; }
};
static_assert(sizeof(Path) == 24);

struct Watcher {
  uint32_t first = kNone;
  uint32_t in_data_table = 0;
  uint64_t delivered_at = 0;  // the last look-up that found it; kGone: it hears nothing any more
};
// Later than any look-up: who is leaving counts as told already.
constexpr uint64_t kGone = UINT64_MAX;
// A watcher's watches that are freed at once when it goes.
constexpr size_t kFreedAtOnce = 1'000;

uint32_t hash_of(std::string_view path) {
  return static_cast<uint32_t>(keyed_hash(path));
}
uint32_t hash_of(uint32_t path, WatcherId watcher) {
  return static_cast<uint32_t>(keyed_hash(path, uint64_t{watcher}));
}

}  // namespace

struct WatchTable::Tables {
  Pool<Watch> watches;
  Pool<Path> paths;
  IdIndex path_index;   // text -> path
  IdIndex watch_index;  // (path, watcher) -> watch
  std::vector<Watcher> watchers;
  size_t recursive_count = 0;
  size_t data_watches = 0, child_watches = 0;  // records of each table
  size_t data_paths = 0, data_watchers = 0;    // with a record of the data table
  uint64_t look_ups = 0;
  std::vector<WatcherId> leaving;  // with watches that are not freed yet
  std::vector<WatcherId> found;    // of the look-up under way; kept for its memory

  uint32_t find_path(std::string_view path) const {
    return path_index.find(hash_of(path), [&](uint32_t id) { return paths[id].view() == path; });
  }
  uint32_t find_watch(uint32_t path, WatcherId watcher) const {
    return watch_index.find(hash_of(path, watcher), [&](uint32_t id) {
      return watches[id].path == path && watches[id].watcher == watcher;
    });
  }
  uint32_t find_watch(std::string_view path, WatcherId watcher) const {
    const uint32_t id = find_path(path);
    return id == kNone ? kNone : find_watch(id, watcher);
  }

  uint32_t intern(std::string_view path);
  uint32_t link(uint32_t path, WatcherId watcher);
  void unlink(uint32_t id);
  void set_bits(uint32_t id, uint8_t bits);
  void set_bits_or_unlink(uint32_t id, uint8_t bits);

  // Frees up to `watches_max` of its watches; how many more could have been freed. 0: it may have
  // some left.
  size_t free_watches(WatcherId watcher, size_t watches_max);

  void begin_look_up() {
    ++look_ups;
    found.clear();
  }
  void collect(std::string_view path, uint8_t table, uint8_t one_shot, uint64_t not_again_since);
  void collect_recursive_above(std::string_view path);
  void look_up_data(std::string_view path);
  void look_up_children(std::string_view path, uint64_t not_again_since);
};

uint32_t WatchTable::Tables::intern(std::string_view path) {
  const uint32_t known = find_path(path);
  if (known != kNone) return known;
  const uint32_t id = paths.allocate();
  Path& entry = paths[id];
  entry.text = std::make_unique_for_overwrite<char[]>(path.size());
  std::ranges::copy(path, entry.text.get());
  entry.length = static_cast<uint32_t>(path.size());
  path_index.insert(hash_of(path), id);
  return id;
}

// A new record at the end of its path's list.
uint32_t WatchTable::Tables::link(uint32_t path, WatcherId watcher) {
  ASSERT(watcher < kWatchersMax);
  if (watchers.size() <= watcher) watchers.resize(watcher + 1);
  const uint32_t id = watches.allocate();
  Watch& watch = watches[id];
  watch.path = path;
  watch.watcher = watcher;
  Path& entry = paths[path];
  watch.previous_of_path = entry.last;
  (entry.last == kNone ? entry.first : watches[entry.last].next_of_path) = id;
  entry.last = id;
  Watcher& owner = watchers[watcher];
  watch.next_of_watcher = owner.first;
  if (owner.first != kNone) watches[owner.first].previous_of_watcher = id;
  owner.first = id;
  watch_index.insert(hash_of(path, watcher), id);
  return id;
}

// Requires that no bit is left. The path goes with its last record.
void WatchTable::Tables::unlink(uint32_t id) {
  const Watch watch = watches[id];
  ASSERT(watch.bits == 0);
  watch_index.erase(hash_of(watch.path, watch.watcher), id);
  Path& path = paths[watch.path];
  (watch.previous_of_path == kNone ? path.first : watches[watch.previous_of_path].next_of_path) =
      watch.next_of_path;
  (watch.next_of_path == kNone ? path.last : watches[watch.next_of_path].previous_of_path) =
      watch.previous_of_path;
  Watcher& owner = watchers[watch.watcher];
  (watch.previous_of_watcher == kNone ? owner.first
                                      : watches[watch.previous_of_watcher].next_of_watcher) =
      watch.next_of_watcher;
  if (watch.next_of_watcher != kNone) {
    watches[watch.next_of_watcher].previous_of_watcher = watch.previous_of_watcher;
  }
  if (path.first == kNone) {
    ASSERT(path.in_data_table == 0);
    path_index.erase(hash_of(path.view()), watch.path);
    paths.free(watch.path);
  }
  watches.free(id);
}

void WatchTable::Tables::set_bits(uint32_t id, uint8_t bits) {
  Watch& watch = watches[id];
  const auto was_in = [&](uint8_t table) { return (watch.bits & table) != 0; };
  const auto is_in = [&](uint8_t table) { return (bits & table) != 0; };
  recursive_count += is_in(kRecursiveBit) - was_in(kRecursiveBit);
  child_watches += is_in(kChildTable) - was_in(kChildTable);
  if (is_in(kDataTable) && !was_in(kDataTable)) {
    ++data_watches;
    if (paths[watch.path].in_data_table++ == 0) ++data_paths;
    if (watchers[watch.watcher].in_data_table++ == 0) ++data_watchers;
  } else if (!is_in(kDataTable) && was_in(kDataTable)) {
    --data_watches;
    if (--paths[watch.path].in_data_table == 0) --data_paths;
    if (--watchers[watch.watcher].in_data_table == 0) --data_watchers;
  }
  watch.bits = bits;
}

void WatchTable::Tables::set_bits_or_unlink(uint32_t id, uint8_t bits) {
  if (bits == watches[id].bits) return;
  set_bits(id, bits);
  if (bits == 0) unlink(id);
}

size_t WatchTable::Tables::free_watches(WatcherId watcher, size_t watches_max) {
  for (; watches_max > 0; --watches_max) {
    const uint32_t first = watchers[watcher].first;
    if (first == kNone) {
      ASSERT(watchers[watcher].in_data_table == 0);
      watchers[watcher] = Watcher{};
      break;
    }
    set_bits_or_unlink(first, 0);
  }
  return watches_max;
}

// Adds the watchers of exactly this path that stand in the table, except those that a look-up after
// `not_again_since` found already, and uses up their one-shot watches in either case.
void WatchTable::Tables::collect(std::string_view path, uint8_t table, uint8_t one_shot,
                                 uint64_t not_again_since) {
  const uint32_t path_id = find_path(path);
  if (path_id == kNone) return;
  for (uint32_t id = paths[path_id].first; id != kNone;) {
    const Watch& watch = watches[id];
    const uint32_t next = watch.next_of_path;
    if ((watch.bits & table) != 0) {
      Watcher& watcher = watchers[watch.watcher];
      if (watcher.delivered_at <= not_again_since) found.push_back(watch.watcher);
      if (watcher.delivered_at != kGone) watcher.delivered_at = look_ups;
      uint8_t used_up = one_shot;
      if (is_planted(PlantedBug::kPersistentFiresOnce)) used_up |= kPersistentBit | kRecursiveBit;
      set_bits_or_unlink(id, watch.bits & static_cast<uint8_t>(~used_up));
    }
    id = next;
  }
}

void WatchTable::Tables::collect_recursive_above(std::string_view path) {
  while (path.size() > 1) {
    path = parent_path(path);
    const uint32_t path_id = find_path(path);
    if (path_id == kNone) continue;
    for (uint32_t id = paths[path_id].first; id != kNone; id = watches[id].next_of_path) {
      const Watch& watch = watches[id];
      Watcher& watcher = watchers[watch.watcher];
      if ((watch.bits & kRecursiveBit) == 0 || watcher.delivered_at >= look_ups) continue;
      watcher.delivered_at = look_ups;
      found.push_back(watch.watcher);
    }
  }
}

void WatchTable::Tables::look_up_data(std::string_view path) {
  begin_look_up();
  collect(path, kDataTable, kDataBit, look_ups - 1);
  if (recursive_count > 0) collect_recursive_above(path);
}

void WatchTable::Tables::look_up_children(std::string_view path, uint64_t not_again_since) {
  begin_look_up();
  collect(path, kChildTable, kChildBit, not_again_since);
}

WatchTable::WatchTable() : tables_(std::make_unique<Tables>()) {}
WatchTable::~WatchTable() = default;

void WatchTable::add(WatchKind kind, std::string_view path, WatcherId watcher) {
  const uint32_t path_id = tables_->intern(path);
  uint32_t id = tables_->find_watch(path_id, watcher);
  if (id == kNone) id = tables_->link(path_id, watcher);
  tables_->set_bits(id, tables_->watches[id].bits | bit_of(kind));
  ASSERT((tables_->watches[id].bits & bit_of(kind)) != 0);
}

bool WatchTable::contains(WatchSelector selector, std::string_view path, WatcherId watcher) const {
  const uint32_t id = tables_->find_watch(path, watcher);
  return id != kNone && (tables_->watches[id].bits & bits_of(selector)) != 0;
}

bool WatchTable::remove(WatchSelector selector, std::string_view path, WatcherId watcher) {
  const uint32_t id = tables_->find_watch(path, watcher);
  if (id == kNone) return false;
  const uint8_t bits = tables_->watches[id].bits;
  if ((bits & bits_of(selector)) == 0) return false;
  tables_->set_bits_or_unlink(id, bits & static_cast<uint8_t>(~bits_of(selector)));
  return true;
}

void WatchTable::remove_watcher(WatcherId watcher) {
  Tables& tables = *tables_;
  if (watcher >= tables.watchers.size()) return;
  ASSERT(!is_leaving(watcher));
  if (tables.free_watches(watcher, kFreedAtOnce) > 0) return;
  MARK("watches.freed_in_slices");
  tables.watchers[watcher].delivered_at = kGone;
  tables.leaving.push_back(watcher);
}

bool WatchTable::is_leaving(WatcherId watcher) const {
  return watcher < tables_->watchers.size() && tables_->watchers[watcher].delivered_at == kGone;
}
bool WatchTable::is_sweeping() const {
  return !tables_->leaving.empty();
}

void WatchTable::sweep(size_t watches_max, std::vector<WatcherId>& gone) {
  Tables& tables = *tables_;
  while (!tables.leaving.empty()) {
    const WatcherId watcher = tables.leaving.back();
    watches_max = tables.free_watches(watcher, watches_max);
    if (watches_max == 0) return;
    gone.push_back(watcher);
    tables.leaving.pop_back();
  }
}

void WatchTable::fire(const Change& change, const Deliver& deliver) {
  Tables& tables = *tables_;
  if (tables.watches.size() == 0) return;
  const auto tell = [&](wire::EventType type, std::string_view path, const AclPtr& acl) {
    for (const WatcherId watcher : tables.found) deliver(watcher, type, path, acl);
  };
  switch (change.kind) {
    case Change::Kind::kCreated:
      tables.look_up_data(change.path);
      tell(wire::EventType::kNodeCreated, change.path, change.acl);
      break;
    case Change::Kind::kDataChanged:
      tables.look_up_data(change.path);
      tell(wire::EventType::kNodeDataChanged, change.path, change.acl);
      return;
    case Change::Kind::kDeleted:
      if (is_planted(PlantedBug::kWatchLost)) break;
      tables.look_up_data(change.path);
      tell(wire::EventType::kNodeDeleted, change.path, change.acl);
      // Who has just been told is not told again.
      tables.look_up_children(change.path, tables.look_ups - 1);
      tell(wire::EventType::kNodeDeleted, change.path, change.acl);
      break;
  }
  const std::string_view parent = parent_path(change.path);
  tables.look_up_children(parent, tables.look_ups);
  tell(wire::EventType::kNodeChildrenChanged, parent, change.parent_acl);
}

bool WatchTable::empty() const {
  return tables_->watches.size() == 0;
}
size_t WatchTable::watch_count() const {
  return tables_->data_watches;
}
size_t WatchTable::watch_count_of_both_tables() const {
  return tables_->data_watches + tables_->child_watches;
}
size_t WatchTable::path_count() const {
  return tables_->data_paths;
}
size_t WatchTable::watcher_count() const {
  return tables_->data_watchers;
}

bool WatchTable::visit_by_path(Place& place, size_t watches_max, const Visit& visit) const {
  const Tables& tables = *tables_;
  for (size_t visited = 0; visited < watches_max; ++place.list) {
    if (place.list >= tables.paths.end()) return false;
    const Path& path = tables.paths[place.list];
    ++visited;
    if (path.in_data_table == 0) continue;
    for (uint32_t id = path.first; id != kNone; id = tables.watches[id].next_of_path) {
      const Watch& watch = tables.watches[id];
      if ((watch.bits & kDataTable) == 0 || is_leaving(watch.watcher)) continue;
      visit(path.view(), watch.watcher);
      ++visited;
    }
  }
  return true;
}

bool WatchTable::visit_by_watcher(Place& place, size_t watches_max, const Visit& visit) const {
  const Tables& tables = *tables_;
  for (size_t visited = 0; visited < watches_max; ++place.list, place.watch = kNone) {
    if (place.list >= tables.watchers.size()) return false;
    if (place.watch == kNone) ++visited;  // else it was counted when it was begun
    const Watcher& watcher = tables.watchers[place.list];
    if (watcher.in_data_table == 0 || watcher.delivered_at == kGone) continue;
    uint32_t id = place.watch == kNone ? watcher.first : place.watch;
    // Where the last slice stopped there may be another's watch by now, or none.
    while (id != kNone && tables.watches[id].bits != 0 &&
           tables.watches[id].watcher == place.list) {
      const Watch& watch = tables.watches[id];
      if (visited >= watches_max) {
        place.watch = id;
        return true;
      }
      if ((watch.bits & kDataTable) != 0) visit(tables.paths[watch.path].view(), watch.watcher);
      ++visited;
      id = watch.next_of_watcher;
    }
  }
  return true;
}

}  // namespace zooid::state
