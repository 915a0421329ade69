// What a real 3.9.5 server was asked and what it logged and answered: the frames of its clients are
// prepared against the state of its log. Transactions and replies must be the same bytes, digests
// and Stats included. (client/3.9.5.txt and storage/standalone-3.9.5 are of one run.)
#include <gmock/gmock.h>

#include <map>

#include "state/reads.h"
#include "state/test_requests.h"
#include "wire/golden_files.h"

namespace zooid::state {
namespace {

using namespace test;
using wire::OpCode;

constexpr int64_t kFirstSession = 0x10000128cbc0000;

std::vector<wire::Txn> read_log(const std::string& name) {
  const std::string bytes = wire::golden::read_file(wire::golden::path_of("storage/" + name));
  std::vector<wire::Txn> txns;
  constexpr size_t kFileHeader = 16;
  wire::Reader in(std::string_view(bytes).substr(kFileHeader));
  while (true) {
    in.i64();
    const auto entry = in.nullable();
    if (!in.ok() || !entry || entry->empty() || in.remaining() == 0) return txns;
    in.boolean();
    auto txn = wire::read_txn(*entry);
    EXPECT_TRUE(txn.has_value());
    if (!txn) return txns;
    txns.push_back(std::move(*txn));
  }
}

std::string bytes_of(const wire::Txn& txn) {
  return std::string(wire::serialize(txn).view());
}

struct Frame {
  std::string name;
  wire::RequestHeader header;
  std::string body;
  wire::ReplyHeader reply;
  std::string reply_body;

  OpCode type() const { return static_cast<OpCode>(header.type); }
};

// Frames with a request and a reply after the handshake.
std::vector<Frame> read_frames() {
  std::vector<Frame> frames;
  for (const auto& row : wire::golden::read_table("client/3.9.5.txt")) {
    const std::string request = wire::golden::unhex(row[1]);
    const std::string response = wire::golden::unhex(row[2]);
    if (row[0].starts_with("connect") || row[0].starts_with("sasl")) continue;
    if (request.size() < 12 || response.size() < 20) continue;
    Frame frame;
    frame.name = row[0];
    wire::Reader in(std::string_view(request).substr(4));
    read(in, frame.header);
    frame.body = in.rest();
    wire::Reader out(std::string_view(response).substr(4));
    read(out, frame.reply);
    frame.reply_body = out.rest();
    frames.push_back(std::move(frame));
  }
  return frames;
}

// The strings of a vector, sorted: ZooKeeper answers children and ephemerals in hash order.
std::vector<std::string> take_strings(wire::Reader& in) {
  std::vector<std::string> strings;
  const int32_t count = in.count(4);
  for (int32_t i = 0; i < count; ++i) strings.emplace_back(in.buffer());
  std::ranges::sort(strings);
  return strings;
}

// A reply whose vectors of strings, which have no order, are sorted.
std::string normal(OpCode type, std::string_view body) {
  wire::Reader in(body);
  std::string text;
  if (type == OpCode::kGetChildren || type == OpCode::kGetChildren2 ||
      type == OpCode::kGetEphemerals) {
    text = fmt::format("{} ", fmt::join(take_strings(in), " "));
  } else if (type == OpCode::kWhoAmI) {
    std::vector<std::string> ids;
    const int32_t count = in.count(8);
    for (int32_t i = 0; i < count; ++i) {
      const std::string scheme(in.buffer());
      ids.push_back(scheme + ":" + std::string(in.buffer()));
    }
    std::ranges::sort(ids);
    text = fmt::format("{} ", fmt::join(ids, " "));
  } else if (type == OpCode::kMultiRead) {
    wire::MultiHeader header;
    for (read(in, header); in.ok() && !header.done; read(in, header)) {
      text += fmt::format("[{} {}] ", header.type, header.err);
      if (header.type == static_cast<int32_t>(OpCode::kGetChildren)) {
        text += fmt::format("{} ", fmt::join(take_strings(in), " "));
      } else if (header.type == static_cast<int32_t>(OpCode::kGetData)) {
        text += std::string(in.buffer());
        wire::Stat stat;
        read(in, stat);
        wire::Writer out(text);
        write(out, stat);
      } else {
        text += std::to_string(in.i32());
      }
    }
  }
  return text + wire::golden::hex(in.rest());
}

class Replay : public testing::Test {
 protected:
  Replay() : preparer_(database_, {.extended_types_enabled = true}) {
    for (wire::Txn& txn : read_log("standalone-3.9.5/version-2/log.1")) {
      log_.emplace(txn.header.zxid.value, std::move(txn));
    }
    auth_.super_digest = "super:D/InIHSb7yEEbrWz8b9l71RjZJU=";
  }

  // Applies what the log holds before this zxid.
  void catch_up(int64_t zxid) {
    for (; next_ < zxid; ++next_) {
      const auto [begin, end] = log_.equal_range(next_);
      for (auto it = begin; it != end; ++it) database_.apply(it->second, nullptr);
    }
    preparer_.on_applied(database_.last_zxid());
  }

  // The transaction that the server logged for this request, or null.
  const wire::Txn* logged(const Frame& frame) const {
    const auto [begin, end] = log_.equal_range(frame.reply.zxid);
    for (auto it = begin; it != end; ++it) {
      const wire::TxnHeader& header = it->second.header;
      if (header.cxid != frame.header.xid) continue;
      if (header.type == frame.type() || header.type == OpCode::kError) return &it->second;
    }
    return nullptr;
  }

  void check_write(const Frame& frame, const wire::Txn& expected) {
    catch_up(expected.header.zxid.value);
    WriteRequest request;
    request.session = expected.header.session;
    request.cxid = frame.header.xid;
    request.type = frame.type();
    request.body = frame.body;
    request.ids = &ids_;
    // The intended difference: only the server itself may delete containers in this way.
    if (request.type == OpCode::kDeleteContainer) request.session = kNoSession;
    wire::Txn txn = preparer_.prepare(request, expected.header.zxid, expected.header.time_ms);
    txn.header.session = expected.header.session;
    EXPECT_EQ(wire::golden::hex(bytes_of(txn)), wire::golden::hex(bytes_of(expected)));
    Applied applied;
    database_.apply(txn, &applied);
    next_ = expected.header.zxid.value + 1;
    preparer_.on_applied(txn.header.zxid);
    EXPECT_EQ(static_cast<int32_t>(applied.err), frame.reply.err);
    if (frame.reply.err != 0) return;
    std::string body;
    write_result(applied, frame.type(), body);
    EXPECT_EQ(wire::golden::hex(body), wire::golden::hex(frame.reply_body));
  }

  std::optional<wire::ErrorCode> run_read(const Frame& frame, std::string& body) {
    const ReadScope scope{database_, auth_, ids_};
    wire::Reader in(frame.body);
    wire::PathWatchRequest watch;
    wire::PathRequest path;
    std::vector<std::pair<bool, std::string>> watched;
    const auto read_watch = [&] { return read_path_watch(in, watch); };
    constexpr auto kUnreadable = wire::ErrorCode::kMarshallingError;
    switch (frame.type()) {
      case OpCode::kExists:
        return read_watch() ? read_exists(scope, watch.path, body) : kUnreadable;
      case OpCode::kGetData:
        return read_watch() ? read_data(scope, watch.path, body) : kUnreadable;
      case OpCode::kGetChildren:
        return read_watch() ? read_children(scope, watch.path, false, body) : kUnreadable;
      case OpCode::kGetChildren2:
        return read_watch() ? read_children(scope, watch.path, true, body) : kUnreadable;
      case OpCode::kGetAcl:
        return read_path(in, path) ? read_acl(scope, path.path, body) : kUnreadable;
      case OpCode::kGetAllChildrenNumber:
        return read_path(in, path) ? read_all_children_number(scope, path.path, body) : kUnreadable;
      case OpCode::kGetEphemerals:
        if (!read_path_or_null(in, path)) return kUnreadable;
        return read_ephemerals(scope, SessionId{kFirstSession}, path.path, body);
      case OpCode::kMultiRead:
        return read_multi_reads(scope, frame.body, body, watched);
      case OpCode::kWhoAmI:
        write_who_am_i(ids_, body);
        return wire::ErrorCode::kOk;
      default:
        return std::nullopt;
    }
  }

  void check_auth(const Frame& frame) {
    wire::Reader in(frame.body);
    wire::AuthRequest request;
    ASSERT_TRUE(read_auth(in, request));
    const auto ids = authenticate(auth_, request.scheme, request.auth, "127.0.0.1");
    EXPECT_EQ(ids ? 0 : -115, frame.reply.err);
    if (ids) ids_.insert(ids_.end(), ids->begin(), ids->end());
  }

  // Each connection of the run began with nothing but its address.
  void forget_ids() { ids_ = {{"ip", "127.0.0.1"}}; }

  Database database_;
  TxnPreparer preparer_;
  AuthOptions auth_;
  std::multimap<int64_t, wire::Txn> log_;
  std::vector<wire::Id> ids_{{"ip", "127.0.0.1"}};
  int64_t next_ = 1;
};

TEST_F(Replay, frames_give_the_transactions_and_replies_of_the_real_server) {
  size_t writes = 0, reads = 0, auths = 0;
  for (const Frame& frame : read_frames()) {
    SCOPED_TRACE(frame.name);
    if (frame.name == "getData-watch" || frame.name == "auth-unknown-scheme" ||
        frame.name == "auth-super" || frame.name == "malformed-short-create") {
      forget_ids();
    }
    if (frame.type() == OpCode::kAuth) {
      check_auth(frame);
      ++auths;
      continue;
    }
    if (frame.name == "whoAmI-sasl") continue;
    if (const wire::Txn* expected = logged(frame)) {
      check_write(frame, *expected);
      ++writes;
      continue;
    }
    catch_up(frame.reply.zxid + 1);
    std::string body;
    const auto err = run_read(frame, body);
    if (!err) continue;
    ++reads;
    EXPECT_EQ(static_cast<int32_t>(*err), frame.reply.err);
    if (frame.reply.err == 0) {
      EXPECT_EQ(normal(frame.type(), body), normal(frame.type(), frame.reply_body));
    }
  }
  EXPECT_EQ(writes, 33u);
  EXPECT_EQ(reads, 26u);
  EXPECT_EQ(auths, 3u);
  EXPECT_TRUE(database_.take_digest_mismatches().empty());
}

// A request that must lead to this transaction; nullopt for those that tell too little.
std::optional<Request> request_for(OpCode type, const wire::TxnBody& body) {
  if (const auto* create = std::get_if<wire::CreateTxn>(&body)) {
    int32_t flags = create->ephemeral ? wire::kFlagEphemeral : 0;
    if (type == OpCode::kCreateContainer) flags = wire::kFlagContainer;
    if (type == OpCode::kCreateTtl) flags = wire::kFlagTtl;
    return create_request(create->path, create->data, flags, create->acl, type, create->ttl_ms);
  }
  if (const auto* remove = std::get_if<wire::DeleteTxn>(&body)) {
    return type == OpCode::kDelete ? delete_request(remove->path)
                                   : delete_container_request(remove->path);
  }
  if (const auto* set = std::get_if<wire::SetDataTxn>(&body); set && type == OpCode::kSetData) {
    return set_data_request(set->path, set->data);
  }
  if (const auto* set = std::get_if<wire::SetAclTxn>(&body)) {
    return set_acl_request(set->path, set->acl);
  }
  if (const auto* open = std::get_if<wire::CreateSessionTxn>(&body)) {
    return open_request(open->timeout_ms);
  }
  if (type == OpCode::kCloseSession) return close_request();
  return std::nullopt;
}

// Real logs once more, with `lag` transactions pending. Both versions; what cannot be asked for
// again (multi, errors) waits until nothing is pending.
void prepare_log_again(const std::string& name, size_t lag) {
  SCOPED_TRACE(testing::Message() << name << " lag " << lag);
  Database database;
  TxnPreparer preparer(database, {.extended_types_enabled = true});
  const std::vector<wire::Id> ids{{"super", ""}};
  std::deque<wire::Txn> pending;
  size_t prepared = 0;
  const auto apply_to = [&](size_t left) {
    for (; pending.size() > left; pending.pop_front()) database.apply(pending.front(), nullptr);
    preparer.on_applied(database.last_zxid());
  };
  for (const wire::Txn& txn : read_log(name)) {
    const auto wanted = request_for(txn.header.type, txn.body);
    if (!wanted) {
      apply_to(0);
      database.apply(txn, nullptr);
      continue;
    }
    WriteRequest request;
    request.session = wanted->type == OpCode::kDeleteContainer ? kNoSession : txn.header.session;
    request.cxid = txn.header.cxid;
    request.type = wanted->type;
    request.body = wanted->body;
    request.ids = &ids;
    wire::Txn mine = preparer.prepare(request, txn.header.zxid, txn.header.time_ms);
    mine.header.session = txn.header.session;
    EXPECT_EQ(wire::golden::hex(bytes_of(mine)), wire::golden::hex(bytes_of(txn)));
    pending.push_back(std::move(mine));
    apply_to(lag);
    ++prepared;
  }
  apply_to(0);
  EXPECT_GT(prepared, 0u);
  EXPECT_TRUE(database.take_digest_mismatches().empty());
}

TEST(PreparerGolden, logs_are_prepared_again_with_many_pending) {
  for (const char* name : {"standalone-3.9.5/version-2/log.1", "standalone-3.8.0/version-2/log.1",
                           "expiry-3.8.0/version-2/log.1"}) {
    for (const size_t lag : {0, 3, 1000}) prepare_log_again(name, lag);
  }
}

}  // namespace
}  // namespace zooid::state
