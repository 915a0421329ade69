#include "state/quota.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "base/assert.h"
#include "state/paths.h"

namespace zooid::state {
namespace {

constexpr std::string_view kQuotaRoot = "/zookeeper/quota";
constexpr std::string_view kLimits = "/zookeeper_limits";
constexpr std::string_view kStats = "/zookeeper_stats";
constexpr int64_t kUnset = -1;

// The value of `key` in "count=5,bytes=-1;countHardLimit=10"; kUnset if it is missing or no number.
int64_t value_of(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const size_t end = text.find_first_of(",;");
    const std::string_view pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos || pair.substr(0, equals) != key) continue;
    const std::string_view digits = pair.substr(equals + 1);
    int64_t value = kUnset;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
  }
  return kUnset;
}

// `key` names the use and, among the limits, the soft one.
QuotaVerdict judge(std::string_view limits, std::string_view stats, std::string_view hard_key,
                   std::string_view key, int64_t added) {
  if (added == 0) return QuotaVerdict::kWithin;
  const int64_t hard_limit = value_of(limits, hard_key);
  const bool is_hard = hard_limit > kUnset;
  const int64_t limit = is_hard ? hard_limit : value_of(limits, key);
  if (limit <= kUnset || value_of(stats, key) + added <= limit) return QuotaVerdict::kWithin;
  return is_hard ? QuotaVerdict::kHardLimitPassed : QuotaVerdict::kSoftLimitPassed;
}

int64_t limit_of(std::string_view limits, std::string_view hard_key, std::string_view soft_key) {
  const int64_t hard_limit = value_of(limits, hard_key);
  return hard_limit > kUnset ? hard_limit : value_of(limits, soft_key);
}

void add(std::optional<QuotaSum>& sum, int64_t count, int64_t bytes) {
  if (!sum) sum.emplace();
  sum->count += count;
  sum->bytes += bytes;
}

}  // namespace

QuotaVerdict judge_quota(const Tree& tree, std::string_view path, int64_t added_nodes,
                         int64_t added_bytes) {
  const NodeId quota_root = tree.find(kQuotaRoot);
  if (quota_root == kNoNode || tree.child_count(quota_root) == 0) return QuotaVerdict::kWithin;
  std::string name(kQuotaRoot);
  for (std::string_view prefix = path; prefix.size() > 1; prefix = parent_path(prefix)) {
    name.resize(kQuotaRoot.size());
    name.append(prefix);
    const size_t length = name.size();
    const NodeId limits_node = tree.find(name.append(kLimits));
    if (limits_node == kNoNode) continue;
    name.resize(length);
    const NodeId stats_node = tree.find(name.append(kStats));
    if (stats_node == kNoNode) return QuotaVerdict::kWithin;
    const std::string_view limits = tree.data(limits_node).value_or(std::string_view{});
    const std::string_view stats = tree.data(stats_node).value_or(std::string_view{});
    return std::max(judge(limits, stats, "countHardLimit", "count", added_nodes),
                    judge(limits, stats, "byteHardLimit", "bytes", added_bytes));
  }
  return QuotaVerdict::kWithin;
}

std::map<std::string, NamespaceQuota> quotas_by_namespace(const Tree& tree) {
  std::map<std::string, NamespaceQuota> result;
  const NodeId top = tree.find(kQuotaRoot);
  for (NodeId at = top; at != kNoNode; at = tree.next_in_subtree(top, at)) {
    const auto data = tree.data(at);
    if (tree.child_count(at) > 0 || !data) continue;
    const std::string path = tree.path(at).substr(kQuotaRoot.size());
    if (path.ends_with(kLimits)) {
      add(result[std::string(top_namespace(path))].limit,
          limit_of(*data, "countHardLimit", "count"), limit_of(*data, "byteHardLimit", "bytes"));
    } else if (path.ends_with(kStats)) {
      add(result[std::string(top_namespace(path))].usage, value_of(*data, "count"),
          value_of(*data, "bytes"));
    }
  }
  return result;
}

std::string_view top_namespace(std::string_view path) {
  ASSERT(path.starts_with('/'));
  return path.substr(1, path.find('/', 1) - 1);
}

}  // namespace zooid::state
