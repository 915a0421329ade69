// `zooid server`: placement. One loop thread runs the shard and the replica; the log and the
// snapshot worker have a thread each.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "config/server_config.h"
#include "env/file_system.h"

namespace zooid::bin {

// Flags as keys of zoo.cfg with their values; they come before those of the file.
using Settings = std::vector<std::pair<std::string, std::string>>;

// What a server with these arguments and the environment's SERVER_JVMFLAGS and JVMFLAGS would run
// with. Writes nothing. Errors (kConfig): it would not start.
Result<config::ServerConfig> configure(env::FileSystem& files,
                                       const std::vector<std::string>& arguments,
                                       const Settings& settings = {});

// Arguments as zkServer.sh passes them: a zoo.cfg; or port and data directory; or nothing. Returns
// the process's exit code.
int run_server(const std::vector<std::string>& arguments, const Settings& settings);

}  // namespace zooid::bin
