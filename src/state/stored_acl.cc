#include "state/stored_acl.h"

#include <unordered_map>
#include <utility>

#include "base/hash.h"
#include "state/auth_ip.h"

namespace zooid::state {
namespace {

constexpr std::string_view kIp = "ip";

// Of the entries of one scheme that name an id: what they give together. Views into the list.
using PermsById = std::unordered_map<std::string_view, int32_t, TextHash>;

}  // namespace

struct StoredAcl::Index {
  std::unordered_map<std::string_view, PermsById, TextHash> by_scheme;
  NetworkPerms networks;
};

StoredAcl::StoredAcl(wire::AclList list) : list_(std::move(list)) {
  for (const wire::Acl& entry : list_) {
    if (entry.id.scheme == "world" && entry.id.id == "anyone") perms_of_anyone_ |= entry.perms;
  }
}

StoredAcl::~StoredAcl() = default;

const StoredAcl::Index& StoredAcl::index() const {
  std::call_once(indexed_, [this] {
    auto index = std::make_unique<Index>();
    for (const wire::Acl& entry : list_) {
      if (entry.id.scheme == kIp) {
        index->networks.add(entry.id.id, entry.perms);
      } else {
        index->by_scheme[entry.id.scheme][entry.id.id] |= entry.perms;
      }
    }
    index->networks.finish();
    index_ = std::move(index);
  });
  return *index_;
}

int32_t StoredAcl::perms_of(std::string_view scheme, std::string_view id) const {
  int32_t perms = 0;
  if (list_.size() <= kShortMax) {
    for (const wire::Acl& entry : list_) {
      if (entry.id.id == id && entry.id.scheme == scheme) perms |= entry.perms;
    }
    return perms;
  }
  const Index& all = index();
  const auto of_scheme = all.by_scheme.find(scheme);
  if (of_scheme == all.by_scheme.end()) return 0;
  const auto of_id = of_scheme->second.find(id);
  return of_id == of_scheme->second.end() ? 0 : of_id->second;
}

int32_t StoredAcl::perms_of_address(std::string_view address) const {
  if (list_.size() > kShortMax) return index().networks.perms_of(address);
  int32_t perms = 0;
  for (const wire::Acl& entry : list_) {
    if (entry.id.scheme == kIp && ip_matches(address, entry.id.id)) perms |= entry.perms;
  }
  return perms;
}

}  // namespace zooid::state
