#include "sim/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

namespace zooid::sim {
namespace {

constexpr uint16_t kClientPort = 2181;
constexpr int64_t kReaperIntervalMs = 1'500;

template <class T>
T one_of(Random& random, std::initializer_list<T> values) {
  return *(values.begin() + random.below(values.size()));
}

}  // namespace

Limits draw_limits(Random& random) {
  Limits limits;
  limits.tick_ms = one_of(random, {100, 200, 500});
  limits.init_limit = one_of(random, {5, 10, 20, 200});
  limits.sync_limit = one_of(random, {2, 3, 5});
  limits.snap_count = one_of(random, {10, 60, 400, 3'000});
  limits.commit_log_count = one_of(random, {1, 5, 40, 500});
  limits.outstanding = one_of(random, {10, 1'000});
  limits.preallocate_bytes = one_of(random, {4'096u, 65'536u});
  limits.snapshot_size_factor = one_of(random, {-1.0, 0.0, 0.0, 0.01, 0.33, 100.0});
  limits.history_slice_bytes = one_of(random, {1u, 200u, 2'000u, 512u * 1'024});
  limits.digest_enabled = !random.one_in(8);
  limits.end_election_early = !random.one_in(3);
  return limits;
}

// Few large nodes, or many small ones: a SNAP takes many pumps, a walk many wake-ups.
void make_larger(Limits& limits, Random& random) {
  const bool are_large = random.one_in(2);
  limits.bulk = are_large
                    ? Bulk{.nodes = 60 + random.below(100), .bytes_each = 120'000}
                    : Bulk{.nodes = 3'000 + random.below(9'000), .bytes_each = 100, .batch = 60};
  limits.tick_ms = one_of(random, {200, 500, 1'000, 2'000});
  limits.snap_count = one_of(random, {200, 3'000});
  limits.history_slice_bytes = one_of(random, {2'000u, 512u * 1'024});
}

void make_harsher(Limits& limits, const World& world, Random& random) {
  limits.local_sessions = world.allows(Hardship::kLocalSessions);
  if (world.allows(Hardship::kData)) make_larger(limits, random);
  if (!world.allows(Hardship::kBounds)) return;
  limits.output_bytes_max = one_of(random, {32u << 10, 1u << 20, 128u << 20});
  limits.incoming_bytes_max = one_of(random, {8u << 10, 256u << 10, 64u << 20});
  limits.log_size_limit_bytes = one_of(random, {0u, 20'000u, 200'000u});
}

std::string Limits::text() const {
  return fmt::format(
             "tickTime={} initLimit={} syncLimit={} snapCount={} commitLogCount={} historySlice={} "
             "globalOutstandingLimit={} preAllocSize={} snapshotSizeFactor={} digest={} "
             "endEarly={}{}",
             tick_ms, init_limit, sync_limit, snap_count, commit_log_count, history_slice_bytes,
             outstanding, preallocate_bytes, snapshot_size_factor, digest_enabled,
             end_election_early, local_sessions ? " localSessions=true" : "") +
         (log_size_limit_bytes + output_bytes_max != 128u << 20
              ? fmt::format(" outputBytesMax={} incomingBytesMax={} txnLogSizeLimit={}",
                            output_bytes_max, incoming_bytes_max, log_size_limit_bytes)
              : "") +
         (bulk.nodes > 0 ? fmt::format(" bulk={}x{}", bulk.nodes, bulk.bytes_each) : "");
}

env::MemoryNetworkOptions draw_network(Random& random) {
  env::MemoryNetworkOptions options;
  options.latency_min_us = 50;
  options.latency_max_us = 200 + static_cast<int64_t>(random.below(2'000));
  if (random.one_in(4)) options.window_bytes = 4'096 + random.below(16'384);
  return options;
}

void make_harsher(env::MemoryNetworkOptions& options, const World& world, Random& random) {
  if (!world.allows(Hardship::kNetwork) && !world.allows(Hardship::kData)) return;
  // The last one stands for a kernel that takes whatever it gets.
  options.window_bytes = one_of<size_t>(
      random, {4u << 10, 16u << 10, 64u << 10, 1u << 20, 4u << 20, 16u << 20, size_t{1} << 40});
  constexpr size_t kWindowForData = 64 << 10;  // or it takes longer than a run
  if (world.allows(Hardship::kData)) {
    options.window_bytes = std::max(options.window_bytes, kWindowForData);
  }
  if (!world.allows(Hardship::kNetwork)) return;
  options.cuts_segments = !random.one_in(3);
  options.joins_arrivals = !random.one_in(3);
}

config::ServerConfig config_of(const Limits& limits) {
  config::ServerConfig config;
  config.tick_ms = limits.tick_ms;
  config.init_limit = limits.init_limit;
  config.sync_limit = limits.sync_limit;
  config.data_dir = "/data";
  config.client_port = kClientPort;
  config.snap_count = limits.snap_count;
  config.commit_log_count = limits.commit_log_count;
  config.history_slice_bytes = limits.history_slice_bytes;
  config.global_outstanding_limit = limits.outstanding;
  config.preallocate_bytes = limits.preallocate_bytes;
  config.snapshot_size_factor = limits.snapshot_size_factor;
  config.digest_enabled = limits.digest_enabled;
  config.end_election_early = limits.end_election_early;
  config.connect_timeout_ms = 2 * limits.tick_ms;
  config.container_check_interval_ms = kReaperIntervalMs;
  config.output_bytes_max = limits.output_bytes_max;
  config.incoming_bytes_max = limits.incoming_bytes_max;
  config.log_size_limit_bytes = limits.log_size_limit_bytes;
  config.local_sessions_enabled = limits.local_sessions;
  config.local_sessions_upgrading_enabled = limits.local_sessions;
  return config;
}

}  // namespace zooid::sim
