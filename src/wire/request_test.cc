#include "wire/request.h"

#include <gtest/gtest.h>

#include "wire/golden_files.h"

namespace zooid::wire {
namespace {

using golden::unhex;

template <class Record, class Read>
bool reads(const std::string& bytes, Read read_it, Record record = {}) {
  Reader in(bytes);
  return read_it(in, record);
}

TEST(Request, null_path_is_unreadable_except_for_get_ephemerals) {
  const std::string null_path = unhex("ffffffff");
  EXPECT_FALSE(reads<PathRequest>(null_path, read_path));
  EXPECT_TRUE(reads<PathRequest>(null_path, read_path_or_null));
  EXPECT_FALSE(reads<PathWatchRequest>(null_path + unhex("01"), read_path_watch));
  EXPECT_FALSE(reads<PathVersionRequest>(null_path + unhex("00000000"), read_path_version));
  EXPECT_FALSE(reads<PathModeRequest>(null_path + unhex("00000000"), read_path_mode));
}

TEST(Request, a_write_is_readable_if_it_is_whole) {
  CreateRequest create;
  create.path = "/a";
  create.data = "x";
  create.acl = {{kPermAll, {"world", "anyone"}}, {1, {"ip", "127.0.0.1"}}};
  create.ttl_ms = 5;
  for (const OpCode type :
       {OpCode::kCreate, OpCode::kCreate2, OpCode::kCreateContainer, OpCode::kCreateTtl}) {
    std::string body;
    Writer out(body);
    write_create(out, type, create);
    EXPECT_TRUE(write_is_readable(type, body));
    EXPECT_TRUE(write_is_readable(type, body + "surplus"));
    for (size_t length = 0; length < body.size(); ++length) {
      CreateRequest again;
      Reader in(std::string_view(body).substr(0, length));
      EXPECT_EQ(write_is_readable(type, body.substr(0, length)), read_create(in, type, again));
    }
  }
  EXPECT_FALSE(write_is_readable(OpCode::kSetData, ""));
  EXPECT_FALSE(write_is_readable(OpCode::kDelete, "xx"));
  EXPECT_TRUE(write_is_readable(OpCode::kDelete, unhex("ffffffff00000000"))) << "a null path";
  EXPECT_TRUE(write_is_readable(OpCode::kCloseSession, ""));
}

TEST(Request, a_multi_with_a_null_acl_is_not_readable_unless_it_breaks_before) {
  CreateRequest create;
  create.path = "/a";
  const auto body_of = [&](std::vector<SubRequest> subs) {
    std::string body;
    Writer out(body);
    write_multi(out, subs);
    return body;
  };
  create.acl_is_null = true;
  const SubRequest null_acl{OpCode::kCreate, create};
  const SubRequest remove{OpCode::kDelete, PathVersionRequest{"/b", -1}};
  const SubRequest read{OpCode::kGetData, PathWatchRequest{"/b", false}};
  create.flags = 77;
  const SubRequest bad_flags{OpCode::kCreate, create};
  EXPECT_FALSE(write_is_readable(OpCode::kMulti, body_of({remove, null_acl})));
  EXPECT_TRUE(write_is_readable(OpCode::kMulti, body_of({read, null_acl})));
  EXPECT_TRUE(write_is_readable(OpCode::kMulti, body_of({bad_flags, null_acl})));
  EXPECT_TRUE(write_is_readable(OpCode::kMulti, body_of({remove, remove})));
  EXPECT_TRUE(write_is_readable(OpCode::kMulti, "x"));
}

TEST(Request, null_and_empty_acl_are_told_apart) {
  const std::string head = unhex("000000022f61ffffffff");  // "/a", null data
  const std::string flags = unhex("00000000");
  for (const bool is_null : {false, true}) {
    const std::string bytes = head + unhex(is_null ? "ffffffff" : "00000000") + flags;
    Reader in(bytes);
    CreateRequest create;
    ASSERT_TRUE(read_create(in, OpCode::kCreate, create));
    EXPECT_EQ(create.acl_is_null, is_null);
    EXPECT_TRUE(create.acl.empty());
    std::string again;
    Writer out(again);
    write_create(out, OpCode::kCreate, create);
    EXPECT_EQ(again, bytes);
  }
}

TEST(Request, null_path_among_watches_is_unreadable) {
  SetWatchesRequest watches;
  const std::string bytes = unhex("000000000000000100000001ffffffff0000000000000000");
  Reader in(bytes);
  EXPECT_FALSE(read_set_watches(in, OpCode::kSetWatches, watches));
}

TEST(Request, set_watches_has_three_lists_and_set_watches2_five) {
  const std::string three = unhex("0000000000000001ffffffff0000000000000000");
  SetWatchesRequest watches;
  Reader in(three), short_in(three);
  EXPECT_TRUE(read_set_watches(in, OpCode::kSetWatches, watches));
  EXPECT_FALSE(read_set_watches(short_in, OpCode::kSetWatches2, watches));
}

TEST(Request, multi_without_operations_is_legal) {
  const std::string bytes = unhex("ffffffff01ffffffff");
  std::vector<SubRequest> subs(3);
  Reader in(bytes);
  EXPECT_TRUE(read_multi(in, false, subs));
  EXPECT_TRUE(subs.empty());
}

TEST(Request, multi_refuses_reads_among_writes_and_codes_that_do_not_belong) {
  const std::string end = unhex("ffffffff01ffffffff");
  const std::string get_data = unhex("0000000400ffffffff000000022f6100");
  const std::string set_acl = unhex("0000000700ffffffff000000022f61ffffffff00000000");
  const std::string nested = unhex("0000000e00ffffffff") + end;
  const std::string check = unhex("0000000d00ffffffff000000022f6100000000");
  const auto is_read = [](const std::string& bytes, bool is_multi_read) {
    std::vector<SubRequest> subs;
    Reader in(bytes);
    return read_multi(in, is_multi_read, subs);
  };
  EXPECT_TRUE(is_read(get_data + end, true));
  EXPECT_FALSE(is_read(get_data + end, false));
  EXPECT_TRUE(is_read(check + end, false));
  EXPECT_FALSE(is_read(check + end, true));
  EXPECT_FALSE(is_read(get_data + check + end, true));
  EXPECT_FALSE(is_read(set_acl + end, false));
  EXPECT_FALSE(is_read(nested + end, false));
  EXPECT_FALSE(is_read(check, false));  // the closing header is missing
}

TEST(Request, auth_with_null_scheme_is_readable) {
  AuthRequest auth;
  const std::string bytes = unhex("00000000ffffffffffffffff");
  Reader in(bytes);
  EXPECT_TRUE(read_auth(in, auth));
  EXPECT_EQ(auth.scheme, "");
}

}  // namespace
}  // namespace zooid::wire
