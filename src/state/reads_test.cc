#include "state/reads.h"

#include <gmock/gmock.h>

#include "state/test_requests.h"

namespace zooid::state {
namespace {

using namespace test;
using testing::ElementsAre;
using wire::ErrorCode;
using wire::OpCode;

class Reads : public testing::Test {
 protected:
  ReadScope scope() { return {leader_.database(), auth_, ids_}; }
  // The pieces of a reply: its body is empty unless the read succeeded.
  template <class Read>
  ErrorCode run(Read read) {
    body_ = "before:";
    const ErrorCode err = read(body_);
    EXPECT_TRUE(body_.starts_with("before:"));
    body_.erase(0, 7);
    if (err != ErrorCode::kOk) {
      EXPECT_EQ(body_, "");
    }
    return err;
  }
  void create(std::string_view path, wire::NullableView data, const wire::AclList& acl = kOpen,
              int32_t flags = 0) {
    ASSERT_EQ(leader_.run(create_request(path, data, flags, acl)).err, ErrorCode::kOk);
  }
  std::vector<std::string> strings(wire::Reader& in) {
    std::vector<std::string> result;
    const int32_t count = in.count(4);
    for (int32_t i = 0; i < count; ++i) result.emplace_back(in.buffer());
    return result;
  }
  wire::Stat stat(wire::Reader& in) {
    wire::Stat result;
    read(in, result);
    EXPECT_TRUE(in.ok());
    EXPECT_EQ(in.remaining(), 0u);
    return result;
  }
  wire::Stat stat_of(std::string_view path) {
    return leader_.tree().stat(leader_.tree().find(path));
  }

  SmallLeader leader_;
  AuthOptions auth_;
  std::vector<wire::Id> ids_;
  std::string body_;
};

const wire::AclList kWriteOnly{{wire::kPermWrite, {"world", "anyone"}}};

TEST_F(Reads, exists_needs_read_on_an_existing_node) {
  create("/a", "x");
  create("/w", "x", kWriteOnly);
  const auto exists = [&](std::string_view path) {
    return run([&](std::string& out) { return read_exists(scope(), path, out); });
  };
  EXPECT_EQ(exists("/a"), ErrorCode::kOk);
  wire::Reader in(body_);
  EXPECT_EQ(stat(in), stat_of("/a"));
  EXPECT_EQ(exists("/no"), ErrorCode::kNoNode);
  EXPECT_EQ(exists("/w"), ErrorCode::kNoAuth);
  EXPECT_EQ(exists("no"), ErrorCode::kNoNode);
  EXPECT_EQ(exists("/a/"), ErrorCode::kNoNode);
  EXPECT_EQ(exists(std::string_view("/a\0", 3)), ErrorCode::kBadArguments);
  ids_ = {{"super", ""}};
  EXPECT_EQ(exists("/w"), ErrorCode::kOk);
}

TEST_F(Reads, data_tells_null_from_empty) {
  create("/null", std::nullopt);
  create("/empty", "");
  create("/w", "x", kWriteOnly);
  const auto data = [&](std::string_view path) {
    return run([&](std::string& out) { return read_data(scope(), path, out); });
  };
  EXPECT_EQ(data("/null"), ErrorCode::kOk);
  wire::Reader null(body_);
  EXPECT_EQ(null.nullable(), std::nullopt);
  EXPECT_EQ(stat(null).data_length, 0);
  EXPECT_EQ(data("/empty"), ErrorCode::kOk);
  wire::Reader empty(body_);
  EXPECT_EQ(empty.nullable(), "");
  EXPECT_EQ(stat(empty), stat_of("/empty"));
  EXPECT_EQ(data("/no"), ErrorCode::kNoNode);
  EXPECT_EQ(data("/w"), ErrorCode::kNoAuth);
}

TEST_F(Reads, acl_hides_digests_from_all_but_admins) {
  const wire::AclList acl{{wire::kPermRead, {"world", "anyone"}},
                          {wire::kPermAll, {"digest", "alice:secret"}},
                          {wire::kPermRead, {"ip", "10.0.0.0/8"}}};
  create("/a", "", acl);
  create("/w", "", kWriteOnly);
  create("/admin", "", {{wire::kPermAdmin, {"world", "anyone"}}});
  const auto get_acl = [&](std::string_view path) {
    return run([&](std::string& out) { return read_acl(scope(), path, out); });
  };
  const auto list = [&] {
    wire::Reader in(body_);
    wire::AclList result;
    read(in, result);
    stat(in);
    return result;
  };
  EXPECT_EQ(get_acl("/a"), ErrorCode::kOk);
  EXPECT_THAT(list(),
              ElementsAre(acl[0], wire::Acl{wire::kPermAll, {"digest", "alice:x"}}, acl[2]));
  ids_ = {{"digest", "alice:secret"}};
  EXPECT_EQ(get_acl("/a"), ErrorCode::kOk);
  EXPECT_EQ(list(), acl);
  EXPECT_EQ(get_acl("/admin"), ErrorCode::kOk);
  EXPECT_EQ(get_acl("/w"), ErrorCode::kNoAuth);
  EXPECT_EQ(get_acl("/no"), ErrorCode::kNoNode);
  EXPECT_EQ(get_acl("/"), ErrorCode::kOk);
  EXPECT_EQ(list(), kOpen);
}

TEST_F(Reads, children_with_and_without_stat) {
  create("/p", "");
  create("/p/b", "");
  create("/p/a", "");
  create("/w", "", kWriteOnly);
  const auto children = [&](std::string_view path, bool with_stat) {
    return run([&](std::string& out) { return read_children(scope(), path, with_stat, out); });
  };
  EXPECT_EQ(children("/p", false), ErrorCode::kOk);
  wire::Reader names(body_);
  EXPECT_THAT(strings(names), testing::UnorderedElementsAre("a", "b"));
  EXPECT_EQ(names.remaining(), 0u);
  EXPECT_EQ(children("/p", true), ErrorCode::kOk);
  wire::Reader in(body_);
  EXPECT_EQ(strings(in).size(), 2u);
  EXPECT_EQ(stat(in), stat_of("/p"));
  EXPECT_EQ(children("/w", true), ErrorCode::kNoAuth);
  EXPECT_EQ(children("/no", true), ErrorCode::kNoNode);
}

TEST_F(Reads, ephemerals_of_the_session_by_plain_prefix) {
  create("/app", "");
  for (const char* path : {"/app/1", "/application", "/other"}) {
    create(path, "", kOpen, wire::kFlagEphemeral);
  }
  const auto ephemerals = [&](int64_t session, std::string_view prefix) {
    run([&](std::string& out) {
      return read_ephemerals(scope(), SessionId{session}, prefix, out);
    });
    wire::Reader in(body_);
    return strings(in);
  };
  for (std::string_view all : {"", "/", "  ", " / ", "\t"}) {
    EXPECT_THAT(ephemerals(0x11, all), ElementsAre("/app/1", "/application", "/other"));
  }
  EXPECT_THAT(ephemerals(0x11, "/app"), ElementsAre("/app/1", "/application"));
  EXPECT_THAT(ephemerals(0x11, "/app/"), ElementsAre("/app/1"));
  EXPECT_THAT(ephemerals(0x12, "/"), ElementsAre());
}

TEST_F(Reads, all_children_number_counts_descendants) {
  create("/a", "");
  create("/a/b", "");
  create("/a/b/c", "");
  create("/ab", "");
  create("/w", "", kWriteOnly);
  const auto number = [&](std::string_view path) {
    EXPECT_EQ(run([&](std::string& out) { return read_all_children_number(scope(), path, out); }),
              ErrorCode::kOk);
    return wire::Reader(body_).i32();
  };
  EXPECT_EQ(number("/a"), 2);
  EXPECT_EQ(number("/ab"), 0);
  EXPECT_EQ(number("/"), 3 + 5);
  EXPECT_EQ(run([&](auto& out) { return read_all_children_number(scope(), "/w", out); }),
            ErrorCode::kNoAuth);
  EXPECT_EQ(run([&](auto& out) { return read_all_children_number(scope(), "/x", out); }),
            ErrorCode::kNoNode);
}

TEST_F(Reads, multi_read_runs_each_for_itself_and_leaves_no_watch) {
  create("/a", "1");
  create("/w", "1", kWriteOnly);
  std::string request;
  wire::Writer out(request);
  wire::write_multi(out, {{OpCode::kGetData, wire::PathWatchRequest{"/a", true}},
                          {OpCode::kGetChildren, wire::PathWatchRequest{"/w", true}},
                          {OpCode::kGetData, wire::PathWatchRequest{"/no", true}},
                          {OpCode::kGetChildren, wire::PathWatchRequest{"/a", true}}});
  std::vector<std::pair<bool, std::string>> watched;
  EXPECT_EQ(run([&](auto& reply) { return read_multi_reads(scope(), request, reply, watched); }),
            ErrorCode::kOk);
  EXPECT_TRUE(watched.empty());
  wire::Reader in(body_);
  const auto expect_header = [&](int32_t type, bool done, int32_t err) {
    wire::MultiHeader header;
    read(in, header);
    EXPECT_EQ(header.type, type);
    EXPECT_EQ(header.done, done);
    EXPECT_EQ(header.err, err);
  };
  expect_header(4, false, 0);
  EXPECT_EQ(in.nullable(), "1");
  wire::Stat stat;
  read(in, stat);
  EXPECT_EQ(stat, stat_of("/a"));
  for (const int32_t err : {-102, -101}) {
    expect_header(-1, false, err);
    EXPECT_EQ(in.i32(), err);
  }
  expect_header(8, false, 0);
  EXPECT_TRUE(strings(in).empty());
  expect_header(-1, true, -1);
  EXPECT_EQ(in.remaining(), 0u);
  EXPECT_EQ(run([&](auto& reply) { return read_multi_reads(scope(), "x", reply, watched); }),
            ErrorCode::kMarshallingError);
}

TEST_F(Reads, a_multi_read_that_asks_for_too_much_is_refused) {
  create("/large", std::string(1 << 20, 'x'));
  const auto read_times = [&](size_t times) {
    std::vector<wire::SubRequest> requests(
        times, {OpCode::kGetData, wire::PathWatchRequest{"/large", false}});
    std::string request;
    wire::Writer out(request);
    wire::write_multi(out, requests);
    std::vector<std::pair<bool, std::string>> watched;
    return run([&](auto& reply) { return read_multi_reads(scope(), request, reply, watched); });
  };
  EXPECT_EQ(read_times(15), ErrorCode::kOk);
  EXPECT_GT(body_.size(), size_t{15} << 20);
  EXPECT_EQ(read_times(16), ErrorCode::kMarshallingError);
}

TEST_F(Reads, a_multi_read_of_too_many_is_refused) {
  const auto read_times = [&](size_t times) {
    std::string request;
    wire::Writer out(request);
    wire::write_multi(out, std::vector<wire::SubRequest>(
                               times, {OpCode::kGetData, wire::PathWatchRequest{"/no", false}}));
    std::vector<std::pair<bool, std::string>> watched;
    return run([&](auto& reply) { return read_multi_reads(scope(), request, reply, watched); });
  };
  EXPECT_EQ(read_times(kMultiReadsMax), ErrorCode::kOk);
  EXPECT_EQ(read_times(kMultiReadsMax + 1), ErrorCode::kMarshallingError);
}

TEST_F(Reads, who_am_i_shows_users) {
  write_who_am_i({{"super", ""}, {"ip", "::1"}, {"digest", "a:b"}}, body_);
  wire::Reader in(body_);
  EXPECT_EQ(in.i32(), 3);
  for (const char* text : {"super", "", "ip", "::1", "digest", "a"}) EXPECT_EQ(in.buffer(), text);
  EXPECT_TRUE(in.ok() && in.remaining() == 0);
}

TEST_F(Reads, results_of_writes_follow_the_request_type) {
  const auto result = [&](const Request& request) {
    const Applied applied = leader_.run(request);
    EXPECT_EQ(applied.err, ErrorCode::kOk);
    std::string out;
    write_result(applied, request.type, out);
    return out;
  };
  const auto path_and_stat = [&](std::string_view path) {
    std::string text;
    wire::Writer out(text);
    out.buffer(path);
    write(out, stat_of(path));
    return text;
  };
  const auto only_stat = [&](std::string_view path) {
    return path_and_stat(path).substr(4 + path.size());
  };
  EXPECT_EQ(result(create_request("/a", "")), std::string("\0\0\0\2/a", 6));
  std::string reply =
      result(create_request("/b", "", wire::kFlagSequential, kOpen, OpCode::kCreate2));
  EXPECT_EQ(reply, path_and_stat("/b0000000001"));
  reply = result(create_container_request("/c"));
  EXPECT_EQ(reply, path_and_stat("/c"));
  reply = result(create_ttl_request("/t", 9));
  EXPECT_EQ(reply, path_and_stat("/t"));
  reply = result(set_data_request("/a", "1"));
  EXPECT_EQ(reply, only_stat("/a"));
  reply = result(set_acl_request("/a", kReadOnly));
  EXPECT_EQ(reply, only_stat("/a"));
  EXPECT_EQ(result(delete_request("/a")), "");
  EXPECT_EQ(result(close_request()), "");
}

TEST_F(Reads, multi_results_show_each_state_right_after_its_operation) {
  const Applied applied = leader_.run(multi_request({
      sub_create("/m", ""),
      sub_create("/m/2", "", 0, OpCode::kCreate2),
      sub_create("/m/c", "", wire::kFlagContainer, OpCode::kCreateContainer),
      sub_set_data("/m", "x"),
      sub_check("/m", 1),
      sub_delete("/m/2"),
  }));
  std::string reply;
  write_result(applied, OpCode::kMulti, reply);
  wire::Reader in(reply);
  std::vector<int32_t> types;
  std::vector<wire::Stat> stats;
  wire::MultiHeader header;
  for (read(in, header); in.ok() && !header.done; read(in, header)) {
    types.push_back(header.type);
    EXPECT_EQ(header.err, 0);
    if (header.type == 1 || header.type == 15) in.buffer();
    if (header.type == 15 || header.type == 5) read(in, stats.emplace_back());
  }
  EXPECT_THAT(types, ElementsAre(1, 15, 15, 5, 13, 2));
  EXPECT_EQ(stats[0].ephemeral_owner, 0);
  EXPECT_EQ(stats[1].ephemeral_owner, 0);
  EXPECT_EQ(stats[2].num_children, 2);
  EXPECT_EQ(in.remaining(), 0u);
}

}  // namespace
}  // namespace zooid::state
