#include "storage/log_worker.h"

#include <deque>

#include "base/mark.h"
#include "storage/test_store.h"

namespace zooid::storage::test {
namespace {

class LogWorkerTest : public Store {
 protected:
  // Operations on the disk, as letters: create, write, truncate, sync, directory sync.
  void record() {
    files.set_observer([this](const auto& operation) {
      static constexpr char kLetters[] = {'c', 'w', 't', 's', 'n', 'r', 'd'};
      operations += kLetters[static_cast<int>(operation.kind)];
    });
  }
  std::string operations;
};

TEST_F(LogWorkerTest, one_write_and_one_sync_for_everything_that_is_queued) {
  start({.preallocate_bytes = 0});
  append(1, 1);
  run();
  record();
  append(2, 100);
  EXPECT_FALSE(worker->idle());
  EXPECT_EQ(run(), Lines{"synced 64"});
  EXPECT_TRUE(worker->idle());
  EXPECT_EQ(operations, "ws");
  EXPECT_EQ(worker->figures().syncs, 2u);
  EXPECT_EQ(worker->figures().appended_txns, 100u);
  EXPECT_EQ(worker->figures().appended_bytes, get(files, kVersion2 + "/log.1").size() - 16);
}

TEST_F(LogWorkerTest, figures_tell_how_long_syncs_took) {
  // Begin and end of each; between them the line about the second.
  std::deque<int64_t> instants{0, 700, 1000, 3000, 3000, 4000, 4100};
  LogOptions options;
  options.slow_sync_us = 1'500;
  options.monotonic_us = [&] {
    const int64_t now_us = instants.front();
    instants.pop_front();
    return now_us;
  };
  start(options);
  for (int64_t zxid = 1; zxid <= 3; ++zxid) {
    append(zxid, zxid);
    run();
  }
  EXPECT_EQ(worker->figures().syncs, 3u);
  EXPECT_EQ(worker->figures().sync_us_total, 2'800u);
  EXPECT_EQ(worker->figures().sync_us_max, 2'000u);
  EXPECT_EQ(worker->figures().slow_syncs, 1u);
}

TEST_F(LogWorkerTest, waiting_bytes_are_those_that_are_not_durable_and_told_of) {
  start({.batch_bytes_max = 1'000});
  EXPECT_EQ(worker->waiting_bytes(), 0u);
  append(1, 4, 400);
  const uint64_t all = worker->waiting_bytes();
  EXPECT_GE(all, 4 * (400 + kWaitingAppendBytes));
  worker->submit(LogBarrier{{1}});
  EXPECT_EQ(worker->waiting_bytes(), all);
  EXPECT_TRUE(worker->step());
  EXPECT_EQ(worker->waiting_bytes(), all / 2);
  append(5, 5, 400, 2);  // of another role: dropped
  run();
  EXPECT_EQ(worker->waiting_bytes(), 0u);
  EXPECT_EQ(worker->figures().waiting_bytes_max, all);
  EXPECT_EQ(logged(), "1 2 3 4");
}

TEST_F(LogWorkerTest, directory_is_synced_before_the_first_entry_of_a_file_is_acknowledged) {
  start({.preallocate_bytes = 0});
  record();
  append(1, 1);
  EXPECT_EQ(run(), Lines{"synced 1"});
  EXPECT_EQ(operations, "cwwsd");
}

TEST_F(LogWorkerTest, batches_end_at_their_limit_and_a_larger_entry_goes_alone) {
  start({.batch_bytes_max = 1000});
  append(1, 3, 450);
  append(4, 4, 5000);
  append(5, 5, 10);
  EXPECT_EQ(run(), (Lines{"synced 1", "synced 2", "synced 3", "synced 4", "synced 5"}));
  append(6, 9, 250);
  EXPECT_EQ(run(), (Lines{"synced 7", "synced 9"}));
  EXPECT_EQ(logged(), "1 2 3 4 5 6 7 8 9");
}

TEST_F(LogWorkerTest, one_step_is_one_batch) {
  start();
  append(1, 2);
  worker->submit(LogBarrier{{1}});
  append(3, 3);
  EXPECT_TRUE(worker->step());
  EXPECT_EQ(completions.take(), Lines{"synced 2"});
  EXPECT_TRUE(worker->step());
  EXPECT_EQ(completions.take(), Lines{"barrier 1 last 2"});
  append(4, 4);  // joins what is left from before
  EXPECT_TRUE(worker->step());
  EXPECT_EQ(completions.take(), Lines{"synced 4"});
  EXPECT_FALSE(worker->step());
}

TEST_F(LogWorkerTest, new_file_after_start_and_roll_named_by_its_first_zxid) {
  start();
  append(1, 3);
  run();
  worker->submit(RollLog{});
  append(4, 5);
  run();
  start({}, Zxid{5});
  append(0x6, 0xa);
  run();
  EXPECT_EQ(names(), (Lines{"log.1", "log.4", "log.6"}));
  EXPECT_EQ(logged(), "1 2 3 4 5 6 7 8 9 a");
}

TEST_F(LogWorkerTest, rolls_at_the_size_limit) {
  start({.size_limit_bytes = 500});
  for (int64_t zxid = 1; zxid <= 10; ++zxid) {
    append(zxid, zxid, 100);
    run();
  }
  EXPECT_EQ(names(), (Lines{"log.1", "log.4", "log.7", "log.a"}));
  EXPECT_EQ(logged(), "1 2 3 4 5 6 7 8 9 a");
}

TEST_F(LogWorkerTest, zeros_are_filled_ahead_after_the_acknowledgement) {
  start({.preallocate_bytes = 64u << 20});
  append(1, 1);
  run();
  const std::string file = get(files, kVersion2 + "/log.1");
  EXPECT_GT(file.size(), 1u << 20);
  record();
  append(2, 2);
  run();
  EXPECT_EQ(operations, "ws");  // there is room
  append(3, 3, 600'000);
  run();
  EXPECT_EQ(operations, "wswsws");
  EXPECT_EQ(logged(), "1 2 3");
}

TEST_F(LogWorkerTest, preallocation_smaller_than_a_step_is_kept_to) {
  start({.preallocate_bytes = 65536});
  append(1, 1);
  run();
  EXPECT_LE(get(files, kVersion2 + "/log.1").size(), 65536u + 1000);
}

TEST_F(LogWorkerTest, padding_is_given_back_at_a_roll) {
  start();
  append(1, 1);
  worker->submit(RollLog{});
  append(2, 2);
  run();
  EXPECT_EQ(get(files, kVersion2 + "/log.1"), log_of({1}));
}

TEST_F(LogWorkerTest, requests_of_other_roles_than_the_current_one_are_dropped) {
  start();
  append(1, 2);
  worker->submit(LogBarrier{{2}});
  append(3, 3, 10, 1);
  worker->submit(WriteEpoch{{1}, EpochFile::kAccepted, 5});
  worker->submit(TruncateLog{{1}, Zxid{1}});
  append(3, 4, 10, 2);
  worker->submit(WriteEpoch{{2}, EpochFile::kCurrent, 7});
  EXPECT_EQ(run(), (Lines{"synced 2", "barrier 2 last 2", "synced 4", "epoch current 7"}));
  EXPECT_EQ(logged(), "1 2 3 4");
  EXPECT_EQ(get(files, kVersion2 + "/currentEpoch"), "7");
  EXPECT_FALSE(files.exists(kVersion2 + "/acceptedEpoch"));
}

TEST_F(LogWorkerTest, full_disk_cuts_back_and_drops_the_role_until_the_next_one) {
  start({.preallocate_bytes = 0});
  worker->submit(LogBarrier{{1}});
  append(1, 2, 1000);
  run();
  const std::string before = get(files, kVersion2 + "/log.1");
  files.set_capacity(before.size() + 1500);
  append(3, 5, 1000);
  EXPECT_EQ(run(), Lines{"failed last 2 full"});
  EXPECT_EQ(get(files, kVersion2 + "/log.1"), before);
  append(6, 6);
  worker->submit(WriteEpoch{{1}, EpochFile::kAccepted, 1});
  EXPECT_EQ(run(), Lines{});
  worker->submit(LogBarrier{{2}});
  append(3, 3, 10, 2);
  EXPECT_EQ(run(), (Lines{"barrier 2 last 2", "synced 3"}));
  EXPECT_EQ(logged(), "1 2 3");
}

TEST_F(LogWorkerTest, full_disk_at_a_new_file_leaves_no_file) {
  start({.preallocate_bytes = 0});
  append(1, 1, 1000);
  run();
  for (const uint64_t free : {0, 8, 16, 500}) {
    files.set_capacity(files.used_bytes() + free);
    worker->submit(LogBarrier{{1}});
    worker->submit(RollLog{});
    append(2, 2, 1000);
    EXPECT_EQ(run(), (Lines{"barrier 1 last 1", "failed last 1 full"}));
    EXPECT_EQ(names(), Lines{"log.1"});
  }
  files.set_capacity(UINT64_MAX);
  worker->submit(LogBarrier{{2}});
  append(2, 2, 1000, 2);
  EXPECT_EQ(run(), (Lines{"barrier 2 last 1", "synced 2"}));
  EXPECT_EQ(logged(), "1 2");
}

TEST_F(LogWorkerTest, full_disk_at_preallocation_does_not_fail_an_append_that_fits) {
  files.set_capacity(100'000);
  start();
  append(1, 1);
  EXPECT_EQ(run(), Lines{"synced 1"});
  EXPECT_GE(mark_count("storage.fill_ahead_failed"), 1u);
  append(2, 50, 1000);
  EXPECT_EQ(run(), Lines{"synced 32"});
  append(51, 51, 60'000);
  EXPECT_EQ(run(), Lines{"failed last 32 full"});
}

TEST_F(LogWorkerTest, writing_is_possible_again_when_a_whole_batch_has_room) {
  start();
  append(1, 1);
  run();
  files.set_capacity(files.used_bytes() + kLogBatchBytesMax - 1);
  worker->submit(TryWriting{{1}});
  EXPECT_NE(run().front().find("no space left"), std::string::npos);
  files.set_capacity(files.used_bytes() + kLogBatchBytesMax);
  worker->submit(TryWriting{{1}});
  EXPECT_EQ(run(), Lines{"writable"});
  EXPECT_EQ(names(), Lines{"log.1"});
}

TEST_F(LogWorkerTest, nothing_is_written_before_a_failed_cut_was_made_up_for) {
  start({.preallocate_bytes = 0});
  append(1, 1);
  run();
  bool is_broken = true;
  files.set_fault([&](const auto& operation) -> std::optional<Error> {
    if (!is_broken || operation.kind != Kind::kTruncate) return std::nullopt;
    return Error{Error::Kind::kOther, "input/output error"};
  });
  files.set_capacity(files.used_bytes() + 150);
  append(2, 4);
  EXPECT_EQ(run(), Lines{"failed last 1 full"});
  EXPECT_EQ(logged(), "1 2");  // the junk is still there
  files.set_capacity(UINT64_MAX);
  worker->submit(LogBarrier{{2}});
  append(0x100000001, 0x100000001, 10, 2);
  EXPECT_EQ(run(), (Lines{"barrier 2 last 1", "failed last 1"}));
  worker->submit(TryWriting{{2}});
  EXPECT_EQ(run(), Lines{"not writable: input/output error"});
  is_broken = false;
  worker->submit(TryWriting{{2}});
  EXPECT_EQ(run(), Lines{"writable"});
  EXPECT_EQ(logged(), "1");
  worker->submit(LogBarrier{{3}});
  append(0x100000001, 0x100000001, 10, 3);
  EXPECT_EQ(run(), (Lines{"barrier 3 last 1", "synced 100000001"}));
  EXPECT_EQ(logged(), "1 100000001");
}

TEST_F(LogWorkerTest, failed_sync_is_fatal_and_nothing_is_acknowledged_or_written_afterwards) {
  for (const Kind kind : {Kind::kSync, Kind::kSyncDirectory}) {
    fatal.clear();
    start();
    files.set_fault([kind](const auto& operation) -> std::optional<Error> {
      if (operation.kind != kind) return std::nullopt;
      return Error{Error::Kind::kOther, "medium error"};
    });
    append(1, 1);
    EXPECT_EQ(run(), Lines{});
    EXPECT_EQ(fatal, "medium error");
    append(2, 2);
    worker->submit(LogBarrier{{2}});
    EXPECT_EQ(run(), Lines{});
  }
}

TEST_F(LogWorkerTest, without_force_sync_nothing_is_synced) {
  start({.force_sync = false, .preallocate_bytes = 0});
  record();
  append(1, 2);
  EXPECT_EQ(run(), Lines{"synced 2"});
  EXPECT_EQ(operations, "cww");
}

TEST_F(LogWorkerTest, truncate_cuts_behind_the_last_entry_kept_and_deletes_later_files) {
  put(files, kVersion2 + "/snapshot.0", "");
  start();
  append(1, 4);
  run();
  for (const int64_t first : {5, 8}) {
    worker->submit(RollLog{});
    append(first, first + 2);
    run();
  }
  EXPECT_EQ(names(), (Lines{"log.1", "log.5", "log.8", "snapshot.0"}));
  worker->submit(TruncateLog{{1}, Zxid{6}});
  EXPECT_EQ(run(), Lines{"cut 6"});
  EXPECT_EQ(names(), (Lines{"log.1", "log.5", "snapshot.0"}));
  EXPECT_EQ(get(files, kVersion2 + "/log.5"), log_of({5, 6}));  // no padding, as ZooKeeper
  append(7, 7);
  EXPECT_EQ(run(), Lines{"synced 7"});
  EXPECT_EQ(names(), (Lines{"log.1", "log.5", "log.7", "snapshot.0"}));
  EXPECT_EQ(logged(), "1 2 3 4 5 6 7");
}

TEST_F(LogWorkerTest, truncate_to_a_zxid_that_is_not_there_keeps_what_is_lower) {
  put(files, kVersion2 + "/snapshot.0", "");
  start();
  append(1, 3);
  worker->submit(RollLog{});
  append(0x200000001, 0x200000003);
  run();
  worker->submit(TruncateLog{{1}, Zxid{0x100000005}});
  EXPECT_EQ(run(), Lines{"cut 3"});
  worker->submit(TruncateLog{{1}, Zxid{0x300000000}});  // beyond the end, as after a SNAP
  EXPECT_EQ(run(), Lines{"cut 3"});
  worker->submit(TruncateLog{{1}, Zxid{0}});
  EXPECT_EQ(run(), Lines{"cut 0"});
  EXPECT_EQ(names(), Lines{"snapshot.0"});
  worker->submit(LogBarrier{{2}});
  EXPECT_EQ(run(), Lines{"barrier 2 last 0"});
}

// Rule 35: a start would have refused and changed nothing; so does a cut.
TEST_F(LogWorkerTest, nothing_is_cut_at_a_bad_entry_that_is_not_the_end) {
  put(files, kVersion2 + "/snapshot.0", "");
  std::string bytes = log_of({1, 2, 3, 4, 5, 6, 7, 8});
  const size_t fourth = log_of({1, 2, 3}).size();
  bytes[fourth + 40] ^= 4;
  put(files, kVersion2 + "/log.1", bytes);
  const std::string refusal = fmt::format(
      "not cut: {}/log.1: offset {}: entry with a wrong checksum, which is not the end of the log",
      kVersion2, fourth);
  for (const int64_t to : {8, 5, 9}) {
    start({}, Zxid{8});
    worker->submit(TruncateLog{{1}, Zxid{to}});
    EXPECT_EQ(run(), Lines{refusal}) << to;
    EXPECT_EQ(get(files, kVersion2 + "/log.1"), bytes);
  }
  // What is to be kept was read; what is behind it goes, good or bad.
  worker->submit(TruncateLog{{1}, Zxid{3}});
  EXPECT_EQ(run(), Lines{"cut 3"});
  EXPECT_EQ(get(files, kVersion2 + "/log.1"), log_of({1, 2, 3}));
}

TEST_F(LogWorkerTest, nothing_is_cut_where_a_snapshot_alone_has_what_lies_between) {
  put(files, kVersion2 + "/snapshot.0", "");
  put(files, kVersion2 + "/snapshot.f", "");
  put(files, kVersion2 + "/log.1", log_of({1, 2, 3}));
  start({}, Zxid{15});
  worker->submit(TruncateLog{{1}, Zxid{12}});
  const std::string hole = " is in a snapshot alone";
  EXPECT_EQ(run(), Lines{"not cut: " + kVersion2 + ": what lies between 0x3 and 0xf" + hole});
  put(files, kVersion2 + "/log.10", log_of({0x10}));
  worker->submit(TruncateLog{{1}, Zxid{12}});
  EXPECT_EQ(run(), Lines{"not cut: " + kVersion2 + ": what lies between 0x3 and 0x10" + hole});
  EXPECT_EQ(names(), (Lines{"log.1", "log.10", "snapshot.0", "snapshot.f"}));
}

TEST_F(LogWorkerTest, nothing_is_cut_of_which_no_snapshot_leads_to_the_rest) {
  put(files, kVersion2 + "/snapshot.5", "");
  put(files, kVersion2 + "/log.1", log_of({1, 2, 3, 4, 5, 6}));
  start({}, Zxid{6});
  worker->submit(TruncateLog{{1}, Zxid{4}});
  EXPECT_EQ(run(), Lines{"not cut: " + kVersion2 + ": there is no snapshot of 0x4 or before"});
  EXPECT_EQ(names(), (Lines{"log.1", "snapshot.5"}));
}

TEST_F(LogWorkerTest, what_is_cut_off_is_kept_for_people) {
  put(files, kVersion2 + "/snapshot.0", "");
  put(files, kVersion2 + "/snapshot.6", "six");
  LogOptions options;
  options.directories = kDirectories;
  start(options);
  append(1, 5);
  worker->submit(RollLog{});
  append(6, 7);
  run();
  worker->submit(TruncateLog{{1}, Zxid{3}});
  EXPECT_EQ(run(), Lines{"cut 3"});
  EXPECT_EQ(names(), (Lines{"log.1", "snapshot.0"}));
  const std::string kept = kDirectories.own() + "/cut-off";
  EXPECT_EQ(files.list(kept).value(), (Lines{"log.4", "log.6", "snapshot.6"}));
  EXPECT_EQ(get(files, kept + "/log.4"), log_of({4, 5}));
  EXPECT_EQ(get(files, kept + "/log.6").substr(0, log_of({6, 7}).size()), log_of({6, 7}));
}

TEST_F(LogWorkerTest, truncated_golden_log_is_the_one_that_java_made) {
  put(files, kVersion2 + "/snapshot.0", "");
  put(files, kVersion2 + "/log.100000001",
      read_golden("ensemble-3.8.0/server2/version-2/log.100000001"));
  start({}, Zxid{0x100000022});
  worker->submit(TruncateLog{{1}, Zxid{0x100000022}});
  EXPECT_EQ(run(), Lines{"cut 100000022"});
  EXPECT_EQ(get(files, kVersion2 + "/log.100000001"),
            read_golden("ensemble-3.8.0/server3/version-2/log.100000001"));
}

TEST_F(LogWorkerTest, entries_are_written_with_the_bytes_that_java_writes) {
  const std::string golden = read_golden("standalone-3.8.0/version-2/log.1");
  put(files, "/golden/log.1", golden);
  start({.preallocate_bytes = 0});
  auto reader = LogReader::open(files, "/golden", Zxid{0});
  ASSERT_TRUE(reader.has_value());
  size_t txns = 0;
  while (auto txn = reader->next().value()) {
    worker->submit(AppendTxn{{1}, txn->zxid, txn->txn});
    ++txns;
  }
  EXPECT_EQ(txns, 85u);
  EXPECT_EQ(run(), Lines{"synced 55"});
  EXPECT_EQ(get(files, kVersion2 + "/log.1"), golden.substr(0, reader->entry_end()));
}

TEST_F(LogWorkerTest, epochs_are_decimal_without_newline_and_failing_keeps_the_old_one) {
  start();
  worker->submit(WriteEpoch{{1}, EpochFile::kAccepted, 12});
  EXPECT_EQ(run(), Lines{"epoch accepted 12"});
  EXPECT_EQ(get(files, kVersion2 + "/acceptedEpoch"), "12");
  files.set_capacity(files.used_bytes() + 1);
  worker->submit(WriteEpoch{{1}, EpochFile::kAccepted, 13});
  EXPECT_EQ(run(), Lines{"failed last 0 full"});
  EXPECT_EQ(get(files, kVersion2 + "/acceptedEpoch"), "12");
  EXPECT_FALSE(files.exists(kVersion2 + "/acceptedEpoch.tmp"));
}

}  // namespace
}  // namespace zooid::storage::test
