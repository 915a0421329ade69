// `zooid server`: placement. One loop thread runs the shard and the replica; the log and the
// snapshot worker have a thread each.
#pragma once

#include <string>
#include <vector>

namespace zooid::bin {

// Arguments as zkServer.sh passes them: a zoo.cfg; or port and data directory; or nothing. Returns
// the process's exit code.
int run_server(const std::vector<std::string>& arguments);

}  // namespace zooid::bin
