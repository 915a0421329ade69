#include "config/server_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/files_for_test.h"

namespace zooid::config {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::string_view kThree =
    "dataDir=/data\nclientPort=2181\ninitLimit=10\nsyncLimit=5\n"
    "server.1=zk1:2888:3888\nserver.2=zk2:2888:3888\nserver.3=zk3:2888:3888\n";

Result<ServerConfig> parse(std::string_view text, FilesInMemory files = {}) {
  return parse_config(files, text, "zoo.cfg", true);
}

FilesInMemory with_my_id(std::string content) {
  FilesInMemory files;
  files.files["/data/myid"] = std::move(content);
  return files;
}

std::string error_of(const Result<ServerConfig>& config) {
  if (config) return "no error";
  EXPECT_EQ(config.error().kind, Error::Kind::kConfig);
  return config.error().message;
}

TEST(ServerConfig, reads_the_sample_file_of_zookeeper) {
  const auto config = parse(R"(# The number of milliseconds of each tick
tickTime=2000
# The number of ticks that the initial
# synchronization phase can take
initLimit=10
syncLimit=5
# the directory where the snapshot is stored.
# do not use /tmp for storage, /tmp here is just
# example sakes.
dataDir=/tmp/zookeeper
# the port at which the clients will connect
clientPort=2181
#maxClientCnxns=60
#autopurge.snapRetainCount=3
#metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider
)");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->tick_ms, 2000);
  EXPECT_EQ(config->init_limit, 10);
  EXPECT_EQ(config->data_dir, "/tmp/zookeeper");
  EXPECT_EQ(config->data_log_dir, "/tmp/zookeeper");
  EXPECT_EQ(config->client_port, 2181);
  EXPECT_EQ(config->max_client_cnxns, 60);
  EXPECT_EQ(config->min_session_timeout(), 4000);
  EXPECT_EQ(config->max_session_timeout(), 40'000);
  EXPECT_FALSE(config->is_ensemble());
  EXPECT_THAT(config->warnings, IsEmpty());
}

TEST(ServerConfig, reads_an_ensemble) {
  const auto config = parse(kThree, with_my_id("2\n"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(config->is_ensemble());
  EXPECT_EQ(config->my_id, ServerId{2});
  EXPECT_EQ(config->membership.version(), 0);
  EXPECT_EQ(config->membership.voters().size(), 3u);
  EXPECT_EQ(config->tick_ms, 3000);
  EXPECT_EQ(config->membership.find(ServerId{3})->addresses.at(0).host, "zk3");
  EXPECT_THAT(config->warnings, IsEmpty());
}

TEST(ServerConfig, units_words_and_clamps) {
  const auto config = parse(
      "dataDir=/data/\ndataLogDir=/log\npreAllocSize=64\nsnapSizeLimitInKb=-1\n"
      "txnLogSizeLimitInKb=8\nforceSync=no\nskipACL=yes\nsnapCount=1\ncommitLogCount=7\n"
      "autopurge.snapRetainCount=1\nclientPort=0\nsnapshot.compression.method=gz\n"
      "4lw.commands.whitelist=stat, ruok,,mntr\nDigestAuthenticationProvider.digestAlg=SHA-256\n"
      "DigestAuthenticationProvider.superDigest=super:abc=\nsnapshotSizeFactor=0.5\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->data_dir, "/data");
  EXPECT_EQ(config->data_log_dir, "/log");
  EXPECT_EQ(config->preallocate_bytes, 64u << 10);
  EXPECT_EQ(config->snap_size_limit_bytes, 0u);
  EXPECT_EQ(config->log_size_limit_bytes, 8u << 10);
  EXPECT_FALSE(config->force_sync);
  EXPECT_TRUE(config->skip_acl);
  EXPECT_EQ(config->snap_count, 2);
  EXPECT_EQ(config->commit_log_count, 500);
  EXPECT_EQ(config->purge_retain_count, 3);
  EXPECT_EQ(config->client_port, 0);
  EXPECT_EQ(config->snapshot_compression, "gz");
  EXPECT_THAT(config->four_letter_words, ElementsAre("mntr", "ruok", "srvr", "stat"));
  EXPECT_EQ(config->super_digest, "super:abc=");
  EXPECT_DOUBLE_EQ(config->snapshot_size_factor, 0.5);
  EXPECT_THAT(config->warnings, Contains("snapCount=1 is too low: 2 is used"));
  EXPECT_EQ(config->warnings.size(), 4u);  // the three that were raised, and the port
}

TEST(ServerConfig, all_problems_are_told_at_once) {
  const std::string message =
      error_of(parse("dataDir=/data\ntickTime=soon\nsslQuorum=true\n"
                     "peerType=observer\n"));
  EXPECT_THAT(message, HasSubstr("zoo.cfg:2: tickTime=soon: expected a whole number from 1 to"));
  EXPECT_THAT(message, HasSubstr("\nzoo.cfg:3: sslQuorum=true: TLS is not supported yet"));
  EXPECT_THAT(message, HasSubstr("\nzoo.cfg:4: peerType=observer: observers are not"));
}

TEST(ServerConfig, secrets_are_not_shown) {
  EXPECT_THAT(error_of(parse("dataDir=/data\nssl.keyStore.password=hunter2\n")),
              AllOf(HasSubstr("ssl.keyStore.password=***"), Not(HasSubstr("hunter2"))));
  const auto config = parse("dataDir=/data\nDigestAuthenticationProvider.superDigest=hunter2\n");
  ASSERT_TRUE(config);
  EXPECT_THAT(config->warnings, ElementsAre(Not(HasSubstr("hunter2"))));
}

TEST(ServerConfig, an_unknown_key_is_a_property_with_a_hint) {
  const auto config = parse("dataDir=/data\nticktime=9\nzookeeper.skipACL=yes\nmy.plugin=x\n");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->properties.at("zookeeper.my.plugin"), "x");
  EXPECT_FALSE(config->skip_acl);
  EXPECT_THAT(
      config->warnings,
      ElementsAre("ticktime is not known and has no effect; did you mean tickTime?",
                  "zookeeper.skipACL is not known and has no effect; in a file it is written "
                  "without the prefix: skipACL",
                  "my.plugin is not known and has no effect"));
}

TEST(ServerConfig, a_key_that_stands_twice_is_said) {
  const auto config = parse("dataDir=/data\ntickTime=100\ntickTime=200\n");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->tick_ms, 200);
  EXPECT_THAT(config->warnings,
              ElementsAre("tickTime stands in line 2 and in line 3: the last one counts"));
}

TEST(ServerConfig, directories) {
  EXPECT_THAT(error_of(parse("clientPort=2181\n")), HasSubstr("dataDir is not set"));
  for (const std::string place : {"/data", "/data/version-2"}) {
    FilesInMemory files;
    files.unwritable.insert(place);
    const auto config = parse("dataDir=/data\nclientPort=1\n", files);
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_THAT(check_writable(*config, files).error().message,
                HasSubstr("dataDir=/data cannot be written: " + place + "/.zooid-can-write: open"));
  }
  auto config = parse("dataDir=/data\nclientPort=1\ndatadir.autocreate=false\n");
  ASSERT_TRUE(config);
  FilesInMemory files;
  EXPECT_THAT(check_start(*config, files).error().message,
              HasSubstr("dataDir=/data has no version-2 in it"));
  files.directories.insert("/data/version-2");
  EXPECT_TRUE(check_start(*config, files));
  const auto relative = parse("dataDir=data\n");
  ASSERT_TRUE(relative);
  EXPECT_THAT(relative->warnings, ElementsAre(HasSubstr("data is a relative path")));
}

TEST(ServerConfig, checking_leaves_no_file_behind) {
  FilesInMemory files;
  auto config = parse_config(files, "dataDir=/data\nclientPort=1\n", "zoo.cfg", true);
  ASSERT_TRUE(config);
  ASSERT_TRUE(check_start(*config, files));
  EXPECT_THAT(files.directories, IsEmpty());
  ASSERT_TRUE(check_writable(*config, files));
  EXPECT_THAT(files.files, IsEmpty());
  EXPECT_THAT(files.directories, Contains("/data/version-2"));
}

TEST(ServerConfig, a_standalone_server_needs_a_client_port) {
  FilesInMemory files;
  auto config = parse("dataDir=/data\n", files);
  ASSERT_TRUE(config);
  EXPECT_THAT(check_start(*config, files).error().message,
              HasSubstr("zoo.cfg: clientPort is not set: no client could connect; write for "
                        "example clientPort=2181"));
  // A member of an ensemble may be a voter and nothing else.
  auto member = parse(
      "dataDir=/data\ninitLimit=10\nsyncLimit=5\nserver.1=a:1:2\n"
      "server.2=b:1:2\nserver.3=c:1:2\n",
      with_my_id("1"));
  ASSERT_TRUE(member) << member.error().message;
  EXPECT_TRUE(check_start(*member, files));
}

TEST(ServerConfig, limits) {
  EXPECT_THAT(error_of(parse("dataDir=/data\nclientPortAddress=::1\n")),
              HasSubstr("clientPortAddress is set but clientPort is not"));
  EXPECT_THAT(error_of(parse("dataDir=/data\nmaxSessionTimeout=1000\n")),
              HasSubstr("minSessionTimeout 6000 ms is larger than maxSessionTimeout 1000 ms"));
  EXPECT_THAT(error_of(parse("dataDir=/data\nclientPort=66000\n")),
              HasSubstr("zoo.cfg:2: clientPort=66000: expected a port number"));
  EXPECT_THAT(error_of(parse("dataDir=/data\ntickTime=99999999999\n")),
              HasSubstr("expected a whole number from 1 to 2147483647"));
}

TEST(ServerConfig, max_record_buffer_adds_the_extra) {
  ServerConfig config;
  EXPECT_EQ(config.max_record_buffer(), 2 * 1'048'575);
  config.jute_max_buffer_extra = 5;
  EXPECT_EQ(config.max_record_buffer(), 1'048'575 + 1024);
  config.jute_max_buffer = INT32_MAX;
  EXPECT_EQ(config.max_record_buffer(), INT32_MAX);
}

TEST(ServerConfig, an_ensemble_needs_its_limits) {
  const std::string message = error_of(
      parse("dataDir=/data\nserver.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n", with_my_id("1")));
  EXPECT_THAT(message, AllOf(HasSubstr("an ensemble needs initLimit"),
                             HasSubstr("an ensemble needs syncLimit")));
  const std::string zero = error_of(parse(std::string(kThree) + "initLimit=0\n", with_my_id("1")));
  EXPECT_THAT(zero, HasSubstr("an ensemble needs initLimit"));
}

TEST(ServerConfig, my_id_errors_tell_what_to_write) {
  EXPECT_THAT(error_of(parse(kThree)),
              AllOf(HasSubstr("/data/myid cannot be read"),
                    HasSubstr("write this server's number into it (1 on zk1, 2 on zk2, 3 on zk3), "
                              "for example: mkdir -p /data && echo 1 > /data/myid")));
  EXPECT_THAT(error_of(parse(kThree, with_my_id("two"))),
              HasSubstr("/data/myid says 'two', which is no number"));
  EXPECT_THAT(error_of(parse(kThree, with_my_id(""))), HasSubstr("says ''"));
  EXPECT_THAT(error_of(parse(kThree, with_my_id("4\n"))),
              HasSubstr("/data/myid says 4, but there is no line server.4"));
  const auto config = parse(kThree, with_my_id("  3 \r\nignored"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->my_id, ServerId{3});
}

TEST(ServerConfig, server_line_errors_name_the_line) {
  const auto with_line = [](std::string line) {
    return error_of(parse(std::string(kThree) + line + "\n", with_my_id("1")));
  };
  EXPECT_THAT(with_line("server.x=a:1:2"), HasSubstr("zoo.cfg:8: server.x: expected a number"));
  EXPECT_THAT(with_line("server.-4=a:1:2"), HasSubstr("expected a number"));
  EXPECT_THAT(with_line("server.4=a:1"), HasSubstr("zoo.cfg:8: server.4=a:1: "));
  EXPECT_THAT(with_line("server.02=zk9:1:2"),
              HasSubstr("zoo.cfg:8: server.02 is server 2 of line 6"));
  EXPECT_THAT(with_line("server.4=zk2:2888:4888"),
              HasSubstr("server.2 and server.4 have the same address zk2:2888"));
  EXPECT_THAT(with_line("server.4=zk4:2888:3888:observer"),
              HasSubstr("zoo.cfg:8: server.4: observers are not supported yet"));
  EXPECT_THAT(with_line("server.4=zk4:2888:3888|zk5:2888:3888"),
              HasSubstr("server.4: several addresses"));
  EXPECT_THAT(with_line("server.256=zk4:2888:3888"),
              HasSubstr("server.256: the id must be from 0 to 255"));
  EXPECT_THAT(with_line("extendedTypesEnabled=true\nserver.255=zk4:2888:3888"),
              HasSubstr("the id must be from 0 to 254"));
  EXPECT_THAT(with_line("extendedTypesEnabled=true\nemulate353TTLNodes=true\n"
                        "server.128=zk4:2888:3888"),
              HasSubstr("the id must be from 0 to 127"));
  EXPECT_THAT(with_line("group.1=1:2:3"), HasSubstr("another quorum than its peers"));
}

TEST(ServerConfig, one_server_line_is_standalone_unless_told_otherwise) {
  const std::string text = "dataDir=/data\ninitLimit=10\nsyncLimit=5\nserver.1=zk1:2888:3888\n";
  const auto standalone = parse(text);
  ASSERT_TRUE(standalone);
  EXPECT_FALSE(standalone->is_ensemble());
  EXPECT_THAT(standalone->warnings, ElementsAre(HasSubstr("only one server line")));
  const auto ensemble = parse(text + "standaloneEnabled=false\n", with_my_id("1"));
  ASSERT_TRUE(ensemble) << ensemble.error().message;
  EXPECT_TRUE(ensemble->is_ensemble());
  EXPECT_THAT(error_of(parse("dataDir=/data\nstandaloneEnabled=false\n")),
              HasSubstr("standaloneEnabled=false needs at least one server line"));
}

TEST(ServerConfig, even_ensembles_are_warned_of) {
  const std::string two =
      "dataDir=/data\ninitLimit=10\nsyncLimit=5\nserver.1=a:1:2\nserver.2=b:1:2\n";
  const auto config = parse(two, with_my_id("1"));
  ASSERT_TRUE(config);
  EXPECT_THAT(config->warnings, ElementsAre(HasSubstr("it stops when either fails")));
  const auto four = parse(two + "server.3=c:1:2\nserver.4=d:1:2\n", with_my_id("1"));
  ASSERT_TRUE(four);
  EXPECT_THAT(four->warnings, ElementsAre(HasSubstr("no more failures than 3")));
}

TEST(ServerConfig, the_client_port_may_stand_in_the_servers_line) {
  const std::string text =
      "dataDir=/data\ninitLimit=10\nsyncLimit=5\n"
      "server.1=a:1:2;2181\nserver.2=b:1:2;10.0.0.2:2182\nserver.3=c:1:2\n";
  const auto first = parse(text, with_my_id("1"));
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->client_port, 2181);
  EXPECT_EQ(first->client_address, "");
  const auto second = parse(text + "clientPort=2182\n", with_my_id("2"));
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->client_address, "10.0.0.2");
  EXPECT_THAT(error_of(parse(text + "clientPort=2183\n", with_my_id("2"))),
              HasSubstr("clientPort says :2183, but the line server.2 says 10.0.0.2:2182"));
}

TEST(ServerConfig, windows_line_ends_and_continuations) {
  const auto config = parse("dataDir=/data\r\n4lw.commands.whitelist=stat,\\\r\n  ruok\r\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->data_dir, "/data");
  EXPECT_THAT(config->four_letter_words, ElementsAre("ruok", "srvr", "stat"));
}

TEST(ServerConfig, load_config_names_a_file_that_cannot_be_read) {
  FilesInMemory files;
  const auto missing = load_config(files, "/etc/zoo.cfg");
  EXPECT_THAT(error_of(missing), HasSubstr("/etc/zoo.cfg"));
  files.files["/etc/zoo.cfg"] = "dataDir=/data\n";
  const auto config = load_config(files, "/etc/zoo.cfg");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->file, "/etc/zoo.cfg");
  EXPECT_EQ(config->text, "dataDir=/data\n");
}

// The zoo.cfg of ZooKeeper's official container.
TEST(ServerConfig, the_only_server_line_may_have_the_client_port) {
  const std::string text =
      "dataDir=/data\ndataLogDir=/datalog\ntickTime=2000\ninitLimit=5\nsyncLimit=2\n"
      "autopurge.snapRetainCount=3\nautopurge.purgeInterval=0\nmaxClientCnxns=60\n"
      "standaloneEnabled=true\nadmin.enableServer=true\nserver.1=localhost:2888:3888;2181\n";
  for (const auto& files : {FilesInMemory{}, with_my_id("1\n")}) {
    const auto config = parse(text, files);
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->client_port, 2181);
    EXPECT_FALSE(config->is_ensemble());
    EXPECT_THAT(config->warnings, ElementsAre(HasSubstr("the admin server (HTTP) is not served"),
                                              HasSubstr("only one server line")));
  }
  EXPECT_THAT(error_of(parse(text, with_my_id("2\n"))),
              HasSubstr("/data/myid says 2, so the client port of server.1 is not this server's"));
  EXPECT_THAT(error_of(parse(text + "clientPort=2182\n")), HasSubstr("clientPort says"));
}

TEST(ServerConfig, a_server_line_may_have_empty_parts) {
  for (const char* end : {":", ";", ":;", "|", ":participant;", ";;"}) {
    const auto config = parse("dataDir=/data\nserver.1=a:1:2" + std::string(end) + "\n");
    EXPECT_TRUE(config) << end << ": " << config.error().message;
  }
}

TEST(ServerConfig, of_a_server_line_that_stands_twice_the_last_one_counts) {
  const auto config = parse(std::string(kThree) + "server.2=zk9:2888:3888\n", with_my_id("2"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->membership.find(ServerId{2})->addresses.at(0).host, "zk9");
  EXPECT_THAT(config->warnings, ElementsAre("server.2 stands in line 6 and in line 8: the last one "
                                            "counts"));
  // What is overwritten is not looked at.
  EXPECT_TRUE(parse("dataDir=/data\ntickTime=soon\ntickTime=200\n"));
}

TEST(ServerConfig, a_byte_order_mark_is_named) {
  const auto config = parse("\xEF\xBB\xBFtickTime=200\ndataDir=/data\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->tick_ms, 200);
  EXPECT_THAT(config->warnings, ElementsAre(HasSubstr("byte order mark")));
}

TEST(ServerConfig, client_addresses_as_java_reads_them) {
  const auto address_of = [](const std::string& value) {
    const auto config = parse("dataDir=/data\nclientPort=1\nclientPortAddress=" + value + "\n");
    return config ? config->client_address : config.error().message;
  };
  EXPECT_EQ(address_of("[::1]"), "::1");
  EXPECT_EQ(address_of("::1"), "::1");
  EXPECT_EQ(address_of(""), "127.0.0.1");
  EXPECT_EQ(address_of("zk1"), "zk1");
}

TEST(ServerConfig, the_admin_server_is_told_of_once) {
  const auto told = parse("dataDir=/data\nadmin.serverPort=8080\nadmin.enableServer=true\n");
  ASSERT_TRUE(told);
  EXPECT_THAT(told->warnings, ElementsAre(HasSubstr("not served yet")));
  const auto off = parse("dataDir=/data\nadmin.serverPort=8080\nadmin.enableServer=false\n");
  ASSERT_TRUE(off);
  EXPECT_THAT(off->warnings, IsEmpty());
}

TEST(ServerConfig, a_dynamic_file_is_read_at_start) {
  const std::string text =
      "dataDir=/data\ninitLimit=10\nsyncLimit=5\nreconfigEnabled=true\n"
      "dynamicConfigFile=/etc/zoo.cfg.dynamic.10000001a\n";
  const std::string lines =
      "server.1=a:1:2:participant;2181\nserver.2=b:1:2;2182\nserver.3=c:1:2;2183\n";
  FilesInMemory files = with_my_id("2");
  files.files["/etc/zoo.cfg.dynamic.10000001a"] = lines;
  files.files["zoo.cfg.dynamic.next"] = lines;
  const auto config = parse(text, files);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->membership.version(), 0x10000001a);
  EXPECT_EQ(config->membership.voters().size(), 3u);
  EXPECT_EQ(config->client_port, 2182);
  EXPECT_THAT(config->warnings,
              ElementsAre(HasSubstr("reconfigEnabled=true: dynamic reconfiguration is not served"),
                          HasSubstr("zoo.cfg.dynamic.next is what a Java server left")));

  EXPECT_THAT(error_of(parse(text + "server.9=d:1:2\n", files)),
              HasSubstr("zoo.cfg:6: server.9 must stand in /etc/zoo.cfg.dynamic.10000001a"));
  EXPECT_THAT(error_of(parse(text, with_my_id("2"))), HasSubstr("dynamicConfigFile=/etc/zoo.cfg"));
  const auto error_with = [&](const std::string& line) {
    files.files["/etc/zoo.cfg.dynamic.10000001a"] = lines + line;
    return error_of(parse(text, files));
  };
  EXPECT_THAT(error_with("version=1\n"),
              HasSubstr("dynamic.10000001a:4: version: the version stands in the file's name"));
  EXPECT_THAT(error_with("tickTime=1\n"), HasSubstr(":4: tickTime: only server lines"));
  EXPECT_THAT(error_with("group.1=1:2:3\n"), HasSubstr(":4: group.1: groups and weights"));
  EXPECT_THAT(error_with("server.4=d\n"), HasSubstr("dynamic.10000001a:4: server.4=d: "));
}

TEST(ServerConfig, a_static_file_may_have_a_version) {
  const auto config =
      parse(std::string(kThree) + "version=1a\nobserverMasterPort=-1\n", with_my_id("1"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->membership.version(), 0x1a);
  EXPECT_THAT(config->warnings, IsEmpty());
  EXPECT_THAT(error_of(parse("dataDir=/data\nversion=new\n")), HasSubstr("a hexadecimal number"));
}

TEST(ServerConfig, arguments_are_those_of_zookeepers_server) {
  FilesInMemory files;
  const auto two = config_of_arguments(files, {"2182", "/data/"});
  ASSERT_TRUE(two) << two.error().message;
  EXPECT_EQ(two->client_port, 2182);
  EXPECT_EQ(two->data_dir, "/data");
  EXPECT_EQ(two->data_log_dir, "/data");
  EXPECT_EQ(two->tick_ms, 3000);
  EXPECT_EQ(two->max_client_cnxns, 0);
  const auto four = config_of_arguments(files, {"2182", "/data", "500", "-1"});
  ASSERT_TRUE(four) << four.error().message;
  EXPECT_EQ(four->tick_ms, 500);
  EXPECT_EQ(four->max_client_cnxns, 0);
  EXPECT_EQ(config_of_arguments(files, {})->client_port, 2181);
  EXPECT_THAT(error_of(config_of_arguments(files, {"zoo.cfg", "/data"})),
              HasSubstr("port 'zoo.cfg': expected a whole number from 0 to 65535"));
  EXPECT_THAT(error_of(config_of_arguments(files, {"1", "/data", "fast"})), HasSubstr("tickTime"));
  EXPECT_THAT(error_of(config_of_arguments(files, {"1", "2", "3", "4", "5"})),
              HasSubstr("too many arguments"));
}

}  // namespace
}  // namespace zooid::config
