// Time as the machines see it: given to each step, never read by them.
#pragma once

#include <cstdint>

namespace zooid {

// The two clocks at the moment of a step.
struct Now {
  int64_t mono_us = 0;  // never goes back; deadlines and durations use it
  int64_t wall_ms = 0;  // since 1970; only written into transactions and records
};

// "No deadline": later than every time.
inline constexpr int64_t kNever = INT64_MAX;

constexpr int64_t ms_to_us(int64_t ms) {
  return ms * 1000;
}

}  // namespace zooid
