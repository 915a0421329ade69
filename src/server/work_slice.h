// How much of a long work a step of the replica may do, before it lets the loop look at the sockets
// again (rule 40): so many units, or so long, whichever comes first. The count ends a slice at the
// same place in every run of the simulator, where no time passes inside a step. Owned by
// ReplicaCore, used on its loop.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "env/clock.h"

namespace zooid::server {

class WorkSlice {
 public:
  // A unit is about the application of a small transaction.
  static constexpr size_t kWorkMax = 2'000;
  static constexpr int64_t kSliceUs = 2'000;

  explicit WorkSlice(const env::Clock& clock) : clock_(clock) {}

  // The step begins: there is something to do in any case.
  void begin() {
    work_ = 0;
    next_look_ = kWorkBetweenLooks;
    end_us_ = 0;
    is_over_ = false;
  }
  bool is_over() const { return is_over_; }
  void spend(size_t work) {
    work_ += work;
    if (work_ >= work_max_) is_over_ = true;
    if (work_ >= next_look_) look();
  }
  // For tests and the simulator.
  void set_work_max(size_t work) {
    ASSERT(work > 0);
    work_max_ = work;
  }

 private:
  static constexpr size_t kWorkBetweenLooks = 32;

  // The first look stands for the beginning: what came before it was little.
  void look() {
    next_look_ = work_ + kWorkBetweenLooks;
    const int64_t at_us = clock_.instant_us();
    if (end_us_ == 0) end_us_ = at_us + kSliceUs;
    if (at_us >= end_us_) is_over_ = true;
  }

  const env::Clock& clock_;
  size_t work_max_ = kWorkMax;
  size_t work_ = 0, next_look_ = kWorkBetweenLooks;
  int64_t end_us_ = 0;
  bool is_over_ = false;
};

}  // namespace zooid::server
