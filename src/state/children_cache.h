// Serialised lists of children of nodes that have very many (rule 25), made when somebody asks and
// kept while the list changes: a new name goes to the end, as in the tree; names that have gone are
// noted and cut out when somebody asks again. So a change costs little, and a reading as much as
// the copying of the list, not a walk through its nodes.
//
// Several threads read the tree at once while nobody changes it, so this cache, the only thing that
// a read changes, has a lock; it is taken only for nodes above the threshold. Owned by the tree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/hash.h"

namespace zooid::state {

class ChildrenCache {
 public:
  static constexpr int32_t kChildrenMin = 1001;  // shorter lists are made anew each time
  static constexpr size_t kBytesMax = size_t{64} << 20;

  // Appends the list of the node, a jute vector; false if there is none.
  bool append_to(std::string& out, uint32_t node) const;
  void put(uint32_t node, std::string_view list);
  // The node has one child more, the last one; one less; or is gone itself.
  void on_added(uint32_t node, std::string_view name);
  void on_removed(uint32_t node, std::string_view name);
  void erase(uint32_t node);

  // For tests: how often a list was put.
  uint64_t lists_made() const { return lists_made_; }

 private:
  using Names = std::unordered_map<std::string, uint32_t, TextHash, std::equal_to<>>;
  struct List {
    std::string text;  // count and names, those in `gone` among them
    uint32_t count = 0;
    Names gone;              // name -> how often it is to be cut out, from the front
    size_t gone_count = 0;   // of all names together
    uint64_t gone_ends = 0;  // a bit for each way in which they end
  };
  static void cut_out(List& list);
  void drop(std::unordered_map<uint32_t, List>::iterator at) const;

  mutable std::mutex mutex_;
  mutable std::unordered_map<uint32_t, List> lists_;
  mutable size_t bytes_ = 0;
  uint64_t lists_made_ = 0;
};

}  // namespace zooid::state
