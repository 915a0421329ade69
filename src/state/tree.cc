#include "state/tree.h"

#include <algorithm>

#include "base/assert.h"
#include "base/mark.h"
#include "state/tree_store.h"
#include "wire/jute.h"

namespace zooid::state {
namespace {

constexpr uint64_t kExtendedMask = 0xff00'0000'0000'0000;
constexpr uint64_t kFeatureMask = 0x00ff'ff00'0000'0000;  // 0: TTL, the only one there is
constexpr uint64_t kTtlMask = 0x0000'00ff'ffff'ffff;
constexpr std::string_view kReserved = "zookeeper";

}  // namespace

NodeKind node_kind(int64_t ephemeral_owner, ExtendedTypes extended_types) {
  if (ephemeral_owner == 0) return NodeKind::kPersistent;
  if (ephemeral_owner == kOwnerContainer) return NodeKind::kContainer;
  const uint64_t bits = static_cast<uint64_t>(ephemeral_owner);
  // With another feature it is a session of server 255, which there may be without extended types.
  if (extended_types.emulates_353 && ephemeral_owner < 0) return NodeKind::kTtl;
  if (extended_types.enabled && (bits & kExtendedMask) == kExtendedMask &&
      (bits & kFeatureMask) == 0) {
    return NodeKind::kTtl;
  }
  return NodeKind::kEphemeral;
}

int64_t ttl_owner(int64_t ttl_ms) {
  return static_cast<int64_t>(kExtendedMask | (static_cast<uint64_t>(ttl_ms) & kTtlMask));
}

int64_t ttl_of_owner(int64_t owner) {
  return static_cast<int64_t>(static_cast<uint64_t>(owner) & kTtlMask);
}

Tree::Tree(ExtendedTypes extended_types, bool digest_enabled)
    : store_(std::make_unique<Store>(extended_types, digest_enabled)) {}
Tree::~Tree() = default;

NodeId Tree::find(std::string_view path) const {
  if (path.empty() || path == "/") return kRoot;
  if (path.front() != '/') return kNoNode;
  NodeId node = kRoot;
  size_t begin = 1;
  while (node != kNoNode) {
    const size_t end = std::min(path.find('/', begin), path.size());
    node = find_child(node, path.substr(begin, end - begin));
    if (end == path.size()) return node;
    begin = end + 1;
  }
  return kNoNode;
}

NodeId Tree::find_child(NodeId parent, std::string_view name) const {
  const Store& store = *store_;
  const uint32_t hash = Store::hash_of(parent, name);
  return store.index.find(hash, [&](NodeId id) {
    const Node& node = store.node(id);
    return node.hash == hash && node.parent == parent && node.name() == name;
  });
}

NodeId Tree::parent(NodeId node) const {
  return store_->node(node).parent;
}

std::string Tree::path(NodeId node) const {
  if (node == kRoot) return "/";
  std::string path;
  store_->append_path(path, node);
  return path;
}

void Tree::write_path(std::string& out, NodeId node) const {
  wire::Writer writer(out);
  if (node == kRoot) return writer.buffer("/");
  writer.i32(static_cast<int32_t>(store_->path_size(node)));
  store_->append_path(out, node);
}

std::string_view Tree::name(NodeId node) const {
  return store_->node(node).name();
}
wire::NullableView Tree::data(NodeId node) const {
  return store_->node(node).data();
}
const wire::StatPersisted& Tree::stored(NodeId node) const {
  return store_->node(node).stat;
}

wire::Stat Tree::stat(NodeId id) const {
  const Node& node = store_->node(id);
  const wire::StatPersisted& stored = node.stat;
  wire::Stat stat;
  stat.czxid = stored.czxid;
  stat.mzxid = stored.mzxid;
  stat.ctime = stored.ctime;
  stat.mtime = stored.mtime;
  stat.version = stored.version;
  // Creates and deletes, from the creates alone; wraps around as ZooKeeper's does.
  stat.cversion = static_cast<int32_t>(2 * static_cast<uint32_t>(stored.cversion) -
                                       static_cast<uint32_t>(node.child_count));
  stat.aversion = stored.aversion;
  const NodeKind kind = node_kind(stored.ephemeral_owner, store_->extended_types);
  stat.ephemeral_owner = kind == NodeKind::kEphemeral ? stored.ephemeral_owner : 0;
  stat.data_length = static_cast<int32_t>(node.data_length());
  stat.num_children = node.child_count;
  stat.pzxid = stored.pzxid;
  return stat;
}

const AclPtr& Tree::acl(NodeId node) const {
  return store_->acls.acl(store_->node(node).acl);
}
int64_t Tree::acl_key(NodeId node) const {
  return store_->acls.key(store_->node(node).acl);
}
int32_t Tree::child_count(NodeId node) const {
  return store_->node(node).child_count;
}
NodeId Tree::first_child(NodeId node) const {
  return store_->node(node).first_child;
}
NodeId Tree::next_sibling(NodeId node) const {
  return store_->node(node).next;
}

NodeId Tree::next_in_subtree(NodeId top, NodeId at) const {
  if (first_child(at) != kNoNode) return first_child(at);
  while (at != top && next_sibling(at) == kNoNode) at = parent(at);
  return at == top ? kNoNode : next_sibling(at);
}

void Tree::write_children(std::string& out, NodeId id) const {
  const Node& node = store_->node(id);
  const bool is_long = node.child_count >= ChildrenCache::kChildrenMin;
  if (is_long && store_->children_cache.append_to(out, id)) return;
  const size_t begin = out.size();
  wire::Writer writer(out);
  writer.i32(node.child_count);
  for (NodeId child = node.first_child; child != kNoNode; child = store_->node(child).next) {
    writer.buffer(store_->node(child).name());
  }
  if (is_long) {
    store_->children_cache.put(id, std::string_view(out).substr(begin));
  }
}

NodeId Tree::create(NodeId parent, std::string_view name, const wire::NullableView& data,
                    int64_t acl_key, const wire::StatPersisted& stat) {
  ASSERT(parent != kNoNode);
  ASSERT(!name.empty() && name.find('/') == std::string_view::npos);
  Store& store = *store_;
  const NodeId id = store.allocate();
  Node& node = store.node(id);
  const bool is_reserved =
      (store.node(parent).data_bits & Node::kOutsideDigest) != 0 ||
      (store.node(parent).parent == kRoot && store.node(parent).name() == kReserved);
  if (is_reserved) node.data_bits |= Node::kOutsideDigest;
  store.set_name_and_data(node, name, data);
  node.stat = stat;
  node.hash = Store::hash_of(parent, name);
  node.acl = store.acls.slot(acl_key);
  store.acls.add_reference(node.acl);
  store.link(parent, id);
  store.index.insert(node.hash, id, [&](NodeId other) { return store.node(other).hash; });
  store.list_by_kind(id, stat.ephemeral_owner);
  store.set_digest(node, store.full_digest(id));
  store.data_size += store.path_size(id);
  store.add_data_bytes(id, node.data_length());
  if (store.node(parent).child_count > ChildrenCache::kChildrenMin) {
    store.children_cache.on_added(parent, name);
  }
  ASSERT(store.index.size() + 1 == store.count);
  return id;
}

void Tree::remove(NodeId id) {
  ASSERT(id != kNoNode && id != kRoot);
  Store& store = *store_;
  Node& node = store.node(id);
  ASSERT(node.child_count == 0);
  for (WalkCursor* walk : store.walks) {
    if (walk->next == id) {
      MARK("state.walk_moved_by_delete");
      walk->next = store.after_subtree(id);
    }
    walk->former_acl_keys.erase(id);
  }
  ASSERT(store.nodes_below(id) == 0 && store.bytes_below(id) == 0);
  store.data_size -= store.path_size(id);
  store.add_data_bytes(id, -int64_t{node.data_length()});
  store.set_digest(node, 0);
  store.unlist_by_kind(id, node.stat.ephemeral_owner);
  store.index.erase(node.hash, id);
  const NodeId parent = node.parent;
  // A list that is no longer long is forgotten: so none is there when it grows again.
  if (store.node(parent).child_count > ChildrenCache::kChildrenMin) {
    store.children_cache.on_removed(parent, node.name());
  } else if (store.node(parent).child_count == ChildrenCache::kChildrenMin) {
    store.children_cache.erase(parent);
  }
  store.unlink(id);
  store.acls.drop_reference(node.acl);
  store.release(id);
  ASSERT(store.index.size() + 1 == store.count);
}

void Tree::set_data(NodeId id, const wire::NullableView& data, const wire::StatPersisted& stat) {
  ASSERT(id != kNoNode);
  Store& store = *store_;
  Node& node = store.node(id);
  ASSERT(node.stat.ephemeral_owner == stat.ephemeral_owner || id == kRoot);
  const int64_t bytes_before = node.data_length();
  store.replace_data(node, data);
  store.add_data_bytes(id, node.data_length() - bytes_before);
  node.stat = stat;
  if (store.digest_enabled) store.set_digest(node, store.full_digest(id));
}

void Tree::set_stat(NodeId id, const wire::StatPersisted& stat) {
  ASSERT(id != kNoNode);
  Store& store = *store_;
  Node& node = store.node(id);
  ASSERT(node.stat.ephemeral_owner == stat.ephemeral_owner || id == kRoot);
  if (store.digest_enabled && (node.data_bits & Node::kOutsideDigest) == 0) {
    store.set_digest(node, node.digest ^ digest_change(node.stat, stat));
  }
  node.stat = stat;
}

void Tree::set_acl(NodeId id, int64_t acl_key, const wire::StatPersisted& stat) {
  ASSERT(id != kNoNode);
  Store& store = *store_;
  const AclSlot slot = store.acls.slot(acl_key);
  const AclSlot former = store.node(id).acl;
  const int64_t former_key = store.acls.key(former);
  for (WalkCursor* walk : store.walks) {
    if (acl_key >= walk->acl_key_end && former_key < walk->acl_key_end) {
      walk->former_acl_keys.try_emplace(id, former_key);
    }
  }
  store.acls.add_reference(slot);
  store.node(id).acl = slot;
  store.acls.drop_reference(former);
  set_stat(id, stat);
}

void Tree::set_local_data(NodeId id, std::string_view data) {
  Store& store = *store_;
  Node& node = store.node(id);
  ASSERT((node.data_bits & Node::kOutsideDigest) != 0);
  const int64_t bytes_before = node.data_length();
  store.replace_data(node, data);
  store.add_data_bytes(id, node.data_length() - bytes_before);
}

int64_t Tree::intern_acl(const wire::AclList& acl) {
  return store_->acls.intern(acl);
}
void Tree::restore_acl(int64_t key, const wire::AclList& acl) {
  store_->acls.restore(key, acl);
}
const AclPtr& Tree::acl_of_key(int64_t key) const {
  return store_->acls.acl(store_->acls.slot(key));
}
bool Tree::has_acl_key(int64_t key) const {
  return store_->acls.contains(key);
}
void Tree::restore_unexplained_acl(int64_t key) {
  store_->acls.restore_unexplained(key);
}
bool Tree::has_unexplained_acls() const {
  return store_->acls.unexplained() > 0;
}
bool Tree::is_acl_unexplained(NodeId node) const {
  return store_->acls.is_unexplained(store_->node(node).acl);
}
void Tree::drop_unused_acls() {
  store_->acls.drop_unreferenced();
}

std::vector<NodeId> Tree::ephemeral_nodes(SessionId session) const {
  const auto owned = store_->ephemerals.find(session);
  if (owned == store_->ephemerals.end()) return {};
  return {owned->second.begin(), owned->second.end()};
}

std::vector<std::string> Tree::ephemerals(SessionId session) const {
  std::vector<std::string> paths;
  for (const NodeId node : ephemeral_nodes(session)) paths.push_back(path(node));
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<SessionId> Tree::ephemeral_owners() const {
  std::vector<SessionId> owners;
  owners.reserve(store_->ephemerals.size());
  for (const auto& [owner, nodes] : store_->ephemerals) owners.push_back(owner);
  std::sort(owners.begin(), owners.end());
  return owners;
}

size_t Tree::ephemeral_count() const {
  return store_->ephemeral_count;
}

namespace {

NodeId first_from(const std::set<NodeId>& nodes, NodeId from) {
  const auto at = nodes.lower_bound(from);
  return at == nodes.end() ? kNoNode : *at;
}

}  // namespace

NodeId Tree::next_ephemeral(SessionId session, NodeId from) const {
  const auto owned = store_->ephemerals.find(session);
  return owned == store_->ephemerals.end() ? kNoNode : first_from(owned->second, from);
}
NodeId Tree::next_container(NodeId from) const {
  return first_from(store_->containers, from);
}
NodeId Tree::next_ttl_node(NodeId from) const {
  return first_from(store_->ttl_nodes, from);
}

// ZooKeeper keeps the root under two names and counts both.
size_t Tree::node_count() const {
  return store_->count + 1;
}
uint64_t Tree::data_size() const {
  return store_->data_size;
}

uint64_t Tree::descendant_count(NodeId node) const {
  return store_->nodes_below(node);
}
uint64_t Tree::descendant_bytes(NodeId node) const {
  return store_->bytes_below(node);
}

uint64_t Tree::digest() const {
  return store_->digest;
}
uint64_t Tree::digest(NodeId node) const {
  return store_->node(node).digest;
}
bool Tree::has_walks() const {
  return !store_->walks.empty();
}

}  // namespace zooid::state
