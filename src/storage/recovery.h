// From files to state at start (storage-formats 8, rules 8 and 30), and again when a learner has to
// reload after TRUNC. Blocks.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "env/file_system.h"
#include "state/database.h"
#include "storage/log_index.h"

namespace zooid::storage {

struct Directories {
  std::string data;      // dataDir (holds myid)
  std::string data_log;  // dataLogDir
  std::string snapshot_version2() const { return data + "/version-2"; }
  std::string log_version2() const { return data_log + "/version-2"; }
  std::string own() const { return data + "/zooid"; }           // rule 15
  std::string logs_own() const { return data_log + "/zooid"; }  // log files set aside
};

// How far a recovery is. What it reads is a snapshot first, then the log behind it.
struct RecoveryProgress {
  const char* what;  // "snapshot", "log"
  uint64_t read_bytes;
  uint64_t total_bytes;
};
// Asked after each slice of reading, which is about kRecoverySliceBytes long: is it to go on?
using RecoveryWatch = std::function<bool(const RecoveryProgress&)>;
inline constexpr uint64_t kRecoverySliceBytes = 1u << 20;

struct RecoveryOptions {
  state::DatabaseOptions database;
  bool trust_empty_snapshot = false;  // snapshot.trust.empty
  bool auto_create = true;            // db.autocreate
  size_t recent_max = 500;            // commitLogCount
  size_t recent_bytes_max = 32u << 20;
  bool is_ensemble_member = false;  // epoch files are read, and made if missing
  bool is_start = true;             // of the process: nobody writes the log yet
  RecoveryWatch watch;              // none: it goes on to its end
};

struct LoggedTxn {
  Zxid zxid;
  Bytes txn;
};

struct Recovered {
  std::unique_ptr<state::Database> database;  // snapshot and the whole log applied
  Zxid last_logged;    // the database's last zxid; kZxidUntrusted for untrusted emptiness
  Zxid snapshot_zxid;  // of the snapshot it began with
  // The newest transactions replayed, at most recent_max and of recent_bytes_max bytes.
  std::deque<LoggedTxn> recent;
  LogIndex index;  // of the log files that were read
  // All that were replayed behind the snapshot. They count for the next one: a server that restarts
  // often would never take any otherwise, and its logs would grow without end.
  uint64_t replayed_txns = 0;
  uint64_t replayed_bytes = 0;
  Epoch accepted_epoch = 0;
  Epoch current_epoch = 0;
  bool fresh = false;  // there was neither snapshot nor log
  // No snapshot was found, and the state may be trusted: one is to be written before the server
  // goes on, for a log without any snapshot before it is refused.
  bool needs_snapshot = false;
  // Not all that this server had acknowledged is here: nobody may count it (given_up.h). Always
  // with last_logged = kZxidUntrusted, unless a leader was just about to fill it.
  bool is_untrusted = false;
  std::string why_untrusted;  // for people, one line
  // For people: a torn end that was cut (offset, entries dropped), skipped snapshots and why …
  std::vector<std::string> notes;
};

// Cuts a torn last batch (so the log worker can go on). Errors: kCorrupt with file and offset;
// kStopped if the watch ended it.
Result<Recovered> recover(env::FileSystem& files, const Directories& directories,
                          const RecoveryOptions& options);

// Makes version-2 directories where they are missing, refuses misplaced files (1).
Result<> prepare_directories(env::FileSystem& files, const Directories& directories);
// Removes what a crash left of unfinished files, and sees that new ones can be written: a server
// that finds out at its first write would win elections and fail. kConfig with the reason and what
// to do. A full disk is no error here: it may get room while the server runs. The directories must
// be locked: a running server's snapshot is an unfinished file, too.
Result<> clean_directories(env::FileSystem& files, const Directories& directories);

}  // namespace zooid::storage
