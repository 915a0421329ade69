// The inbox and its owner's sleep in every interleaving of two threads that push and one that
// takes: the real code of inbox.h, wake_flag.h and step_waker.h, over atomics and mutexes that hand
// over to another thread before each operation. And again with one step left out each: then
// something goes wrong in some of them, so the search would see it.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "runtime/inbox.h"
#include "runtime/interleavings_for_test.h"
#include "runtime/step_waker.h"
#include "runtime/wake_flag.h"

namespace zooid::runtime {
namespace {

constexpr int kProducers = 2, kPerProducer = 2;

struct Numbered {
  int producer;
  int number;
};

// What the owner has taken; objects to what does not come in its producer's order, or comes twice.
class Taken {
 public:
  void add(const std::vector<Numbered>& messages) {
    for (const Numbered& message : messages) {
      int& next = next_[static_cast<size_t>(message.producer)];
      if (message.number != next) Interleavings::object("a message out of its producer's order");
      ++next;
    }
  }
  bool is_all() const { return next_[0] + next_[1] == kProducers * kPerProducer; }
  uint64_t value() const { return static_cast<uint64_t>(next_[0] * 10 + next_[1]); }

 private:
  std::array<int, kProducers> next_{};
};

// ---- the owners ----

// A loop with a flag and a descriptor: posix::LoopWaker, and the beginning of a wake-up of
// posix::EventLoop. `Flag` is WakeFlag or lacks something.
template <class Flag>
class LoopOwner final : public env::Waker {
 public:
  void wake() override {
    if (flag_.wake()) event_.write();
  }
  template <class Look>
  void sleep_and_look(const Look& look) {
    flag_.sleep(1, [this](int64_t timeout_us) { event_.wait(timeout_us > 0); });
    look();
    if (!flag_.take()) return;
    look();
    flag_.wake();
  }

 private:
  Flag flag_;
  SearchedEvent event_;
};

// A thread of its own: posix::WorkerThread, which waits, then looks until there is nothing.
template <class Condition>
class ThreadOwner final : public env::Waker {
 public:
  void wake() override { waker_.wake(); }
  template <class Look>
  void sleep_and_look(const Look& look) {
    waker_.wait();
    while (look()) {
    }
  }

 private:
  StepWaker<SearchedMutex, Condition> waker_;
};

// ---- the search ----

template <class Inbox, class Owner>
struct World {
  Owner owner;
  Inbox inbox{&owner};
  Taken taken;
  std::vector<Numbered> batch;

  void push_all(int producer) {
    for (int number = 0; number < kPerProducer; ++number) {
      Interleavings::forget_all_but(static_cast<uint64_t>(number));
      inbox.push({producer, number});
    }
  }

  void take_until_all() {
    const auto look = [this] {
      if (taken.is_all()) return false;
      inbox.take_all(batch);
      taken.add(batch);
      Interleavings::saw(taken.value());
      return !batch.empty();
    };
    while (!taken.is_all()) {
      Interleavings::forget_all_but(taken.value());
      owner.sleep_and_look(look);
    }
  }
};

template <class Inbox, class Owner>
Interleavings::Found search() {
  std::unique_ptr<World<Inbox, Owner>> world;
  return Interleavings::search([&world] {
    world = std::make_unique<World<Inbox, Owner>>();
    return std::vector<Interleavings::Thread>{[&world] { world->push_all(0); },
                                              [&world] { world->push_all(1); },
                                              [&world] { world->take_until_all(); }};
  });
}

using RealInbox = Inbox<Numbered, SearchedMutex>;
using RealLoop = LoopOwner<WakeFlag<SearchedAtomic>>;
using RealThread = ThreadOwner<SearchedCondition>;

// The thread sanitizer would have to be told of each switch of fibers.
#ifndef __SANITIZE_THREAD__

TEST(InboxModel, a_loop_misses_nothing_in_any_interleaving) {
  const auto found = search<RealInbox, RealLoop>();
  EXPECT_TRUE(found.is_sound()) << "stuck: " << found.is_stuck << " " << found.objection;
  EXPECT_GT(found.states, 1'000u);
}

TEST(InboxModel, a_thread_misses_nothing_in_any_interleaving) {
  const auto found = search<RealInbox, RealThread>();
  EXPECT_TRUE(found.is_sound()) << "stuck: " << found.is_stuck << " " << found.objection;
  EXPECT_GT(found.states, 1'000u);
}

// ---- with a step left out ----

// The owner announces its sleep without a look whether it was woken meanwhile.
struct BlindlyAnnounced : SearchedAtomic {
  using SearchedAtomic::SearchedAtomic;
  bool compare_exchange_strong(int&, int value) {
    exchange(value);
    return true;
  }
};

TEST(InboxModel, a_wake_up_is_lost_without_the_look_behind_the_announcement) {
  const auto found = search<RealInbox, LoopOwner<WakeFlag<BlindlyAnnounced>>>();
  EXPECT_TRUE(found.is_stuck);
}

// The owner looks into its inbox first and takes the flag afterwards.
class LateTaken {
 public:
  bool wake() { return flag_.wake(); }
  bool take() { return flag_.take(); }
  template <class Wait>
  void sleep(int64_t timeout_us, const Wait& wait) {
    take();
    if (timeout_us > 0 && !flag_.prepare_sleep()) timeout_us = 0;
    wait(timeout_us);
  }

 private:
  WakeFlag<SearchedAtomic> flag_;
};

TEST(InboxModel, a_wake_up_is_lost_when_the_flag_is_taken_behind_the_look) {
  const auto found = search<RealInbox, LoopOwner<LateTaken>>();
  EXPECT_TRUE(found.is_stuck);
}

// Waits without a look whether the wake was there before.
struct BlindCondition : SearchedCondition {
  template <class IsReady>
  void wait(std::unique_lock<SearchedMutex>& lock, const IsReady&) {
    wait_once(lock);
  }
};

TEST(InboxModel, a_wake_up_is_lost_when_a_thread_waits_without_a_look) {
  const auto found = search<RealInbox, ThreadOwner<BlindCondition>>();
  EXPECT_TRUE(found.is_stuck);
}

// Whether the inbox was empty is asked before the lock is held.
class HastyInbox {
 public:
  explicit HastyInbox(env::Waker* waker) : waker_(waker) {}
  void push(Numbered message) {
    const bool was_empty = is_empty();
    {
      std::lock_guard lock(mutex_);
      messages_.push_back(message);
    }
    if (was_empty) waker_->wake();
  }
  void take_all(std::vector<Numbered>& into) {
    into.clear();
    std::lock_guard lock(mutex_);
    into.swap(messages_);
  }

 private:
  bool is_empty() {
    std::lock_guard lock(mutex_);
    return messages_.empty();
  }
  SearchedMutex mutex_;
  std::vector<Numbered> messages_;
  env::Waker* waker_;
};

TEST(InboxModel, a_wake_up_is_lost_when_emptiness_is_asked_for_before_the_push) {
  EXPECT_TRUE((search<HastyInbox, RealLoop>().is_stuck));
}

// Copies first and clears later.
class TwoStepInbox {
 public:
  explicit TwoStepInbox(env::Waker* waker) : waker_(waker) {}
  void push(Numbered message) {
    {
      std::lock_guard lock(mutex_);
      messages_.push_back(message);
    }
    waker_->wake();
  }
  void take_all(std::vector<Numbered>& into) {
    {
      std::lock_guard lock(mutex_);
      into = messages_;
    }
    std::lock_guard lock(mutex_);
    messages_.clear();
  }

 private:
  SearchedMutex mutex_;
  std::vector<Numbered> messages_;
  env::Waker* waker_;
};

TEST(InboxModel, a_message_is_lost_when_it_is_taken_in_two_steps) {
  const auto found = search<TwoStepInbox, RealLoop>();
  EXPECT_FALSE(found.is_sound());
}

// The newest first.
struct ReversedInbox : RealInbox {
  using RealInbox::RealInbox;
  void take_all(std::vector<Numbered>& into) {
    RealInbox::take_all(into);
    std::ranges::reverse(into);
  }
};

TEST(InboxModel, an_order_that_is_not_the_producers_is_noticed) {
  EXPECT_NE((search<ReversedInbox, RealLoop>().objection), "");
}

#endif

}  // namespace
}  // namespace zooid::runtime
