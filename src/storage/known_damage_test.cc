// Torn or damaged: what recovery makes of a bad entry when it is known what had been synced
// (synced_record.h).
#include "storage/recovery.h"
#include "storage/synced_record.h"
#include "storage/test_store.h"

namespace zooid::storage::test {
namespace {

class KnownDamageTest : public Store {
 protected:
  static std::string path(const std::string& name) { return kVersion2 + "/" + name; }
};

// Whatever bit flips in what was synced, in the newest file too: the server does not start.
TEST_F(KnownDamageTest, any_flipped_bit_in_what_was_synced_is_damage) {
  put(files, path("snapshot.0"), "");
  LogOptions log;
  log.directories = kDirectories;
  start(log);
  for (int64_t zxid = 1; zxid <= 4; ++zxid) {
    append(zxid, zxid);
    run();
  }
  worker.reset();
  const std::string good = get(files, path("log.1"));
  const size_t end = log_of({1, 2, 3, 4}).size();
  ASSERT_GT(good.size(), end + 1000);  // zeros ahead
  const size_t entry = (end - kLogHeaderBytes) / 4;
  const std::string noted = get(files, kDirectories.own() + "/synced");
  const auto& kept = files;
  for (size_t at = 0; at < end; ++at) {
    // Version and database id of the header are not looked at, by ZooKeeper neither.
    if (at >= 4 && at < kLogHeaderBytes) continue;
    const auto disk = kept.after_crash(env::MemoryFileSystem::Survivors::kAll, 1);
    disk->flip_bit(path("log.1"), at, static_cast<int>(at % 8));
    const auto found = recover(*disk, kDirectories, {});
    ASSERT_FALSE(found.has_value()) << "byte " << at << ": " << found->last_logged.value;
    const size_t offset =
        at < kLogHeaderBytes ? 0 : kLogHeaderBytes + (at - kLogHeaderBytes) / entry * entry;
    EXPECT_NE(found.error().message.find(fmt::format("log.1: offset {}:", offset)),
              std::string::npos)
        << "byte " << at << ": " << found.error().message;
    EXPECT_EQ(get(*disk, path("log.1")).size(), good.size());  // nothing was changed
  }
  EXPECT_EQ(recovered()->last_logged, Zxid{4});
  EXPECT_EQ(get(files, kDirectories.own() + "/synced"), noted);
}

TEST_F(KnownDamageTest, a_torn_end_behind_what_was_synced_is_cut_as_ever) {
  put(files, path("snapshot.0"), "");
  put(files, path("log.1"), log_of({1, 2, 3}) + "torn");
  const uint64_t synced = log_of({1, 2, 3}).size();
  for (const uint64_t noted : {synced, synced - 5, uint64_t{16}}) {
    put(files, path("log.1"), log_of({1, 2, 3}) + "torn");
    ASSERT_TRUE(replace_synced_record(files, kDirectories.own(), {{Zxid{1}, noted}}).has_value());
    const auto found = recovered();
    ASSERT_TRUE(found.has_value()) << found.error().message;
    EXPECT_EQ(found->last_logged, Zxid{3});
    // What a start has made durable is noted for the next one.
    EXPECT_EQ(read_synced_record(files, kDirectories.own()).value(),
              (SyncedBytes{{Zxid{1}, synced}}));
  }
}

TEST_F(KnownDamageTest, what_was_noted_of_other_files_is_forgotten) {
  put(files, path("snapshot.0"), "");
  put(files, path("log.1"), log_of({1, 2}));
  ASSERT_TRUE(replace_synced_record(files, kDirectories.own(), {{Zxid{1}, 16}, {Zxid{7}, 900}})
                  .has_value());
  ASSERT_TRUE(recovered().has_value());
  EXPECT_EQ(read_synced_record(files, kDirectories.own()).value(),
            (SyncedBytes{{Zxid{1}, log_of({1, 2}).size()}}));
}

// Cut by a server of ZooKeeper's, or put back from a backup: nothing stands where it ends.
TEST_F(KnownDamageTest, a_file_that_ends_well_before_what_was_synced_is_told_of) {
  put(files, path("snapshot.0"), "");
  for (const std::string& padding : {std::string(), std::string(500, '\0')}) {
    put(files, path("log.1"), log_of({1, 2}) + padding);
    ASSERT_TRUE(replace_synced_record(files, kDirectories.own(), {{Zxid{1}, 900}}).has_value());
    const auto found = recovered();
    ASSERT_TRUE(found.has_value()) << found.error().message;
    EXPECT_EQ(found->last_logged, Zxid{2});
    EXPECT_NE(found->notes.back().find("900 bytes of it had been synced"), std::string::npos);
  }
  put(files, path("log.1"), "");
  ASSERT_TRUE(replace_synced_record(files, kDirectories.own(), {{Zxid{1}, 900}}).has_value());
  const auto found = recovered();
  ASSERT_FALSE(found.has_value());
  EXPECT_NE(found.error().message.find("log.1: offset 0"), std::string::npos);
}

// A log that may be complete is its operator's matter; one that has lost its snapshot is damage,
// which a member of an ensemble mends by itself.
TEST_F(KnownDamageTest, a_log_without_its_snapshot_is_damage_unless_it_may_be_complete) {
  const auto kind_of = [&] { return recovered().error().kind; };
  put(files, path("log.200000001"), log_of({0x200000001, 0x200000002}));
  EXPECT_EQ(kind_of(), Error::Kind::kConfig);
  ASSERT_TRUE(
      replace_synced_record(files, kDirectories.own(), {{Zxid{0x200000001}, 50}}).has_value());
  EXPECT_EQ(kind_of(), Error::Kind::kCorrupt);
  ASSERT_TRUE(replace_synced_record(files, kDirectories.own(), {}).has_value());
  ASSERT_TRUE(files.remove(path("log.200000001")).has_value());
  put(files, path("log.200000005"), log_of({0x200000005, 0x200000006}));
  EXPECT_EQ(kind_of(), Error::Kind::kCorrupt);
}

}  // namespace
}  // namespace zooid::storage::test
