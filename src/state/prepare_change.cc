// Changing and deleting nodes (client-protocol 6).
#include "base/planted_bug.h"
#include "state/paths.h"
#include "state/prepare.h"

namespace zooid::state {
namespace {

using wire::ErrorCode;

// ZooKeeper does not test more of a path that is to be deleted: a wrong one does not exist.
bool may_be_deleted(std::string_view path) {
  return path.find('/') != std::string_view::npos && path.find('\0') == std::string_view::npos &&
         path != "/" && path != "/zookeeper" && path != "/zookeeper/quota" &&
         path != "/zookeeper/config";
}

}  // namespace

std::expected<int32_t, ErrorCode> next_version(int32_t current, int32_t expected) {
  if (expected != -1 && expected != current && !is_planted(PlantedBug::kVersionNotCompared)) {
    return std::unexpected(ErrorCode::kBadVersion);
  }
  return static_cast<int32_t>(static_cast<uint32_t>(current) + 1u);
}

Prepared prepare_delete(Preparation& frame, const wire::PathVersionRequest& request) {
  if (!may_be_deleted(request.path)) return std::unexpected(ErrorCode::kBadArguments);
  PendingChanges& pending = frame.pending;
  const auto parent = pending.find(parent_path(request.path));
  if (!parent) return std::unexpected(ErrorCode::kNoNode);
  if (!frame.allows(pending.acl(parent), wire::kPermDelete)) {
    return std::unexpected(ErrorCode::kNoAuth);
  }
  const auto node = pending.find(request.path);
  if (!node) return std::unexpected(ErrorCode::kNoNode);
  const auto version = next_version(pending.stat(node).version, request.version);
  if (!version) return std::unexpected(version.error());
  if (pending.child_count(node) > 0) return std::unexpected(ErrorCode::kNotEmpty);
  pending.remove(request.path, node, parent);
  return wire::DeleteTxn{std::string(request.path)};
}

Prepared prepare_delete_container(Preparation& frame, std::string_view path) {
  if (!may_be_deleted(path)) return std::unexpected(ErrorCode::kBadArguments);
  PendingChanges& pending = frame.pending;
  const auto node = pending.find(path);
  if (!node) return std::unexpected(ErrorCode::kNoNode);
  if (pending.child_count(node) > 0) return std::unexpected(ErrorCode::kNotEmpty);
  if (node_kind(pending.stat(node).ephemeral_owner, frame.options.extended_types_enabled) ==
      NodeKind::kEphemeral) {
    return std::unexpected(ErrorCode::kBadVersion);
  }
  const auto parent = pending.find(parent_path(path));
  if (!parent) return std::unexpected(ErrorCode::kNoNode);
  pending.remove(path, node, parent);
  return wire::DeleteTxn{std::string(path)};
}

Prepared prepare_set_data(Preparation& frame, const wire::SetDataRequest& request) {
  if (!path_is_valid(request.path)) return std::unexpected(ErrorCode::kBadArguments);
  PendingChanges& pending = frame.pending;
  const auto node = pending.find(request.path);
  if (!node) return std::unexpected(ErrorCode::kNoNode);
  if (!frame.allows(pending.acl(node), wire::kPermWrite)) {
    return std::unexpected(ErrorCode::kNoAuth);
  }
  const auto data_bytes = static_cast<int64_t>(request.data ? request.data->size() : 0);
  if (!frame.quota_allows(request.path, 0, data_bytes - pending.data_length(node))) {
    return std::unexpected(ErrorCode::kQuotaExceeded);
  }
  wire::StatPersisted stat = pending.stat(node);
  const auto version = next_version(stat.version, request.version);
  if (!version) return std::unexpected(version.error());
  stat.version = *version;
  stat.mtime = frame.time_ms;
  stat.mzxid = frame.zxid.value;
  pending.set_data(request.path, request.data, stat, node);
  wire::SetDataTxn txn{std::string(request.path), std::nullopt, *version};
  if (request.data) txn.data.emplace(*request.data);
  return txn;
}

Prepared prepare_set_acl(Preparation& frame, const wire::SetAclRequest& request) {
  if (!path_is_valid(request.path)) return std::unexpected(ErrorCode::kBadArguments);
  auto acl = fix_up_acl(frame.options.auth, request.acl, request.acl_is_null, frame.ids,
                        frame.acl_growth_left);
  if (!acl) return std::unexpected(ErrorCode::kInvalidAcl);
  PendingChanges& pending = frame.pending;
  const auto node = pending.find(request.path);
  if (!node) return std::unexpected(ErrorCode::kNoNode);
  if (!frame.allows(pending.acl(node), wire::kPermAdmin)) {
    return std::unexpected(ErrorCode::kNoAuth);
  }
  wire::StatPersisted stat = pending.stat(node);
  const auto version = next_version(stat.aversion, request.version);
  if (!version) return std::unexpected(version.error());
  stat.aversion = *version;
  pending.set_acl(request.path, pending.share_acl(*acl), stat, node);
  return wire::SetAclTxn{std::string(request.path), std::move(*acl), *version};
}

Prepared prepare_check(Preparation& frame, const wire::PathVersionRequest& request) {
  if (!path_is_valid(request.path)) return std::unexpected(ErrorCode::kBadArguments);
  const auto node = frame.pending.find(request.path);
  if (!node) return std::unexpected(ErrorCode::kNoNode);
  if (!frame.allows(frame.pending.acl(node), wire::kPermRead)) {
    return std::unexpected(ErrorCode::kNoAuth);
  }
  // As in ZooKeeper the record holds the version after the checked one, which nobody looks at.
  const auto version = next_version(frame.pending.stat(node).version, request.version);
  if (!version) return std::unexpected(version.error());
  return wire::CheckTxn{std::string(request.path), *version};
}

}  // namespace zooid::state
