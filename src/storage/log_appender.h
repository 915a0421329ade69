// The log file that is being written: appends batches durably, starts new files, fills zeros ahead,
// cuts. Owned by the log worker. Nothing here knows requests or incarnations.
//
// What was reported as appended is durable; after a failed append the file is cut back, so that
// what was not reported never becomes history (rule 30). If even the cut fails it is tried again
// before anything else is written.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "env/file_system.h"
#include "storage/log_cut.h"
#include "storage/log_worker.h"
#include "storage/synced_record.h"

namespace zooid::storage {

class LogAppender {
 public:
  // Both must outlive the appender.
  LogAppender(env::FileSystem& files, const LogOptions& options)
      : files_(files),
        options_(options),
        synced_record_(files, options.directories ? options.directories->own() : "") {}

  // Writes and syncs whole entries, the first of them with zxid `first`, in the open file or in a
  // new one. After an error nothing of them is in the log, unless there is a sync_failure().
  Result<> append(std::string_view entries, Zxid first);
  // The next append starts a new file.
  void roll() { is_roll_wanted_ = true; }
  // Cuts everything behind the last entry <= to, if log_cut.h finds that possible; durable when it
  // returns. `own_last`: see there.
  Result<LogCut> truncate(Zxid to, Zxid own_last);
  // Lets go of the files, for somebody else to change them: the next append starts a new one.
  Result<> release();
  // What append() has synced is noted for the next start (synced_record.h).
  void note_synced();
  // Fills zeros ahead if few are left. With `and_sync`: and makes them durable, so that the next
  // append finds a file that need not grow. Failing is not an error: appends get by without.
  void fill_ahead(bool and_sync);

  // Undoes what a failed append left, and sees whether new files can be written.
  Result<> try_writing(uint64_t wanted_bytes);

  // Set when a sync failed: nobody knows what is on disk, the process must end.
  const std::optional<Error>& sync_failure() const { return sync_failure_; }
  // Duration of the last append's sync, if the options have a clock.
  uint64_t last_sync_us() const { return last_sync_us_; }

 private:
  // What has to be undone on disk before anything else is written.
  struct Undo {
    std::string path;
    uint64_t size;  // 0: remove the file
  };
  Result<> start_file(Zxid first);
  Result<> write(std::string_view entries, Zxid first);
  Result<> sync_batch(bool is_new_file);
  Result<> sync(env::File& file);
  void mark(Zxid first);
  Result<> undo();
  Result<> undo_on_disk(const Undo& undo);
  void close_file();
  Result<> cut(const LogCut& found);
  Result<> cut_file(const std::string& path, const LogCut& found);
  Result<> put_away(const std::string& directory, const std::string& name, bool is_log);
  Result<> keep_tail(env::File& file, const LogCut& found);
  Result<> remove_file(const std::string& path);

  env::FileSystem& files_;
  const LogOptions& options_;
  std::unique_ptr<env::File> file_;
  std::string path_;
  Zxid first_;              // in its name
  uint64_t position_ = 0;   // behind the last durable entry
  uint64_t allocated_ = 0;  // the file's length: zeros from position_ to here
  bool is_roll_wanted_ = false;
  bool can_fill_ahead_ = true;
  Zxid file_zxid_;         // the open file's name
  uint64_t mark_due_ = 0;  // an append at this position or behind it is told to on_mark
  std::optional<Error> sync_failure_;
  uint64_t last_sync_us_ = 0;
  std::optional<Undo> undo_;
  SyncedRecordWriter synced_record_;
  uint64_t noted_ = 0;  // of the open file
};

}  // namespace zooid::storage
