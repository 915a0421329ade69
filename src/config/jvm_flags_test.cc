// apply_jvm_flags, see server_config.h.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/files_for_test.h"
#include "config/server_config.h"

namespace zooid::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(JvmFlags, set_what_zookeeper_reads_as_properties) {
  ServerConfig config;
  const auto result = apply_jvm_flags(
      config,
      "-Xmx1g -Djute.maxbuffer=0x400000  -Dzookeeper.4lw.commands.whitelist=* "
      "-Dzookeeper.DigestAuthenticationProvider.superDigest=super:xQJmxLMiHGwaqBvst5y6rkB6HQs= "
      "-Dzookeeper.extendedTypesEnabled=true -Dzookeeper.log.dir=/var/log -Dcom.sun.x=1");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(config.jute_max_buffer, 4 << 20);
  EXPECT_THAT(config.four_letter_words, ElementsAre("*", "srvr"));
  EXPECT_EQ(config.super_digest, "super:xQJmxLMiHGwaqBvst5y6rkB6HQs=");
  EXPECT_TRUE(config.extended_types_enabled);
  EXPECT_THAT(config.warnings, IsEmpty());
}

TEST(JvmFlags, read_only_mode_and_the_reaper_have_names_of_their_own) {
  ServerConfig config;
  const auto result = apply_jvm_flags(
      config,
      "-Dreadonlymode.enabled=true -Dznode.container.checkIntervalMs=500 "
      "-Dznode.container.maxPerMinute=60 -Dznode.container.maxNeverUsedIntervalMs=7000");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(config.read_only_mode_enabled);
  EXPECT_EQ(config.container_check_interval_ms, 500);
  EXPECT_EQ(config.container_max_per_minute, 60);
  EXPECT_EQ(config.container_max_never_used_ms, 7000);
}

TEST(JvmFlags, the_file_takes_precedence) {
  FilesInMemory files;
  auto config = parse_config(files, "dataDir=/data\nsnapCount=500\n", "zoo.cfg", true);
  ASSERT_TRUE(config);
  ASSERT_TRUE(apply_jvm_flags(*config, "-Dzookeeper.snapCount=700 -Dzookeeper.maxCnxns=9"));
  EXPECT_EQ(config->snap_count, 500);
  EXPECT_EQ(config->max_cnxns, 9);
}

TEST(JvmFlags, names_that_zookeeper_does_not_read_have_no_effect) {
  ServerConfig config;
  ASSERT_TRUE(apply_jvm_flags(config,
                              "-Dzookeeper.tickTime=5 -Dzookeeper.jute.maxbuffer=5 -DsnapCount=5 "
                              "-Dzookeeper.snapCnt=5 -Djava.security.auth.login.config=/jaas"));
  EXPECT_EQ(config.tick_ms, 3000);
  EXPECT_EQ(config.jute_max_buffer, 1'048'575);
  EXPECT_EQ(config.snap_count, 100'000);
  EXPECT_THAT(config.warnings,
              ElementsAre(HasSubstr("tickTime is a key of the file"),
                          HasSubstr("it is read as -Djute.maxbuffer"),
                          HasSubstr("did you mean snapCount?"), HasSubstr("SASL")));
}

TEST(JvmFlags, refusals_are_as_in_a_file) {
  ServerConfig config;
  const auto result =
      apply_jvm_flags(config, "-Dzookeeper.audit.enable=true -Dzookeeper.ssl.clientAuth=need");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, Error::Kind::kConfig);
  EXPECT_THAT(result.error().message,
              HasSubstr("JVM flag -Dzookeeper.audit.enable=true: the audit log"));
  EXPECT_THAT(result.error().message, HasSubstr("JVM flag -Dzookeeper.ssl.clientAuth=need: TLS"));
}

}  // namespace
}  // namespace zooid::config
