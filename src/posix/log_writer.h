// The process's log output: lines go through a bounded queue to a thread that writes them, so that
// a blocked terminal or pipe drops lines (counted) and never holds up a vote.
//
// A line, as ZooKeeper's default layout has it:
//   2026-11-25 02:09:29,123 [myid:1] - INFO  [zooid] - text
// with local time and the name of the thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/log.h"

namespace zooid::posix {

class LogWriter {
 public:
  // Writes to `fd` (borrowed). `my_id` as it is to be shown; empty for a standalone server.
  LogWriter(int fd, std::string my_id);
  // Writes what is queued; gives up after a second if the output is blocked.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // From any thread; never waits for the output.
  void write(log::Level level, std::string_view line);
  // For log::set_sink. The writer must outlive its use.
  log::Sink sink();
  uint64_t dropped() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;  // with the thread, which may have to be left behind
};

// One formatted line with its newline; `wall_us` since 1970. Line breaks in `line` are kept out of
// the file as "\n", so that nobody can forge a line.
std::string format_log_line(log::Level level, std::string_view my_id, std::string_view thread,
                            int64_t wall_us, std::string_view line);

}  // namespace zooid::posix
