// What a server tells about itself at its start: in a few lines all that one asks first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/server_config.h"

namespace zooid::server {

struct StartFacts {
  int64_t pid = 0;
  uint64_t open_files = 0;      // the limit; 0: unknown
  std::string log_destination;  // "standard error", or the file with its limits
};
// At most six lines, whatever the configuration.
std::vector<std::string> start_lines(const config::ServerConfig& config, const StartFacts& facts);

}  // namespace zooid::server
