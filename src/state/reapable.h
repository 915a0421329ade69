// Which containers and TTL nodes are due for removal (features.md 3.5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "state/tree.h"

namespace zooid::state {

// How far a look at all of them has come: it is taken in slices, while the tree changes. A node
// that comes or goes meanwhile may be seen or not.
struct ReapScan {
  NodeId from = kNoNode;
  bool is_at_ttl_nodes = false;  // behind all containers
  bool is_done = false;
};

// Looks at up to `nodes_max` nodes and gives the paths of childless ones: containers that ever had
// a child, or are older than `never_used_ms` (0: then they stay); TTL nodes whose last change of
// data is longer ago than their TTL. Ages are judged by `wall_ms`; without it (the clock is
// doubtful) nothing is too old.
std::vector<std::string> reapable_nodes(const Tree& tree, std::optional<int64_t> wall_ms,
                                        int64_t never_used_ms, ReapScan& scan, size_t nodes_max);

}  // namespace zooid::state
