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

// A node that may go, and which one it was: by the time of its removal another node may have its
// path, or its data may have been changed, which lets the time of a TTL node begin anew.
struct Reapable {
  std::string path;
  int64_t czxid;
  int64_t mzxid;
};

// Looks at up to `nodes_max` nodes and gives the childless ones that may go: containers that ever
// had a child, or are older than `never_used_ms` (0: then they stay); TTL nodes whose last change
// of data is longer ago than their TTL. Ages are judged by `wall_ms`; without it (the clock is
// doubtful) nothing is too old.
std::vector<Reapable> reapable_nodes(const Tree& tree, std::optional<int64_t> wall_ms,
                                     int64_t never_used_ms, ReapScan& scan, size_t nodes_max);
// The body of the deleteContainer request for it, which only the server itself makes: ZooKeeper's
// (the path), and the two zxids.
std::string reap_request(const Reapable& node);

}  // namespace zooid::state
