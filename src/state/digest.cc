#include "state/digest.h"

#include <libdeflate.h>

#include <bit>
#include <cstring>

namespace zooid::state {
namespace {

constexpr size_t kStatBytes = 60;
constexpr std::string_view kOutside = "/zookeeper/";

uint32_t crc(uint32_t seed, std::string_view bytes) {
  if (bytes.empty()) return seed;  // a null pointer would be taken for a new beginning
  return libdeflate_crc32(seed, bytes.data(), bytes.size());
}

template <class Unsigned>
char* put(char* at, Unsigned value) {
  if constexpr (std::endian::native == std::endian::little) value = std::byteswap(value);
  std::memcpy(at, &value, sizeof(value));
  return at + sizeof(value);
}

// The Stat in the order of the digest (pzxid third: not the order of the snapshot), each field
// combined with that of a second one by exclusive or.
void write_stat_difference(char (&out)[kStatBytes], const wire::StatPersisted& a,
                           const wire::StatPersisted& b) {
  const auto i64 = [](int64_t x, int64_t y) { return static_cast<uint64_t>(x ^ y); };
  const auto i32 = [](int32_t x, int32_t y) { return static_cast<uint32_t>(x ^ y); };
  char* at = out;
  at = put(at, i64(a.czxid, b.czxid));
  at = put(at, i64(a.mzxid, b.mzxid));
  at = put(at, i64(a.pzxid, b.pzxid));
  at = put(at, i64(a.ctime, b.ctime));
  at = put(at, i64(a.mtime, b.mtime));
  at = put(at, i32(a.version, b.version));
  at = put(at, i32(a.cversion, b.cversion));
  at = put(at, i32(a.aversion, b.aversion));
  put(at, i64(a.ephemeral_owner, b.ephemeral_owner));
}

}  // namespace

bool counts_in_digest(std::string_view path) {
  return !path.starts_with(kOutside);
}

uint64_t node_digest(std::string_view path, const wire::NullableView& data,
                     const wire::StatPersisted& stat) {
  if (!counts_in_digest(path)) return 0;
  uint32_t sum = path == "/" ? 0 : crc(0, path);
  if (data) sum = crc(sum, *data);
  char bytes[kStatBytes];
  write_stat_difference(bytes, stat, wire::StatPersisted{});
  return crc(sum, {bytes, kStatBytes});
}

uint32_t digest_change(const wire::StatPersisted& before, const wire::StatPersisted& after) {
  char bytes[kStatBytes];
  write_stat_difference(bytes, before, after);
  // A CRC without its usual inversions is linear: what stands in front of the Stat cancels out.
  return ~crc(0xffffffff, {bytes, kStatBytes});
}

}  // namespace zooid::state
