#include "state/eager_acl.h"

#include <optional>

#include "state/paths.h"

namespace zooid::state {
namespace {

using wire::ErrorCode;
using wire::OpCode;

// What the request needs: a permission at a node, and an ACL that can be stored if it brings one.
struct Need {
  std::string_view path;
  int32_t perms = 0;
  std::optional<wire::AclList> acl;
  bool acl_is_null = false;
};

// nullopt: such a path is the leader's to judge.
std::optional<std::string_view> parent_to_check(std::string_view path) {
  const bool is_special = path == "/" || path == "/zookeeper" || path == "/zookeeper/quota" ||
                          path == "/zookeeper/config";
  if (is_special || path.find('/') == path.npos || path.find('\0') != path.npos)
    return std::nullopt;
  return parent_path(path);
}

std::optional<Need> need_of(OpCode type, std::string_view body) {
  wire::Reader in(body, INT32_MAX);  // jute.maxbuffer bounds the frame it came in
  if (type == OpCode::kCreate || type == OpCode::kCreate2) {
    wire::CreateRequest request;
    if (!wire::read_create(in, type, request)) return std::nullopt;
    const auto parent = parent_to_check(request.path);
    if (!parent) return std::nullopt;
    return Need{*parent, wire::kPermCreate, std::move(request.acl), request.acl_is_null};
  }
  if (type == OpCode::kDelete) {
    wire::PathVersionRequest request;
    if (!wire::read_path_version(in, request)) return std::nullopt;
    const auto parent = parent_to_check(request.path);
    if (!parent) return std::nullopt;
    return Need{*parent, wire::kPermDelete};
  }
  if (type == OpCode::kSetData) {
    wire::SetDataRequest request;
    if (!wire::read_set_data(in, request)) return std::nullopt;
    return Need{request.path, wire::kPermWrite};
  }
  if (type == OpCode::kSetAcl) {
    wire::SetAclRequest request;
    if (!wire::read_set_acl(in, request)) return std::nullopt;
    return Need{request.path, wire::kPermAdmin, std::move(request.acl), request.acl_is_null};
  }
  return std::nullopt;
}

}  // namespace

ErrorCode eager_acl_error(const ReadScope& scope, OpCode type, std::string_view body) {
  const auto need = need_of(type, body);
  if (!need) return ErrorCode::kOk;
  size_t growth_left = scope.auth.acl_growth_max;
  if (need->acl && !fix_up_acl(scope.auth, *need->acl, need->acl_is_null, scope.ids, growth_left)) {
    return ErrorCode::kInvalidAcl;
  }
  const Tree& tree = scope.database.tree();
  const NodeId node = tree.find(need->path);
  if (node == kNoNode) return ErrorCode::kOk;
  const AclPtr& acl = tree.acl(node);
  const bool is_allowed = acl == nullptr || acl_allows(scope.auth, *acl, need->perms, scope.ids);
  return is_allowed ? ErrorCode::kOk : ErrorCode::kNoAuth;
}

}  // namespace zooid::state
