// A hash index of small numbers: hash -> id, for tables whose entries stand in a Pool. Eight bytes
// a slot, the hash beside the id, so that a search that finds nothing touches only the index
// itself. Open addressing; what is erased leaves no trace. Not for iteration: the order of slots is
// none.
#pragma once

#include <cstdint>
#include <vector>

#include "base/assert.h"

namespace zooid::state {

class IdIndex {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // The id of this hash for which is_wanted(id) is true, or kNone.
  template <class Predicate>
  uint32_t find(uint32_t hash, const Predicate& is_wanted) const {
    if (count_ == 0) return kNone;
    for (size_t at = hash & mask();; at = (at + 1) & mask()) {
      const Slot& slot = slots_[at];
      if (slot.id == kNone) return kNone;
      if (slot.hash == hash && is_wanted(slot.id)) return slot.id;
    }
  }

  // Requires that the id is not there yet.
  void insert(uint32_t hash, uint32_t id) {
    ASSERT(id != kNone);
    if ((count_ + 1) * 8 > slots_.size() * 7)
      resize(slots_.empty() ? kSlotsMin : slots_.size() * 2);
    place({hash, id});
    ++count_;
  }

  // Requires that the id is there under this hash.
  void erase(uint32_t hash, uint32_t id) {
    ASSERT(count_ > 0);
    size_t hole = hash & mask();
    while (slots_[hole].id != id) {
      ASSERT(slots_[hole].id != kNone);
      hole = (hole + 1) & mask();
    }
    // Entries behind the hole move up, unless that would put them before their own place.
    for (size_t at = (hole + 1) & mask(); slots_[at].id != kNone; at = (at + 1) & mask()) {
      const size_t home = slots_[at].hash & mask();
      if (((at - home) & mask()) >= ((at - hole) & mask())) {
        slots_[hole] = slots_[at];
        hole = at;
      }
    }
    slots_[hole] = Slot{};
    --count_;
    if (slots_.size() > kSlotsMin && count_ * 8 < slots_.size()) resize(slots_.size() / 4);
  }

  size_t size() const { return count_; }

 private:
  static constexpr size_t kSlotsMin = 16;
  struct Slot {
    uint32_t hash = 0;
    uint32_t id = kNone;
  };

  size_t mask() const { return slots_.size() - 1; }
  void place(Slot slot) {
    size_t at = slot.hash & mask();
    while (slots_[at].id != kNone) at = (at + 1) & mask();
    slots_[at] = slot;
  }
  void resize(size_t slots) {
    if (slots < kSlotsMin) slots = kSlotsMin;
    std::vector<Slot> old(slots);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.id != kNone) place(slot);
    }
  }

  std::vector<Slot> slots_;  // their number is a power of two
  size_t count_ = 0;
};

}  // namespace zooid::state
