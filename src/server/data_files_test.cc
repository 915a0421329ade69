// What servers leave on their disks over several starts: whole servers, in memory.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "base/mark.h"
#include "server/scenario_client.h"
#include "server/scenario_ensemble.h"
#include "storage/log_reader.h"

namespace zooid::server::testing {
namespace {

using wire::OpCode;

constexpr const char* kVersion2 = "/data/version-2";

class DataFiles : public ::testing::Test {
 protected:
  void begin(const std::function<void(config::ServerConfig&)>& adjust) {
    log::set_sink([](log::Level, std::string_view) {});
    ensemble.emplace(1, 1'000, adjust);
    ensemble->run_for_ms(200);
  }
  // Each at a time, by a client of its own.
  void create(int count, const std::string& host = "server1") {
    ScenarioClient client(ensemble->client_host("A"), "A", names_, [](const std::string&) {});
    client.connect(host, {.timeout_ms = 20'000});
    ensemble->run_for_ms(20);
    for (int i = 0; i < count; ++i) {
      std::string body;
      wire::Writer out(body);
      const wire::AclList acl{{wire::kPermAll, {"world", "anyone"}}};
      wire::write_create(out, OpCode::kCreate, {"/n", "", acl, false, wire::kFlagSequential, 0});
      client.send(OpCode::kCreate, body, "create");
      ensemble->run_for_ms(2);
    }
    ensemble->run_for_ms(100);
  }
  std::vector<storage::SnapshotFileName> snapshots() {
    return storage::list_snapshot_files(server().files(), kVersion2).value();
  }
  ScenarioServer& server() { return *ensemble->find(1); }

  std::optional<ScenarioEnsemble> ensemble;

 private:
  SessionNames names_;
};

// Each start replays more than the window holds: all of it counts.
TEST_F(DataFiles, snapshots_are_taken_by_a_server_that_restarts_more_often_than_they_are_due) {
  begin([](config::ServerConfig& config) {
    config.snap_count = 100;
    config.commit_log_count = 5;
  });
  for (int start = 0; start < 5; ++start) {
    create(25);
    server().stop();
    server().start();
    ensemble->run_for_ms(100);
  }
  EXPECT_GT(snapshots().front().zxid, Zxid{50});
}

TEST_F(DataFiles, trust_in_a_log_without_a_snapshot_is_needed_for_one_start_only) {
  bool trust = false;
  begin([](config::ServerConfig& config) { config.snap_count = 100'000; });
  create(10);
  const Zxid last = Zxid{0xb};  // a session and its nodes
  server().stop();
  for (const auto& snapshot : snapshots()) {
    ASSERT_TRUE(server().files().remove(fmt::format("{}/{}", kVersion2, snapshot.name)));
  }
  config::ServerConfig config = server().config();
  for (const bool is_trusted : {false, true, false}) {
    config.snapshot_trust_empty = is_trusted;
    const auto opened = Server::open(
        config, {server().host(), server().files(), server().host(), 1, &server().host()});
    ASSERT_EQ(opened.has_value(), trust || is_trusted);
    trust = opened.has_value();
    if (!opened) continue;
    EXPECT_EQ((*opened)->replica().core().database->last_zxid(), last);
    EXPECT_EQ((*opened)->replica().core().txns_since_snapshot, 0u);
    EXPECT_EQ(snapshots().front().zxid, last);
  }
}

// 256 nodes a millisecond (of virtual time), and not all at once.
TEST_F(DataFiles, a_snapshot_leaves_the_loop_and_the_disk_to_others) {
  begin([](config::ServerConfig& config) { config.snap_count = 3'000; });
  std::vector<int64_t> at_us;  // begun, named
  server().files().set_observer([&](const env::MemoryFileSystem::Operation& operation) {
    using Kind = env::MemoryFileSystem::Operation::Kind;
    const bool is_begun =
        operation.kind == Kind::kCreate && operation.path.contains("/tmp.snapshot.");
    const bool is_named = operation.kind == Kind::kRename && operation.path.contains("/snapshot.");
    if (is_begun || is_named) at_us.push_back(ensemble->network().now_us());
  });
  create(3'010);
  server().files().set_observer({});
  ASSERT_GE(at_us.size(), 2u);
  EXPECT_GE(at_us[1] - at_us[0], 1'500 / 512 * 1'000);  // it is begun behind 1,500 at the soonest
}

// Rule 30. It has the highest id, so that it would win each election that it takes part in.
TEST_F(DataFiles, a_server_that_cannot_write_leads_nobody_until_it_can) {
  log::set_sink([](log::Level, std::string_view) {});
  using Kind = env::MemoryFileSystem::Operation::Kind;
  for (const Kind failing : {Kind::kCreate, Kind::kWrite}) {
    ensemble.emplace(3, 1'000);
    ensemble->run_for_ms(1'000);
    ScenarioServer& mute = *ensemble->find(3);
    ASSERT_TRUE(mute.state().starts_with("leading"));
    mute.files().set_fault([&](const env::MemoryFileSystem::Operation& operation) {
      return operation.kind == failing
                 ? std::optional(Error{Error::Kind::kOther, "read-only file system"})
                 : std::nullopt;
    });
    create(1, "server3");
    ensemble->run_for_ms(2'000);
    const std::string leads = ensemble->find(2)->state();
    EXPECT_TRUE(leads.starts_with("leading 2:")) << leads;
    ensemble->run_for_ms(30'000);
    EXPECT_TRUE(ensemble->find(2)->state().starts_with("leading 2:"));  // in the same epoch
    EXPECT_TRUE(mute.state().starts_with("not leading")) << mute.state();
    // Now the two others are no quorum without it, and it would win.
    ensemble->find(2)->stop();
    const uint64_t failed_before = mark_count("storage.log_failed");
    const uint64_t tried_before = mark_count("replica.still_cannot_write");
    ensemble->run_for_ms(30'000);
    EXPECT_EQ(mark_count("storage.log_failed"), failed_before);
    EXPECT_GE(mark_count("replica.still_cannot_write") - tried_before, 9u);
    ensemble->find(2)->start();
    ensemble->run_for_ms(1'000);
    EXPECT_TRUE(ensemble->find(2)->state().starts_with("leading 3:"));
    mute.files().set_fault({});
    create(3, "server2");
    ensemble->run_for_ms(5'000);
    EXPECT_EQ(mute.state().substr(3), ensemble->find(1)->state().substr(3));
    EXPECT_GE(mute.state(), "not leading 3:4");
  }
}

TEST_F(DataFiles, a_snapshot_that_cannot_be_written_is_tried_again_after_a_pause) {
  begin([](config::ServerConfig& config) { config.snap_count = 20; });
  int failures = 0;
  server().files().set_fault([&](const env::MemoryFileSystem::Operation& operation) {
    const bool fails = operation.kind == env::MemoryFileSystem::Operation::Kind::kCreate &&
                       operation.path.contains("tmp.snapshot");
    failures += fails ? 1 : 0;
    return fails ? std::optional(Error{Error::Kind::kOther, "no"}) : std::nullopt;
  });
  create(50);
  EXPECT_EQ(failures, 1);
  EXPECT_EQ(snapshots().front().zxid, Zxid{0});
  server().files().set_fault({});
  ensemble->run_for_ms(61'000);
  EXPECT_GE(snapshots().front().zxid, Zxid{0x33});
}

}  // namespace
}  // namespace zooid::server::testing
