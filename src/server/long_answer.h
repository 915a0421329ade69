// The list in an answer to a four-letter word that may be very long (cons, dump, stat, wchc, wchp):
// it is written in slices, each in a turn of the connection that asked. Owned by that connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/shard_core.h"
#include "state/tree.h"
#include "state/watches.h"

namespace zooid::server {

struct LongAnswer {
  enum class List : uint8_t {
    kConnections,          // cons
    kClients,              // stat
    kEphemerals,           // dump
    kWatchesOfPaths,       // wchp
    kWatchesOfConnections  // wchc
  };
  List list = List::kConnections;
  std::string tail;  // behind the list

  // Where the list goes on. Of connections the slot alone counts.
  state::WatchTable::Place place;
  // The heading under which the last line stands; none yet.
  std::optional<uint32_t> heading;
  // Of kEphemerals: the sessions that own some, the one that is next, and its next node.
  std::vector<SessionId> owners = {};
  size_t owner = 0;
  state::NodeId node = state::kNoNode;
};

// Writes the next slice of the list; false if that was the last one, with the tail behind it.
bool write_slice(const ShardCore& core, LongAnswer& answer, std::string& out);

}  // namespace zooid::server
