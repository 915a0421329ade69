// Many small records with 32-bit numbers instead of pointers. Grows by whole chunks, so nothing is
// copied and at most one chunk is unused; numbers of freed records are given again, last freed
// first.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/assert.h"

namespace zooid::state {

template <class Record>
class Pool {
 public:
  uint32_t allocate() {
    ++size_;
    if (!free_.empty()) {
      const uint32_t id = free_.back();
      free_.pop_back();
      return id;
    }
    if (end_ == chunks_.size() * kChunk) chunks_.push_back(std::make_unique<Record[]>(kChunk));
    return end_++;
  }
  void free(uint32_t id) {
    ASSERT(id < end_ && size_ > 0);
    (*this)[id] = Record{};
    free_.push_back(id);
    --size_;
    if (size_ > 0) return;
    // Back to the start, keeping one chunk for the next records.
    chunks_.resize(1);
    free_.clear();
    end_ = 0;
  }

  Record& operator[](uint32_t id) { return chunks_[id / kChunk][id % kChunk]; }
  const Record& operator[](uint32_t id) const { return chunks_[id / kChunk][id % kChunk]; }
  size_t size() const { return size_; }
  // Every number given so far is below this; those of freed records hold a Record{}.
  uint32_t end() const { return end_; }

 private:
  static constexpr uint32_t kChunk = 1024;
  std::vector<std::unique_ptr<Record[]>> chunks_;
  std::vector<uint32_t> free_;
  uint32_t end_ = 0;
  size_t size_ = 0;
};

}  // namespace zooid::state
