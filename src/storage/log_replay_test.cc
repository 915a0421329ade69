#include "storage/log_replay.h"

#include "storage/test_store.h"

namespace zooid::storage::test {
namespace {

class LogReplayTest : public Store {
 protected:
  LogReplayTest() {
    for (int64_t zxid = 1; zxid <= 5; ++zxid) database.apply(make_create(Zxid{zxid}), nullptr);
  }
  Result<> replay() {
    LogReplay replay(files, kVersion2, database, synced, options);
    return replay.run(*list_log_files(files, kVersion2));
  }
  SyncedBytes synced;
  state::Database database;  // as a snapshot of 5 gives it
  RecoveryOptions options;
};

TEST_F(LogReplayTest, a_file_that_ends_before_the_snapshot_is_not_read) {
  put(files, kVersion2 + "/log.1", std::string(100, 'x'));
  put(files, kVersion2 + "/log.6", log_of({6, 7}));
  const auto replayed = replay();
  ASSERT_TRUE(replayed.has_value()) << replayed.error().message;
  EXPECT_EQ(database.last_zxid(), Zxid{7});
}

TEST_F(LogReplayTest, a_damaged_file_behind_the_snapshot_is_an_error) {
  put(files, kVersion2 + "/log.1", std::string(100, 'x'));
  put(files, kVersion2 + "/log.7", log_of({7}));
  EXPECT_FALSE(replay().has_value());
}

}  // namespace
}  // namespace zooid::storage::test
