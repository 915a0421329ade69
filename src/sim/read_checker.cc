// ReplyChecker's judgement of what was read: data, Stats, children, ACLs, against the model.
#include "sim/reply_checker.h"

namespace zooid::sim {

using wire::ErrorCode;
using wire::OpCode;

void ReplyChecker::check_stat(const Operation& operation, const wire::Stat& stat,
                              const std::string& path) {
  const ModelNode* node = model_.find(path);
  if (node == nullptr) {
    fail(operation, "replies are what the history says", "there is no {}", path);
    return;
  }
  if (path == "/") return;  // its own numbers are older than the history
  const bool is_equal = stat.czxid == node->czxid && stat.mzxid == node->mzxid &&
                        stat.pzxid == node->pzxid && stat.ctime == node->ctime &&
                        stat.mtime == node->mtime && stat.version == node->version &&
                        stat.cversion == node->cversion && stat.aversion == node->aversion &&
                        stat.ephemeral_owner == node->owner &&
                        stat.data_length == static_cast<int32_t>(node->data.size()) &&
                        stat.num_children == static_cast<int32_t>(node->children.size());
  if (is_equal) return;
  fail(operation, "replies are what the history says",
       "Stat czxid={:x}/{:x} mzxid={:x}/{:x} pzxid={:x}/{:x} version={}/{} cversion={}/{} "
       "aversion={}/{} owner={:x}/{:x} length={}/{} children={}/{} (told/history)",
       stat.czxid, node->czxid, stat.mzxid, node->mzxid, stat.pzxid, node->pzxid, stat.version,
       node->version, stat.cversion, node->cversion, stat.aversion, node->aversion,
       stat.ephemeral_owner, node->owner, stat.data_length, node->data.size(), stat.num_children,
       node->children.size());
}

void ReplyChecker::check_read(const Operation& operation) {
  const ModelNode* node = model_.find(operation.path);
  switch (operation.type) {
    case OpCode::kSync:
    case OpCode::kAddWatch:
    case OpCode::kRemoveWatches:
    case OpCode::kCloseSession:  // of a local session
      return;
    case OpCode::kGetEphemerals:
      return check_ephemerals(operation);
    case OpCode::kMultiRead:
      return check_multi_read(operation);
    default:
      break;
  }
  if (operation.err == ErrorCode::kNoNode) {
    if (node != nullptr) {
      fail(operation, "replies are what the history says", "the node is there");
    }
    return;
  }
  if (operation.err != ErrorCode::kOk) return;
  if (node == nullptr) {
    fail(operation, "replies are what the history says", "the node is not there");
    return;
  }
  wire::Reader in(operation.reply);
  wire::Stat stat;
  if (operation.type == OpCode::kGetData && in.buffer() != node->data) {
    fail(operation, "replies are what the history says", "the data should be {:.40}", node->data);
  }
  if (operation.type == OpCode::kGetChildren2) {
    std::set<std::string> children;
    for (int32_t left = in.count(sizeof(int32_t)); left > 0; --left) children.emplace(in.buffer());
    if (children != node->children) {
      fail(operation, "replies are what the history says", "told {} children, history has {}",
           children.size(), node->children.size());
    }
  }
  if (operation.type == OpCode::kGetAllChildrenNumber) {
    const int32_t told = in.i32();
    const int32_t expected = descendants(operation.path);
    if (told != expected) {
      fail(operation, "replies are what the history says", "told {} nodes below, history has {}",
           told, expected);
    }
    return;
  }
  if (operation.type == OpCode::kGetAcl) {
    wire::AclList acl;
    wire::read(in, acl);
    if (acl != node->acl) {
      fail(operation, "replies are what the history says", "another ACL than aversion {}",
           node->aversion);
    }
  }
  wire::read(in, stat);
  if (!in.ok()) fail(operation, "replies can be read", "{} bytes", operation.reply.size());
  check_stat(operation, stat, operation.path);
}

int32_t ReplyChecker::descendants(const std::string& path) const {
  const std::string prefix = path + "/";
  int32_t count = 0;
  for (auto it = model_.nodes().lower_bound(prefix);
       it != model_.nodes().end() && it->first.starts_with(prefix); ++it) {
    ++count;
  }
  return count;
}

void ReplyChecker::check_ephemerals(const Operation& operation) {
  if (operation.err != ErrorCode::kOk) {
    fail(operation, "refusals have their reason", "getEphemerals has none");
    return;
  }
  std::set<std::string> told, expected;
  wire::Reader in(operation.reply);
  for (int32_t left = in.count(sizeof(int32_t)); left > 0; --left) told.emplace(in.buffer());
  for (const auto& [path, node] : model_.nodes()) {
    if (node.is_ephemeral && node.owner == operation.session.value &&
        path.starts_with(operation.path)) {
      expected.insert(path);
    }
  }
  if (told != expected) {
    fail(operation, "replies are what the history says", "told {} ephemerals, history has {}",
         told.size(), expected.size());
  }
}

// Each part stands for itself: one without a node is an error among the others' results.
void ReplyChecker::check_multi_read(const Operation& operation) {
  constexpr int32_t kErrorPart = -1;
  wire::Reader in(operation.reply);
  for (const auto& [type, path] : operation.reads) {
    const ModelNode* node = model_.find(path);
    const int32_t part = in.i32();
    in.boolean();
    in.i32();
    if (part == kErrorPart) {
      const auto err = static_cast<ErrorCode>(in.i32());
      if (err == ErrorCode::kNoNode && node == nullptr) continue;
      fail(operation, "refusals have their reason", "{} {} {}", wire::op_name(type), path,
           wire::error_name(err));
      return;
    }
    if (node == nullptr || part != static_cast<int32_t>(type)) {
      fail(operation, "replies are what the history says", "{} {}: a result of type {}",
           wire::op_name(type), path, part);
      return;
    }
    if (type == OpCode::kGetData) {
      wire::Stat stat;
      const bool is_equal = in.buffer() == node->data;
      wire::read(in, stat);
      if (!is_equal) fail(operation, "replies are what the history says", "data of {}", path);
      check_stat(operation, stat, path);
      continue;
    }
    std::set<std::string> children;
    for (int32_t left = in.count(sizeof(int32_t)); left > 0; --left) children.emplace(in.buffer());
    if (children != node->children) {
      fail(operation, "replies are what the history says", "children of {}", path);
    }
  }
  if (!in.ok()) fail(operation, "replies can be read", "{} bytes", operation.reply.size());
}

}  // namespace zooid::sim
