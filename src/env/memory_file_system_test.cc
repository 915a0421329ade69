#include "env/memory_file_system.h"

#include <gtest/gtest.h>

namespace zooid::env {
namespace {

using Survivors = MemoryFileSystem::Survivors;
using Kind = MemoryFileSystem::Operation::Kind;

constexpr Survivors kAnyLoss[] = {Survivors::kNone, Survivors::kPrefix, Survivors::kSubset};

class MemoryFileSystemTest : public testing::Test {
 protected:
  MemoryFileSystemTest() { EXPECT_TRUE(files.make_directories("/d").has_value()); }
  std::unique_ptr<File> create(const std::string& path) {
    return std::move(*files.open(path, OpenMode::kTruncate));
  }
  static std::string content(FileSystem& at, const std::string& path) {
    auto read = read_file(at, path);
    return read ? *read : "(" + read.error().message + ")";
  }
  MemoryFileSystem files{7};
};

TEST_F(MemoryFileSystemTest, reads_what_was_written) {
  auto file = create("/d/a");
  ASSERT_TRUE(file->write_at(3, "abc").has_value());
  EXPECT_EQ(content(files, "/d/a"), std::string("\0\0\0abc", 6));
  ASSERT_TRUE(file->truncate(4).has_value());
  EXPECT_EQ(content(files, "/d/a"), std::string("\0\0\0a", 4));
  EXPECT_EQ(files.list("/d").value(), std::vector<std::string>{"a"});
  EXPECT_EQ(files.open("/d/b", OpenMode::kRead).error().kind, Error::Kind::kNotFound);
  EXPECT_EQ(files.open("/e/b", OpenMode::kCreate).error().kind, Error::Kind::kNotFound);
}

TEST_F(MemoryFileSystemTest, synced_content_with_a_synced_name_survives_every_crash) {
  auto file = create("/d/a");
  ASSERT_TRUE(file->write_at(0, "abc").has_value());
  ASSERT_TRUE(file->sync().has_value());
  ASSERT_TRUE(files.sync_directory("/d").has_value());
  ASSERT_TRUE(file->write_at(3, "def").has_value());
  for (const Survivors survivors : kAnyLoss) {
    for (uint64_t seed = 0; seed < 50; ++seed) {
      const auto after = files.after_crash(survivors, seed);
      EXPECT_EQ(content(*after, "/d/a").substr(0, 3), "abc");
    }
  }
  EXPECT_EQ(content(*files.after_crash(Survivors::kNone, 1), "/d/a"), "abc");
  EXPECT_EQ(content(*files.after_crash(Survivors::kAll, 1), "/d/a"), "abcdef");
}

TEST_F(MemoryFileSystemTest, a_name_is_lost_without_sync_of_its_directory) {
  auto file = create("/d/a");
  ASSERT_TRUE(file->write_at(0, "abc").has_value());
  ASSERT_TRUE(file->sync().has_value());
  EXPECT_FALSE(files.after_crash(Survivors::kNone, 1)->exists("/d/a"));
  ASSERT_TRUE(files.sync_directory("/d").has_value());
  ASSERT_TRUE(files.rename("/d/a", "/d/b").has_value());
  EXPECT_EQ(content(*files.after_crash(Survivors::kNone, 1), "/d/a"), "abc");
  ASSERT_TRUE(files.sync_directory("/d").has_value());
  EXPECT_EQ(content(*files.after_crash(Survivors::kNone, 1), "/d/b"), "abc");
}

TEST_F(MemoryFileSystemTest, unsynced_writes_are_torn_in_many_ways_but_the_same_for_one_seed) {
  auto file = create("/d/a");
  ASSERT_TRUE(files.sync_directory("/d").has_value());
  ASSERT_TRUE(file->write_at(0, std::string(2048, 'x')).has_value());
  std::set<std::string> outcomes;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const auto survived = content(*files.after_crash(Survivors::kSubset, seed), "/d/a");
    EXPECT_EQ(survived, content(*files.after_crash(Survivors::kSubset, seed), "/d/a"));
    outcomes.insert(survived);
  }
  EXPECT_GT(outcomes.size(), 10u);
}

TEST_F(MemoryFileSystemTest, every_subset_of_what_is_not_synced_can_be_had) {
  using Unit = MemoryFileSystem::Unit;
  auto file = create("/d/a");
  ASSERT_TRUE(file->write_at(0, std::string(600, 'x')).has_value());
  ASSERT_TRUE(file->truncate(550).has_value());
  // The name, the write, the cut.
  ASSERT_EQ(files.unsynced_pieces(Unit::kEffect), 3u);
  const auto keeping = [&](Unit unit, std::vector<bool> is_kept) {
    return content(*files.after_crash_keeping(unit, is_kept), "/d/a");
  };
  EXPECT_FALSE(files.after_crash_keeping(Unit::kEffect, {false, true, true})->exists("/d/a"));
  EXPECT_EQ(keeping(Unit::kEffect, {true, false, false}), "");
  EXPECT_EQ(keeping(Unit::kEffect, {true, true, false}), std::string(600, 'x'));
  EXPECT_EQ(keeping(Unit::kEffect, {true, false, true}), std::string(550, '\0'));
  EXPECT_EQ(keeping(Unit::kEffect, {true, true, true}), content(files, "/d/a"));
  // The name, the growth to 600 bytes, two sectors, the cut.
  ASSERT_EQ(files.unsynced_pieces(Unit::kSector), 5u);
  EXPECT_EQ(keeping(Unit::kSector, {true, true, false, false, false}), std::string(600, '\0'));
  EXPECT_EQ(keeping(Unit::kSector, {true, false, true, false, false}), std::string(512, 'x'));
  EXPECT_EQ(keeping(Unit::kSector, {true, false, false, true, true}),
            std::string(512, '\0') + std::string(38, 'x'));
  ASSERT_TRUE(file->sync().has_value());
  EXPECT_EQ(files.unsynced_pieces(Unit::kSector), 1u);
}

TEST_F(MemoryFileSystemTest, a_full_disk_takes_a_part_and_overwriting_needs_no_space) {
  files.set_capacity(10);
  auto file = create("/d/a");
  ASSERT_TRUE(file->write_at(0, "12345678").has_value());
  const auto refused = file->write_at(8, "abcd");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, Error::Kind::kNoSpace);
  EXPECT_NE(refused.error().message.find("/memory"), std::string::npos);
  EXPECT_EQ(content(files, "/d/a"), "12345678ab");
  EXPECT_TRUE(file->write_at(0, "xxxxxxxxxx").has_value());
}

TEST_F(MemoryFileSystemTest, faults_come_before_operations_and_observers_after_them) {
  std::vector<Kind> seen;
  files.set_observer([&](const auto& operation) { seen.push_back(operation.kind); });
  files.set_fault([](const auto& operation) -> std::optional<Error> {
    if (operation.kind != Kind::kSync) return std::nullopt;
    return Error{Error::Kind::kOther, "no"};
  });
  auto file = create("/d/a");
  ASSERT_TRUE(file->write_at(0, "abc").has_value());
  EXPECT_FALSE(file->sync().has_value());
  EXPECT_EQ(seen, (std::vector{Kind::kCreate, Kind::kWrite}));
}

TEST_F(MemoryFileSystemTest, what_was_open_before_a_crash_fails_and_locks_are_free) {
  auto file = create("/d/a");
  auto lock = files.lock_directory("/d");
  EXPECT_FALSE(files.lock_directory("/d").has_value());
  files.crash(Survivors::kAll);
  EXPECT_FALSE(file->write_at(0, "abc").has_value());
  EXPECT_TRUE(files.lock_directory("/d").has_value());
}

TEST_F(MemoryFileSystemTest, atomic_write_leaves_the_old_or_the_new_content_at_every_crash) {
  ASSERT_TRUE(write_file_atomically(files, "/d/epoch", "1").has_value());
  files.set_observer([&](const auto&) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      for (const Survivors survivors : kAnyLoss) {
        const auto after = content(*files.after_crash(survivors, seed), "/d/epoch");
        EXPECT_TRUE(after == "1" || after == "2") << after;
      }
    }
  });
  ASSERT_TRUE(write_file_atomically(files, "/d/epoch", "2").has_value());
  EXPECT_EQ(content(*files.after_crash(Survivors::kNone, 1), "/d/epoch"), "2");
}

TEST_F(MemoryFileSystemTest, atomic_write_that_fails_leaves_no_temporary) {
  ASSERT_TRUE(write_file_atomically(files, "/d/epoch", "1").has_value());
  files.set_capacity(3);
  EXPECT_FALSE(write_file_atomically(files, "/d/epoch", "12345").has_value());
  EXPECT_EQ(content(files, "/d/epoch"), "1");
  EXPECT_FALSE(files.exists("/d/epoch.tmp"));
}

TEST(MemoryFileSystem, asks_before_it_opens_anything_and_counts_what_is_read) {
  using Kind = MemoryFileSystem::Operation::Kind;
  MemoryFileSystem files;
  auto file = *files.open("a", OpenMode::kCreate);
  ASSERT_TRUE(file->write_at(0, "abc"));
  std::optional<Kind> refused;
  files.set_fault([&](const MemoryFileSystem::Operation& operation) {
    return operation.kind == refused ? std::optional<Error>(Error{Error::Kind::kOther, "no"})
                                     : std::nullopt;
  });
  refused = Kind::kOpenToRead;
  EXPECT_FALSE(files.open("a", OpenMode::kRead));
  EXPECT_TRUE(files.open("a", OpenMode::kReadWrite));
  refused = Kind::kOpenToWrite;
  EXPECT_TRUE(files.open("a", OpenMode::kRead));
  EXPECT_FALSE(files.open("a", OpenMode::kReadWrite));
  EXPECT_FALSE(files.open("b", OpenMode::kCreate));
  refused = Kind::kOpenDirectory;
  EXPECT_FALSE(files.list("."));
  EXPECT_FALSE(files.sync_directory("."));
  refused.reset();
  char bytes[8];
  EXPECT_EQ(*file->read_at(1, bytes), 2u);
  EXPECT_EQ(files.figures().read_bytes, 2u);
  EXPECT_EQ(files.figures().lists, 1u);
  EXPECT_EQ(files.byte_at("a", 1), 'b');
  EXPECT_EQ(files.byte_at("a", 3), std::nullopt);
  EXPECT_EQ(files.size_of("a"), 3u);
}

}  // namespace
}  // namespace zooid::env
