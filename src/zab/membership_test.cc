#include "zab/membership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace zooid::zab {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kTexts[] = {
    "server.1=127.0.0.1:23101:23201:participant;127.0.0.1:23001\n"
    "server.2=127.0.0.1:23102:23202:participant;127.0.0.1:23002\n"
    "server.3=127.0.0.1:23103:23203:participant;127.0.0.1:23003\n"
    "server.4=127.0.0.1:23104:23204:observer;127.0.0.1:23004\nversion=0",
    "server.1=127.0.0.1:23101:23201:participant;127.0.0.1:23001\n"
    "server.3=127.0.0.1:23103:23203:participant;127.0.0.1:23003\nversion=10000001a",
    "server.1=127.0.0.1:26111:26211:participant\nserver.2=127.0.0.1:26112:26212:participant\n"
    "version=100000000",
    "server.1=127.0.0.1:26101:26201|localhost:26111:26211:participant\nversion=0",
    "server.1=[::1]:2888:3888:participant;[::]:2181\nversion=7fffffffffffffff",
};

TEST(Membership, prints_what_it_read) {
  for (const std::string text : kTexts) {
    const auto membership = Membership::parse(text);
    ASSERT_TRUE(membership) << membership.error().message;
    EXPECT_EQ(membership->text(), text);
  }
}

// tests/golden/membership: every distinct text in the captured connections between ZooKeeper
// servers.
TEST(Membership, prints_what_zookeeper_sent) {
  int plain = 0;
  int with_groups = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(ZOOID_TESTS_DIR "/golden/membership")) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto membership = Membership::parse(text);
    if (entry.path().filename().string().starts_with("groups")) {
      EXPECT_FALSE(membership) << entry.path();
      EXPECT_TRUE(Membership::has_groups(text)) << entry.path();
      ++with_groups;
      continue;
    }
    ASSERT_TRUE(membership) << entry.path() << ": " << membership.error().message;
    EXPECT_EQ(membership->text(), text) << entry.path();
    ++plain;
  }
  EXPECT_GT(plain, 0);
  EXPECT_GT(with_groups, 0);
}

TEST(Membership, knows_members_roles_and_version) {
  const auto membership = *Membership::parse(kTexts[0]);
  EXPECT_EQ(membership.members().size(), 4u);
  EXPECT_THAT(membership.voters(), ElementsAre(ServerId{1}, ServerId{2}, ServerId{3}));
  EXPECT_FALSE(membership.is_voter(ServerId{4}));
  EXPECT_EQ(membership.find(ServerId{4})->role, MemberRole::kObserver);
  EXPECT_EQ(membership.find(ServerId{5}), nullptr);
  EXPECT_EQ(Membership::parse(kTexts[1])->version(), 0x10000001a);
  EXPECT_EQ(membership.with_version(5).text().substr(membership.text().size() - 9), "version=5");
}

TEST(Membership, reads_lines_in_any_order_with_blanks_and_comments) {
  const auto membership = Membership::parse(
      "# ours\r\nversion = a\n\n server.2 = b:1:2\r\nserver.1=a:1:2:OBSERVER;2181\n");
  ASSERT_TRUE(membership) << membership.error().message;
  EXPECT_EQ(membership->text(),
            "server.1=a:1:2:observer;0.0.0.0:2181\nserver.2=b:1:2:participant\nversion=a");
}

TEST(Membership, sorts_addresses_by_host) {
  const auto member =
      Membership::parse_member(ServerId{1}, "zeta:1:2|alpha:3:4|[::1]:5:6:observer;h:9");
  ASSERT_TRUE(member) << member.error().message;
  EXPECT_EQ(member->role, MemberRole::kObserver);
  EXPECT_THAT(member->addresses,
              ElementsAre(Address{"::1", 5, 6}, Address{"alpha", 3, 4}, Address{"zeta", 1, 2}));
  EXPECT_EQ(member->client_host, "h");
  EXPECT_EQ(member->client_port, 9);
}

TEST(Membership, majority_counts_voters_only) {
  const auto membership = *Membership::parse(kTexts[0]);
  EXPECT_FALSE(membership.is_quorum({}));
  EXPECT_FALSE(membership.is_quorum({ServerId{1}, ServerId{4}, ServerId{9}}));
  EXPECT_TRUE(membership.is_quorum({ServerId{1}, ServerId{3}}));
  const auto four =
      *Membership::parse("server.1=a:1:2\nserver.2=a:3:4\nserver.3=a:5:6\nserver.4=a:7:8");
  EXPECT_FALSE(four.is_quorum({ServerId{1}, ServerId{2}}));
  EXPECT_TRUE(four.is_quorum({ServerId{1}, ServerId{2}, ServerId{3}}));
  EXPECT_FALSE(Membership().is_quorum({ServerId{1}}));
}

TEST(Membership, errors_tell_what_was_expected) {
  const std::pair<const char*, const char*> kBad[] = {
      {"", "form"},
      {"host", "form"},
      {"host:1", "form"},
      {"host:1:2:participant:9", "form"},
      {"host:x:2", "quorum port 'x'"},
      {"host:1:65536", "election port '65536'"},
      {"host:0:2", "quorum port '0'"},
      {"host:5:5", "must be different"},
      {"host:1:2:learner", "neither participant nor observer"},
      {"a:1:2:observer|b:1:2:participant", "different roles"},
      {":1:2", "host name is missing"},
      {"[::1:1:2", "form"},
      {"[::1]x:1:2", "form"},
      {"::1:1:2", "form"},
      {"ho st:1:2", "cannot have"},
      {"h:1:2;a:b:3", "clientHost"},
      {"h:1:2;1;2", "more than one ';'"},
      {";2181", "form"},
  };
  for (const auto& [text, expected] : kBad) {
    const auto member = Membership::parse_member(ServerId{1}, text);
    ASSERT_FALSE(member) << text;
    EXPECT_EQ(member.error().kind, Error::Kind::kConfig);
    EXPECT_THAT(member.error().message, HasSubstr(expected)) << text;
  }
}

TEST(Membership, bad_texts_are_refused) {
  const std::pair<const char*, const char*> kBad[] = {
      {"server.1=a:1:2\nfoo=bar", "unknown key 'foo'"},
      {"rubbish", "unknown key 'rubbish'"},
      {"server.x=a:1:2", "no server id"},
      {"server.-1=a:1:2", "no server id"},
      {"server.1=a:1:2\nserver.1=b:1:2", "occurs twice"},
      {"server.1=a:1:2\nversion=xyz", "hexadecimal"},
      {"server.1=a:1:2\nversion=-1", "hexadecimal"},
      {"server.1=a:1:2\nversion=ffffffffffffffff", "hexadecimal"},
      {"server.1=a:1:2:observer", "no participant"},
      {"server.1=a:b:2", "server.1: quorum port"},
      {"server.1=a:1:2\ngroup.1=1", "not supported yet"},
      {"server.1=a:1:2\nweight.1=1", "not supported yet"},
  };
  for (const auto& [text, expected] : kBad) {
    const auto membership = Membership::parse(text);
    ASSERT_FALSE(membership) << text;
    EXPECT_THAT(membership.error().message, HasSubstr(expected)) << text;
  }
  EXPECT_TRUE(Membership::has_groups("server.1=a:1:2\n group.1 = 1:2"));
  EXPECT_FALSE(Membership::has_groups("server.1=group.1:1:2"));
  EXPECT_TRUE(Membership::parse("")->empty());
}

TEST(Membership, equality_leaves_out_clients_and_version) {
  const auto base = *Membership::parse("server.1=a:1:2;5\nserver.2=b:1:2\nversion=1");
  const auto same = [&](const char* text) {
    return base.has_same_members(*Membership::parse(text));
  };
  EXPECT_TRUE(same("server.2=b:1:2\nserver.1=a:1:2;9\nversion=2"));
  EXPECT_FALSE(same("server.1=a:1:2;5\nversion=1"));
  const auto several = *Membership::parse("server.1=a:1:2|a:3:4");
  EXPECT_TRUE(several.has_same_members(*Membership::parse("server.1=a:3:4|a:1:2")));
  EXPECT_FALSE(same("server.1=a:1:3;5\nserver.2=b:1:2\nversion=1"));
  EXPECT_FALSE(same("server.1=a:1:2;5\nserver.2=b:1:2:observer\nversion=1"));
}

}  // namespace
}  // namespace zooid::zab
