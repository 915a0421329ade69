// Applying a transaction (storage-formats 5). Whatever does not fit is left out: in the fuzzy range
// of a snapshot a later transaction, which will be replayed too, explains it.
#include <variant>

#include "base/assert.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "state/database_parts.h"
#include "state/paths.h"

namespace zooid::state {
namespace {

using wire::ErrorCode;
using wire::OpCode;

bool is_create(OpCode type) {
  return type == OpCode::kCreate || type == OpCode::kCreate2 || type == OpCode::kCreateContainer ||
         type == OpCode::kCreateTtl;
}

// A transaction comes from outside: its path may be anything.
bool can_be_a_node(std::string_view path) {
  return path.size() > 1 && path.front() == '/' && path.back() != '/';
}

int64_t owner_of_created(const wire::TxnHeader& header, OpCode type, const wire::CreateTxn& txn) {
  switch (type) {
    case OpCode::kCreateContainer:
      return kOwnerContainer;
    case OpCode::kCreateTtl:
      return ttl_owner(txn.ttl_ms);
    default:
      return txn.ephemeral ? header.session.value : 0;
  }
}

void append_paths(std::string& out, const wire::TxnBody& body) {
  const auto append = [&out](std::string_view path) {
    if (!out.empty()) out.push_back(' ');
    out.append(path);
  };
  if (const auto* create = std::get_if<wire::CreateTxn>(&body)) append(create->path);
  if (const auto* remove = std::get_if<wire::DeleteTxn>(&body)) append(remove->path);
  if (const auto* set_data = std::get_if<wire::SetDataTxn>(&body)) append(set_data->path);
  if (const auto* set_acl = std::get_if<wire::SetAclTxn>(&body)) append(set_acl->path);
  if (const auto* close = std::get_if<wire::CloseSessionTxn>(&body)) {
    for (const std::string& path : close->paths_to_delete) append(path);
  }
  if (const auto* multi = std::get_if<wire::MultiTxn>(&body)) {
    for (const wire::SubTxn& sub : multi->txns) append_paths(out, sub.body);
  }
}

}  // namespace

void Database::apply(const wire::Txn& txn, Applied* out) {
  ASSERT(!parts_->is_loading);
  if (out != nullptr) {
    *out = Applied{};
    out->header = txn.header;
  }
  parts_->apply_body(txn.header, txn.body, out);
  if (txn.header.zxid > parts_->last_zxid) parts_->last_zxid = txn.header.zxid;
  parts_->compare_digests(txn);
  ASSERT(parts_->last_zxid >= txn.header.zxid);
}

void Database::Parts::apply_body(const wire::TxnHeader& header, const wire::TxnBody& body,
                                 Applied* out) {
  if (const auto* error = std::get_if<wire::ErrorTxn>(&body)) {
    if (out != nullptr) out->err = error->err;
    return;
  }
  if (const auto* opened = std::get_if<wire::CreateSessionTxn>(&body)) {
    sessions[header.session] = opened->timeout_ms;
    if (out != nullptr) out->session_timeout_ms = opened->timeout_ms;
    return;
  }
  if (const auto* closed = std::get_if<wire::CloseSessionTxn>(&body)) {
    sessions.erase(header.session);
    close_session(header.session, header.zxid, closed->paths_to_delete, out);
    return;
  }
  if (const auto* multi = std::get_if<wire::MultiTxn>(&body)) {
    apply_multi(header, *multi, out);
    return;
  }
  OpResult result;
  apply_one(header, header.type, body, result, out);
  if (out == nullptr) return;
  out->err = result.err;
  out->results.push_back(std::move(result));
}

void Database::Parts::apply_one(const wire::TxnHeader& header, OpCode type,
                                const wire::TxnBody& body, OpResult& result, Applied* out) {
  result.type = type;
  if (const auto* created = std::get_if<wire::CreateTxn>(&body)) {
    create(header, type, *created, result, out);
  } else if (const auto* removed = std::get_if<wire::DeleteTxn>(&body)) {
    result.err = remove(removed->path, header.zxid, out);
  } else if (const auto* changed = std::get_if<wire::SetDataTxn>(&body)) {
    set_data(header, *changed, result, out);
  } else if (const auto* acl_changed = std::get_if<wire::SetAclTxn>(&body)) {
    set_acl(*acl_changed, result);
  } else if (!std::holds_alternative<wire::CheckTxn>(body)) {
    result.err = ErrorCode::kUnimplemented;  // a session's transaction inside a multi
  }
}

void Database::Parts::apply_multi(const wire::TxnHeader& header, const wire::MultiTxn& multi,
                                  Applied* out) {
  bool failed = false;
  for (const wire::SubTxn& sub : multi.txns) {
    if (std::holds_alternative<wire::ErrorTxn>(sub.body)) failed = true;
  }
  bool is_behind_failure = false;
  for (const wire::SubTxn& sub : multi.txns) {
    OpResult result;
    if (!failed) {
      apply_one(header, sub.type, sub.body, result, out);
    } else if (const auto* error = std::get_if<wire::ErrorTxn>(&sub.body)) {
      result.err = error->err;
      is_behind_failure = true;
    } else {
      result.err = is_behind_failure ? ErrorCode::kRuntimeInconsistency : ErrorCode::kOk;
    }
    ASSERT(!failed || result.type == OpCode::kError);
    if (out != nullptr) out->results.push_back(std::move(result));
  }
}

void Database::Parts::create(const wire::TxnHeader& header, OpCode type, const wire::CreateTxn& txn,
                             OpResult& result, Applied* out) {
  if (out != nullptr) result.path = txn.path;
  if (!is_create(type) || !can_be_a_node(txn.path)) {
    result.err = ErrorCode::kBadArguments;
    return;
  }
  const NodeId parent = tree->find(parent_path(txn.path));
  if (parent == kNoNode) {
    result.err = ErrorCode::kNoNode;
    return;
  }
  // Whether the node exists or not (rule 9): sequential numbers must not repeat.
  raise_child_counter(parent, txn.parent_cversion, header.zxid);
  const int64_t acl_key = tree->intern_acl(txn.acl);
  const std::string_view name = last_name(txn.path);
  if (const NodeId existing = tree->find_child(parent, name); existing != kNoNode) {
    MARK("state.create_of_existing_node");
    const wire::StatPersisted stat = tree->stored(existing);
    tree->set_acl(existing, acl_key, stat);
    result.err = ErrorCode::kNodeExists;
    return;
  }
  wire::StatPersisted stat;
  stat.czxid = stat.mzxid = stat.pzxid = header.zxid.value;
  stat.ctime = stat.mtime = header.time_ms;
  stat.ephemeral_owner = owner_of_created(header, type, txn);
  const NodeId node = tree->create(parent, name, txn.data, acl_key, stat);
  quotas.on_created(*tree, txn.path, static_cast<int64_t>(txn.data ? txn.data->size() : 0));
  if (out == nullptr) return;
  result.stat = tree->stat(node);
  out->changes.push_back({Change::Kind::kCreated, txn.path, tree->acl(node), tree->acl(parent)});
}

wire::ErrorCode Database::Parts::remove(std::string_view path, Zxid zxid, Applied* out) {
  if (!can_be_a_node(path)) return ErrorCode::kBadArguments;
  const NodeId parent = tree->find(parent_path(path));
  if (parent == kNoNode) return ErrorCode::kNoNode;
  return remove_child(parent, path, zxid, out) == kNoNode ? ErrorCode::kNoNode : ErrorCode::kOk;
}

NodeId Database::Parts::remove_child(NodeId parent, std::string_view path, Zxid zxid,
                                     Applied* out) {
  // The parent first, also if the node is gone already: it went after the parent was written.
  if (zxid.value > tree->stored(parent).pzxid) {
    wire::StatPersisted stat = tree->stored(parent);
    stat.pzxid = zxid.value;
    tree->set_stat(parent, stat);
  }
  const NodeId node = tree->find_child(parent, last_name(path));
  if (node != kNoNode) remove_subtree(node, path, out);
  return node;
}

// A node that is to be deleted has no children, except in the fuzzy range of a snapshot that was
// written elsewhere: those belong to a later node of that path and will be created once more.
void Database::Parts::remove_subtree(NodeId node, std::string_view path, Applied* out) {
  while (tree->first_child(node) != kNoNode) {
    MARK("state.delete_with_children");
    NodeId leaf = tree->first_child(node);
    while (tree->first_child(leaf) != kNoNode) leaf = tree->first_child(leaf);
    const std::string leaf_path = tree->path(leaf);
    remove_subtree(leaf, leaf_path, out);
  }
  if (out != nullptr) {
    out->changes.push_back({Change::Kind::kDeleted, std::string(path), tree->acl(node),
                            tree->acl(tree->parent(node))});
  }
  const auto bytes = static_cast<int64_t>(tree->data(node).value_or(std::string_view{}).size());
  tree->remove(node);
  quotas.on_deleted(*tree, path, bytes);
}

void Database::Parts::set_data(const wire::TxnHeader& header, const wire::SetDataTxn& txn,
                               OpResult& result, Applied* out) {
  const NodeId node = tree->find(txn.path);
  if (node == kNoNode) {
    result.err = ErrorCode::kNoNode;
    return;
  }
  const auto bytes_before =
      static_cast<int64_t>(tree->data(node).value_or(std::string_view{}).size());
  const auto bytes_after = static_cast<int64_t>(txn.data ? txn.data->size() : 0);
  wire::StatPersisted stat = tree->stored(node);
  stat.mzxid = header.zxid.value;
  stat.mtime = header.time_ms;
  stat.version = txn.version;
  tree->set_data(node, txn.data, stat);
  quotas.on_data_changed(*tree, txn.path, bytes_after - bytes_before);
  if (out == nullptr) return;
  result.stat = tree->stat(node);
  out->changes.push_back({Change::Kind::kDataChanged, txn.path, tree->acl(node), nullptr});
}

void Database::Parts::set_acl(const wire::SetAclTxn& txn, OpResult& result) {
  const NodeId node = tree->find(txn.path);
  if (node == kNoNode) {
    result.err = ErrorCode::kNoNode;
    return;
  }
  wire::StatPersisted stat = tree->stored(node);
  if (!is_planted(PlantedBug::kAclVersionKept)) stat.aversion = txn.version;
  tree->set_acl(node, tree->intern_acl(txn.acl), stat);
  result.stat = tree->stat(node);
}

// The paths of the transaction, in their order and whoever owns them now (as ZooKeeper: a later
// node of that path is created by a later transaction), then whatever else the session owns.
void Database::Parts::close_session(SessionId session, Zxid zxid,
                                    std::span<const std::string> paths, Applied* out) {
  if (is_planted(PlantedBug::kResurrectEphemeral)) return;
  if (is_planted(PlantedBug::kZk3144) && out == nullptr) return;
  if (out != nullptr) out->changes.reserve(paths.size());
  // Most of them have the same parent as the one before.
  std::string_view parent_text;
  NodeId parent = kNoNode;
  for (const std::string& path : paths) {
    if (!can_be_a_node(path)) continue;
    if (parent == kNoNode || parent_path(path) != parent_text) {
      parent_text = parent_path(path);
      parent = tree->find(parent_text);
      if (parent == kNoNode) continue;
    }
    remove_child(parent, path, zxid, out);
  }
  for (const std::string& path : tree->ephemerals(session)) {
    MARK("state.ephemeral_not_listed");
    remove(path, zxid, out);
  }
  ASSERT(tree->ephemerals(session).empty());
}

// The counter and pzxid only go up: the parent may have been written after later creates.
void Database::Parts::raise_child_counter(NodeId parent, int32_t parent_cversion, Zxid zxid) {
  wire::StatPersisted stat = tree->stored(parent);
  if (parent_cversion == -1) {  // logs of ZooKeeper 3.3
    parent_cversion = static_cast<int32_t>(static_cast<uint32_t>(stat.cversion) + 1);
  }
  if (parent_cversion <= stat.cversion) return;
  stat.cversion = parent_cversion;
  stat.pzxid = zxid.value;
  tree->set_stat(parent, stat);
}

void Database::Parts::compare_digests(const wire::Txn& txn) {
  if (!options.digest_enabled) return;
  const Zxid zxid = txn.header.zxid;
  const auto actual = static_cast<int64_t>(tree->digest());
  if (snapshot_digest && zxid >= fuzzy_end) {
    const int64_t expected = *snapshot_digest;
    snapshot_digest.reset();
    if (zxid == fuzzy_end && expected != actual) {
      std::string paths;
      append_paths(paths, txn.body);
      report_mismatch(zxid, expected, std::move(paths));
    }
  }
  if (zxid <= fuzzy_end || !txn.digest || txn.digest->version != 2) return;
  if (txn.digest->tree_digest == actual) return;
  std::string paths;
  append_paths(paths, txn.body);
  report_mismatch(zxid, txn.digest->tree_digest, std::move(paths));
}

void Database::Parts::report_mismatch(Zxid zxid, int64_t expected, std::string paths) {
  MARK("state.digest_mismatch");
  if (mismatches.size() >= kMismatchesMax) return;
  mismatches.push_back({zxid, expected, static_cast<int64_t>(tree->digest()), std::move(paths)});
}

}  // namespace zooid::state
