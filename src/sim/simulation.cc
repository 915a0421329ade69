#include "sim/simulation.h"

#include <algorithm>

#include "base/planted_bug.h"
#include "sim/cluster.h"
#include "sim/log_growth_checker.h"
#include "sim/nemesis.h"
#include "sim/reply_checker.h"
#include "sim/tree_checker.h"
#include "sim/watch_checker.h"

namespace zooid::sim {
namespace {

// After healing every server has to serve, and each client to get a write through, within these.
// The first is less than many an initLimit: nobody may sit out a wait that cannot end well.
constexpr int64_t kServeBoundUs = 15'000'000;
constexpr int64_t kProgressBoundUs = 60'000'000;
constexpr int64_t kRestBoundUs = 60'000'000;
constexpr int64_t kJoinBoundUs = 700'000;  // beside the time that its bytes take
constexpr int64_t kStepUs = 100'000;
constexpr int64_t kOperationsPerSecondMin = 200;
// What the seed drew may leave less time to clients.
constexpr int64_t kOperationsPerSecondMinUnkind = 100;
constexpr int64_t kStoryUs = 3'000'000;

FaultLevel level_of(const SimOptions& options) {
  if (options.faults != FaultLevel::kMixed) return options.faults;
  return options.seed % 2 == 0 ? FaultLevel::kMany : FaultLevel::kSome;
}

// Others may be as small as they like.
bool is_of_default_size(const SimOptions& options) {
  const SimOptions defaults;
  return options.servers >= defaults.servers && options.clients == defaults.clients &&
         options.seconds == defaults.seconds && options.faults != FaultLevel::kNone &&
         options.operations == defaults.operations && options.planted == defaults.planted;
}

const Cluster* running = nullptr;

class Simulation {
 public:
  explicit Simulation(const SimOptions& options)
      : options_(options),
        cluster_(options, verdict_),
        nemesis_(cluster_, level_of(options), options.seconds * 500'000, cluster_.fork_random()) {
    running = &cluster_;
  }
  ~Simulation() { running = nullptr; }

  Report run() {
    for (const auto& server : cluster_.servers()) cluster_.start(*server);
    const int64_t end_us = options_.seconds * 1'000'000;
    while (goes_on() && cluster_.now_us() < end_us) {
      nemesis_.act();
      cluster_.run_for_us(kStepUs);
    }
    if (goes_on()) demand_progress();
    if (goes_on()) come_to_rest();
    if (goes_on() && cluster_.limits().bulk.nodes > 0) join_while_quiet();
    check_history();
    if (goes_on() && is_of_default_size(options_)) demand_size();
    return report();
  }

 private:
  bool goes_on() const { return verdict_.is_ok() && !cluster_.is_stopped(); }

  void demand_progress() {
    nemesis_.stop();
    cluster_.heal();
    const int64_t healed_us = cluster_.now_us();
    cluster_.timeline().note("world", "everything is repaired");
    while (goes_on() && !cluster_.all_serve()) {
      cluster_.run_for_us(kStepUs);
      if (cluster_.now_us() - healed_us < kServeBoundUs) continue;
      verdict_.fail(cluster_.now_us(), "every server serves after faults", "not within {} s: {}",
                    kServeBoundUs / 1'000'000, cluster_.servers_text());
    }
    const auto has_progress = [&] {
      return std::ranges::all_of(cluster_.clients(), [&](const auto& client) {
        return client->is_reader() || client->last_write_us() > healed_us;
      });
    };
    while (goes_on() && !has_progress()) {
      cluster_.run_for_us(kStepUs);
      if (cluster_.now_us() - healed_us < kProgressBoundUs) continue;
      verdict_.fail(cluster_.now_us(), "progress after faults",
                    "not every client could write within {} s", kProgressBoundUs / 1'000'000);
    }
    recovery_us_ = cluster_.now_us() - healed_us;
  }

  // Nobody asks for anything more: all servers get the same state.
  void come_to_rest() {
    cluster_.stop_clients();
    const int64_t stopped_us = cluster_.now_us();
    int quiet_steps = 0;
    while (goes_on() && quiet_steps < 5) {
      cluster_.run_for_us(kStepUs);
      const bool is_quiet = cluster_.clients_are_quiet() && cluster_.is_at_rest();
      quiet_steps = is_quiet ? quiet_steps + 1 : 0;
      if (cluster_.now_us() - stopped_us < kRestBoundUs) continue;
      verdict_.fail(cluster_.now_us(), "the ensemble comes to rest", "clients quiet: {}; {}",
                    cluster_.clients_are_quiet(), cluster_.servers_text());
    }
  }

  // An empty server is filled while nobody asks for anything: what is to be sent must not wait for
  // somebody else's packet to wake the leader up.
  void join_while_quiet() {
    const SimServer* leader = cluster_.leader();
    SimServer* joining = nullptr;
    for (const auto& server : cluster_.servers()) {
      if (server.get() != leader) joining = server.get();
    }
    if (joining == nullptr || leader == nullptr) return;
    const auto bytes = static_cast<int64_t>(cluster_.limits().bulk.bytes());
    const int64_t bound_us = kJoinBoundUs + bytes * 1'000'000 / cluster_.bytes_per_second();
    cluster_.timeline().note("world", "wipes the disk of " + joining->name() + " in the quiet");
    joining->wipe();
    cluster_.start(*joining);
    const int64_t started_us = cluster_.now_us();
    while (goes_on() && !cluster_.is_at_rest()) {
      cluster_.run_for_us(kStepUs);
      const int64_t begun_us = cluster_.sync_checker().last_begun_us();
      const int64_t end_us =
          begun_us > started_us ? begun_us + bound_us : started_us + kServeBoundUs;
      if (cluster_.now_us() < end_us) continue;
      verdict_.fail(cluster_.now_us(), "an empty server is filled in the quiet",
                    "{} not within {} ms, {} bytes: {}", joining->name(), bound_us / 1'000, bytes,
                    cluster_.servers_text());
    }
  }

  void check_history() {
    if (!verdict_.is_ok()) return;
    for (const auto& server : cluster_.servers()) {
      // Only in a run that was cut short does a server not have a state.
      if (server->is_running() && server->core()->database) cluster_.read_log(*server);
    }
    if (cluster_.checker().unseen_count() > 0) return;  // every disk that had them was wiped
    are_replies_judged_ = true;
    ReplyChecker replies(cluster_.history(), cluster_.checker().committed(), cluster_.limits(),
                         verdict_);
    replies.check();
    check_watches(cluster_.history(), replies.changes(), verdict_);
    if (cluster_.is_stopped()) return;
    for (const auto& server : cluster_.servers()) {
      check_tree(*server, replies.model(), cluster_.now_us(), verdict_);
      check_log_growth(*server, cluster_.now_us(), verdict_);
    }
  }

  void demand_size() {
    const std::string lacks = what_is_too_small(totals(), cluster_.world());
    if (lacks.empty()) return;
    verdict_.fail(cluster_.now_us(), "the run is large enough", "{}", lacks);
  }

  Totals totals() {
    Totals totals;
    totals.steps = cluster_.steps();
    for (const Operation& operation : cluster_.history().operations) {
      totals.operations += operation.is_answered() ? 1 : 0;
      totals.writes += operation.is_ok() && is_write(operation.type) ? 1 : 0;
    }
    totals.events = cluster_.history().events.size();
    totals.sessions = cluster_.history().sessions.size();
    totals.committed = cluster_.checker().committed_count();
    totals.elections = cluster_.checker().elections();
    totals.truncations = cluster_.checker().cut_txns();
    totals.snapshot_syncs = cluster_.checker().snapshot_syncs();
    totals.crashes = nemesis_.figures().crashes;
    totals.partitions = nemesis_.figures().partitions;
    totals.faults = nemesis_.figures().faults;
    totals.work = cluster_.work().largest();
    totals.recovery_us = recovery_us_;
    totals.simulated_us = cluster_.now_us();
    return totals;
  }

  Report report() {
    Report report;
    report.options = options_;
    report.limits = cluster_.limits().text() + " world=" + cluster_.world().text();
    report.totals = totals();
    report.trace_hash = cluster_.trace_hash();
    report.violation = verdict_.violation();
    report.is_cut_short = cluster_.is_stopped() && !report.violation;
    report.are_replies_judged = are_replies_judged_;
    report.servers = cluster_.servers_text();
    if (report.violation || report.is_cut_short) {
      const int64_t end_us =
          report.violation ? report.violation->time_us + kStoryUs / 6 : cluster_.now_us();
      report.story = cluster_.timeline().text(end_us, kStoryUs);
      report.diagram = cluster_.timeline().diagram(end_us, kStoryUs);
    }
    return report;
  }

  const SimOptions options_;
  Verdict verdict_;
  Cluster cluster_;
  Nemesis nemesis_;
  int64_t recovery_us_ = 0;
  bool are_replies_judged_ = false;
};

}  // namespace

uint64_t steps_of_running() {
  return running == nullptr ? 0 : running->steps();
}

Totals& Totals::operator+=(const Totals& other) {
  steps += other.steps;
  operations += other.operations;
  writes += other.writes;
  events += other.events;
  sessions += other.sessions;
  committed += other.committed;
  elections += other.elections;
  crashes += other.crashes;
  partitions += other.partitions;
  faults += other.faults;
  truncations += other.truncations;
  snapshot_syncs += other.snapshot_syncs;
  work.raise_to(other.work);
  recovery_us = std::max(recovery_us, other.recovery_us);
  simulated_us += other.simulated_us;
  return *this;
}

std::string what_is_too_small(const Totals& totals, const World& world) {
  const int64_t least = world.is_kind() ? kOperationsPerSecondMin : kOperationsPerSecondMinUnkind;
  if (totals.operations_per_second() < least) {
    return fmt::format("{} operations in a simulated second, not {}",
                       totals.operations_per_second(), least);
  }
  if (totals.crashes + totals.partitions == 0) return "neither a crash nor a partition";
  if (totals.elections == 0) return "no election";
  return "";
}

std::string Totals::text() const {
  return fmt::format(
      "operations={} writes={} committed={} events={} sessions={} elections={} crashes={} "
      "partitions={} faults={} truncated={} snapshot-syncs={} slowest-recovery={:.1f}s "
      "steps={} simulated={:.1f}s operations-per-simulated-second={} {}",
      operations, writes, committed, events, sessions, elections, crashes, partitions, faults,
      truncations, snapshot_syncs, static_cast<double>(recovery_us) / 1e6, steps,
      static_cast<double>(simulated_us) / 1e6, operations_per_second(), work.text());
}

Report simulate(const SimOptions& options) {
  plant(options.planted);
  return Simulation(options).run();
}

std::string repeat_command(const SimOptions& options) {
  constexpr const char* kLevels[] = {"none", "some", "many", "mixed"};
  return fmt::format("zooid sim --seed {} --servers {} --clients {} --seconds {} --faults {}{}{}{}",
                     options.seed, options.servers, options.clients, options.seconds,
                     kLevels[static_cast<int>(options.faults)],
                     options.operations == OperationSet::kBasic ? " --operations basic" : "",
                     options.world == World::usual() ? "" : " --world " + options.world.text(),
                     options.steps > 0 ? fmt::format(" --steps {}", options.steps) : "");
}

}  // namespace zooid::sim
