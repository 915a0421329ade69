// Failure of the world outside (a reset connection, bad bytes, a missing file) as a value.
// The client's errors are wire::ErrorCode, ours are ASSERT.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace zooid {

struct Error {
  enum class Kind {
    kOther,
    kNotFound,  // file, host or node does not exist
    kNoSpace,   // ENOSPC, EDQUOT: rules for a full disk apply
    kShortage,  // descriptors or memory have run out: nothing was done, it may succeed later
    kCorrupt,   // bytes that cannot be what was written; message names file and offset
    kRefused,   // the host answered that nothing listens there
    kTimeout,
    kClosed,   // the other side closed in good order
    kStopped,  // it was asked to end before it was done, and has changed nothing
    kConfig,   // a bad setting; message names file, line, value, expectation
  };
  Kind kind = Kind::kOther;
  std::string message;
};

template <class T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Error::Kind kind, std::string message) {
  return std::unexpected(Error{kind, std::move(message)});
}
inline std::unexpected<Error> fail(std::string message) {
  return std::unexpected(Error{Error::Kind::kOther, std::move(message)});
}

}  // namespace zooid

// TRY(expr): returns the error of a Result<> from the enclosing function. TRY_VALUE(name, expr)
// also binds the value.
#define TRY(expr)                                             \
  do {                                                        \
    if (auto try_result_ = (expr); !try_result_)              \
      return std::unexpected(std::move(try_result_).error()); \
  } while (0)
#define TRY_CONCAT_(a, b) a##b
#define TRY_CONCAT(a, b) TRY_CONCAT_(a, b)
#define TRY_VALUE(name, expr)                                                     \
  auto TRY_CONCAT(try_result_, __LINE__) = (expr);                                \
  if (!TRY_CONCAT(try_result_, __LINE__))                                         \
    return std::unexpected(std::move(TRY_CONCAT(try_result_, __LINE__)).error()); \
  auto name = std::move(*TRY_CONCAT(try_result_, __LINE__))
