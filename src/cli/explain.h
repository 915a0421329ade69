// `zooid explain`: prints the records of a server's last elections from its data directory, and
// what the server knows of the one that is under way.
#pragma once

#include <string>

#include "base/error.h"
#include "env/file_system.h"

namespace zooid::cli {

struct ExplainOptions {
  size_t count = 1;         // elections, the newest last
  bool json = false;        // one object a line, else readable blocks
  int64_t now_wall_ms = 0;  // to tell how long ago something was
};

// kNotFound if no election was ever recorded there.
Result<std::string> explain(env::FileSystem& files, const std::string& data_directory,
                            const ExplainOptions& options);

}  // namespace zooid::cli
