#include "posix/loop_watch.h"

#include <gtest/gtest.h>

#include <ctime>

#include "base/log.h"
#include "posix/event_loop.h"

namespace zooid::posix {
namespace {

int64_t clock_us() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000 + now.tv_nsec / 1000;
}

void spin_us(int64_t us) {
  const int64_t end = clock_us() + us;
  while (clock_us() < end) {
  }
}

// Does what it is told in its batch.
class Busy : public env::Worker {
 public:
  void on_batch(Now) override {
    step_part("test", "short");
    step_part("test", "long");
    spin_us(spins_us);
    step_part("test", "after");
    spins_us = 0;
  }
  int64_t next_deadline() const override { return kNever; }
  int64_t spins_us = 0;
};

TEST(LoopWatch, the_longest_step_of_a_loop_has_its_name) {
  EventLoop loop;
  Busy busy;
  loop.add_worker(busy);
  for (int i = 0; i < 3; ++i) {  // the counter is compared with the clock
    loop.run_once(0);
    spin_us(60'000);
  }
  EXPECT_EQ(step_observer, nullptr) << "only while the loop runs";
  std::vector<std::string> lines;
  log::set_sink([&](log::Level, std::string_view line) { lines.emplace_back(line); });
  busy.spins_us = 30'000;
  loop.run_once(0);
  busy.spins_us = 130'000;
  loop.run_once(0);
  busy.spins_us = 130'000;
  loop.run_once(0);
  log::set_sink([](log::Level, std::string_view) {});
  const LoopWatch::Figures figures = loop.watch().figures();
  EXPECT_GE(figures.since_start.us, 120'000);
  EXPECT_EQ(figures.since_start.what, "test:long");
  EXPECT_EQ(figures.last_minute.what, "test:long");
  EXPECT_GE(figures.long_steps, 3u);
  ASSERT_EQ(lines.size(), 1u) << "told once in ten seconds";
  EXPECT_NE(lines[0].find("test long"), std::string::npos) << lines[0];
}

TEST(LoopWatch, what_was_long_two_minutes_ago_is_not_of_the_last_minute) {
  LoopWatch watch(clock_us());
  spin_us(60'000);
  constexpr int64_t kMinuteUs = 60'000'000;
  const int64_t now_us = clock_us() / kMinuteUs * kMinuteUs + kMinuteUs;
  watch.begin(clock_us());
  watch.on_part("test", "long");
  spin_us(10'000);
  watch.on_part("test", "after");
  EXPECT_EQ(watch.figures().last_minute.what, "test:long");
  watch.begin(now_us);
  EXPECT_EQ(watch.figures().last_minute.what, "test:long");
  watch.begin(now_us + kMinuteUs);
  EXPECT_EQ(watch.figures().last_minute.us, 0);
  EXPECT_EQ(watch.figures().since_start.what, "test:long");
}

}  // namespace
}  // namespace zooid::posix
