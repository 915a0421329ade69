// A random plan: which session does what, what is pipelined, when connections come and go.
#pragma once

#include "cli/crosscheck_plan.h"

namespace zooid::cli {

struct GeneratorOptions {
  CrosscheckProfile profile = CrosscheckProfile::k39;
  size_t operations = 400;
  size_t servers = 1;
};

// The same seed and options give the same plan.
Plan generate_plan(uint64_t seed, const GeneratorOptions& options);

}  // namespace zooid::cli
