#include "bin/unblocked_output.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace zooid::bin {
namespace {

constexpr size_t kWaitingBytesMax = size_t{4} << 20;

}  // namespace

void UnblockedOutput::write(std::string_view text) {
  if (waiting_.size() + text.size() > kWaitingBytesMax) {
    ++dropped_;
    return;
  }
  waiting_ += text;
  flush();
}

// A pipe that is ready takes this much without waiting.
bool UnblockedOutput::write_some() {
  const ssize_t taken = ::write(fd_, waiting_.data(), std::min<size_t>(waiting_.size(), PIPE_BUF));
  if (taken < 0 && errno == EINTR) return true;
  // Nobody reads any more.
  waiting_.erase(0, taken < 0 ? waiting_.size() : static_cast<size_t>(taken));
  return taken > 0;
}

void UnblockedOutput::flush() {
  pollfd ready{fd_, POLLOUT, 0};
  while (!waiting_.empty() && poll(&ready, 1, 0) > 0 && write_some()) {
  }
}

void UnblockedOutput::finish() {
  while (!waiting_.empty() && write_some()) {
  }
}

}  // namespace zooid::bin
