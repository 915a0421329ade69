#include "state/auth.h"

#include <gmock/gmock.h>

#include <string>

#include "base/mark.h"
#include "base/random.h"
#include "state/auth_ip.h"

namespace zooid::state {
namespace {

using testing::ElementsAre;
using testing::Optional;
using wire::Acl;
using wire::AclList;
using wire::Id;

const std::vector<Id> kAlice{{"ip", "10.0.0.1"}, {"digest", "alice:x"}};

TEST(Auth, digest_ids) {
  EXPECT_EQ(digest_id("super:test", "SHA1"), "super:D/InIHSb7yEEbrWz8b9l71RjZJU=");
  EXPECT_EQ(digest_id("alice:pw", "SHA1"), "alice:V55/p2T0OpjQ+low3NVAH4aLvm0=");
  EXPECT_EQ(digest_id("a:b:c", "SHA-256"), "a:sO4E+IDE/0JhR54ueCK3QQruTHFZ9Bha1bDYijErSV4=");
  EXPECT_EQ(digest_id("a:b:c", "SHA256"), digest_id("a:b:c", "SHA-256"));
  EXPECT_TRUE(digest_id("no-colon", "SHA1").starts_with("no-colon:"));
  EXPECT_EQ(digest_id("a:b", "no such algorithm"), "");
}

TEST(Auth, digest_log_in) {
  AuthOptions options;
  EXPECT_THAT(authenticate(options, "digest", "super:test", "::1"),
              Optional(ElementsAre(Id{"digest", "super:D/InIHSb7yEEbrWz8b9l71RjZJU="})));
  options.super_digest = "super:D/InIHSb7yEEbrWz8b9l71RjZJU=";
  EXPECT_THAT(
      authenticate(options, "digest", "super:test", "::1"),
      Optional(ElementsAre(Id{"super", ""}, Id{"digest", "super:D/InIHSb7yEEbrWz8b9l71RjZJU="})));
  options.digest_algorithm = "nonsense";
  EXPECT_EQ(authenticate(options, "digest", "super:test", "::1"), std::nullopt);
}

TEST(Auth, only_known_schemes_log_in) {
  EXPECT_THAT(authenticate({}, "ip", "", "10.1.2.3"), Optional(ElementsAre(Id{"ip", "10.1.2.3"})));
  for (const char* scheme : {"x509", "world", "auth", "super", "sasl", "nosuch", ""}) {
    EXPECT_EQ(authenticate({}, scheme, "super:test", "10.1.2.3"), std::nullopt) << scheme;
  }
}

TEST(Auth, null_and_empty_acls_are_refused) {
  EXPECT_EQ(fix_up_acl({}, {}, true, kAlice), std::nullopt);
  EXPECT_EQ(fix_up_acl({}, {}, false, kAlice), std::nullopt);
}

TEST(Auth, acls_are_checked_by_scheme) {
  const auto is_taken = [](std::string scheme, std::string id) {
    return fix_up_acl({}, {{1, {std::move(scheme), std::move(id)}}}, false, kAlice).has_value();
  };
  EXPECT_TRUE(is_taken("world", "anyone"));
  EXPECT_FALSE(is_taken("world", "somebody"));
  EXPECT_TRUE(is_taken("digest", "a:b"));
  EXPECT_TRUE(is_taken("digest", ":b"));
  EXPECT_TRUE(is_taken("digest", "a:b:"));  // as in ZooKeeper
  EXPECT_FALSE(is_taken("digest", "a"));
  EXPECT_FALSE(is_taken("digest", "a:"));
  EXPECT_FALSE(is_taken("digest", "a:b:c"));
  EXPECT_TRUE(is_taken("ip", "10.0.0.0/8"));
  EXPECT_FALSE(is_taken("ip", "10.0.0.0/33"));
  EXPECT_TRUE(is_taken("x509", "CN=a,O=b"));
  EXPECT_FALSE(is_taken("x509", "a"));
  EXPECT_FALSE(is_taken("super", ""));
  EXPECT_FALSE(is_taken("nosuch", "a"));
}

TEST(Auth, duplicates_go_and_auth_becomes_the_proven_ids) {
  const AclList sent{{31, {"auth", "ignored"}},
                     {1, {"world", "anyone"}},
                     {1, {"world", "anyone"}},
                     {2, {"world", "anyone"}}};
  const std::vector<Id> ids{{"ip", "1.2.3.4"}, {"digest", "a:1"}, {"super", ""}, {"x509", "CN=b"}};
  EXPECT_THAT(fix_up_acl({}, sent, false, ids),
              Optional(ElementsAre(Acl{31, {"digest", "a:1"}}, Acl{31, {"x509", "CN=b"}},
                                   Acl{1, {"world", "anyone"}}, Acl{2, {"world", "anyone"}})));
  EXPECT_EQ(fix_up_acl({}, sent, false, {{"ip", "1.2.3.4"}}), std::nullopt);
}

TEST(Auth, permission_needs_a_bit_and_a_match) {
  const AclList acl{{wire::kPermRead, {"world", "anyone"}},
                    {wire::kPermWrite, {"digest", "alice:x"}},
                    {wire::kPermDelete, {"ip", "10.0.0.0/24"}},
                    {wire::kPermAdmin, {"sasl", "bob"}}};
  EXPECT_TRUE(acl_allows({}, acl, wire::kPermRead, {}));
  EXPECT_FALSE(acl_allows({}, acl, wire::kPermWrite, {}));
  EXPECT_TRUE(acl_allows({}, acl, wire::kPermWrite, kAlice));
  EXPECT_TRUE(acl_allows({}, acl, wire::kPermDelete, kAlice));
  EXPECT_FALSE(acl_allows({}, acl, wire::kPermDelete, {{"ip", "10.0.1.1"}}));
  EXPECT_FALSE(acl_allows({}, acl, wire::kPermDelete, {{"digest", "10.0.0.1"}}));
  EXPECT_FALSE(acl_allows({}, acl, wire::kPermAdmin, {{"sasl", "bob"}}));  // unknown scheme
  EXPECT_TRUE(acl_allows({}, acl, wire::kPermAdmin | wire::kPermRead, {}));
  EXPECT_TRUE(acl_allows({}, acl, wire::kPermAdmin, {{"super", ""}}));
  EXPECT_TRUE(acl_allows({.skip_acl = true}, acl, wire::kPermAdmin, {}));
  EXPECT_TRUE(acl_allows({}, wire::AclList{}, wire::kPermAdmin, {}));
}

TEST(Auth, digest_can_be_switched_off) {
  AuthOptions options;
  options.digest_enabled = false;
  options.super_digest = "super:D/InIHSb7yEEbrWz8b9l71RjZJU=";
  EXPECT_EQ(authenticate(options, "digest", "super:test", "::1"), std::nullopt);
  EXPECT_NE(authenticate(options, "ip", "", "::1"), std::nullopt);
  EXPECT_EQ(fix_up_acl(options, {{1, {"digest", "alice:x"}}}, false, kAlice), std::nullopt);
  EXPECT_EQ(fix_up_acl(options, {{1, {"auth", ""}}}, false, kAlice), std::nullopt);
  EXPECT_NE(fix_up_acl(options, {{1, {"ip", "10.0.0.1"}}}, false, kAlice), std::nullopt);
  EXPECT_FALSE(acl_allows(options, wire::AclList{{1, {"digest", "alice:x"}}}, 1, kAlice))
      << "of before it was switched off";
  EXPECT_TRUE(acl_allows({}, wire::AclList{{1, {"digest", "alice:x"}}}, 1, kAlice));
}

TEST(Auth, names_for_who_am_i) {
  EXPECT_EQ(user_name({"digest", "alice:x"}), "alice");
  EXPECT_EQ(user_name({"ip", "::1"}), "::1");
  EXPECT_EQ(user_name({"x509", "CN=a"}), "CN=a");
  EXPECT_EQ(user_name({"super", ""}), "");
}

TEST(AuthIp, well_formed_expressions) {
  for (const char* good : {"1.2.3.4", "0.0.0.0/0", "255.255.255.255/32", "+1.02.3.4", "::", "::1",
                           "1::", "1:2:3:4:5:6:7:8", "fe80::1/64", "2001:DB8::/32", "::/128"}) {
    EXPECT_TRUE(ip_acl_is_valid(good)) << good;
  }
  for (const char* bad : {"",
                          "1.2.3",
                          "1.2.3.4.5",
                          "1.2.3.256",
                          "1.2.3.-1",
                          "1.2.3.",
                          "a.b.c.d",
                          "1.2.3.4/",
                          "/8",
                          "1.2.3.4/33",
                          "1.2.3.4/-1",
                          "1.2.3.4/8/8",
                          "localhost",
                          ":",
                          ":::",
                          "1:2",
                          "1::2::3",
                          "12345::",
                          "g::",
                          "1:2:3:4:5:6:7:8:9",
                          "1:2:3:4::5:6:7:8",
                          "::1/129",
                          "::ffff:1.2.3.4"}) {
    EXPECT_FALSE(ip_acl_is_valid(bad)) << bad;
  }
}

TEST(AuthIp, networks_match_by_their_bits) {
  EXPECT_TRUE(ip_matches("10.1.2.3", "10.1.2.3"));
  EXPECT_FALSE(ip_matches("10.1.2.4", "10.1.2.3"));
  EXPECT_TRUE(ip_matches("10.1.2.4", "10.1.2.3/29"));
  EXPECT_FALSE(ip_matches("10.1.2.8", "10.1.2.3/29"));
  EXPECT_TRUE(ip_matches("10.200.2.3", "10.0.0.0/8"));
  EXPECT_TRUE(ip_matches("1.2.3.4", "9.9.9.9/0"));
  EXPECT_TRUE(ip_matches("10.1.2.129", "10.1.2.128/25"));
  EXPECT_FALSE(ip_matches("10.1.2.127", "10.1.2.128/25"));
  EXPECT_TRUE(ip_matches("fe80::1234", "fe80::/64"));
  EXPECT_FALSE(ip_matches("fe80:0:0:1::1", "fe80::/64"));
  EXPECT_TRUE(ip_matches("0:0:0:0:0:0:0:1", "::1"));
  EXPECT_FALSE(ip_matches("::1", "0.0.0.0/0"));
  EXPECT_FALSE(ip_matches("1.2.3.4", "::/0"));
  EXPECT_FALSE(ip_matches("nonsense", "1.2.3.4/0"));
  EXPECT_FALSE(ip_matches("1.2.3.4", "nonsense"));
}

// What a list gives must not depend on how it is searched: long lists have an index.
TEST(Auth, a_long_acl_gives_what_its_entries_give_one_by_one) {
  Random random(3);
  for (int round = 0; round < 200; ++round) {
    const auto any_id = [&]() -> wire::Id {
      const std::string number = std::to_string(random.below(6));
      switch (random.below(6)) {
        case 0:
          return {"digest", "u" + number + ":x"};
        case 1:
          return {"x509", "CN=u" + number};
        case 2:
          return {"ip", "10.0.0." + number + "/" + std::to_string(24 + random.below(9))};
        case 3:
          return {"ip", "10.0." + number + ".1"};
        case 4:
          return {"ip", "2001:db8::" + number + "/" + std::to_string(120 + random.below(9))};
        default:
          return {"sasl", "u" + number};
      }
    };
    wire::AclList acl;
    for (size_t left = 1 + random.below(60); left > 0; --left) {
      acl.push_back({static_cast<int32_t>(random.below(32)), any_id()});
    }
    const StoredAcl stored(acl);
    const std::string number = std::to_string(random.below(6));
    for (const wire::Id& id :
         {wire::Id{"digest", "u" + number + ":x"}, wire::Id{"x509", "CN=u" + number},
          wire::Id{"ip", "10.0.0." + number}, wire::Id{"ip", "10.0." + number + ".1"},
          wire::Id{"ip", "2001:db8::" + number}, wire::Id{"sasl", "u" + number}}) {
      for (int32_t wanted = 1; wanted < 32; wanted <<= 1) {
        bool one_by_one = false;
        for (const wire::Acl& entry : acl) {
          one_by_one |= acl_allows({}, wire::AclList{entry}, wanted, {id});
        }
        EXPECT_EQ(acl_allows({}, stored, wanted, {id}), one_by_one) << id.scheme << ' ' << id.id;
      }
    }
  }
}

TEST(Auth, duplicates_go_from_long_lists_as_from_short_ones) {
  wire::AclList sent, expected;
  for (int i = 0; i < 40; ++i) {
    expected.push_back({1, {"ip", "10.0.0." + std::to_string(i)}});
    for (int times = 0; times <= i % 3; ++times) sent.push_back(expected.back());
  }
  sent.insert(sent.end(), expected.begin(), expected.end());
  EXPECT_EQ(fix_up_acl({}, sent, false, {}), expected);
}

// So many entries times so many identities: a small request must not make a large transaction.
TEST(Auth, entries_of_scheme_auth_grow_no_further_than_allowed) {
  const std::vector<wire::Id> ids(100, {"digest", "alice:x"});
  wire::AclList sent;
  for (int32_t perms = 0; perms < 100; ++perms) sent.push_back({perms, {"auth", ""}});
  size_t left = 1'000'000;
  EXPECT_EQ(fix_up_acl({}, sent, false, ids, left)->size(), 10'000u);
  EXPECT_LT(left, 1'000'000u - 10'000u * 12);
  left = 100'000;
  const auto refused = mark_count("auth.acl_grows_too_long");
  EXPECT_EQ(fix_up_acl({}, sent, false, ids, left), std::nullopt);
  EXPECT_EQ(mark_count("auth.acl_grows_too_long"), refused + 1);
}

}  // namespace
}  // namespace zooid::state
