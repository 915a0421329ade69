#include "config/key_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "config/files_for_test.h"

namespace zooid::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Result<ServerConfig> parse_with(std::string_view line) {
  FilesInMemory files;
  return parse_config(files, "dataDir=/data\n" + std::string(line) + "\n", "zoo.cfg", false);
}

// A name that the key stands for.
std::string example_name(const Key& key) {
  std::string name(key.name);
  if (name.ends_with('*')) name.back() = 'x';
  return name;
}

// The type decides what is tried with a supported key.
struct Examples {
  std::string good;
  std::string bad;  // empty: every value is accepted
};

// Of a property that cannot be read ZooKeeper takes the default, and the server says so.
bool is_lenient(const Key& key) {
  const bool is_path = std::holds_alternative<std::string ServerConfig::*>(key.field);
  return key.form != KeyForm::kFile && !key.is_strict && !is_path;
}
struct ChooseExamples {
  Examples operator()(std::monostate) const { return {}; }
  Examples operator()(SetFunction) const { return {}; }
  Examples operator()(bool ServerConfig::*) const { return {"TRUE", "yes"}; }
  Examples operator()(double ServerConfig::*) const { return {"0.5", "half"}; }
  Examples operator()(std::string ServerConfig::*) const { return {"/some/thing", ""}; }
  template <class Integer>
  Examples operator()(Integer ServerConfig::*) const {
    return {"1234", "12x"};
  }
};

TEST(KeyTable, every_key_stands_once_and_is_found) {
  std::set<std::string_view> names;
  for (const auto keys : {supported_keys(), refused_keys(), warned_keys()}) {
    for (const Key& key : keys) {
      EXPECT_TRUE(names.insert(key.name).second) << key.name << " stands twice";
      EXPECT_EQ(find_key(example_name(key)), &key) << key.name;
      EXPECT_FALSE(key.name.starts_with("zookeeper.")) << key.name;
    }
  }
  EXPECT_GT(names.size(), 190u);
}

TEST(KeyTable, every_supported_key_sets_its_field_and_tells_of_nonsense) {
  for (const Key& key : supported_keys()) {
    EXPECT_EQ(key.key_class, KeyClass::kSupported) << key.name;
    EXPECT_FALSE(std::holds_alternative<std::monostate>(key.field)) << key.name;
    Examples examples = std::visit(ChooseExamples{}, key.field);
    if (examples.good == "1234" && key.highest < 1234) examples.good = "7";
    ServerConfig config;
    if (!examples.good.empty()) {
      const auto result = set_field(config, key, examples.good);
      EXPECT_TRUE(result) << key.name << ": " << result.error().message;
    }
    if (!examples.bad.empty() && is_lenient(key)) {
      EXPECT_THAT(config.warnings, IsEmpty()) << key.name;
      EXPECT_TRUE(set_field(config, key, examples.bad)) << key.name;
      EXPECT_THAT(config.warnings, ElementsAre(HasSubstr(std::string(key.name))));
    } else if (!examples.bad.empty()) {
      const auto result = set_field(config, key, examples.bad);
      ASSERT_FALSE(result) << key.name;
      EXPECT_THAT(result.error().message, HasSubstr("expected")) << key.name;
      const auto config_of_file = parse_with(std::string(key.name) + "=" + examples.bad);
      ASSERT_FALSE(config_of_file) << key.name;
      EXPECT_EQ(config_of_file.error().kind, Error::Kind::kConfig);
      EXPECT_THAT(config_of_file.error().message,
                  HasSubstr("zoo.cfg:2: " + std::string(key.name) + "=" + examples.bad));
    }
  }
}

TEST(KeyTable, every_refused_key_stops_the_start_with_place_and_reason) {
  for (const Key& key : refused_keys()) {
    EXPECT_EQ(key.key_class, KeyClass::kRefused) << key.name;
    const std::string name = example_name(key);
    const std::string value = key.harmless == "false" ? "true" : "something";
    const auto refused = parse_with(name + "=" + value);
    ASSERT_FALSE(refused) << key.name;
    EXPECT_EQ(refused.error().kind, Error::Kind::kConfig);
    EXPECT_THAT(refused.error().message, HasSubstr("zoo.cfg:2: " + name)) << key.name;
    EXPECT_THAT(refused.error().message, HasSubstr(std::string(key.reason))) << key.name;
    EXPECT_FALSE(key.reason.empty()) << key.name;
    if (key.harmless.empty()) continue;
    const auto passed = parse_with(name + "=" + std::string(key.harmless));
    ASSERT_TRUE(passed) << key.name << ": " << passed.error().message;
    EXPECT_THAT(passed->warnings, IsEmpty()) << key.name;
  }
}

TEST(KeyTable, every_warned_key_is_said_and_kept_as_a_property) {
  for (const Key& key : warned_keys()) {
    EXPECT_EQ(key.key_class, KeyClass::kWarned) << key.name;
    const std::string name = example_name(key);
    const std::string value = key.harmless == "false" ? "true" : "something";
    const auto warned = parse_with(name + "=" + value);
    ASSERT_TRUE(warned) << key.name << ": " << warned.error().message;
    ASSERT_EQ(warned->warnings.size(), 1u) << key.name;
    EXPECT_THAT(warned->warnings[0], HasSubstr(name + "=" + value + " has no effect: "));
    EXPECT_THAT(warned->warnings[0], HasSubstr(std::string(key.reason))) << key.name;
    EXPECT_EQ(warned->properties.at("zookeeper." + name), value);
    if (key.harmless.empty()) continue;
    const auto passed = parse_with(name + "=" + std::string(key.harmless));
    ASSERT_TRUE(passed) << key.name;
    EXPECT_THAT(passed->warnings, IsEmpty()) << key.name;
  }
}

// Whether the server knows each key that ZooKeeper's documentation lists, by chapter.
TEST(KeyTable, knows_the_keys_of_the_documentation) {
  for (const char* name : {"dataDir",
                           "secureClientPort",
                           "observerMasterPort",
                           "tickTime",
                           "electionAlg",
                           "quorum.auth.learner.saslLoginContext",
                           "quorum.auth.kerberos.servicePrincipal",
                           "metricsProvider.httpPort",
                           "group.1",
                           "weight.3",
                           "globalOutstandingLimit",
                           "forceSync",
                           "fsync.warningthresholdms",
                           "znode.container.checkIntervalMs",
                           "jute.maxbuffer",
                           "request_throttle_max_requests",
                           "watchManagerName",
                           "commitProcessor.maxReadBatchSize",
                           "nio.numWorkerThreads",
                           "netty.advancedFlowControl.enabled",
                           "connection_throttle_tokens",
                           "4lw.commands.whitelist",
                           "ssl.keyStore.location",
                           "ssl.quorum.trustStore.password",
                           "fips-mode",
                           "leaderServes",
                           "readonlymode.enabled",
                           "authProvider.1",
                           "authProvider.sasl",
                           "superUser",
                           "DigestAuthenticationProvider.superDigest",
                           "kerberos.removeHostFromPrincipal",
                           "admin.commandURL",
                           "audit.enable",
                           "messageTracker.BufferSize",
                           "pathStats.sampleRate"}) {
    EXPECT_NE(find_key(name), nullptr) << name;
  }
}

TEST(KeyTable, the_longest_prefix_wins) {
  EXPECT_EQ(find_key("admin.serverPort")->key_class, KeyClass::kSupported);
  EXPECT_EQ(find_key("admin.idleTimeout")->name, "admin.*");
  EXPECT_EQ(find_key("metricsProvider.className")->name, "metricsProvider.className");
}

TEST(KeyTable, the_nearest_key_is_found_by_its_letters) {
  EXPECT_EQ(nearest_key("tiktime"), "tickTime");
  EXPECT_EQ(nearest_key("clientport"), "clientPort");
  EXPECT_EQ(nearest_key("autopurge.snapRetain"), "autopurge.snapRetainCount");
  EXPECT_EQ(nearest_key("skipAcls"), "skipACL");
  EXPECT_EQ(nearest_key("my.own.plugin.setting"), std::nullopt);
}

TEST(KeyTable, hints_name_only_keys_that_zookeeper_reads) {
  // connectionMaxTokens stands in the documentation, and nothing reads it.
  EXPECT_EQ(nearest_key("connectionMaxToken"), std::nullopt);
  EXPECT_TRUE(is_misnomer(*find_key("connectionMaxTokens")));
  EXPECT_FALSE(is_misnomer(*find_key("connection_throttle_tokens")));
}

// Of ZooKeeper: Integer.getInteger and its like.
TEST(KeyTable, properties_are_read_as_java_reads_them) {
  const auto value_of = [](std::string_view value) {
    ServerConfig config;
    EXPECT_TRUE(set_field(config, *find_key("snapCount"), value)) << value;
    return config.snap_count;
  };
  EXPECT_EQ(value_of("+70"), 70);
  EXPECT_EQ(value_of("0x10"), 16);
  EXPECT_EQ(value_of("#10"), 16);
  EXPECT_EQ(value_of("010"), 8);
  EXPECT_EQ(value_of("-5"), 2);
  EXPECT_EQ(value_of("99999999999"), 100'000);
  EXPECT_EQ(value_of("1k"), 100'000);
  EXPECT_EQ(value_of("--5"), 100'000);
  EXPECT_EQ(value_of(""), 100'000);
  ServerConfig config;
  config.digest_enabled = true;
  EXPECT_TRUE(set_field(config, *find_key("digest.enabled"), "yes"));
  EXPECT_FALSE(config.digest_enabled);
  EXPECT_THAT(config.warnings, ElementsAre(HasSubstr("digest.enabled=yes means false")));
}

TEST(KeyTable, a_switch_that_is_not_true_is_off) {
  const auto config = parse_with("audit.enable=yes");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_THAT(config->warnings, ElementsAre(HasSubstr("audit.enable=yes means false")));
  EXPECT_FALSE(parse_with("audit.enable=TRUE"));
  EXPECT_FALSE(parse_with("sslQuorum=yes")) << "a key of the file alone";
}

TEST(KeyTable, negative_limits_are_none) {
  const auto config = parse_with(
      "maxClientCnxns=-5\nminSessionTimeout=-7\nmaxCnxns=-1\ninitLimit=-1\n"
      "autopurge.purgeInterval=-1\nclientPortListenBacklog=-3");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->max_client_cnxns, 0);
  EXPECT_EQ(config->max_cnxns, 0);
  EXPECT_EQ(config->min_session_timeout(), 0);
  EXPECT_EQ(config->purge_interval_hours, 0);
  EXPECT_THAT(config->warnings, SizeIs(4));
}

}  // namespace
}  // namespace zooid::config
