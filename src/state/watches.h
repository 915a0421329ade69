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
  // The watcher is gone: none of its watches delivers any more. Up to a thousand of them are freed
  // at once, the rest by sweep(); until then the number is not to be given again.
  void remove_watcher(WatcherId watcher);
  bool is_leaving(WatcherId watcher) const;
  bool is_sweeping() const;
  // Frees up to `watches_max`; the watchers that are gone by that are added to `gone`.
  void sweep(size_t watches_max, std::vector<WatcherId>& gone);

  // Fires one change, in the order of the table in 9.2: calls `deliver` for each watcher once per
  // table look-up, uses up one-shot watches (also where the caller then filters the event by ACL).
  // `acl` is the one that decides about READ for this event (the node's, or the parent's for a
  // child event); null lets everybody read.
  using Deliver = std::function<void(WatcherId watcher, wire::EventType type, std::string_view path,
                                     const AclPtr& acl)>;
  void fire(const Change& change, const Deliver& deliver);

  bool empty() const;
  // For wchs: counts as ZooKeeper's data watch table shows (operations.md 1).
  size_t watch_count() const;
  size_t watch_count_of_both_tables() const;  // mntr's zk_watch_count
  size_t path_count() const;
  size_t watcher_count() const;
  // For wchc, wchp: the data watch table in slices, in an order that follows from its history. Each
  // call visits about `watches_max` and moves `place` on; false at the end. What comes or goes
  // between two slices may be seen or not.
  struct Place {
    uint32_t list = 0;            // the path, or the watcher
    uint32_t watch = UINT32_MAX;  // in a watcher's list; none: at its beginning
  };
  using Visit = std::function<void(std::string_view path, WatcherId watcher)>;
  bool visit_by_path(Place& place, size_t watches_max, const Visit& visit) const;
  bool visit_by_watcher(Place& place, size_t watches_max, const Visit& visit) const;

 private:
  struct Tables;
  std::unique_ptr<Tables> tables_;
};

}  // namespace zooid::state
