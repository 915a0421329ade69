// How much of each log file is known to have reached the disk: what lets recovery tell damage from
// a write that a crash cut short. Neither the log nor its format tells that: a bad entry near the
// end of the last file may be either.
//
//   dataDir/zooid/synced: lines of 64 bytes, filled with spaces, each ending in a newline
//     zooid-synced 1
//     <log file> <bytes> <Adler-32 of the line up to here, 8 hex digits>
//     …                  a line that does not check tells nothing
//
// The rule that makes it safe: a line names only bytes that were fdatasynced before it was written,
// and whoever cuts, removes or begins a log file of that name lowers the line durably first. So it
// never claims too much, whatever a crash leaves of it, and a torn end is never taken for damage.
// It may claim too little: the log worker never syncs it (rule 15). While transactions are logged
// the snapshot worker does so once a second, so after a loss of power it lacks what was
// acknowledged in about the last second, and when only the process is killed at most the batch that
// was acknowledged last. Without it (a directory of a Java server, forceSync=no) a bad end is
// judged as before, by what stands behind it (log_tail.h).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "env/file_system.h"

namespace zooid::storage {

// Bytes by the zxid in the log file's name.
using SyncedBytes = std::map<Zxid, uint64_t>;

std::string synced_record_path(const std::string& own_directory);
// Empty if there is none, or one of another version, which is renamed aside.
Result<SyncedBytes> read_synced_record(env::FileSystem& files, const std::string& own_directory);
// Durable when it returns.
Result<> replace_synced_record(env::FileSystem& files, const std::string& own_directory,
                               const SyncedBytes& synced);
// The same; where there is no room for it the record is removed, rather than claiming too much.
Result<> lower_synced_record(env::FileSystem& files, const std::string& own_directory,
                             const SyncedBytes& synced);

// The log appender's. Between start and end of the process nobody else changes the file.
class SyncedRecordWriter {
 public:
  // `own_directory` empty: keeps no record.
  SyncedRecordWriter(env::FileSystem& files, std::string own_directory)
      : files_(files), own_directory_(std::move(own_directory)) {}

  // So much of the file is synced. One small write that is not synced; if it fails the file goes
  // without.
  void note(Zxid file, uint64_t bytes);
  // From now on the record tells nothing of log files from `first` on, and of the one before them
  // at most `bytes`. Durable when it returns, and free of cost if it told nothing.
  Result<> lower(Zxid first, uint64_t bytes_before);
  // Somebody else has changed the file.
  void reset();

 private:
  Result<> load();
  Result<> write_line(Zxid file, uint64_t bytes);

  env::FileSystem& files_;
  const std::string own_directory_;
  std::unique_ptr<env::File> file_;
  bool is_loaded_ = false;
  bool is_broken_ = false;
  SyncedBytes synced_;
  std::vector<std::optional<Zxid>> lines_;  // which file each line is for
  size_t next_line_ = 0;
};

}  // namespace zooid::storage
