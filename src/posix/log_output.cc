#include "posix/log_output.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>
#include <utility>

#include "base/assert.h"

namespace zooid::posix {
namespace {

Result<int> open_file(const std::string& path, uint64_t& size) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return fail(fmt::format("the log file {} cannot be opened: {}", path, std::strerror(errno)));
  }
  struct stat status{};
  size = ::fstat(fd, &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
  return fd;
}

// How many bytes were written; fewer than all: errno says why.
size_t write_all(int fd, std::string_view text) {
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t count = ::write(fd, text.data() + written, text.size() - written);
    if (count < 0 && errno != EINTR && errno != EAGAIN) break;
    if (count > 0) written += static_cast<size_t>(count);
    if (count < 0 && errno == EAGAIN) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return written;
}

}  // namespace

Result<LogOutput> LogOutput::open(LogFileOptions options) {
  ASSERT(!options.path.empty());
  ASSERT(options.count >= 1);
  LogOutput output(-1);
  TRY_VALUE(fd, open_file(options.path, output.size_));
  output.fd_ = fd;
  output.file_ = std::move(options);
  return output;
}

LogOutput::LogOutput(LogOutput&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      file_(std::move(other.file_)),
      size_(other.size_),
      is_torn_(other.is_torn_) {
  other.file_.path.clear();
}

LogOutput::~LogOutput() {
  if (is_file() && fd_ >= 0) ::close(fd_);
}

Result<> LogOutput::write(std::string_view lines) {
  if (lines.empty()) return {};
  const bool is_full = file_.size_max > 0 && size_ > 0 && size_ + lines.size() > file_.size_max;
  if (is_file() && is_full) put_aside();
  if (std::exchange(is_torn_, false)) size_ += write_all(fd_, "\n");
  const size_t written = write_all(fd_, lines);
  size_ += written;
  if (written == lines.size()) return {};
  const int error_number = errno;
  is_torn_ = written > 0 && lines[written - 1] != '\n';
  return fail(std::strerror(error_number));
}

Result<> LogOutput::reopen() {
  if (!is_file()) return {};
  uint64_t size = 0;
  TRY_VALUE(fd, open_file(file_.path, size));
  ::close(fd_);
  fd_ = fd;
  size_ = size;
  is_torn_ = false;
  return {};
}

// If that fails the file grows: lines are worth more than their limit.
void LogOutput::put_aside() {
  const auto numbered = [this](int number) { return fmt::format("{}.{}", file_.path, number); };
  if (file_.count == 1) {
    if (::ftruncate(fd_, 0) == 0) size_ = 0;
    return;
  }
  for (int number = file_.count - 1; number > 1; --number) {
    std::rename(numbered(number - 1).c_str(), numbered(number).c_str());
  }
  if (std::rename(file_.path.c_str(), numbered(1).c_str()) != 0) return;
  if (!reopen()) size_ = 0;  // tried again when it has grown by as much
}

}  // namespace zooid::posix
