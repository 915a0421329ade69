// Reads transaction log files in order, tolerant of padding. Used by recovery, by the history
// reader (history_reader.h, while the log worker appends to the last file), and by inspection
// tools.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/log_index.h"
#include "storage/recovery.h"

namespace zooid::storage {

struct LogFileName {
  std::string name;
  Zxid zxid;  // of its first transaction
  uint64_t size = 0;
};
// Sorted by zxid.
Result<std::vector<LogFileName>> list_log_files(env::FileSystem& files,
                                                const std::string& directory);
struct SnapshotFileName {
  std::string name;
  Zxid zxid;
  uint64_t size = 0;
};
// Sorted by zxid, newest first.
Result<std::vector<SnapshotFileName>> list_snapshot_files(env::FileSystem& files,
                                                          const std::string& directory);

// The facts that decide whether the log may serve a learner (quorum-protocol 4.1a).
struct LogReach {
  bool has_start = false;          // a file whose first transaction is <= the learner's zxid
  uint64_t bytes_after_start = 0;  // lengths of the files after the start file
  uint64_t newest_snapshot_bytes = 0;
};
Result<LogReach> log_reach(env::FileSystem& files, const Directories& directories, Zxid learner);

class LogReader {
 public:
  // Positioned before the first transaction with zxid >= from, of the file that may contain it and
  // all later ones. With an index (which must outlive the reader) it begins near that one and not
  // at the file's start, and marks what it reads.
  static Result<LogReader> open(env::FileSystem& files, std::string directory, Zxid from,
                                LogIndex* index = nullptr);
  LogReader(LogReader&&) noexcept;
  LogReader& operator=(LogReader&&) noexcept;
  ~LogReader();

  // nullopt at the end of the last file; ask again when the log has grown. kCorrupt names file and
  // offset: damage, or transactions that were wanted are missing between two entries. Of two
  // entries with one zxid (some error transactions of ZooKeeper 3.9.5) only the first is given.
  Result<std::optional<LoggedTxn>> next();
  // Before the first next(), which would do it in one go: passes over about `bytes_max` bytes of
  // entries below `from`. True when the next one is wanted, or there is none.
  Result<bool> find_start(uint64_t bytes_max);
  // Where the last transaction given stands: for cutting and for messages.
  const std::string& file_name() const;
  uint64_t entry_offset() const;
  uint64_t entry_end() const;

 private:
  struct Parts;
  explicit LogReader(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace zooid::storage
