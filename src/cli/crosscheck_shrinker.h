// Finds the shortest plan that still shows a difference: drops steps, then requests, as long as
// what is left shows one with the same signature.
#pragma once

#include "cli/crosscheck_player.h"

namespace zooid::cli {

struct Shrunk {
  Plan plan;
  Difference difference;
  size_t plays = 0;
  bool repeats = false;  // false: the difference never came again
};

// Plays at most `plays_max` times.
Result<Shrunk> shrink(CrosscheckPlayer& player, const Plan& plan, const Difference& difference,
                      size_t plays_max);

}  // namespace zooid::cli
