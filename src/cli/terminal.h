// What a command gets from the program: a world to talk to servers in, and where to print.
#pragma once

#include <functional>
#include <string>

#include "env/clock.h"
#include "env/file_system.h"
#include "env/network.h"

namespace zooid::cli {

struct Terminal {
  env::Network& network;
  env::FileSystem& files;
  const env::Clock& clock;
  // Runs the loop with these workers until done() or the time is over; true if done.
  std::function<bool(std::function<bool()> done, int64_t timeout_ms)> run_until;
  // A worker runs from add to remove.
  std::function<void(env::Worker&)> add_worker;
  std::function<void(env::Worker&)> remove_worker;
  // Interrupted by the user (Ctrl-C).
  std::function<bool()> interrupted;
};

}  // namespace zooid::cli
