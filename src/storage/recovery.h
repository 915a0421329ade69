// From files to state at start (storage-formats 8, rules 8 and 30), and again when a learner has to
// reload after TRUNC. Blocks.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "env/file_system.h"
#include "state/database.h"

namespace zooid::storage {

struct Directories {
  std::string data;      // dataDir (holds myid)
  std::string data_log;  // dataLogDir
  std::string snapshot_version2() const { return data + "/version-2"; }
  std::string log_version2() const { return data_log + "/version-2"; }
  std::string own() const { return data + "/zooid"; }  // rule 15
};

struct RecoveryOptions {
  state::DatabaseOptions database;
  bool trust_empty_snapshot = false;  // snapshot.trust.empty
  bool auto_create = true;            // db.autocreate
  size_t recent_max = 500;            // commitLogCount
  bool is_ensemble_member = false;    // epoch files are read, and made if missing
};

struct LoggedTxn {
  Zxid zxid;
  Bytes txn;
};

struct Recovered {
  std::unique_ptr<state::Database> database;  // snapshot and the whole log applied
  Zxid last_logged;              // the database's last zxid; kZxidUntrusted for untrusted emptiness
  Zxid snapshot_zxid;            // of the snapshot it began with
  std::deque<LoggedTxn> recent;  // the newest transactions replayed, at most recent_max
  Epoch accepted_epoch = 0;
  Epoch current_epoch = 0;
  bool fresh = false;  // there was neither snapshot nor log: snapshot.0 is to be written
  // For people: a torn end that was cut (offset, entries dropped), skipped snapshots and why …
  std::vector<std::string> notes;
};

// Cuts a torn last batch (so the log worker can go on). Errors: kCorrupt with file and offset.
Result<Recovered> recover(env::FileSystem& files, const Directories& directories,
                          const RecoveryOptions& options);

// Makes version-2 directories where they are missing, refuses misplaced files (1).
Result<> prepare_directories(env::FileSystem& files, const Directories& directories);

}  // namespace zooid::storage
