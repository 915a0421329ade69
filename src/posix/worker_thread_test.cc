#include "posix/worker_thread.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <string>

namespace zooid::posix {
namespace {

// Work is a number that step() counts down.
struct Countdown {
  std::atomic<int> waiting = 0;
  std::atomic<int> done = 0;
  bool step() {
    if (waiting == 0) return false;
    --waiting;
    ++done;
    return true;
  }
};

TEST(WorkerThread, carries_out_what_is_submitted_before_stop) {
  Countdown work;
  WorkerThread thread("counter", [&] { return work.step(); });
  for (int i = 0; i < 10'000; ++i) {
    ++work.waiting;
    thread.waker().wake();
  }
  thread.stop();
  EXPECT_EQ(work.done, 10'000);
  EXPECT_EQ(work.waiting, 0);
}

TEST(WorkerThread, a_wake_is_never_lost) {
  Countdown work;
  std::atomic<int> answered = 0;
  WorkerThread thread("counter", [&] {
    if (!work.step()) return false;
    answered = work.done.load();
    answered.notify_one();
    return true;
  });
  for (int i = 0; i < 2000; ++i) {  // each waits for the thread, which mostly sleeps by then
    ++work.waiting;
    thread.waker().wake();
    answered.wait(i);
  }
  EXPECT_EQ(work.done, 2000);
}

TEST(WorkerThread, has_a_name) {
  std::string name;
  {
    WorkerThread thread("log", [&] {
      char text[16] = {};
      pthread_getname_np(pthread_self(), text, sizeof(text));
      name = text;
      return false;
    });
  }
  EXPECT_EQ(name, "log");
}

}  // namespace
}  // namespace zooid::posix
