// `zooid bench`: a load generator over the client protocol, for any ZooKeeper server. Closed loop
// (each connection keeps `depth` requests in flight) or open loop (a fixed rate; latency is
// measured from the moment at which a request was due).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/latency_histogram.h"
#include "cli/terminal.h"

namespace zooid::cli {

struct BenchOptions {
  std::vector<env::Endpoint> servers;  // connections are spread over them
  int connections = 32;  // a server takes 60 of one address by default (maxClientCnxns)
  int depth = 8;
  // Shares of the operations; any sum.
  int get_share = 100, set_share = 0, create_share = 0, exists_share = 0, children_share = 0;
  int value_bytes = 100;
  int nodes = 1000;
  double warm_up_s = 1, duration_s = 5;
  double rate = 0;  // operations per second of all connections; 0: closed loop
  int32_t session_timeout_ms = 30'000;
};

struct BenchResult {
  double seconds = 0;
  uint64_t operations = 0;
  uint64_t errors = 0;
  uint64_t lost_connections = 0;
  double longest_gap_ms = 0;  // without any answer, also at the end
  LatencyHistogram latency;
  // Nobody answered any more: when the run ended, or for so long that it was ended.
  std::string service_lost;
  std::string left_behind;  // a node that could not be removed
};

// Fails before any load if one of the servers cannot be reached, with the reason; the nodes made
// until then are removed. `before_clean_up` is called when the load has ended (an interrupt that
// ended it must not end the removal of the nodes).
Result<BenchResult> run_bench(
    Terminal& terminal, const BenchOptions& options,
    const std::function<void()>& before_clean_up = [] {});

// "get=90,set=10": fills the shares. False: not understood.
bool parse_mix(const std::string& text, BenchOptions& options);
std::string bench_text(const BenchOptions& options, const BenchResult& result);
std::string bench_json(const BenchOptions& options, const BenchResult& result);

}  // namespace zooid::cli
