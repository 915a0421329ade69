#include "posix/log_writer.h"

#include <fmt/core.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
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

// False if the output is gone for good.
bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno != EINTR && errno != EAGAIN) return false;
    if (count > 0) text.remove_prefix(static_cast<size_t>(count));
    if (count < 0 && errno == EAGAIN) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace

struct LogWriter::Shared {
  int fd;
  std::string my_id;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> lines;
  size_t bytes = 0;
  bool is_closing = false;
  bool is_done = false;
  std::atomic<uint64_t> dropped = 0;

  void run();
  std::string take_all(std::unique_lock<std::mutex>& lock);
};

// Everything queued as one text; waits for something. Empty when the writer is to end.
std::string LogWriter::Shared::take_all(std::unique_lock<std::mutex>& lock) {
  changed.wait(lock, [this] { return !lines.empty() || is_closing; });
  std::string text;
  for (const std::string& line : lines) text += line;
  lines.clear();
  bytes = 0;
  return text;
}

void LogWriter::Shared::run() {
  uint64_t reported = 0;
  std::unique_lock lock(mutex);
  while (true) {
    std::string text = take_all(lock);
    if (text.empty()) break;
    lock.unlock();
    if (const uint64_t lost = dropped; lost != reported) {
      text += format_log_line(
          log::Level::kWarn, my_id, "log", wall_clock_us(),
          fmt::format("{} log lines were dropped: the output was blocked", lost - reported));
      reported = lost;
    }
    write_all(fd, text);
    lock.lock();
  }
  is_done = true;
  changed.notify_all();
}

LogWriter::LogWriter(int fd, std::string my_id) : shared_(std::make_shared<Shared>()) {
  shared_->fd = fd;
  shared_->my_id = std::move(my_id);
  std::thread([shared = shared_] {
    pthread_setname_np(pthread_self(), "log");
    shared->run();
  }).detach();
}

LogWriter::~LogWriter() {
  std::unique_lock lock(shared_->mutex);
  shared_->is_closing = true;
  shared_->changed.notify_all();
  shared_->changed.wait_for(lock, kFarewell, [this] { return shared_->is_done; });
}

void LogWriter::write(log::Level level, std::string_view line) {
  Shared& shared = *shared_;
  std::string text = format_log_line(level, shared.my_id, thread_name(), wall_clock_us(), line);
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
  while (true) {
    const size_t end = line.find_first_of("\r\n");
    text += line.substr(0, end);
    if (end == std::string_view::npos) break;
    text += line[end] == '\n' ? "\\n" : "\\r";
    line.remove_prefix(end + 1);
  }
  text += '\n';
  return text;
}

}  // namespace zooid::posix
