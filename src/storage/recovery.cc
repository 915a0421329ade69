#include "storage/recovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/assert.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "storage/epoch_files.h"
#include "storage/given_up.h"
#include "storage/log_file.h"
#include "storage/log_replay.h"
#include "storage/snapshot_file.h"
#include "storage/snapshot_install.h"
#include "storage/synced_record.h"
#include "storage/write_trial.h"

namespace zooid::storage {
namespace {

constexpr std::string_view kInitializeFile = "initialize";
constexpr size_t kMismatchNotesMax = 3;

class Recovery {
 public:
  Recovery(env::FileSystem& files, const Directories& directories, const RecoveryOptions& options)
      : files_(files),
        directories_(directories),
        options_(options),
        snapshot_directory_(directories.snapshot_version2()),
        log_directory_(directories.log_version2()),
        initialize_path_(directories.data_log + "/" + std::string(kInitializeFile)) {}

  Result<Recovered> run();

 private:
  Result<> settle_marks();
  Result<> read_record();
  Result<> list();
  Result<> remove_empty_last_logs();
  Result<> make_durable();
  Result<> load_snapshot();
  Result<> refuse_log_without_snapshot();
  Result<> replay();
  Result<> refuse_unexplained();
  void note_whole_state();
  Result<> settle_emptiness();
  Result<> distrust_lost_data();
  void keep_record();
  void note_mismatches();

  env::FileSystem& files_;
  const Directories& directories_;
  const RecoveryOptions& options_;
  const std::string snapshot_directory_;
  const std::string log_directory_;
  const std::string initialize_path_;
  std::vector<SnapshotFileName> snapshots_;
  std::vector<LogFileName> logs_;
  std::vector<Zxid> unreadable_;  // snapshots newer than the one loaded
  std::string why_unreadable_;    // the newest of them
  bool has_snapshot_ = false;
  SyncedBytes synced_;  // as noted before this start
  std::optional<LogEnd> end_;
  Recovered recovered_;
};

Result<> Recovery::list() {
  TRY_VALUE(snapshots, list_snapshot_files(files_, snapshot_directory_));
  snapshots_ = std::move(snapshots);
  TRY_VALUE(logs, list_log_files(files_, log_directory_));
  logs_ = std::move(logs);
  return {};
}

// What a crash has stopped half-way is completed, before anything is read (given_up.h,
// snapshot_install.h).
Result<> Recovery::settle_marks() {
  TRY(finish_giving_up(files_, directories_));
  TRY(settle_install(files_, directories_));
  TRY_VALUE(mark, read_untrusted_mark(files_, directories_));
  if (!mark || is_planted(PlantedBug::kUntrustedForgotten)) return {};
  if (!options_.is_ensemble_member) {
    return fail(Error::Kind::kCorrupt,
                fmt::format("{}: this server's data was given up ({}) and {}. A lone server has "
                            "nobody to fill it: restore the data and remove this file, or only "
                            "remove it to begin with an empty tree",
                            untrusted_mark_path(directories_), mark->why,
                            mark->where.empty() ? "is lost" : "moved to " + mark->where));
  }
  MARK("storage.untrusted_at_start");
  recovered_.is_untrusted = true;
  recovered_.why_untrusted =
      mark->where.empty() ? mark->why : fmt::format("{}; moved to {}", mark->why, mark->where);
  return {};
}

// None is needed to start (rule 15).
Result<> Recovery::read_record() {
  auto synced = read_synced_record(files_, directories_.own());
  if (synced) {
    synced_ = std::move(*synced);
  } else {
    recovered_.notes.push_back("what had been synced is not known: " + synced.error().message);
  }
  return {};
}

// A crash right after its creation leaves the last file empty (storage-formats 8.3).
Result<> Recovery::remove_empty_last_logs() {
  while (!logs_.empty() && logs_.back().size == 0 && !synced_.contains(logs_.back().zxid)) {
    MARK("storage.empty_log_removed");
    const std::string path = log_directory_ + "/" + logs_.back().name;
    recovered_.notes.push_back(path + ": empty, removed");
    TRY(files_.remove(path));
    TRY(files_.sync_directory(log_directory_));
    logs_.pop_back();
  }
  return {};
}

// The newest one that reads completely. Leaves the database fresh if there is none.
Result<> Recovery::load_snapshot() {
  for (const SnapshotFileName& snapshot : snapshots_) {
    const std::string path = snapshot_directory_ + "/" + snapshot.name;
    const auto name = parse_snapshot_file_name(snapshot.name);
    ASSERT(name.has_value());
    TRY_VALUE(is_whole, looks_whole(files_, path, *name));
    Result<std::unique_ptr<state::Database>> loaded =
        fail(Error::Kind::kCorrupt, path + ": the file is not whole");
    if (is_whole) {
      loaded = load_snapshot_file(files_, path, *name, options_.database, options_.watch);
    }
    if (loaded) {
      recovered_.database = std::move(*loaded);
      recovered_.snapshot_zxid = snapshot.zxid;
      has_snapshot_ = true;
      return {};
    }
    // Only damage is a reason to go back to an older one.
    if (loaded.error().kind != Error::Kind::kCorrupt) return std::unexpected(loaded.error());
    MARK("storage.snapshot_passed_over");
    recovered_.notes.push_back("snapshot passed over: " + loaded.error().message);
    if (unreadable_.empty()) why_unreadable_ = loaded.error().message;
    unreadable_.push_back(snapshot.zxid);
  }
  recovered_.database = std::make_unique<state::Database>(options_.database);
  return {};
}

// Without a snapshot the log says what happened, but not to what: it may begin in the middle. Only
// snapshot.0 needs no reading, for it holds the empty database.
Result<> Recovery::refuse_log_without_snapshot() {
  if (has_snapshot_ || std::ranges::find(unreadable_, Zxid{0}) != unreadable_.end()) return {};
  if (!unreadable_.empty()) {
    return fail(Error::Kind::kCorrupt, "no snapshot can be read: " + why_unreadable_);
  }
  if (options_.trust_empty_snapshot) return {};
  TRY_VALUE(reader, LogReader::open(files_, log_directory_, Zxid{INT64_MIN}));
  TRY_VALUE(first, reader.next());
  if (!first) return {};
  // A log that begins with an epoch may be all there ever was, and then its operator has to say so.
  // One that begins later, or that this server began with a snapshot, has lost that.
  const bool is_lost = first->zxid.counter() > 1 || !synced_.empty();
  return fail(
      is_lost ? Error::Kind::kCorrupt : Error::Kind::kConfig,
      fmt::format("{}: there is no snapshot, but {} has transactions: restore the snapshot. "
                  "Only after an upgrade from a release that had written none yet set "
                  "snapshot.trust.empty=true",
                  snapshot_directory_, log_directory_));
}

Result<> Recovery::replay() {
  LogReplay replay(files_, log_directory_, *recovered_.database, synced_, options_);
  for (const Zxid zxid : unreadable_) replay.require(zxid);
  if (auto run = replay.run(logs_); !run) {
    if (!why_unreadable_.empty()) run.error().message += " (" + why_unreadable_ + ")";
    return run;
  }
  recovered_.replayed_txns = replay.txns();
  recovered_.replayed_bytes = replay.bytes();
  end_ = replay.end();
  recovered_.recent = replay.take_recent();
  recovered_.index = replay.take_index();
  for (std::string& note : replay.take_notes()) recovered_.notes.push_back(std::move(note));
  return {};
}

// A fuzzy snapshot may have nodes whose ACL only the log holds (rule 38). A member whose log ends
// within the fuzzy range gets the rest from its leader, and is read by nobody before.
Result<> Recovery::refuse_unexplained() {
  const std::string path = recovered_.database->unexplained_acl();
  if (path.empty()) return {};
  const std::string what =
      fmt::format("{}: neither snapshot.{:x} nor the log behind it holds the ACL of \"{}\"",
                  snapshot_directory_, recovered_.snapshot_zxid.value, path);
  const bool is_more_to_come = recovered_.database->fuzzy_end() > recovered_.database->last_zxid();
  if (!options_.is_ensemble_member || !is_more_to_come) return fail(Error::Kind::kCorrupt, what);
  MARK("storage.acl_still_unexplained");
  recovered_.notes.push_back(what + " as far as it goes");
  return {};
}

// A snapshot that was received from a leader does not tell where its fuzzy range ends. But the log
// holds all of it once this server has acknowledged that leader's epoch.
void Recovery::note_whole_state() {
  state::Database& database = *recovered_.database;
  const bool is_told = database.fuzzy_end() != state::kFuzzyEndUnknown;
  if (is_told || recovered_.current_epoch < recovered_.snapshot_zxid.epoch()) return;
  database.set_fuzzy_end(database.last_zxid());
}

// A server that has lost its data must not vote as if it had never had any (storage-formats 8.2).
Result<> Recovery::settle_emptiness() {
  recovered_.last_logged = recovered_.database->last_zxid();
  const bool is_initialized = files_.exists(initialize_path_);
  if (is_initialized) {
    TRY(files_.remove(initialize_path_));
    TRY(files_.sync_directory(initialize_path_.substr(0, initialize_path_.rfind('/'))));
  }
  if (options_.is_ensemble_member && options_.is_start) TRY(distrust_lost_data());
  recovered_.needs_snapshot = !has_snapshot_ && !recovered_.is_untrusted;
  if (has_snapshot_ || recovered_.replayed_txns > 0) return {};
  recovered_.fresh = true;
  if (recovered_.is_untrusted) recovered_.last_logged = kZxidUntrusted;
  if (!is_initialized && !options_.auto_create) {
    MARK("storage.untrusted_emptiness");
    recovered_.last_logged = kZxidUntrusted;
    recovered_.needs_snapshot = false;
    recovered_.is_untrusted = true;
    if (recovered_.why_untrusted.empty()) {
      recovered_.why_untrusted = "there is no data, and db.autocreate=false";
    }
  }
  return {};
}

// Nothing is here, and yet this server was part of an epoch: somebody or something has removed its
// snapshots and logs, and left the epoch with which it would win elections (rule 35). A snapshot of
// the empty tree is what an ensemble has that never wrote anything, unless this server's log is
// known to have had content.
Result<> Recovery::distrust_lost_data() {
  if (recovered_.is_untrusted || recovered_.last_logged.value != 0) return {};
  const bool had_log =
      std::ranges::any_of(synced_, [](const auto& log) { return log.second > kLogHeaderBytes; });
  if (has_snapshot_ && !had_log) return {};
  TRY_VALUE(current, read_epoch(files_, snapshot_directory_, EpochFile::kCurrent));
  if (current.value_or(0) == 0) return {};
  MARK("storage.data_lost");
  has_snapshot_ = false;
  recovered_.why_untrusted = fmt::format(
      "there is no data, but currentEpoch says that this server was part of epoch {}", *current);
  TRY(give_up_history(files_, directories_, recovered_.why_untrusted));
  recovered_.is_untrusted = true;
  return {};
}

// For the next start, of the files that are there; the last one was made durable a moment ago.
void Recovery::keep_record() {
  if (!options_.is_start) return;
  SyncedBytes kept;
  const auto logs = list_log_files(files_, log_directory_);
  if (!logs) return;
  for (const LogFileName& log : *logs) {
    const auto synced = synced_.find(log.zxid);
    if (synced != synced_.end()) kept[log.zxid] = std::min(synced->second, log.size);
  }
  const bool is_end_synced = end_ && !logs->empty() && logs->back().zxid == end_->file &&
                             !is_planted(PlantedBug::kRecoveredNotSynced);
  if (is_end_synced) kept[end_->file] = end_->offset;
  if (kept == synced_ &&
      (!kept.empty() || !files_.exists(synced_record_path(directories_.own())))) {
    return;
  }
  if (auto replaced = replace_synced_record(files_, directories_.own(), kept); !replaced) {
    MARK("storage.synced_record_not_kept");
    recovered_.notes.push_back("what is synced is not noted: " + replaced.error().message);
    static_cast<void>(files_.remove(synced_record_path(directories_.own())));
  }
}

void Recovery::note_mismatches() {
  const auto mismatches = recovered_.database->take_digest_mismatches();
  for (size_t i = 0; i < mismatches.size() && i < kMismatchNotesMax; ++i) {
    recovered_.notes.push_back(fmt::format(
        "digest mismatch zxid=0x{:x} expected=0x{:x} is=0x{:x} {}", mismatches[i].zxid.value,
        mismatches[i].expected, mismatches[i].actual, mismatches[i].paths));
  }
}

// What was read may be in the system's cache alone: a process that was killed before its sync left
// it there. This server's votes and acknowledgements will speak of it, so it has to survive a loss
// of power from now on. Older log files were synced before a later one was begun.
Result<> Recovery::make_durable() {
  if (is_planted(PlantedBug::kRecoveredNotSynced)) return {};
  TRY_VALUE(logs, list_log_files(files_, log_directory_));
  if (!logs.empty()) {
    TRY_VALUE(file,
              files_.open(log_directory_ + "/" + logs.back().name, env::OpenMode::kReadWrite));
    TRY(file->sync());
  }
  TRY(files_.sync_directory(log_directory_));
  if (snapshot_directory_ == log_directory_) return {};
  return files_.sync_directory(snapshot_directory_);
}

Result<Recovered> Recovery::run() {
  TRY(settle_marks());
  TRY(read_record());
  TRY(list());
  TRY(remove_empty_last_logs());
  TRY(load_snapshot());
  TRY(refuse_log_without_snapshot());
  TRY(replay());
  TRY(refuse_unexplained());
  TRY(settle_emptiness());
  note_mismatches();
  if (options_.is_ensemble_member) {
    TRY_VALUE(epochs, recover_epochs(files_, snapshot_directory_, recovered_.last_logged));
    recovered_.accepted_epoch = epochs.accepted;
    recovered_.current_epoch = epochs.current;
    note_whole_state();
  }
  TRY(make_durable());
  keep_record();
  ASSERT(recovered_.database != nullptr);
  ASSERT(recovered_.last_logged >= recovered_.snapshot_zxid ||
         recovered_.last_logged == kZxidUntrusted);
  return std::move(recovered_);
}

// Files that Apache refuses, too: they show that a directory was set wrongly.
Result<> refuse_misplaced(env::FileSystem& files, const std::string& directory, bool is_log) {
  TRY_VALUE(names, files.list(directory));
  for (const std::string& name : names) {
    const bool is_misplaced =
        is_log ? parse_snapshot_file_name(name).has_value() : parse_log_file_name(name).has_value();
    if (!is_misplaced) continue;
    return fail(Error::Kind::kConfig,
                fmt::format("{}/{}: a {} in the directory of {}: dataDir and dataLogDir are not "
                            "what they were when it was written",
                            directory, name, is_log ? "snapshot" : "transaction log",
                            is_log ? "logs" : "snapshots"));
  }
  return {};
}

Result<> make_durable_directory(env::FileSystem& files, const std::string& parent,
                                const std::string& directory) {
  if (files.exists(directory)) return {};
  TRY(files.make_directories(directory));
  return files.sync_directory(parent);
}

}  // namespace

Result<Recovered> recover(env::FileSystem& files, const Directories& directories,
                          const RecoveryOptions& options) {
  return Recovery(files, directories, options).run();
}

Result<> prepare_directories(env::FileSystem& files, const Directories& directories) {
  const std::string snapshots = directories.snapshot_version2();
  const std::string logs = directories.log_version2();
  TRY(make_durable_directory(files, directories.data, snapshots));
  TRY(make_durable_directory(files, directories.data_log, logs));
  if (snapshots != logs) {
    TRY(refuse_misplaced(files, snapshots, false));
    TRY(refuse_misplaced(files, logs, true));
  }
  return {};
}

Result<> clean_directories(env::FileSystem& files, const Directories& directories) {
  for (const std::string& directory :
       std::set<std::string>{directories.snapshot_version2(), directories.log_version2()}) {
    TRY_VALUE(names, files.list(directory));
    for (const std::string& name : names) {
      if (is_snapshot_temporary(name) && !files.remove(directory + "/" + name)) {
        MARK("storage.snapshot_temporary_kept");
      }
    }
    const auto writable = try_writing(files, directory);
    if (writable || writable.error().kind == Error::Kind::kNoSpace) continue;
    return fail(Error::Kind::kConfig,
                fmt::format("{}: no file can be written there, so this server could take part in "
                            "nothing ({}). Make the directory writable for the user that the "
                            "server runs as, and its file system if that is mounted read-only",
                            directory, writable.error().message));
  }
  return {};
}

}  // namespace zooid::storage
