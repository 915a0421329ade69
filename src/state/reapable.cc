#include "state/reapable.h"

#include "base/planted_bug.h"

namespace zooid::state {

std::vector<std::string> reapable_nodes(const Tree& tree, std::optional<int64_t> wall_ms,
                                        int64_t never_used_ms) {
  std::vector<std::string> paths;
  for (const NodeId node : tree.containers()) {
    if (tree.child_count(node) != 0) continue;
    const wire::StatPersisted& stat = tree.stored(node);
    // The counter of a container that never had a child is still 0.
    const bool is_too_old =
        never_used_ms != 0 && wall_ms.has_value() && *wall_ms - stat.mtime > never_used_ms;
    const bool is_used = stat.cversion > 0 || is_planted(PlantedBug::kUnusedContainerReaped);
    if (is_used || is_too_old) paths.push_back(tree.path(node));
  }
  if (!wall_ms.has_value()) return paths;
  for (const NodeId node : tree.ttl_nodes()) {
    const wire::StatPersisted& stat = tree.stored(node);
    if (tree.child_count(node) == 0 && *wall_ms - stat.mtime > ttl_of_owner(stat.ephemeral_owner)) {
      paths.push_back(tree.path(node));
    }
  }
  return paths;
}

}  // namespace zooid::state
