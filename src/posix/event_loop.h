// The real loop: epoll behind env::Network and env::Clock, driving env::Workers in the order that
// env/network.h documents. Everything is used on the thread that calls run(), except waker(),
// post() and stop(). Streams and listeners must be destroyed before their loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "env/clock.h"
#include "env/network.h"
#include "posix/loop_watch.h"

namespace zooid::posix {

class EventLoop : public env::Network, public env::Clock {
 public:
  EventLoop();
  ~EventLoop() override;
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Both clocks at the start of the current wake-up; read afresh while the loop is not running.
  Now now() const override;
  int64_t instant_us() const override;
  std::unique_ptr<env::Stream> connect(const env::Endpoint& to, int64_t timeout_ms,
                                       env::StreamHandler& handler) override;
  Result<std::vector<std::string>> addresses_of(const std::string& host) override;
  Result<std::unique_ptr<env::Listener>> listen(const env::Endpoint& at, int backlog,
                                                env::AcceptFunction accept) override;
  size_t output_bytes() const override;

  // Workers are asked in the order added; they must outlive the loop's run.
  void add_worker(env::Worker& worker);
  // One for all workers of the loop.
  env::Waker& waker();
  // How long its steps took.
  const LoopWatch& watch() const;

  // Until stop(). Then goes on for at most a second while closed streams have output to send.
  void run();
  // One wake-up that waits at most `wait_us`; for tests and for start-up.
  void run_once(int64_t wait_us);

  // From any thread, also from a callback.
  void stop();
  // From any thread: runs `task` on the loop's thread, before the workers' batch.
  void post(std::function<void()> task);

  // Calls `on_readable` at each wake-up in which `fd` became readable (edge-triggered). `fd` is
  // borrowed and must stay open for as long as the loop lives. For signals.
  void watch_descriptor(int fd, std::function<void()> on_readable);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace zooid::posix
