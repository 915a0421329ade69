#include "state/reapable.h"

#include "base/planted_bug.h"
#include "wire/jute.h"

namespace zooid::state {
namespace {

bool is_due_container(const wire::StatPersisted& stat, std::optional<int64_t> wall_ms,
                      int64_t never_used_ms) {
  // The counter of a container that never had a child is still 0.
  if (stat.cversion > 0 || is_planted(PlantedBug::kUnusedContainerReaped)) return true;
  return never_used_ms != 0 && wall_ms.has_value() && *wall_ms - stat.mtime > never_used_ms;
}

bool is_due_ttl_node(const wire::StatPersisted& stat, std::optional<int64_t> wall_ms) {
  return wall_ms.has_value() && *wall_ms - stat.mtime > ttl_of_owner(stat.ephemeral_owner);
}

}  // namespace

std::vector<Reapable> reapable_nodes(const Tree& tree, std::optional<int64_t> wall_ms,
                                     int64_t never_used_ms, ReapScan& scan, size_t nodes_max) {
  std::vector<Reapable> found;
  for (size_t left = nodes_max; left > 0 && !scan.is_done; --left) {
    const NodeId node =
        scan.is_at_ttl_nodes ? tree.next_ttl_node(scan.from) : tree.next_container(scan.from);
    if (node == kNoNode) {
      scan = {kNoNode, true, scan.is_at_ttl_nodes};
      continue;
    }
    scan.from = node + 1;
    if (tree.child_count(node) != 0) continue;
    const wire::StatPersisted& stat = tree.stored(node);
    const bool is_due = scan.is_at_ttl_nodes ? is_due_ttl_node(stat, wall_ms)
                                             : is_due_container(stat, wall_ms, never_used_ms);
    if (is_due) found.push_back({tree.path(node), stat.czxid, stat.mzxid});
  }
  return found;
}

std::string reap_request(const Reapable& node) {
  std::string body;
  wire::Writer out(body);
  out.buffer(node.path);
  out.i64(node.czxid);
  out.i64(node.mzxid);
  return body;
}

}  // namespace zooid::state
