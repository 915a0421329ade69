#include "state/preparer.h"

#include "base/mark.h"
#include "state/paths.h"
#include "state/prepare.h"
#include "state/quota.h"
#include "state/txn_size.h"

namespace zooid::state {
namespace {

using wire::ErrorCode;
using wire::OpCode;

Prepared unreadable() {
  return std::unexpected(ErrorCode::kMarshallingError);
}

wire::Txn error_txn(const WriteRequest& request, ErrorCode err, Zxid zxid, int64_t time_ms) {
  return {{request.session, request.cxid, zxid, time_ms, OpCode::kError},
          wire::ErrorTxn{err},
          std::nullopt};
}

Prepared prepare_create_session(std::string_view body) {
  wire::Reader in(body);
  const wire::CreateSessionTxn txn{in.i32()};
  if (!in.ok()) return unreadable();
  return txn;
}

// A client must not delete nodes past their ACLs by sending the leader's own operation, as it can
// in ZooKeeper; the leader's requests have no session.
Prepared prepare_delete_container_body(Preparation& frame, std::string_view body) {
  if (frame.session != kNoSession) return std::unexpected(ErrorCode::kUnimplemented);
  wire::Reader in(body);
  wire::PathRequest request;
  if (!read_path(in, request)) return unreadable();
  // The node that was found to be due, not one that has taken its place since (reapable.h).
  const bool names_the_node = in.remaining() > 0;
  const int64_t czxid = names_the_node ? in.i64() : 0;
  const int64_t mzxid = names_the_node ? in.i64() : 0;
  if (!in.ok()) return unreadable();
  const auto node = frame.pending.find(request.path);
  if (names_the_node && node) {
    const wire::StatPersisted& stat = frame.pending.stat(node);
    if (stat.czxid != czxid || stat.mzxid != mzxid) {
      MARK("preparer.reaped_node_has_changed");
      return std::unexpected(ErrorCode::kBadVersion);
    }
  }
  return prepare_delete_container(frame, request.path);
}

// Membership changes are not supported: what says so depends on the option, as in ZooKeeper's
// standalone server.
Prepared prepare_reconfig(const Preparation& frame, std::string_view body) {
  wire::Reader in(body);
  wire::ReconfigRequest request;
  if (!read_reconfig(in, request)) return unreadable();
  return std::unexpected(frame.options.reconfig_enabled ? ErrorCode::kUnimplemented
                                                        : ErrorCode::kReconfigDisabled);
}

}  // namespace

Prepared prepare_close_session(Preparation& frame) {
  wire::CloseSessionTxn txn;
  txn.paths_to_delete = frame.pending.close_session(frame.session);
  if (!frame.options.close_session_txn) {
    txn.paths_to_delete.clear();
    txn.has_paths = false;
  }
  return txn;
}

bool Preparation::quota_allows(std::string_view path, int64_t added_nodes, int64_t added_bytes) {
  if (!options.enforce_quota) return true;
  const QuotaVerdict verdict = judge_quota(tree, path, added_nodes, added_bytes);
  if (verdict == QuotaVerdict::kSoftLimitPassed) {
    MARK("preparer_over_soft_quota");
    over_soft_quota = path;
  }
  if (verdict != QuotaVerdict::kHardLimitPassed) return true;
  over_hard_quota = path;
  return false;
}

struct TxnPreparer::Pending {
  const Database& database;
  PreparerOptions options;
  PendingChanges changes;
  std::vector<wire::SubRequest> sub_requests;  // kept for its memory only
  std::string over_soft_quota;
  std::string over_hard_quota;

  Prepared prepare_body(Preparation& frame, OpCode type, std::string_view body);
  bool is_too_large(const wire::Txn& txn) const {
    return txn_bytes(txn) > static_cast<size_t>(options.txn_bytes_max);
  }
};

TxnPreparer::TxnPreparer(const Database& database, PreparerOptions options)
    : pending_(std::make_unique<Pending>(
          database, options,
          PendingChanges(database, options.digest_enabled, options.extended_types_enabled),
          std::vector<wire::SubRequest>{}, std::string{}, std::string{})) {}

TxnPreparer::~TxnPreparer() = default;

Prepared TxnPreparer::Pending::prepare_body(Preparation& frame, OpCode type,
                                            std::string_view body) {
  wire::Reader in(body, INT32_MAX);  // jute.maxbuffer bounds the frame it came in
  switch (type) {
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl: {
      wire::CreateRequest request;
      return read_create(in, type, request) ? prepare_create(frame, type, request) : unreadable();
    }
    case OpCode::kDelete: {
      wire::PathVersionRequest request;
      return read_path_version(in, request) ? prepare_delete(frame, request) : unreadable();
    }
    case OpCode::kSetData: {
      wire::SetDataRequest request;
      return read_set_data(in, request) ? prepare_set_data(frame, request) : unreadable();
    }
    case OpCode::kSetAcl: {
      wire::SetAclRequest request;
      return read_set_acl(in, request) ? prepare_set_acl(frame, request) : unreadable();
    }
    case OpCode::kMulti: {
      sub_requests.clear();
      return read_multi(in, false, sub_requests) ? prepare_multi(frame, sub_requests)
                                                 : unreadable();
    }
    case OpCode::kDeleteContainer:
      return prepare_delete_container_body(frame, body);
    case OpCode::kCreateSession:
      return prepare_create_session(body);
    case OpCode::kCloseSession:
      return prepare_close_session(frame);
    case OpCode::kReconfig:
      return prepare_reconfig(frame, body);
    default:
      return std::unexpected(ErrorCode::kUnimplemented);
  }
}

wire::Txn TxnPreparer::prepare(const WriteRequest& request, Zxid zxid, int64_t time_ms) {
  static const std::vector<wire::Id> kNobody;
  Pending& all = *pending_;
  all.changes.begin(zxid);
  Preparation frame{all.changes,
                    all.database.tree(),
                    all.options,
                    request.ids != nullptr ? *request.ids : kNobody,
                    request.session,
                    request.is_local_session,
                    request.is_forwarded,
                    zxid,
                    time_ms,
                    {},
                    {},
                    all.options.auth.acl_growth_max};
  Prepared body = all.prepare_body(frame, request.type, request.body);
  if (!frame.over_hard_quota.empty()) all.over_hard_quota = std::move(frame.over_hard_quota);
  if (!body) return error_txn(request, body.error(), zxid, time_ms);
  if (!frame.over_soft_quota.empty()) all.over_soft_quota = std::move(frame.over_soft_quota);

  wire::Txn txn{
      {request.session, request.cxid, zxid, time_ms, request.type}, std::move(*body), std::nullopt};
  // Behind a closeSession without paths a digest would be read as paths.
  if (all.options.digest_enabled &&
      (request.type != OpCode::kCloseSession || all.options.close_session_txn)) {
    txn.digest.emplace();
    txn.digest->tree_digest = static_cast<int64_t>(all.changes.tree_digest());
  }
  if (!all.is_too_large(txn)) return txn;
  if (auto* close = std::get_if<wire::CloseSessionTxn>(&txn.body)) {
    MARK("preparer_close_session_without_paths");
    close->paths_to_delete.clear();
    return txn;
  }
  MARK("preparer_txn_too_large");
  all.changes.roll_back();
  return error_txn(request, ErrorCode::kMarshallingError, zxid, time_ms);
}

wire::Txn TxnPreparer::refuse(const WriteRequest& request, ErrorCode err, Zxid zxid,
                              int64_t time_ms) {
  return error_txn(request, err, zxid, time_ms);
}

std::string TxnPreparer::take_over_soft_quota() {
  return std::exchange(pending_->over_soft_quota, {});
}

std::string TxnPreparer::take_over_hard_quota() {
  return std::exchange(pending_->over_hard_quota, {});
}

void TxnPreparer::on_applied(Zxid zxid) {
  pending_->changes.on_applied(zxid);
}

size_t TxnPreparer::pending_count() const {
  return pending_->changes.size();
}

}  // namespace zooid::state
