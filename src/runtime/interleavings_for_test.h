// Runs a few small threads through every order in which their steps can come, one run for each that
// leads to something new. The threads are fibers; a step is one operation on an atomic, a mutex, a
// condition or an event of this file, and what the thread does behind it until its next one.
//
// Each run begins anew and repeats the choices of an earlier one up to a point. A state that was
// met before is not gone into again: what each thread has seen, and what the shared objects hold.
// Memory is sequentially consistent.
#pragma once

#include <ucontext.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace zooid::runtime {

class Interleavings {
 public:
  using Thread = std::function<void()>;
  // Makes everything anew for a run, the shared objects included, and returns its threads. Those
  // hold nothing on the heap while they wait for a step: a run may be left in the middle.
  using Make = std::function<std::vector<Thread>()>;

  // The search ends with the first run that goes wrong.
  struct Found {
    size_t states = 0;
    size_t ends = 0;        // orders of steps after which all threads had ended
    bool is_stuck = false;  // after one some had not, and none could go on
    std::string objection;  // of a thread
    bool is_sound() const { return ends > 0 && !is_stuck && objection.empty(); }
  };

  static Found search(const Make& make) {
    Interleavings all(make);
    current() = &all;
    all.run_all();
    current() = nullptr;
    return all.found_;
  }

  // ---- for the threads and the shared objects ----

  // The running thread waits for its turn, which comes only while `can` holds.
  static void step(std::function<bool()> can = nullptr) {
    current()->wait_for_turn(std::move(can));
  }
  // What the step has given to the thread, which may do different things for it.
  static void saw(uint64_t value) { current()->running().history.mix(value); }
  // What the thread does from here on depends on this value alone.
  static void forget_all_but(uint64_t value) {
    current()->running().history = {};
    saw(value);
  }
  static void object(const std::string& text) { current()->found_.objection = text; }
  static size_t running_thread() { return current()->running_; }
  static bool is_owner() { return running_thread() + 1 == current()->fibers_.size(); }
  // A shared object's value; registered for the rest of the run.
  static void share(std::function<uint64_t()> value) {
    current()->shared_.push_back(std::move(value));
  }

 private:
  static constexpr size_t kStackBytes = 64 * 1024;

  struct Hash {
    uint64_t value = 0xcbf29ce484222325ull;
    void mix(uint64_t more) {
      value = (value ^ more) * 0x9e3779b97f4a7c15ull;
      value ^= value >> 29;
    }
  };
  struct Fiber {
    Thread body;
    ucontext_t context{};
    std::vector<char> stack = std::vector<char>(kStackBytes);
    std::function<bool()> can;
    bool has_ended = false;
    Hash history;
  };
  struct Choice {
    std::vector<size_t> threads;  // that could go on
    size_t taken = 0;
  };

  explicit Interleavings(const Make& make) : make_(make) {}

  static Interleavings*& current() {
    static Interleavings* instance = nullptr;
    return instance;
  }
  Fiber& running() { return *fibers_[running_]; }

  void run_all() {
    do {
      run_once();
      while (!path_.empty() && path_.back().taken + 1 == path_.back().threads.size()) {
        path_.pop_back();
      }
      if (!path_.empty()) ++path_.back().taken;
    } while (!path_.empty() && !found_.is_stuck && found_.objection.empty());
    found_.states = seen_.size();
  }

  void run_once() {
    begin();
    for (size_t depth = 0;; ++depth) {
      if (!found_.objection.empty()) return;
      if (depth == path_.size()) {
        std::vector<size_t> threads = that_can_go_on();
        if (threads.empty()) {
          all_have_ended() ? void(++found_.ends) : void(found_.is_stuck = true);
          return;
        }
        if (!seen_.insert(state()).second) return;
        path_.push_back({std::move(threads)});
      }
      resume(path_[depth].threads[path_[depth].taken]);
    }
  }

  void begin() {
    shared_.clear();
    std::vector<Thread> threads = make_();
    fibers_.resize(threads.size());
    for (size_t i = 0; i < threads.size(); ++i) {
      if (fibers_[i] == nullptr) fibers_[i] = std::make_unique<Fiber>();
      begin(*fibers_[i], std::move(threads[i]));
    }
  }

  void begin(Fiber& fiber, Thread body) {
    fiber.body = std::move(body);
    fiber.can = nullptr;
    fiber.has_ended = false;
    fiber.history = {};
    const int made = getcontext(&fiber.context);
    ASSERT(made == 0);
    fiber.context.uc_stack.ss_sp = fiber.stack.data();
    fiber.context.uc_stack.ss_size = fiber.stack.size();
    fiber.context.uc_link = &scheduler_;
    makecontext(&fiber.context, &Interleavings::run_fiber, 0);
  }

  static void run_fiber() {
    Fiber& fiber = current()->running();
    fiber.body();
    fiber.has_ended = true;
  }

  void resume(size_t thread) {
    running_ = thread;
    fibers_[thread]->history.mix(1);  // a place further on in its code
    swapcontext(&scheduler_, &fibers_[thread]->context);
  }

  void wait_for_turn(std::function<bool()> can) {
    Fiber& fiber = running();
    fiber.can = std::move(can);
    swapcontext(&fiber.context, &scheduler_);
    fiber.can = nullptr;
  }

  std::vector<size_t> that_can_go_on() const {
    std::vector<size_t> threads;
    for (size_t i = 0; i < fibers_.size(); ++i) {
      const Fiber& fiber = *fibers_[i];
      if (!fiber.has_ended && (!fiber.can || fiber.can())) threads.push_back(i);
    }
    return threads;
  }
  bool all_have_ended() const {
    for (const auto& fiber : fibers_) {
      if (!fiber->has_ended) return false;
    }
    return true;
  }
  uint64_t state() const {
    Hash hash;
    for (const auto& fiber : fibers_) hash.mix(fiber->history.value);
    for (const auto& value : shared_) hash.mix(value());
    return hash.value;
  }

  const Make& make_;
  ucontext_t scheduler_{};
  std::vector<std::unique_ptr<Fiber>> fibers_;
  size_t running_ = 0;
  std::vector<std::function<uint64_t()>> shared_;
  std::vector<Choice> path_;
  std::unordered_set<uint64_t> seen_;
  Found found_;
};

// As std::atomic<int>, sequentially consistent.
class SearchedAtomic {
 public:
  explicit SearchedAtomic(int value) : value_(value) {
    Interleavings::share([this] { return static_cast<uint64_t>(value_); });
  }
  int load() const {
    Interleavings::step();
    return told(value_);
  }
  int exchange(int value) {
    Interleavings::step();
    return told(std::exchange(value_, value));
  }
  bool compare_exchange_strong(int& expected, int value) {
    Interleavings::step();
    if (told(value_) != expected) {
      expected = value_;
      return false;
    }
    value_ = value;
    return true;
  }

 protected:
  static int told(int value) {
    Interleavings::saw(static_cast<uint64_t>(value));
    return value;
  }
  int value_;
};

// As std::mutex. What it guards is a part of the state by the order in which other threads had it
// since the owner had it, the last thread of a run. So what the owner leaves behind must follow
// from what it has seen, as an inbox does that it has emptied.
class SearchedMutex {
 public:
  SearchedMutex() {
    Interleavings::share([this] { return order_ * 2 + (is_locked_ ? 1 : 0); });
  }
  void lock() {
    Interleavings::step([this] { return !is_locked_; });
    is_locked_ = true;
    Interleavings::saw(order_);
    order_ = Interleavings::is_owner() ? 0 : order_ * 7 + Interleavings::running_thread() + 1;
  }
  // No step: nobody can tell when within its holder's step it is unlocked.
  void unlock() { is_locked_ = false; }
  bool is_locked() const { return is_locked_; }

 private:
  bool is_locked_ = false;
  uint64_t order_ = 0;
};

// As std::condition_variable, for one that waits.
class SearchedCondition {
 public:
  SearchedCondition() {
    Interleavings::share([this] { return is_notified_ ? 1 : 0; });
  }
  template <class IsReady>
  void wait(std::unique_lock<SearchedMutex>& lock, const IsReady& is_ready) {
    while (!is_ready()) wait_once(lock);
  }
  void notify_one() {
    Interleavings::step();
    is_notified_ = true;
  }

 protected:
  void wait_once(std::unique_lock<SearchedMutex>& lock) {
    SearchedMutex& mutex = *lock.mutex();
    is_notified_ = false;
    lock.unlock();
    Interleavings::step([this, &mutex] { return is_notified_ && !mutex.is_locked(); });
    lock.lock();
  }

 private:
  bool is_notified_ = false;
};

// A descriptor that is written to, watched edge-triggered.
class SearchedEvent {
 public:
  SearchedEvent() {
    Interleavings::share([this] { return is_written_ ? 1 : 0; });
  }
  void write() {
    Interleavings::step();
    is_written_ = true;
  }
  // Without end, or not at all.
  void wait(bool may_sleep) {
    Interleavings::step([this, may_sleep] { return !may_sleep || is_written_; });
    is_written_ = false;
  }

 private:
  bool is_written_ = false;
};

}  // namespace zooid::runtime
