#include "sim/worker_actor.h"

#include "base/assert.h"

namespace zooid::sim {

WorkerActor::WorkerActor(env::MemoryNetwork& network, uint64_t seed, std::function<bool()> step)
    : network_(network), random_(seed), step_(std::move(step)) {
  ASSERT(step_ != nullptr);
}

void WorkerActor::wake() {
  if (!is_scheduled_) schedule();
}

void WorkerActor::schedule() {
  ASSERT(!is_scheduled_);
  is_scheduled_ = true;
  // Most steps are quick, some take the whole delay.
  const int64_t most_us = random_.one_in(8) ? delay_max_us_ : delay_max_us_ / 4;
  const auto delay_us = static_cast<int64_t>(random_.below(static_cast<uint64_t>(most_us) + 1));
  network_.at(network_.now_us() + 1 + delay_us, [this, is_alive = is_alive_] {
    if (*is_alive) run();
  });
}

void WorkerActor::run() {
  is_scheduled_ = false;
  if (is_paused_) return;
  const std::shared_ptr<bool> is_alive = is_alive_;
  // A step may end the process: then this object is gone.
  const bool had_work = step_();
  if (*is_alive && had_work && !is_scheduled_) schedule();
}

void WorkerActor::resume() {
  is_paused_ = false;
  if (!is_scheduled_) schedule();
}

}  // namespace zooid::sim
