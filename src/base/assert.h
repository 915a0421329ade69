// ASSERT: a broken invariant of ours. It is on in every build: it prints the condition and a stack
// trace and stops the process. Bytes from a client, a peer or a file must never reach one.
#pragma once

namespace zooid {

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line,
                                   const char* function);

}  // namespace zooid

#define ASSERT(condition)             \
  (__builtin_expect(!!(condition), 1) \
       ? static_cast<void>(0)         \
       : ::zooid::assertion_failed(#condition, __FILE__, __LINE__, __func__))
