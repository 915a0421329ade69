// The znodes. One allocation per node (Stat, links, name, data); children are linked siblings,
// answered in sibling order, which is deterministic; an index (parent, name) -> node finds a path.
// No path string, no child set and no digest is stored per node.
//
// Knows nothing of transactions, sessions' time-outs or permissions: Database applies those.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "state/digest.h"
#include "state/stored_acl.h"
#include "wire/records.h"

namespace zooid::state {

using NodeId = uint32_t;
inline constexpr NodeId kNoNode = 0;
inline constexpr NodeId kRoot = 1;

// Special values of ephemeral_owner (storage-formats 4.1).
inline constexpr int64_t kOwnerContainer = INT64_MIN;
// What a node is by its stored owner. TTL nodes exist only if extended types are enabled
// (extendedTypesEnabled); otherwise such an owner counts as a session.
struct ExtendedTypes {
  constexpr ExtendedTypes(bool are_enabled, bool emulate_353 = false)  // NOLINT: true says it all
      : enabled(are_enabled), emulates_353(are_enabled && emulate_353) {}
  bool enabled;
  // emulate353TTLNodes: 3.5.3 stored a TTL as 1 << 63 | ttl, so every negative owner but a
  // container's is one. Sessions of servers above 127 cannot be told from them.
  bool emulates_353;
};
enum class NodeKind : uint8_t { kPersistent, kEphemeral, kContainer, kTtl };
NodeKind node_kind(int64_t ephemeral_owner, ExtendedTypes extended_types);
int64_t ttl_owner(int64_t ttl_ms);    // 0xff00… | ttl
int64_t ttl_of_owner(int64_t owner);  // ms

class SnapshotWalk;

class Tree {
 public:
  // Only the root. Without digests nothing is computed and digest() is 0.
  explicit Tree(ExtendedTypes extended_types = true, bool digest_enabled = true);
  ~Tree();
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  // Absolute paths; "/" and "" are the root. kNoNode if there is none.
  NodeId find(std::string_view path) const;
  NodeId find_child(NodeId parent, std::string_view name) const;
  NodeId parent(NodeId node) const;
  std::string path(NodeId node) const;                   // "/" for the root
  void write_path(std::string& out, NodeId node) const;  // appended as a jute string
  std::string_view name(NodeId node) const;
  wire::NullableView data(NodeId node) const;  // valid until the node is changed
  const wire::StatPersisted& stored(NodeId node) const;
  wire::Stat stat(NodeId node) const;  // as a client sees it
  const AclPtr& acl(NodeId node) const;
  int64_t acl_key(NodeId node) const;  // key in the ACL map, -1 for the unset world:anyone
  int32_t child_count(NodeId node) const;
  NodeId first_child(NodeId node) const;
  NodeId next_sibling(NodeId node) const;
  // Behind `at` in pre-order within the subtree of `top`; kNoNode at its end.
  NodeId next_in_subtree(NodeId top, NodeId at) const;
  // A jute vector of the children's names (count and strings) appended to out. For nodes with more
  // than 1,000 children the serialised form is kept until the list changes (rule 25).
  void write_children(std::string& out, NodeId node) const;

  // Changes. `stat` is stored as given. The tree's digest, node count, data size and the list of
  // ephemerals follow.
  NodeId create(NodeId parent, std::string_view name, const wire::NullableView& data,
                int64_t acl_key, const wire::StatPersisted& stat);
  // Requires no children, and not the root. A walk that stands on the node moves on (rule 9).
  void remove(NodeId node);
  void set_data(NodeId node, const wire::NullableView& data, const wire::StatPersisted& stat);
  void set_stat(NodeId node, const wire::StatPersisted& stat);
  void set_acl(NodeId node, int64_t acl_key, const wire::StatPersisted& stat);
  // Changes data only, neither Stat nor digest: the local statistics of quotas.
  void set_local_data(NodeId node, std::string_view data);

  // The ACL map: equal lists have one key; keys grow and are not reused while a walk lives.
  int64_t intern_acl(const wire::AclList& acl);
  void restore_acl(int64_t key, const wire::AclList& acl);  // from a snapshot
  const AclPtr& acl_of_key(int64_t key) const;              // -1: world:anyone, all
  bool has_acl_key(int64_t key) const;
  // Lists that a fuzzy snapshot did not hold (AclMap::restore_unexplained).
  void restore_unexplained_acl(int64_t key);
  bool has_unexplained_acls() const;
  bool is_acl_unexplained(NodeId node) const;
  void drop_unused_acls();

  // The ephemeral nodes of a session, in the order of their numbers.
  std::vector<NodeId> ephemeral_nodes(SessionId session) const;
  // Their paths, sorted.
  std::vector<std::string> ephemerals(SessionId session) const;
  std::vector<SessionId> ephemeral_owners() const;  // sorted
  size_t ephemeral_count() const;
  // The first ephemeral node of the session whose number is not below `from`; kNoNode behind the
  // last.
  NodeId next_ephemeral(SessionId session, NodeId from) const;
  // The first container (or TTL) node whose number is not below `from`; kNoNode behind the last.
  NodeId next_container(NodeId from) const;
  NodeId next_ttl_node(NodeId from) const;

  size_t node_count() const;   // as zk_znode_count: all nodes, the root twice ("" and "/")
  uint64_t data_size() const;  // as zk_approximate_data_size: paths and data
  uint64_t descendant_count(NodeId node) const;
  uint64_t descendant_bytes(NodeId node) const;  // of data
  uint64_t digest() const;
  uint64_t digest(NodeId node) const;  // the part of one node; 0 below /zookeeper/
  // Is any snapshot walk under way?
  bool has_walks() const;

 private:
  friend class SnapshotWalk;
  struct Store;
  std::unique_ptr<Store> store_;
};

}  // namespace zooid::state
