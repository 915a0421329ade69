// The rules once more, as simply as possible and without any overlay, tree or transaction: a map of
// nodes that a request changes at once. Preparer and database must agree with it in every error,
// every name and every Stat, however much is pending.
#include <gtest/gtest.h>

#include <map>

#include "base/random.h"
#include "state/test_requests.h"

namespace zooid::state {
namespace {

using namespace test;
using wire::ErrorCode;
using wire::OpCode;

struct ModelNode {
  std::string data;
  wire::AclList acl;
  int64_t owner = 0, czxid = 0, mzxid = 0, pzxid = 0;
  int32_t version = 0, creates = 0, aversion = 0;
  bool operator==(const ModelNode&) const = default;
};

class Model {
 public:
  Model() {
    for (const char* path : {"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"}) {
      nodes_[path].acl = kOpen;
    }
    nodes_["/zookeeper/config"].acl = kReadOnly;
    nodes_["/zookeeper/config"].aversion = -1;
  }

  ErrorCode create(std::string path, std::string data, int32_t flags, const wire::AclList& acl,
                   int64_t session, int64_t zxid, std::string& made) {
    ModelNode* parent = find(above(path));
    if (parent == nullptr) return ErrorCode::kNoNode;
    if (!may(*parent, wire::kPermCreate)) return ErrorCode::kNoAuth;
    if ((flags & wire::kFlagSequential) != 0) path += fmt::format("{:010}", parent->creates);
    if (path.size() > 1 && path.ends_with("/")) return ErrorCode::kBadArguments;
    if (find(path) != nullptr) return ErrorCode::kNodeExists;
    if (parent->owner != 0) return ErrorCode::kNoChildrenForEphemerals;
    ++parent->creates;
    parent->pzxid = zxid;
    const int64_t owner = (flags & wire::kFlagEphemeral) != 0 ? session : 0;
    nodes_[path] = ModelNode{std::move(data), acl, owner, zxid, zxid, zxid};
    made = path;
    return ErrorCode::kOk;
  }
  ErrorCode remove(const std::string& path, int32_t version, int64_t zxid) {
    if (path == "/") return ErrorCode::kBadArguments;
    ModelNode* parent = find(above(path));
    if (parent == nullptr) return ErrorCode::kNoNode;
    if (!may(*parent, wire::kPermDelete)) return ErrorCode::kNoAuth;
    ModelNode* node = find(path);
    if (node == nullptr) return ErrorCode::kNoNode;
    if (version != -1 && version != node->version) return ErrorCode::kBadVersion;
    if (child_count(path) > 0) return ErrorCode::kNotEmpty;
    parent->pzxid = zxid;
    nodes_.erase(path);
    return ErrorCode::kOk;
  }
  ErrorCode set_data(const std::string& path, std::string data, int32_t version, int64_t zxid) {
    if (path.size() > 1 && path.ends_with("/")) return ErrorCode::kBadArguments;
    ModelNode* node = find(path);
    if (node == nullptr) return ErrorCode::kNoNode;
    if (!may(*node, wire::kPermWrite)) return ErrorCode::kNoAuth;
    if (version != -1 && version != node->version) return ErrorCode::kBadVersion;
    node->data = std::move(data);
    ++node->version;
    node->mzxid = zxid;
    return ErrorCode::kOk;
  }
  ErrorCode set_acl(const std::string& path, const wire::AclList& acl, int32_t version) {
    if (path.size() > 1 && path.ends_with("/")) return ErrorCode::kBadArguments;
    ModelNode* node = find(path);
    if (node == nullptr) return ErrorCode::kNoNode;
    if (!may(*node, wire::kPermAdmin)) return ErrorCode::kNoAuth;
    if (version != -1 && version != node->aversion) return ErrorCode::kBadVersion;
    node->acl = acl;
    ++node->aversion;
    return ErrorCode::kOk;
  }
  void close(int64_t session, int64_t zxid) {
    std::erase_if(nodes_, [&](const auto& entry) { return closes(entry, session, zxid); });
  }

  std::map<std::string, ModelNode> nodes_;

 private:
  static std::string above(const std::string& path) {
    return path.rfind('/') == 0 ? "/" : path.substr(0, path.rfind('/'));
  }
  static bool may(const ModelNode& node, int32_t perm) { return (node.acl[0].perms & perm) != 0; }
  ModelNode* find(const std::string& path) {
    const auto it = nodes_.find(path);
    return it == nodes_.end() ? nullptr : &it->second;
  }
  size_t child_count(const std::string& path) {
    return static_cast<size_t>(std::ranges::count_if(nodes_, [&](const auto& entry) {
      return entry.first != "/" && above(entry.first) == path;
    }));
  }
  bool closes(const std::pair<const std::string, ModelNode>& entry, int64_t session, int64_t zxid) {
    if (entry.second.owner != session) return false;
    find(above(entry.first))->pzxid = zxid;
    return true;
  }
};

std::map<std::string, ModelNode> nodes_of(const Tree& tree, NodeId node = kRoot) {
  const wire::StatPersisted& stat = tree.stored(node);
  std::map<std::string, ModelNode> nodes;
  nodes[tree.path(node)] = ModelNode{std::string(tree.data(node).value_or("")),
                                     tree.acl(node)->list(),
                                     stat.ephemeral_owner,
                                     stat.czxid,
                                     stat.mzxid,
                                     stat.pzxid,
                                     stat.version,
                                     stat.cversion,
                                     stat.aversion};
  for (NodeId child = tree.first_child(node); child != kNoNode; child = tree.next_sibling(child)) {
    nodes.merge(nodes_of(tree, child));
  }
  return nodes;
}

std::string random_path(Random& random) {
  std::string path;
  for (uint64_t i = 0; i <= random.below(3); ++i) path += std::string("/") + "abc"[random.below(3)];
  return random.one_in(30) ? path + "/" : random.one_in(30) ? "/" : path;
}

// One random request to both; a name that the server made must be the model's.
void step(Random& random, SmallLeader& leader, Model& model) {
  const std::string path = random_path(random);
  const auto session = static_cast<int64_t>(0x10 + random.below(3));
  const int64_t zxid = leader.zxid() + 1;
  const std::string data(random.below(20), 'd');
  const auto version = random.one_in(2) ? -1 : static_cast<int32_t>(random.below(3));
  const wire::AclList& acl = random.one_in(8) ? kReadOnly : kOpen;
  const uint64_t action = random.below(12);
  if (action < 5) {
    const auto flags = random.one_in(2) ? 0 : static_cast<int32_t>(random.below(4));
    std::string made;
    const ErrorCode expected = model.create(path, data, flags, acl, session, zxid, made);
    const wire::Txn txn = leader.prepare(create_request(path, data, flags, acl), session);
    ASSERT_EQ(error_of(txn), expected) << path;
    if (expected == ErrorCode::kOk) {
      ASSERT_EQ(std::get<wire::CreateTxn>(txn.body).path, made);
    }
  } else if (action < 8) {
    const ErrorCode expected = model.remove(path, version, zxid);
    ASSERT_EQ(leader.refused(delete_request(path, version), session), expected) << path;
  } else if (action < 10) {
    const ErrorCode expected = model.set_data(path, data, version, zxid);
    ASSERT_EQ(leader.refused(set_data_request(path, data, version), session), expected) << path;
  } else if (action == 10) {
    const ErrorCode expected = model.set_acl(path, acl, version);
    ASSERT_EQ(leader.refused(set_acl_request(path, acl, version), session), expected) << path;
  } else if (random.one_in(4)) {
    model.close(session, zxid);
    leader.prepare(close_request(), session);
  }
}

TEST(PreparerModel, errors_names_and_state_are_the_models) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    SmallLeader leader;
    Model model;
    const uint64_t pending_max = seed % 4 * 15;
    for (int i = 0; i < 500; ++i) {
      step(random, leader, model);
      if (HasFatalFailure()) return;
      while (leader.proposed() > random.below(pending_max + 1)) leader.commit();
    }
    leader.commit_all();
    ASSERT_TRUE(nodes_of(leader.tree()) == model.nodes_);
  }
}

}  // namespace
}  // namespace zooid::state
