// The walk that writes a snapshot while transactions go on (rule 9, storage-formats 5).
//
// What is written must become the state again when the transactions behind zxid() are replayed:
// - Sessions and ACL map are those of the beginning.
// - Nodes come in pre-order. The cursor is the node to be looked at next; its parent was written.
//   Deleting that node moves the cursor (Tree::remove).
// - A node that was created behind zxid() is left out with all that is below it: its creation and
//   theirs will be replayed. So no path is written twice (deleted behind the cursor and created
//   again before it) and a parent is never missing. New children come last, so all siblings behind
//   such a node are new, too: the walk ends however fast nodes are created.
// - A node that was given a list which is not in the written map is written with the list that it
//   had before: the setACL that changed it will be replayed.
#include <algorithm>

#include "base/assert.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "state/database_parts.h"
#include "state/tree_store.h"
#include "wire/jute.h"

namespace zooid::state {

struct SnapshotWalk::Cursor {
  Database::Parts& database;
  Tree::Store& tree;
  Zxid zxid;
  WalkCursor at;
  std::string head;  // sessions and ACL map
  size_t head_written = 0;
  bool is_finished = false;
  std::string path;

  void make_head();
  bool is_new(const Node& node) const;
  std::optional<int64_t> key_to_write(NodeId id) const;
  NodeId after(NodeId id, bool is_written) const;
  void write_node(NodeId id, int64_t acl_key, std::string& out);
};

SnapshotWalk::SnapshotWalk(Database& database)
    : cursor_(std::make_unique<Cursor>(Cursor{.database = *database.parts_,
                                              .tree = *database.parts_->tree->store_,
                                              .zxid = database.last_zxid()})) {
  ASSERT(!database.parts_->is_loading);
  cursor_->make_head();
  cursor_->tree.walks.push_back(&cursor_->at);
}

SnapshotWalk::~SnapshotWalk() {
  const size_t erased = std::erase(cursor_->tree.walks, &cursor_->at);
  ASSERT(erased == 1);
}

Zxid SnapshotWalk::zxid() const {
  return cursor_->zxid;
}

void SnapshotWalk::Cursor::make_head() {
  wire::Writer out(head);
  out.i32(static_cast<int32_t>(database.sessions.size()));
  for (const auto& [id, timeout_ms] : database.sessions) {
    out.i64(id.value);
    out.i32(timeout_ms);
  }
  const auto acls = tree.acls.entries();
  out.i32(static_cast<int32_t>(acls.size()));
  for (const auto& [key, acl] : acls) {
    out.i64(key);
    wire::write(out, acl->list());
  }
  at.acl_key_end = tree.acls.next_key();
}

bool SnapshotWalk::Cursor::is_new(const Node& node) const {
  return node.stat.czxid > std::max<int64_t>(zxid.value, 0);
}

// Where the walk goes from `id`.
NodeId SnapshotWalk::Cursor::after(NodeId id, bool is_written) const {
  const Node& node = tree.node(id);
  if (is_written && node.first_child != kNoNode) return node.first_child;
  // What was loaded may stand in any order and be new in its fuzzy range.
  const bool are_siblings_new = is_new(node) && node.stat.czxid > database.loaded_zxid_max.value;
  return tree.after_subtree(are_siblings_new ? node.parent : id);
}

// Under which key the node is written; nullopt: not at all.
std::optional<int64_t> SnapshotWalk::Cursor::key_to_write(NodeId id) const {
  const Node& node = tree.node(id);
  if (is_new(node)) {
    MARK("state.walk_leaves_new_node_to_replay");
    return std::nullopt;
  }
  const int64_t key = tree.acls.key(node.acl);
  if (key < at.acl_key_end) return key;
  const auto former = at.former_acl_keys.find(id);
  if (former == at.former_acl_keys.end()) return std::nullopt;  // created during the walk after all
  MARK("state.walk_writes_former_acl");
  return former->second;
}

void SnapshotWalk::Cursor::write_node(NodeId id, int64_t acl_key, std::string& out) {
  path.clear();
  tree.append_path(path, id);
  const Node& node = tree.node(id);
  wire::write_snapshot_node(out, path, node.data(), acl_key, node.stat);
}

bool SnapshotWalk::step(std::string& out, size_t nodes_max, size_t bytes_max) {
  Cursor& cursor = *cursor_;
  if (cursor.is_finished) return true;
  ASSERT(nodes_max > 0 && bytes_max > 0);
  const size_t begin = out.size();
  if (cursor.head_written < cursor.head.size()) {
    const size_t bytes = std::min(bytes_max, cursor.head.size() - cursor.head_written);
    out.append(cursor.head, cursor.head_written, bytes);
    cursor.head_written += bytes;
    if (cursor.head_written < cursor.head.size()) return false;
    cursor.head = std::string();
    cursor.head_written = 0;
  }
  for (size_t nodes = 0; cursor.at.next != kNoNode; ++nodes) {
    if (nodes >= nodes_max || out.size() - begin >= bytes_max) return false;
    const NodeId id = cursor.at.next;
    const std::optional<int64_t> acl_key = cursor.key_to_write(id);
    const bool is_lost = is_planted(PlantedBug::kSnapshotCursorLost) && nodes == 7;
    if (acl_key && !is_lost) cursor.write_node(id, *acl_key, out);
    cursor.at.next = cursor.after(id, acl_key.has_value());
  }
  wire::Writer(out).buffer("/");
  cursor.is_finished = true;
  return true;
}

}  // namespace zooid::state
