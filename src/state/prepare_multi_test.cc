#include <gmock/gmock.h>

#include "state/reads.h"
#include "state/test_requests.h"

namespace zooid::state {
namespace {

using namespace test;
using wire::ErrorCode;
using wire::OpCode;

const std::vector<wire::SubTxn>& parts_of(const wire::Txn& txn) {
  return std::get<wire::MultiTxn>(txn.body).txns;
}
ErrorCode error_of(const wire::SubTxn& part) {
  EXPECT_EQ(part.type, OpCode::kError);
  return std::get<wire::ErrorTxn>(part.body).err;
}

TEST(PrepareMulti, later_operations_see_earlier_ones) {
  SmallLeader leader;
  const wire::Txn txn = leader.prepare(multi_request({
      sub_create("/m", "1"),
      sub_create("/m/s", "", wire::kFlagSequential, OpCode::kCreate2),
      sub_create("/m/s", "", wire::kFlagSequential),
      sub_check("/m", 0),
      sub_set_data("/m", "2", 0),
      sub_check("/m", 1),
      sub_delete("/m/s0000000000"),
      sub_create("/m/c", "", wire::kFlagContainer),
  }));
  const auto& parts = parts_of(txn);
  ASSERT_EQ(parts.size(), 8u);
  EXPECT_EQ(parts[0].type, OpCode::kCreate);
  EXPECT_EQ(parts[1].type, OpCode::kCreate2);
  EXPECT_EQ(std::get<wire::CreateTxn>(parts[1].body).path, "/m/s0000000000");
  EXPECT_EQ(std::get<wire::CreateTxn>(parts[2].body).path, "/m/s0000000001");
  EXPECT_EQ(std::get<wire::CheckTxn>(parts[3].body).version, 1);
  EXPECT_EQ(parts[7].type, OpCode::kCreateContainer);
  const Applied applied = leader.commit();
  EXPECT_EQ(applied.results.size(), 8u);
  leader.commit_all();
}

TEST(PrepareMulti, failure_keeps_the_records_before_it_and_nothing_pending) {
  SmallLeader leader;
  leader.run(create_request("/a", "old"));
  leader.run(create_request("/e", "", wire::kFlagEphemeral), 0x77);
  leader.prepare(set_data_request("/a", "pending"));
  const size_t pending = leader.preparer().pending_count();
  const auto digest = leader.prepare(open_request(5)).digest;
  const wire::Txn txn = leader.prepare(multi_request({
      sub_create("/m", ""),
      sub_set_data("/a", "new", 1),
      sub_delete("/e"),
      sub_create("/e", "", wire::kFlagEphemeral),
      sub_delete("/none"),
      sub_set_data("/a", "later"),
  }));
  EXPECT_EQ(txn.header.type, OpCode::kMulti);
  const auto& parts = parts_of(txn);
  ASSERT_EQ(parts.size(), 6u);
  EXPECT_EQ(parts[0].type, OpCode::kCreate);
  EXPECT_EQ(std::get<wire::SetDataTxn>(parts[1].body).version, 2);
  EXPECT_EQ(parts[2].type, OpCode::kDelete);
  EXPECT_EQ(error_of(parts[4]), ErrorCode::kNoNode);
  EXPECT_EQ(error_of(parts[5]), ErrorCode::kRuntimeInconsistency);
  EXPECT_EQ(txn.digest, digest);
  EXPECT_EQ(leader.preparer().pending_count(), pending);
  EXPECT_EQ(leader.refused(set_data_request("/m", "")), ErrorCode::kNoNode);
  EXPECT_EQ(leader.refused(set_data_request("/a", "", 1)), ErrorCode::kOk);
  const wire::Txn close = leader.prepare(close_request(), 0x77);
  EXPECT_THAT(std::get<wire::CloseSessionTxn>(close.body).paths_to_delete,
              testing::ElementsAre("/e"));
  leader.commit_all();
}

TEST(PrepareMulti, failed_multi_answers_errors_only) {
  SmallLeader leader;
  const Applied applied =
      leader.run(multi_request({sub_create("/m", ""), sub_delete("/none"), sub_create("/n", "")}));
  EXPECT_EQ(applied.err, ErrorCode::kOk);
  std::string reply;
  write_result(applied, OpCode::kMulti, reply);
  wire::Reader in(reply);
  for (const int32_t err : {0, -101, -2}) {
    wire::MultiHeader header;
    read(in, header);
    EXPECT_EQ(header.type, -1);
    EXPECT_FALSE(header.done);
    EXPECT_EQ(header.err, err);
    EXPECT_EQ(in.i32(), err);
  }
  wire::MultiHeader end;
  read(in, end);
  EXPECT_TRUE(end.done && in.ok() && in.remaining() == 0);
  EXPECT_EQ(end.err, -1);
}

TEST(PrepareMulti, empty_multi_is_legal) {
  SmallLeader leader;
  EXPECT_TRUE(parts_of(leader.prepare(multi_request({}))).empty());
  leader.commit_all();
}

TEST(PrepareMulti, some_creates_make_the_whole_multi_unreadable) {
  SmallLeader leader;
  const auto refused = [&](wire::SubRequest part) {
    return leader.refused(multi_request({sub_create("/x", ""), std::move(part)}));
  };
  EXPECT_EQ(refused(sub_create("/m", "", 9)), ErrorCode::kMarshallingError);
  EXPECT_EQ(refused(sub_create("/m", "", wire::kFlagTtl)), ErrorCode::kMarshallingError);
  wire::SubRequest no_acl{OpCode::kCreate, wire::CreateRequest{"/m", "", {}, true, 0, 0}};
  EXPECT_EQ(refused(no_acl), ErrorCode::kMarshallingError);
  EXPECT_EQ(leader.refused(set_data_request("/x", "")), ErrorCode::kNoNode);
}

TEST(PrepareMulti, create_ttl_without_a_ttl_flag_is_a_plain_create) {
  SmallLeader leader;
  wire::SubRequest ttl{OpCode::kCreateTtl, wire::CreateRequest{"/t", "", kOpen, false, 5, 70}};
  wire::SubRequest plain{OpCode::kCreateTtl, wire::CreateRequest{"/p", "", kOpen, false, 0, 70}};
  const wire::Txn txn = leader.prepare(multi_request({ttl, plain}));
  EXPECT_EQ(parts_of(txn)[0].type, OpCode::kCreateTtl);
  EXPECT_EQ(parts_of(txn)[1].type, OpCode::kCreate);
  leader.commit_all();
}

TEST(PrepareMulti, check_needs_read_and_an_existing_node) {
  SmallLeader leader;
  leader.run(create_request("/w", "", 0, {{wire::kPermWrite, {"world", "anyone"}}}));
  const auto first_error = [&](wire::SubRequest part) {
    return error_of(parts_of(leader.prepare(multi_request({std::move(part)})))[0]);
  };
  EXPECT_EQ(first_error(sub_check("/w")), ErrorCode::kNoAuth);
  EXPECT_EQ(first_error(sub_check("/x")), ErrorCode::kNoNode);
  EXPECT_EQ(first_error(sub_check("/", 3)), ErrorCode::kBadVersion);
  EXPECT_EQ(first_error(sub_check("x")), ErrorCode::kBadArguments);
  leader.commit_all();
}

}  // namespace
}  // namespace zooid::state
