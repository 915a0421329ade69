#include "sim/model.h"

#include <fmt/format.h>

#include <algorithm>

namespace zooid::sim {

using wire::OpCode;

namespace {

// The number at the end of a sequential node's name; -1 if the name has none.
int64_t sequence_of(const std::string& path) {
  constexpr size_t kDigits = 10;
  if (path.size() < kDigits) return -1;
  const std::string end = path.substr(path.size() - kDigits);
  if (!std::ranges::all_of(end, [](char c) { return c >= '0' && c <= '9'; })) return -1;
  return std::stoll(end);
}

}  // namespace

std::string parent_path(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

Model::Model() {
  nodes_["/"].children.insert("zookeeper");
}

const ModelNode* Model::find(const std::string& path) const {
  const auto it = nodes_.find(path);
  return it == nodes_.end() ? nullptr : &it->second;
}

std::string Model::apply(const wire::Txn& txn) {
  changes_.clear();
  return apply_body(txn.header, txn.header.type, txn.body);
}

std::string Model::apply_body(const wire::TxnHeader& header, OpCode type,
                              const wire::TxnBody& body) {
  if (type == OpCode::kCreateSession) {
    return sessions_.insert(header.session).second ? "" : "a session is created twice";
  }
  if (type == OpCode::kCloseSession) return close(header);
  if (const auto* create = std::get_if<wire::CreateTxn>(&body)) return apply(header, type, *create);
  if (const auto* set = std::get_if<wire::SetDataTxn>(&body)) return apply(header, *set);
  if (const auto* set = std::get_if<wire::SetAclTxn>(&body)) return apply(*set);
  if (const auto* erase = std::get_if<wire::DeleteTxn>(&body)) {
    return type == OpCode::kDeleteContainer ? reap(header, erase->path)
                                            : remove(header, erase->path);
  }
  if (const auto* multi = std::get_if<wire::MultiTxn>(&body)) {
    // All or nothing: one that failed keeps what came before the failure in its record.
    const bool has_failed = std::ranges::any_of(multi->txns, [](const wire::SubTxn& sub) {
      return std::holds_alternative<wire::ErrorTxn>(sub.body);
    });
    if (has_failed) return "";
    for (const wire::SubTxn& sub : multi->txns) {
      const std::string wrong = apply_body(header, sub.type, sub.body);
      if (!wrong.empty()) return wrong;
    }
  }
  return "";
}

std::string Model::apply(const wire::TxnHeader& header, OpCode type, const wire::CreateTxn& txn) {
  const auto parent = nodes_.find(parent_path(txn.path));
  if (parent == nodes_.end()) return "create without a parent: " + txn.path;
  if (nodes_.contains(txn.path)) return "create of a node that is there: " + txn.path;
  if (txn.ephemeral && !sessions_.contains(header.session)) {
    return fmt::format("ephemeral of a session that is not there: {}", txn.path);
  }
  if (parent->second.is_ephemeral) return "child of an ephemeral: " + txn.path;
  // Every create takes a number, named or not: a later sequential one is greater.
  const int64_t sequence = sequence_of(txn.path);
  if (sequence >= 0 && sequence < parent->second.next_sequence) {
    return fmt::format("sequential number {} is not new: {}", sequence, txn.path);
  }
  if (sequence >= 0) parent->second.next_sequence = sequence + 1;
  ModelNode node;
  node.data = txn.data.value_or("");
  node.czxid = node.mzxid = node.pzxid = header.zxid.value;
  node.ctime = node.mtime = header.time_ms;
  node.acl = txn.acl;
  node.is_ephemeral = txn.ephemeral;
  node.is_container = type == OpCode::kCreateContainer;
  node.ttl_ms = type == OpCode::kCreateTtl ? txn.ttl_ms : 0;
  if (node.is_ephemeral) node.owner = header.session.value;
  parent->second.children.insert(txn.path.substr(txn.path.rfind('/') + 1));
  parent->second.cversion += 1;
  parent->second.pzxid = header.zxid.value;
  nodes_[txn.path] = std::move(node);
  changes_.push_back({Change::Kind::kCreated, txn.path});
  return "";
}

std::string Model::apply(const wire::TxnHeader& header, const wire::SetDataTxn& txn) {
  const auto it = nodes_.find(txn.path);
  if (it == nodes_.end()) return "setData without a node: " + txn.path;
  ModelNode& node = it->second;
  if (txn.version != node.version + 1) {
    return fmt::format("setData to version {} after {}: {}", txn.version, node.version, txn.path);
  }
  node.data = txn.data.value_or("");
  node.version = txn.version;
  node.mzxid = header.zxid.value;
  node.mtime = header.time_ms;
  changes_.push_back({Change::Kind::kData, txn.path});
  return "";
}

std::string Model::apply(const wire::SetAclTxn& txn) {
  const auto it = nodes_.find(txn.path);
  if (it == nodes_.end()) return "setACL without a node: " + txn.path;
  if (txn.version != it->second.aversion + 1) {
    return fmt::format("setACL to version {} after {}: {}", txn.version, it->second.aversion,
                       txn.path);
  }
  it->second.acl = txn.acl;
  it->second.aversion = txn.version;
  return "";
}

// The reaper takes containers that had a child and have none, and nodes whose time is over.
std::string Model::reap(const wire::TxnHeader& header, const std::string& path) {
  const ModelNode* node = find(path);
  if (node == nullptr) return "the reaper deletes what is not there: " + path;
  const bool is_used_up = node->is_container && node->cversion > 0;
  if (!is_used_up && node->ttl_ms == 0) return "the reaper deletes what it must not: " + path;
  return remove(header, path);
}

std::string Model::remove(const wire::TxnHeader& header, const std::string& path) {
  const auto it = nodes_.find(path);
  if (it == nodes_.end()) return "delete without a node: " + path;
  if (!it->second.children.empty()) return "delete of a node with children: " + path;
  ModelNode& parent = nodes_.at(parent_path(path));
  parent.children.erase(path.substr(path.rfind('/') + 1));
  parent.cversion += 1;
  parent.pzxid = header.zxid.value;
  nodes_.erase(it);
  changes_.push_back({Change::Kind::kDeleted, path});
  return "";
}

std::string Model::close(const wire::TxnHeader& header) {
  sessions_.erase(header.session);
  std::vector<std::string> owned;
  for (const auto& [path, node] : nodes_) {
    if (node.is_ephemeral && node.owner == header.session.value) owned.push_back(path);
  }
  for (const std::string& path : owned) {
    const std::string wrong = remove(header, path);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace zooid::sim
