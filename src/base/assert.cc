#include "base/assert.h"

#include <execinfo.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace zooid {

void assertion_failed(const char* condition, const char* file, int line, const char* function) {
  std::fprintf(stderr, "zooid: assertion failed: %s\n  at %s:%d in %s\n", condition, file, line,
               function);
  void* frames[64];
  const int count = backtrace(frames, 64);
  std::fflush(stderr);
  backtrace_symbols_fd(frames, count, STDERR_FILENO);
  std::abort();
}

}  // namespace zooid
