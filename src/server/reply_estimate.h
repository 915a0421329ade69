// Which reads may have a reply worth waiting for: asked only while the output of all connections
// together is at its bound.
#pragma once

#include <string_view>

#include "server/shard_core.h"
#include "wire/error_code.h"

namespace zooid::server {

// Replies up to about this size are always made: nobody waits for them because others do not read.
inline constexpr size_t kSmallReplyBytes = 16u << 10;

// False if the reply is surely small.
bool may_be_large(const ShardCore& core, wire::OpCode type, std::string_view body);

}  // namespace zooid::server
