// Local bookkeeping of quotas (storage-formats 9.1): for a path P that has the node
// /zookeeper/quota/P/zookeeper_limits, the data of /zookeeper/quota/P/zookeeper_stats say how many
// nodes and bytes are at and below P. Every server keeps them by itself; they are not part of
// transactions, Stats or digests.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "state/tree.h"

namespace zooid::state {

// Owned by the database, used on its thread.
class QuotaUsage {
 public:
  // After a node was created, deleted, or its data changed by this many bytes. Of a deletion it is
  // told when the node is gone.
  void on_created(Tree& tree, std::string_view path, int64_t bytes);
  void on_deleted(Tree& tree, std::string_view path, int64_t bytes);
  void on_data_changed(Tree& tree, std::string_view path, int64_t bytes_more);

  // After loading: finds all quotas and counts what is below each.
  void recount(Tree& tree);

  // The longest prefix of path (itself included) that has a quota; empty if none has.
  std::string_view prefix_with_quota(std::string_view path) const;

 private:
  static void count_subtree(Tree& tree, std::string_view path);
  void add(Tree& tree, std::string_view path, int64_t count, int64_t bytes) const;

  std::set<std::string, std::less<>> paths_;
};

}  // namespace zooid::state
