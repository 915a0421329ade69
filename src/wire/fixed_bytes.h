// FixedBytes<N>: a record of a known size (headers, stats) put together on the stack and appended
// at once, instead of one growth test for each field.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/assert.h"

namespace zooid::wire {

template <size_t kSize>
class FixedBytes {
 public:
  FixedBytes& boolean(bool value) {
    ASSERT(used_ + 1 <= kSize);
    bytes_[used_++] = value ? 1 : 0;
    return *this;
  }
  FixedBytes& i32(int32_t value) { return fixed(static_cast<uint32_t>(value)); }
  FixedBytes& i64(int64_t value) { return fixed(static_cast<uint64_t>(value)); }

  // Requires that all N bytes were given.
  std::string_view view() const {
    ASSERT(used_ == kSize);
    return {bytes_, kSize};
  }

 private:
  template <class Unsigned>
  FixedBytes& fixed(Unsigned value) {
    ASSERT(used_ + sizeof(value) <= kSize);
    if constexpr (std::endian::native == std::endian::little) value = std::byteswap(value);
    std::memcpy(bytes_ + used_, &value, sizeof(value));
    used_ += sizeof(value);
    return *this;
  }
  size_t used_ = 0;
  char bytes_[kSize];
};

}  // namespace zooid::wire
