// Members of an ensemble whose files are damaged, emptied or full, in memory (rule 35,
// docs/recovery.md). For real processes: tests/integration/test_damage_faults.py.
#include <gtest/gtest.h>

#include "base/log.h"
#include "base/mark.h"
#include "server/scenario_client.h"
#include "server/scenario_ensemble.h"
#include "storage/log_reader.h"

namespace zooid::server::testing {
namespace {

using wire::OpCode;

const std::string kVersion2 = "/data/version-2";

class DamagedMember : public ::testing::Test {
 protected:
  void begin(const std::function<void(config::ServerConfig&)>& adjust = {}) {
    log::set_sink([](log::Level, std::string_view) {});
    ensemble.emplace(3, 200, adjust);
    ensemble->run_for_ms(1'000);
    client.emplace(ensemble->client_host("A"), "A", names_, [](const std::string&) {});
    client->connect("server3", {.timeout_ms = 20'000});
    ensemble->run_for_ms(50);
  }
  void write(int count, size_t bytes = 100) {
    for (int i = 0; i < count; ++i) {
      std::string body;
      wire::Writer out(body);
      const wire::AclList acl{{wire::kPermAll, {"world", "anyone"}}};
      wire::write_create(out, OpCode::kCreate,
                         {"/n", std::string(bytes, 'x'), acl, false, wire::kFlagSequential, 0});
      client->send(OpCode::kCreate, body, "create");
      ensemble->run_for_ms(2);
    }
  }
  ScenarioServer& server(int number) { return *ensemble->find(number); }
  void stop_all() {
    client.reset();
    for (int number = 1; number <= 3; ++number) {
      if (server(number).is_running()) server(number).stop();
    }
  }
  std::string newest_log(int number) {
    return kVersion2 + "/" +
           storage::list_log_files(server(number).files(), kVersion2).value().back().name;
  }
  std::string content(int number, const std::string& path) {
    return env::read_file(server(number).files(), path).value_or("(none)");
  }
  // Behind the first entries, in the data of one.
  void damage(int number) {
    ASSERT_TRUE(server(number).files().flip_bit(newest_log(number), 700, 2));
  }
  // Of its tree: those that every tree has, and what was created.
  size_t nodes(int number) {
    return server(number).replica()->core().database->tree().node_count() - kBuiltInNodes;
  }
  static constexpr size_t kBuiltInNodes = 5;
  bool nobody_leads() {
    for (int number = 1; number <= 3; ++number) {
      if (server(number).state().starts_with("leading")) return false;
    }
    return true;
  }

  std::optional<ScenarioEnsemble> ensemble;
  SessionNames names_;
  std::optional<ScenarioClient> client;
};

TEST_F(DamagedMember, is_filled_by_the_others_and_counts_for_nobody_before) {
  begin();
  write(20);
  stop_all();
  damage(1);
  const std::string log = newest_log(1);
  const std::string damaged = content(1, log);
  server(1).start();
  server(2).start();
  ensemble->run_for_ms(5'000);
  EXPECT_TRUE(nobody_leads());
  EXPECT_TRUE(server(1).replica()->core().is_untrusted);
  EXPECT_EQ(server(1).state(), "not leading 0:0");
  // Nor does it after a restart, when only its mark tells.
  server(1).crash();
  server(1).start();
  ensemble->run_for_ms(5'000);
  EXPECT_TRUE(nobody_leads());
  server(3).start();
  ensemble->run_for_ms(3'000);
  EXPECT_EQ(nodes(1), 20u);
  EXPECT_FALSE(nobody_leads());
  EXPECT_FALSE(server(1).replica()->core().is_untrusted);
  EXPECT_FALSE(server(1).files().exists("/data/zooid/untrusted"));
  EXPECT_EQ(content(1, "/data/zooid/aside-1/" + log.substr(kVersion2.size() + 1)), damaged);
  // From now on it counts.
  server(3).stop();
  ensemble->run_for_ms(5'000);
  EXPECT_FALSE(nobody_leads());
}

TEST_F(DamagedMember, is_no_witness_when_it_was_emptied) {
  begin();
  write(20);
  stop_all();
  auto& files = server(3).files();
  const std::vector<std::string> names = files.list(kVersion2).value();
  for (const std::string& name : names) {
    if (name.starts_with("log.") || name.starts_with("snapshot.")) {
      ASSERT_TRUE(files.remove(kVersion2 + "/" + name).has_value());
    }
  }
  ASSERT_TRUE(env::write_file_atomically(files, kVersion2 + "/currentEpoch", "2").has_value());
  ASSERT_TRUE(env::write_file_atomically(files, kVersion2 + "/acceptedEpoch", "2").has_value());
  server(3).start();
  server(1).start();
  ensemble->run_for_ms(5'000);
  EXPECT_TRUE(nobody_leads());
  server(2).start();
  ensemble->run_for_ms(3'000);
  for (int number = 1; number <= 3; ++number) EXPECT_EQ(nodes(number), 20u) << number;
  EXPECT_FALSE(nobody_leads());
}

// Its tree has the first zxid of its epoch, which stands in nobody's log. That is no reason to read
// or to cut anything, and its log has a bad entry.
TEST_F(DamagedMember, a_deposed_leader_without_transactions_keeps_its_log) {
  begin();
  write(20);
  stop_all();
  for (int number = 1; number <= 3; ++number) server(number).start();
  ensemble->run_for_ms(2'000);
  ASSERT_EQ(server(3).state(), "leading 2:0");
  damage(3);
  const std::string log = newest_log(3);
  const std::string before = content(3, log);
  const uint64_t reloads = mark_count("replica.reload_between_roles");
  const uint64_t cuts = mark_count("follower.reload_after_trunc");
  for (const int other : {1, 2}) {
    ensemble->network().cut_both(server(3).host(), server(other).host());
  }
  ensemble->run_for_ms(8'000);
  ensemble->network().heal_all();
  ensemble->run_for_ms(8'000);
  EXPECT_TRUE(server(3).replica()->core().is_serving());
  EXPECT_TRUE(server(3).state().starts_with("not leading")) << server(3).state();
  EXPECT_EQ(nodes(3), 20u);
  EXPECT_EQ(content(3, log), before);
  EXPECT_EQ(mark_count("replica.reload_between_roles"), reloads);
  EXPECT_EQ(mark_count("follower.reload_after_trunc"), cuts);
}

// Rule 30: the leader is not asked for the same again and again.
TEST_F(DamagedMember, a_snapshot_that_has_no_room_waits_for_room) {
  begin([](config::ServerConfig& config) { config.commit_log_count = 10; });
  server(1).stop();
  write(60, 20'000);
  auto& files = server(1).files();
  const std::vector<std::string> names = files.list(kVersion2).value();
  for (const std::string& name : names) {
    ASSERT_TRUE(files.remove(kVersion2 + "/" + name).has_value());
  }
  files.set_capacity(files.used_bytes() + 100'000);
  const uint64_t before = mark_count("replica.snapshot_not_written");
  server(1).start();
  ensemble->run_for_ms(20'000);
  EXPECT_EQ(mark_count("replica.snapshot_not_written") - before, 1u);
  EXPECT_FALSE(server(1).replica()->core().is_serving());
  files.set_capacity(UINT64_MAX);
  ensemble->run_for_ms(8'000);
  EXPECT_TRUE(server(1).replica()->core().is_serving());
  EXPECT_EQ(nodes(1), 60u);
}

}  // namespace
}  // namespace zooid::server::testing
