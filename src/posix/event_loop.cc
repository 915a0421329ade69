#include "posix/event_loop.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <mutex>
#include <utility>

#include "base/assert.h"
#include "posix/connection.h"
#include "posix/listener.h"
#include "posix/loop_waker.h"
#include "posix/name_lookups.h"
#include "posix/reactor.h"

namespace zooid::posix {
namespace {

constexpr int64_t kWaitMaxUs = 3'600'000'000;
constexpr int64_t kStopDrainUs = 1'000'000;
// A wake-up that comes so late was not late by itself: the process stood still.
constexpr int64_t kStoodStillUs = 1'000'000;
// Workers that keep waking each other must not keep the network waiting: so many rounds at most,
// and no further one after so long a time.
constexpr int kBatchesPerWakeUp = 16;
constexpr int64_t kBatchesUs = 4'000;

Now read_clocks() {
  timespec mono{};
  timespec wall{};
  clock_gettime(CLOCK_MONOTONIC, &mono);
  clock_gettime(CLOCK_REALTIME, &wall);
  return {.mono_us = mono.tv_sec * 1'000'000 + mono.tv_nsec / 1000,
          .wall_ms = wall.tv_sec * 1000 + wall.tv_nsec / 1'000'000};
}

// A borrowed descriptor whose readiness somebody else handles.
class WatchedDescriptor : public Source {
 public:
  WatchedDescriptor(Reactor& reactor, std::function<void()> on_readable)
      : Source(reactor), on_readable_(std::move(on_readable)) {}
  void on_events(uint32_t) override { reactor_.mark_ready(*this); }
  void on_ready() override { on_readable_(); }

 private:
  std::function<void()> on_readable_;
};

// The waker's descriptor: that the wait ended is all that matters.
class WakeDescriptor : public Source {
 public:
  using Source::Source;
  void on_events(uint32_t) override {}
};

}  // namespace

struct EventLoop::Parts {
  LoopWaker waker;
  NameLookups lookups{waker};
  Reactor reactor;  // its connections cancel their look-ups when they go
  std::vector<env::Worker*> workers;
  Now now = read_clocks();
  bool has_stood_still = false;
  LoopWatch watch{now.mono_us};
  bool running = false;
  std::atomic<bool> stopped = false;

  std::mutex posted_mutex;
  std::vector<std::function<void()>> posted;
  std::atomic<bool> has_posted = false;

  void refresh_now() {
    now = read_clocks();
    reactor.set_now(now.mono_us);
  }
  int64_t wait_us(int64_t longest_us) const;
  void sleep(int64_t longest_us);
  void run_posted();
  bool run_batches();
  void wake_up(int64_t longest_us);
  void serve();
};

// How long the loop may sleep.
int64_t EventLoop::Parts::wait_us(int64_t longest_us) const {
  if (reactor.has_ready() || reactor.has_dirty()) return 0;
  int64_t deadline = reactor.next_deadline();
  for (const env::Worker* worker : workers) deadline = std::min(deadline, worker->next_deadline());
  if (deadline == kNever) return longest_us;
  return std::clamp<int64_t>(deadline - read_clocks().mono_us, 0, longest_us);
}

void EventLoop::Parts::sleep(int64_t longest_us) {
  // Whoever woke us has its turn in the batch that follows.
  const int64_t wait = wait_us(longest_us);
  const int64_t due_us = now.mono_us + wait;
  waker.sleep(wait, [this](int64_t timeout_us) { reactor.wait(timeout_us); });
  refresh_now();
  has_stood_still = now.mono_us > due_us + kStoodStillUs;
}

void EventLoop::Parts::run_posted() {
  if (!has_posted) return;
  std::vector<std::function<void()>> tasks;
  {
    std::lock_guard lock(posted_mutex);
    tasks.swap(posted);
    has_posted = false;
  }
  for (const auto& task : tasks) task();
}

// Until no worker has given another one something. Returns whether somebody was woken meanwhile.
bool EventLoop::Parts::run_batches() {
  for (int round = 0; round < kBatchesPerWakeUp; ++round) {
    for (env::Worker* worker : workers) worker->on_batch(now);
    if (!waker.take()) return false;
    if (round > 0 && read_clocks().mono_us - now.mono_us >= kBatchesUs) break;
  }
  waker.wake();  // the next wake-up goes on, without sleeping
  return true;
}

void EventLoop::Parts::wake_up(int64_t longest_us) {
  sleep(longest_us);
  watch.begin(now.mono_us);
  step_observer = &watch;
  serve();
  watch.end();
  step_observer = nullptr;
}

void EventLoop::Parts::serve() {
  run_posted();
  // What arrived meanwhile is for those who know that time has passed: a leader that the others
  // have left must not answer it.
  if (has_stood_still) run_batches();
  step_part("loop", "deadlines");
  lookups.deliver();
  reactor.run_deadlines(now.mono_us);
  reactor.run_ready();
  bool is_busy = run_batches();
  step_part("loop", "flush");
  reactor.flush();
  step_part("loop", "after flush");
  for (env::Worker* worker : workers) worker->after_flush(now);
  // A sync in after_flush tells at once what became durable: answer it without another wait.
  if (!is_busy && waker.take()) {
    run_batches();
    reactor.flush();
  }
  reactor.bury_retired();
}

EventLoop::EventLoop() : parts_(std::make_unique<Parts>()) {
  Parts& parts = *parts_;
  parts.reactor.set_now(parts.now.mono_us);
  auto& source = parts.reactor.adopt(std::make_unique<WakeDescriptor>(parts.reactor));
  const bool is_watched = parts.reactor.watch(parts.waker.descriptor(), source, EPOLLIN);
  ASSERT(is_watched);
}

EventLoop::~EventLoop() = default;

Now EventLoop::now() const {
  if (!parts_->running) parts_->refresh_now();
  return parts_->now;
}

int64_t EventLoop::instant_us() const {
  const auto instant = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(instant).count();
}

std::unique_ptr<env::Stream> EventLoop::connect(const env::Endpoint& to, int64_t timeout_ms,
                                                env::StreamHandler& handler) {
  now();  // outside of run() the time of the last wake-up may be long ago
  Reactor& reactor = parts_->reactor;
  auto& connection = reactor.adopt(std::make_unique<Connection>(reactor, handler));
  auto stream = connection.make_stream();
  connection.connect(parts_->lookups, to, timeout_ms);
  return stream;
}

Result<std::vector<std::string>> EventLoop::addresses_of(const std::string& host) {
  if (numeric_address(host)) return std::vector{host};
  TRY_VALUE(found, parts_->lookups.known(host, now().mono_us));
  std::vector<std::string> texts;
  for (const SocketAddress& address : found) texts.push_back(address.endpoint().host);
  return texts;
}

Result<std::unique_ptr<env::Listener>> EventLoop::listen(const env::Endpoint& at, int backlog,
                                                         env::AcceptFunction accept) {
  return start_listening(parts_->reactor, at, backlog, std::move(accept));
}

size_t EventLoop::output_bytes() const {
  return parts_->reactor.output_bytes;
}

void EventLoop::add_worker(env::Worker& worker) {
  parts_->workers.push_back(&worker);
}

env::Waker& EventLoop::waker() {
  return parts_->waker;
}

const LoopWatch& EventLoop::watch() const {
  return parts_->watch;
}

void EventLoop::run() {
  Parts& parts = *parts_;
  parts.waker.wake();  // what was given to the workers before has its turn at once
  while (!parts.stopped) run_once(kWaitMaxUs);
  const int64_t latest = now().mono_us + kStopDrainUs;
  while (parts.reactor.closing_streams > 0 && now().mono_us < latest) {
    run_once(latest - now().mono_us);
  }
}

void EventLoop::run_once(int64_t wait_us) {
  ASSERT(!parts_->running);
  parts_->running = true;
  parts_->wake_up(std::clamp<int64_t>(wait_us, 0, kWaitMaxUs));
  parts_->running = false;
}

void EventLoop::stop() {
  parts_->stopped = true;
  parts_->waker.wake();
}

void EventLoop::post(std::function<void()> task) {
  {
    std::lock_guard lock(parts_->posted_mutex);
    parts_->posted.push_back(std::move(task));
    parts_->has_posted = true;
  }
  parts_->waker.wake();
}

void EventLoop::watch_descriptor(int fd, std::function<void()> on_readable) {
  Reactor& reactor = parts_->reactor;
  auto& source =
      reactor.adopt(std::make_unique<WatchedDescriptor>(reactor, std::move(on_readable)));
  const bool is_watched = reactor.watch(fd, source, EPOLLIN);
  ASSERT(is_watched);
}

}  // namespace zooid::posix
