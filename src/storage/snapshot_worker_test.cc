#include "storage/snapshot_worker.h"

#include "base/log.h"
#include "storage/purge.h"
#include "storage/snapshot_file.h"
#include "storage/test_store.h"

namespace zooid::storage::test {
namespace {

class SnapshotWorkerTest : public Store, public SnapshotCompletions {
 protected:
  SnapshotWorkerTest() { restart(); }
  void restart(Compression compression = Compression::kNone) {
    snapshots = std::make_unique<SnapshotWorker>(
        files, SnapshotOptions{kVersion2, kVersion2, compression, true}, *this);
  }
  void on_snapshot_completion(SnapshotCompletion completion) override {
    static constexpr const char* kWhat[] = {"durable", "published", "failed"};
    told.push_back(fmt::format("{} {} {:x}", completion.id,
                               kWhat[static_cast<int>(completion.what)], completion.zxid.value));
    error = completion.error;
  }
  void on_state_read(Incarnation role, Result<Recovered> state) override {
    told.push_back(state ? fmt::format("role {} read {:x}", role.value, state->last_logged.value)
                         : state.error().message);
    error = state ? Error{} : state.error();
  }
  void submit_whole(uint64_t id, Zxid zxid, size_t chunk_bytes = 1000) {
    snapshots->submit(SnapshotBegin{id, zxid});
    const std::string body = txns::snapshot_of(database);
    for (size_t at = 0; at < body.size(); at += chunk_bytes) {
      snapshots->submit(SnapshotChunk{id, body.substr(at, chunk_bytes)});
    }
    snapshots->submit(SnapshotEnd{id, true, database.last_zxid(),
                                  static_cast<int64_t>(database.tree().digest())});
  }
  Lines run_snapshots() {
    while (snapshots->step()) {
    }
    return std::exchange(told, {});
  }
  void fill(int64_t nodes) {
    for (int64_t zxid = 1; zxid <= nodes; ++zxid) {
      database.apply(make_create(Zxid{zxid}, 100), nullptr);
    }
  }

  state::Database database;
  Lines told;
  Error error;
  std::unique_ptr<SnapshotWorker> snapshots;
};

TEST_F(SnapshotWorkerTest, a_snapshot_has_no_name_before_it_is_published) {
  fill(100);
  submit_whole(1, Zxid{100});
  EXPECT_GT(snapshots->backlog(), 10'000u);
  EXPECT_EQ(run_snapshots(), Lines{"1 durable 64"});
  EXPECT_EQ(snapshots->backlog(), 0u);
  EXPECT_TRUE(list_snapshot_files(files, kVersion2)->empty());
  snapshots->submit(SnapshotPublish{1});
  EXPECT_EQ(run_snapshots(), Lines{"1 published 64"});
  EXPECT_EQ(names(), Lines{"snapshot.64"});
  EXPECT_EQ(txns::dump(*recovered()->database), txns::dump(database));
}

TEST_F(SnapshotWorkerTest, a_published_snapshot_is_nobodys_any_more) {
  fill(10);
  submit_whole(1, Zxid{10});
  snapshots->submit(SnapshotPublish{1});
  snapshots->submit(SnapshotPublish{1});
  snapshots->submit(SnapshotAbort{1});
  snapshots->submit(SnapshotChunk{1, "x"});
  EXPECT_EQ(run_snapshots(), (Lines{"1 durable a", "1 published a"}));
  EXPECT_EQ(names(), Lines{"snapshot.a"});
}

TEST_F(SnapshotWorkerTest, compressed_snapshots_carry_their_suffix) {
  fill(10);
  for (const auto compression : {Compression::kGzip, Compression::kSnappy}) {
    restart(compression);
    submit_whole(1, Zxid{10});
    snapshots->submit(SnapshotPublish{1});
    run_snapshots();
    const auto found = list_snapshot_files(files, kVersion2).value();
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].name, snapshot_file_name(Zxid{10}, compression));
    EXPECT_EQ(txns::dump(*recovered()->database), txns::dump(database));
    ASSERT_TRUE(files.remove(kVersion2 + "/" + found[0].name).has_value());
  }
}

TEST_F(SnapshotWorkerTest, abort_removes_the_temporary_and_later_requests_of_it_are_passed_over) {
  fill(10);
  submit_whole(1, Zxid{10});
  snapshots->submit(SnapshotAbort{1});
  snapshots->submit(SnapshotPublish{1});
  snapshots->submit(SnapshotChunk{1, "x"});
  EXPECT_EQ(run_snapshots(), Lines{"1 durable a"});
  EXPECT_EQ(names(), Lines{});
  submit_whole(2, Zxid{10});
  submit_whole(3, Zxid{10});  // takes the place of the one before
  snapshots->submit(SnapshotPublish{2});
  snapshots->submit(SnapshotPublish{3});
  EXPECT_EQ(run_snapshots(), (Lines{"2 durable a", "3 durable a", "3 published a"}));
  EXPECT_EQ(names(), Lines{"snapshot.a"});
}

TEST_F(SnapshotWorkerTest, a_full_disk_fails_one_snapshot_and_leaves_nothing) {
  fill(10'000);
  for (const uint64_t space : {0, 10, 300'000, 1'000'000}) {
    files.set_capacity(space);
    submit_whole(1, Zxid{10});
    snapshots->submit(SnapshotPublish{1});
    EXPECT_EQ(run_snapshots(), Lines{"1 failed a"});
    EXPECT_EQ(error.kind, Error::Kind::kNoSpace);
    EXPECT_EQ(names(), Lines{});
  }
  files.set_capacity(UINT64_MAX);
  submit_whole(2, Zxid{10});
  snapshots->submit(SnapshotPublish{2});
  EXPECT_EQ(run_snapshots(), (Lines{"2 durable a", "2 published a"}));
}

TEST_F(SnapshotWorkerTest, every_failing_operation_is_reported_as_failed) {
  fill(10);
  for (const Kind kind :
       {Kind::kCreate, Kind::kWrite, Kind::kSync, Kind::kRename, Kind::kSyncDirectory}) {
    files.set_fault([kind](const auto& operation) -> std::optional<Error> {
      if (operation.kind != kind) return std::nullopt;
      return Error{Error::Kind::kOther, "no"};
    });
    submit_whole(1, Zxid{10});
    snapshots->submit(SnapshotPublish{1});
    EXPECT_EQ(run_snapshots().back(), "1 failed a");
    files.set_fault({});
  }
}

TEST_F(SnapshotWorkerTest, a_crash_at_any_moment_leaves_no_torn_snapshot) {
  fill(50);
  uint64_t seed = 0;
  files.set_observer([&](const auto&) {
    for (int i = 0; i < 10; ++i) {
      for (const auto survivors :
           {env::MemoryFileSystem::Survivors::kPrefix, env::MemoryFileSystem::Survivors::kSubset}) {
        const auto after = files.after_crash(survivors, ++seed);
        ASSERT_TRUE(clean_directories(*after, kDirectories).has_value());
        const auto all = list_snapshot_files(*after, kVersion2);
        for (const auto& found : *all) {
          EXPECT_TRUE(load_snapshot_file(*after, kVersion2 + "/" + found.name,
                                         *parse_snapshot_file_name(found.name), {})
                          .has_value());
        }
        EXPECT_LE(after->list(kVersion2)->size(), 1u);  // no temporary either
      }
    }
  });
  submit_whole(1, Zxid{50});
  snapshots->submit(SnapshotPublish{1});
  EXPECT_EQ(run_snapshots(), (Lines{"1 durable 32", "1 published 32"}));
  files.set_observer({});
  EXPECT_TRUE(files.after_crash(env::MemoryFileSystem::Survivors::kNone, 1)
                  ->exists(kVersion2 + "/snapshot.32"));
}

TEST_F(SnapshotWorkerTest, dispose_runs_on_the_worker) {
  bool is_freed = false;
  snapshots->submit(Dispose{[&] { is_freed = true; }});
  EXPECT_FALSE(is_freed);
  run_snapshots();
  EXPECT_TRUE(is_freed);
}

TEST_F(SnapshotWorkerTest, the_state_is_read_again_unless_nobody_waits_any_more) {
  put(files, kVersion2 + "/snapshot.0", read_golden("standalone-3.8.0/version-2/snapshot.0"));
  put(files, kVersion2 + "/log.1", log_of({1, 2}));
  snapshots->submit(ReadState{{7}, kDirectories, {}});
  EXPECT_EQ(run_snapshots(), Lines{"role 7 read 2"});
  snapshots->submit(ReadState{{8}, kDirectories, {}});
  snapshots->stop_reading();
  snapshots->submit(ReadState{{9}, kDirectories, {}});
  EXPECT_TRUE(snapshots->step());
  EXPECT_EQ(error.kind, Error::Kind::kStopped);
  told.clear();
  EXPECT_EQ(run_snapshots(), Lines{"role 9 read 2"});
}

class PurgeTest : public SnapshotWorkerTest {
 protected:
  void put_snapshot(int64_t zxid, bool is_whole = true) {
    const std::string golden = read_golden("standalone-3.8.0/version-2/snapshot.0");
    put(files, fmt::format("{}/snapshot.{:x}", kVersion2, zxid),
        is_whole ? golden : golden.substr(0, 300));
  }
  void put_log(int64_t zxid) { put(files, fmt::format("{}/log.{:x}", kVersion2, zxid), "x"); }
};

TEST_F(PurgeTest, keeps_the_newest_whole_snapshots_and_the_logs_behind_the_oldest_of_them) {
  for (const int64_t zxid : {0, 5, 10, 20, 30}) put_snapshot(zxid);
  put_snapshot(25, false);
  for (const int64_t zxid : {1, 6, 8, 11, 21}) put_log(zxid);
  put(files, kVersion2 + "/currentEpoch", "1");
  snapshots->submit(PurgeFiles{3});
  run_snapshots();
  EXPECT_EQ(names(), (Lines{"currentEpoch", "log.15", "log.8", "log.b", "snapshot.14",
                            "snapshot.19", "snapshot.1e", "snapshot.a"}));
}

TEST_F(PurgeTest, old_files_that_nothing_deletes_are_warned_of) {
  std::vector<std::string> warnings;
  log::set_sink([&](log::Level, std::string_view line) { warnings.emplace_back(line); });
  for (const int64_t zxid : {5, 10, 20}) put_snapshot(zxid);
  for (const int64_t zxid : {1, 6}) put_log(zxid);
  snapshots->submit(WarnOfOldFiles{3});
  run_snapshots();
  EXPECT_TRUE(warnings.empty());
  put_snapshot(30);
  const Lines before = names();
  snapshots->submit(WarnOfOldFiles{3});
  run_snapshots();
  log::set_sink([](log::Level, std::string_view) {});
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_TRUE(warnings[0].contains("2 old snapshots and logs")) << warnings[0];
  EXPECT_TRUE(warnings[0].contains("autopurge.purgeInterval")) << warnings[0];
  EXPECT_EQ(names(), before);
}

TEST_F(PurgeTest, deletes_nothing_while_there_are_too_few_and_never_keeps_less_than_three) {
  for (const int64_t zxid : {0, 5}) put_snapshot(zxid);
  for (const int64_t zxid : {1, 6}) put_log(zxid);
  EXPECT_TRUE(purge_files(files, kVersion2, kVersion2, 1)->empty());
  put_snapshot(7);
  put_snapshot(9);
  EXPECT_EQ(purge_files(files, kVersion2, kVersion2, 1).value(),
            (Lines{kVersion2 + "/snapshot.0"}));
}

TEST_F(PurgeTest, a_log_that_begins_right_at_the_oldest_snapshot_is_kept_alone) {
  for (const int64_t zxid : {5, 10, 20}) put_snapshot(zxid);
  for (const int64_t zxid : {1, 5, 6}) put_log(zxid);
  EXPECT_EQ(purge_files(files, kVersion2, kVersion2, 3).value(), (Lines{kVersion2 + "/log.1"}));
}

}  // namespace
}  // namespace zooid::storage::test
