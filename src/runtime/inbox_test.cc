// The inbox between threads, more of them than cores: run under the thread sanitizer by
// `./dev test --tsan`. inbox_model_test.cc goes through all interleavings of a few.
#include "runtime/inbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "runtime/step_waker.h"

namespace zooid::runtime {
namespace {

struct Numbered {
  size_t producer;
  size_t number;
};

TEST(Inbox, many_threads_push_and_the_owner_misses_nothing_and_sees_each_ones_order) {
  constexpr size_t kPerProducer = 20'000;
  const size_t producers = 2 * std::max(2u, std::thread::hardware_concurrency());
  StepWaker<> owner;
  Inbox<Numbered> inbox(&owner);
  std::vector<std::thread> threads;
  for (size_t producer = 0; producer < producers; ++producer) {
    threads.emplace_back([&inbox, producer] {
      for (size_t number = 0; number < kPerProducer; ++number) inbox.push({producer, number});
    });
  }
  std::vector<size_t> next(producers, 0);
  std::vector<Numbered> taken;
  size_t left = producers * kPerProducer;
  while (left > 0) {
    owner.wait();  // for ever, if a wake-up were lost
    inbox.take_all(taken);
    left -= taken.size();
    for (const Numbered& message : taken) EXPECT_EQ(message.number, next[message.producer]++);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(inbox.empty());
}

}  // namespace
}  // namespace zooid::runtime
