// What needs a whole ensemble in memory and is no story for a scenario: many transactions, settings
// other than the usual ones, times.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "base/mark.h"
#include "server/scenario_client.h"
#include "server/scenario_ensemble.h"

namespace zooid::server::testing {
namespace {

using ::testing::ElementsAre;
using wire::OpCode;

class World {
 public:
  explicit World(int servers, const std::function<void(config::ServerConfig&)>& adjust = {})
      : ensemble(servers, 1'000, adjust),
        client(ensemble.client_host("A"), "A", names_,
               [this](const std::string& line) { told.push_back(line.substr(3)); }) {
    log::set_sink([](log::Level, std::string_view) {});
    ensemble.run_for_ms(1'000);
    client.connect("server" + std::to_string(servers), {.timeout_ms = 20'000});
    ensemble.run_for_ms(20);
    told.clear();
  }
  void create(OpCode type, const std::string& path, int32_t flags, std::string data = "") {
    std::string body;
    wire::Writer out(body);
    const wire::AclList acl{{wire::kPermAll, {"world", "anyone"}}};
    wire::write_create(out, type, {path, std::move(data), acl, false, flags, 0});
    client.send(type, body, "create");
    ensemble.run_for_ms(2);
  }

  ScenarioEnsemble ensemble;
  std::vector<std::string> told;

 private:
  SessionNames names_;

 public:
  ScenarioClient client;
};

// From the log files, of which the leader sends slices of 512 KiB.
TEST(Ensemble, a_learner_gets_all_slices_of_a_long_history) {
  World world(3, [](config::ServerConfig& config) {
    config.commit_log_count = 10;
    config.snapshot_size_factor = 0;  // always from the log files
  });
  const std::string data(4'000, 'x');
  for (int i = 0; i < 410; ++i) {
    if (i == 10) world.ensemble.find(1)->stop();
    world.create(OpCode::kCreate, "/n", wire::kFlagSequential, data);
  }
  const uint64_t asked_before = mark_count("leader.cursor_behind_window");
  world.ensemble.find(1)->start();
  world.ensemble.run_for_ms(2'000);
  EXPECT_EQ(world.ensemble.find(3)->state(), "leading 1:19b");
  EXPECT_EQ(world.ensemble.find(1)->state(), "not leading 1:19b");
  EXPECT_GE(mark_count("leader.cursor_behind_window") - asked_before, 3u);
}

// As the simulator draws it; less than one transaction is one.
TEST(Ensemble, the_least_slice_of_history_is_one_transaction) {
  World world(3, [](config::ServerConfig& config) {
    config.commit_log_count = 1;
    config.snapshot_size_factor = 0;
    config.history_slice_bytes = 1;
  });
  for (int i = 0; i < 30; ++i) {
    if (i == 10) world.ensemble.find(1)->stop();
    world.create(OpCode::kCreate, "/n", wire::kFlagSequential, "x");
  }
  const uint64_t slices_before = mark_count("leader.history_in_slices");
  world.ensemble.find(1)->start();
  world.ensemble.run_for_ms(2'000);
  EXPECT_EQ(world.ensemble.find(1)->state(), "not leading 1:1f");
  // All but the few that the window holds.
  EXPECT_GE(mark_count("leader.history_in_slices") - slices_before, 15u);
}

// Each transaction waits until the one before is durable, at the leader and at the followers.
TEST(Ensemble, the_least_room_for_what_waits_for_the_disk_is_one_transaction) {
  World world(3, [](config::ServerConfig& config) { config.log_waiting_bytes_max = 1; });
  ScenarioClient& client = world.client;
  const uint64_t held_before = mark_count("leader.log_full");
  const uint64_t paused_before = mark_count("follower.leader_not_read");
  std::string body;
  wire::Writer out(body);
  const wire::AclList acl{{wire::kPermAll, {"world", "anyone"}}};
  wire::write_create(out, OpCode::kCreate, {"/n", "x", acl, false, wire::kFlagSequential, 0});
  world.ensemble.find(1)->stop();
  for (int i = 0; i < 50; ++i) client.send(OpCode::kCreate, body, "create");
  world.ensemble.run_for_ms(2'000);
  world.ensemble.find(1)->start();
  world.ensemble.run_for_ms(2'000);
  for (int i = 0; i < 50; ++i) client.send(OpCode::kCreate, body, "create");
  world.ensemble.run_for_ms(2'000);
  EXPECT_EQ(world.told.size(), 100u);
  EXPECT_GT(mark_count("leader.log_full"), held_before);
  EXPECT_GT(mark_count("follower.leader_not_read"), paused_before);
  EXPECT_EQ(world.ensemble.find(3)->state(), "leading 1:65");
  EXPECT_EQ(world.ensemble.find(1)->state(), "not leading 1:65");
}

TEST(Ensemble, an_empty_container_is_deleted_by_a_lone_server_and_by_a_leader) {
  for (const int servers : {1, 3}) {
    World world(servers,
                [](config::ServerConfig& config) { config.container_check_interval_ms = 1'000; });
    world.create(OpCode::kCreateContainer, "/c", wire::kFlagContainer);
    world.create(OpCode::kCreate, "/c/child", wire::kFlagPersistent);
    std::string remove, exists;
    wire::Writer remove_out(remove), exists_out(exists);
    wire::write_path_version(remove_out, {"/c/child", -1});
    wire::write_path_watch(exists_out, {"/c", true});
    world.client.send(OpCode::kExists, exists, "exists /c");
    world.client.send(OpCode::kDelete, remove, "delete");
    world.ensemble.run_for_ms(2'100);
    ASSERT_EQ(world.told.size(), 5u);
    EXPECT_THAT(world.told.back(), ::testing::StartsWith("event NodeDeleted /c at "));
  }
}

// Rule 16: who is gone refuses the connection, and the other two need not wait for it.
TEST(Ensemble, two_servers_elect_at_once_when_the_third_is_gone) {
  World world(3);
  world.ensemble.find(3)->stop();
  const auto leads = [&] { return world.ensemble.find(2)->state().starts_with("leading"); };
  int took_ms = 0;
  for (; took_ms < 1'000 && !leads(); took_ms += 10) world.ensemble.run_for_ms(10);
  EXPECT_LT(took_ms, 200);  // as long as the silence would be waited for; virtual time
}

}  // namespace
}  // namespace zooid::server::testing
