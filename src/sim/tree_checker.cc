#include "sim/tree_checker.h"

#include "base/assert.h"

namespace zooid::sim {
namespace {

constexpr const char* kChecker = "every server has the history";

void check_node(const SimServer& server, const state::Tree& tree, state::NodeId id,
                const std::string& path, const ModelNode& node, int64_t now_us, Verdict& verdict) {
  const wire::Stat stat = tree.stat(id);
  const bool is_equal = tree.data(id).value_or("") == node.data && stat.czxid == node.czxid &&
                        stat.mzxid == node.mzxid && stat.pzxid == node.pzxid &&
                        stat.version == node.version && stat.cversion == node.cversion &&
                        stat.aversion == node.aversion && stat.ephemeral_owner == node.owner;
  if (is_equal) return;
  verdict.fail(now_us, kChecker,
               "{} {} differs: mzxid={:x}/{:x} pzxid={:x}/{:x} version={}/{} cversion={}/{} "
               "owner={:x}/{:x} (server/history)",
               server.name(), path, stat.mzxid, node.mzxid, stat.pzxid, node.pzxid, stat.version,
               node.version, stat.cversion, node.cversion, stat.ephemeral_owner, node.owner);
}

}  // namespace

void check_tree(SimServer& server, const Model& model, int64_t now_us, Verdict& verdict) {
  ASSERT(server.is_running());
  const state::Database& database = *server.core()->database;
  const state::Tree& tree = database.tree();
  // The root twice, and four nodes of /zookeeper that are no transactions' work.
  constexpr size_t kOwnNodes = 4;
  if (tree.node_count() != model.nodes().size() + kOwnNodes) {
    verdict.fail(now_us, kChecker, "{} has {} nodes, the history {}", server.name(),
                 tree.node_count() - kOwnNodes, model.nodes().size());
  }
  for (const auto& [path, node] : model.nodes()) {
    if (path == "/") continue;
    const state::NodeId id = tree.find(path);
    if (id == state::kNoNode) {
      verdict.fail(now_us, kChecker, "{} lacks {}", server.name(), path);
    } else {
      check_node(server, tree, id, path, node, now_us, verdict);
    }
  }
  for (const auto& [session, timeout_ms] : database.sessions()) {
    if (model.has_session(session)) continue;
    verdict.fail(now_us, kChecker, "{} has session 0x{:x} that is closed", server.name(),
                 static_cast<uint64_t>(session.value));
  }
  if (database.sessions().size() != model.sessions().size()) {
    verdict.fail(now_us, kChecker, "{} has {} sessions, the history {}", server.name(),
                 database.sessions().size(), model.sessions().size());
  }
}

}  // namespace zooid::sim
