// What a checker found. A run ends at the first one.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace zooid::sim {

struct Violation {
  int64_t time_us = 0;
  // The run's step that did it, or at whose time it was done: a run of one step less ends before.
  uint64_t step = 0;
  std::string checker;
  std::string text;
};

// Keeps the first one.
class Verdict {
 public:
  // Says which step of the run ended that time; must outlive all calls of fail().
  using StepAt = std::function<uint64_t(int64_t time_us)>;
  void set_step_at(StepAt step_at) { step_at_ = std::move(step_at); }

  template <class... Args>
  void fail(int64_t time_us, const char* checker, fmt::format_string<Args...> format,
            Args&&... args) {
    if (violation_) return;
    violation_ = Violation{time_us, step_at_ ? step_at_(time_us) : 0, checker,
                           fmt::format(format, std::forward<Args>(args)...)};
  }
  bool is_ok() const { return !violation_; }
  const std::optional<Violation>& violation() const { return violation_; }

 private:
  StepAt step_at_;
  std::optional<Violation> violation_;
};

}  // namespace zooid::sim
