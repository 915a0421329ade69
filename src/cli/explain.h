// `zooid explain`: prints the records of a server's last elections from its data directory.
#pragma once

#include <string>

#include "base/error.h"
#include "env/file_system.h"

namespace zooid::cli {

// The newest `count` records, oldest first, as readable blocks; json: one object a
// line.
Result<std::string> explain(env::FileSystem& files, const std::string& data_directory, size_t count,
                            bool json);

}  // namespace zooid::cli
