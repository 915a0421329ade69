// The part of a Connection that exists only until it is established.
#pragma once

#include <string>
#include <vector>

#include "posix/connection.h"

namespace zooid::posix {

struct Connection::Attempt {
  ~Attempt() {
    if (lookup != 0) lookups->cancel(lookup);
  }
  env::Endpoint to;
  int64_t timeout_ms = 0;
  int64_t deadline_us = 0;  // of all addresses together
  NameLookups* lookups = nullptr;
  uint64_t lookup = 0;  // running; 0: none
  std::vector<SocketAddress> addresses;
  size_t next = 0;  // in addresses
  size_t refused = 0;
  bool timed_out = false;
  Error::Kind lookup_failure = Error::Kind::kOther;
  std::string last_failure;
  bool gave_up = false;
};

}  // namespace zooid::posix
