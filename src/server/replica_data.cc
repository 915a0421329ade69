// What a replica does, between two roles, with data that it cannot go on with.
#include "base/log.h"
#include "base/mark.h"
#include "server/replica.h"
#include "storage/log_reader.h"

namespace zooid::server {

// A disk that does not answer proves nothing about what is on it: the process ends, and its next
// start reads again. What can be read and is of no use makes way for the leader's state.
void Replica::on_unreadable_state(const Error& error, std::string why) {
  if (error.kind != Error::Kind::kCorrupt) {
    MARK("replica.state_cannot_be_read");
    fatal_ = "the data cannot be read again: " + error.message;
    return;
  }
  log::error("the data cannot be read again: {}", error.message);
  core_.needs_reload = false;
  discard_data();
  core_.incarnation.value += 1;
  await_workers(std::move(why));
}

// The history here cannot be cut to the leader's: nothing of it may be voted for. The state becomes
// an empty one whose emptiness is not trusted; a SNAP brings it back.
void Replica::discard_data() {
  log::error("the local history is foreign to the ensemble: rejoining as an empty server");
  snapshot_taker_.abort();
  core_.replace_database(std::make_unique<state::Database>(core_.database_options()));
  core_.window.clear();
  core_.base_zxid = Zxid{0};
  core_.log.submit(storage::TruncateLog{core_.incarnation, Zxid{0}});
  core_.is_untrusted = true;
  snapshots_are_foreign_ = true;
}

// Once the log is cut and the snapshot worker idle: a restart must not trust the foreign snapshots.
// They are moved to a directory of our own, in case somebody wants to look at them.
void Replica::put_foreign_snapshots_aside() {
  if (core_.last_logged.value > 0) {
    fatal_ = "the log of a foreign history cannot be removed";
    return;
  }
  const std::string from = core_.directories.snapshot_version2();
  const std::string to = core_.directories.own() + "/foreign";
  const auto moved = [&]() -> Result<> {
    TRY(core_.files.make_directories(to));
    TRY_VALUE(snapshots, storage::list_snapshot_files(core_.files, from));
    for (const storage::SnapshotFileName& snapshot : snapshots) {
      TRY(core_.files.rename(from + "/" + snapshot.name, to + "/" + snapshot.name));
    }
    return core_.files.sync_directory(from);
  }();
  if (moved) {
    log::warn("snapshots of the foreign history moved to {}", to);
    snapshots_are_foreign_ = false;
  } else {
    fatal_ = "snapshots of a foreign history cannot be moved away: " + moved.error().message;
  }
}

}  // namespace zooid::server
