#include "posix/process.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace zooid::posix {

Result<OpenFilesLimit> raise_open_files_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return fail(fmt::format("reading the limit of open files: {}", std::strerror(errno)));
  }
  const OpenFilesLimit result{.before = limit.rlim_cur, .now = limit.rlim_max};
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return fail(fmt::format("raising the limit of open files to {}: {}", limit.rlim_max,
                            std::strerror(errno)));
  }
  return result;
}

void ignore_broken_pipes() {
  std::signal(SIGPIPE, SIG_IGN);
}

namespace {

// A file of /proc or /sys, whose length is not known before; empty if it cannot be read.
std::string read_all(const char* path) {
  std::string content;
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return content;
  char buffer[4096];
  for (ssize_t count = 0; (count = ::read(fd, buffer, sizeof buffer)) > 0;) {
    content.append(buffer, static_cast<size_t>(count));
  }
  ::close(fd);
  return content;
}

}  // namespace

void use_huge_pages() {
  constexpr const char* kVariable = "GLIBC_TUNABLES";
  // Begun again below it would be called "exe" by ps, top and its own log.
  if (std::getenv(kVariable) != nullptr) {
    prctl(PR_SET_NAME, program_invocation_short_name);
    return;
  }
  const std::string given = read_all("/sys/kernel/mm/transparent_hugepage/enabled");
  if (!given.contains("[madvise]") && !given.contains("[always]")) return;
  std::string line = read_all("/proc/self/cmdline");
  std::vector<char*> arguments;
  for (size_t at = 0; at < line.size(); at = line.find('\0', at) + 1) {
    arguments.push_back(line.data() + at);
  }
  if (arguments.empty() || line.back() != '\0') return;
  arguments.push_back(nullptr);
  if (setenv(kVariable, "glibc.malloc.hugetlb=1", 1) != 0) return;
  execv("/proc/self/exe", arguments.data());
  // It could not be started again: this one goes on with small pages.
}

uint64_t peak_resident_bytes() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

Signals::Signals(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  const int failure = pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ASSERT(failure == 0);
  fd_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  ASSERT(fd_ >= 0);
}

Signals::~Signals() {
  close(fd_);
}

bool Signals::is_pending() const {
  pollfd wanted{.fd = fd_, .events = POLLIN, .revents = 0};
  return poll(&wanted, 1, 0) == 1;
}

void Signals::take(const std::function<void(int)>& on_signal) const {
  signalfd_siginfo info{};
  while (read(fd_, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
    on_signal(static_cast<int>(info.ssi_signo));
  }
}

void Signals::attach(EventLoop& loop, std::function<void(int)> on_signal) {
  loop.watch_descriptor(fd_, [this, on_signal = std::move(on_signal)] { take(on_signal); });
}

}  // namespace zooid::posix
