// The steps of the preparer: each checks one request against the pending state in ZooKeeper's
// order, and either changes the pending state and gives the transaction's body, or gives the
// client's error having changed nothing.
#pragma once

#include <expected>

#include "state/pending_changes.h"
#include "state/preparer.h"
#include "wire/request.h"

namespace zooid::state {

// What all steps of one transaction share. A multi runs its sub-operations in one such frame, so
// they have one zxid and one time.
struct Preparation {
  PendingChanges& pending;
  const Tree& tree;  // what has been applied
  const PreparerOptions& options;
  const std::vector<wire::Id>& ids;
  SessionId session;
  bool is_local_session = false;
  bool is_forwarded = false;
  Zxid zxid;
  int64_t time_ms = 0;
  // The path of a change that passed a soft quota.
  std::string over_soft_quota;
  // The path of the change that a hard quota forbids.
  std::string over_hard_quota;
  // What entries of scheme auth may still add to the transaction (fix_up_acl).
  size_t acl_growth_left;

  // False if a hard quota forbids the change. The path must have been found to be valid.
  bool quota_allows(std::string_view path, int64_t added_nodes, int64_t added_bytes);

  bool allows(const AclPtr& acl, int32_t perms) const {
    return acl == nullptr || acl_allows(options.auth, *acl, perms, ids);
  }
};

using Prepared = std::expected<wire::TxnBody, wire::ErrorCode>;

// create, create2, createContainer, createTTL.
Prepared prepare_create(Preparation& frame, wire::OpCode type, const wire::CreateRequest& request);
Prepared prepare_delete(Preparation& frame, const wire::PathVersionRequest& request);
// The leader's own request for a container or TTL node that had no children when it looked.
Prepared prepare_delete_container(Preparation& frame, std::string_view path);
Prepared prepare_set_data(Preparation& frame, const wire::SetDataRequest& request);
Prepared prepare_set_acl(Preparation& frame, const wire::SetAclRequest& request);
// Only as part of a multi.
Prepared prepare_check(Preparation& frame, const wire::PathVersionRequest& request);
// Never fails as a whole but for a body that ZooKeeper cannot read: a failed multi is a transaction
// of error records, with nothing pending.
Prepared prepare_multi(Preparation& frame, const std::vector<wire::SubRequest>& requests);
// Deletes the session's ephemeral nodes, those pending included.
Prepared prepare_close_session(Preparation& frame);

// The same rule for data and ACL versions: -1 matches any; the next one wraps at 32 bits.
std::expected<int32_t, wire::ErrorCode> next_version(int32_t current, int32_t expected);

}  // namespace zooid::state
