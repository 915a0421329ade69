// From changes to notification frames (client-protocol 9): who may read the node hears of it.
#pragma once

#include <cstdint>
#include <string>

#include "server/request_queue.h"
#include "server/shard_core.h"
#include "wire/request.h"

namespace zooid::server {

// Fires the watches for one transaction. The frames carry its zxid, as ZooKeeper 3.9 does. An event
// is withheld from a connection that may not READ the node; a one-shot watch is used up all the
// same.
void deliver_changes(ShardCore& core, const state::Applied& applied);

// setWatches, setWatches2, of a body that was found readable: for each path the missed event (zxid
// -1, appended to `out`) or a watch. As in ZooKeeper, such an event comes also to who may not READ
// the node. Goes on where `progress` says until the turn is over, true at the end of the last list;
// adds to `events`. What changes between two turns is seen by each path in its own: as a watch that
// fires or as an event that was missed.
bool restore_watches(ShardCore& core, std::string_view body, wire::OpCode type,
                     state::WatcherId watcher, RestoreProgress& progress, std::string& out,
                     uint32_t& events);

}  // namespace zooid::server
