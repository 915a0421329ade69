#include "cli/crosscheck_taint.h"

namespace zooid::cli {

std::string_view parent_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {};
  return slash == 0 ? std::string_view("/") : path.substr(0, slash);
}

void CrosscheckTaint::add(const std::string& path, const char* reason, int64_t until_us) {
  const auto [node, is_new] = nodes_.emplace(path, Node{reason, until_us});
  if (!is_new && until_us > node->second.until_us) node->second = {reason, until_us};
}

void CrosscheckTaint::remove(const std::string& path) {
  const auto node = nodes_.find(path);
  if (node != nodes_.end() && node->second.until_us != kNever) nodes_.erase(node);
}

std::optional<const char*> CrosscheckTaint::reason(std::string_view path, int64_t now_us) const {
  for (std::string_view above = path; above.size() > 1; above = parent_of(above)) {
    const auto node = nodes_.find(above);
    if (node != nodes_.end() && node->second.until_us > now_us) return node->second.reason;
  }
  const std::string prefix = path == "/" ? "/" : std::string(path) + '/';
  for (auto node = nodes_.lower_bound(prefix);
       node != nodes_.end() && node->first.starts_with(prefix); ++node) {
    const bool is_child = parent_of(node->first) == path;
    if (is_child && node->second.until_us > now_us) return node->second.reason;
  }
  return std::nullopt;
}

}  // namespace zooid::cli
