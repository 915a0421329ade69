// The ACLs of the tree, each list stored once under a key (the map of a snapshot). Keys grow and
// are never given twice, so a snapshot walk can tell by the key alone whether a list was in the map
// that it wrote.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

#include "state/stored_acl.h"

namespace zooid::state {

// Where a list stands in the map; what nodes hold. A slot is used again once no node refers to it.
using AclSlot = uint32_t;

// The key of nodes that never got an ACL: world:anyone, all permissions. Not in the map.
inline constexpr int64_t kOpenAclKey = -1;

class AclMap {
 public:
  AclMap();

  // The key of a list equal to this one, a new one if there is none. Nobody refers to it yet.
  int64_t intern(const wire::AclList& acl);
  // Requires that the key is unknown and neither kOpenAclKey nor INT64_MAX.
  void restore(int64_t key, const wire::AclList& acl);
  // A key that a node of a fuzzy snapshot has and the map lacks (rule 38): its list is not known
  // yet, so it allows nothing, is never found by its content and never written. The same
  // requirements.
  void restore_unexplained(int64_t key);
  size_t unexplained() const { return unexplained_; }
  bool is_unexplained(AclSlot slot) const { return slots_[slot].is_unexplained; }
  bool contains(int64_t key) const;

  // Requires a known key. The open key has a slot, too.
  AclSlot slot(int64_t key) const;
  int64_t key(AclSlot slot) const { return slots_[slot].key; }
  // Stays where it is while the slot has a reference.
  const AclPtr& acl(AclSlot slot) const { return slots_[slot].acl; }

  void add_reference(AclSlot slot);
  // The last one takes the list out of the map.
  void drop_reference(AclSlot slot);
  void drop_unreferenced();

  // Every key given later is at least this.
  int64_t next_key() const { return next_key_; }
  size_t size() const { return by_key_.size() - 1; }
  // Sorted by key, without the open one.
  std::vector<std::pair<int64_t, AclPtr>> entries() const;

 private:
  struct Slot {
    int64_t key = kOpenAclKey;
    AclPtr acl;
    uint64_t references = 0;
    uint64_t content_hash = 0;
    bool is_unexplained = false;
  };
  AclSlot add(int64_t key, const wire::AclList& acl, uint64_t content_hash);
  void erase(AclSlot slot);
  void forget_content(AclSlot slot);

  std::deque<Slot> slots_;  // a deque: references to a slot's list outlive growth
  std::vector<AclSlot> free_;
  std::unordered_map<int64_t, AclSlot> by_key_;
  std::unordered_multimap<uint64_t, AclSlot> by_content_;
  int64_t next_key_ = 1;
  size_t unexplained_ = 0;
};

}  // namespace zooid::state
