// The tree as ZooKeeper's documentation describes it, in the plainest form: what the replies of a
// run are judged by. Applies the committed transactions in order; says what does not fit.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "wire/txn.h"

namespace zooid::sim {

struct ModelNode {
  std::string data;
  int64_t czxid = 0, mzxid = 0, pzxid = 0, ctime = 0, mtime = 0;
  int32_t version = 0;
  int32_t cversion = 0;  // as clients see it: creates and deletes of children
  int32_t aversion = 0;
  wire::AclList acl;
  int64_t owner = 0;  // of an ephemeral
  bool is_ephemeral = false;
  bool is_container = false;
  int64_t ttl_ms = 0;         // 0: lives without end
  int64_t next_sequence = 0;  // the least number that a sequential child may get
  std::set<std::string> children;
};

class Model {
 public:
  Model();

  // Says what is impossible, empty if all is well.
  std::string apply(const wire::Txn& txn);

  const ModelNode* find(const std::string& path) const;
  const std::map<std::string, ModelNode>& nodes() const { return nodes_; }
  bool has_session(SessionId session) const { return sessions_.contains(session); }
  const std::set<SessionId>& sessions() const { return sessions_; }
  // What the last transaction did, for watches.
  struct Change {
    enum class Kind { kCreated, kDeleted, kData };
    Kind kind;
    std::string path;
  };
  const std::vector<Change>& changes() const { return changes_; }

 private:
  std::string apply_body(const wire::TxnHeader& header, wire::OpCode type,
                         const wire::TxnBody& body);
  std::string apply(const wire::TxnHeader& header, wire::OpCode type, const wire::CreateTxn& txn);
  std::string apply(const wire::TxnHeader& header, const wire::SetDataTxn& txn);
  std::string apply(const wire::SetAclTxn& txn);
  std::string reap(const wire::TxnHeader& header, const std::string& path);
  std::string remove(const wire::TxnHeader& header, const std::string& path);
  std::string close(const wire::TxnHeader& header);

  std::map<std::string, ModelNode> nodes_;
  std::set<SessionId> sessions_;
  std::vector<Change> changes_;
};

std::string parent_path(const std::string& path);

}  // namespace zooid::sim
