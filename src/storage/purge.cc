#include "storage/purge.h"

#include <algorithm>

#include "base/assert.h"
#include "storage/log_reader.h"
#include "storage/snapshot_file.h"

namespace zooid::storage {
namespace {

// The zxid of the oldest snapshot to be kept; nullopt if there are too few.
Result<std::optional<Zxid>> oldest_kept(env::FileSystem& files, const std::string& directory,
                                        const std::vector<SnapshotFileName>& snapshots,
                                        int retain_count) {
  int whole = 0;
  for (const SnapshotFileName& snapshot : snapshots) {  // newest first
    const auto name = parse_snapshot_file_name(snapshot.name);
    ASSERT(name.has_value());
    TRY_VALUE(is_whole, looks_whole(files, directory + "/" + snapshot.name, *name));
    if (is_whole && ++whole == retain_count) return std::optional(snapshot.zxid);
  }
  return std::nullopt;
}

}  // namespace

Result<OldFiles> find_old_files(env::FileSystem& files, const std::string& snapshot_directory,
                                const std::string& log_directory, int retain_count) {
  OldFiles old;
  TRY_VALUE(snapshots, list_snapshot_files(files, snapshot_directory));
  TRY_VALUE(oldest, oldest_kept(files, snapshot_directory, snapshots,
                                std::max(retain_count, kRetainCountMin)));
  if (!oldest) return old;
  const auto add = [&](const std::string& directory, const std::string& name, uint64_t bytes) {
    old.paths.push_back(directory + "/" + name);
    old.bytes += bytes;
  };
  // Oldest first, so that whatever is left after a failure is still one piece of history.
  std::ranges::reverse(snapshots);
  for (const SnapshotFileName& snapshot : snapshots) {
    if (snapshot.zxid >= *oldest) break;
    add(snapshot_directory, snapshot.name, snapshot.size);
  }
  TRY_VALUE(logs, list_log_files(files, log_directory));
  for (size_t i = 0; i + 1 < logs.size(); ++i) {
    // The last one that begins at or before the snapshot may hold transactions behind it.
    if (logs[i + 1].zxid > *oldest) break;
    add(log_directory, logs[i].name, logs[i].size);
  }
  return old;
}

Result<std::vector<std::string>> purge_files(env::FileSystem& files,
                                             const std::string& snapshot_directory,
                                             const std::string& log_directory, int retain_count) {
  TRY_VALUE(old, find_old_files(files, snapshot_directory, log_directory, retain_count));
  for (const std::string& path : old.paths) TRY(files.remove(path));
  return std::move(old.paths);
}

}  // namespace zooid::storage
