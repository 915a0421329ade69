// What a run of the simulator is asked for.
#pragma once

#include <cstdint>
#include <string>

#include "base/planted_bug.h"
#include "sim/world.h"

namespace zooid::sim {

enum class FaultLevel {
  kNone,
  kSome,
  kMany,
  kMixed,  // kSome for odd seeds, kMany for even ones
};

enum class OperationSet {
  kBasic,  // create, delete, set, get, exists, children, sync, multi, one-shot watches
  kAll,    // also ACLs, containers, nodes with a time to live, persistent watches, multiRead, …
};

struct SimOptions {
  uint64_t seed = 1;
  int servers = 3;
  int clients = 8;
  int64_t seconds = 60;  // of the first phase, with faults
  // Ends the run after so many steps of the world (env::MemoryNetwork::steps); 0: no bound.
  uint64_t steps = 0;
  FaultLevel faults = FaultLevel::kSome;
  OperationSet operations = OperationSet::kAll;
  World world = World::usual();
  // Of a build that has them; anything else than kNone is an error in others.
  PlantedBug planted = PlantedBug::kNone;
  // Also keeps every message, decoded, for the story of a failure. Changes nothing else.
  bool with_messages = false;
};

}  // namespace zooid::sim
