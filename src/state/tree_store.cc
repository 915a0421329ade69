#include "state/tree_store.h"

#include <algorithm>
#include <cstddef>

namespace zooid::state {
namespace {

// What malloc really gives for `bytes` (glibc: multiples of 16 less 8, at least 24). Data change in
// place as long as they stay in one class; nothing needs to remember the capacity.
size_t size_class(size_t bytes) {
  return bytes == 0 ? 0 : std::max<size_t>(((bytes + 8 + 15) & ~size_t{15}) - 8, 24);
}

}  // namespace

Tree::Store::Store(ExtendedTypes with_extended_types, bool with_digest)
    : extended_types(with_extended_types), digest_enabled(with_digest) {
  const NodeId root = allocate();
  ASSERT(root == kRoot);
  Node& node = this->node(root);
  node.previous = root;
  acls.add_reference(node.acl);
  node.data_bits = 0;  // empty, not null
  data_size = 1;       // the path "/"
  if (digest_enabled) set_digest(node, full_digest(root));
}

Tree::Store::~Store() {
  ASSERT(walks.empty());
}

NodeId Tree::Store::allocate() {
  ++count;
  if (free_head != kNoNode) {
    const NodeId id = free_head;
    free_head = node(id).next;
    node(id).next = kNoNode;
    return id;
  }
  ASSERT(ids_end != UINT32_MAX);
  if (ids_end / kChunkNodes == chunks.size()) chunks.push_back(std::make_unique<Chunk>());
  return ids_end++;
}

void Tree::Store::release(NodeId id) {
  ASSERT(id != kNoNode && id != kRoot);
  ASSERT(count > 1);
  --count;
  node(id) = Node{};
  node(id).next = free_head;
  free_head = id;
}

// Behind the last child, so that children are answered in the order of their creation.
void Tree::Store::link(NodeId parent, NodeId id) {
  Node& above = node(parent);
  Node& child = node(id);
  child.parent = parent;
  child.next = kNoNode;
  if (above.first_child == kNoNode) {
    above.first_child = id;
    child.previous = id;
  } else {
    Node& first = node(above.first_child);
    child.previous = first.previous;
    node(first.previous).next = id;
    first.previous = id;
  }
  ++above.child_count;
  for (NodeId at = parent; at != kNoNode; at = node(at).parent) ++nodes_below(at);
}

void Tree::Store::unlink(NodeId id) {
  Node& child = node(id);
  Node& above = node(child.parent);
  ASSERT(above.child_count > 0);
  --above.child_count;
  for (NodeId at = child.parent; at != kNoNode; at = node(at).parent) {
    ASSERT(nodes_below(at) > 0);
    --nodes_below(at);
  }
  if (above.first_child == id) {
    above.first_child = child.next;
    if (child.next != kNoNode) node(child.next).previous = child.previous;
  } else {
    node(child.previous).next = child.next;
    node(child.next != kNoNode ? child.next : above.first_child).previous = child.previous;
  }
  ASSERT((above.child_count == 0) == (above.first_child == kNoNode));
}

void Tree::Store::set_name_and_data(Node& node, std::string_view name,
                                    const wire::NullableView& data) {
  ASSERT(node.tail == nullptr);
  ASSERT(name.size() <= UINT32_MAX);
  if (name.size() <= Node::kShortNameMax) {
    node.name_length = static_cast<uint8_t>(name.size());
    std::memcpy(node.short_name, name.data(), name.size());
    replace_data(node, data);
    return;
  }
  const size_t data_bytes = data ? data->size() : 0;
  ASSERT(data_bytes <= Node::kDataLength);
  const uint32_t length = static_cast<uint32_t>(name.size());
  const size_t offset = sizeof(length) + length;
  node.tail = std::make_unique_for_overwrite<char[]>(size_class(offset + data_bytes));
  node.name_length = Node::kLongName;
  std::memcpy(node.tail.get(), &length, sizeof(length));
  std::memcpy(node.tail.get() + sizeof(length), name.data(), length);
  if (data_bytes > 0) std::memcpy(node.tail.get() + offset, data->data(), data_bytes);
  node.data_bits = (node.data_bits & Node::kOutsideDigest) |
                   (data ? static_cast<uint32_t>(data_bytes) : Node::kNullData);
}

void Tree::Store::replace_data(Node& node, const wire::NullableView& data) {
  const size_t bytes = data ? data->size() : 0;
  ASSERT(bytes <= Node::kDataLength);
  const size_t offset = node.data_offset();
  const size_t wanted = size_class(offset + bytes);
  if (wanted != size_class(offset + node.data_length())) {
    std::unique_ptr<char[]> tail;
    if (wanted > 0) tail = std::make_unique_for_overwrite<char[]>(wanted);
    if (offset > 0) std::memcpy(tail.get(), node.tail.get(), offset);
    if (bytes > 0) std::memcpy(tail.get() + offset, data->data(), bytes);
    node.tail = std::move(tail);
  } else if (bytes > 0) {
    std::memmove(node.tail.get() + offset, data->data(), bytes);  // may be a view of itself
  }
  node.data_bits = (node.data_bits & Node::kOutsideDigest) |
                   (data ? static_cast<uint32_t>(bytes) : Node::kNullData);
  ASSERT(node.data_length() == bytes);
}

void Tree::Store::add_data_bytes(NodeId id, int64_t bytes) {
  if (bytes == 0) return;
  data_size += static_cast<uint64_t>(bytes);  // may be negative: wraps around and back
  for (NodeId at = node(id).parent; at != kNoNode; at = node(at).parent) {
    bytes_below(at) += static_cast<uint64_t>(bytes);
  }
}

void Tree::Store::set_digest(Node& node, uint32_t value) {
  digest += uint64_t{value} - uint64_t{node.digest};
  node.digest = value;
}

uint32_t Tree::Store::full_digest(NodeId id) {
  const Node& node = this->node(id);
  if (!digest_enabled || (node.data_bits & Node::kOutsideDigest) != 0) return 0;
  path_scratch.clear();
  append_path(path_scratch, id);
  return static_cast<uint32_t>(node_digest(path_scratch, node.data(), node.stat));
}

size_t Tree::Store::path_size(NodeId id) const {
  size_t size = 0;
  for (; id != kRoot; id = node(id).parent) size += 1 + node(id).name().size();
  return size;
}

void Tree::Store::append_path(std::string& out, NodeId id) const {
  size_t at = out.size() + path_size(id);
  out.resize(at);
  for (; id != kRoot; id = node(id).parent) {
    const std::string_view name = node(id).name();
    at -= name.size();
    std::memcpy(out.data() + at, name.data(), name.size());
    out[--at] = '/';
  }
}

void Tree::Store::list_by_kind(NodeId id, int64_t owner) {
  switch (node_kind(owner, extended_types)) {
    case NodeKind::kPersistent:
      return;
    case NodeKind::kContainer:
      containers.insert(id);
      return;
    case NodeKind::kTtl:
      ttl_nodes.insert(id);
      return;
    case NodeKind::kEphemeral:
      ephemerals[SessionId{owner}].insert(id);
      ++ephemeral_count;
      return;
  }
}

void Tree::Store::unlist_by_kind(NodeId id, int64_t owner) {
  switch (node_kind(owner, extended_types)) {
    case NodeKind::kPersistent:
      return;
    case NodeKind::kContainer:
      containers.erase(id);
      return;
    case NodeKind::kTtl:
      ttl_nodes.erase(id);
      return;
    case NodeKind::kEphemeral: {
      const auto owned = ephemerals.find(SessionId{owner});
      ASSERT(owned != ephemerals.end());
      const size_t erased = owned->second.erase(id);
      ASSERT(erased == 1);
      --ephemeral_count;
      if (owned->second.empty()) ephemerals.erase(owned);
      return;
    }
  }
}

NodeId Tree::Store::after_subtree(NodeId id) const {
  while (id != kRoot && node(id).next == kNoNode) id = node(id).parent;
  return id == kRoot ? kNoNode : node(id).next;
}

}  // namespace zooid::state
