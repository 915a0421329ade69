// From changes to notification frames (client-protocol 9): who may read the node hears of it.
#pragma once

#include <cstdint>
#include <string>

#include "server/shard_core.h"
#include "wire/request.h"

namespace zooid::server {

// Fires the watches for one transaction. The frames carry its zxid, as ZooKeeper 3.9 does. An event
// is withheld from a connection that may not READ the node; a one-shot watch is used up all the
// same.
void deliver_changes(ShardCore& core, const state::Applied& applied);

// setWatches, setWatches2: for each path the missed event (zxid -1, appended to `out`) or a watch.
// As in ZooKeeper, such an event comes also to who may not READ the node.
// Returns the number of events.
uint32_t restore_watches(ShardCore& core, const wire::SetWatchesRequest& request,
                         state::WatcherId watcher, std::string& out);

}  // namespace zooid::server
