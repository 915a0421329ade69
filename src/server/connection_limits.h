// How many client connections there may be: maxClientCnxns for each address, maxCnxns in all
// (operations 4). Also shares one list of identities among the connections of one address.
// Owned by a shard, used on its loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/hash.h"
#include "wire/records.h"

namespace zooid::server {

class ConnectionLimits {
 public:
  // 0 means no limit.
  ConnectionLimits(int32_t per_address_max, int32_t total_max);

  // False: one limit is reached and the connection is to be closed without a byte.
  bool admit(std::string_view address);
  // Once for each admitted connection.
  void release(std::string_view address);
  // The identities that every connection of an admitted address starts with: ip:<address>.
  wire::AuthPtr identities(std::string_view address) const;

  size_t total() const { return total_; }

 private:
  struct Address {
    size_t connections = 0;
    wire::AuthPtr identities;
  };
  size_t per_address_max_;
  size_t total_max_;
  size_t total_ = 0;
  std::unordered_map<std::string, Address, TextHash, std::equal_to<>> addresses_;
};

}  // namespace zooid::server
