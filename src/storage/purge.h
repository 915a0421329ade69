// Deletes old snapshots and logs (storage-formats 7).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "env/file_system.h"

namespace zooid::storage {

// ZooKeeper keeps at least so many snapshots, whatever is asked.
inline constexpr int kRetainCountMin = 3;

// What purge_files() would delete, oldest first.
struct OldFiles {
  std::vector<std::string> paths;
  uint64_t bytes = 0;
};
Result<OldFiles> find_old_files(env::FileSystem& files, const std::string& snapshot_directory,
                                const std::string& log_directory, int retain_count);

// Keeps the newest `retain_count` snapshots that look whole and every log file that recovery from
// the oldest of those may need; deletes the rest, oldest first. With fewer whole snapshots nothing
// is deleted. Gives the paths deleted.
Result<std::vector<std::string>> purge_files(env::FileSystem& files,
                                             const std::string& snapshot_directory,
                                             const std::string& log_directory, int retain_count);

}  // namespace zooid::storage
