// Turns a request into a transaction, against the state as it will be when everything proposed so
// far has been applied: the database plus the pending changes. Used by the leader and by a
// standalone server. A refused request becomes an error transaction, as in ZooKeeper.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "state/auth.h"
#include "state/database.h"
#include "wire/txn.h"

namespace zooid::state {

struct PreparerOptions {
  AuthOptions auth;
  ExtendedTypes extended_types_enabled = false;  // createTTL is allowed
  bool enforce_quota = false;
  bool reconfig_enabled = false;
  bool digest_enabled = true;     // transactions carry a TxnDigest
  bool close_session_txn = true;  // closeSession carries its paths
  // A transaction larger than this cannot be read by peers (rule 13): a closeSession's list is left
  // out, anything else becomes an error transaction.
  int32_t txn_bytes_max = wire::kMaxRecordBufferDefault;
};

struct WriteRequest {
  SessionId session;
  int32_t cxid = 0;
  wire::OpCode type = wire::OpCode::kError;
  std::string_view body;                       // the client's record after its RequestHeader
  const std::vector<wire::Id>* ids = nullptr;  // identities; null counts as none
  bool is_local_session = false;               // ephemerals are refused (EPHEMERALONLOCALSESSION)
  // By a learner, whose local session is none that ZooKeeper's leader knows: SESSIONEXPIRED then.
  // The learner makes the other of it where the create stands alone.
  bool is_forwarded = false;
};

class TxnPreparer {
 public:
  TxnPreparer(const Database& database, PreparerOptions options);
  ~TxnPreparer();

  // The transaction for a request; always one, with digest where ZooKeeper has one. create…,
  // delete, deleteContainer, setData, setACL, multi, createSession, closeSession, reconfig; any
  // other type (check too: rule 12) becomes an error transaction with UNIMPLEMENTED. What it
  // changes is pending from now on.
  wire::Txn prepare(const WriteRequest& request, Zxid zxid, int64_t time_ms);
  // An error transaction for a request that was refused before (session expired, moved).
  wire::Txn refuse(const WriteRequest& request, wire::ErrorCode err, Zxid zxid, int64_t time_ms);

  // The path of the latest change that passed a soft quota (enforce_quota) since the last call;
  // empty if there was none.
  std::string take_over_soft_quota();
  // The same of the latest one that a hard quota has forbidden.
  std::string take_over_hard_quota();

  // The database has applied everything up to zxid: older pending changes are forgotten.
  void on_applied(Zxid zxid);
  size_t pending_count() const;

 private:
  struct Pending;
  std::unique_ptr<Pending> pending_;
};

}  // namespace zooid::state
