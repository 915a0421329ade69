// Which containers and TTL nodes are due for removal (features.md 3.5).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "state/tree.h"

namespace zooid::state {

// Paths of childless nodes: containers that ever had a child, or are older than `never_used_ms`
// (0: then they stay); TTL nodes whose last change of data is longer ago than their TTL. Ages are
// judged by `wall_ms`; without it (the clock is doubtful) nothing is too old.
std::vector<std::string> reapable_nodes(const Tree& tree, std::optional<int64_t> wall_ms,
                                        int64_t never_used_ms);

}  // namespace zooid::state
