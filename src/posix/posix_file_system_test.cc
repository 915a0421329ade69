#include "posix/posix_file_system.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "posix/directory_for_test.h"

namespace zooid::posix {
namespace {

using env::OpenMode;
using testing::ElementsAre;
using testing::HasSubstr;

struct PosixFiles : testing::Test {
  PosixFileSystem files;
  TemporaryDirectory directory;

  std::string content(const std::string& name) {
    const auto text = env::read_file(files, directory / name);
    return text ? *text : "error: " + text.error().message;
  }
};

TEST_F(PosixFiles, writes_and_reads_at_offsets) {
  auto file = files.open(directory / "f", OpenMode::kCreate);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_TRUE((*file)->write_at(0, "hello"));
  ASSERT_TRUE((*file)->write_at(10, "end"));
  ASSERT_TRUE((*file)->sync());
  EXPECT_EQ((*file)->size(), 13u);
  std::string buffer(20, '?');
  EXPECT_EQ((*file)->read_at(3, buffer), 10u);
  EXPECT_EQ(buffer.substr(0, 10), std::string("lo\0\0\0\0\0end", 10));
  EXPECT_EQ((*file)->read_at(13, buffer), 0u);
  ASSERT_TRUE((*file)->truncate(2));
  EXPECT_EQ(content("f"), "he");
}

TEST_F(PosixFiles, a_written_range_can_be_brought_to_the_disk) {
  auto file = files.open(directory / "f", OpenMode::kCreate);
  ASSERT_TRUE((*file)->write_at(0, std::string(10'000, 'x')));
  EXPECT_TRUE((*file)->write_back(0, 4'096));
  EXPECT_TRUE((*file)->write_back(4'096, 100'000));  // also beyond its end
  EXPECT_EQ(content("f"), std::string(10'000, 'x'));
}

TEST_F(PosixFiles, modes_create_keep_or_empty) {
  const auto missing = files.open(directory / "f", OpenMode::kRead);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, Error::Kind::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr(directory / "f"));
  EXPECT_FALSE(files.open(directory / "f", OpenMode::kReadWrite));
  ASSERT_TRUE((*files.open(directory / "f", OpenMode::kCreate))->write_at(0, "kept"));
  ASSERT_TRUE(files.open(directory / "f", OpenMode::kCreate));
  EXPECT_EQ(content("f"), "kept");
  EXPECT_FALSE((*files.open(directory / "f", OpenMode::kRead))->write_at(0, "x"));
  ASSERT_TRUE(files.open(directory / "f", OpenMode::kTruncate));
  EXPECT_EQ(content("f"), "");
  EXPECT_FALSE(files.open(directory.path(), OpenMode::kRead));
}

TEST_F(PosixFiles, lists_names_in_order) {
  for (const char* name : {"b", "a", "c"})
    ASSERT_TRUE(files.open(directory / name, OpenMode::kCreate));
  ASSERT_TRUE(files.make_directories(directory / "d/e/f"));
  ASSERT_TRUE(files.make_directories(directory / "d/e/f"));
  EXPECT_THAT(*files.list(directory.path()), ElementsAre("a", "b", "c", "d"));
  EXPECT_TRUE(files.exists(directory / "d/e/f"));
  ASSERT_TRUE(files.rename(directory / "a", directory / "b"));
  ASSERT_TRUE(files.remove(directory / "c"));
  EXPECT_THAT(*files.list(directory.path()), ElementsAre("b", "d"));
  EXPECT_EQ(files.list(directory / "no").error().kind, Error::Kind::kNotFound);
  EXPECT_EQ(files.remove(directory / "no").error().kind, Error::Kind::kNotFound);
}

TEST_F(PosixFiles, a_file_in_the_way_of_a_directory_is_an_error) {
  ASSERT_TRUE(files.open(directory / "f", OpenMode::kCreate));
  EXPECT_FALSE(files.make_directories(directory / "f"));
  EXPECT_FALSE(files.make_directories(directory / "f/g"));
}

TEST_F(PosixFiles, replaces_a_file_atomically) {
  ASSERT_TRUE(env::write_file_atomically(files, directory / "f", "old"));
  ASSERT_TRUE(env::write_file_atomically(files, directory / "f", "new"));
  EXPECT_EQ(content("f"), "new");
  EXPECT_THAT(*files.list(directory.path()), ElementsAre("f"));
  EXPECT_TRUE(files.sync_directory(directory.path()));
  EXPECT_FALSE(files.sync_directory(directory / "no"));
}

TEST_F(PosixFiles, a_directory_is_locked_once) {
  auto first = files.lock_directory(directory.path());
  ASSERT_TRUE(first) << first.error().message;
  const auto second = files.lock_directory(directory.path());
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("locked by another process"));
  first->reset();
  EXPECT_TRUE(files.lock_directory(directory.path()));
  EXPECT_THAT(*files.list(directory.path()), ElementsAre());
}

TEST_F(PosixFiles, a_locked_directory_is_synced_when_descriptors_have_run_out) {
  const auto lock = files.lock_directory(directory.path());
  ASSERT_TRUE(lock);
  ASSERT_TRUE(files.make_directories(directory / "other"));
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = 3;
  setrlimit(RLIMIT_NOFILE, &none);
  const auto synced = files.sync_directory(directory.path());
  const auto other = files.sync_directory(directory / "other");
  const auto opened = files.open(directory / "file", env::OpenMode::kCreate);
  const auto listed = files.list(directory.path());
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(synced) << synced.error().message;
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, Error::Kind::kShortage);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, Error::Kind::kShortage);
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().kind, Error::Kind::kShortage);
}

TEST_F(PosixFiles, tells_the_length_of_a_file_that_is_not_open) {
  ASSERT_TRUE(env::write_file_atomically(files, directory / "five", "12345"));
  EXPECT_EQ(files.file_size(directory / "five").value(), 5u);
  EXPECT_EQ(files.file_size(directory / "none").error().kind, Error::Kind::kNotFound);
}

TEST_F(PosixFiles, space_names_the_mount_point) {
  const auto space = files.space(directory.path());
  ASSERT_TRUE(space) << space.error().message;
  EXPECT_GT(space->total_bytes, 0u);
  EXPECT_LE(space->free_bytes, space->total_bytes);
  EXPECT_TRUE(directory.path().starts_with(space->mount)) << space->mount;
  EXPECT_FALSE(files.space(directory / "no"));
}

TEST_F(PosixFiles, a_full_disk_is_told_apart_with_mount_and_bytes) {
  if (access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full";
  auto file = files.open("/dev/full", OpenMode::kReadWrite);
  ASSERT_TRUE(file);
  const auto result = (*file)->write_at(0, "x");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, Error::Kind::kNoSpace);
  EXPECT_THAT(result.error().message, testing::ContainsRegex("/dev/full: write: .*\\(/dev.* has "));
}

}  // namespace
}  // namespace zooid::posix
