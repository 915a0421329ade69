// Watches fire once, and before their client is told anything newer than what fired them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/history.h"
#include "sim/reply_checker.h"

namespace zooid::sim {

using PathChanges = std::map<std::string, std::vector<ReplyChecker::PathChange>>;

void check_watches(const History& history, const PathChanges& changes, Verdict& verdict);

}  // namespace zooid::sim
