#include "storage/given_up.h"

#include "base/mark.h"
#include "storage/epoch_files.h"
#include "storage/snapshot_file.h"
#include "storage/snapshot_install.h"
#include "storage/synced_record.h"
#include "storage/test_store.h"

namespace zooid::storage::test {
namespace {

using Survivors = env::MemoryFileSystem::Survivors;

class GivenUpTest : public Store {
 protected:
  // Five transactions of epoch 0 behind an empty snapshot, and epoch 3.
  void fill() {
    put(files, kVersion2 + "/snapshot.0", "");
    put(files, kVersion2 + "/log.1", log_of({1, 2, 3, 4, 5}));
    put(files, kVersion2 + "/currentEpoch", "3");
    put(files, kVersion2 + "/acceptedEpoch", "4");
  }
  // The state after creates 1..to, as snapshot.<zxid>.
  void publish(int64_t zxid, int64_t to) {
    state::Database database;
    for (int64_t i = 1; i <= to; ++i) database.apply(make_create(Zxid{i}), nullptr);
    auto file =
        files.open(kVersion2 + fmt::format("/snapshot.{:x}", zxid), env::OpenMode::kTruncate);
    SnapshotFileWriter writer(**file, Compression::kNone);
    EXPECT_TRUE(writer.begin() && writer.append(txns::snapshot_of(database)) && writer.finish({}) &&
                (*file)->sync() && files.sync_directory(kVersion2));
  }
  Result<Recovered> member(env::MemoryFileSystem& disk) {
    RecoveryOptions options;
    options.is_ensemble_member = true;
    return recover(disk, kDirectories, options);
  }
  Result<Recovered> member() { return member(files); }
};

TEST_F(GivenUpTest, what_is_given_up_is_moved_aside_and_not_trusted_until_the_mark_goes) {
  fill();
  const auto mark = give_up_history(files, kDirectories, "a bad bit\nin log.1");
  ASSERT_TRUE(mark.has_value()) << mark.error().message;
  EXPECT_EQ(mark->where, "/data/zooid/aside-1");
  EXPECT_EQ(files.list(mark->where).value(), (Lines{"log.1", "snapshot.0"}));
  EXPECT_EQ(names(), (Lines{"acceptedEpoch", "currentEpoch"}));
  for (int start = 0; start < 2; ++start) {  // and not after the next start either
    const auto found = member();
    ASSERT_TRUE(found.has_value()) << found.error().message;
    EXPECT_TRUE(found->is_untrusted);
    EXPECT_EQ(found->last_logged, kZxidUntrusted);
    EXPECT_EQ(found->current_epoch, 0);
    EXPECT_EQ(found->accepted_epoch, 4);  // a promise
    EXPECT_EQ(found->why_untrusted, "a bad bit in log.1; moved to /data/zooid/aside-1");
  }
  ASSERT_TRUE(remove_untrusted_mark(files, kDirectories).has_value());
  EXPECT_FALSE(member()->is_untrusted);
}

// A leader has begun to fill it; power went before it acknowledged.
TEST_F(GivenUpTest, data_under_the_mark_is_kept_and_not_trusted) {
  fill();
  ASSERT_TRUE(give_up_history(files, kDirectories, "why").has_value());
  put(files, kVersion2 + "/snapshot.0", "");
  put(files, kVersion2 + "/log.1", log_of({1, 2}));
  const auto found = member();
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_TRUE(found->is_untrusted);
  EXPECT_EQ(found->last_logged, Zxid{2});
  EXPECT_EQ(names().size(), 4u);
}

TEST_F(GivenUpTest, a_lone_server_does_not_start_under_the_mark) {
  fill();
  ASSERT_TRUE(give_up_history(files, kDirectories, "why").has_value());
  const auto found = recovered();
  ASSERT_FALSE(found.has_value());
  EXPECT_NE(found.error().message.find("/data/zooid/aside-1"), std::string::npos)
      << found.error().message;
}

TEST_F(GivenUpTest, a_promise_that_cannot_be_read_forbids_it) {
  for (const char* accepted : {"x", "2"}) {
    fill();
    put(files, kVersion2 + "/acceptedEpoch", accepted);
    EXPECT_FALSE(give_up_history(files, kDirectories, "why").has_value());
    EXPECT_EQ(names().size(), 4u);
    EXPECT_FALSE(files.exists(kDirectories.own() + "/untrusted"));
  }
}

// At each moment a crash leaves either all as it was, or a server that nobody may count.
TEST_F(GivenUpTest, a_crash_at_any_moment_leaves_all_or_an_untrusted_server) {
  fill();
  int untouched = 0, untrusted = 0;
  files.set_observer([&](const auto&) {
    for (uint64_t seed = 0; seed < 8; ++seed) {
      const auto disk =
          files.after_crash(seed % 2 == 0 ? Survivors::kSubset : Survivors::kPrefix, seed);
      const auto found = member(*disk);
      ASSERT_TRUE(found.has_value()) << found.error().message;
      if (found->is_untrusted) {
        ++untrusted;
        EXPECT_EQ(found->last_logged, kZxidUntrusted);
        EXPECT_EQ(found->current_epoch, 0);
        EXPECT_EQ(disk->list(kVersion2).value(), (Lines{"acceptedEpoch", "currentEpoch"}));
        EXPECT_EQ(get(*disk, "/data/zooid/aside-1/log.1"), log_of({1, 2, 3, 4, 5}));
      } else {
        ++untouched;
        EXPECT_EQ(found->last_logged, Zxid{5});
        EXPECT_EQ(found->current_epoch, 3);
      }
    }
  });
  ASSERT_TRUE(give_up_history(files, kDirectories, "why").has_value());
  EXPECT_GT(untouched, 5);
  EXPECT_GT(untrusted, 20);
}

TEST_F(GivenUpTest, an_empty_server_that_was_part_of_an_epoch_is_not_trusted) {
  put(files, kVersion2 + "/currentEpoch", "3");
  put(files, kVersion2 + "/acceptedEpoch", "3");
  for (int start = 0; start < 2; ++start) {
    const auto found = member();  // db.autocreate has no say
    ASSERT_TRUE(found.has_value()) << found.error().message;
    EXPECT_TRUE(found->is_untrusted);
    EXPECT_EQ(found->last_logged, kZxidUntrusted);
    EXPECT_EQ(found->current_epoch, 0);
  }
}

// That is an ensemble whose clients have not written yet.
TEST_F(GivenUpTest, a_server_with_the_snapshot_of_the_empty_tree_is_trusted) {
  publish(0, 0);
  put(files, kVersion2 + "/currentEpoch", "3");
  put(files, kVersion2 + "/acceptedEpoch", "3");
  EXPECT_FALSE(member()->is_untrusted);
  // Unless its log is known to have had content.
  ASSERT_TRUE(replace_synced_record(files, kDirectories.own(), {{Zxid{1}, 500}}).has_value());
  EXPECT_TRUE(member()->is_untrusted);
  EXPECT_TRUE(files.exists("/data/zooid/aside-1/snapshot.0"));
}

TEST_F(GivenUpTest, old_data_is_deleted_when_there_is_too_much_of_it) {
  for (int time = 1; time <= 6; ++time) {
    fill();
    EXPECT_EQ(give_up_history(files, kDirectories, "again")->where,
              fmt::format("/data/zooid/aside-{}", time));
  }
  EXPECT_EQ(files.list("/data/zooid/aside-2").value(), Lines{});
  EXPECT_EQ(files.list("/data/zooid/aside-3").value(), (Lines{"log.1", "snapshot.0"}));
}

// ---- a leader's snapshot (snapshot_install.h) ----

class SnapshotInstallTest : public GivenUpTest {
 protected:
  const SnapshotInstall install{5, Zxid{9}, Zxid{5}};
};

TEST_F(SnapshotInstallTest, a_start_goes_on_where_a_crash_stopped_it) {
  fill();
  put(files, kVersion2 + "/log.6", log_of({6, 7, 8, 9, 10, 11}));
  ASSERT_TRUE(begin_install(files, kDirectories, install).has_value());
  const auto before = files.after_crash(Survivors::kNone, 1);
  EXPECT_EQ(member(*before)->last_logged, Zxid{11});  // nothing was changed
  EXPECT_FALSE(before->exists("/data/zooid/installing"));
  publish(9, 9);
  // Not the foreign log behind the leader's state.
  const auto after = files.after_crash(Survivors::kNone, 1);
  const auto found = member(*after);
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(found->last_logged, Zxid{9});
  EXPECT_EQ(get(*after, kVersion2 + "/log.6"), log_of({6, 7, 8, 9}));
}

TEST_F(SnapshotInstallTest, a_damaged_log_is_set_aside_and_not_cut) {
  fill();
  std::string bytes = log_of({6, 7, 8, 9, 10, 11});
  bytes[60] ^= 1;
  put(files, kVersion2 + "/log.6", bytes);
  ASSERT_TRUE(begin_install(files, kDirectories, install).has_value());
  publish(9, 9);
  ASSERT_TRUE(finish_install(files, kDirectories).has_value());
  EXPECT_EQ(get(files, "/data/zooid/cut-off/log.6"), bytes);
  EXPECT_EQ(member()->last_logged, Zxid{9});
}

// The leader is gone, and the next one knows nothing of what it brought.
TEST_F(SnapshotInstallTest, what_was_never_acknowledged_gives_way_to_the_own_history) {
  fill();
  ASSERT_TRUE(begin_install(files, kDirectories, install).has_value());
  publish(9, 9);
  ASSERT_TRUE(finish_install(files, kDirectories).has_value());
  put(files, kVersion2 + "/log.a", log_of({10}));  // what that leader proposed behind it
  EXPECT_EQ(member()->last_logged, Zxid{10});
  ASSERT_TRUE(undo_install(files, kDirectories).value());
  const auto found = member();
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(found->last_logged, Zxid{5});
  EXPECT_FALSE(found->is_untrusted);
  EXPECT_EQ(found->current_epoch, 3);
  EXPECT_EQ(files.list("/data/zooid/cut-off").value(), (Lines{"log.a", "snapshot.9"}));
  EXPECT_FALSE(undo_install(files, kDirectories).value());
}

TEST_F(SnapshotInstallTest, what_was_acknowledged_does_not) {
  fill();
  ASSERT_TRUE(begin_install(files, kDirectories, install).has_value());
  publish(9, 9);
  ASSERT_TRUE(finish_install(files, kDirectories).has_value());
  put(files, kVersion2 + "/acceptedEpoch", "5");
  put(files, kVersion2 + "/currentEpoch", "5");
  EXPECT_FALSE(undo_install(files, kDirectories).value());
  EXPECT_EQ(member()->last_logged, Zxid{9});
  EXPECT_FALSE(files.exists("/data/zooid/installing"));
}

// Two attempts by two leaders: what was promised is what came before the first.
TEST_F(SnapshotInstallTest, a_second_attempt_remembers_what_came_before_the_first) {
  fill();
  ASSERT_TRUE(begin_install(files, kDirectories, install).has_value());
  publish(9, 9);
  ASSERT_TRUE(finish_install(files, kDirectories).has_value());
  ASSERT_TRUE(begin_install(files, kDirectories, {6, Zxid{11}, Zxid{9}}).has_value());
  publish(11, 11);
  ASSERT_TRUE(finish_install(files, kDirectories).has_value());
  ASSERT_TRUE(undo_install(files, kDirectories).value());
  EXPECT_EQ(member()->last_logged, Zxid{5});
}

TEST_F(SnapshotInstallTest, a_crash_while_it_is_undone_leaves_one_history_or_the_other) {
  fill();
  ASSERT_TRUE(begin_install(files, kDirectories, install).has_value());
  publish(9, 9);
  ASSERT_TRUE(finish_install(files, kDirectories).has_value());
  int old = 0, undone = 0;
  files.set_observer([&](const auto&) {
    for (uint64_t seed = 0; seed < 8; ++seed) {
      const auto disk = files.after_crash(Survivors::kSubset, seed);
      const auto found = member(*disk);
      ASSERT_TRUE(found.has_value()) << found.error().message;
      EXPECT_FALSE(found->is_untrusted);
      (found->last_logged == Zxid{9} ? old : undone) += 1;
      EXPECT_TRUE(found->last_logged == Zxid{9} || found->last_logged == Zxid{5});
    }
  });
  ASSERT_TRUE(undo_install(files, kDirectories).value());
  EXPECT_GT(old, 0);
  EXPECT_GT(undone, 5);
}

}  // namespace
}  // namespace zooid::storage::test
