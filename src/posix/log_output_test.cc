#include "posix/log_output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "posix/directory_for_test.h"

namespace zooid::posix {
namespace {

std::string content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(LogOutput, appends_to_a_file_that_is_there) {
  TemporaryDirectory directory;
  const std::string path = directory / "zooid.log";
  for (const char* line : {"one\n", "two\n"}) {
    auto output = LogOutput::open({.path = path});
    ASSERT_TRUE(output.has_value());
    EXPECT_TRUE(output->write(line).has_value());
  }
  EXPECT_EQ(content(path), "one\ntwo\n");
}

TEST(LogOutput, keeps_as_many_files_as_it_may_the_newest_ones) {
  TemporaryDirectory directory;
  const std::string path = directory / "zooid.log";
  auto output = LogOutput::open({.path = path, .size_max = 10, .count = 3});
  ASSERT_TRUE(output.has_value());
  for (int i = 0; i < 9; ++i) {
    EXPECT_TRUE(output->write("line" + std::to_string(i) + "\n").has_value());
  }
  EXPECT_EQ(content(path), "line8\n");
  EXPECT_EQ(content(path + ".1"), "line7\n");
  EXPECT_EQ(content(path + ".2"), "line6\n");
  EXPECT_FALSE(std::filesystem::exists(path + ".3"));
}

TEST(LogOutput, counts_what_the_file_held_before) {
  TemporaryDirectory directory;
  const std::string path = directory / "zooid.log";
  std::ofstream(path) << "old line\n";
  auto output = LogOutput::open({.path = path, .size_max = 10, .count = 2});
  ASSERT_TRUE(output.has_value());
  EXPECT_TRUE(output->write("new\n").has_value());
  EXPECT_EQ(content(path + ".1"), "old line\n");
  EXPECT_EQ(content(path), "new\n");
}

TEST(LogOutput, one_file_alone_is_begun_anew) {
  TemporaryDirectory directory;
  const std::string path = directory / "zooid.log";
  auto output = LogOutput::open({.path = path, .size_max = 10, .count = 1});
  ASSERT_TRUE(output.has_value());
  EXPECT_TRUE(output->write("line one\n").has_value());
  EXPECT_TRUE(output->write("line two\n").has_value());
  EXPECT_EQ(content(path), "line two\n");
  EXPECT_FALSE(std::filesystem::exists(path + ".1"));
}

TEST(LogOutput, without_a_limit_the_file_grows) {
  TemporaryDirectory directory;
  const std::string path = directory / "zooid.log";
  auto output = LogOutput::open({.path = path, .size_max = 0});
  ASSERT_TRUE(output.has_value());
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(output->write("0123456789\n").has_value());
  EXPECT_EQ(content(path).size(), 1100u);
}

TEST(LogOutput, goes_on_in_a_new_file_after_another_program_has_renamed_it) {
  TemporaryDirectory directory;
  const std::string path = directory / "zooid.log";
  auto output = LogOutput::open({.path = path});
  ASSERT_TRUE(output.has_value());
  EXPECT_TRUE(output->write("one\n").has_value());
  std::filesystem::rename(path, path + "-2026");
  EXPECT_TRUE(output->write("two\n").has_value());
  EXPECT_TRUE(output->reopen().has_value());
  EXPECT_TRUE(output->write("three\n").has_value());
  EXPECT_EQ(content(path + "-2026"), "one\ntwo\n");
  EXPECT_EQ(content(path), "three\n");
}

TEST(LogOutput, writes_on_into_the_old_file_if_there_can_be_no_new_one) {
  TemporaryDirectory directory;
  const std::string path = directory / "logs/zooid.log";
  std::filesystem::create_directory(directory / "logs");
  auto output = LogOutput::open({.path = path});
  ASSERT_TRUE(output.has_value());
  std::filesystem::rename(directory / "logs", directory / "away");
  EXPECT_FALSE(output->reopen().has_value());
  EXPECT_TRUE(output->write("still here\n").has_value());
  EXPECT_EQ(content(directory / "away/zooid.log"), "still here\n");
}

TEST(LogOutput, says_what_is_wrong_with_the_path) {
  const auto output = LogOutput::open({.path = "/nowhere/at/all/zooid.log"});
  ASSERT_FALSE(output.has_value());
  EXPECT_EQ(output.error().message,
            "the log file /nowhere/at/all/zooid.log cannot be opened: No such file or directory");
}

TEST(LogOutput, a_full_device_is_an_error) {
  const int fd = ::open("/dev/full", O_WRONLY);
  ASSERT_GE(fd, 0);
  LogOutput output(fd);
  const auto written = output.write("line\n");
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().message, "No space left on device");
  ::close(fd);
}

}  // namespace
}  // namespace zooid::posix
