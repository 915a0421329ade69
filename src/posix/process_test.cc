#include "posix/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <vector>

#include "posix/loop_for_test.h"

namespace zooid::posix {
namespace {

TEST(Process, signals_arrive_on_the_loop) {
  EventLoop loop;
  Signals signals({SIGUSR1, SIGUSR2});
  std::vector<int> seen;
  signals.attach(loop, [&](int signal) { seen.push_back(signal); });
  kill(getpid(), SIGUSR1);
  run_until(loop, [&] { return seen.size() == 1; });
  kill(getpid(), SIGUSR2);
  run_until(loop, [&] { return seen.size() == 2; });
  EXPECT_THAT(seen, testing::ElementsAre(SIGUSR1, SIGUSR2));
}

TEST(Process, a_signal_is_noticed_before_there_is_a_loop) {
  Signals signals({SIGUSR1});
  EXPECT_FALSE(signals.is_pending());
  kill(getpid(), SIGUSR1);
  EXPECT_TRUE(signals.is_pending());
  EventLoop loop;
  std::vector<int> seen;
  signals.attach(loop, [&](int signal) { seen.push_back(signal); });
  run_until(loop, [&] { return seen.size() == 1; });
  EXPECT_FALSE(signals.is_pending());
}

TEST(Process, the_open_files_limit_is_raised_to_its_maximum) {
  const DescriptorLimit lowered(100);
  const auto limit = raise_open_files_limit();
  ASSERT_TRUE(limit) << limit.error().message;
  EXPECT_EQ(limit->before, 100u);
  rlimit now{};
  getrlimit(RLIMIT_NOFILE, &now);
  EXPECT_EQ(limit->now, now.rlim_max);
  EXPECT_EQ(now.rlim_cur, now.rlim_max);
}

TEST(Process, a_broken_pipe_is_an_error) {
  ignore_broken_pipes();
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  EXPECT_EQ(write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  close(ends[1]);
}

TEST(Process, knows_its_memory) {
  EXPECT_GT(peak_resident_bytes(), 1u << 20);
}

}  // namespace
}  // namespace zooid::posix
