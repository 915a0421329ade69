#include "posix/process.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

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

void Signals::attach(EventLoop& loop, std::function<void(int)> on_signal) {
  loop.watch_descriptor(fd_, [fd = fd_, on_signal = std::move(on_signal)] {
    signalfd_siginfo info{};
    while (read(fd, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
      on_signal(static_cast<int>(info.ssi_signo));
    }
  });
}

}  // namespace zooid::posix
