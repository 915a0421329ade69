// Addresses in ACLs of scheme ip (client-protocol 8.3): "address" or "address/bits", IPv4 and IPv6.
#pragma once

#include <string_view>

namespace zooid::state {

// Can this stand in an ACL?
bool ip_acl_is_valid(std::string_view expression);
// Does a connection from `address` match it? Addresses of different families never match.
bool ip_matches(std::string_view address, std::string_view expression);

}  // namespace zooid::state
