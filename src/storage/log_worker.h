// The log worker: the one owner of the transaction log and the epoch files while the server runs.
// It takes all that queued while the last sync ran: one write, one fdatasync, one completion (group
// commit). The same object runs on a thread of its own, in the loop's thread, or in the simulator:
// placement decides who calls step().
//
// Order: requests are carried out strictly in the order submitted. A batch is at most 4 MiB and is
// synced before the next one is written, so a torn batch is what a crash can leave (rule 8).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "env/file_system.h"
#include "runtime/inbox.h"
#include "storage/log_index.h"
#include "storage/recovery.h"
#include "storage/snapshot_install.h"

namespace zooid::storage {

enum class EpochFile { kAccepted, kCurrent };

// Append one transaction; zxids ascend.
struct AppendTxn {
  Incarnation role;
  Zxid zxid;
  Bytes txn;
};
// Cut everything after `to` (2.3): the last entry kept is the last one <= to; what goes is kept for
// people (snapshot_install.h). Snapshots behind the cut go with it. Only where log_cut.h finds a
// cut; otherwise nothing is changed. The snapshot worker must be idle. Answered by LogTruncated.
struct TruncateLog {
  Incarnation role;
  Zxid to;
};
// The steps of a SNAP (snapshot_install.h): the mark, before the snapshot is published; the cut,
// when it is. The log is rolled. Answered by InstallStep.
struct BeginInstall {
  Incarnation role;
  SnapshotInstall install;
};
struct FinishInstall {
  Incarnation role;
};
// Nothing of the history here can be used under the leader that there is: back to the history
// before a SNAP that was not acknowledged, or else everything is given up (given_up.h). Between two
// roles, both workers idle. Answered by HistoryGivenUp.
struct GiveUpHistory {
  Incarnation role;
  std::string why;
  bool may_undo_install = false;
};
// The files were read again, and changed by that: what is logged now goes behind `last`, into a new
// file. No answer.
struct ContinueLog {
  Incarnation role;
  Zxid last;
};
// NEWLEADER is acknowledged: this server has a history again, and may be trusted. No answer.
struct ForgetMarks {
  Incarnation role;
};
// The next append starts a new file (a snapshot was begun).
struct RollLog {};
// Write the epoch file atomically and durably (rule 7). Answered by EpochWritten.
struct WriteEpoch {
  Incarnation role;
  EpochFile file;
  Epoch epoch;
};
// Answered when everything submitted before is durable or was dropped. A new role starts with it.
struct LogBarrier {
  Incarnation role;  // the new one; appends of other incarnations are dropped from now on
};
// Is writing possible (again), and so many bytes at least? Carried out for a role that failed, too.
// Answered by LogWritable.
struct TryWriting {
  Incarnation role;
  uint64_t wanted_bytes = 0;
};
using LogRequest =
    std::variant<AppendTxn, TruncateLog, BeginInstall, FinishInstall, GiveUpHistory, ContinueLog,
                 ForgetMarks, RollLog, WriteEpoch, LogBarrier, TryWriting>;

struct LogSynced {  // everything up to and including zxid is durable
  Incarnation role;
  Zxid zxid;
};
struct LogTruncated {
  Incarnation role;
  bool is_cut;
  Zxid last;        // is_cut: the last zxid of what was kept; a snapshot's if the log has none
  std::string why;  // not is_cut: nothing was changed
};
struct InstallStep {
  Incarnation role;
  bool is_finished;  // else begun
};
struct HistoryGivenUp {
  Incarnation role;
  // It ends earlier now and is sound, if the files are. Otherwise nothing is left of it.
  bool is_own_prefix;
  std::string where;  // moved to; for people
};
struct EpochWritten {
  Incarnation role;
  EpochFile file;
  Epoch epoch;
};
struct LogBarrierPassed {
  Incarnation role;
  Zxid last_durable;  // last zxid in the log that is durable (what recovery found, if none since)
};
// A write failed before anything of the batch was acknowledged: the file was cut back to the last
// durable entry, everything of this incarnation is dropped from now on (rule 30). An epoch file
// that cannot be written gives the same: the promise is not made.
struct LogFailed {
  Incarnation role;
  Zxid last_durable;
  Error error;  // kNoSpace when the disk is full: message names mount and bytes
};
struct LogWritable {
  Incarnation role;
  std::optional<Error> trouble;  // none: what failed before can be tried again
};
using LogCompletion = std::variant<LogSynced, LogTruncated, InstallStep, HistoryGivenUp,
                                   EpochWritten, LogBarrierPassed, LogFailed, LogWritable>;

// Where completions go; may be called from the worker's thread.
class LogCompletions {
 public:
  virtual ~LogCompletions() = default;
  virtual void on_log_completion(LogCompletion completion) = 0;
};

struct LogOptions {
  std::string log_directory;               // …/version-2, exists
  std::string snapshot_directory;          // epoch files lie here
  bool force_sync = true;                  // forceSync=no: fdatasync is left out
  uint64_t preallocate_bytes = 64u << 20;  // preAllocSize; zero-filled ahead in steps of 1 MiB
  uint64_t size_limit_bytes = 0;           // txnLogSizeLimitInKb; 0: no limit
  uint64_t batch_bytes_max = 4u << 20;
  // A failed fdatasync: must not return, except in tests (then the worker does nothing any more).
  // Empty: prints the error and ends the process at once. LogWorker::set_on_fatal() sets it later.
  std::function<void(const Error&)> on_fatal;
  // For the figures of syncs; without it they stay 0.
  std::function<int64_t()> monotonic_us;
  uint64_t slow_sync_us = 1'000'000;  // fsync.warningthresholdms: a longer sync is warned of
  // Of the server: what is synced is noted in its own one, and what is cut off or given up goes
  // there. None (in tests of the log alone): nothing is noted, and what is cut off is deleted.
  std::optional<Directories> directories;
  // For the history reader's index, on the worker's thread: where an entry stands, about once in
  // LogIndex::kStepBytes; and that the log is about to be cut behind a zxid. May be empty.
  std::function<void(const LogMark&)> on_mark;
  std::function<void(Zxid)> on_cut;
};

// What an append costs beside its bytes while it waits.
inline constexpr uint64_t kWaitingAppendBytes = 64;

struct LogFigures {  // counters for mntr and bench; read from any thread
  uint64_t syncs = 0, appended_txns = 0, appended_bytes = 0, sync_us_total = 0, sync_us_max = 0;
  uint64_t slow_syncs = 0;
  uint64_t last_sync_us = 0;
  uint64_t waiting_bytes = 0, waiting_bytes_max = 0;  // see LogWorker::waiting_bytes()
};

class LogWorker {
 public:
  // Continues after `last_logged`, which recovery found (the log's torn end is already cut). A
  // failed fdatasync ends the process through ASSERT-like fatal exit: nobody knows what is on disk
  // any more.
  LogWorker(env::FileSystem& files, LogOptions options, Zxid last_logged,
            LogCompletions& completions);
  ~LogWorker();

  // From any thread.
  void submit(LogRequest request);
  // Carries out at most one batch of what was submitted; true if there was anything to do. Only one
  // thread may call it.
  bool step();
  // LogOptions::on_fatal, before the first step.
  void set_on_fatal(std::function<void(const Error&)> on_fatal);
  // Whom to wake on submit (the thread that calls step); may be null.
  void set_waker(env::Waker* waker);
  bool idle() const;  // nothing submitted is waiting
  // Memory of the appends that were submitted and are not durable. Nothing is refused here: who
  // submits keeps this within a bound (docs/limits.md). From any thread.
  uint64_t waiting_bytes() const;
  LogFigures figures() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace zooid::storage
