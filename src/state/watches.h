// The watches of one shard (client-protocol 9). A watcher is a connection, named by a small number
// that the shard gives; a path is stored once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "state/applied.h"
#include "wire/records.h"

namespace zooid::state {

using WatcherId = uint32_t;

// The values of checkWatches and removeWatches are separate (WatcherRemovalType).
enum class WatchKind : uint8_t { kData, kChild, kPersistent, kPersistentRecursive };
// type of checkWatches / removeWatches: 1 children, 2 data, 3 any, 4 persistent, 5 recursive.
enum class WatchSelector : int32_t {
  kChildren = 1,
  kData = 2,
  kAny = 3,
  kPersistent = 4,
  kPersistentRecursive = 5,
};

class WatchTable {
 public:
  WatchTable();
  ~WatchTable();

  // Standard, persistent and recursive watches of one watcher on one path exist side by side (3.9).
  // Adding one twice does nothing.
  void add(WatchKind kind, std::string_view path, WatcherId watcher);
  bool contains(WatchSelector selector, std::string_view path, WatcherId watcher) const;
  // False if there was none.
  bool remove(WatchSelector selector, std::string_view path, WatcherId watcher);
  void remove_watcher(WatcherId watcher);

  // Fires one change, in the order of the table in 9.2: calls `deliver` for each watcher once per
  // table look-up, uses up one-shot watches (also where the caller then filters the event by ACL).
  // `acl` is the one that decides about READ for this event (the node's, or the parent's for a
  // child event); null lets everybody read.
  using Deliver = std::function<void(WatcherId watcher, wire::EventType type, std::string_view path,
                                     const wire::AclPtr& acl)>;
  void fire(const Change& change, const Deliver& deliver);

  bool empty() const;
  // For wchs: counts as ZooKeeper's data watch table shows (operations.md 1).
  size_t watch_count() const;
  size_t watch_count_of_both_tables() const;  // mntr's zk_watch_count
  size_t path_count() const;
  size_t watcher_count() const;
  // For wchc, wchp: every (path, watcher) of the data watch table, sorted.
  std::vector<std::pair<std::string, WatcherId>> list() const;

 private:
  struct Tables;
  std::unique_ptr<Tables> tables_;
};

}  // namespace zooid::state
