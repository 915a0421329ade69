// The snapshot worker: writes snapshot files from chunks that the owner of the database made (a
// SnapshotWalk stepped in slices), purges old files, and frees dropped databases. One snapshot is
// written at a time. The same object runs on a thread of its own or in the simulator.
//
// A snapshot is written to a temporary name, synced, and only Publish gives it its name (rename,
// directory sync). So no reader ever meets a torn one, and a learner can cut its log in between
// (SNAP sync: snapshot durable, log cut, snapshot published, only then new appends).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "base/ids.h"
#include "env/file_system.h"
#include "env/network.h"
#include "storage/recovery.h"

namespace zooid::storage {

enum class Compression { kNone, kGzip, kSnappy };

struct SnapshotBegin {
  uint64_t id;  // of this snapshot; ids ascend
  Zxid zxid;    // becomes the file's name
};
struct SnapshotChunk {  // of the body as SnapshotWalk writes it, in order
  uint64_t id;
  std::string bytes;
};
struct SnapshotEnd {
  uint64_t id;
  bool digest_enabled;
  Zxid digest_zxid;  // last transaction applied when the walk ended
  int64_t digest;
};
struct SnapshotPublish {
  uint64_t id;
};
struct SnapshotAbort {
  uint64_t id;
};
struct PurgeFiles {  // storage-formats 7
  int retain_count;
};
struct WarnOfOldFiles {  // what a purge would delete is logged (rule 34)
  int retain_count;
};
// Snapshot and log are read again (storage::recover). Answered by on_state_read().
struct ReadState {
  Incarnation role;
  Directories directories;
  RecoveryOptions options;
};
// A file that may be lost is made durable, off every path that answers a client (rule 15). None of
// that name, or a disk that fails: no harm.
struct SyncHint {
  std::string path;
};
struct Dispose {  // runs on the worker's thread: freeing something large
  std::function<void()> free;
};
using SnapshotRequest =
    std::variant<SnapshotBegin, SnapshotChunk, SnapshotEnd, SnapshotPublish, SnapshotAbort,
                 PurgeFiles, WarnOfOldFiles, ReadState, SyncHint, Dispose>;

struct SnapshotCompletion {
  enum class What { kDurable, kPublished, kFailed };
  uint64_t id;
  What what;
  Zxid zxid;
  Error error;  // kFailed: the temporary was deleted; the server goes on (rule 30)
};

class SnapshotCompletions {
 public:
  virtual ~SnapshotCompletions() = default;
  virtual void on_snapshot_completion(SnapshotCompletion completion) = 0;
  // kStopped: by stop_reading().
  virtual void on_state_read(Incarnation role, Result<Recovered> state) = 0;
};

struct SnapshotOptions {
  std::string snapshot_directory;  // …/version-2
  std::string log_directory;
  Compression compression = Compression::kNone;
  // The lastProcessedZxid section of 3.9 behind the digest section.
  bool write_last_zxid = true;
};

class SnapshotWorker {
 public:
  SnapshotWorker(env::FileSystem& files, SnapshotOptions options, SnapshotCompletions& completions);
  ~SnapshotWorker();

  void submit(SnapshotRequest request);  // from any thread
  bool step();                           // one request; true if there was one
  void set_waker(env::Waker* waker);
  // Bytes of chunks submitted and not yet written: the walk pauses above a bound.
  size_t backlog() const;
  // Ends what was submitted of ReadState before, soon. From the thread that submits it.
  void stop_reading();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace zooid::storage
