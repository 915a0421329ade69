// The index of the tree: (parent, name) -> node. It holds only node ids and eight bits of each
// hash; names and hashes stand in the nodes. One bucket is one cache line, so that a look-up
// touches the bucket and the node and nothing else.
//
// It grows by segments (extendible hashing): a full segment is split in two, which moves some
// hundred entries; nothing ever moves all of them. Owned by the tree, changed on its thread, read
// by many threads while nobody changes it.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace zooid::state {

class NodeIndex {
 public:
  NodeIndex() {
    segments_.push_back(make_segment(0, kSegmentBuckets));
    directory_.push_back(entry_of(0));
  }

  // The id for which match(id) is true, among those inserted with this hash; else 0.
  template <class Match>
  uint32_t find(uint32_t hash, Match&& match) const {
    const Entry& entry = directory_[slot_of(hash)];
    const uint8_t tag = tag_of(hash);
    for (uint32_t at = hash & entry.bucket_mask;; at = (at + 1) & entry.bucket_mask) {
      const Bucket& bucket = entry.buckets[at];
      for (uint64_t low = candidates(bucket.tags, tag); low != 0; low &= low - 1) {
        const uint32_t id = bucket.ids[std::countr_zero(low) / 8];
        if (id != 0 && match(id)) return id;
      }
      uint64_t high = candidates(bucket.tags + 8, tag) & 0xffff'ffff;  // four tags and passed_by
      for (; high != 0; high &= high - 1) {
        const uint32_t id = bucket.ids[8 + std::countr_zero(high) / 8];
        if (id != 0 && match(id)) return id;
      }
      if (bucket.passed_by() == 0) return 0;
    }
  }

  // `id` is not 0 and not in the index yet. hash_of(id) gives the hash of any id in the index.
  template <class HashOf>
  void insert(uint32_t hash, uint32_t id, HashOf&& hash_of) {
    ASSERT(id != 0);
    while (segments_[directory_[slot_of(hash)].segment].count >=
           limit_of(segments_[directory_[slot_of(hash)].segment])) {
      grow(directory_[slot_of(hash)].segment, hash, hash_of);
    }
    Segment& segment = segments_[directory_[slot_of(hash)].segment];
    place(segment, hash, id);
    ASSERT(segment.count <= limit_of(segment));
    ++size_;
  }

  // `id` is in the index under this hash.
  void erase(uint32_t hash, uint32_t id) {
    Segment& segment = segments_[directory_[slot_of(hash)].segment];
    for (uint32_t at = hash & segment.bucket_mask;; at = (at + 1) & segment.bucket_mask) {
      Bucket& bucket = segment.buckets[at];
      for (uint32_t i = 0; i < kBucketSlots; ++i) {
        if (bucket.ids[i] != id) continue;
        bucket.ids[i] = 0;
        bucket.tags[i] = 0;
        ASSERT(segment.count > 0 && size_ > 0);
        --segment.count;
        --size_;
        return;
      }
      ASSERT(bucket.passed_by() != 0);  // else it would not be in the index
      if (bucket.passed_by() != kPassedByMax) --bucket.passed_by();
    }
  }

  size_t size() const { return size_; }

 private:
  static constexpr uint32_t kBucketSlots = 12;
  static constexpr uint32_t kSegmentBuckets = 64;  // 4 KiB
  static constexpr uint32_t kDirectoryDepthMax = 16;
  static constexpr uint8_t kPassedByMax = 255;  // from here on it is never counted down

  struct alignas(64) Bucket {
    uint8_t tags[16] = {};  // of the slots; what is left over is read but never used
    uint32_t ids[kBucketSlots] = {};

    // Entries that found this bucket full and went on to the next.
    uint8_t& passed_by() { return tags[kBucketSlots]; }
    uint8_t passed_by() const { return tags[kBucketSlots]; }
  };
  static_assert(sizeof(Bucket) == 64);

  struct Segment {
    std::unique_ptr<Bucket[]> buckets;
    uint32_t bucket_mask = 0;
    uint32_t depth = 0;  // how many of the highest bits all its hashes share
    uint32_t count = 0;
  };
  struct Entry {
    Bucket* buckets;
    uint32_t bucket_mask;
    uint32_t segment;
  };

  // The highest bit of each of eight bytes that equals `tag`, the first byte lowest. Now and then
  // of a byte that does not: what is found is compared anyway.
  static uint64_t candidates(const uint8_t* tags, uint8_t tag) {
    uint64_t bytes;
    std::memcpy(&bytes, tags, sizeof(bytes));
    if constexpr (std::endian::native == std::endian::big) bytes = std::byteswap(bytes);
    bytes ^= 0x0101'0101'0101'0101u * uint64_t{tag};
    return (bytes - 0x0101'0101'0101'0101) & ~bytes & 0x8080'8080'8080'8080;
  }

  static uint8_t tag_of(uint32_t hash) { return static_cast<uint8_t>(hash >> 8); }
  static uint32_t limit_of(const Segment& segment) {
    return (segment.bucket_mask + 1) * kBucketSlots / 5 * 4;
  }
  size_t slot_of(uint32_t hash) const { return depth_ == 0 ? 0 : hash >> (32 - depth_); }

  static Segment make_segment(uint32_t depth, uint32_t buckets) {
    return Segment{std::make_unique<Bucket[]>(buckets), buckets - 1, depth, 0};
  }
  Entry entry_of(uint32_t segment) const {
    return Entry{segments_[segment].buckets.get(), segments_[segment].bucket_mask, segment};
  }

  static void place(Segment& segment, uint32_t hash, uint32_t id) {
    for (uint32_t at = hash & segment.bucket_mask;; at = (at + 1) & segment.bucket_mask) {
      Bucket& bucket = segment.buckets[at];
      for (uint32_t i = 0; i < kBucketSlots; ++i) {
        if (bucket.ids[i] != 0) continue;
        bucket.ids[i] = id;
        bucket.tags[i] = tag_of(hash);
        ++segment.count;
        return;
      }
      if (bucket.passed_by() != kPassedByMax) ++bucket.passed_by();
    }
  }

  // Makes room in a full segment: splits it, or, where hashes agree in too many bits for that,
  // doubles it.
  template <class HashOf>
  void grow(uint32_t index, uint32_t hash, HashOf&& hash_of) {
    const uint32_t depth = segments_[index].depth;
    if (depth == kDirectoryDepthMax) {
      const uint32_t buckets = (segments_[index].bucket_mask + 1) * 2;
      Segment old = std::exchange(segments_[index], make_segment(depth, buckets));
      for_each(old, [&](uint32_t id) { place(segments_[index], hash_of(id), id); });
      ASSERT(segments_[index].count == old.count);
      point_directory_to(index, hash);
      return;
    }
    if (depth == depth_) double_directory();
    const uint32_t other = static_cast<uint32_t>(segments_.size());
    const uint32_t buckets = segments_[index].bucket_mask + 1;
    Segment old = std::exchange(segments_[index], make_segment(depth + 1, buckets));
    segments_.push_back(make_segment(depth + 1, buckets));
    const uint32_t deciding_bit = 1u << (31 - depth);
    for_each(old, [&](uint32_t id) {
      const uint32_t h = hash_of(id);
      place(segments_[(h & deciding_bit) != 0 ? other : index], h, id);
    });
    ASSERT(segments_[index].count + segments_[other].count == old.count);
    point_directory_to(index, hash & ~deciding_bit);
    point_directory_to(other, hash | deciding_bit);
  }

  template <class Visit>
  static void for_each(const Segment& segment, Visit&& visit) {
    for (uint32_t at = 0; at <= segment.bucket_mask; ++at) {
      for (uint32_t id : segment.buckets[at].ids) {
        if (id != 0) visit(id);
      }
    }
  }

  void double_directory() {
    ASSERT(depth_ < kDirectoryDepthMax);
    std::vector<Entry> doubled;
    doubled.reserve(directory_.size() * 2);
    for (const Entry& entry : directory_) doubled.insert(doubled.end(), 2, entry);
    directory_ = std::move(doubled);
    ++depth_;
  }

  // All entries of the directory whose hashes begin as `hash` does lead to the segment.
  void point_directory_to(uint32_t index, uint32_t hash) {
    const uint32_t depth = segments_[index].depth;
    ASSERT(depth <= depth_);
    const size_t entries = size_t{1} << (depth_ - depth);
    const size_t begin = slot_of(hash) & ~(entries - 1);
    for (size_t i = 0; i < entries; ++i) directory_[begin + i] = entry_of(index);
  }

  std::vector<Entry> directory_;  // by the highest depth_ bits of a hash
  std::vector<Segment> segments_;
  uint32_t depth_ = 0;
  size_t size_ = 0;
};

}  // namespace zooid::state
