// `zooid status`: asks servers what they are and says in words how the quorum stands.
#pragma once

#include <string>

#include "cli/terminal.h"
#include "config/server_config.h"

namespace zooid::cli {

struct StatusReport {
  std::string text;
  int exit_code = 0;  // 0: every server asked serves; 1: some do not; 2: none, or no quorum
};

StatusReport status_of_servers(Terminal& terminal, const std::vector<env::Endpoint>& servers);
// The servers of a zoo.cfg: each member's client port if its line tells one, else this file's.
StatusReport status_of_config(Terminal& terminal, const config::ServerConfig& config);

}  // namespace zooid::cli
