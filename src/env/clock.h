// The seam to time: both clocks as they were at the start of the loop's current wake-up. Machines
// get it as a parameter; only workers on a loop ask.
#pragma once

#include "base/time.h"

namespace zooid::env {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Now now() const = 0;
  // The monotonic clock at this instant, from any thread. For figures and for the pace
  // of work in the background: nothing else that happens may depend on it.
  virtual int64_t instant_us() const = 0;
};

}  // namespace zooid::env
