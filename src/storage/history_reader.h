// The history reader: a worker that reads what is on disk for a role that must not wait for it: the
// log files for learners that a leader's memory does not reach, and the sizes of directories. The
// same object runs on a thread of its own or in the simulator.
//
// Every learner's reading goes on in bounded steps, in turn, so that one which has to be looked for
// in a large file holds up nobody else's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "env/file_system.h"
#include "env/network.h"
#include "storage/log_index.h"
#include "storage/log_reader.h"

namespace zooid::storage {

// Transactions (after, up_to], in order, about `bytes_max` bytes of them. Answered by HistoryRead.
// A learner has one such request at a time.
struct ReadHistory {
  Incarnation role;
  uint64_t learner;
  Zxid after;
  Zxid up_to;
  uint64_t bytes_max;
};
// Answered by ReachFound.
struct FindReach {
  Incarnation role;
  uint64_t learner;
  Zxid zxid;
};
// The learner is gone, or (0) all of the role: files are closed, no answer comes any more.
struct EndHistory {
  Incarnation role;
  uint64_t learner;
};
// Answered by DirectoriesMeasured.
struct MeasureDirectories {
  uint64_t ticket;
};
// The log worker has appended an entry there.
struct NoteMark {
  LogMark mark;
};
// The log worker has cut the log behind this one.
struct NoteCut {
  Zxid after;
};
using HistoryRequest =
    std::variant<ReadHistory, FindReach, EndHistory, MeasureDirectories, NoteMark, NoteCut>;

struct HistoryRead {
  Incarnation role;
  uint64_t learner;
  // Empty: the log does not have them, or the next one cannot be read.
  std::vector<LoggedTxn> txns;
  // Why there are no more: damage, with file and offset, or what the disk said.
  std::optional<Error> error;
};
struct ReachFound {
  Incarnation role;
  uint64_t learner;
  Zxid zxid;
  std::optional<LogReach> reach;  // nullopt: the directory cannot be listed
};
struct DirectoriesMeasured {
  uint64_t ticket;
  uint64_t data_bytes = 0;
  uint64_t log_bytes = 0;
};
using HistoryCompletion = std::variant<HistoryRead, ReachFound, DirectoriesMeasured>;

// Called on the reader's thread.
class HistoryCompletions {
 public:
  virtual ~HistoryCompletions() = default;
  virtual void on_history_completion(HistoryCompletion completion) = 0;
};

class HistoryReader {
 public:
  // `index`: what recovery has seen.
  HistoryReader(env::FileSystem& files, Directories directories, LogIndex index,
                HistoryCompletions& completions);
  ~HistoryReader();

  void submit(HistoryRequest request);  // from any thread
  // A bounded piece of work; true if there was any.
  bool step();
  void set_waker(env::Waker* waker);

  // Of log files, read in one step beside what a request wants.
  static constexpr uint64_t kStepBytes = 4u << 20;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace zooid::storage
