// For the tests of this folder: client requests in one line, and a database with its preparer, as
// the leader has them, where transactions may stay pending as long as the test likes.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "state/preparer.h"
#include "state/test_txns.h"
#include "wire/request.h"

namespace zooid::state::test {

struct Request {
  wire::OpCode type;
  std::string body;
};

template <class Write>
Request request(wire::OpCode type, Write write) {
  Request result{type, {}};
  wire::Writer out(result.body);
  write(out);
  return result;
}

inline Request create_request(std::string_view path, wire::NullableView data, int32_t flags = 0,
                              const wire::AclList& acl = kOpen,
                              wire::OpCode type = wire::OpCode::kCreate, int64_t ttl_ms = 0) {
  return request(type, [&](wire::Writer& out) {
    wire::write_create(out, type, {path, data, acl, false, flags, ttl_ms});
  });
}
inline Request create_container_request(std::string_view path) {
  return create_request(path, "", wire::kFlagContainer, kOpen, wire::OpCode::kCreateContainer);
}
inline Request create_ttl_request(std::string_view path, int64_t ttl_ms,
                                  int32_t flags = wire::kFlagTtl) {
  return create_request(path, "", flags, kOpen, wire::OpCode::kCreateTtl, ttl_ms);
}
inline Request delete_request(std::string_view path, int32_t version = -1) {
  return request(wire::OpCode::kDelete,
                 [&](wire::Writer& out) { wire::write_path_version(out, {path, version}); });
}
inline Request set_data_request(std::string_view path, wire::NullableView data,
                                int32_t version = -1) {
  return request(wire::OpCode::kSetData,
                 [&](wire::Writer& out) { wire::write_set_data(out, {path, data, version}); });
}
inline Request set_acl_request(std::string_view path, const wire::AclList& acl,
                               int32_t version = -1) {
  return request(wire::OpCode::kSetAcl,
                 [&](wire::Writer& out) { wire::write_set_acl(out, {path, acl, false, version}); });
}
inline Request delete_container_request(std::string_view path) {
  return request(wire::OpCode::kDeleteContainer,
                 [&](wire::Writer& out) { wire::write_path(out, {path}); });
}
inline Request open_request(int32_t timeout_ms) {
  return request(wire::OpCode::kCreateSession, [&](wire::Writer& out) { out.i32(timeout_ms); });
}
inline Request close_request() {
  return {wire::OpCode::kCloseSession, {}};
}
inline Request multi_request(const std::vector<wire::SubRequest>& parts) {
  return request(wire::OpCode::kMulti, [&](wire::Writer& out) { wire::write_multi(out, parts); });
}
inline wire::SubRequest sub_create(std::string_view path, std::string_view data, int32_t flags = 0,
                                   wire::OpCode type = wire::OpCode::kCreate) {
  return {type, wire::CreateRequest{path, data, kOpen, false, flags, 0}};
}
inline wire::SubRequest sub_delete(std::string_view path, int32_t version = -1) {
  return {wire::OpCode::kDelete, wire::PathVersionRequest{path, version}};
}
inline wire::SubRequest sub_check(std::string_view path, int32_t version = -1) {
  return {wire::OpCode::kCheck, wire::PathVersionRequest{path, version}};
}
inline wire::SubRequest sub_set_data(std::string_view path, std::string_view data,
                                     int32_t version = -1) {
  return {wire::OpCode::kSetData, wire::SetDataRequest{path, data, version}};
}

inline wire::ErrorCode error_of(const wire::Txn& txn) {
  const auto* error = std::get_if<wire::ErrorTxn>(&txn.body);
  EXPECT_EQ(error != nullptr, txn.header.type == wire::OpCode::kError);
  return error != nullptr ? error->err : wire::ErrorCode::kOk;
}

// The leader in small. After every commit the digests of the transactions must have been right.
class SmallLeader {
 public:
  explicit SmallLeader(PreparerOptions options = {.extended_types_enabled = true})
      : database_(DatabaseOptions{options.extended_types_enabled, true}),
        preparer_(database_, options) {}

  wire::Txn prepare(const Request& request, int64_t session = 0x11) {
    WriteRequest write;
    write.session = SessionId{session};
    write.cxid = static_cast<int32_t>(zxid_) + 1;
    write.type = request.type;
    write.body = request.body;
    write.ids = &ids;
    write.is_local_session = is_local_session;
    write.is_forwarded = is_forwarded;
    ++zxid_;
    wire::Txn txn = preparer_.prepare(write, Zxid{zxid_}, kTestTimeBase + zxid_);
    proposed_.push_back(txn);
    return txn;
  }
  wire::ErrorCode refused(const Request& request, int64_t session = 0x11) {
    return error_of(prepare(request, session));
  }
  // The oldest pending transaction is applied; the preparer hears of it if `forget`.
  Applied commit(bool forget = true) {
    EXPECT_FALSE(proposed_.empty());
    Applied applied;
    database_.apply(proposed_.front(), &applied);
    EXPECT_EQ(proposed_.front().digest.has_value(), applied.err == wire::ErrorCode::kOk);
    proposed_.pop_front();
    const auto mismatches = database_.take_digest_mismatches();
    EXPECT_TRUE(mismatches.empty())
        << mismatches.front().zxid.value << " " << mismatches.front().paths;
    if (forget) preparer_.on_applied(database_.last_zxid());
    return applied;
  }
  void commit_all() {
    while (!proposed_.empty()) commit();
    preparer_.on_applied(database_.last_zxid());
    EXPECT_EQ(preparer_.pending_count(), 0u);
    EXPECT_EQ(database_.tree().digest(), digest_from_scratch(database_.tree()));
  }
  Applied run(const Request& request, int64_t session = 0x11) {
    commit_all();
    prepare(request, session);
    Applied applied = commit();
    return applied;
  }

  Database& database() { return database_; }
  TxnPreparer& preparer() { return preparer_; }
  const Tree& tree() const { return database_.tree(); }
  int64_t zxid() const { return zxid_; }
  size_t proposed() const { return proposed_.size(); }

  std::vector<wire::Id> ids;
  bool is_local_session = false;
  bool is_forwarded = false;

 private:
  Database database_;
  TxnPreparer preparer_;
  std::deque<wire::Txn> proposed_;
  int64_t zxid_ = 0;
};

}  // namespace zooid::state::test
