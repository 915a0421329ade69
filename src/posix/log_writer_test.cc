#include "posix/log_writer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "posix/directory_for_test.h"

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

TEST(LogWriter, nobody_can_forge_a_line_steer_a_terminal_or_fill_the_log_with_one) {
  const std::string line =
      format_journald_line(log::Level::kInfo, "", "a\r\x1b[2J\x7f" + std::string(5000, 'x'));
  EXPECT_THAT(line, testing::StartsWith("<6>a\\r\\x1b[2J\\x7fx"));
  EXPECT_THAT(line, testing::EndsWith("x ... (1007 more bytes)\n"));
  EXPECT_LT(line.size(), kLogLineBytesMax + 50);
}

TEST(LogWriter, a_line_for_the_journal_has_its_priority) {
  EXPECT_EQ(format_journald_line(log::Level::kError, "3", "text"), "<3>[myid:3] text\n");
  EXPECT_EQ(format_journald_line(log::Level::kWarn, "", "text"), "<4>text\n");
  EXPECT_EQ(format_journald_line(log::Level::kDebug, "", "text"), "<7>text\n");
}

TEST(LogWriter, knows_the_journals_stream_by_what_the_variable_says) {
  Pipe pipe;
  unsetenv("JOURNAL_STREAM");
  EXPECT_FALSE(is_journal(pipe.writing()));
  struct stat status{};
  ASSERT_EQ(fstat(pipe.writing(), &status), 0);
  const std::string own = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
  setenv("JOURNAL_STREAM", own.c_str(), 1);
  EXPECT_TRUE(is_journal(pipe.writing()));
  EXPECT_FALSE(is_journal(STDIN_FILENO));
  unsetenv("JOURNAL_STREAM");
}

TEST(LogWriter, opens_its_file_anew_between_two_lines) {
  TemporaryDirectory directory;
  const std::string path = directory / "zooid.log";
  {
    auto output = LogOutput::open({.path = path});
    ASSERT_TRUE(output.has_value());
    LogWriter writer(std::move(*output), "");
    writer.write(log::Level::kInfo, "before");
    writer.flush();
    std::filesystem::rename(path, path + ".old");
    writer.reopen();
    writer.flush();
    writer.write(log::Level::kInfo, "after");
  }
  const auto lines_of = [](const std::string& name) {
    std::ifstream file(name);
    return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  };
  EXPECT_THAT(lines_of(path + ".old"), HasSubstr("before\n"));
  EXPECT_THAT(lines_of(path), HasSubstr("the log file was opened anew\n"));
  EXPECT_THAT(lines_of(path), HasSubstr("after\n"));
  EXPECT_THAT(lines_of(path), testing::Not(HasSubstr("before")));
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
