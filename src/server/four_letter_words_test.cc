// Answers to four-letter words against those captured from ZooKeeper (operations 1).
#include "server/four_letter_words.h"

#include <regex>

#include "base/mark.h"
#include "base/version.h"
#include "server/shard_fixture.h"
#include "server/word_reports.h"
#include "wire/golden_files.h"

namespace zooid::server::testing {
namespace {

using wire::OpCode;

class FourLetterWordsTest : public ShardFixture {
 protected:
  std::string ask(const std::string& word, std::shared_ptr<const ReplicaFacts> facts = nullptr) {
    auto client = network.connect_client();
    client->inbound = word;
    step();
    if (!replica.inspects.empty()) {
      const Inspect asked = replica.inspects.back();
      EXPECT_EQ(asked.with_quotas, word == "mntr");
      replica.inspects.clear();
      if (facts == nullptr) facts = make_facts();
      shard->inbox().push(InspectReply{asked.origin.connection, facts});
      step();
    }
    EXPECT_TRUE(client->closed_by_server) << word;
    return client->received;
  }
  std::shared_ptr<ReplicaFacts> make_facts(const std::string& mode = "standalone") {
    auto facts = std::make_shared<ReplicaFacts>();
    facts->mode = mode;
    facts->serving = true;
    facts->last_zxid = Zxid{0x41};
    facts->node_count = 19;
    return facts;
  }
  static std::vector<std::string> lines_of(const std::string& text) {
    return wire::golden::split(text, '\n');
  }
};

TEST_F(FourLetterWordsTest, short_answers) {
  start();
  EXPECT_EQ(ask("ruok"), "imok");
  EXPECT_EQ(ask("isro"), "rw");
  EXPECT_EQ(ask("gtmk"), "306");
  EXPECT_EQ(ask(std::string("stmk\0\0\0\0\0\0\0\x1e", 12)), "30");
  EXPECT_EQ(ask("gtmk"), "30");
  EXPECT_EQ(ask("crst"), "Connection stats reset.\n");
  EXPECT_EQ(ask("srst"), "Server stats reset.\n");
  EXPECT_EQ(ask("wchs"), "0 connections watching 0 paths\nTotal watches:0\n");
  EXPECT_EQ(ask("wchc"), "\n");
  EXPECT_EQ(ask("wchp"), "\n");
  EXPECT_EQ(ask("hash"), "");
}

TEST_F(FourLetterWordsTest, srvr_has_the_captured_lines) {
  start();
  const std::string text = ask("srvr");
  EXPECT_EQ(text, std::string("Zookeeper version: ") + kVersionText +
                      "\nLatency min/avg/max: 0/0.0/0\nReceived: 1\nSent: 0\nConnections: 1\n"
                      "Outstanding: 0\nZxid: 0x41\nMode: standalone\nNode count: 19\n");
  EXPECT_TRUE(std::string(kVersionText).starts_with("3.9.5-"));
}

TEST_F(FourLetterWordsTest, stat_lists_clients_and_a_leader_its_proposal_sizes) {
  start();
  replica.serve(shard->inbox(), "leader");
  auto client = connect_open();
  auto facts = make_facts("leader");
  facts->proposal_last = 64;
  facts->proposal_min = 48;
  facts->proposal_max = 96;
  const std::vector<std::string> lines = lines_of(ask("stat", facts));
  ASSERT_EQ(lines.size(), 15u);
  EXPECT_EQ(lines[1], "Clients:");
  EXPECT_EQ(lines[2], " /127.0.0.1:40001[1](queued=0,recved=1,sent=1)");
  EXPECT_EQ(lines[3], " /127.0.0.1:40002[0](queued=0,recved=1,sent=0)");
  EXPECT_EQ(lines[4], "");
  EXPECT_EQ(lines[5].substr(0, 20), "Latency min/avg/max:");
  EXPECT_EQ(lines[11], "Mode: leader");
  EXPECT_EQ(lines[13], "Proposal sizes last/min/max: 64/48/96");
}

TEST_F(FourLetterWordsTest, srvr_and_stat_of_a_read_only_server_say_so_in_their_second_line) {
  start();
  shard->inbox().push(NotServing{"no quorum"});
  shard->inbox().push(Serving{&replica.database, "read-only", true});
  settle();
  for (const std::string word : {"srvr", "stat"}) {
    const std::vector<std::string> lines = lines_of(ask(word, make_facts("read-only")));
    ASSERT_GT(lines.size(), 3u);
    EXPECT_EQ(lines[1], "READ-ONLY mode; serving only read-only clients") << word;
    EXPECT_NE(std::find(lines.begin(), lines.end(), "Mode: read-only"), lines.end()) << word;
  }
}

TEST_F(FourLetterWordsTest, cons_shows_the_last_operation) {
  start();
  auto client = connect_open();
  client->inbound = create(9, "/a");
  settle();
  const std::vector<std::string> lines = lines_of(ask("cons"));
  ASSERT_EQ(lines.size(), 4u);
  const std::regex line(
      R"( /127\.0\.0\.1:\d+\[1\]\(queued=0,recved=2,sent=2,sid=0x100000000000001,lop=CREA,)"
      R"(est=\d+,to=10000,lcxid=0x9,lzxid=0x2,lresp=\d+,llat=0,minlat=0,avglat=0,maxlat=0\))");
  EXPECT_TRUE(std::regex_match(lines[0], line)) << lines[0];
  EXPECT_EQ(lines[1], " /127.0.0.1:40002[0](queued=0,recved=1,sent=0)");
  EXPECT_EQ(lines[2], "");
}

// The names of mntr, in order: of the first block, which ends with quorum_size in the captures,
// then of the metrics that this server keeps.
const std::vector<std::string> kFirstBlock = {"ephemerals_count",
                                              "num_alive_connections",
                                              "avg_latency",
                                              "outstanding_requests",
                                              "znode_count",
                                              "global_sessions",
                                              "non_mtls_remote_conn_count",
                                              "last_client_response_size",
                                              "packets_sent",
                                              "packets_received",
                                              "max_client_response_size",
                                              "connection_drop_probability",
                                              "watch_count",
                                              "auth_failed_count",
                                              "min_latency",
                                              "max_file_descriptor_count",
                                              "approximate_data_size",
                                              "open_file_descriptor_count",
                                              "local_sessions",
                                              "uptime",
                                              "max_latency",
                                              "outstanding_tls_handshake",
                                              "min_client_response_size",
                                              "non_mtls_local_conn_count"};
const std::vector<std::string> kMetrics = {"connection_request_count",
                                           "connection_rejected",
                                           "sessionless_connections_expired",
                                           "bytes_received_count",
                                           "digest_mismatches_count",
                                           "fsync_threshold_exceed_count",
                                           "avg_fsynctime",
                                           "max_fsynctime",
                                           "cnt_fsynctime",
                                           "sum_fsynctime",
                                           "throttled_ops",
                                           "stale_requests",
                                           "stale_requests_dropped",
                                           "request_throttle_wait_count",
                                           "zooid_outstanding_limit_hit",
                                           "zooid_backlog_limit_hit",
                                           "zooid_slow_readers_closed",
                                           "zooid_output_bytes",
                                           "zooid_output_limit_hit",
                                           "zooid_partial_request_bytes",
                                           "zooid_partial_requests_closed",
                                           "zooid_identity_limit_hit",
                                           "zooid_turns_cut",
                                           "zooid_log_waiting_bytes",
                                           "zooid_log_waiting_bytes_max",
                                           "zooid_log_limit_hit",
                                           "zooid_slow_disk_leaves",
                                           "zooid_loop_longest_step_ms",
                                           "zooid_loop_longest_step_what",
                                           "zooid_loop_longest_step_last_minute_ms",
                                           "zooid_loop_longest_step_last_minute_what",
                                           "zooid_loop_steps_over_5ms"};

std::vector<std::string> names_of_mntr(const std::vector<std::string>& lines) {
  std::vector<std::string> names;
  for (const std::string& line : lines) {
    if (line.empty()) continue;
    EXPECT_TRUE(line.starts_with("zk_")) << line;
    names.push_back(line.substr(3, line.find('\t') - 3));
  }
  return names;
}

std::vector<std::string> joined(std::vector<std::vector<std::string>> parts) {
  std::vector<std::string> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

TEST_F(FourLetterWordsTest, mntr_has_every_name_in_order) {
  start();
  EXPECT_EQ(names_of_mntr(lines_of(ask("mntr"))),
            joined({{"version", "server_state"}, kFirstBlock, kMetrics}));
}

TEST_F(FourLetterWordsTest, mntr_of_a_leader_has_the_leader_lines) {
  config.my_id = ServerId{1};
  config.membership =
      *zab::Membership::parse("server.1=127.0.0.1:2888:3888:participant;127.0.0.1:2181\nversion=0");
  start();
  replica.serve(shard->inbox(), "leader");
  auto facts = make_facts("leader");
  facts->peer_state = "leading - broadcast";
  facts->quorum_size = 3;
  const std::string text = ask("mntr", facts);
  EXPECT_EQ(names_of_mntr(lines_of(text)),
            joined({{"version", "server_state", "peer_state"},
                    kFirstBlock,
                    {"quorum_size", "synced_followers", "synced_non_voting_followers",
                     "synced_observers", "learners", "leader_uptime", "pending_syncs",
                     "last_proposal_size", "min_proposal_size", "max_proposal_size"},
                    kMetrics}));
  EXPECT_NE(text.find("zk_peer_state\tleading - broadcast\n"), std::string::npos);

  facts->membership_text = config.membership.text();
  const std::vector<std::string> conf = lines_of(ask("conf", facts));
  const std::vector<std::string> keys = {"clientPort=2181",
                                         "secureClientPort=-1",
                                         "dataDir=/DATA/version-2",
                                         "dataDirSize=0",
                                         "dataLogDir=/DATA/version-2",
                                         "dataLogSize=0",
                                         "tickTime=2000",
                                         "maxClientCnxns=60",
                                         "minSessionTimeout=4000",
                                         "maxSessionTimeout=40000",
                                         "clientPortListenBacklog=-1",
                                         "serverId=0",
                                         "initLimit=10",
                                         "syncLimit=5",
                                         "electionAlg=3",
                                         "electionPort=3888",
                                         "quorumPort=2888",
                                         "peerType=0",
                                         "membership: "};
  ASSERT_GE(conf.size(), keys.size());
  for (size_t i = 0; i < keys.size(); ++i) EXPECT_EQ(conf[i], keys[i]);
}

TEST_F(FourLetterWordsTest, mntr_shows_quotas_by_namespace) {
  start();
  auto facts = make_facts();
  facts->quotas["a"] = {state::QuotaSum{5, -1}, state::QuotaSum{3, 70}};
  facts->quotas["b"] = {std::nullopt, state::QuotaSum{1, 0}};
  facts->quota_exceeded["a"] = 9;
  const std::string text = ask("mntr", facts);
  EXPECT_NE(text.find("zk_a_quota_count_limit_per_namespace\t5\n"
                      "zk_a_quota_bytes_limit_per_namespace\t-1\n"
                      "zk_a_quota_count_usage_per_namespace\t3\n"
                      "zk_b_quota_count_usage_per_namespace\t1\n"
                      "zk_a_quota_bytes_usage_per_namespace\t70\n"
                      "zk_b_quota_bytes_usage_per_namespace\t0\n"
                      "zk_a_quota_exceeded_error_per_namespace\t9\n"),
            std::string::npos)
      << text;
}

TEST_F(FourLetterWordsTest, dump_has_the_captured_form) {
  start();
  auto client = connect_open();
  client->inbound = create(1, "/a", "x", 1) + create(2, "/b", "x", 1);
  settle();
  auto facts = make_facts();
  facts->sessions = {{SessionId{5}, 10'000, 1'795'334'916'000}};
  facts->ephemeral_owners = {session_of(*client), SessionId{5}};
  const std::vector<std::string> lines = lines_of(ask("dump", facts));
  const std::vector<std::string> expected = {"SessionTracker dump:",
                                             "Session Sets (1)/(1):",
                                             "1 expire at Sun Nov 22 08:08:36 UTC 2026:",
                                             "\t0x5",
                                             "ephemeral nodes dump:",
                                             "Sessions with Ephemerals (2):",
                                             "0x100000000000001:",
                                             "\t/a",
                                             "\t/b",
                                             "0x5:",
                                             "Connections dump:"};
  ASSERT_GE(lines.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(lines[i], expected[i]);
  EXPECT_NE(ask("dump", facts).find("\tip: /127.0.0.1:40001 sessionId: 0x100000000000001\n"),
            std::string::npos);
}

TEST_F(FourLetterWordsTest, dump_writes_many_ephemerals_in_slices) {
  start();
  auto client = connect_open();
  constexpr int kNodes = 4'500;
  for (int i = 0; i < kNodes; ++i) client->inbound += create(i, "/e" + std::to_string(i), "", 1);
  settle();
  auto facts = make_facts();
  facts->ephemeral_owners = {session_of(*client)};
  auto asking = network.connect_client();
  asking->inbound = "dump";
  step();
  ASSERT_FALSE(replica.inspects.empty());
  const uint64_t slices_before = mark_count("words.list_in_slices");
  shard->inbox().push(InspectReply{replica.inspects.back().origin.connection, facts});
  for (int i = 0; i < 10; ++i) step();
  EXPECT_TRUE(asking->closed_by_server);
  EXPECT_EQ(mark_count("words.list_in_slices") - slices_before, 2u);
  const std::vector<std::string> lines = lines_of(asking->received);
  const auto first = std::ranges::find(lines, "\t/e0");
  ASSERT_LE(kNodes, lines.end() - first);
  for (int i = 0; i < kNodes; ++i) EXPECT_EQ(first[i], "\t/e" + std::to_string(i));
  EXPECT_EQ(first[kNodes], "Connections dump:");
}

TEST_F(FourLetterWordsTest, local_sessions_stand_before_the_global_ones) {
  start();
  auto facts = make_facts("leader");
  facts->sessions = {{SessionId{5}, 10'000, 1'795'334'916'000}, {SessionId{6}, 4'000, 0}};
  facts->local_sessions = {{SessionId{7}, 10'000, 1'795'334'918'000},
                           {SessionId{8}, 10'000, 1'795'334'918'000},
                           {SessionId{9}, 20'000, 1'795'334'920'000}};
  facts->local_session_count = 3;
  facts->session_count = 2;
  const std::string local =
      "SessionTracker dump:\n"
      "Local Session Sets (2)/(3):\n"
      "2 expire at Sun Nov 22 08:08:38 UTC 2026:\n\t0x7\n\t0x8\n"
      "1 expire at Sun Nov 22 08:08:40 UTC 2026:\n\t0x9\n";
  const std::string of_leader = ask("dump", facts);
  EXPECT_TRUE(of_leader.starts_with(local + "Global Session Sets (1)/(2):\n"
                                            "1 expire at Sun Nov 22 08:08:36 UTC 2026:\n\t0x5\n"
                                            "ephemeral nodes dump:\n"))
      << of_leader;
  facts->mode = "follower";
  const std::string of_follower = ask("dump", facts);
  EXPECT_TRUE(of_follower.starts_with(
      local + "Global Sessions(2):\n0x5\t10000ms\n0x6\t4000ms\nephemeral nodes dump:\n"))
      << of_follower;
  facts->local_sessions.reset();
  EXPECT_TRUE(ask("dump", facts).starts_with("SessionTracker dump:\nGlobal Sessions(2):\n0x5\t"));
  const std::string numbers = ask("mntr", facts);
  EXPECT_NE(numbers.find("\nzk_global_sessions\t2\n"), std::string::npos);
  EXPECT_NE(numbers.find("\nzk_local_sessions\t3\n"), std::string::npos);
}

TEST_F(FourLetterWordsTest, watches_are_listed_by_session_and_by_path) {
  start();
  auto client = connect_open();
  client->inbound = path_watch(1, OpCode::kExists, "/n", true) +
                    path_watch(2, OpCode::kExists, "/m", true) +
                    path_watch(3, OpCode::kGetChildren, "/", true);
  settle();
  EXPECT_EQ(ask("wchs"), "1 connections watching 2 paths\nTotal watches:2\n");
  EXPECT_EQ(ask("wchc"), "0x100000000000001\n\t/m\n\t/n\n\n");
  EXPECT_EQ(ask("wchp"), "/n\n\t0x100000000000001\n/m\n\t0x100000000000001\n\n");
}

TEST_F(FourLetterWordsTest, envi_has_the_captured_keys) {
  start();
  const std::vector<std::string> lines = lines_of(ask("envi"));
  const char* keys[] = {
      "zookeeper.version", "host.name",         "java.version",   "java.vendor",   "java.home",
      "java.class.path",   "java.library.path", "java.io.tmpdir", "java.compiler", "os.name",
      "os.arch",           "os.version",        "user.name",      "user.home",     "user.dir",
      "os.memory.free",    "os.memory.max",     "os.memory.total"};
  EXPECT_EQ(lines[0], "Environment:");
  for (size_t i = 0; i < std::size(keys); ++i) {
    EXPECT_TRUE(lines[i + 1].starts_with(std::string(keys[i]) + "=")) << lines[i + 1];
  }
}

TEST_F(FourLetterWordsTest, a_word_outside_the_whitelist_is_refused) {
  config.four_letter_words = {"srvr"};
  start();
  EXPECT_EQ(ask("ruok"), "ruok is not executed because it is not in the whitelist.\n");
  EXPECT_EQ(ask("mntr"), "mntr is not executed because it is not in the whitelist.\n");
  EXPECT_TRUE(ask("srvr").starts_with("Zookeeper version: "));
}

TEST_F(FourLetterWordsTest, a_server_that_does_not_serve_says_so) {
  start();
  shard->inbox().push(NotServing{"looking"});
  step();
  const std::string not_serving = "This ZooKeeper instance is not currently serving requests\n";
  for (const char* word :
       {"srvr", "stat", "mntr", "conf", "cons", "dump", "dirs", "wchs", "crst"}) {
    EXPECT_EQ(ask(word), not_serving) << word;
  }
  EXPECT_EQ(ask("ruok"), "imok");
  EXPECT_EQ(ask("isro"), "null");
  auto facts = make_facts();
  facts->trouble = "out of space on /data, 0 bytes free";
  EXPECT_EQ(ask("srvr", facts), not_serving + "Trouble: out of space on /data, 0 bytes free\n");
}

TEST_F(FourLetterWordsTest, a_replica_that_does_not_answer_is_named) {
  start();
  auto client = network.connect_client();
  client->inbound = "srvr";
  step();
  clock.advance_ms(1'300);
  step();
  EXPECT_TRUE(client->closed_by_server);
  EXPECT_EQ(client->received, "The replica of this server did not answer within 1 s\n");
}

TEST_F(FourLetterWordsTest, decimals_are_written_as_java_does) {
  EXPECT_EQ(decimal_text(0), "0.0");
  EXPECT_EQ(decimal_text(1.5), "1.5");
  EXPECT_EQ(decimal_text(16.0 / 11), "1.4545");
}

}  // namespace
}  // namespace zooid::server::testing
