// The process's log output: lines go through a bounded queue to a thread that writes them, so that
// a blocked terminal or pipe drops lines (counted) and never holds up a vote.
//
// A line, as ZooKeeper's default layout has it:
//   2026-11-25 02:09:29,123 [myid:1] - INFO  [zooid] - text
// with local time and the name of the thread. For journald, which adds time and process itself, the
// priority in front (sd-daemon(3)):
//   <6>[myid:1] text
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "posix/log_output.h"

namespace zooid::posix {

enum class LogForm { kText, kJournald };
// Is this descriptor the one that the journal reads (the variable JOURNAL_STREAM names it)?
bool is_journal(int fd);

class LogWriter {
 public:
  // `my_id` as it is to be shown; empty for a standalone server.
  LogWriter(LogOutput output, std::string my_id, LogForm form = LogForm::kText);
  // To a descriptor, which is borrowed.
  LogWriter(int fd, std::string my_id) : LogWriter(LogOutput(fd), std::move(my_id)) {}
  // Writes what is queued; gives up after a second if the output is blocked.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // From any thread; never waits for the output.
  void write(log::Level level, std::string_view line);
  // Another program has renamed the file: what comes next goes into a new one. From any thread;
  // carried out by the writer's. The line that says so is the first there.
  void reopen();
  // Waits until what is queued is written, at most a second. For the last words of a process.
  void flush();
  // For log::set_sink. The writer must outlive its use.
  log::Sink sink();
  uint64_t dropped() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;  // with the thread, which may have to be left behind
};

// A line is cut there, with the number of bytes that are missing: clients choose paths and schemes.
inline constexpr size_t kLogLineBytesMax = 4000;

// One formatted line with its newline; `wall_us` since 1970. Line breaks and other control
// characters in `line` are kept out of the file as "\n" or "\x1b", so that nobody can forge a line
// or steer a terminal.
std::string format_log_line(log::Level level, std::string_view my_id, std::string_view thread,
                            int64_t wall_us, std::string_view line);
std::string format_journald_line(log::Level level, std::string_view my_id, std::string_view line);

}  // namespace zooid::posix
