// Logs do not grow without end: whatever stands in a server's log behind its newest snapshot counts
// for the next one.
#pragma once

#include "sim/sim_server.h"
#include "sim/violation.h"

namespace zooid::sim {

// At the end of a run, when nothing is being written.
void check_log_growth(SimServer& server, int64_t now_us, Verdict& verdict);

}  // namespace zooid::sim
