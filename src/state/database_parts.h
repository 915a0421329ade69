// What a Database is made of, and the application of one transaction to it.
#pragma once

#include <span>

#include "state/database.h"
#include "state/quota_usage.h"

namespace zooid::state {

struct Database::Parts {
  explicit Parts(const DatabaseOptions& wanted)
      : options(wanted),
        tree(std::make_unique<Tree>(wanted.extended_types, wanted.digest_enabled)) {}

  const DatabaseOptions options;
  std::unique_ptr<Tree> tree;
  std::map<SessionId, int32_t> sessions;
  QuotaUsage quotas;
  Zxid last_zxid;

  // Loading.
  bool is_loading = false;
  bool has_root = false;
  Zxid loaded_zxid_max;     // highest zxid in any Stat of the snapshot
  int64_t acl_key_max = 0;  // of its ACL map
  // The parent found last: brothers and sisters stand together.
  NodeId loaded_parent = kNoNode;
  std::string loaded_parent_path;

  // Up to and including this zxid the tree may already hold effects of later transactions.
  Zxid fuzzy_end;
  std::optional<int64_t> snapshot_digest;  // what the tree's must be at fuzzy_end

  static constexpr size_t kMismatchesMax = 64;  // after the first one all that follow differ, too
  std::vector<DigestMismatch> mismatches;

  void create_built_in_nodes();
  Result<> load_node(const wire::SnapshotNode& record);

  // apply.cc. Each changes the tree as far as the transaction fits and says in `result` what came
  // of it; `out` may be null.
  void apply_body(const wire::TxnHeader& header, const wire::TxnBody& body, Applied* out);
  void apply_one(const wire::TxnHeader& header, wire::OpCode type, const wire::TxnBody& body,
                 OpResult& result, Applied* out);
  void apply_multi(const wire::TxnHeader& header, const wire::MultiTxn& multi, Applied* out);
  void create(const wire::TxnHeader& header, wire::OpCode type, const wire::CreateTxn& txn,
              OpResult& result, Applied* out);
  wire::ErrorCode remove(std::string_view path, Zxid zxid, Applied* out);
  // The child that was there, kNoNode if there was none.
  NodeId remove_child(NodeId parent, std::string_view path, Zxid zxid, Applied* out);
  void set_data(const wire::TxnHeader& header, const wire::SetDataTxn& txn, OpResult& result,
                Applied* out);
  void set_acl(const wire::SetAclTxn& txn, OpResult& result);
  void close_session(SessionId session, Zxid zxid, std::span<const std::string> paths,
                     Applied* out);
  void raise_child_counter(NodeId parent, int32_t parent_cversion, Zxid zxid);
  void remove_subtree(NodeId node, std::string_view path, Applied* out);
  void compare_digests(const wire::Txn& txn);
  void report_mismatch(Zxid zxid, int64_t expected, std::string paths);
};

}  // namespace zooid::state
