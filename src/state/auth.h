// Who a connection is and what an ACL lets it do (client-protocol 8).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "state/stored_acl.h"
#include "wire/error_code.h"
#include "wire/records.h"

namespace zooid::state {

struct AuthOptions {
  bool skip_acl = false;                  // skipACL=yes
  std::string super_digest;               // DigestAuthenticationProvider.superDigest, "super:…"
  std::string digest_algorithm = "SHA1";  // DigestAuthenticationProvider.digestAlg
  // DigestAuthenticationProvider.enabled: else digest is a scheme that nobody knows.
  bool digest_enabled = true;
  // What one transaction's entries of scheme auth may grow to (fix_up_acl): no transaction may be
  // longer.
  size_t acl_growth_max = wire::kMaxRecordBufferDefault;
};

// The identities that an auth packet adds, in order (super before the digest id); nullopt: unknown
// scheme or refused, AUTHFAILED. `remote_ip` is the connection's numeric address.
std::optional<std::vector<wire::Id>> authenticate(const AuthOptions& options,
                                                  std::string_view scheme, std::string_view auth,
                                                  std::string_view remote_ip);

// "user:password" -> "user:base64(hash)".
std::string digest_id(std::string_view user_and_password, std::string_view algorithm);

// The ACLs to be stored for what a client sent (8.3): duplicates removed, scheme auth replaced.
// nullopt: INVALIDACL. Costs as much as the list and the result are long. What entries of scheme
// auth grow to (so many entries times so many identities) is taken off `growth_bytes_left`, as
// serialised; beyond that the list counts as invalid.
std::optional<wire::AclList> fix_up_acl(const AuthOptions& options, const wire::AclList& acl,
                                        bool acl_is_null, const std::vector<wire::Id>& ids,
                                        size_t& growth_bytes_left);
// The only one of its transaction.
std::optional<wire::AclList> fix_up_acl(const AuthOptions& options, const wire::AclList& acl,
                                        bool acl_is_null, const std::vector<wire::Id>& ids);

// The name that whoAmI shows: of a digest only the user, "" for a scheme nobody can log in by.
std::string_view user_name(const wire::Id& id);

// Does some ACL give one of the wanted permissions to one of the ids (8.4)? Costs as much as there
// are ids.
bool acl_allows(const AuthOptions& options, const StoredAcl& acl, int32_t wanted_perms,
                const std::vector<wire::Id>& ids);

}  // namespace zooid::state
