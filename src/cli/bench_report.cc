// What `zooid bench` prints.
#include <fmt/format.h>

#include "cli/bench.h"

namespace zooid::cli {
namespace {

double per_second(const BenchResult& result) {
  return result.seconds > 0 ? static_cast<double>(result.operations) / result.seconds : 0;
}

}  // namespace

std::string bench_text(const BenchOptions& options, const BenchResult& result) {
  const LatencyHistogram& latency = result.latency;
  return fmt::format(
      "{} connections, {}: {:.0f} operations/s ({} in {:.1f} s), {} errors, {} connections lost\n"
      "latency us: mean {:.0f}  p50 {}  p90 {}  p99 {}  p99.9 {}  max {}; longest silence {:.1f} "
      "ms\n",
      options.connections,
      options.rate > 0 ? fmt::format("open loop at {:.0f}/s", options.rate)
                       : fmt::format("{} deep", options.depth),
      per_second(result), result.operations, result.seconds, result.errors, result.lost_connections,
      latency.mean_us(), latency.percentile_us(0.5), latency.percentile_us(0.9),
      latency.percentile_us(0.99), latency.percentile_us(0.999), latency.max_us(),
      result.longest_gap_ms);
}

std::string bench_json(const BenchOptions& options, const BenchResult& result) {
  const LatencyHistogram& latency = result.latency;
  return fmt::format(
      "{{\"connections\":{},\"depth\":{},\"rate\":{:.0f},\"value_bytes\":{},\"seconds\":{:.3f},"
      "\"operations\":{},\"operations_per_second\":{:.1f},\"errors\":{},\"lost_connections\":{},"
      "\"longest_gap_ms\":{:.3f},\"latency_us\":{{\"mean\":{:.1f},\"p50\":{},\"p90\":{},\"p99\":{},"
      "\"p999\":{},\"max\":{}}}}}\n",
      options.connections, options.depth, options.rate, options.value_bytes, result.seconds,
      result.operations, per_second(result), result.errors, result.lost_connections,
      result.longest_gap_ms, latency.mean_us(), latency.percentile_us(0.5),
      latency.percentile_us(0.9), latency.percentile_us(0.99), latency.percentile_us(0.999),
      latency.max_us());
}

}  // namespace zooid::cli
