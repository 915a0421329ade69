// What a server does once with its process: the limit of open files, and signals.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <initializer_list>

#include "base/error.h"
#include "posix/event_loop.h"

namespace zooid::posix {

struct OpenFilesLimit {
  uint64_t before = 0;
  uint64_t now = 0;
};
// Raises the soft limit to the hard one. To be called before the first loop is made.
Result<OpenFilesLimit> raise_open_files_limit();
// A write to a closed connection or pipe is an error then, not the end of the process.
void ignore_broken_pipes();
// Has the heap lie in huge pages, where the system gives them to whoever asks, by starting this
// program again with the setting of the C library that does so (nothing else can set it). Does
// nothing the second time, or if GLIBC_TUNABLES is set already: that is the user's. First of all,
// before a thread or a file is open. Why: docs/decisions/0025.
void use_huge_pages();
// The highest resident set so far, in bytes.
uint64_t peak_resident_bytes();

// Takes signals out of the process and into a loop. To be made before any thread is started (they
// inherit the blocked signals), destroyed after the loop.
class Signals {
 public:
  Signals(std::initializer_list<int> signals);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Has one arrived that nobody was told of yet? For work that is done before there is a loop.
  bool is_pending() const;
  // Calls `on_signal` for each that has arrived; for the same time.
  void take(const std::function<void(int)>& on_signal) const;
  // From then on `on_signal` is called on the loop's thread with the signal's number, once for each
  // arrival (the system merges equal ones that wait).
  void attach(EventLoop& loop, std::function<void(int)> on_signal);

 private:
  int fd_ = -1;
};

}  // namespace zooid::posix
