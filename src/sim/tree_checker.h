// In the end every server has what the history says: the same nodes, data, numbers and sessions.
#pragma once

#include "sim/model.h"
#include "sim/sim_server.h"
#include "sim/violation.h"

namespace zooid::sim {

void check_tree(SimServer& server, const Model& model, int64_t now_us, Verdict& verdict);

}  // namespace zooid::sim
