// The eager check of ACLs (enableEagerACLCheck): the member of an ensemble that got a create,
// create2, delete, setData or setACL from its client judges it by its own state before it is
// ordered, so that what is refused costs the ensemble nothing. The leader judges again.
#pragma once

#include <string_view>

#include "state/reads.h"

namespace zooid::state {

// kNoAuth, kInvalidAcl, or kOk: the request goes on, also when it cannot be judged here (the node
// is unknown, the path is wrong, another kind of request).
wire::ErrorCode eager_acl_error(const ReadScope& scope, wire::OpCode type, std::string_view body);

}  // namespace zooid::state
