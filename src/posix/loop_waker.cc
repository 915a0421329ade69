#include "posix/loop_waker.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/assert.h"

namespace zooid::posix {

LoopWaker::LoopWaker() : descriptor_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  ASSERT(descriptor_ >= 0);
}

LoopWaker::~LoopWaker() {
  close(descriptor_);
}

// The counter is never read: edge-triggered epoll reports every write, read or not.
void LoopWaker::wake() {
  if (!flag_.wake()) return;
  const uint64_t one = 1;
  // EAGAIN means that the counter is full, so that the loop is woken anyway.
  while (write(descriptor_, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
}

}  // namespace zooid::posix
