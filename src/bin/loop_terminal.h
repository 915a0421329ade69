// The command line's world: an event loop that runs until a command has what it waits for.
#pragma once

#include <vector>

#include "cli/terminal.h"
#include "posix/event_loop.h"
#include "posix/posix_file_system.h"

namespace zooid::bin {

class LoopTerminal {
 public:
  LoopTerminal();
  cli::Terminal& terminal() { return terminal_; }
  // From now on Ctrl-C ends what a command waits for, not the process.
  void catch_interrupts();
  // Whether Ctrl-C was typed since the last call.
  bool take_interrupt();
  // Runs the loop until standard input is readable, or it was interrupted.
  void wait_for_input(int64_t timeout_ms);

 private:
  // The loop's one worker: commands add and remove theirs at any time.
  class Workers : public env::Worker {
   public:
    void on_batch(Now now) override;
    int64_t next_deadline() const override;
    std::vector<env::Worker*> list;
    int64_t wake_at_us = kNever;
  };
  bool run_until(const std::function<bool()>& done, int64_t timeout_ms);
  bool watches_input_ = false;
  bool has_input_ = false;

  posix::EventLoop loop_;
  posix::PosixFileSystem files_;
  Workers workers_;
  cli::Terminal terminal_;
};

}  // namespace zooid::bin
