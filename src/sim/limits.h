// The bounds and the network that a run has, drawn by its seed.
#pragma once

#include <cstdint>
#include <string>

#include "base/random.h"
#include "config/server_config.h"
#include "env/memory_network.h"
#include "sim/request_source.h"
#include "sim/world.h"

namespace zooid::sim {

// Small, so that rare paths are common.
struct Limits {
  int64_t tick_ms = 200;
  int32_t init_limit = 10;
  int32_t sync_limit = 4;
  int32_t snap_count = 100'000;
  int32_t commit_log_count = 500;
  uint64_t history_slice_bytes = 512 * 1024;
  int32_t outstanding = 1'000;
  uint64_t preallocate_bytes = 16 * 1024;
  double snapshot_size_factor = 0.33;
  bool digest_enabled = true;
  bool end_election_early = true;
  // Of an unkind world.
  bool local_sessions = false;
  Bulk bulk;
  uint64_t output_bytes_max = 128u << 20;
  uint64_t incoming_bytes_max = 64u << 20;
  uint64_t log_size_limit_bytes = 0;
  std::string text() const;
};
Limits draw_limits(Random& random);
// What the run's world changes about them.
void make_harsher(Limits& limits, const World& world, Random& random);

env::MemoryNetworkOptions draw_network(Random& random);
void make_harsher(env::MemoryNetworkOptions& options, const World& world, Random& random);

// Everything of a server's settings that does not depend on which server it is.
config::ServerConfig config_of(const Limits& limits);

}  // namespace zooid::sim
