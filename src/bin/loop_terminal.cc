#include "bin/loop_terminal.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "posix/process.h"

namespace zooid::bin {
namespace {

volatile std::sig_atomic_t interrupted = 0;

}  // namespace

LoopTerminal::LoopTerminal()
    : terminal_{loop_,
                files_,
                loop_,
                [this](std::function<bool()> done, int64_t timeout_ms) {
                  return run_until(done, timeout_ms);
                },
                [this](env::Worker& worker) { workers_.list.push_back(&worker); },
                [this](env::Worker& worker) { std::erase(workers_.list, &worker); },
                [] { return interrupted != 0; }} {
  posix::ignore_broken_pipes();
  loop_.add_worker(workers_);
}

void LoopTerminal::Workers::on_batch(Now now) {
  const std::vector<env::Worker*> all = list;
  for (env::Worker* worker : all) worker->on_batch(now);
}

int64_t LoopTerminal::Workers::next_deadline() const {
  int64_t deadline = wake_at_us;
  for (const env::Worker* worker : list) deadline = std::min(deadline, worker->next_deadline());
  return deadline;
}

void LoopTerminal::catch_interrupts() {
  struct sigaction action{};
  action.sa_handler = [](int) { interrupted = 1; };
  sigaction(SIGINT, &action, nullptr);
}

bool LoopTerminal::take_interrupt() {
  const bool was = interrupted != 0;
  interrupted = 0;
  return was;
}

void LoopTerminal::wait_for_input(int64_t timeout_ms) {
  if (!watches_input_) {
    watches_input_ = true;
    loop_.watch_descriptor(STDIN_FILENO, [this] { has_input_ = true; });
  }
  pollfd input{STDIN_FILENO, POLLIN, 0};
  if (poll(&input, 1, 0) > 0) return;
  has_input_ = false;
  run_until([this] { return has_input_; }, timeout_ms);
}

bool LoopTerminal::run_until(const std::function<bool()>& done, int64_t timeout_ms) {
  const int64_t end_us = loop_.now().mono_us + ms_to_us(timeout_ms);
  // The first wake-up does not wait: what was asked for just now has to be sent.
  int64_t wait_us = 0;
  while (!done()) {
    const int64_t left_us = end_us - loop_.now().mono_us;
    if (left_us <= 0 || interrupted != 0) return false;
    loop_.run_once(std::min(wait_us, left_us));
    wait_us = 100'000;
  }
  return true;
}

}  // namespace zooid::bin
