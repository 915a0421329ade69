// A leader's state (SNAP) takes the place of this server's history, in steps that a crash may
// separate.
//
//   dataDir/zooid/installing: the mark
//     zooid-installing 1
//     begun | done | undoing
//     <epoch> <zxid of the snapshot> <last zxid before>       decimal, hex, hex
//
// Order: the snapshot is durable under its temporary name; the mark says "begun"; the snapshot gets
// its name; the log is cut behind it, and snapshots of later zxids are moved aside; the mark says
// "done"; only now transactions are logged behind it. A start that finds "begun" and the snapshot
// carries out the cut again; without the snapshot nothing had been changed. So at every moment
// there is a snapshot with the log that belongs to it, and no crash mixes two histories.
//
// Until currentEpoch says that NEWLEADER of that epoch was acknowledged, this server has promised
// nothing of what the snapshot brought: if that leader is gone and the next one has another
// history, the server goes back to its own, which the older snapshot and the log still hold.
//
// Used by recovery and by the log worker's thread, the snapshot worker idle. Blocks.
#pragma once

#include <optional>

#include "storage/recovery.h"

namespace zooid::storage {

struct SnapshotInstall {
  Epoch epoch = 0;  // of the leader
  Zxid snapshot;
  Zxid before;  // the last durable zxid; kZxidUntrusted: nothing to go back to
};

// Before the snapshot gets its name.
Result<> begin_install(env::FileSystem& files, const Directories& directories,
                       const SnapshotInstall& install);
// The snapshot has its name: nothing behind it stays. Gives its zxid.
Result<Zxid> finish_install(env::FileSystem& files, const Directories& directories);
// At a start: completes what a crash stopped, and forgets an install that was acknowledged.
Result<> settle_install(env::FileSystem& files, const Directories& directories);
// Back to the history before an install that was not acknowledged: its snapshot and the log behind
// it are moved aside. False, and nothing is changed: there is none, or nothing to go back to.
Result<bool> undo_install(env::FileSystem& files, const Directories& directories);
// Acknowledged, or given up with all the rest.
Result<> forget_install(env::FileSystem& files, const Directories& directories);

// Where snapshots and logs go that a leader's word has cut off: the newest ones are kept for
// people.
std::string cut_off_directory(const std::string& own_directory);
// Deletes all but the newest few there.
void thin_cut_off(env::FileSystem& files, const std::string& own_directory);

}  // namespace zooid::storage
