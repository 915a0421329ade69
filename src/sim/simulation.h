// One run: a seed, two phases, a verdict. First faults and safety; then everything is repaired and
// the ensemble has to make progress, and to come to rest, within a bound of virtual time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "sim/options.h"
#include "sim/violation.h"
#include "sim/work_meter.h"

namespace zooid::sim {

struct Totals {
  uint64_t steps = 0;       // of the world: env::MemoryNetwork::steps
  uint64_t operations = 0;  // answered
  uint64_t writes = 0;      // acknowledged
  uint64_t events = 0;
  uint64_t sessions = 0;
  uint64_t committed = 0;
  uint64_t elections = 0;  // established leaders
  uint64_t crashes = 0;
  uint64_t partitions = 0;
  uint64_t faults = 0;       // of every kind
  uint64_t truncations = 0;  // transactions cut from a history
  uint64_t snapshot_syncs = 0;
  Work work;                // the largest of one step
  int64_t recovery_us = 0;  // the longest wait for progress after healing
  int64_t simulated_us = 0;
  int64_t operations_per_second() const {
    return simulated_us == 0 ? 0 : static_cast<int64_t>(operations) * 1'000'000 / simulated_us;
  }
  Totals& operator+=(const Totals& other);
  std::string text() const;
};

// What a run of the default size lacks to prove something; empty if nothing: 200 operations in a
// simulated second (100 in an unkind world), a crash or a partition, an election.
std::string what_is_too_small(const Totals& totals, const World& world = World::kind());

struct Report {
  SimOptions options;
  std::string limits;
  Totals totals;
  uint64_t trace_hash = 0;
  // SimOptions::steps ended it: nobody had to make progress or to come to rest.
  bool is_cut_short = false;
  // Of a run that was cut short: the replies were judged, too. Otherwise nobody had all
  // transactions that they need.
  bool are_replies_judged = false;
  std::string servers;  // what each is and has
  std::optional<Violation> violation;
  std::string story;    // around the violation, or before the last step; empty without either
  std::string diagram;  // the same for Mermaid
};

Report simulate(const SimOptions& options);
// Of the run that is going on, 0 without one: for the message of an assertion.
uint64_t steps_of_running();
// The command that repeats a run.
std::string repeat_command(const SimOptions& options);

}  // namespace zooid::sim
