#include "state/paths.h"

#include <cstdint>

namespace zooid::state {
namespace {

// ZooKeeper tests UTF-16 units, so what takes two of them (a supplementary character) holds
// surrogates and is refused; what is no UTF-8 would be decoded to U+FFFD and is refused as well.
bool unit_is_forbidden(uint32_t unit) {
  return unit <= 0x1f || (unit >= 0x7f && unit <= 0x9f) || (unit >= 0xd800 && unit <= 0xf8ff) ||
         unit >= 0xfff0;
}

// Reads the character at `at` and moves behind it. Anything that is not the shortest UTF-8 form of
// a character of the basic plane counts as forbidden.
bool next_is_forbidden(std::string_view path, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(path[i]); };
  const auto continues = [&](size_t i) { return i < path.size() && (byte(i) & 0xc0) == 0x80; };
  const uint32_t lead = byte(at);
  if (lead < 0x80) {
    ++at;
    return unit_is_forbidden(lead);
  }
  if (lead >= 0xc2 && lead <= 0xdf && continues(at + 1)) {
    const uint32_t unit = ((lead & 0x1f) << 6) | (byte(at + 1) & 0x3f);
    at += 2;
    return unit_is_forbidden(unit);
  }
  if (lead >= 0xe0 && lead <= 0xef && continues(at + 1) && continues(at + 2)) {
    const uint32_t unit =
        ((lead & 0x0f) << 12) | ((byte(at + 1) & 0x3f) << 6) | (byte(at + 2) & 0x3f);
    at += 3;
    return unit < 0x800 || unit_is_forbidden(unit);
  }
  return true;
}

}  // namespace

const char* path_problem(std::string_view path) {
  if (path.empty()) return "Path length must be > 0";
  if (path.front() != '/') return "Path must start with / character";
  if (path.size() == 1) return nullptr;
  if (path.back() == '/') return "Path must not end with / character";
  size_t begin = 1;  // of the current name
  for (size_t at = 1; at < path.size();) {
    if (path[at] == '\0') return "null character not allowed";
    if (path[at] != '/') {
      if (next_is_forbidden(path, at)) return "invalid character";
      if (at < path.size() && path[at] != '/') continue;
      const std::string_view name = path.substr(begin, at - begin);
      if (name == "." || name == "..") return "relative paths not allowed";
      continue;
    }
    if (at == begin) return "empty node name specified";
    begin = ++at;
  }
  return nullptr;
}

}  // namespace zooid::state
