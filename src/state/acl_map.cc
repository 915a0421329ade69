#include "state/acl_map.h"

#include <algorithm>

#include "base/assert.h"
#include "base/hash.h"

namespace zooid::state {
namespace {

uint64_t hash_of(const wire::AclList& acl) {
  KeyedHash hash;
  for (const wire::Acl& entry : acl) {
    hash.word(static_cast<uint32_t>(entry.perms));
    hash.bytes(entry.id.scheme);
    hash.bytes(entry.id.id);
  }
  return hash.end();
}

}  // namespace

AclMap::AclMap() {
  Slot open;
  open.acl = std::make_shared<const StoredAcl>(
      wire::AclList{wire::Acl{wire::kPermAll, wire::Id{"world", "anyone"}}});
  open.references = 1;  // never taken out
  slots_.push_back(std::move(open));
  by_key_.emplace(kOpenAclKey, 0);
}

int64_t AclMap::intern(const wire::AclList& acl) {
  const uint64_t content_hash = hash_of(acl);
  const auto [begin, end] = by_content_.equal_range(content_hash);
  // A restored map may hold one list under several keys: the lowest counts.
  int64_t lowest = INT64_MAX;
  for (auto it = begin; it != end; ++it) {
    const Slot& slot = slots_[it->second];
    if (slot.key < lowest && slot.acl->list() == acl) lowest = slot.key;
  }
  if (lowest != INT64_MAX) return lowest;
  return slots_[add(next_key_, acl, content_hash)].key;
}

void AclMap::restore(int64_t key, const wire::AclList& acl) {
  ASSERT(key != INT64_MAX);
  add(key, acl, hash_of(acl));
}

void AclMap::restore_unexplained(int64_t key) {
  ASSERT(key > 0 && key != INT64_MAX);
  const wire::AclList nothing{wire::Acl{0, wire::Id{"world", "anyone"}}};
  const AclSlot slot = add(key, nothing, hash_of(nothing));
  forget_content(slot);
  slots_[slot].is_unexplained = true;
  ++unexplained_;
}

bool AclMap::contains(int64_t key) const {
  return by_key_.contains(key);
}

AclSlot AclMap::slot(int64_t key) const {
  const auto it = by_key_.find(key);
  ASSERT(it != by_key_.end());
  return it->second;
}

void AclMap::add_reference(AclSlot slot) {
  ASSERT(slots_[slot].acl != nullptr);
  ++slots_[slot].references;
}

void AclMap::drop_reference(AclSlot slot) {
  ASSERT(slots_[slot].references > 0);
  if (--slots_[slot].references == 0) erase(slot);
}

void AclMap::drop_unreferenced() {
  for (AclSlot slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].acl != nullptr && slots_[slot].references == 0) erase(slot);
  }
}

std::vector<std::pair<int64_t, AclPtr>> AclMap::entries() const {
  std::vector<std::pair<int64_t, AclPtr>> result;
  result.reserve(size());
  for (const Slot& slot : slots_) {
    const bool is_known = slot.acl != nullptr && !slot.is_unexplained;
    if (is_known && slot.key != kOpenAclKey) result.emplace_back(slot.key, slot.acl);
  }
  std::sort(result.begin(), result.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  return result;
}

AclSlot AclMap::add(int64_t key, const wire::AclList& acl, uint64_t content_hash) {
  ASSERT(!by_key_.contains(key));
  AclSlot slot;
  if (free_.empty()) {
    slot = static_cast<AclSlot>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  slots_[slot] = Slot{key, std::make_shared<const StoredAcl>(acl), 0, content_hash};
  by_key_.emplace(key, slot);
  by_content_.emplace(content_hash, slot);
  next_key_ = std::max(next_key_, key + 1);
  ASSERT(next_key_ > 0);
  return slot;
}

void AclMap::forget_content(AclSlot slot) {
  const auto [begin, end] = by_content_.equal_range(slots_[slot].content_hash);
  const auto it = std::find_if(begin, end, [&](const auto& entry) { return entry.second == slot; });
  ASSERT(it != end);
  by_content_.erase(it);
}

void AclMap::erase(AclSlot slot) {
  ASSERT(slot != 0);
  if (slots_[slot].is_unexplained) {
    --unexplained_;
  } else {
    forget_content(slot);
  }
  by_key_.erase(slots_[slot].key);
  slots_[slot] = Slot{};
  free_.push_back(slot);
}

}  // namespace zooid::state
