// Random requests, many of them pending at once. What the preparer makes must fit: every digest is
// the tree's once applied, every refusal is what a preparer without anything pending would give,
// and applying never fails.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "state/test_requests.h"

namespace zooid::state {
namespace {

using namespace test;
using wire::ErrorCode;
using wire::OpCode;

std::string random_path(Random& random) {
  std::string path;
  const uint64_t depth = 1 + random.below(3);
  for (uint64_t i = 0; i < depth; ++i) path += std::string("/") + "abc"[random.below(3)];
  if (random.one_in(12)) path = "/zookeeper/quota/" + path.substr(1);
  if (random.one_in(40)) path += "/";
  return path;
}

int32_t random_version(Random& random) {
  return random.one_in(2) ? -1 : static_cast<int32_t>(random.below(4));
}

Request random_create(Random& random) {
  const std::string path = random_path(random);
  const std::string data(random.below(30), 'd');
  const wire::AclList& acl = random.one_in(5) ? kReadOnly : kOpen;
  switch (random.below(8)) {
    case 0:
      return create_container_request(path);
    case 1:
      return create_ttl_request(path, static_cast<int64_t>(random.below(1000)));
    case 2:
    case 3:
      return create_request(path, data, wire::kFlagEphemeral, acl, OpCode::kCreate2);
    case 4:
      return create_request(path, data, static_cast<int32_t>(2 + random.below(2)), acl);
    case 5:
      return create_request(path, std::nullopt, 0, acl);
    default:
      return create_request(path, data, 0, acl);
  }
}

Request random_multi(Random& random) {
  std::vector<std::string> paths;
  const uint64_t count = random.below(5);
  for (uint64_t i = 0; i < count; ++i) paths.push_back(random_path(random));
  std::vector<wire::SubRequest> parts;
  for (const std::string& path : paths) {
    switch (random.below(5)) {
      case 0:
        parts.push_back(sub_delete(path, random_version(random)));
        break;
      case 1:
        parts.push_back(sub_set_data(path, "multi", random_version(random)));
        break;
      case 2:
        parts.push_back(sub_check(path, random_version(random)));
        break;
      default:
        parts.push_back(sub_create(path, "m", static_cast<int32_t>(random.below(5)),
                                   random.one_in(2) ? OpCode::kCreate : OpCode::kCreate2));
    }
  }
  return multi_request(parts);
}

Request random_request(Random& random) {
  switch (random.below(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      return random_create(random);
    case 5:
    case 6:
    case 7:
      return delete_request(random_path(random), random_version(random));
    case 8:
    case 9:
      return set_data_request(random_path(random), std::string(random.below(9), 's'),
                              random_version(random));
    case 10:
      return set_acl_request(random_path(random), random.one_in(3) ? kReadOnly : kOpen,
                             random_version(random));
    case 11:
      return close_request();
    case 12:
      return open_request(4000);
    default:
      return random_multi(random);
  }
}

// In which order a closeSession names its nodes follows from what is pending, and nobody minds.
void expect_same(wire::Txn one, wire::Txn other) {
  for (wire::Txn* txn : {&one, &other}) {
    if (auto* close = std::get_if<wire::CloseSessionTxn>(&txn->body)) {
      std::ranges::sort(close->paths_to_delete);
    }
  }
  EXPECT_EQ(std::string(wire::serialize(one).view()), std::string(wire::serialize(other).view()))
      << "zxid " << one.header.zxid.value;
}

// `late` keeps up to `pending_max` transactions pending; `prompt` none. They must agree.
void compare_late_with_prompt(uint64_t seed, uint64_t pending_max) {
  SCOPED_TRACE(testing::Message() << "seed " << seed << " pending_max " << pending_max);
  Random random(seed);
  SmallLeader late, prompt;
  for (int step = 0; step < 400; ++step) {
    const Request request = random_request(random);
    const auto session = static_cast<int64_t>(0x10 + random.below(3));
    const bool is_clean_up = random.one_in(30);
    const Request used = is_clean_up ? delete_container_request(random_path(random)) : request;
    const int64_t by = is_clean_up ? 0 : session;
    const wire::Txn ahead = late.prepare(used, by);
    expect_same(prompt.prepare(used, by), ahead);
    prompt.commit_all();
    while (late.proposed() > random.below(pending_max + 1)) {
      const bool forget = !random.one_in(4);
      const Applied applied = late.commit(forget);
      if (applied.header.type != OpCode::kError) {
        EXPECT_EQ(applied.err, ErrorCode::kOk);
      }
    }
    if (testing::Test::HasFailure()) return;
  }
  late.commit_all();
  EXPECT_EQ(dump(late.database()), dump(prompt.database()));
}

TEST(PreparerProperty, pending_state_equals_applied_state) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    for (const uint64_t pending_max : {2, 20, 1000}) {
      compare_late_with_prompt(seed, pending_max);
      if (HasFailure()) return;
    }
  }
}

// Everything that was prepared is accepted by a fresh database that only applies.
TEST(PreparerProperty, followers_reach_the_same_state) {
  Random random(7);
  SmallLeader leader;
  Database follower;
  for (int step = 0; step < 3000; ++step) {
    const wire::Txn txn =
        leader.prepare(random_request(random), static_cast<int64_t>(0x10 + random.below(3)));
    const auto read = wire::read_txn(wire::serialize(txn).view());
    ASSERT_TRUE(read.has_value());
    Applied applied;
    follower.apply(*read, &applied);
    if (txn.header.type != OpCode::kError) {
      EXPECT_EQ(applied.err, ErrorCode::kOk);
    }
  }
  EXPECT_TRUE(follower.take_digest_mismatches().empty());
  leader.commit_all();
  EXPECT_EQ(dump(follower), dump(leader.database()));
}

}  // namespace
}  // namespace zooid::state
