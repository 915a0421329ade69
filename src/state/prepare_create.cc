// Creating a node (client-protocol 6.1). The order of the checks decides which error a client gets.
#include <fmt/core.h>

#include <limits>
#include <memory>

#include "base/planted_bug.h"
#include "state/paths.h"
#include "state/prepare.h"

namespace zooid::state {
namespace {

using wire::ErrorCode;
using wire::OpCode;

constexpr int64_t kTtlMax = (int64_t{1} << 40) - 1;
constexpr int64_t kNoTtl = -1;

struct CreateMode {
  bool is_ephemeral = false;
  bool is_sequential = false;
  bool has_ttl = false;
};

std::expected<CreateMode, ErrorCode> create_mode(int32_t flags) {
  switch (flags) {
    case wire::kFlagPersistent:
    case wire::kFlagContainer:
      return CreateMode{};
    case wire::kFlagEphemeral:
      return CreateMode{.is_ephemeral = true};
    case wire::kFlagSequential:
      return CreateMode{.is_sequential = true};
    case wire::kFlagEphemeralSequential:
      return CreateMode{.is_ephemeral = true, .is_sequential = true};
    case wire::kFlagTtl:
      return CreateMode{.has_ttl = true};
    case wire::kFlagSequentialTtl:
      return CreateMode{.is_sequential = true, .has_ttl = true};
    default:
      return std::unexpected(ErrorCode::kBadArguments);
  }
}

ErrorCode check_mode(const Preparation& frame, OpCode type, const CreateMode& mode,
                     int64_t ttl_ms) {
  if (mode.has_ttl && !frame.options.extended_types_enabled.enabled)
    return ErrorCode::kUnimplemented;
  if (mode.has_ttl && (ttl_ms <= 0 || ttl_ms > kTtlMax)) return ErrorCode::kBadArguments;
  // createTTL stores a TTL whatever the flags say; without one ZooKeeper would write a transaction
  // that it cannot apply.
  if (!mode.has_ttl && type == OpCode::kCreateTtl) return ErrorCode::kBadArguments;
  if (mode.is_ephemeral && frame.is_local_session) {
    return frame.is_forwarded ? ErrorCode::kSessionExpired : ErrorCode::kEphemeralOnLocalSession;
  }
  return ErrorCode::kOk;
}

// What the node's owner will be once applied: that follows from the transaction's type alone,
// except that an ephemeral create is marked in the transaction.
int64_t stored_owner(const Preparation& frame, OpCode type, const CreateMode& mode,
                     int64_t ttl_ms) {
  if (type == OpCode::kCreateContainer) return kOwnerContainer;
  if (type == OpCode::kCreateTtl) return ttl_owner(ttl_ms);
  return mode.is_ephemeral ? frame.session.value : 0;
}

int32_t plus_one(int32_t value) {
  return static_cast<int32_t>(static_cast<uint32_t>(value) + 1u);
}

std::string final_path(std::string_view path, const CreateMode& mode, int32_t parent_cversion) {
  std::string result;
  constexpr size_t kSequenceBytesMax = 11;
  result.reserve(path.size() + (mode.is_sequential ? kSequenceBytesMax : 0));
  result.append(path);
  if (mode.is_sequential) result += fmt::format("{:010}", parent_cversion);
  return result;
}

bool parent_is_ephemeral(const Preparation& frame, const PendingChanges::Found& parent) {
  return node_kind(frame.pending.stat(parent).ephemeral_owner,
                   frame.options.extended_types_enabled) == NodeKind::kEphemeral;
}

}  // namespace

Prepared prepare_create(Preparation& frame, OpCode type, const wire::CreateRequest& request) {
  const auto mode = create_mode(request.flags);
  if (!mode) return std::unexpected(mode.error());
  const int64_t ttl_ms = type == OpCode::kCreateTtl ? request.ttl_ms : kNoTtl;
  const ErrorCode refused = check_mode(frame, type, *mode, ttl_ms);
  if (refused != ErrorCode::kOk) return std::unexpected(refused);
  if (request.path.find('/') == std::string_view::npos ||
      request.path.find('\0') != std::string_view::npos) {
    return std::unexpected(ErrorCode::kBadArguments);
  }
  auto acl = fix_up_acl(frame.options.auth, request.acl, request.acl_is_null, frame.ids,
                        frame.acl_growth_left);
  if (!acl) return std::unexpected(ErrorCode::kInvalidAcl);

  PendingChanges& pending = frame.pending;
  const auto parent = pending.find(parent_path(request.path));
  if (!parent) return std::unexpected(ErrorCode::kNoNode);
  if (!frame.allows(pending.acl(parent), wire::kPermCreate)) {
    return std::unexpected(ErrorCode::kNoAuth);
  }
  const int32_t parent_cversion = pending.child_counter(parent);
  const int32_t number =
      is_planted(PlantedBug::kReuseSequence) ? parent_cversion & ~3 : parent_cversion;
  std::string path = final_path(request.path, *mode, number);
  if (!path_is_valid(path)) return std::unexpected(ErrorCode::kBadArguments);
  const auto place = pending.find(path);
  if (place) return std::unexpected(ErrorCode::kNodeExists);
  if (parent_is_ephemeral(frame, parent)) {
    return std::unexpected(ErrorCode::kNoChildrenForEphemerals);
  }
  const auto data_bytes = static_cast<int64_t>(request.data ? request.data->size() : 0);
  if (!frame.quota_allows(path, 1, data_bytes)) {
    return std::unexpected(ErrorCode::kQuotaExceeded);
  }

  wire::StatPersisted stat;
  stat.czxid = stat.mzxid = stat.pzxid = frame.zxid.value;
  stat.ctime = stat.mtime = frame.time_ms;
  stat.ephemeral_owner = stored_owner(frame, type, *mode, ttl_ms);
  wire::CreateTxn txn;
  txn.parent_cversion = plus_one(parent_cversion);
  pending.create(path, place, request.data, pending.share_acl(*acl), stat, parent,
                 txn.parent_cversion);
  txn.path = std::move(path);
  if (request.data) txn.data.emplace(*request.data);
  txn.acl = std::move(*acl);
  // What createContainer makes is a container, whatever else the flags say.
  txn.ephemeral = mode->is_ephemeral && type != OpCode::kCreateContainer;
  txn.ttl_ms = type == OpCode::kCreateTtl ? ttl_ms : 0;
  return txn;
}

}  // namespace zooid::state
