// multi (client-protocol 7): all or nothing. Later operations see what earlier ones leave pending.
#include "state/prepare.h"

namespace zooid::state {
namespace {

using wire::ErrorCode;
using wire::OpCode;

bool is_create(OpCode type) {
  return type == OpCode::kCreate || type == OpCode::kCreate2 || type == OpCode::kCreateContainer ||
         type == OpCode::kCreateTtl;
}

bool has_ttl_flag(const wire::CreateRequest& create) {
  return create.flags == wire::kFlagTtl || create.flags == wire::kFlagSequentialTtl;
}

// ZooKeeper builds its own operations while it reads a multi and so refuses some creates as
// unreadable, which fails the whole request, where the same create alone gets another error.
bool is_readable(const wire::SubRequest& request) {
  if (!is_create(request.type) || request.type == OpCode::kCreateTtl) return true;
  const auto& create = std::get<wire::CreateRequest>(request.body);
  const bool flags_are_known =
      create.flags >= wire::kFlagPersistent && create.flags <= wire::kFlagContainer;
  return flags_are_known && !create.acl_is_null;
}

// In a multi the flags of a create have a say in its type, too.
OpCode effective_type(const wire::SubRequest& request) {
  if (!is_create(request.type)) return request.type;
  const auto& create = std::get<wire::CreateRequest>(request.body);
  if (create.flags == wire::kFlagContainer) return OpCode::kCreateContainer;
  if (request.type == OpCode::kCreateTtl && !has_ttl_flag(create)) return OpCode::kCreate;
  return request.type;
}

Prepared prepare_one(Preparation& frame, OpCode type, const wire::SubRequest& request) {
  if (is_create(type)) {
    return prepare_create(frame, type, std::get<wire::CreateRequest>(request.body));
  }
  switch (type) {
    case OpCode::kDelete:
      return prepare_delete(frame, std::get<wire::PathVersionRequest>(request.body));
    case OpCode::kSetData:
      return prepare_set_data(frame, std::get<wire::SetDataRequest>(request.body));
    case OpCode::kCheck:
      return prepare_check(frame, std::get<wire::PathVersionRequest>(request.body));
    default:
      return std::unexpected(ErrorCode::kUnimplemented);
  }
}

}  // namespace

Prepared prepare_multi(Preparation& frame, const std::vector<wire::SubRequest>& requests) {
  for (const wire::SubRequest& request : requests) {
    if (!is_readable(request)) return std::unexpected(ErrorCode::kMarshallingError);
  }
  wire::MultiTxn multi;
  multi.txns.reserve(requests.size());
  bool has_failed = false;
  for (const wire::SubRequest& request : requests) {
    if (has_failed) {
      multi.txns.push_back({OpCode::kError, wire::ErrorTxn{ErrorCode::kRuntimeInconsistency}});
      continue;
    }
    const OpCode type = effective_type(request);
    Prepared body = prepare_one(frame, type, request);
    if (body) {
      multi.txns.push_back({type, std::move(*body)});
      continue;
    }
    has_failed = true;
    frame.pending.roll_back();
    multi.txns.push_back({OpCode::kError, wire::ErrorTxn{body.error()}});
  }
  return multi;
}

}  // namespace zooid::state
