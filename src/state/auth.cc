#include "state/auth.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <unordered_set>

#include "base/hash.h"
#include "base/mark.h"
#include "state/auth_ip.h"

namespace zooid::state {
namespace {

constexpr std::string_view kSuper = "super";

// nullopt: OpenSSL knows no such algorithm. It takes the names that Java takes (SHA1, SHA-256 …).
std::optional<std::string> hash(std::string_view algorithm, std::string_view bytes) {
  const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> md(
      EVP_MD_fetch(nullptr, std::string(algorithm).c_str(), nullptr), &EVP_MD_free);
  if (md == nullptr) return std::nullopt;
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum;
  unsigned length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), sum.data(), &length, md.get(), nullptr) != 1) {
    return std::nullopt;
  }
  return std::string(reinterpret_cast<const char*>(sum.data()), length);
}

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(length));
  return text;
}

// Exactly one colon with something behind it. As in ZooKeeper, colons at the very end do not count.
bool digest_acl_is_valid(std::string_view id) {
  while (id.ends_with(':')) id.remove_suffix(1);
  return std::ranges::count(id, ':') == 1;
}

// A distinguished name, "CN=…,O=…": as data it only has to look like one.
bool x509_acl_is_valid(std::string_view id) {
  const size_t equals = id.find('=');
  return equals != std::string_view::npos && equals > 0;
}

std::string_view user_of_digest(std::string_view id) {
  return id.substr(0, id.find(':'));
}
std::string_view whole_id(std::string_view id) {
  return id;
}

using Ids = std::optional<std::vector<wire::Id>>;

Ids log_in_by_digest(const AuthOptions& options, std::string_view auth, std::string_view) {
  std::string id = digest_id(auth, options.digest_algorithm);
  if (id.empty()) return std::nullopt;
  std::vector<wire::Id> ids;
  if (!options.super_digest.empty() && id == options.super_digest) {
    ids.push_back({std::string(kSuper), ""});
  }
  ids.push_back({"digest", std::move(id)});
  return ids;
}

Ids log_in_by_ip(const AuthOptions&, std::string_view, std::string_view remote_ip) {
  return std::vector<wire::Id>{{"ip", std::string(remote_ip)}};
}

// x509 ids come from the TLS handshake, never from a packet.
Ids refuse_log_in(const AuthOptions&, std::string_view, std::string_view) {
  return std::nullopt;
}

// A scheme: what an auth packet of it does, what may stand in an ACL, what matches. A new scheme is
// one more entry below. `world`, `auth` and `super` are no schemes in this sense: nobody can log in
// by them and ACLs with them have rules of their own.
struct Scheme {
  std::string_view name;
  bool proves_identity;  // its ids replace an ACL of scheme auth
  bool (*acl_is_valid)(std::string_view acl_id);
  bool names_network;  // an ACL's id is a network, else what has to be equal
  std::string_view (*user_name)(std::string_view id);
  Ids (*log_in)(const AuthOptions&, std::string_view auth, std::string_view remote_ip);
};
constexpr Scheme kSchemes[] = {
    {"digest", true, digest_acl_is_valid, false, user_of_digest, log_in_by_digest},
    {"ip", false, ip_acl_is_valid, true, whole_id, log_in_by_ip},
    {"x509", true, x509_acl_is_valid, false, whole_id, refuse_log_in},
};

const Scheme* find_scheme(std::string_view name) {
  for (const Scheme& scheme : kSchemes) {
    if (scheme.name == name) return &scheme;
  }
  return nullptr;
}

// As the server is set up.
const Scheme* find_scheme(const AuthOptions& options, std::string_view name) {
  return !options.digest_enabled && name == "digest" ? nullptr : find_scheme(name);
}

bool is_anyone(const wire::Id& id) {
  return id.scheme == "world" && id.id == "anyone";
}

// Which entries of one list came before.
class SeenEntries {
 public:
  explicit SeenEntries(size_t entries) {
    if (entries > kComparedMax) seen_.reserve(entries);
  }
  // False if an equal one was added before; `begin` is the list's beginning.
  bool add(const wire::Acl* begin, const wire::Acl& entry, size_t entries) {
    if (entries <= kComparedMax) return std::find(begin, &entry, entry) == &entry;
    return seen_.insert(&entry).second;
  }

 private:
  static constexpr size_t kComparedMax = 8;  // so few are compared with each other
  struct Hash {
    size_t operator()(const wire::Acl* entry) const {
      KeyedHash hash;
      hash.word(static_cast<uint32_t>(entry->perms));
      hash.bytes(entry->id.scheme);
      hash.bytes(entry->id.id);
      return hash.end();
    }
  };
  struct Equal {
    bool operator()(const wire::Acl* a, const wire::Acl* b) const { return *a == *b; }
  };
  std::unordered_set<const wire::Acl*, Hash, Equal> seen_;
};

size_t serialised_bytes(const wire::Id& id) {
  constexpr size_t kLengthsAndPerms = 12;
  return kLengthsAndPerms + id.scheme.size() + id.id.size();
}

}  // namespace

std::optional<std::vector<wire::Id>> authenticate(const AuthOptions& options,
                                                  std::string_view scheme, std::string_view auth,
                                                  std::string_view remote_ip) {
  const Scheme* known = find_scheme(options, scheme);
  if (known == nullptr) return std::nullopt;
  return known->log_in(options, auth, remote_ip);
}

std::string digest_id(std::string_view user_and_password, std::string_view algorithm) {
  const auto sum = hash(algorithm, user_and_password);
  if (!sum) return {};
  const std::string_view user = user_and_password.substr(0, user_and_password.find(':'));
  return std::string(user) + ':' + base64(*sum);
}

std::string_view user_name(const wire::Id& id) {
  const Scheme* scheme = find_scheme(id.scheme);
  return scheme != nullptr ? scheme->user_name(id.id) : std::string_view{};
}

std::optional<wire::AclList> fix_up_acl(const AuthOptions& options, const wire::AclList& acl,
                                        bool acl_is_null, const std::vector<wire::Id>& ids,
                                        size_t& growth_bytes_left) {
  if (acl_is_null || acl.empty()) return std::nullopt;
  wire::AclList fixed;
  fixed.reserve(acl.size());
  SeenEntries seen(acl.size());
  for (const wire::Acl& entry : acl) {
    if (!seen.add(acl.data(), entry, acl.size())) continue;
    if (is_anyone(entry.id)) {
      fixed.push_back(entry);
      continue;
    }
    if (entry.id.scheme == "auth") {
      const size_t before = fixed.size();
      for (const wire::Id& id : ids) {
        const Scheme* scheme = find_scheme(options, id.scheme);
        if (scheme == nullptr || !scheme->proves_identity) continue;
        if (serialised_bytes(id) > growth_bytes_left) {
          MARK("auth.acl_grows_too_long");
          return std::nullopt;
        }
        growth_bytes_left -= serialised_bytes(id);
        fixed.push_back({entry.perms, id});
      }
      if (fixed.size() == before) return std::nullopt;
      continue;
    }
    const Scheme* scheme = find_scheme(options, entry.id.scheme);
    if (scheme == nullptr || !scheme->acl_is_valid(entry.id.id)) return std::nullopt;
    fixed.push_back(entry);
  }
  return fixed;
}

std::optional<wire::AclList> fix_up_acl(const AuthOptions& options, const wire::AclList& acl,
                                        bool acl_is_null, const std::vector<wire::Id>& ids) {
  size_t growth_bytes_left = options.acl_growth_max;
  return fix_up_acl(options, acl, acl_is_null, ids, growth_bytes_left);
}

bool acl_allows(const AuthOptions& options, const StoredAcl& acl, int32_t wanted_perms,
                const std::vector<wire::Id>& ids) {
  // Nearly every ACL says world:anyone.
  if ((acl.perms_of_anyone() & wanted_perms) != 0) return true;
  if (options.skip_acl || acl.list().empty()) return true;
  for (const wire::Id& id : ids) {
    if (id.scheme == kSuper) return true;
    const Scheme* scheme = find_scheme(options, id.scheme);
    if (scheme == nullptr) continue;
    const int32_t perms =
        scheme->names_network ? acl.perms_of_address(id.id) : acl.perms_of(scheme->name, id.id);
    if ((perms & wanted_perms) != 0) return true;
  }
  return false;
}

}  // namespace zooid::state
