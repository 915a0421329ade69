// Paths whose nodes are known to differ between two servers, and why: what a proxy sees of them
// afterwards follows from that and is no new difference.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace zooid::cli {

class CrosscheckTaint {
 public:
  // The node, all below it, and what its parent tells of its children. The reason is a literal.
  void add(const std::string& path, const char* reason, int64_t until_us = kNever);
  // Of those of a reason that ends by itself.
  void remove(const std::string& path);
  // The reason, if something of the path may differ by now.
  std::optional<const char*> reason(std::string_view path, int64_t now_us) const;
  size_t size() const { return nodes_.size(); }

 private:
  struct Node {
    const char* reason;
    int64_t until_us;
  };
  std::map<std::string, Node, std::less<>> nodes_;
};

std::string_view parent_of(std::string_view path);

}  // namespace zooid::cli
