// Where transactions stand in the log files: marks, one about every 256 KiB, so that a reader need
// not begin at a file's start. Kept in memory alone, by the history reader: it is told by the log
// worker what that appends and by recovery what that read, and adds what it reads itself.
//
// A mark is a hint. Who goes by it looks whether that entry stands there, and begins at the file's
// start if not.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/ids.h"

namespace zooid::storage {

// The entry of transaction `zxid` begins at `offset` of the file that is named by `file`.
struct LogMark {
  Zxid file;
  Zxid zxid;
  uint64_t offset = 0;
};

class LogIndex {
 public:
  static constexpr uint64_t kStepBytes = 256u << 10;
  // 24 bytes each. Above it the marks of the oldest file go, so that reading there begins at its
  // start.
  static constexpr size_t kMarksMax = 512u << 10;

  // Takes the mark unless one stands less than a step before it, or not before it at all.
  void add(const LogMark& mark);
  // Everything behind `zxid` was cut off.
  void cut_after(Zxid zxid);
  // What was found there is something else.
  void forget_file(Zxid file);
  // The last mark of that file at or before `zxid`.
  std::optional<LogMark> find(Zxid file, Zxid zxid) const;
  size_t size() const { return size_; }

 private:
  std::map<Zxid, std::vector<LogMark>> files_;
  size_t size_ = 0;
};

}  // namespace zooid::storage
