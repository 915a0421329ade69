#include "storage/recovery.h"

#include "base/mark.h"
#include "storage/recovery_for_test.h"

namespace zooid::storage::test {
namespace {

constexpr auto kFresh = [](const Recovered& recovered) { return recovered.fresh; };

TEST_F(RecoveryTest, nothing_at_all_is_fresh_and_trusted_unless_told_otherwise) {
  auto result = recovered();
  ASSERT_TRUE(result.has_value());
  EXPECT_TRUE(kFresh(*result));
  EXPECT_EQ(result->last_logged, Zxid{0});
  EXPECT_EQ(result->database->tree().digest(), 0x51c6d660u);
  result = recovered({.auto_create = false, .is_ensemble_member = true});
  ASSERT_TRUE(result.has_value());
  EXPECT_TRUE(result->fresh);
  EXPECT_EQ(result->last_logged, kZxidUntrusted);
  EXPECT_EQ(result->current_epoch, 0);
  put(files, "/data/initialize", "");
  EXPECT_EQ(recovered({.auto_create = false})->last_logged, Zxid{0});
  EXPECT_FALSE(files.exists("/data/initialize"));
  EXPECT_EQ(recovered({.auto_create = false})->last_logged, kZxidUntrusted);
}

TEST_F(RecoveryTest, snapshot_and_log_give_the_state_and_the_newest_transactions) {
  put_snapshot(Zxid{3}, 3);
  put(files, path("log.1"), log_of({1, 2, 3, 4, 5}) + std::string(100'000, '\0'));
  put(files, path("log.6"), log_of({6, 7}));
  const auto result = recovered({.recent_max = 3});
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->last_logged, Zxid{7});
  EXPECT_EQ(result->snapshot_zxid, Zxid{3});
  EXPECT_FALSE(result->fresh);
  EXPECT_TRUE(result->notes.empty());
  EXPECT_NE(result->database->tree().find("/n7"), state::kNoNode);
  ASSERT_EQ(result->recent.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(result->recent[i].zxid, Zxid{5 + static_cast<int64_t>(i)});
    EXPECT_EQ(result->recent[i].txn.view(), make_txn(result->recent[i].zxid).view());
  }
  EXPECT_EQ(recovered()->recent.size(), 4u);
  EXPECT_EQ(result->replayed_txns, 4u);
  EXPECT_EQ(result->replayed_bytes, 4 * make_txn(Zxid{4}).size());
  EXPECT_EQ(get(files, path("log.1")).size(), 100'000 + log_of({1, 2, 3, 4, 5}).size());
}

TEST_F(RecoveryTest, the_newest_transactions_are_kept_within_a_bound_of_bytes) {
  put_snapshot(Zxid{0}, 0);
  put(files, path("log.1"), log_of({1, 2, 3, 4, 5}, 1'000));
  const size_t each = make_txn(Zxid{1}, 1'000).size();
  EXPECT_EQ(recovered({.recent_bytes_max = 5 * each})->recent.size(), 5u);
  auto result = recovered({.recent_bytes_max = 3 * each - 1});
  ASSERT_EQ(result->recent.size(), 2u);
  EXPECT_EQ(result->recent.front().zxid, Zxid{4});
  EXPECT_EQ(result->replayed_txns, 5u);
  EXPECT_TRUE(recovered({.recent_bytes_max = each - 1})->recent.empty());
  EXPECT_TRUE(recovered({.recent_max = 0})->recent.empty());
}

TEST_F(RecoveryTest, what_a_crash_left_unfinished_is_removed_from_both_directories) {
  const Directories apart{"/data", "/log"};
  ASSERT_TRUE(prepare_directories(files, apart).has_value());
  put(files, "/data/version-2/tmp.snapshot.5", "half");
  put(files, "/log/version-2/tmp.snapshot.ffffffffffffffff", "half");
  put(files, "/log/version-2/log.1", log_of({1}));
  ASSERT_TRUE(clean_directories(files, apart).has_value());
  EXPECT_EQ(files.list("/data/version-2").value(), Lines{});
  EXPECT_EQ(files.list("/log/version-2").value(), Lines{"log.1"});
}

TEST_F(RecoveryTest, a_directory_in_which_nothing_can_be_written_is_found_at_start) {
  const Directories apart{"/data", "/log"};
  ASSERT_TRUE(prepare_directories(files, apart).has_value());
  for (const Kind failing : {Kind::kCreate, Kind::kWrite, Kind::kSync, Kind::kRemove}) {
    for (const auto kind : {Error::Kind::kOther, Error::Kind::kNoSpace}) {
      files.set_fault([&](const auto& operation) {
        const bool fails = operation.kind == failing && operation.path.starts_with("/log/");
        return fails ? std::optional(Error{kind, operation.path + ": the reason"}) : std::nullopt;
      });
      const auto cleaned = clean_directories(files, apart);
      ASSERT_EQ(cleaned.has_value(), kind == Error::Kind::kNoSpace);
      if (cleaned) continue;
      EXPECT_EQ(cleaned.error().kind, Error::Kind::kConfig);
      EXPECT_TRUE(cleaned.error().message.starts_with("/log/version-2: no file can be written"));
      EXPECT_NE(cleaned.error().message.find("the reason"), std::string::npos);
    }
  }
  files.set_fault({});
  EXPECT_TRUE(clean_directories(files, apart).has_value());
  EXPECT_EQ(files.list("/log/version-2").value(), Lines{});
}

// Each slice is asked for; what is stopped has changed nothing, a torn end included.
TEST_F(RecoveryTest, a_long_recovery_tells_how_far_it_is_and_can_be_stopped) {
  constexpr size_t kDataBytes = 300'000;
  state::Database database;
  for (int64_t i = 1; i <= 10; ++i) database.apply(make_create(Zxid{i}, kDataBytes), nullptr);
  auto file = files.open(path("snapshot.a"), env::OpenMode::kTruncate);
  SnapshotFileWriter writer(**file, Compression::kNone);
  ASSERT_TRUE(writer.begin() && writer.append(txns::snapshot_of(database)) && writer.finish({}));
  const std::string log = log_of({11, 12, 13, 14, 15, 16, 17, 18, 19, 20}, kDataBytes) + "torn";
  put(files, path("log.b"), log);
  std::vector<std::string> told;
  RecoveryOptions options;
  size_t slices_max = SIZE_MAX;
  options.watch = [&](const RecoveryProgress& progress) {
    EXPECT_LT(progress.read_bytes, progress.total_bytes);
    EXPECT_GT(progress.read_bytes, (3u << 20) / 4);
    told.emplace_back(progress.what);
    return told.size() < slices_max;
  };
  for (slices_max = 1; slices_max <= 4; ++slices_max) {
    told.clear();
    const auto stopped = recovered(options);
    ASSERT_FALSE(stopped.has_value());
    EXPECT_EQ(stopped.error().kind, Error::Kind::kStopped);
    EXPECT_EQ(get(files, path("log.b")), log);
  }
  told.clear();
  ASSERT_TRUE(recovered(options).has_value());
  EXPECT_EQ(told, (Lines{"snapshot", "snapshot", "log", "log"}));
  EXPECT_EQ(get(files, path("log.b")).size(), log.size() - 4);
}

TEST_F(RecoveryTest, a_log_that_is_trusted_without_a_snapshot_wants_one) {
  put(files, path("log.1"), log_of({1, 2}));
  auto result = recovered({.trust_empty_snapshot = true});
  ASSERT_TRUE(result.has_value());
  EXPECT_TRUE(result->needs_snapshot);
  EXPECT_FALSE(result->fresh);
  put_snapshot(Zxid{2}, 2);
  EXPECT_FALSE(recovered()->needs_snapshot);
}

TEST_F(RecoveryTest, a_snapshot_beyond_the_log_needs_no_log_before_it) {
  put_snapshot(Zxid{0x100000050}, 3);
  put(files, path("log.1"), log_of({1, 2}));
  EXPECT_EQ(recovered()->last_logged, Zxid{0x100000050});
  put(files, path("log.100000051"), log_of({0x100000051}));
  EXPECT_EQ(recovered()->last_logged, Zxid{0x100000051});
  // In one file, as a Java server writes it that was not stopped.
  ASSERT_TRUE(files.remove(path("log.100000051")).has_value());
  put(files, path("log.1"), log_of({1, 2, 0x100000051, 0x200000001}));
  EXPECT_EQ(recovered()->last_logged, Zxid{0x200000001});
}

TEST_F(RecoveryTest, an_older_snapshot_serves_only_if_the_log_covers_the_newer_one) {
  std::string newer;
  put_snapshot(Zxid{2}, 2);
  put_snapshot(Zxid{4}, 4, &newer);
  put(files, path("log.1"), log_of({1, 2, 3}));
  put(files, path("log.4"), log_of({4, 5}));
  damage("snapshot.4", 200);
  auto result = recovered();
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->last_logged, Zxid{5});
  EXPECT_EQ(result->snapshot_zxid, Zxid{2});
  ASSERT_EQ(result->notes.size(), 1u);
  EXPECT_NE(result->notes[0].find("snapshot.4"), std::string::npos);
  // Torn, as a Java server's is after a crash.
  put(files, path("snapshot.4"), newer.substr(0, 300));
  EXPECT_EQ(recovered()->last_logged, Zxid{5});
  ASSERT_TRUE(files.remove(path("log.4")).has_value());
  expect_failure("snapshot 0x4 cannot be read");
  put(files, path("log.5"), log_of({5}));
  expect_failure("log.5: offset 16: 0x5 follows 0x3");
}

TEST_F(RecoveryTest, no_recovery_goes_back_across_a_snapshot_taken_over_from_a_leader) {
  put_snapshot(Zxid{0}, 0);
  put_snapshot(Zxid{0x300000000}, 1);
  put(files, path("log.1"), log_of({1, 2}));
  put(files, path("log.300000001"), log_of({0x300000001}));
  EXPECT_EQ(recovered()->last_logged, Zxid{0x300000001});
  damage("snapshot.300000000", 200);
  expect_failure("snapshot 0x300000000 cannot be read");
}

TEST_F(RecoveryTest, no_readable_snapshot_is_refused_except_for_the_empty_one) {
  put_snapshot(Zxid{2}, 2);
  put(files, path("log.1"), log_of({1, 2}));
  damage("snapshot.2", 200);
  expect_failure("no snapshot can be read");
  ASSERT_TRUE(files.remove(path("snapshot.2")).has_value());
  expect_failure("there is no snapshot, but");
  EXPECT_EQ(recovered({.trust_empty_snapshot = true})->last_logged, Zxid{2});
  put(files, path("snapshot.0"), "");
  EXPECT_EQ(recovered()->last_logged, Zxid{2});
  ASSERT_TRUE(files.remove(path("log.1")).has_value());
  EXPECT_TRUE(recovered()->fresh);
}

TEST_F(RecoveryTest, an_unknown_transaction_is_refused) {
  put_snapshot(Zxid{0}, 0);
  std::string txn(make_txn(Zxid{1}).view());
  txn[31] = 99;  // its type
  std::string bytes;
  append_log_header(bytes);
  append_log_entry(bytes, txn);
  put(files, path("log.1"), bytes);
  expect_failure("log.1: offset 16: not a transaction");
}

// As ZooKeeper writes it under load: /n1 got a new list after the map was written (rule 38).
TEST_F(RecoveryTest, acls_of_a_fuzzy_snapshot_come_from_the_log_or_the_start_is_refused) {
  std::string body;
  wire::Writer out(body);
  out.i32(0);  // sessions
  out.i32(1);  // lists
  out.i64(1);
  wire::write(out, txns::kOpen);
  wire::write_snapshot_node(body, "", std::nullopt, 1, {});
  wire::write_snapshot_node(body, "/n1", std::nullopt, 2, {.czxid = 1, .mzxid = 1, .pzxid = 1});
  out.buffer("/");
  const auto put_fuzzy = [&](const SnapshotTrailer& trailer) {
    auto file = files.open(path("snapshot.5"), env::OpenMode::kTruncate);
    SnapshotFileWriter writer(**file, Compression::kNone);
    EXPECT_TRUE(writer.begin() && writer.append(body) && writer.finish(trailer));
  };
  std::string log;
  append_log_header(log);
  const Bytes set = wire::serialize(txns::set_acl(6, "/n1", txns::kReadOnly, 1));
  append_log_entry(log, set.view());
  put(files, path("log.6"), log);
  put_fuzzy({});
  const auto result = recovered();
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->database->unexplained_acl(), "");
  const state::Tree& tree = result->database->tree();
  EXPECT_EQ(tree.acl(tree.find("/n1"))->list().front().perms, wire::kPermRead);

  // Nothing explains it: damage, unless a leader has yet to send the rest of the fuzzy range.
  put(files, path("log.6"), log_of({6}));
  expect_failure("holds the ACL of \"/n1\"");
  const auto member = recovered({.is_ensemble_member = true});
  ASSERT_TRUE(member.has_value()) << member.error().message;
  EXPECT_EQ(member->database->unexplained_acl(), "/n1");
  EXPECT_FALSE(member->database->is_whole());
  EXPECT_EQ(member->notes.size(), 1u);
  SnapshotTrailer told;
  told.digest = SnapshotTrailer::Digest{Zxid{6}, 0};
  put_fuzzy(told);
  expect_failure("holds the ACL of \"/n1\"", {.is_ensemble_member = true});
}

TEST_F(RecoveryTest, epoch_files_are_made_checked_and_mended) {
  put_snapshot(Zxid{0}, 0);
  put(files, path("log.200000001"), log_of({0x200000001}));
  const RecoveryOptions member{.is_ensemble_member = true};
  auto result = recovered(member);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->current_epoch, 2);
  EXPECT_EQ(result->accepted_epoch, 2);
  EXPECT_EQ(get(files, path("currentEpoch")), "2");
  put(files, path("acceptedEpoch"), "5\n");
  EXPECT_EQ(recovered(member)->accepted_epoch, 5);
  put(files, path("currentEpoch"), "7");
  expect_failure("acceptedEpoch: epoch 5 is lower than 7", member);
  put(files, path("currentEpoch"), "1");
  // Promised and partly logged, not acknowledged: a crash while joining the epoch.
  EXPECT_EQ(recovered(member)->current_epoch, 1);
  EXPECT_EQ(get(files, path("currentEpoch")), "1");
  put(files, path("acceptedEpoch"), "1");
  expect_failure("currentEpoch: epoch 1 is lower than that of the last transaction", member);
  put(files, path("acceptedEpoch"), "5");
  put(files, path("currentEpoch"), "1");
  put(files, path("currentEpoch.tmp"), "");  // the crash came before its content
  EXPECT_EQ(recovered(member)->current_epoch, 1);
  put(files, path("currentEpoch.tmp"), "3");
  EXPECT_EQ(recovered(member)->current_epoch, 3);
  EXPECT_EQ(get(files, path("currentEpoch")), "3");
  put(files, path("currentEpoch"), "x");
  expect_failure("currentEpoch: \"x\" is not an epoch", member);
  EXPECT_EQ(recovered()->current_epoch, 0);  // a standalone server does not look
}

// The process was killed between a write and its sync, then the machine lost power.
TEST_F(RecoveryTest, what_recovery_has_read_is_durable) {
  put_snapshot(Zxid{0}, 0);
  put(files, path("log.1"), log_of({1, 2}));
  files.crash(env::MemoryFileSystem::Survivors::kNone);
  {
    auto opened = files.open(path("log.1"), env::OpenMode::kReadWrite);
    ASSERT_TRUE(opened.has_value());
    std::string entry;
    append_log_entry(entry, make_txn(Zxid{3}).view());
    ASSERT_TRUE((*opened)->write_at((*opened)->size().value(), entry).has_value());
  }
  const RecoveryOptions member{.is_ensemble_member = true};
  files.end_process();
  ASSERT_EQ(recovered(member)->last_logged, Zxid{3});
  files.crash(env::MemoryFileSystem::Survivors::kNone);
  EXPECT_EQ(recovered(member)->last_logged, Zxid{3});
}

TEST_F(RecoveryTest, misplaced_files_are_refused) {
  const Directories apart{"/data", "/logs"};
  ASSERT_TRUE(prepare_directories(files, apart).has_value());
  EXPECT_TRUE(files.exists("/logs/version-2"));
  put(files, path("log.1"), "x");
  EXPECT_EQ(prepare_directories(files, apart).error().kind, Error::Kind::kConfig);
  ASSERT_TRUE(files.remove(path("log.1")).has_value());
  put(files, "/logs/version-2/snapshot.1", "x");
  EXPECT_EQ(prepare_directories(files, apart).error().kind, Error::Kind::kConfig);
}

}  // namespace
}  // namespace zooid::storage::test
