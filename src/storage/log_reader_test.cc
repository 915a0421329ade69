#include "storage/log_reader.h"

#include "storage/test_store.h"

namespace zooid::storage::test {
namespace {

class LogReaderTest : public Store {
 protected:
  std::string path(const std::string& name) { return kVersion2 + "/" + name; }
};

TEST_F(LogReaderTest, begins_at_the_wanted_zxid_in_the_file_that_may_hold_it) {
  put(files, path("log.1"), log_of({1, 2, 3}));
  put(files, path("log.4"), log_of({4, 5}) + std::string(5000, '\0'));
  put(files, path("log.100000001"), log_of({0x100000001}));
  EXPECT_EQ(logged(0), "1 2 3 4 5 100000001");
  EXPECT_EQ(logged(3), "3 4 5 100000001");
  EXPECT_EQ(logged(4), "4 5 100000001");
  EXPECT_EQ(logged(6), "100000001");
  EXPECT_EQ(logged(0x100000002), "");
}

TEST_F(LogReaderTest, files_before_the_one_that_holds_the_wanted_zxid_are_not_read) {
  put(files, path("log.1"), log_of({1, 2, 3}));
  put(files, path("log.4"), std::string(100, 'x'));
  put(files, path("log.6"), log_of({6, 7}));
  EXPECT_EQ(logged(6), "6 7");
  EXPECT_EQ(logged(7), "7");
  EXPECT_NE(logged(5).find("log.4"), std::string::npos);
}

TEST_F(LogReaderTest, gives_place_and_bytes_of_each_entry) {
  put(files, path("log.1"), log_of({1, 2}));
  auto reader = LogReader::open(files, kVersion2, Zxid{1});
  const auto txn = reader->next().value();
  EXPECT_EQ(txn->txn.view(), make_txn(Zxid{1}).view());
  EXPECT_EQ(reader->file_name(), "log.1");
  EXPECT_EQ(reader->entry_offset(), 16u);
  EXPECT_EQ(reader->entry_end(), log_of({1}).size());
}

TEST_F(LogReaderTest, goes_on_when_the_log_grows_and_rolls) {
  start();
  auto reader = LogReader::open(files, kVersion2, Zxid{0});
  ASSERT_TRUE(reader.has_value());
  int64_t zxid = 0;
  for (int round = 0; round < 20; ++round) {
    EXPECT_FALSE(reader->next().value().has_value());
    if (round % 3 == 0) worker->submit(RollLog{});
    append(zxid + 1, zxid + 3, 1000);
    run();
    if (round % 4 == 0) worker->submit(RollLog{});
    append(zxid + 4, zxid + 4);
    run();
    for (int i = 0; i < 4; ++i) EXPECT_EQ(reader->next().value().value().zxid, Zxid{++zxid});
  }
}

TEST_F(LogReaderTest, an_unfinished_write_at_the_end_is_the_end_for_now) {
  const std::string whole = log_of({1, 2, 3}, 2000);
  for (size_t size = 0; size < whole.size(); size += 7) {
    std::string part = whole.substr(0, size);
    part.resize(whole.size());  // the rest not written yet
    put(files, path("log.1"), part);
    auto reader = LogReader::open(files, kVersion2, Zxid{0});
    ASSERT_TRUE(reader.has_value()) << size;
    int64_t zxid = 0;
    while (auto txn = reader->next().value()) EXPECT_EQ(txn->zxid, Zxid{++zxid});
    put(files, path("log.1"), whole);
    while (auto txn = reader->next().value()) EXPECT_EQ(txn->zxid, Zxid{++zxid});
    EXPECT_EQ(zxid, 3);
    if (size == 0) size = 9;  // a header comes whole
  }
}

TEST_F(LogReaderTest, gaps_and_damage_are_errors_that_name_file_and_offset) {
  put(files, path("log.1"), log_of({1, 2}));
  put(files, path("log.4"), log_of({4}));
  EXPECT_EQ(logged().substr(0, 4), "1 2 ");
  EXPECT_NE(logged().find("log.4: offset 16: 0x4 follows 0x2"), std::string::npos) << logged();
  std::string bad = log_of({1, 2});
  bad[50] ^= 1;
  put(files, path("log.1"), bad);
  EXPECT_NE(logged().find("log.1: offset 16: entry with a wrong checksum"), std::string::npos);
}

// It may hide transactions before those of a new epoch.
TEST_F(LogReaderTest, a_torn_end_of_any_file_but_the_last_is_an_error) {
  put(files, path("log.1"), log_of({1, 2}) + std::string(20, 'x'));
  put(files, path("log.100000001"), log_of({0x100000001}));
  EXPECT_NE(logged(1).find("log.1: offset"), std::string::npos) << logged(1);
  EXPECT_EQ(logged(0x100000001), "100000001");
}

TEST_F(LogReaderTest, a_gap_counts_only_if_something_wanted_is_missing) {
  // As a Java server leaves it that took a snapshot over from a leader and was not stopped.
  put(files, path("log.1"), log_of({1, 2, 0x51, 0x52}));
  EXPECT_EQ(logged(0x51), "51 52");
  EXPECT_EQ(logged(0x52), "52");
  for (const int64_t from : {2, 3, 0x50}) {
    EXPECT_NE(logged(from).find("0x51 follows 0x2"), std::string::npos) << from;
  }
}

TEST_F(LogReaderTest, error_transactions_with_the_zxid_of_the_one_before_are_left_out) {
  put(files, path("log.1"), read_golden("standalone-3.9.5/version-2/log.1"));
  auto reader = LogReader::open(files, kVersion2, Zxid{0});
  int64_t zxid = 0;
  while (auto txn = reader->next().value()) EXPECT_EQ(txn->zxid, Zxid{++zxid});
  EXPECT_EQ(zxid, 0x51);
}

TEST_F(LogReaderTest, lists_only_well_named_files_in_order) {
  for (const char* name :
       {"log.10", "log.9", "log.a", "log.zz", "log.", "log.1.tmp", "snapshot.3", "snapshot.20.gz",
        "snapshot.5.snappy", "snapshot.6.tmp", "snapshot.x", "tmp.snapshot.7", "currentEpoch"}) {
    put(files, path(name), "x");
  }
  Lines found;
  const auto logs = list_log_files(files, kVersion2);
  for (const auto& log : *logs) found.push_back(log.name);
  EXPECT_EQ(found, (Lines{"log.9", "log.a", "log.10"}));
  found.clear();
  const auto snapshots = list_snapshot_files(files, kVersion2);
  for (const auto& snapshot : *snapshots) found.push_back(snapshot.name);
  EXPECT_EQ(found, (Lines{"snapshot.20.gz", "snapshot.5.snappy", "snapshot.3"}));
}

TEST_F(LogReaderTest, reach_follows_quorum_protocol_4_1a) {
  put(files, path("log.100000001"), std::string(1000, 'x'));
  put(files, path("log.100000010"), std::string(200, 'x'));
  put(files, path("log.300000001"), std::string(30, 'x'));
  put(files, path("snapshot.100000008"), std::string(77, 'x'));
  struct Case {
    int64_t learner;
    bool has_start;
    uint64_t bytes;
  };
  for (const Case& c :
       {Case{0, false, 230}, Case{0x100000000, false, 230}, Case{0x100000001, true, 230},
        Case{0x100000005, true, 230}, Case{0x100000010, true, 230}, Case{0x100000011, true, 30},
        Case{0x300000001, true, 30}, Case{0x300000002, true, 0}}) {
    const LogReach reach = log_reach(files, kDirectories, Zxid{c.learner}).value();
    EXPECT_EQ(reach.has_start, c.has_start) << c.learner;
    EXPECT_EQ(reach.bytes_after_start, c.bytes) << c.learner;
    EXPECT_EQ(reach.newest_snapshot_bytes, 77u);
  }
}

TEST_F(LogReaderTest, reach_does_not_cross_a_snapshot_that_replaced_the_history) {
  put(files, path("log.100000001"), log_of({0x100000001, 0x100000002}));
  put(files, path("log.300000001"), log_of({0x300000001}));
  put(files, path("snapshot.300000000"), "x");
  EXPECT_FALSE(log_reach(files, kDirectories, Zxid{0x100000001}).value().has_start);
  EXPECT_TRUE(log_reach(files, kDirectories, Zxid{0x300000001}).value().has_start);
}

}  // namespace
}  // namespace zooid::storage::test
