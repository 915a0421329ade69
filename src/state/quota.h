// Quotas (features.md 3, operations.md): limits and use of a subtree stand as text in the nodes
// zookeeper_limits and zookeeper_stats below /zookeeper/quota<path>.
#pragma once

#include <cstdint>
#include <string_view>

#include "state/tree.h"

namespace zooid::state {

enum class QuotaVerdict : uint8_t { kWithin, kSoftLimitPassed, kHardLimitPassed };

// Would a change at `path` that adds so many nodes and bytes pass a limit of the nearest quota
// above it? A soft limit does not count beside a hard one of its kind. Judged by what is applied,
// not by what is pending: as in ZooKeeper, requests that are under way together may pass the limit.
// The root cannot have a quota.
QuotaVerdict judge_quota(const Tree& tree, std::string_view path, int64_t added_nodes,
                         int64_t added_bytes);

}  // namespace zooid::state
