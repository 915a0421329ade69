// A duration as people read it: "230 ms", "4.2 s", "73 s", "12 min", "3 h 5 min".
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <string>

namespace zooid {

inline std::string duration_text(int64_t duration_us) {
  const int64_t ms = std::max<int64_t>(duration_us, 0) / 1000;
  if (ms < 1'000) return fmt::format("{} ms", ms);
  if (ms < 10'000) return fmt::format("{}.{} s", ms / 1000, ms % 1000 / 100);
  const int64_t seconds = ms / 1000;
  if (seconds < 120) return fmt::format("{} s", seconds);
  const int64_t minutes = seconds / 60;
  if (minutes < 60) return fmt::format("{} min", minutes);
  return fmt::format("{} h {} min", minutes / 60, minutes % 60);
}

}  // namespace zooid
