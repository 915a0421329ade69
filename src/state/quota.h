// Quotas (features.md 3, operations.md): limits and use of a subtree stand as text in the nodes
// zookeeper_limits and zookeeper_stats below /zookeeper/quota<path>.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
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

struct QuotaSum {
  int64_t count = 0;
  int64_t bytes = 0;
};

// The quotas of one namespace, which is the first component of a path, summed up: of a limit the
// hard one if there is one, else the soft one, -1 for none of both. nullopt: it has no such node.
struct NamespaceQuota {
  std::optional<QuotaSum> limit;
  std::optional<QuotaSum> usage;
};
// For monitoring: goes through all quotas. As in ZooKeeper only nodes without children count, and
// those without data do not.
std::map<std::string, NamespaceQuota> quotas_by_namespace(const Tree& tree);
// The first component of an absolute path.
std::string_view top_namespace(std::string_view path);

}  // namespace zooid::state
