// Serialised lists of children of nodes that have very many (rule 25), filled by readers. Several
// threads read the tree at once while nobody changes it, so this cache, the only thing that a read
// changes, has a lock; it is taken only for nodes above the threshold.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace zooid::state {

class ChildrenCache {
 public:
  using List = std::shared_ptr<const std::string>;

  static constexpr int32_t kChildrenMin = 1001;  // shorter lists are made anew each time
  static constexpr size_t kBytesMax = size_t{64} << 20;

  // Null if there is none.
  List find(uint32_t node) const {
    const std::lock_guard lock(mutex_);
    const auto it = lists_.find(node);
    return it == lists_.end() ? nullptr : it->second;
  }
  void put(uint32_t node, List list) {
    const std::lock_guard lock(mutex_);
    if (bytes_ + list->size() > kBytesMax) {  // begin anew: simple, and rare
      lists_.clear();
      bytes_ = 0;
    }
    if (list->size() > kBytesMax) return;
    const size_t size = list->size();
    if (lists_.emplace(node, std::move(list)).second) bytes_ += size;
  }
  void erase(uint32_t node) {
    const std::lock_guard lock(mutex_);
    const auto it = lists_.find(node);
    if (it == lists_.end()) return;
    bytes_ -= it->second->size();
    lists_.erase(it);
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<uint32_t, List> lists_;
  size_t bytes_ = 0;
};

}  // namespace zooid::state
