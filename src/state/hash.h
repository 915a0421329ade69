// A fast hash of short strings for tables inside the state. Its values never reach an output.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace zooid::state {

inline uint64_t mix_hash(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9E3779B97F4A7C15ull;
  return hash ^ (hash >> 29);
}

inline uint64_t hash_bytes(uint64_t seed, std::string_view bytes) {
  uint64_t hash = mix_hash(seed, bytes.size() * 0xBF58476D1CE4E5B9ull);
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    hash = mix_hash(hash, word);
  }
  if (left > 0) {
    uint64_t word = 0;
    std::memcpy(&word, at, left);
    hash = mix_hash(hash, word);
  }
  return mix_hash(hash, hash >> 32);
}

}  // namespace zooid::state
