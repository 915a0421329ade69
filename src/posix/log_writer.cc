#include "posix/log_writer.h"

#include <fmt/core.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace zooid::posix {
namespace {

constexpr size_t kQueueLinesMax = 8192;
constexpr size_t kQueueBytesMax = 4 << 20;
constexpr auto kFarewell = std::chrono::seconds(1);

int64_t wall_clock_us() {
  timespec wall{};
  clock_gettime(CLOCK_REALTIME, &wall);
  return wall.tv_sec * 1'000'000 + wall.tv_nsec / 1000;
}

std::string thread_name() {
  char name[16] = {};
  pthread_getname_np(pthread_self(), name, sizeof(name));
  return name;
}

// Printable, on one line, and not too long.
void append_clean(std::string& text, std::string_view line) {
  const std::string_view shown = line.substr(0, kLogLineBytesMax);
  for (const char c : shown) {
    if (c == '\n') {
      text += "\\n";
    } else if (c == '\r') {
      text += "\\r";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      text += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      text += c;
    }
  }
  if (shown.size() < line.size()) {
    text += fmt::format(" ... ({} more bytes)", line.size() - shown.size());
  }
  text += '\n';
}

}  // namespace

struct LogWriter::Shared {
  Shared(LogOutput where, std::string id, LogForm lines_form)
      : output(std::move(where)), my_id(std::move(id)), form(lines_form) {}

  LogOutput output;  // of the writer's thread
  const std::string my_id;
  const LogForm form;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> lines;
  size_t bytes = 0;
  bool is_writing = false;
  bool is_reopening = false;
  bool is_closing = false;
  bool is_done = false;
  std::atomic<uint64_t> dropped = 0;

  void run();
  std::string take_all(std::unique_lock<std::mutex>& lock, size_t& count);
  std::string format(log::Level level, std::string_view line) const {
    if (form == LogForm::kJournald) return format_journald_line(level, my_id, line);
    return format_log_line(level, my_id, thread_name(), wall_clock_us(), line);
  }
  void reopen();
};

// Everything queued as one text; waits for something. Empty when the writer is to end.
std::string LogWriter::Shared::take_all(std::unique_lock<std::mutex>& lock, size_t& count) {
  changed.wait(lock, [this] { return !lines.empty() || is_closing || is_reopening; });
  count = lines.size();
  std::string text;
  for (const std::string& line : lines) text += line;
  lines.clear();
  bytes = 0;
  return text;
}

// On the writer's thread.
void LogWriter::Shared::reopen() {
  if (!output.is_file()) {
    const std::string line = format(log::Level::kInfo, "there is no log file to be opened anew");
    if (!output.write(line)) ++dropped;
    return;
  }
  const auto reopened = output.reopen();
  const std::string line =
      reopened ? format(log::Level::kInfo, "the log file was opened anew")
               : format(log::Level::kError, reopened.error().message + "; the old one is used");
  if (!output.write(line)) ++dropped;
}

void LogWriter::Shared::run() {
  uint64_t reported = 0;
  std::string why = "the output was blocked";
  std::unique_lock lock(mutex);
  while (true) {
    size_t count = 0;
    std::string text = take_all(lock, count);
    const bool must_reopen = std::exchange(is_reopening, false);
    if (text.empty() && !must_reopen) break;
    is_writing = true;
    lock.unlock();
    const uint64_t lost = dropped;
    if (lost != reported) {
      text += format(log::Level::kWarn,
                     fmt::format("{} log lines were dropped: {}", lost - reported, why));
    }
    const auto written = output.write(text);
    if (written) {
      reported = lost;
      why = "the output was blocked";
    } else {
      dropped += count;
      why = "the output could not be written: " + written.error().message;
    }
    if (must_reopen) reopen();
    lock.lock();
    is_writing = false;
    changed.notify_all();
  }
  is_done = true;
  changed.notify_all();
}

LogWriter::LogWriter(LogOutput output, std::string my_id, LogForm form)
    : shared_(std::make_shared<Shared>(std::move(output), std::move(my_id), form)) {
  std::thread([shared = shared_] {
    pthread_setname_np(pthread_self(), "log");
    shared->run();
  }).detach();
}

void LogWriter::reopen() {
  std::lock_guard lock(shared_->mutex);
  shared_->is_reopening = true;
  shared_->changed.notify_all();
}

void LogWriter::flush() {
  std::unique_lock lock(shared_->mutex);
  shared_->changed.wait_for(lock, kFarewell, [this] {
    return shared_->is_done ||
           (shared_->lines.empty() && !shared_->is_writing && !shared_->is_reopening);
  });
}

LogWriter::~LogWriter() {
  std::unique_lock lock(shared_->mutex);
  shared_->is_closing = true;
  shared_->changed.notify_all();
  shared_->changed.wait_for(lock, kFarewell, [this] { return shared_->is_done; });
}

void LogWriter::write(log::Level level, std::string_view line) {
  Shared& shared = *shared_;
  std::string text = shared.format(level, line);
  std::lock_guard lock(shared.mutex);
  if (shared.lines.size() >= kQueueLinesMax || shared.bytes + text.size() > kQueueBytesMax) {
    ++shared.dropped;
    return;
  }
  shared.bytes += text.size();
  shared.lines.push_back(std::move(text));
  if (shared.lines.size() == 1) shared.changed.notify_all();
}

log::Sink LogWriter::sink() {
  return [this](log::Level level, std::string_view line) { write(level, line); };
}

uint64_t LogWriter::dropped() const {
  return shared_->dropped;
}

std::string format_log_line(log::Level level, std::string_view my_id, std::string_view thread,
                            int64_t wall_us, std::string_view line) {
  static constexpr const char* kNames[] = {"DEBUG", "INFO", "WARN", "ERROR"};
  const time_t seconds = static_cast<time_t>(wall_us / 1'000'000);
  tm local{};
  localtime_r(&seconds, &local);
  char time[32];
  strftime(time, sizeof(time), "%Y-%m-%d %H:%M:%S", &local);
  std::string text = fmt::format("{},{:03} [myid:{}] - {:<5} [{}] - ", time, wall_us / 1000 % 1000,
                                 my_id, kNames[static_cast<int>(level)], thread);
  append_clean(text, line);
  return text;
}

std::string format_journald_line(log::Level level, std::string_view my_id, std::string_view line) {
  static constexpr int kPriorities[] = {7, 6, 4, 3};  // debug, info, warning, err of syslog(3)
  std::string text = fmt::format("<{}>", kPriorities[static_cast<int>(level)]);
  if (!my_id.empty()) text += fmt::format("[myid:{}] ", my_id);
  append_clean(text, line);
  return text;
}

bool is_journal(int fd) {
  const char* named = std::getenv("JOURNAL_STREAM");
  struct stat status{};
  if (named == nullptr || fstat(fd, &status) != 0) return false;
  return fmt::format("{}:{}", status.st_dev, status.st_ino) == named;
}

}  // namespace zooid::posix
