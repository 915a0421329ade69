#include "wire/records.h"

#include <gtest/gtest.h>

#include "wire/error_code.h"
#include "wire/golden_files.h"

namespace zooid::wire {
namespace {

using golden::hex;
using golden::unhex;

TEST(Reader, fails_for_good_at_the_first_thing_that_does_not_fit) {
  const std::string bytes = unhex("0000000561");
  Reader in(bytes);
  EXPECT_EQ(in.nullable(), std::nullopt);
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.i64(), 0);
  EXPECT_EQ(in.buffer(), "");
  EXPECT_EQ(in.remaining(), 0u);
}

TEST(Reader, tells_null_from_empty_and_refuses_other_negative_lengths) {
  const std::string null = unhex("ffffffff"), empty = unhex("00000000"), bad = unhex("fffffff9");
  Reader null_in(null), empty_in(empty), bad_in(bad);
  EXPECT_EQ(null_in.nullable(), std::nullopt);
  EXPECT_TRUE(null_in.ok());
  EXPECT_EQ(empty_in.nullable(), "");
  EXPECT_EQ(bad_in.nullable(), std::nullopt);
  EXPECT_FALSE(bad_in.ok());
}

TEST(Reader, refuses_buffers_longer_than_its_limit) {
  const std::string bytes = unhex("00000003616263");
  Reader in(bytes, 3), limited_in(bytes, 2);
  EXPECT_EQ(in.nullable(), "abc");
  EXPECT_EQ(limited_in.nullable(), std::nullopt);
  EXPECT_FALSE(limited_in.ok());
}

TEST(Reader, takes_any_non_zero_byte_as_true) {
  Reader in("\x7f");
  EXPECT_TRUE(in.boolean());
}

TEST(Records, notification_frame_is_as_captured) {
  std::string bytes = "before";
  write_notification_frame(bytes, EventType::kNodeDataChanged, "/a", -1);
  EXPECT_EQ(hex(bytes.substr(6)),
            "0000001effffffffffffffffffffffff00000000000000030000000300000002"
            "2f61");
  bytes.clear();
  write_notification_frame(bytes, EventType::kNodeDataChanged, "/a", 0x28);
  EXPECT_EQ(hex(bytes), "0000001effffffff0000000000000028000000000000000300000003000000022f61");
}

TEST(Records, frames_get_the_length_of_what_was_written_behind_their_begin) {
  std::string bytes = "x";
  const size_t begun = begin_frame(bytes);
  Writer(bytes).i64(7);
  end_frame(bytes, begun);
  EXPECT_EQ(hex(bytes), "78000000080000000000000007");
}

TEST(Records, password_is_the_one_that_servers_compute) {
  EXPECT_EQ(hex(session_password(SessionId{0x01000018271c0000})),
            "a6dd37fd3bb58917f4f7d9a27c1326ee");
  EXPECT_EQ(hex(session_password(SessionId{0x01000018271c000b})),
            "2cc50efd9bc6a4f9a9ccacd246d1b589");
}

TEST(Records, connect_request_without_the_flag_is_told_by_the_end_of_the_bytes) {
  const std::string bytes = unhex("00000000000000000000000000002710000000000000000000000000");
  Reader in(bytes);
  ConnectRequest request;
  read(in, request);
  EXPECT_TRUE(in.ok());
  EXPECT_FALSE(request.has_read_only);
  const std::string with_flag = bytes + '\1';
  Reader flag_in(with_flag);
  read(flag_in, request);
  EXPECT_TRUE(request.has_read_only);
  EXPECT_TRUE(request.read_only);
}

TEST(Records, null_acl_list_is_read_as_empty) {
  const std::string bytes = unhex("ffffffff");
  Reader in(bytes);
  AclList acl{{1, {"world", "anyone"}}};
  read(in, acl);
  EXPECT_TRUE(in.ok());
  EXPECT_TRUE(acl.empty());
}

TEST(ErrorCode, names_are_those_of_the_specification) {
  EXPECT_STREQ(error_name(ErrorCode::kOk), "OK");
  EXPECT_STREQ(error_name(ErrorCode::kNoNode), "NONODE");
  EXPECT_STREQ(error_name(ErrorCode::kThrottledOp), "THROTTLEDOP");
  EXPECT_STREQ(error_name(static_cast<ErrorCode>(-99)), "UNKNOWN");
  EXPECT_STREQ(op_name(OpCode::kCreateTtl), "createTTL");
  EXPECT_STREQ(op_name(OpCode::kCloseSession), "closeSession");
  EXPECT_STREQ(op_name(OpCode::kError), "error");
  EXPECT_STREQ(op_name(static_cast<OpCode>(55)), "unknown");
}

}  // namespace
}  // namespace zooid::wire
