// What is committed is applied in slices (rule 40). Here a slice is one transaction, so everything
// that counts on the state is asked while it is behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "base/mark.h"
#include "server/scenario_client.h"
#include "server/scenario_ensemble.h"

namespace zooid::server::testing {
namespace {

using ::testing::HasSubstr;
using wire::OpCode;

class World {
 public:
  explicit World(int servers, const std::function<void(config::ServerConfig&)>& adjust = {})
      : ensemble(servers, 1'000, adjust), servers_(servers) {
    log::set_sink([](log::Level, std::string_view) {});
    ensemble.run_for_ms(1'000);
    for (int i = 1; i <= servers; ++i) ensemble.find(i)->set_slice_work(1);
  }
  ScenarioClient& client(const std::string& name, int server) {
    auto& client = clients_[name];
    client = std::make_unique<ScenarioClient>(
        ensemble.client_host(name), name, names_,
        [this, name](const std::string& line) { told[name].push_back(line.substr(3)); });
    client->connect("server" + std::to_string(server), {.timeout_ms = 20'000});
    ensemble.run_for_ms(50);
    told[name].clear();
    return *client;
  }
  static void create(ScenarioClient& client, const std::string& path, int32_t flags = 0) {
    std::string body;
    wire::Writer out(body);
    const wire::AclList acl{{wire::kPermAll, {"world", "anyone"}}};
    wire::write_create(out, OpCode::kCreate, {path, "x", acl, false, flags, 0});
    client.send(OpCode::kCreate, body, "create " + path);
  }
  static void read(ScenarioClient& client, OpCode type, const std::string& path) {
    std::string body;
    wire::Writer out(body);
    if (type == OpCode::kSync) {
      out.buffer(path);
    } else {
      wire::write_path_watch(out, {path, false});
    }
    client.send(type, body, type == OpCode::kSync ? "sync" : "exists " + path);
  }

  ScenarioEnsemble ensemble;
  std::map<std::string, std::vector<std::string>> told;

 private:
  const int servers_;
  SessionNames names_;
  std::map<std::string, std::unique_ptr<ScenarioClient>> clients_;
};

constexpr int kWrites = 100;

// A hundred creates in one piece, a sync and a look at the last one behind them.
void write_many(World& world, ScenarioClient& client, const std::string& name) {
  client.hold();
  for (int i = 0; i < kWrites; ++i) World::create(client, "/" + name + std::to_string(i));
  World::read(client, OpCode::kSync, "/");
  World::read(client, OpCode::kExists, "/" + name + std::to_string(kWrites - 1));
  client.release();
  world.ensemble.run_for_ms(500);
}

void expect_in_order(const std::vector<std::string>& told, const std::string& name) {
  ASSERT_EQ(told.size(), kWrites + 2u);
  for (int i = 0; i < kWrites; ++i) {
    EXPECT_THAT(told[static_cast<size_t>(i)], HasSubstr("/" + name + std::to_string(i)));
  }
  EXPECT_THAT(told[kWrites], HasSubstr("sync"));
  EXPECT_THAT(told.back(), HasSubstr("exists"));
  EXPECT_THAT(told.back(), ::testing::Not(HasSubstr("NoNode")));
}

TEST(AppliedInSlices, clients_of_a_leader_and_of_a_follower_see_what_they_see_otherwise) {
  World world(3);
  ScenarioClient& leaders = world.client("A", 3);
  ScenarioClient& followers = world.client("B", 1);
  const uint64_t leader_before = mark_count("primary.applies_in_slices");
  const uint64_t follower_before = mark_count("replica.applies_in_slices");
  write_many(world, leaders, "a");
  write_many(world, followers, "b");
  expect_in_order(world.told["A"], "a");
  expect_in_order(world.told["B"], "b");
  EXPECT_GT(mark_count("primary.applies_in_slices"), leader_before);
  EXPECT_GT(mark_count("replica.applies_in_slices"), follower_before);
  const std::string zxid = world.ensemble.find(3)->state().substr(std::string("leading").size());
  EXPECT_EQ(world.ensemble.find(1)->state(), "not leading" + zxid);
  EXPECT_EQ(world.ensemble.find(2)->state(), "not leading" + zxid);
}

TEST(AppliedInSlices, a_lone_server_answers_in_order) {
  World world(1);
  ScenarioClient& client = world.client("A", 1);
  const uint64_t before = mark_count("primary.applies_in_slices");
  write_many(world, client, "a");
  expect_in_order(world.told["A"], "a");
  EXPECT_GT(mark_count("primary.applies_in_slices"), before);
}

// What the role had committed and not applied is in the window of the next one, however short that
// is: a transaction that was missed would be missed for ever.
TEST(AppliedInSlices, nothing_is_lost_with_a_role_that_is_behind) {
  World world(3, [](config::ServerConfig& config) { config.commit_log_count = 1; });
  for (int round = 0; round < 8; ++round) {
    const std::string name = "r" + std::to_string(round) + "-";
    ScenarioClient& client = world.client("A", 1 + round % 2);
    client.hold();
    for (int i = 0; i < kWrites; ++i) World::create(client, "/" + name + std::to_string(i));
    client.release();
    // In the middle of it the leader goes.
    world.ensemble.run_for_ms(1 + round % 4);
    const int leader = world.ensemble.find(3)->state().starts_with("leading") ? 3 : 2;
    world.ensemble.find(leader)->crash();
    world.ensemble.run_for_ms(2'000);
    world.ensemble.find(leader)->start();
    world.ensemble.find(leader)->set_slice_work(1);
    world.ensemble.run_for_ms(3'000);
    const auto& tree = world.ensemble.find(1)->replica()->core().database->tree();
    for (const int other : {2, 3}) {
      const auto& others = world.ensemble.find(other)->replica()->core().database->tree();
      EXPECT_EQ(others.digest(), tree.digest()) << "round " << round << " server " << other;
      EXPECT_EQ(others.node_count(), tree.node_count());
    }
  }
}

}  // namespace
}  // namespace zooid::server::testing
