// Frames captured between clients and servers: each is decoded, looked at, and encoded again.
#include <gtest/gtest.h>

#include <map>

#include "wire/golden_files.h"
#include "wire/request.h"

namespace zooid::wire {
namespace {

using golden::hex;
using golden::unhex;

template <class Record, class Read, class Write>
bool recode(Reader& in, Writer& out, Read read, Write write) {
  Record record;
  if (!read(in, record)) return false;
  write(out, record);
  return true;
}

bool recode_multi(Reader& in, Writer& out, bool reads) {
  std::vector<SubRequest> subs;
  if (!read_multi(in, reads, subs)) return false;
  write_multi(out, subs);
  return true;
}

bool recode_body(Reader& in, Writer& out, OpCode op) {
  const auto read_creating = [op](Reader& i, CreateRequest& v) { return read_create(i, op, v); };
  const auto write_creating = [op](Writer& o, const CreateRequest& v) { write_create(o, op, v); };
  const auto read_watches = [op](Reader& i, SetWatchesRequest& v) {
    return read_set_watches(i, op, v);
  };
  const auto write_watches = [op](Writer& o, const SetWatchesRequest& v) {
    write_set_watches(o, op, v);
  };
  switch (op) {
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
      return recode<CreateRequest>(in, out, read_creating, write_creating);
    case OpCode::kDelete:
    case OpCode::kCheck:
      return recode<PathVersionRequest>(in, out, read_path_version, write_path_version);
    case OpCode::kExists:
    case OpCode::kGetData:
    case OpCode::kGetChildren:
    case OpCode::kGetChildren2:
      return recode<PathWatchRequest>(in, out, read_path_watch, write_path_watch);
    case OpCode::kSetData:
      return recode<SetDataRequest>(in, out, read_set_data, write_set_data);
    case OpCode::kSetAcl:
      return recode<SetAclRequest>(in, out, read_set_acl, write_set_acl);
    case OpCode::kGetAcl:
    case OpCode::kSync:
    case OpCode::kGetAllChildrenNumber:
    case OpCode::kDeleteContainer:
      return recode<PathRequest>(in, out, read_path, write_path);
    case OpCode::kGetEphemerals:
      return recode<PathRequest>(in, out, read_path_or_null, write_path);
    case OpCode::kCheckWatches:
    case OpCode::kRemoveWatches:
    case OpCode::kAddWatch:
      return recode<PathModeRequest>(in, out, read_path_mode, write_path_mode);
    case OpCode::kSetWatches:
    case OpCode::kSetWatches2:
      return recode<SetWatchesRequest>(in, out, read_watches, write_watches);
    case OpCode::kReconfig:
      return recode<ReconfigRequest>(in, out, read_reconfig, write_reconfig);
    case OpCode::kMulti:
    case OpCode::kMultiRead:
      return recode_multi(in, out, op == OpCode::kMultiRead);
    case OpCode::kAuth:
      return recode<AuthRequest>(in, out, read_auth, write_auth);
    case OpCode::kSasl:
      out.nullable(in.nullable());
      return in.ok();
    default:
      return true;
  }
}

// The frame after decoding and encoding again; nullopt if it cannot be read.
template <class Record>
std::optional<std::string> recode_frame(std::string_view frame) {
  Reader in(frame.substr(4));
  Record record;
  read(in, record);
  if (!in.ok()) return std::nullopt;
  std::string bytes;
  const size_t begun = begin_frame(bytes);
  Writer out(bytes);
  write(out, record);
  end_frame(bytes, begun);
  return bytes;
}

std::optional<std::string> recode_request(std::string_view frame) {
  Reader in(frame.substr(4));
  RequestHeader header;
  read(in, header);
  if (!in.ok()) return std::nullopt;
  std::string bytes;
  const size_t begun = begin_frame(bytes);
  Writer out(bytes);
  write(out, header);
  if (!recode_body(in, out, static_cast<OpCode>(header.type))) return std::nullopt;
  end_frame(bytes, begun);
  return bytes;
}

void recode_strings(Reader& in, Writer& out) {
  const int32_t count = in.count(4);
  out.i32(count);
  for (int32_t i = 0; i < count; ++i) out.buffer(in.buffer());
}

template <class Record>
void recode_record(Reader& in, Writer& out) {
  Record record;
  read(in, record);
  write(out, record);
}

void recode_multi_results(Reader& in, Writer& out) {
  MultiHeader header;
  for (read(in, header); in.ok() && !header.done; read(in, header)) {
    write(out, header);
    switch (static_cast<OpCode>(header.type)) {
      case OpCode::kCreate:
        out.buffer(in.buffer());
        break;
      case OpCode::kCreate2:
        out.buffer(in.buffer());
        recode_record<Stat>(in, out);
        break;
      case OpCode::kSetData:
        recode_record<Stat>(in, out);
        break;
      case OpCode::kGetData:
        out.nullable(in.nullable());
        recode_record<Stat>(in, out);
        break;
      case OpCode::kGetChildren:
        recode_strings(in, out);
        break;
      case OpCode::kError:
        EXPECT_EQ(in.i32(), header.err);
        out.i32(header.err);
        break;
      default:
        break;
    }
  }
  write(out, header);
}

void recode_result(Reader& in, Writer& out, OpCode op) {
  switch (op) {
    case OpCode::kCreate:
    case OpCode::kSync:
      return out.buffer(in.buffer());
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
      out.buffer(in.buffer());
      return recode_record<Stat>(in, out);
    case OpCode::kExists:
    case OpCode::kSetData:
    case OpCode::kSetAcl:
      return recode_record<Stat>(in, out);
    case OpCode::kGetData:
    case OpCode::kReconfig:
      out.nullable(in.nullable());
      return recode_record<Stat>(in, out);
    case OpCode::kGetAcl:
      recode_record<AclList>(in, out);
      return recode_record<Stat>(in, out);
    case OpCode::kGetChildren:
    case OpCode::kGetEphemerals:
      return recode_strings(in, out);
    case OpCode::kGetChildren2:
      recode_strings(in, out);
      return recode_record<Stat>(in, out);
    case OpCode::kMulti:
    case OpCode::kMultiRead:
      return recode_multi_results(in, out);
    case OpCode::kSasl:
      return out.nullable(in.nullable());
    case OpCode::kAddWatch:
    case OpCode::kGetAllChildrenNumber:
      return out.i32(in.i32());
    case OpCode::kWhoAmI: {
      const int32_t count = in.count(8);
      out.i32(count);
      for (int32_t i = 0; i < count; ++i) recode_record<Id>(in, out);
      return;
    }
    default:
      return;
  }
}

std::string recode_event(Reader& in, const ReplyHeader& header) {
  std::string bytes;
  const auto type = static_cast<EventType>(in.i32());
  EXPECT_EQ(in.i32(), 3);
  write_notification_frame(bytes, type, in.buffer(), header.zxid);
  return bytes;
}

// `op`: of the request that it answers.
std::optional<std::string> recode_reply(std::string_view frame, OpCode op) {
  Reader in(frame.substr(4));
  ReplyHeader header;
  read(in, header);
  if (!in.ok()) return std::nullopt;
  if (header.xid == kXidNotification) return recode_event(in, header);
  std::string bytes;
  const size_t begun = begin_frame(bytes);
  Writer out(bytes);
  write(out, header);
  if (header.err == 0) recode_result(in, out, op);
  if (!in.ok() || in.remaining() != 0) return std::nullopt;
  end_frame(bytes, begun);
  return bytes;
}

OpCode op_of(std::string_view request) {
  return request.size() < 12 ? OpCode::kError
                             : static_cast<OpCode>(Reader(request.substr(8)).i32());
}

class ClientGolden : public testing::TestWithParam<const char*> {
 protected:
  struct Exchange {
    std::string name, request, response;
  };
  std::vector<Exchange> exchanges() const {
    std::vector<Exchange> all;
    for (const auto& row : golden::read_table(std::string("client/") + GetParam() + ".txt")) {
      all.push_back({row[0], unhex(row[1]), unhex(row[2])});
    }
    return all;
  }
  std::string request(std::string_view name) const {
    for (const Exchange& e : exchanges()) {
      if (e.name == name) return e.request;
    }
    ADD_FAILURE() << name;
    return {};
  }
  std::string response(std::string_view name) const {
    for (const Exchange& e : exchanges()) {
      if (e.name == name) return e.response;
    }
    ADD_FAILURE() << name;
    return {};
  }
};

TEST_P(ClientGolden, every_well_formed_request_is_encoded_to_the_same_bytes) {
  int requests = 0;
  for (const Exchange& e : exchanges()) {
    if (e.request.empty() || e.name.starts_with("malformed")) continue;
    const bool is_connect = e.name.starts_with("connect");
    const auto recoded =
        is_connect ? recode_frame<ConnectRequest>(e.request) : recode_request(e.request);
    ASSERT_TRUE(recoded.has_value()) << e.name;
    EXPECT_EQ(hex(*recoded), hex(e.request)) << e.name;
    ++requests;
  }
  EXPECT_GE(requests, 80);
}

TEST_P(ClientGolden, every_response_is_encoded_to_the_same_bytes) {
  int responses = 0;
  for (const Exchange& e : exchanges()) {
    if (e.response.empty()) continue;
    const bool is_connect = e.name.starts_with("connect");
    const auto recoded = is_connect ? recode_frame<ConnectResponse>(e.response)
                                    : recode_reply(e.response, op_of(e.request));
    ASSERT_TRUE(recoded.has_value()) << e.name;
    EXPECT_EQ(hex(*recoded), hex(e.response)) << e.name;
    ++responses;
  }
  EXPECT_GE(responses, 90);
}

TEST_P(ClientGolden, malformed_bodies_are_unreadable_and_surplus_bytes_ignored) {
  for (const char* name : {"malformed-short-create", "malformed-body-neg-string",
                           "malformed-create-neg-string-len", "malformed-string-len-huge"}) {
    EXPECT_FALSE(recode_request(request(name)).has_value()) << name;
  }
  const std::string surplus = request("malformed-trailing");
  Reader in(std::string_view(surplus).substr(12));
  PathWatchRequest get_data;
  EXPECT_TRUE(read_path_watch(in, get_data));
  EXPECT_EQ(get_data.path, "/a");
  EXPECT_EQ(in.remaining(), 3u);
  EXPECT_FALSE(recode_frame<ConnectRequest>(request("malformed-short-connect")).has_value());
}

TEST_P(ClientGolden, handshakes_mean_what_the_capture_says) {
  const std::string with_flag = request("connect-new-ro-flag");
  ConnectRequest connect;
  Reader in(std::string_view(with_flag).substr(4));
  read(in, connect);
  EXPECT_TRUE(connect.has_read_only);
  EXPECT_FALSE(connect.read_only);
  EXPECT_EQ(connect.timeout_ms, 10000);
  EXPECT_EQ(connect.password, std::string(16, '\0'));
  const std::string without_flag = request("connect-new-no-ro-flag");
  Reader old_in(std::string_view(without_flag).substr(4));
  read(old_in, connect);
  EXPECT_FALSE(connect.has_read_only);
  const std::string ahead = request("connect-zxid-ahead");
  Reader ahead_in(std::string_view(ahead).substr(4));
  read(ahead_in, connect);
  EXPECT_EQ(connect.last_zxid_seen, 0x7fffffff);
}

TEST_P(ClientGolden, passwords_of_all_sessions_are_reproduced) {
  int sessions = 0;
  for (const Exchange& e : exchanges()) {
    if (!e.name.starts_with("connect") || e.response.empty()) continue;
    ConnectResponse response;
    Reader in(std::string_view(e.response).substr(4));
    read(in, response);
    if (response.session_id == kNoSession) continue;
    EXPECT_EQ(hex(response.password), hex(session_password(response.session_id))) << e.name;
    ++sessions;
  }
  EXPECT_GE(sessions, 6);
}

TEST_P(ClientGolden, creates_mean_what_the_capture_says) {
  const auto read_named = [this](const char* name, std::string& frame) {
    frame = request(name);
    CreateRequest create;
    Reader in(std::string_view(frame).substr(12));
    EXPECT_TRUE(read_create(in, op_of(frame), create)) << name;
    return create;
  };
  std::string frame;
  CreateRequest create = read_named("create-persistent", frame);
  EXPECT_EQ(create.path, "/a");
  EXPECT_EQ(create.data, "hello");
  EXPECT_EQ(create.acl, (AclList{{kPermAll, {"world", "anyone"}}}));
  EXPECT_EQ(create.flags, kFlagPersistent);
  EXPECT_EQ(read_named("create-ephemeral", frame).flags, kFlagEphemeral);
  EXPECT_EQ(read_named("create-null-data", frame).data, std::nullopt);
  EXPECT_EQ(read_named("create2-empty-data", frame).data, "");
  EXPECT_TRUE(read_named("create-empty-acl", frame).acl.empty());
  create = read_named("create-ttl", frame);
  EXPECT_EQ(create.flags, kFlagTtl);
  EXPECT_EQ(create.ttl_ms, 600'000);
  EXPECT_EQ(op_of(frame), OpCode::kCreateTtl);
}

TEST_P(ClientGolden, set_watches_and_multi_mean_what_the_capture_says) {
  const std::string watches = request("setWatches");
  SetWatchesRequest set;
  Reader in(std::string_view(watches).substr(12));
  ASSERT_TRUE(read_set_watches(in, op_of(watches), set));
  EXPECT_EQ(set.data, (std::vector<std::string_view>{"/a", "/m"}));
  EXPECT_EQ(set.exist, (std::vector<std::string_view>{"/w9"}));
  EXPECT_EQ(set.child, (std::vector<std::string_view>{"/a"}));
  const std::string multi = request("multi-fail");
  std::vector<SubRequest> subs;
  Reader multi_in(std::string_view(multi).substr(12));
  ASSERT_TRUE(read_multi(multi_in, false, subs));
  ASSERT_EQ(subs.size(), 3u);
  EXPECT_EQ(subs[0].type, OpCode::kCreate);
  EXPECT_EQ(std::get<PathVersionRequest>(subs[1].body).path, "/nonode");
  EXPECT_EQ(std::get<SetDataRequest>(subs[2].body).data, "q");
  Reader mixed_in(std::string_view(multi).substr(12));
  EXPECT_FALSE(read_multi(mixed_in, true, subs));
}

TEST_P(ClientGolden, replies_mean_what_the_capture_says) {
  const auto error_of = [this](const char* name) {
    ReplyHeader header;
    const std::string frame = response(name);
    Reader in(std::string_view(frame).substr(4));
    read(in, header);
    return std::string(error_name(static_cast<ErrorCode>(header.err)));
  };
  EXPECT_EQ(error_of("create-node-exists"), "NODEEXISTS");
  EXPECT_EQ(error_of("create-no-parent"), "NONODE");
  EXPECT_EQ(error_of("create-child-of-ephemeral"), "NOCHILDRENFOREPHEMERALS");
  EXPECT_EQ(error_of("create-bad-path"), "BADARGUMENTS");
  EXPECT_EQ(error_of("create-empty-acl"), "INVALIDACL");
  EXPECT_EQ(error_of("setData-badversion"), "BADVERSION");
  EXPECT_EQ(error_of("delete-notempty"), "NOTEMPTY");
  EXPECT_EQ(error_of("unknown-opcode"), "UNIMPLEMENTED");
  EXPECT_EQ(error_of("getData-noauth"), "NOAUTH");
  EXPECT_EQ(error_of("auth-unknown-scheme"), "AUTHFAILED");
  EXPECT_EQ(error_of("reconfig-standalone"), "RECONFIGDISABLED");
  EXPECT_EQ(error_of("removeWatches-none"), "NOWATCHER");
  EXPECT_EQ(error_of("malformed-short-create"), "MARSHALLINGERROR");
  EXPECT_EQ(error_of("getData"), "OK");
  const std::string frame = response("getData");
  Reader in(std::string_view(frame).substr(20));
  EXPECT_EQ(in.buffer(), "hello");
  Stat stat;
  read(in, stat);
  EXPECT_EQ(stat.data_length, 5);
  EXPECT_EQ(stat.cversion, 6);
  EXPECT_EQ(stat.num_children, 6);
}

INSTANTIATE_TEST_SUITE_P(Releases, ClientGolden, testing::Values("3.8.0", "3.9.5"),
                         [](const auto& info) {
                           return std::string(info.param) == "3.8.0" ? "v3_8_0" : "v3_9_5";
                         });

TEST(RealClientsGolden, whole_connections_are_encoded_to_the_same_bytes) {
  std::map<int32_t, OpCode> ops;
  std::string stream;
  int frames = 0;
  for (const auto& row : golden::read_table("client/real-clients.txt")) {
    if (row[0] == "stream") {
      stream = row[1];
      if (stream.ends_with("client-to-server")) ops.clear();
      continue;
    }
    const bool is_request = stream.ends_with("client-to-server");
    const std::string frame = unhex(row[2]);
    const int32_t xid = Reader(std::string_view(frame).substr(4)).i32();
    std::optional<std::string> recoded;
    if (row[1] == "ConnectRequest") {
      recoded = recode_frame<ConnectRequest>(frame);
    } else if (row[1] == "ConnectResponse") {
      recoded = recode_frame<ConnectResponse>(frame);
    } else if (is_request) {
      recoded = recode_request(frame);
      ops[xid] = op_of(frame);
      EXPECT_EQ(row[1], op_name(op_of(frame)));
    } else {
      recoded = recode_reply(frame, ops[xid]);
    }
    ASSERT_TRUE(recoded.has_value()) << stream << " " << hex(frame);
    EXPECT_EQ(hex(*recoded), hex(frame)) << stream;
    ++frames;
  }
  EXPECT_GT(frames, 50);
}

}  // namespace
}  // namespace zooid::wire
