// Where the log's bytes go: to a descriptor, or to a file that is put aside when it has reached its
// size: path becomes path.1, path.1 becomes path.2 …, and the oldest goes.
//
// Owned by the log's writer thread. Calls block for as long as the output does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace zooid::posix {

struct LogFileOptions {
  std::string path;
  uint64_t size_max = 64u << 20;  // bytes, give or take a few lines; 0: no limit
  int count = 10;                 // files in all, the one that is written included; at least 1
};

class LogOutput {
 public:
  explicit LogOutput(int fd) : fd_(fd) {}  // borrowed
  // Appends to the file. Errors: it cannot be opened or made.
  static Result<LogOutput> open(LogFileOptions options);
  ~LogOutput();
  LogOutput(LogOutput&& other) noexcept;
  LogOutput& operator=(LogOutput&&) = delete;

  bool is_file() const { return !file_.path.empty(); }
  const std::string& path() const { return file_.path; }
  // Whole lines. After an error some of them may be lost; what comes next begins on a new line.
  Result<> write(std::string_view lines);
  // Another program has renamed the file (logrotate): goes on in a new one of the old name. After
  // an error the old file is written on. Nothing to do for a descriptor.
  Result<> reopen();

 private:
  void put_aside();

  int fd_ = -1;
  LogFileOptions file_;  // path empty: a borrowed descriptor
  uint64_t size_ = 0;
  bool is_torn_ = false;  // the last line is not whole
};

}  // namespace zooid::posix
