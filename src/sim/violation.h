// What a checker found. A run ends at the first one.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>

namespace zooid::sim {

struct Violation {
  int64_t time_us = 0;
  std::string checker;
  std::string text;
};

// Keeps the first one.
class Verdict {
 public:
  template <class... Args>
  void fail(int64_t time_us, const char* checker, fmt::format_string<Args...> format,
            Args&&... args) {
    if (violation_) return;
    violation_ = Violation{time_us, checker, fmt::format(format, std::forward<Args>(args)...)};
  }
  bool is_ok() const { return !violation_; }
  const std::optional<Violation>& violation() const { return violation_; }

 private:
  std::optional<Violation> violation_;
};

}  // namespace zooid::sim
