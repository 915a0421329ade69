// Plays a plan to both servers in lockstep: a step begins when both have answered the one before
// and a barrier behind it on every connection, so what each step caused can be told apart and
// compared.
#pragma once

#include <optional>
#include <string>

#include "cli/crosscheck_comparer.h"
#include "cli/crosscheck_plan.h"
#include "cli/crosscheck_side.h"

namespace zooid::cli {

class CrosscheckPlayer {
 public:
  CrosscheckPlayer(Terminal& terminal, CrosscheckSide& reference, CrosscheckSide& candidate,
                   Comparer& comparer, int64_t answer_timeout_ms);

  // The first difference, if any: behind it the two have different histories. An error if a server
  // cannot be reached at all.
  Result<std::optional<Difference>> play(const Plan& plan);

  uint64_t operations() const { return operations_; }

 private:
  Result<std::optional<Difference>> play_steps(const Plan& plan);
  bool wait();
  std::string next_root();

  Terminal& terminal_;
  CrosscheckSide& reference_;
  CrosscheckSide& candidate_;
  Comparer& comparer_;
  int64_t answer_timeout_ms_;
  uint64_t plays_ = 0;
  uint64_t first_name_ = 0;
  uint64_t operations_ = 0;
  int64_t longest_step_us_ = 0;  // of the play
};

}  // namespace zooid::cli
