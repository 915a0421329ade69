#include "server/start_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zooid::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(StartLines, name_members_ports_directories_and_limits) {
  config::ServerConfig config;
  config.file = "/etc/zookeeper/zoo.cfg";
  config.tick_ms = 2000;
  config.data_dir = "/var/lib/zookeeper";
  config.data_log_dir = "/ssd";
  config.client_port = 2181;
  config.my_id = ServerId{2};
  auto membership = zab::Membership::parse(
      "server.1=zk1:2888:3888:participant\nserver.2=zk2:2889:3889:participant\n"
      "server.3=[::1]:2888:3888:participant\nversion=0");
  ASSERT_TRUE(membership.has_value());
  config.membership = *membership;
  EXPECT_THAT(
      start_lines(config, {.pid = 4711, .open_files = 20'000, .log_destination = "standard error"}),
      ElementsAre(
          "Zooid 0.1.0 (as ZooKeeper 3.9.5) starts: process 4711, configuration "
          "/etc/zookeeper/zoo.cfg",
          "server 2 of an ensemble of 3: 1=zk1:2888:3888, 2=zk2:2889:3889, 3=[::1]:2888:3888",
          "ports: 2181 for clients, 2889 for followers when it leads, 3889 for elections",
          "data: /var/lib/zookeeper, transaction log: /ssd",
          "limits: 20000 open files, 60 connections from one address (maxClientCnxns), requests of "
          "1048575 bytes (jute.maxbuffer), session time-outs of 4000 to 40000 ms",
          "log: standard error, from level info on (SIGUSR1: more, SIGUSR2: less)"));
}

TEST(StartLines, of_a_standalone_server_and_of_limits_that_are_none) {
  config::ServerConfig config;
  config.data_dir = "/tmp/zookeeper";
  config.client_port = 2181;
  config.max_client_cnxns = 0;
  config.client_address = "10.0.0.1";
  const auto lines = start_lines(config, {.pid = 1});
  EXPECT_THAT(lines[0], HasSubstr("configuration (none)"));
  EXPECT_EQ(lines[1], "a standalone server");
  EXPECT_EQ(lines[2], "ports: 10.0.0.1:2181 for clients");
  EXPECT_EQ(lines[3], "data: /tmp/zookeeper, transaction log: there, too");
  EXPECT_THAT(lines[4], HasSubstr("any number of connections from one address"));
}

}  // namespace
}  // namespace zooid::server
