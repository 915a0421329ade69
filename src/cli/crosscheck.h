// `zooid crosscheck`: is one ZooKeeper server (or ensemble) to be told from another? Random plans
// are played to both, what must differ is left out, every other difference is shown with the
// shortest plan that brings it about.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/crosscheck_comparer.h"
#include "cli/crosscheck_plan.h"
#include "cli/terminal.h"

namespace zooid::cli {

struct CrosscheckOptions {
  std::vector<env::Endpoint> reference, candidate;
  CrosscheckProfile profile = CrosscheckProfile::k39;
  uint64_t seed_first = 1, seed_last = 50;
  size_t operations = 400;        // of each seed
  size_t shrink_plays_max = 300;  // 0: differences are taken as they are
  size_t differences_max = 10;    // then it stops
  int64_t answer_timeout_ms = 8'000;
  // Where trees are prepared and read, if not through the candidate's first address.
  std::optional<env::Endpoint> candidate_direct;
};

struct FoundDifference {
  uint64_t seed = 0;
  Plan plan;  // shrunk
  Difference difference;
  size_t plays = 0;
  uint64_t times = 1;    // seeds whose first difference looked the same
  bool repeats = false;  // came again when the seed was played again
};

struct CrosscheckReport {
  uint64_t seeds = 0;
  uint64_t operations = 0;
  double seconds = 0;
  std::vector<FoundDifference> differences;
  std::map<CrosscheckRule, uint64_t> excused;

  // 0: none; 1: differences that repeat. One that did not come again is reported all the same.
  int exit_code() const;
};

// `progress` is told how far it is, now and then. Fails if a server cannot be reached.
Result<CrosscheckReport> run_crosscheck(Terminal& terminal, const CrosscheckOptions& options,
                                        const std::function<void(const std::string&)>& progress);

std::string crosscheck_text(const CrosscheckReport& report);
std::string crosscheck_json(const CrosscheckReport& report);

}  // namespace zooid::cli
