#include "cli/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "cli/bench_connection.h"
#include "cli/bench_nodes.h"

namespace zooid::cli {
namespace {

// Without any answer: longer than an election may take.
constexpr int64_t kSilenceMaxMs = 15'000;
constexpr int64_t kSessionWaitMs = 30'000;
class Load : public env::Worker {
 public:
  explicit Load(std::vector<std::unique_ptr<BenchConnection>>& connections)
      : connections_(connections) {}
  void on_batch(Now now) override {
    for (auto& connection : connections_) connection->fill(now.mono_us);
  }
  int64_t next_deadline() const override {
    int64_t deadline = kNever;
    for (const auto& connection : connections_) {
      deadline = std::min(deadline, connection->next_due_us());
    }
    return deadline;
  }

 private:
  std::vector<std::unique_ptr<BenchConnection>>& connections_;
};

using Connections = std::vector<std::unique_ptr<BenchConnection>>;

bool all_of(const Connections& connections, bool (BenchConnection::*is)() const) {
  return std::ranges::all_of(connections, [&](const auto& one) { return (one.get()->*is)(); });
}

// Every connection gets its session, or the reason why one does not.
Result<> connect_all(Terminal& terminal, const Connections& connections) {
  const auto failed = [&] {
    return std::ranges::find_if(connections,
                                [](const auto& one) { return !one->failure().empty(); });
  };
  const bool is_done = terminal.run_until(
      [&] { return failed() != connections.end() || all_of(connections, &BenchConnection::ready); },
      kSessionWaitMs);
  if (const auto one = failed(); one != connections.end()) {
    const auto count = std::ranges::count_if(
        connections, [&](const auto& other) { return other->server() == (*one)->server(); });
    if (!(*one)->was_turned_away() || count == 1) return fail((*one)->failure());
    return fail(
        fmt::format("{}; of {} to that server: maxClientCnxns there, 60 by default, limits the "
                    "connections from one address",
                    (*one)->failure(), count));
  }
  if (is_done) return {};
  if (terminal.interrupted()) return fail("interrupted");
  const auto mute =
      std::ranges::find_if(connections, [](const auto& one) { return !one->ready(); });
  return fail(fmt::format("{} gave no session within {} s (is there a quorum?)",
                          (*mute)->server().text(), kSessionWaitMs / 1000));
}

void spread(const Connections& connections, double rate, int64_t begin_us) {
  const auto count = static_cast<double>(connections.size());
  const double interval = 1e6 * count / rate;
  for (size_t i = 0; i < connections.size(); ++i) {
    connections[i]->schedule(
        begin_us + static_cast<int64_t>(interval * static_cast<double>(i) / count),
        static_cast<int64_t>(interval));
  }
}

// Puts the load on, for as long as the options say or anybody answers.
void measure(Terminal& terminal, BenchShared& shared, const Connections& connections) {
  const auto now_us = [&] { return terminal.clock.now().mono_us; };
  const auto is_silent = [&] { return now_us() - shared.last_answer_us > ms_to_us(kSilenceMaxMs); };
  const auto ends = [&] { return terminal.interrupted() || is_silent(); };
  shared.last_answer_us = now_us();
  terminal.run_until(ends, static_cast<int64_t>(shared.options.warm_up_s * 1000));
  const int64_t from_us = now_us();
  if (!is_silent()) {
    shared.measuring = true;
    shared.last_answer_us = from_us;
    terminal.run_until(ends, static_cast<int64_t>(shared.options.duration_s * 1000));
    shared.measuring = false;
  }
  const int64_t end_us = now_us();
  shared.result.seconds = static_cast<double>(end_us - from_us) / 1e6;
  shared.count_silence(end_us);
  const int64_t last_us = shared.last_answer_us;
  shared.stopping = true;
  if (terminal.interrupted()) return;
  terminal.run_until([&] { return all_of(connections, &BenchConnection::idle); }, 5000);
  // Somebody answers still, be it late.
  const bool is_served =
      shared.last_answer_us > last_us ||
      std::ranges::any_of(connections, [](const auto& one) { return one->ready() && one->idle(); });
  if (is_served && !is_silent()) return;
  shared.result.service_lost =
      fmt::format("no server answered for the last {:.1f} s",
                  static_cast<double>(now_us() - shared.last_answer_us) / 1e6);
  for (const auto& one : connections) {
    if (one->failure().empty()) continue;
    shared.result.service_lost += ": " + one->failure();
    break;
  }
}

}  // namespace

Result<BenchResult> run_bench(Terminal& terminal, const BenchOptions& options,
                              const std::function<void()>& before_clean_up) {
  const auto seed = static_cast<uint64_t>(terminal.clock.now().mono_us);
  BenchShared shared{options, terminal.clock, fmt::format("/zooid-bench-{:x}", seed), Random(seed)};
  Connections connections;
  for (int i = 0; i < options.connections; ++i) {
    connections.push_back(std::make_unique<BenchConnection>(
        shared, terminal.network,
        options.servers[static_cast<size_t>(i) % options.servers.size()]));
  }
  Load load(connections);
  terminal.add_worker(load);
  const auto close_all = [&] {
    shared.stopping = true;
    terminal.remove_worker(load);
    for (auto& connection : connections) connection->close();
    before_clean_up();
    terminal.run_until([] { return false; }, 50);
    connections.clear();
  };
  if (auto connected = connect_all(terminal, connections); !connected) {
    close_all();
    return std::unexpected(connected.error());
  }
  BenchNodes nodes(terminal, options, shared.root);
  if (auto made = nodes.make(); !made) {
    close_all();
    const std::string left = nodes.remove();
    if (left.empty()) return std::unexpected(made.error());
    return fail(
        fmt::format("{}; {} may be left behind ({})", made.error().message, shared.root, left));
  }
  shared.started = true;
  if (options.rate > 0) spread(connections, options.rate, terminal.clock.now().mono_us);
  measure(terminal, shared, connections);
  close_all();
  constexpr int64_t kLastTryMs = 2000;
  if (!shared.result.service_lost.empty()) nodes.wait_at_most(kLastTryMs);
  if (!nodes.remove().empty()) shared.result.left_behind = shared.root;
  return shared.result;
}

bool parse_mix(const std::string& text, BenchOptions& options) {
  options.get_share = options.set_share = options.create_share = options.exists_share =
      options.children_share = 0;
  std::string_view rest = text;
  int total = 0;
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    const std::string_view one = rest.substr(0, comma);
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    const size_t equals = one.find('=');
    const std::string_view name = one.substr(0, equals);
    const int share = equals == std::string_view::npos
                          ? 100
                          : std::atoi(std::string(one.substr(equals + 1)).c_str());
    int* target = name == "get"        ? &options.get_share
                  : name == "set"      ? &options.set_share
                  : name == "create"   ? &options.create_share
                  : name == "exists"   ? &options.exists_share
                  : name == "children" ? &options.children_share
                                       : nullptr;
    if (target == nullptr || share < 0) return false;
    *target = share;
    total += share;
  }
  return total > 0;
}

}  // namespace zooid::cli
