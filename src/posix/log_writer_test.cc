#include "posix/log_writer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace zooid::posix {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

class Pipe {
 public:
  Pipe() { EXPECT_EQ(pipe(ends_.data()), 0); }
  ~Pipe() {
    close_writing();
    close(ends_[0]);
  }
  int writing() const { return ends_[1]; }
  void close_writing() {
    if (ends_[1] >= 0) close(ends_[1]);
    ends_[1] = -1;
  }
  std::string read_some() {
    std::string text(1 << 20, '\0');
    const ssize_t count = read(ends_[0], text.data(), text.size());
    text.resize(count > 0 ? static_cast<size_t>(count) : 0);
    return text;
  }
  std::string read_to_end() {
    std::string all;
    while (true) {
      const std::string some = read_some();
      if (some.empty()) return all;
      all += some;
    }
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

TEST(LogWriter, a_line_looks_like_one_of_zookeeper) {
  setenv("TZ", "UTC", 1);
  tzset();
  EXPECT_EQ(format_log_line(log::Level::kInfo, "1", "zooid", 1'795'572'569'123'456, "text k=v"),
            "2026-11-25 02:09:29,123 [myid:1] - INFO  [zooid] - text k=v\n");
  EXPECT_EQ(format_log_line(log::Level::kError, "", "log", 1'795'572'569'007'000, "a\nb"),
            "2026-11-25 02:09:29,007 [myid:] - ERROR [log] - a\\nb\n");
}

TEST(LogWriter, writes_everything_before_it_ends) {
  Pipe pipe;
  {
    LogWriter writer(pipe.writing(), "7");
    const log::Sink sink = writer.sink();
    for (int i = 0; i < 100; ++i) sink(log::Level::kWarn, "line " + std::to_string(i));
    EXPECT_EQ(writer.dropped(), 0u);
  }
  pipe.close_writing();
  const std::string text = pipe.read_to_end();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 100);
  EXPECT_THAT(text, ContainsRegex("\\[myid:7\\] - WARN  \\[.*\\] - line 0\n"));
  EXPECT_THAT(text, HasSubstr("- line 99\n"));
}

TEST(LogWriter, a_blocked_output_drops_lines_and_says_so_later) {
  Pipe pipe;  // holds 64 KiB
  const std::string line(1000, 'x');
  auto writer = std::make_unique<LogWriter>(pipe.writing(), "");
  for (int i = 0; i < 20'000; ++i) writer->write(log::Level::kInfo, line);
  EXPECT_GT(writer->dropped(), 5000u);
  std::string text;
  while (text.find("log lines were dropped: the output was blocked") == std::string::npos) {
    text += pipe.read_some();
    writer->write(log::Level::kInfo, "again");
  }
}

TEST(LogWriter, does_not_hang_on_a_blocked_output_at_the_end) {
  Pipe pipe;
  {
    LogWriter writer(pipe.writing(), "");
    for (int i = 0; i < 200; ++i) writer.write(log::Level::kInfo, std::string(1000, 'x'));
  }
  // Lets the abandoned thread end before its descriptor is closed.
  std::string text;
  while (std::count(text.begin(), text.end(), '\n') < 200) text += pipe.read_some();
}

}  // namespace
}  // namespace zooid::posix
