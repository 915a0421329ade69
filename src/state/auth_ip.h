// Addresses in ACLs of scheme ip (client-protocol 8.3): "address" or "address/bits", IPv4 and IPv6.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace zooid::state {

// Can this stand in an ACL?
bool ip_acl_is_valid(std::string_view expression);
// Does a connection from `address` match it? Addresses of different families never match.
bool ip_matches(std::string_view address, std::string_view expression);

// Many networks, each with the permissions that it gives. What an address gets costs as much as
// there are different lengths of prefixes, not networks.
class NetworkPerms {
 public:
  // Behind the last one comes finish(). What cannot stand in an ACL gives nothing.
  void add(std::string_view expression, int32_t perms);
  void finish();
  // Of all networks that a numeric address belongs to, together.
  int32_t perms_of(std::string_view address) const;

 private:
  struct Prefix {
    size_t address_bytes = 0;
    size_t bits = 0;
    auto operator<=>(const Prefix&) const = default;
  };
  struct Entry {
    Prefix prefix;
    std::array<uint8_t, 16> bytes{};  // zero behind the prefix
    int32_t perms = 0;
  };
  static std::strong_ordering by_place(const Entry& a, const Entry& b);
  std::vector<Entry> entries_;    // sorted, each network once
  std::vector<Prefix> prefixes_;  // that occur
};

}  // namespace zooid::state
