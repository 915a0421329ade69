#include "state/quota.h"

#include <gtest/gtest.h>

#include "state/test_requests.h"

namespace zooid::state {
namespace {

using namespace test;

void set_quota(SmallLeader& leader, const std::string& path, std::string_view limits) {
  std::string node = "/zookeeper/quota";
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    leader.run(create_request(node + path.substr(0, end), ""));
    if (end == std::string::npos) break;
  }
  leader.run(create_request(node + path + "/zookeeper_limits", limits));
  leader.run(create_request(node + path + "/zookeeper_stats", "count=0,bytes=0"));
}

TEST(Quota, sums_are_by_namespace) {
  SmallLeader leader;
  EXPECT_TRUE(quotas_by_namespace(leader.database().tree()).empty());
  leader.run(create_request("/a", "12345"));
  leader.run(create_request("/a/x", "1"));
  leader.run(create_request("/a/y", ""));
  leader.run(create_request("/b", ""));
  set_quota(leader, "/a/x", "count=7,bytes=-1;byteHardLimit=100;countHardLimit=-1");
  leader.run(create_request("/zookeeper/quota/a/y", ""));
  leader.run(create_request("/zookeeper/quota/a/y/zookeeper_limits", "count=20,bytes=300"));
  leader.run(create_request("/zookeeper/quota/a/y/zookeeper_stats", "count=0,bytes=0"));
  set_quota(leader, "/b", "count=-1,bytes=-1;byteHardLimit=-1;countHardLimit=5");
  leader.run(create_request("/zookeeper/quota/c", ""));
  leader.run(create_request("/zookeeper/quota/c/zookeeper_limits", "count=1,bytes=2"));
  leader.run(create_request("/zookeeper/quota/c/other", "count=100,bytes=200"));

  const auto quotas = quotas_by_namespace(leader.database().tree());
  ASSERT_EQ(quotas.size(), 3u);
  EXPECT_EQ(quotas.at("a").limit->count, 27);
  EXPECT_EQ(quotas.at("a").limit->bytes, 400);
  EXPECT_EQ(quotas.at("a").usage->count, 2);
  EXPECT_EQ(quotas.at("a").usage->bytes, 1);
  EXPECT_EQ(quotas.at("b").limit->count, 5);
  EXPECT_EQ(quotas.at("b").limit->bytes, -1);
  EXPECT_EQ(quotas.at("b").usage->count, 1);
  EXPECT_EQ(quotas.at("c").limit->count, 1);
  EXPECT_FALSE(quotas.at("c").usage);
}

TEST(Quota, the_namespace_is_the_first_component) {
  EXPECT_EQ(top_namespace("/a/b/c"), "a");
  EXPECT_EQ(top_namespace("/a"), "a");
  EXPECT_EQ(top_namespace("/"), "");
}

}  // namespace
}  // namespace zooid::state
