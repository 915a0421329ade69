#include "cli/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "env/memory_file_system.h"

namespace zooid::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kNotServingText =
    "This ZooKeeper instance is not currently serving requests\n";

std::string srvr_text(const std::string& mode, const std::string& zxid = "0x200000005") {
  return "Zookeeper version: 3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on 2022-02-25 "
         "08:49 UTC\nLatency min/avg/max: 0/0.5/12\nReceived: 9\nSent: 8\nConnections: 3\n"
         "Outstanding: 0\nZxid: " +
         zxid + "\nMode: " + mode + "\nNode count: 5\n";
}

WordAnswer answer(const std::string& text, uint16_t port = 2181) {
  return {.server = {"127.0.0.1", port},
          .reached = true,
          .ended = true,
          .text = text,
          .peer = {"127.0.0.1", port}};
}

ServerStatus judged(const std::string& srvr, const std::string& conf = "", uint16_t port = 2181) {
  return judge_answers(answer(srvr, port), answer(conf, port), {});
}

ServerStatus refused() {
  WordAnswer none;
  none.failure = {Error::Kind::kRefused, "refused"};
  return judge_answers(none, none, {});
}

StatusTargets members(int voters) {
  StatusTargets targets;
  targets.is_ensemble = true;
  for (int i = 1; i <= voters; ++i) {
    StatusTarget target;
    target.id = ServerId{i};
    target.address = {"127.0.0.1", static_cast<uint16_t>(2180 + i)};
    targets.servers.push_back(target);
  }
  return targets;
}

// One answer for each member: a mode, "looking", "refused" or "frozen".
StatusView view_of(const std::vector<std::string>& states) {
  std::vector<ServerStatus> answers;
  uint16_t port = 2181;
  for (const std::string& state : states) {
    if (state == "refused") {
      answers.push_back(refused());
    } else if (state == "looking") {
      answers.push_back(judged(kNotServingText, "", port));
    } else if (state == "frozen") {
      WordAnswer mute = answer("", port);
      mute.ended = false;
      mute.failure = {Error::Kind::kTimeout, "no answer within 3000 ms"};
      answers.push_back(judge_answers(mute, mute, {}));
    } else {
      answers.push_back(judged(srvr_text(state), "", port));
    }
    ++port;
  }
  return judge_status(members(static_cast<int>(states.size())), answers);
}

TEST(ServerStatus, reads_what_a_server_that_serves_tells) {
  const ServerStatus status =
      judged(srvr_text("leader"),
             "clientPort=2181\nserverId=3\nmembership: \nserver.1=a:1:2:participant\n"
             "server.2=b:1:2:observer\nserver.3=c:1:2:participant;0.0.0.0:2181\nversion=0");
  EXPECT_EQ(status.state, ServerState::kLeader);
  EXPECT_EQ(status.version, "3.8.0");
  EXPECT_EQ(status.connections, "3");
  EXPECT_EQ(status.latency, "0.5/12");
  EXPECT_EQ(status.zxid, 0x200000005);
  EXPECT_EQ(status.epoch(), 2);
  EXPECT_EQ(status.answered_as, ServerId{3});
  EXPECT_EQ(status.members_told, 2);
}

TEST(ServerStatus, a_version_of_ours_names_both) {
  EXPECT_EQ(judged("Zookeeper version: 3.9.5-zooid-0.1.0-abc123, built on 2026-11-29 01:00 UTC\n"
                   "Mode: follower\n")
                .version,
            "3.9.5 (zooid 0.1.0)");
  EXPECT_EQ(judged("Zookeeper version: 3.10.0-SNAPSHOT-1a, built on x\nMode: leader\n").version,
            "3.10.0-SNAPSHOT-1a");
}

TEST(ServerStatus, the_reasons_not_to_serve_have_different_words) {
  EXPECT_EQ(judged(kNotServingText).state, ServerState::kLooking);
  EXPECT_EQ(
      judged(std::string(kNotServingText) +
             "Trouble: /d/log.1: append: No space left on device (/d has 0 of 9 bytes free)\n")
          .state,
      ServerState::kFullDisk);
  EXPECT_EQ(
      judged(std::string(kNotServingText) + "Trouble: /d: no space left (/d has 1 of 9)\n").state,
      ServerState::kFullDisk);
  EXPECT_EQ(judged(std::string(kNotServingText) + "Trouble: /d: Read-only file system\n").state,
            ServerState::kCannotWrite);
  EXPECT_EQ(judged(std::string(kNotServingText) +
                   "Trouble: waits for a leader that the others elect: cut\n")
                .state,
            ServerState::kIncomplete);
  EXPECT_EQ(judged(srvr_text("read-only")).state, ServerState::kReadOnly);
  EXPECT_EQ(judged("").state, ServerState::kClosed);
  EXPECT_EQ(judged("HTTP/1.1 400 Bad Request\r\n").state, ServerState::kNotZooKeeper);
  EXPECT_EQ(refused().state, ServerState::kRefused);
  EXPECT_EQ(view_of({"frozen"}).rows[0].status.state, ServerState::kFrozen);
  WordAnswer none;
  none.failure = {Error::Kind::kNotFound, "zk9:2181: looking up zk9: Name or service not known"};
  EXPECT_EQ(judge_answers(none, none, {}).state, ServerState::kNameNotFound);
  none.failure = {Error::Kind::kTimeout, "zk9:2181: connecting took longer than 3000 ms"};
  EXPECT_EQ(judge_answers(none, none, {}).state, ServerState::kNoConnection);
}

TEST(ServerStatus, where_srvr_is_not_allowed_other_words_tell) {
  const auto refusal = [](const std::string& word) {
    return answer(word + " is not executed because it is not in the whitelist.\n");
  };
  const WordAnswer srvr = refusal("srvr"), conf = refusal("conf");
  const std::vector<WordAnswer> none = {refusal("stat"), refusal("mntr"), refusal("isro")};
  EXPECT_EQ(judge_answers(srvr, conf, none).state, ServerState::kNotWhitelisted);
  std::vector<WordAnswer> some = none;
  some[0] = answer(srvr_text("follower"));
  EXPECT_EQ(judge_answers(srvr, conf, some).state, ServerState::kFollower);
  some = none;
  some[1] = answer("zk_version\t3.8.0-1, built on x\nzk_server_state\tleader\n");
  EXPECT_EQ(judge_answers(srvr, conf, some).state, ServerState::kLeader);
  some = none;
  some[2] = answer("null");
  EXPECT_EQ(judge_answers(srvr, conf, some).state, ServerState::kLooking);
}

struct Count {
  std::vector<std::string> states;
  std::string line;
  int exit_code;
};

TEST(StatusCounts, say_how_the_quorum_stands_in_each_state) {
  const std::vector<Count> cases = {
      {{"leader", "follower", "follower"}, "3 of 3 up, can lose 1 more\n", 0},
      {{"leader", "follower", "refused"}, "2 of 3 up, cannot lose any\n", 1},
      {{"leader", "follower", "frozen"}, "2 of 3 up, cannot lose any\n", 1},
      {{"leader", "follower", "standalone"}, "2 of 3 up, cannot lose any\n", 1},
      {{"leader", "frozen", "frozen"}, "1 of 3 up: no quorum any more, 1 more needed\n", 2},
      {{"looking", "looking", "refused", "refused", "refused"},
       "0 of 5 up, 2 alive: no quorum, 1 more needed\n",
       2},
      {{"looking", "read-only", "refused"},
       "0 of 3 up, 2 alive: no quorum, though enough are alive: an election should be under way\n",
       2},
      {{"refused", "refused", "refused"}, "0 of 3 up: no quorum, 2 more needed\n", 2},
      {{"standalone", "standalone", "refused"}, "0 of 3 up: no quorum, 2 more needed\n", 2},
      {{"leader", "follower", "follower", "follower", "follower"},
       "5 of 5 up, can lose 2 more\n",
       0},
  };
  for (const Count& one : cases) {
    const StatusView view = view_of(one.states);
    EXPECT_THAT(status_text(view), HasSubstr("\n" + one.line));
    EXPECT_EQ(view.exit_code, one.exit_code) << status_text(view);
  }
}

TEST(StatusCounts, one_address_is_one_server) {
  StatusTargets targets = members(3);
  for (StatusTarget& target : targets.servers) {
    target.is_self = target.id == ServerId{3};
    target.is_port_assumed = !target.is_self;
  }
  const ServerStatus same = judged(srvr_text("leader"));
  const StatusView view = judge_status(targets, {same, same, same});
  EXPECT_EQ(view.up, 1);
  EXPECT_EQ(view.unknown, 2);
  EXPECT_EQ(view.rows[2].status.state, ServerState::kLeader);
  EXPECT_EQ(view.rows[0].status.state, ServerState::kOtherServer);
  EXPECT_EQ(view.exit_code, 1);
  EXPECT_THAT(status_text(view), HasSubstr("1 of 3 up, 2 not known (a quorum is 2)\n"));
}

TEST(StatusCounts, who_answers_as_another_server_does_not_count_for_the_one_that_was_meant) {
  const StatusView view =
      judge_status(members(3), {judged(srvr_text("leader"), "serverId=1\n", 2181),
                                judged(srvr_text("follower"), "serverId=3\n", 2182), refused()});
  EXPECT_EQ(view.up, 1);
  EXPECT_THAT(status_text(view), HasSubstr("server.3 answers there"));
}

TEST(StatusCounts, an_epoch_has_one_leader_and_the_later_epoch_counts) {
  const StatusView same = judge_status(
      members(3),
      {judged(srvr_text("leader"), "", 2181), judged(srvr_text("leader"), "", 2182), refused()});
  EXPECT_EQ(same.up, 1);
  const StatusView later =
      judge_status(members(3), {judged(srvr_text("leader", "0x400000009"), "", 2181),
                                judged(srvr_text("leader", "0x500000001"), "", 2182),
                                judged(srvr_text("follower", "0x500000000"), "", 2183)});
  EXPECT_EQ(later.up, 2);
  EXPECT_EQ(later.rows[0].status.state, ServerState::kOldLeader);
  EXPECT_EQ(later.rows[2].lag, 1);
  const StatusView fresh =
      judge_status(members(2), {judged(srvr_text("leader", "0x500000003"), "", 2181),
                                judged(srvr_text("follower", "0x400000009"), "", 2182)});
  EXPECT_EQ(fresh.rows[1].lag, 3);  // it has all of the epoch before
  EXPECT_THAT(status_text(later), HasSubstr("leader: server.2, 127.0.0.1:2182, epoch 5\n"));
}

TEST(StatusCounts, a_list_of_addresses_may_name_a_part_of_the_ensemble) {
  const std::string five =
      "serverId=1\nserver.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nserver.4=d:1:2\n"
      "server.5=e:1:2\n";
  StatusTargets targets = members(2);
  for (StatusTarget& target : targets.servers) target.id = std::nullopt;
  const StatusView view = judge_status(
      targets, {judged(srvr_text("leader"), five, 2181), judged(srvr_text("follower"), "", 2182)});
  EXPECT_EQ(view.voters, 5);
  EXPECT_THAT(status_text(view), HasSubstr("2 of 5 up, 3 not known (a quorum is 3)\n"));
}

TEST(StatusCounts, a_follower_has_a_leader_that_the_list_may_lack) {
  StatusTargets targets = members(3);
  for (StatusTarget& target : targets.servers) target.id = std::nullopt;
  const StatusView view =
      judge_status(targets, {judged(srvr_text("follower"), "", 2181), refused(), refused()});
  EXPECT_EQ(view.exit_code, 1);
  EXPECT_THAT(status_text(view), AllOf(HasSubstr("leader: not among those that answered\n"),
                                       HasSubstr("1 of 3 up, 1 not known (a quorum is 2)\n")));
}

TEST(StatusCounts, stand_alone_servers_in_a_list_are_no_ensemble) {
  StatusTargets targets = members(2);
  for (StatusTarget& target : targets.servers) target.id = std::nullopt;
  const StatusView view = judge_status(targets, {judged(srvr_text("standalone"), "", 2181),
                                                 judged(srvr_text("standalone"), "", 2182)});
  EXPECT_EQ(view.exit_code, 0);
  EXPECT_THAT(status_text(view), Not(HasSubstr("quorum")));
}

TEST(StatusJson, has_the_same_in_fields) {
  EXPECT_THAT(status_json(view_of({"leader", "looking", "refused"})),
              AllOf(HasSubstr("\"state\": \"leader\""), HasSubstr("\"state\": \"looking\""),
                    HasSubstr("\"leader\": 1"), HasSubstr("\"has_quorum\": false"),
                    HasSubstr("\"more_needed\": 0"), HasSubstr("\"exit_code\": 2")));
}

class StatusTargetsTest : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    ASSERT_TRUE(files.make_directories(path.substr(0, path.rfind('/'))).has_value());
    auto file = files.open(path, env::OpenMode::kTruncate);
    ASSERT_TRUE(file.has_value());
    ASSERT_TRUE((*file)->write_at(0, text).has_value());
  }
  // A zoo.cfg of one of three servers on one host, as tutorials have it.
  void write_server(const std::string& path, int id, int port, const std::string& lines) {
    const std::string data = "/data/" + std::to_string(id);
    write(path, "tickTime=2000\ninitLimit=5\nsyncLimit=2\ndataDir=" + data +
                    "\nclientPort=" + std::to_string(port) + "\n" + lines);
    write(data + "/myid", std::to_string(id) + "\n");
  }
  StatusTargets targets_of(const std::string& path) {
    const auto config = config::load_config(files, path);
    EXPECT_TRUE(config.has_value()) << config.error().message;
    return targets_of_config(files, *config);
  }
  static std::vector<std::string> addresses(const StatusTargets& targets) {
    std::vector<std::string> all;
    for (const StatusTarget& target : targets.servers) {
      all.push_back(target.is_address_taken ? "?" : target.address.text());
    }
    return all;
  }
  env::MemoryFileSystem files;
  const std::string lines =
      "server.1=127.0.0.1:2888:3888\nserver.2=127.0.0.1:2889:3889\nserver.3=localhost:2890:3890\n";
};

using ::testing::ElementsAre;

TEST_F(StatusTargetsTest, files_in_the_same_directory_tell_the_other_ports) {
  write_server("/etc/zk/zoo1.cfg", 1, 2181, lines);
  write_server("/etc/zk/zoo2.cfg", 2, 2182, lines);
  write_server("/etc/zk/zoo3.cfg", 3, 2183, lines);
  const StatusTargets targets = targets_of("/etc/zk/zoo2.cfg");
  EXPECT_THAT(addresses(targets),
              ElementsAre("127.0.0.1:2181", "127.0.0.1:2182", "localhost:2183"));
  EXPECT_EQ(targets.servers[0].port_from, "/etc/zk/zoo1.cfg");
  EXPECT_TRUE(targets.servers[1].is_self);
  EXPECT_FALSE(targets.servers[0].is_port_assumed);
}

TEST_F(StatusTargetsTest, so_do_files_of_neighbours) {
  write_server("/srv/1/zoo.cfg", 1, 2181, lines);
  write_server("/srv/2/zoo.cfg", 2, 2182, lines);
  write_server("/srv/3/zoo.cfg", 3, 2183, lines);
  EXPECT_THAT(addresses(targets_of("/srv/1/zoo.cfg")),
              ElementsAre("127.0.0.1:2181", "127.0.0.1:2182", "localhost:2183"));
  write_server("/opt/zk1/conf/zoo.cfg", 1, 2281, lines);
  write_server("/opt/zk2/conf/zoo.cfg", 2, 2282, lines);
  write_server("/opt/zk3/conf/zoo.cfg", 3, 2283, lines);
  EXPECT_THAT(addresses(targets_of("/opt/zk3/conf/zoo.cfg")),
              ElementsAre("127.0.0.1:2281", "127.0.0.1:2282", "localhost:2283"));
}

TEST_F(StatusTargetsTest, a_file_of_another_ensemble_tells_nothing) {
  write_server("/etc/zk/zoo1.cfg", 1, 2181, lines);
  write_server("/etc/zk/zoo2.cfg", 2, 2182,
               "server.1=127.0.0.1:2888:3888\nserver.2=127.0.0.1:1:2\nserver.3=127.0.0.1:3:4\n");
  const StatusTargets targets = targets_of("/etc/zk/zoo1.cfg");
  EXPECT_THAT(addresses(targets), ElementsAre("127.0.0.1:2181", "?", "?"));
  EXPECT_FALSE(targets.servers[0].is_port_assumed);
}

TEST_F(StatusTargetsTest, on_other_hosts_the_own_port_is_assumed_and_told_as_such) {
  write_server("/etc/zk/zoo.cfg", 2, 2181,
               "server.1=a:2888:3888\nserver.2=b:2888:3888\nserver.3=c:2888:3888;2199\n");
  const StatusTargets targets = targets_of("/etc/zk/zoo.cfg");
  EXPECT_THAT(addresses(targets), ElementsAre("a:2181", "b:2181", "c:2199"));
  EXPECT_TRUE(targets.servers[0].is_port_assumed);
  EXPECT_FALSE(targets.servers[1].is_port_assumed);
  EXPECT_FALSE(targets.servers[2].is_port_assumed);
}

TEST_F(StatusTargetsTest, an_address_that_stands_twice_in_a_list_is_asked_once) {
  EXPECT_THAT(addresses(targets_of_addresses(
                  {{"localhost", 2181}, {"127.0.0.1", 2181}, {"127.0.0.1", 2182}})),
              ElementsAre("localhost:2181", "127.0.0.1:2182"));
}

}  // namespace
}  // namespace zooid::cli
