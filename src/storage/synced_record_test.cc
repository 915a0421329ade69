#include "storage/synced_record.h"

#include "base/mark.h"
#include "storage/test_store.h"

namespace zooid::storage::test {
namespace {

class SyncedRecordTest : public Store {
 protected:
  void start_noting(Zxid last = {}) {
    LogOptions options;
    options.directories = kDirectories;
    options.preallocate_bytes = 0;
    start(options, last);
  }
  SyncedBytes record(env::MemoryFileSystem& disk) {
    return read_synced_record(disk, kDirectories.own()).value();
  }
  SyncedBytes record() { return record(files); }
  uint64_t size_of(const std::string& name) { return get(files, kVersion2 + "/" + name).size(); }
  const std::string path = kDirectories.own() + "/synced";
};

TEST_F(SyncedRecordTest, it_names_every_file_with_what_was_synced_of_it) {
  start_noting();
  append(1, 3);
  run();
  EXPECT_EQ(record(), (SyncedBytes{{Zxid{1}, size_of("log.1")}}));
  worker->submit(RollLog{});
  append(4, 4);
  run();
  append(5, 5);
  run();
  EXPECT_EQ(record(), (SyncedBytes{{Zxid{1}, size_of("log.1")}, {Zxid{4}, size_of("log.4")}}));
  EXPECT_EQ(get(files, path).size(), 3 * 64u);
}

// It is written behind the acknowledgement and never synced while the server runs.
TEST_F(SyncedRecordTest, it_costs_one_write_and_no_sync) {
  start_noting();
  append(1, 1);
  run();
  std::string operations;
  files.set_observer([&](const auto& operation) {
    operations += operation.path == path ? "r" : "l";
    operations += operation.kind == Kind::kWrite ? "w" : "s";
  });
  append(2, 9);
  run();
  EXPECT_EQ(operations, "lwlsrw");
}

TEST_F(SyncedRecordTest, it_is_lowered_durably_before_anything_is_cut) {
  put(files, kVersion2 + "/snapshot.0", "");
  start_noting();
  append(1, 5);
  worker->submit(RollLog{});
  append(6, 7);
  run();
  const uint64_t kept = log_of({1, 2, 3}).size();
  bool was_lowered = false;
  files.set_observer([&](const auto& operation) {
    if (operation.path.starts_with(kDirectories.own()) || was_lowered) return;
    was_lowered = true;
    const auto crashed = files.after_crash(env::MemoryFileSystem::Survivors::kNone, 1);
    EXPECT_EQ(record(*crashed), (SyncedBytes{{Zxid{1}, kept}}));
  });
  worker->submit(TruncateLog{{1}, Zxid{3}});
  EXPECT_EQ(run(), Lines{"cut 3"});
  EXPECT_TRUE(was_lowered);
  EXPECT_EQ(size_of("log.1"), kept);
}

TEST_F(SyncedRecordTest, a_new_file_of_an_old_name_begins_without_a_claim) {
  ASSERT_TRUE(replace_synced_record(files, kDirectories.own(), {{Zxid{1}, 5000}}).has_value());
  start_noting();
  append(1, 1);
  bool was_seen = false;
  files.set_observer([&](const auto& operation) {
    if (operation.kind != Kind::kCreate || operation.path != kVersion2 + "/log.1") return;
    was_seen = true;
    EXPECT_EQ(record(*files.after_crash(env::MemoryFileSystem::Survivors::kNone, 1)),
              SyncedBytes{});
  });
  run();
  EXPECT_TRUE(was_seen);
  EXPECT_EQ(record(), (SyncedBytes{{Zxid{1}, size_of("log.1")}}));
}

TEST_F(SyncedRecordTest, lines_that_do_not_check_tell_nothing_and_other_versions_are_kept_aside) {
  ASSERT_TRUE(
      replace_synced_record(files, kDirectories.own(), {{Zxid{1}, 50}, {Zxid{9}, 70}}).has_value());
  std::string bytes = get(files, path);
  bytes[64 + 6] ^= 1;  // a digit of the number
  put(files, path, bytes);
  EXPECT_EQ(record(), (SyncedBytes{{Zxid{9}, 70}}));
  bytes.replace(0, 14, "zooid-synced 2");
  put(files, path, bytes);
  EXPECT_EQ(record(), SyncedBytes{});
  EXPECT_EQ(get(files, path + ".old"), bytes);
  EXPECT_FALSE(files.exists(path));
}

TEST_F(SyncedRecordTest, a_full_disk_costs_the_record_and_nothing_else) {
  start_noting();
  files.set_fault([&](const auto& operation) -> std::optional<Error> {
    if (operation.path != path) return std::nullopt;
    return Error{Error::Kind::kNoSpace, "full"};
  });
  append(1, 2);
  EXPECT_EQ(run(), Lines{"synced 2"});
  EXPECT_GE(mark_count("storage.synced_record_failed"), 1u);
  EXPECT_EQ(record(), SyncedBytes{});
}

TEST_F(SyncedRecordTest, more_files_than_lines_forget_the_oldest) {
  start_noting();
  for (int64_t zxid = 1; zxid <= 300; ++zxid) {
    append(zxid, zxid);
    worker->submit(RollLog{});
  }
  run();
  const SyncedBytes kept = record();
  EXPECT_EQ(kept.size(), 255u);
  EXPECT_EQ(kept.begin()->first, Zxid{46});
  EXPECT_EQ(get(files, path).size(), 256 * 64u);
}

}  // namespace
}  // namespace zooid::storage::test
