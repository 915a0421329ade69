#include "server/connection_limits.h"

#include <algorithm>

#include "base/assert.h"

namespace zooid::server {

ConnectionLimits::ConnectionLimits(int32_t per_address_max, int32_t total_max)
    : per_address_max_(static_cast<size_t>(std::max(per_address_max, 0))),
      total_max_(static_cast<size_t>(std::max(total_max, 0))) {}

bool ConnectionLimits::admit(std::string_view address) {
  if (total_max_ != 0 && total_ >= total_max_) return false;
  Address& entry = addresses_[std::string(address)];
  if (per_address_max_ != 0 && entry.connections >= per_address_max_) return false;
  if (entry.identities == nullptr) {
    entry.identities = std::make_shared<const std::vector<wire::Id>>(
        std::vector<wire::Id>{{"ip", std::string(address)}});
  }
  ++entry.connections;
  ++total_;
  return true;
}

void ConnectionLimits::release(std::string_view address) {
  const auto it = addresses_.find(address);
  ASSERT(it != addresses_.end());
  ASSERT(it->second.connections > 0 && total_ > 0);
  --total_;
  if (--it->second.connections == 0) addresses_.erase(it);
}

wire::AuthPtr ConnectionLimits::identities(std::string_view address) const {
  const auto it = addresses_.find(address);
  ASSERT(it != addresses_.end());
  return it->second.identities;
}

}  // namespace zooid::server
