#include "server/local_sessions.h"

#include <gmock/gmock.h>

#include "base/log.h"
#include "server/replica_core.h"
#include "wire/request.h"

namespace zooid::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using wire::OpCode;

constexpr SessionId kOne{0x0100000000000001}, kTwo{0x0100000000000002};

Now at_ms(int64_t ms) {
  return Now{ms_to_us(ms), ms};
}

TEST(LocalSessions, expire_when_they_are_not_heard) {
  LocalSessions sessions(1'000);
  sessions.add(kOne, 4'000, at_ms(0));
  sessions.add(kTwo, 4'000, at_ms(0));
  EXPECT_TRUE(sessions.touch(kTwo, 4'000, at_ms(3'000)));
  EXPECT_FALSE(sessions.touch(SessionId{3}, 4'000, at_ms(3'000)));
  EXPECT_THAT(sessions.take_expired(at_ms(4'999)), IsEmpty());
  EXPECT_THAT(sessions.take_expired(at_ms(5'000)), ElementsAre(kOne));
  EXPECT_FALSE(sessions.owns(kOne));
  EXPECT_TRUE(sessions.owns(kTwo));
  EXPECT_THAT(sessions.buckets(), ElementsAre(Pair(ms_to_us(8'000), ElementsAre(kTwo))));
  EXPECT_EQ(sessions.timeout_ms(kTwo), 4'000);
  sessions.clear();
  EXPECT_FALSE(sessions.owns(kTwo));
  EXPECT_EQ(sessions.next_deadline(), kNever);
}

TEST(LocalSessions, an_upgraded_one_is_local_no_more) {
  LocalSessions sessions(1'000);
  sessions.add(kOne, 4'000, at_ms(0));
  EXPECT_EQ(sessions.upgrade(kOne), 4'000);
  EXPECT_FALSE(sessions.owns(kOne));
  EXPECT_EQ(sessions.upgrade(kOne), std::nullopt);
  EXPECT_THAT(sessions.buckets(), IsEmpty());
  EXPECT_THAT(sessions.take_expired(at_ms(100'000)), IsEmpty());
}

std::string create_body(OpCode type, int32_t flags) {
  std::string body;
  wire::Writer out(body);
  wire::write_create(out, type,
                     {"/a", "x", {{wire::kPermAll, {"world", "anyone"}}}, false, flags, 1'000});
  return body;
}

std::string multi_body(std::vector<int32_t> flags_of_creates) {
  std::vector<wire::SubRequest> parts;
  parts.push_back({OpCode::kCheck, wire::PathVersionRequest{"/", -1}});
  for (const int32_t flags : flags_of_creates) {
    parts.push_back({OpCode::kCreate2,
                     wire::CreateRequest{"/a", "x", {{31, {"world", "anyone"}}}, false, flags}});
  }
  std::string body;
  wire::Writer out(body);
  wire::write_multi(out, parts);
  return body;
}

TEST(LocalSessions, an_ephemeral_create_is_told_from_other_writes) {
  for (const OpCode type : {OpCode::kCreate, OpCode::kCreate2}) {
    EXPECT_TRUE(creates_ephemeral(type, create_body(type, wire::kFlagEphemeral)));
    EXPECT_TRUE(creates_ephemeral(type, create_body(type, wire::kFlagEphemeralSequential)));
    EXPECT_FALSE(creates_ephemeral(type, create_body(type, wire::kFlagPersistent)));
    EXPECT_FALSE(creates_ephemeral(type, create_body(type, wire::kFlagSequential)));
    EXPECT_FALSE(creates_ephemeral(type, "nonsense"));
  }
  EXPECT_FALSE(creates_ephemeral(OpCode::kCreateContainer,
                                 create_body(OpCode::kCreateContainer, wire::kFlagEphemeral)));
  EXPECT_FALSE(creates_ephemeral(OpCode::kSetData, create_body(OpCode::kCreate, 1)));
  EXPECT_FALSE(creates_ephemeral(OpCode::kMulti, multi_body({})));
  EXPECT_FALSE(creates_ephemeral(OpCode::kMulti, multi_body({0, 2})));
  EXPECT_TRUE(creates_ephemeral(OpCode::kMulti, multi_body({0, 1})));
}

TEST(ExpiredText, all_of_a_step_share_a_line) {
  EXPECT_EQ(expired_text("session", {kOne}, 30'000),
            "session 0x100000000000001 expired, silent for its time-out of 30000 ms");
  EXPECT_EQ(expired_text("local session", std::vector<SessionId>(20'000, kTwo), std::nullopt),
            "20000 local sessions expired, the first is 0x100000000000002");
}

}  // namespace
}  // namespace zooid::server
