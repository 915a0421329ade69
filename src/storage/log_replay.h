// Replays a server's log behind a snapshot and judges the log's end and its seams (rule 8). Part of
// recovery.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "storage/log_file.h"
#include "storage/log_reader.h"
#include "storage/log_tail.h"
#include "storage/synced_record.h"

namespace zooid::storage {

// Where the last file's entries end.
struct LogEnd {
  Zxid file;
  uint64_t offset;
};

class LogReplay {
 public:
  // Applies what is behind the database's last zxid to it. All must outlive the replay. `synced`:
  // what is known to have been durable. A bad entry there is damage, whatever stands behind it.
  LogReplay(env::FileSystem& files, const std::string& directory, state::Database& database,
            const SyncedBytes& synced, const RecoveryOptions& options)
      : files_(files),
        directory_(directory),
        database_(database),
        synced_(synced),
        options_(options) {}

  // Zxids that the log must hold: of newer snapshots that could not be read.
  void require(Zxid zxid) { required_.insert(zxid); }
  // Cuts a torn end. kCorrupt: damage, a gap, or not all that is required is there. kStopped: by
  // the options' watch.
  Result<> run(const std::vector<LogFileName>& logs);

  std::deque<LoggedTxn> take_recent() { return std::move(recent_); }
  LogIndex take_index() { return std::move(index_); }
  std::vector<std::string> take_notes() { return std::move(notes_); }
  // Replayed so far.
  uint64_t txns() const { return txns_; }
  uint64_t bytes() const { return bytes_; }
  // Of the last file that stays; nullopt if there is none.
  const std::optional<LogEnd>& end() const { return end_; }

 private:
  Result<> replay_file(const LogFileName& log, uint64_t before, bool is_last);
  Result<> replay_entry(const LogFileReader& reader, const LogFileName& log);
  Result<> judge_end(LogFileReader& reader, const LogFileName& log, bool is_last);
  Result<> judge_synced(LogFileReader& reader, const LogFileName& log, LogTail::Kind tail);
  Result<> cut(LogFileReader& reader, const LogFileName& log, uint64_t entries);
  Result<> tell_progress(uint64_t read_bytes);
  void remember(Zxid zxid, std::string_view txn);
  std::unexpected<Error> damaged(const LogFileName& log, uint64_t offset,
                                 std::string_view what) const;

  env::FileSystem& files_;
  const std::string& directory_;
  state::Database& database_;
  const SyncedBytes& synced_;
  const RecoveryOptions& options_;
  std::set<Zxid> required_;
  std::vector<std::string> notes_;
  LogIndex index_;
  uint64_t txns_ = 0;
  uint64_t bytes_ = 0;
  std::optional<LogEnd> end_;
  RecoveryProgress progress_{"log", 0, 0};
  // The newest file before the last one that ends in something else than padding. A server that
  // does not cut a torn end, as ZooKeeper does not, leaves that; so does damage to the last entry.
  struct TornFile {
    LogFileName log;
    uint64_t offset;
    const char* what;
  };
  std::optional<TornFile> torn_;

  std::deque<LoggedTxn> recent_;
  size_t recent_bytes_ = 0;
};

}  // namespace zooid::storage
