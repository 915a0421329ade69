// A worker's own thread, in virtual time: whoever wakes it makes it run a step after a delay that
// the seed chooses, then on until nothing is left to do. So the log worker is slow against the
// loop, or fast, and the loop meets its completions at any moment.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/random.h"
#include "env/memory_network.h"

namespace zooid::sim {

class WorkerActor final : public env::Waker {
 public:
  // `step` does one piece of work, true if there was any. The actor may be destroyed at any time
  // but inside its step.
  WorkerActor(env::MemoryNetwork& network, uint64_t seed, std::function<bool()> step);
  void wake() override;

  // Between being woken and running, and between two steps. Drawn anew for each.
  void set_delay_us(int64_t delay_max_us) { delay_max_us_ = delay_max_us; }
  void pause() { is_paused_ = true; }
  void resume();

 private:
  void schedule();
  void run();

  env::MemoryNetwork& network_;
  Random random_;
  std::function<bool()> step_;
  int64_t delay_max_us_ = 300;
  bool is_scheduled_ = false;
  bool is_paused_ = false;
  // What is scheduled looks here whether the actor still lives.
  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);

 public:
  ~WorkerActor() override { *is_alive_ = false; }
};

}  // namespace zooid::sim
