// What recovery takes for an end that a crash cut short, and what for damage.
#include "base/mark.h"
#include "storage/log_tail.h"
#include "storage/recovery_for_test.h"

namespace zooid::storage::test {
namespace {

TEST_F(RecoveryTest, torn_ends_are_cut_at_the_last_good_entry_whatever_they_look_like) {
  put_snapshot(Zxid{0}, 0);
  const std::string good = log_of({1, 2});
  const std::string whole = log_of({1, 2, 3, 4}, 10);
  const size_t third = log_of({1, 2, 3}).size() - good.size();
  std::vector<std::string> torn;
  torn.push_back(whole.substr(0, good.size() + 5));
  torn.push_back(whole.substr(0, good.size() + third - 1));  // end mark missing
  torn.push_back(whole);
  torn.back().replace(good.size(), third, std::string(third, '\0'));  // first sector not written
  torn.push_back(whole);
  torn.back()[good.size() + 40] ^= 1;
  torn.push_back(whole + std::string(10'000, '\0'));
  torn.back()[good.size() + third - 1] = 'C';
  torn.push_back(good + std::string(3000, '\0') + "garbage");
  torn.push_back(good + std::string(8, '\0') + "\xff\xff\xff\xff");
  for (const std::string& bytes : torn) {
    put(files, path("log.1"), bytes);
    const auto result = recovered();
    ASSERT_TRUE(result.has_value()) << result.error().message;
    EXPECT_EQ(result->last_logged, Zxid{2});
    ASSERT_EQ(result->notes.size(), 1u);
    EXPECT_NE(result->notes[0].find(fmt::format("offset {}", good.size())), std::string::npos);
    EXPECT_EQ(get(files, path("log.1")), good);
  }
  EXPECT_EQ(files.after_crash(env::MemoryFileSystem::Survivors::kNone, 1)
                ->open(path("log.1"), env::OpenMode::kRead)
                .value()
                ->size()
                .value(),
            good.size());
}

TEST_F(RecoveryTest, the_note_counts_whole_entries_that_were_dropped) {
  put_snapshot(Zxid{0}, 0);
  std::string bytes = log_of({1, 2, 3, 4, 5});
  bytes[log_of({1, 2}).size() + 20] ^= 1;
  put(files, path("log.1"), bytes);
  const auto result = recovered();
  ASSERT_TRUE(result.has_value());
  EXPECT_NE(result->notes.at(0).find("2 whole entries"), std::string::npos) << result->notes[0];
}

TEST_F(RecoveryTest, a_file_torn_at_its_creation_is_removed) {
  put_snapshot(Zxid{0}, 0);
  put(files, path("log.1"), log_of({1, 2}));
  const std::string new_file = log_of({3, 4});
  for (const std::string& bytes :
       {std::string(), new_file.substr(0, 7), std::string(16, '\0'),
        std::string(16, '\0') + new_file.substr(16), new_file.substr(0, 30)}) {
    put(files, path("log.3"), bytes);
    const auto result = recovered();
    ASSERT_TRUE(result.has_value()) << result.error().message;
    EXPECT_EQ(result->last_logged, Zxid{2});
    EXPECT_EQ(names(), (Lines{"log.1", "snapshot.0"})) << bytes.size();
    EXPECT_EQ(result->notes.size(), 1u);
  }
}

TEST_F(RecoveryTest, bad_bytes_with_later_writes_behind_them_are_damage) {
  put_snapshot(Zxid{0}, 0);
  std::string bytes;
  append_log_header(bytes);
  std::vector<uint64_t> offsets;
  for (int64_t zxid = 1; zxid <= 100; ++zxid) {
    offsets.push_back(bytes.size());
    append_log_entry(bytes, make_txn(Zxid{zxid}, 100'000).view());
  }
  std::string bad = bytes;
  bad[offsets[3] + 1000] ^= 1;
  put(files, path("log.1"), bad);
  expect_failure(fmt::format("log.1: offset {}: entry with a wrong checksum", offsets[3]));
  EXPECT_EQ(get(files, path("log.1")), bad);  // untouched
  // Zeros in the middle are no padding.
  bad = bytes;
  bad.replace(offsets[3], 5000, std::string(5000, '\0'));
  put(files, path("log.1"), bad);
  expect_failure(fmt::format("log.1: offset {}: zeros", offsets[3]));
  // One batch before the end it may be torn.
  bad = bytes;
  bad[offsets[70] + 1000] ^= 1;
  put(files, path("log.1"), bad);
  const auto result = recovered();
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->last_logged, Zxid{70});
  EXPECT_NE(result->notes.at(0).find("29 whole entries"), std::string::npos) << result->notes[0];
}

TEST_F(RecoveryTest, a_wrong_header_is_damage) {
  put_snapshot(Zxid{0}, 0);
  std::string bytes = log_of({1, 2});
  bytes[1] = 'X';
  put(files, path("log.1"), bytes);
  expect_failure("log.1: offset 0");
}

TEST_F(RecoveryTest, damage_in_any_file_but_the_last_is_refused) {
  put_snapshot(Zxid{0}, 0);
  std::string bytes = log_of({1, 2, 3});
  bytes[log_of({1, 2}).size() + 30] ^= 1;
  put(files, path("log.1"), bytes);
  put(files, path("log.3"), log_of({3, 4}));
  expect_failure("log.1: offset");
}

TEST_F(RecoveryTest, ends_that_java_passes_over_are_judged_at_the_next_file) {
  put_snapshot(Zxid{0}, 0);
  const std::string torn = log_of({1, 2, 3}).substr(0, log_of({1, 2}).size() + 30);
  put(files, path("log.1"), torn);
  put(files, path("log.3"), log_of({3, 4}));
  EXPECT_EQ(recovered()->last_logged, Zxid{4});
  ASSERT_TRUE(files.remove(path("log.3")).has_value());
  put(files, path("log.4"), log_of({4, 5}));
  expect_failure("log.4: offset 16: 0x4 follows 0x2");
  ASSERT_TRUE(files.remove(path("log.4")).has_value());
  put(files, path("log.200000001"), log_of({0x200000001}));
  EXPECT_EQ(recovered()->last_logged, Zxid{0x200000001});
  ASSERT_TRUE(files.remove(path("log.200000001")).has_value());
  put(files, path("log.200000002"), log_of({0x200000002}));
  expect_failure("0x200000002 follows 0x2");
}

// The first transaction of an epoch may stand behind any of an older one: the zxids do not show
// what a damaged entry at the end of the file before it has hidden.
TEST_F(RecoveryTest, damage_before_a_new_epoch_shows_in_the_digests) {
  // With the zxid at which its walk ended: digests are compared from there on.
  const auto digest = static_cast<int64_t>(state::Database().tree().digest());
  put_snapshot(Zxid{0}, 0, nullptr, {SnapshotTrailer::Digest{Zxid{0}, digest}, {}});
  state::Database database;
  std::string first, second;
  append_log_header(first);
  append_log_header(second);
  size_t third = 0;
  for (const int64_t zxid : {int64_t{1}, int64_t{2}, int64_t{3}, int64_t{0x200000001}}) {
    wire::Txn txn = make_create(Zxid{zxid});
    database.apply(txn, nullptr);
    txn.digest = wire::TxnDigest{2, static_cast<int64_t>(database.tree().digest())};
    if (zxid == 3) third = first.size();
    append_log_entry(zxid > 3 ? second : first, wire::serialize(txn).view());
  }
  put(files, path("log.1"), first);
  put(files, path("log.200000001"), second);
  EXPECT_EQ(recovered()->last_logged, Zxid{0x200000001});
  // A length of zero, which looks like padding, and one beyond the file's end.
  for (const char length : {'\0', '\x7f'}) {
    std::string bytes = first;
    bytes[third + (length == 0 ? 11 : 8)] = length;
    put(files, path("log.1"), bytes);
    expect_failure(fmt::format("log.1: offset {}: ", third));
    expect_failure("by the digest of 0x200000001 transactions are missing here");
  }
}

TEST_F(RecoveryTest, whole_entries_behind_a_bad_one_before_the_last_file_are_damage) {
  put_snapshot(Zxid{0}, 0);
  std::string bytes = log_of({1, 2, 3});
  bytes[log_of({1}).size() + 8] = 0x7f;  // a length beyond the file's end
  put(files, path("log.1"), bytes);
  put(files, path("log.200000001"), log_of({0x200000001}));
  expect_failure("log.1: offset");
  expect_failure("1 whole entries stand behind it");
}

TEST_F(RecoveryTest, content_that_looks_like_older_entries_does_not_count) {
  put_snapshot(Zxid{0}, 0);
  // A client stored a log file in a node; the write of that node was torn.
  const std::string inner = log_of({1, 2, 3}).substr(16);
  const auto nested = txns::create(5, "/copy", inner, -1);
  std::string bytes = log_of({1, 2, 3, 4});
  const uint64_t good = bytes.size();
  append_log_entry(bytes, wire::serialize(nested).view());
  put(files, path("log.1"), bytes.substr(0, bytes.size() - 20));
  const auto result = recovered();
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->last_logged, Zxid{4});
  EXPECT_NE(result->notes.at(0).find("0 whole entries"), std::string::npos) << result->notes[0];
  EXPECT_EQ(get(files, path("log.1")).size(), good);
}

}  // namespace
}  // namespace zooid::storage::test
