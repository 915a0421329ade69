// Hashes for tables in memory whose keys come from outside. They are keyed (SipHash-1-3), so that
// nobody who does not know this process's key can choose keys that collide (rule 40). Their values
// never reach an output, and no output follows the order of such a table: it differs from process
// to process.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/ids.h"

namespace zooid {

struct HashKey {
  uint64_t low = 0x0706'0504'0302'0100;
  uint64_t high = 0x0f0e'0d0c'0b0a'0908;
};
// What all tables of the process use. A server draws it before it makes the first table; tools,
// tests and the simulator leave it as it is or set another one between two runs.
inline constinit HashKey hash_key;

// The state of SipHash while words go in, one round for each and three at the end.
class KeyedHash {
 public:
  KeyedHash()
      : a_(hash_key.low ^ 0x736f'6d65'7073'6575),
        b_(hash_key.high ^ 0x646f'7261'6e64'6f6d),
        c_(hash_key.low ^ 0x6c79'6765'6e65'7261),
        d_(hash_key.high ^ 0x7465'6462'7974'6573) {}

  void word(uint64_t value) {
    d_ ^= value;
    round();
    a_ ^= value;
  }
  // The length goes in with the last bytes, so that no two sequences of texts look alike.
  void bytes(std::string_view text) {
    const char* at = text.data();
    size_t left = text.size();
    for (; left >= sizeof(uint64_t); at += sizeof(uint64_t), left -= sizeof(uint64_t)) {
      uint64_t value;
      std::memcpy(&value, at, sizeof(value));
      word(value);
    }
    uint64_t last = 0;
    if (left > 0) std::memcpy(&last, at, left);
    word(last | static_cast<uint64_t>(text.size()) << 56);
  }
  uint64_t end() {
    c_ ^= 0xff;
    round();
    round();
    round();
    return a_ ^ b_ ^ c_ ^ d_;
  }

 private:
  void round() {
    a_ += b_;
    c_ += d_;
    b_ = std::rotl(b_, 13) ^ a_;
    d_ = std::rotl(d_, 16) ^ c_;
    a_ = std::rotl(a_, 32);
    c_ += b_;
    a_ += d_;
    b_ = std::rotl(b_, 17) ^ c_;
    d_ = std::rotl(d_, 21) ^ a_;
    c_ = std::rotl(c_, 32);
  }

  uint64_t a_, b_, c_, d_;
};

inline uint64_t keyed_hash(std::string_view text) {
  KeyedHash hash;
  hash.bytes(text);
  return hash.end();
}
// Of a text beside a number: a name below a parent.
inline uint64_t keyed_hash(uint64_t number, std::string_view text) {
  KeyedHash hash;
  hash.word(number);
  hash.bytes(text);
  return hash.end();
}
inline uint64_t keyed_hash(uint64_t a, uint64_t b) {
  KeyedHash hash;
  hash.word(a);
  hash.word(b);
  return hash.end();
}

// For unordered containers; those of texts find by a view, too.
struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return keyed_hash(text); }
};
struct SessionHash {
  size_t operator()(SessionId session) const {
    KeyedHash hash;
    hash.word(static_cast<uint64_t>(session.value));
    return hash.end();
  }
};

}  // namespace zooid
