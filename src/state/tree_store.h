// What the tree keeps in memory. A node is two cache lines: the first holds everything a look-up
// needs (links, hash, and the name if it is short), the second the Stat. The data, behind the name
// if that is long, stand in one further allocation; nodes without data and with a short name have
// none. Nodes lie in chunks and never move, so an id finds its node by arithmetic.
#pragma once

#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/assert.h"
#include "base/hash.h"
#include "state/acl_map.h"
#include "state/children_cache.h"
#include "state/node_index.h"
#include "state/tree.h"

namespace zooid::state {

struct alignas(64) Node {
  static constexpr uint8_t kShortNameMax = 19;
  static constexpr uint8_t kLongName = 255;             // length and name stand in `tail`
  static constexpr uint32_t kNullData = 1u << 31;       // flags in data_bits
  static constexpr uint32_t kOutsideDigest = 1u << 30;  // below "/zookeeper/"
  static constexpr uint32_t kDataLength = kOutsideDigest - 1;

  std::unique_ptr<char[]> tail;  // [name length, name,] data
  NodeId parent = kNoNode;
  NodeId first_child = kNoNode;
  NodeId next = kNoNode;      // sibling; kNoNode at the last. In a free node: the next free one
  NodeId previous = kNoNode;  // sibling; the first one's is the last
  uint32_t hash = 0;          // of (parent, name)
  uint32_t data_bits = kNullData;
  int32_t child_count = 0;
  AclSlot acl = 0;
  uint32_t digest = 0;
  uint8_t name_length = 0;
  char short_name[kShortNameMax] = {};
  wire::StatPersisted stat;

  uint32_t data_length() const { return data_bits & kDataLength; }
  bool has_long_name() const { return name_length == kLongName; }
  std::string_view name() const {
    if (!has_long_name()) return {short_name, name_length};
    uint32_t length;
    std::memcpy(&length, tail.get(), sizeof(length));
    return {tail.get() + sizeof(length), length};
  }
  // Where the data begin in `tail`.
  size_t data_offset() const { return has_long_name() ? sizeof(uint32_t) + name().size() : 0; }
  wire::NullableView data() const {
    if ((data_bits & kNullData) != 0) return std::nullopt;
    return std::string_view{tail.get() + data_offset(), data_length()};
  }
};
static_assert(sizeof(Node) == 128 && offsetof(Node, stat) == 64);

// Where a snapshot walk stands. The tree keeps it right while nodes change.
struct WalkCursor {
  NodeId next = kRoot;      // to be looked at next, its parent was written; kNoNode at the end
  int64_t acl_key_end = 0;  // lists with this key or a higher one are not in the written map
  // Nodes that got such a list during the walk: the key they had before, which is in the map. The
  // transaction that changed it will be replayed.
  std::unordered_map<NodeId, int64_t> former_acl_keys;
};

struct Tree::Store {
  static constexpr uint32_t kChunkNodes = 512;  // 64 KiB
  struct Chunk {
    Node nodes[kChunkNodes];
    // How many nodes are below each, and bytes of data in them. Beside the nodes, which have no
    // room left: only what creates, deletes or changes sizes looks here, and who asks for the sum.
    uint32_t nodes_below[kChunkNodes] = {};
    uint64_t bytes_below[kChunkNodes] = {};
  };

  Store(ExtendedTypes extended_types, bool digest_enabled);
  ~Store();

  Node& node(NodeId id) { return chunks[id / kChunkNodes]->nodes[id % kChunkNodes]; }
  const Node& node(NodeId id) const { return chunks[id / kChunkNodes]->nodes[id % kChunkNodes]; }

  uint32_t& nodes_below(NodeId id) {
    return chunks[id / kChunkNodes]->nodes_below[id % kChunkNodes];
  }
  uint64_t& bytes_below(NodeId id) {
    return chunks[id / kChunkNodes]->bytes_below[id % kChunkNodes];
  }

  NodeId allocate();
  void release(NodeId id);
  void link(NodeId parent, NodeId id);
  void unlink(NodeId id);
  void set_name_and_data(Node& node, std::string_view name, const wire::NullableView& data);
  void replace_data(Node& node, const wire::NullableView& data);
  // The data of `id` are so many bytes longer: data_size and what is below the nodes above follow.
  void add_data_bytes(NodeId id, int64_t bytes);
  void set_digest(Node& node, uint32_t value);
  uint32_t full_digest(NodeId id);
  void append_path(std::string& out, NodeId id) const;  // "" for the root
  size_t path_size(NodeId id) const;
  void list_by_kind(NodeId id, int64_t owner);
  void unlist_by_kind(NodeId id, int64_t owner);
  // Of the nodes behind `id` in pre-order, the first that is not below it.
  NodeId after_subtree(NodeId id) const;

  static uint32_t hash_of(NodeId parent, std::string_view name) {
    return static_cast<uint32_t>(keyed_hash(parent, name) >> 32);
  }

  const ExtendedTypes extended_types;
  const bool digest_enabled;
  std::vector<std::unique_ptr<Chunk>> chunks;
  NodeId ids_end = 1;  // ids from here on were never used
  NodeId free_head = kNoNode;
  size_t count = 0;
  NodeIndex index;
  AclMap acls;
  std::unordered_map<SessionId, std::set<NodeId>, SessionHash> ephemerals;
  size_t ephemeral_count = 0;
  std::set<NodeId> containers;
  std::set<NodeId> ttl_nodes;
  uint64_t digest = 0;
  uint64_t data_size = 0;
  std::vector<WalkCursor*> walks;
  mutable ChildrenCache children_cache;
  std::string path_scratch;  // only for changes
};

}  // namespace zooid::state
