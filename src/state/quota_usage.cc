#include "state/quota_usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "state/paths.h"

namespace zooid::state {
namespace {

constexpr std::string_view kQuotaRoot = "/zookeeper/quota";
constexpr std::string_view kLimits = "zookeeper_limits";
constexpr std::string_view kStats = "zookeeper_stats";
constexpr int64_t kUnset = -1;

// "/zookeeper/quota/a/b/zookeeper_limits" -> "/a/b"; empty for other nodes. The root has no quota.
std::string_view path_of_quota_node(std::string_view path, std::string_view leaf) {
  if (!path.starts_with(kQuotaRoot) || last_name(path) != leaf) return {};
  const std::string_view parent = parent_path(path);
  return parent.size() <= kQuotaRoot.size() ? std::string_view{} : parent.substr(kQuotaRoot.size());
}

NodeId stats_node(const Tree& tree, std::string_view path) {
  return tree.find(fmt::format("{}{}/{}", kQuotaRoot, path, kStats));
}

struct Usage {
  int64_t count = kUnset;
  int64_t bytes = kUnset;
};

int64_t value_of(std::string_view text, std::string_view key_and_equals) {
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find_first_of(",;", begin), text.size());
    const std::string_view pair = text.substr(begin, end - begin);
    begin = end + 1;
    if (!pair.starts_with(key_and_equals)) continue;
    const std::string_view digits = pair.substr(key_and_equals.size());
    int64_t value = kUnset;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
  }
  return kUnset;
}

Usage parse(const wire::NullableView& data) {
  const std::string_view text = data.value_or(std::string_view{});
  return Usage{value_of(text, "count="), value_of(text, "bytes=")};
}

std::string to_text(const Usage& usage) {
  return fmt::format("count={},bytes={}", usage.count, usage.bytes);
}

// Clients can write any number into a statistics node: wraps around.
int64_t sum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

}  // namespace

void QuotaUsage::on_created(Tree& tree, std::string_view path, int64_t bytes) {
  const std::string_view limited = path_of_quota_node(path, kLimits);
  if (!limited.empty()) paths_.emplace(limited);
  const std::string_view counted = path_of_quota_node(path, kStats);
  if (!counted.empty()) count_subtree(tree, counted);
  add(tree, path, 1, bytes);
}

void QuotaUsage::on_deleted(Tree& tree, std::string_view path, int64_t bytes) {
  const auto limited = paths_.find(path_of_quota_node(path, kLimits));
  if (limited != paths_.end()) paths_.erase(limited);
  add(tree, path, -1, -bytes);
}

void QuotaUsage::on_data_changed(Tree& tree, std::string_view path, int64_t bytes_more) {
  add(tree, path, 0, bytes_more);
}

void QuotaUsage::recount(Tree& tree) {
  paths_.clear();
  const NodeId top = tree.find(kQuotaRoot);
  for (NodeId at = top; at != kNoNode; at = tree.next_in_subtree(top, at)) {
    const std::string path = tree.path(at);
    const std::string_view limited = path_of_quota_node(path, kLimits);
    if (limited.empty()) continue;
    paths_.emplace(limited);
    count_subtree(tree, limited);
  }
}

std::string_view QuotaUsage::prefix_with_quota(std::string_view path) const {
  if (paths_.empty()) return {};
  while (path.size() > 1) {
    if (paths_.contains(path)) return path;
    path = path.substr(0, path.rfind('/'));
  }
  return {};
}

void QuotaUsage::count_subtree(Tree& tree, std::string_view path) {
  const NodeId stats = stats_node(tree, path);
  if (stats == kNoNode) return;
  Usage usage{0, 0};
  if (const NodeId top = tree.find(path); top != kNoNode) {
    usage.count = 1 + static_cast<int64_t>(tree.descendant_count(top));
    usage.bytes = static_cast<int64_t>(tree.data(top).value_or(std::string_view{}).size() +
                                       tree.descendant_bytes(top));
  }
  tree.set_local_data(stats, to_text(usage));
}

void QuotaUsage::add(Tree& tree, std::string_view path, int64_t count, int64_t bytes) const {
  const std::string_view prefix = prefix_with_quota(path);
  if (prefix.empty() || (count == 0 && bytes == 0)) return;
  const NodeId stats = stats_node(tree, prefix);
  if (stats == kNoNode) return;
  Usage usage = parse(tree.data(stats));
  usage.count = sum(usage.count, count);
  usage.bytes = sum(usage.bytes, bytes);
  tree.set_local_data(stats, to_text(usage));
}

}  // namespace zooid::state
