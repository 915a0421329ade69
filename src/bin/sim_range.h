// Many seeds of the simulator, each in a process of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/planted_bug.h"
#include "sim/simulation.h"

namespace zooid::bin {

// What one process told, or how it died.
struct SeedOutcome {
  uint64_t seed = 0;
  bool is_dead = false;  // an assertion, or worse
  sim::Totals totals;
  std::vector<std::string> marks;  // that it reached
  std::string violation;           // empty: none
};
// Runs first..last, `jobs` at a time; `on_outcome` gets each, in the order of seeds, and returns
// false to begin no more.
void for_each_seed(const sim::SimOptions& options, uint64_t first, uint64_t last, int jobs,
                   const std::function<bool(const SeedOutcome&)>& on_outcome);

struct RangeOptions {
  uint64_t first = 0, last = 0;
  int jobs = 1;
  double seconds_max = 0;   // of real time, 0: no bound; no seed begins later
  bool with_marks = false;  // the report of marks behind the summary
};
// With progress and summary on the terminal; gives the exit code: 1 after a violation, or with
// marks if one that the simulator should reach was not.
int run_seeds(const sim::SimOptions& options, const RangeOptions& range);

// Of that name; none, and said so with the names that there are, or that this build has none.
std::optional<PlantedBug> find_planted_bug(const std::string& name);
// Plants the bug of that name, or each in turn ("all"), and runs seeds first..last until it is
// found; prints the table. The exit code says whether all were found.
int run_planted(const sim::SimOptions& options, const std::string& name, uint64_t first,
                uint64_t last, int jobs);

}  // namespace zooid::bin
