// What applying one transaction did: the one value that the replica hands to every shard, which
// fires watches and answers clients from it. Immutable once made.
#pragma once

#include <string>
#include <vector>

#include "state/stored_acl.h"
#include "wire/txn.h"

namespace zooid::state {

// A change that watches care about, with the ACLs that held at that moment (rule 4: an event goes
// only to a connection that may READ; for a child event the parent's ACL counts).
struct Change {
  enum class Kind : uint8_t { kCreated, kDeleted, kDataChanged };
  Kind kind;
  std::string path;
  AclPtr acl;         // of the node, also when it is gone now; never null
  AclPtr parent_acl;  // kCreated and kDeleted only; null when the parent is gone
};

// The outcome of one operation: the only one, or one for each sub-operation of a multi.
struct OpResult {
  wire::OpCode type = wire::OpCode::kError;  // the transaction's type
  wire::ErrorCode err = wire::ErrorCode::kOk;
  std::string path;  // create kinds
  wire::Stat stat;   // create kinds, setData, setACL: as it is right after this transaction
};

struct Applied {
  wire::TxnHeader header;
  // Error transactions carry their code here. A failed multi is kOk with error results.
  wire::ErrorCode err = wire::ErrorCode::kOk;
  std::vector<Change> changes;    // in the order in which watches fire
  std::vector<OpResult> results;  // multi: one per sub-operation (failed: all of type kError)
  // createSession: the time-out. closeSession: nothing. For the session table of the roles.
  int32_t session_timeout_ms = 0;
};

}  // namespace zooid::state
