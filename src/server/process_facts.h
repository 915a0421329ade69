// What only the process itself knows: for the words envi and mntr. Filled in by bin/; a shard
// without them answers with empty values.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace zooid::server {

struct ProcessFacts {
  int64_t open_files = -1;
  int64_t open_files_max = -1;
  // Steps of the loop: microseconds, and what it did ("kind:what"; empty: nothing worth a note).
  int64_t loop_longest_us = 0, loop_longest_minute_us = 0;
  std::string loop_longest_what, loop_longest_minute_what;
  uint64_t loop_long_steps = 0;  // of more than 5 ms
  // Lines of envi: host.name, os.name, os.arch, os.version, user.name, user.home, user.dir,
  // os.memory.free, os.memory.max, os.memory.total. Others are appended as they are.
  std::vector<std::pair<std::string, std::string>> environment;
};

using ProcessFactsFunction = std::function<ProcessFacts()>;

}  // namespace zooid::server
