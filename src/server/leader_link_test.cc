#include "server/leader_link.h"

#include <gtest/gtest.h>

#include "env/memory_network.h"

namespace zooid::server {
namespace {

constexpr uint16_t kQuorumPort = 2888;

// Drives the link as a replica does.
class LinkDriver : public env::Worker {
 public:
  explicit LinkDriver(env::MemoryHost& host) : host_(host) { host_.add_worker(*this); }
  ~LinkDriver() override { host_.remove_worker(*this); }
  void begin(LeaderLink::Limits limits) {
    LeaderLink::Events events;
    events.on_connected = [this] { connected_us = host_.now().mono_us; };
    events.on_closed = [this](const std::string& reason) { given_up = reason; };
    link_ = std::make_unique<LeaderLink>(host_, std::vector<env::Endpoint>{{"leader", kQuorumPort}},
                                         limits, host_.now(), events);
  }
  void on_batch(Now now) override {
    if (link_) link_->on_timer(now);
  }
  int64_t next_deadline() const override { return link_ ? link_->next_deadline() : kNever; }

  int64_t connected_us = 0;
  std::string given_up;

 private:
  env::MemoryHost& host_;
  std::unique_ptr<LeaderLink> link_;
};

TEST(LeaderLinkTest, attempts_that_a_dead_host_swallows_do_not_outlast_its_return) {
  env::MemoryNetwork network{7};
  env::MemoryHost& leader = network.add_host("leader");
  env::MemoryHost& follower = network.add_host("follower");
  LinkDriver driver(follower);
  leader.power_off();
  driver.begin({.give_up_ms = 100'000, .attempt_ms = 2'000, .data_max = 1 << 20});
  network.run_until(ms_to_us(3'500));
  EXPECT_EQ(driver.connected_us, 0);

  leader.power_on();
  const auto listener = leader.listen({"leader", kQuorumPort}, 8, [](auto) { return nullptr; });
  ASSERT_TRUE(listener.has_value());
  network.run_until(ms_to_us(5'000));
  EXPECT_GT(driver.connected_us, ms_to_us(3'500));
  EXPECT_EQ(driver.given_up, "");
}

TEST(LeaderLinkTest, a_host_on_which_nothing_listens_is_asked_for_three_seconds) {
  env::MemoryNetwork network{7};
  network.add_host("leader");
  env::MemoryHost& follower = network.add_host("follower");
  LinkDriver driver(follower);
  driver.begin({.give_up_ms = 100'000, .attempt_ms = 2'000, .data_max = 1 << 20});
  network.run_until(ms_to_us(2'900));
  EXPECT_EQ(driver.given_up, "");
  network.run_until(ms_to_us(3'500));
  EXPECT_NE(driver.given_up.find("the elected server does not lead"), std::string::npos)
      << driver.given_up;
}

TEST(LeaderLinkTest, it_gives_up_at_its_time_also_in_the_middle_of_an_attempt) {
  env::MemoryNetwork network{7};
  network.add_host("leader").power_off();
  env::MemoryHost& follower = network.add_host("follower");
  LinkDriver driver(follower);
  driver.begin({.give_up_ms = 5'000, .attempt_ms = 2'000, .data_max = 1 << 20});
  network.run_until(ms_to_us(4'900));
  EXPECT_EQ(driver.given_up, "");
  network.run_until(ms_to_us(5'300));
  EXPECT_NE(driver.given_up.find("cannot connect to the leader"), std::string::npos)
      << driver.given_up;
}

}  // namespace
}  // namespace zooid::server
