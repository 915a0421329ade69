#include "state/auth_ip.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace zooid::state {
namespace {

constexpr size_t kV4Bytes = 4, kV6Bytes = 16, kV6Segments = 8, kV6SegmentDigitsMax = 4;

struct Address {
  std::array<uint8_t, kV6Bytes> bytes{};
  size_t length = 0;  // kV4Bytes or kV6Bytes

  // Clears what lies behind the first `bits` bits.
  void mask(size_t bits) {
    for (size_t i = bits / 8; i < length; ++i) {
      const size_t kept = i == bits / 8 ? bits % 8 : 0;
      bytes[i] &= static_cast<uint8_t>(0xff00 >> kept);
    }
  }
  bool operator==(const Address&) const = default;
};

// The numbers that Java's Integer.parseInt takes: a sign is allowed, nothing else around the
// digits.
std::optional<int32_t> parse_number(std::string_view text, int base) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Address> parse_v4(std::string_view text) {
  Address address;
  address.length = kV4Bytes;
  for (size_t i = 0; i < kV4Bytes; ++i) {
    const size_t dot = text.find('.');
    if ((dot == std::string_view::npos) != (i == kV4Bytes - 1)) return std::nullopt;
    const auto number = parse_number(text.substr(0, dot), 10);
    if (!number || *number < 0 || *number > 255) return std::nullopt;
    address.bytes[i] = static_cast<uint8_t>(*number);
    if (dot != std::string_view::npos) text.remove_prefix(dot + 1);
  }
  return address;
}

// Writes the segments of `text` from `at` on and gives their number; nullopt if one is bad or they
// are more than `segments_max`. Empty text has none.
std::optional<size_t> parse_segments(std::string_view text, size_t segments_max,
                                     std::array<uint8_t, kV6Bytes>& out) {
  if (text.empty()) return 0;
  for (size_t count = 0; count < segments_max;) {
    const size_t colon = text.find(':');
    const std::string_view segment = text.substr(0, colon);
    if (segment.empty() || segment.size() > kV6SegmentDigitsMax) return std::nullopt;
    const auto number = parse_number(segment, 16);
    if (!number) return std::nullopt;
    out[count * 2] = static_cast<uint8_t>(*number >> 8);
    out[count * 2 + 1] = static_cast<uint8_t>(*number);
    ++count;
    if (colon == std::string_view::npos) return count;
    text.remove_prefix(colon + 1);
  }
  return std::nullopt;
}

std::optional<Address> parse_v6(std::string_view text) {
  Address address;
  address.length = kV6Bytes;
  const size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    if (parse_segments(text, kV6Segments, address.bytes) != kV6Segments) return std::nullopt;
    return address;
  }
  const std::string_view behind = text.substr(gap + 2);
  if (behind.find("::") != std::string_view::npos) return std::nullopt;
  std::array<uint8_t, kV6Bytes> tail{};
  const auto head_count = parse_segments(text.substr(0, gap), kV6Segments, address.bytes);
  const auto tail_count = parse_segments(behind, kV6Segments, tail);
  if (!head_count || !tail_count || *head_count + *tail_count >= kV6Segments) return std::nullopt;
  for (size_t i = 0; i < *tail_count * 2; ++i) {
    address.bytes[kV6Bytes - *tail_count * 2 + i] = tail[i];
  }
  return address;
}

std::optional<Address> parse_address(std::string_view text) {
  if (text.find(':') != std::string_view::npos) return parse_v6(text);
  return parse_v4(text);
}

struct Network {
  Address address;
  size_t bits = 0;
};

std::optional<Network> parse_network(std::string_view expression) {
  const size_t slash = expression.find('/');
  const auto address = parse_address(expression.substr(0, slash));
  if (!address) return std::nullopt;
  const size_t bits_max = address->length * 8;
  if (slash == std::string_view::npos) return Network{*address, bits_max};
  const auto bits = parse_number(expression.substr(slash + 1), 10);
  if (!bits || *bits < 0 || static_cast<size_t>(*bits) > bits_max) return std::nullopt;
  return Network{*address, static_cast<size_t>(*bits)};
}

}  // namespace

bool ip_acl_is_valid(std::string_view expression) {
  return parse_network(expression).has_value();
}

bool ip_matches(std::string_view address, std::string_view expression) {
  auto network = parse_network(expression);
  if (!network) return false;
  auto remote = parse_address(address);
  if (!remote || remote->length != network->address.length) return false;
  network->address.mask(network->bits);
  remote->mask(network->bits);
  return *remote == network->address;
}

std::strong_ordering NetworkPerms::by_place(const Entry& a, const Entry& b) {
  const auto order = a.prefix <=> b.prefix;
  return order != 0 ? order : a.bytes <=> b.bytes;
}

void NetworkPerms::add(std::string_view expression, int32_t perms) {
  auto network = parse_network(expression);
  if (!network) return;
  network->address.mask(network->bits);
  entries_.push_back({{network->address.length, network->bits}, network->address.bytes, perms});
}

void NetworkPerms::finish() {
  std::ranges::sort(entries_, [](const Entry& a, const Entry& b) { return by_place(a, b) < 0; });
  size_t kept = 0;
  for (const Entry& entry : entries_) {
    if (kept > 0 && by_place(entries_[kept - 1], entry) == 0) {
      entries_[kept - 1].perms |= entry.perms;
      continue;
    }
    if (prefixes_.empty() || prefixes_.back() != entry.prefix) prefixes_.push_back(entry.prefix);
    entries_[kept++] = entry;
  }
  entries_.resize(kept);
  entries_.shrink_to_fit();
}

int32_t NetworkPerms::perms_of(std::string_view address) const {
  const auto remote = parse_address(address);
  if (!remote) return 0;
  int32_t perms = 0;
  for (const Prefix& prefix : prefixes_) {
    if (prefix.address_bytes != remote->length) continue;
    Address masked = *remote;
    masked.mask(prefix.bits);
    const Entry wanted{prefix, masked.bytes, 0};
    const auto at = std::ranges::lower_bound(
        entries_, wanted, [](const Entry& a, const Entry& b) { return by_place(a, b) < 0; });
    if (at != entries_.end() && by_place(*at, wanted) == 0) perms |= at->perms;
  }
  return perms;
}

}  // namespace zooid::state
