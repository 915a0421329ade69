// Jute, ZooKeeper's serialisation (spec jute.md): big-endian integers, strings and buffers with an
// int32 length (-1 = null), vectors with an int32 count (-1 = null), records without any framing.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace zooid::wire {

// Longest string or buffer a reader accepts by default: jute.maxbuffer + extra (jute.md 3).
inline constexpr int32_t kMaxBufferDefault = 1'048'575;
inline constexpr int32_t kMaxRecordBufferDefault = 2 * kMaxBufferDefault;

// Appends to a string it does not own.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void boolean(bool value) { out_.push_back(value ? 1 : 0); }
  void i32(int32_t value) { fixed(static_cast<uint32_t>(value)); }
  void i64(int64_t value) { fixed(static_cast<uint64_t>(value)); }
  void buffer(std::string_view bytes) {
    i32(static_cast<int32_t>(bytes.size()));
    out_.append(bytes);
  }
  void null_buffer() { i32(-1); }
  void nullable(const std::optional<std::string_view>& bytes) {
    bytes ? buffer(*bytes) : null_buffer();
  }
  void nullable(const std::optional<std::string>& bytes) { bytes ? buffer(*bytes) : null_buffer(); }
  void raw(std::string_view bytes) { out_.append(bytes); }

  std::string& out() { return out_; }

 private:
  template <class Unsigned>
  void fixed(Unsigned value) {
    if constexpr (std::endian::native == std::endian::little) value = std::byteswap(value);
    char bytes[sizeof(value)];
    std::memcpy(bytes, &value, sizeof(value));
    out_.append(bytes, sizeof(value));
  }
  std::string& out_;
};

// What `write` writes: body_of([&](Writer& out) { write_path(out, request); }).
template <class Write>
std::string body_of(Write write) {
  std::string body;
  Writer out(body);
  write(out);
  return body;
}

// Reads from bytes it does not own. The first thing that does not fit makes it fail; from then on
// every read gives zero or empty, so a record is read whole and ok() asked once at its end. Views
// point into the bytes. No allocation depends on a length that was not tested against the bytes
// that are really there.
class Reader {
 public:
  explicit Reader(std::string_view bytes, int32_t max_buffer = kMaxRecordBufferDefault)
      : position_(bytes.data()), end_(bytes.data() + bytes.size()), max_buffer_(max_buffer) {}

  bool ok() const { return ok_; }
  void fail() { ok_ = false, position_ = end_; }
  size_t remaining() const { return static_cast<size_t>(end_ - position_); }
  std::string_view rest() const { return {position_, remaining()}; }

  bool boolean() {
    if (remaining() < 1) return fail(), false;
    return *position_++ != 0;
  }
  int32_t i32() { return static_cast<int32_t>(fixed<uint32_t>()); }
  int64_t i64() { return static_cast<int64_t>(fixed<uint64_t>()); }
  // Null and empty differ: null gives nullopt.
  std::optional<std::string_view> nullable() {
    const int32_t length = i32();
    if (length == -1) return std::nullopt;
    if (length < 0 || length > max_buffer_ || static_cast<size_t>(length) > remaining()) {
      fail();
      return std::nullopt;
    }
    std::string_view bytes(position_, static_cast<size_t>(length));
    position_ += length;
    return bytes;
  }
  // Null counts as empty.
  std::string_view buffer() { return nullable().value_or(std::string_view{}); }
  // The count of a vector whose elements take at least `element_bytes_min` each; null counts as 0.
  // Fails when that many elements cannot be in what remains.
  int32_t count(size_t element_bytes_min) {
    const int32_t n = i32();
    if (n == -1) return 0;
    if (n < 0 || static_cast<size_t>(n) * element_bytes_min > remaining()) return fail(), 0;
    return n;
  }

 private:
  template <class Unsigned>
  Unsigned fixed() {
    if (remaining() < sizeof(Unsigned)) return fail(), Unsigned{0};
    Unsigned value;
    std::memcpy(&value, position_, sizeof(value));
    position_ += sizeof(value);
    if constexpr (std::endian::native == std::endian::little) value = std::byteswap(value);
    return value;
  }
  const char* position_;
  const char* end_;
  int32_t max_buffer_;
  bool ok_ = true;
};

}  // namespace zooid::wire
