#include "server/client_reads.h"

#include <cstring>

#include "base/assert.h"
#include "base/mark.h"
#include "server/watch_delivery.h"
#include "state/reads.h"
#include "wire/request.h"

namespace zooid::server {
namespace {

using wire::ErrorCode;
using wire::OpCode;

constexpr size_t kLengthBytes = 4;
constexpr size_t kHeaderBytes = 16;
// Where the error stands, counted from the beginning of the frame.
constexpr size_t kErrOffset = kLengthBytes + 12;
constexpr int64_t kUnimplementedZxid = -1;

void put_i32(char* at, int32_t value) {
  const uint32_t swapped = std::byteswap(static_cast<uint32_t>(value));
  std::memcpy(at, &swapped, sizeof(swapped));
}

void put_i64(char* at, int64_t value) {
  const uint64_t swapped = std::byteswap(static_cast<uint64_t>(value));
  std::memcpy(at, &swapped, sizeof(swapped));
}

// exists, getData, getChildren, getChildren2: path and a wish to watch. exists leaves its watch on
// a missing node too, the others only on success.
ErrorCode read_and_watch(ShardCore& core, const state::ReadScope& scope, const ClientRead& read,
                         std::string& out) {
  wire::Reader in(read.body);
  wire::PathWatchRequest request;
  if (!wire::read_path_watch(in, request)) return ErrorCode::kMarshallingError;
  ErrorCode err = ErrorCode::kOk;
  auto kind = state::WatchKind::kData;
  if (read.type == OpCode::kGetData) {
    err = state::read_data(scope, request.path, out);
  } else if (read.type == OpCode::kExists) {
    err = state::read_exists(scope, request.path, out);
  } else {
    kind = state::WatchKind::kChild;
    err = state::read_children(scope, request.path, read.type == OpCode::kGetChildren2, out);
  }
  const bool is_watchable =
      err == ErrorCode::kOk || (read.type == OpCode::kExists && err == ErrorCode::kNoNode);
  if (request.watch && is_watchable) core.watches.add(kind, request.path, read.watcher);
  return err;
}

ErrorCode read_many(ShardCore& core, const state::ReadScope& scope, const ClientRead& read,
                    std::string& out) {
  std::vector<std::pair<bool, std::string>> watched;
  const ErrorCode err = state::read_multi_reads(scope, read.body, out, watched);
  if (err != ErrorCode::kOk) return err;
  for (const auto& [is_child, path] : watched) {
    core.watches.add(is_child ? state::WatchKind::kChild : state::WatchKind::kData, path,
                     read.watcher);
  }
  return ErrorCode::kOk;
}

ErrorCode check_or_remove_watches(ShardCore& core, const ClientRead& read) {
  wire::Reader in(read.body);
  wire::PathModeRequest request;
  if (!wire::read_path_mode(in, request)) return ErrorCode::kMarshallingError;
  const auto selector = static_cast<state::WatchSelector>(request.mode);
  if (selector < state::WatchSelector::kChildren ||
      selector > state::WatchSelector::kPersistentRecursive) {
    return ErrorCode::kMarshallingError;
  }
  const bool found = read.type == OpCode::kCheckWatches
                         ? core.watches.contains(selector, request.path, read.watcher)
                         : core.watches.remove(selector, request.path, read.watcher);
  return found ? ErrorCode::kOk : ErrorCode::kNoWatcher;
}

ErrorCode add_watch(ShardCore& core, const ClientRead& read, std::string& out) {
  wire::Reader in(read.body);
  wire::PathModeRequest request;
  if (!wire::read_path_mode(in, request)) return ErrorCode::kMarshallingError;
  if (request.mode != 0 && request.mode != 1) return ErrorCode::kMarshallingError;
  core.watches.add(
      request.mode == 0 ? state::WatchKind::kPersistent : state::WatchKind::kPersistentRecursive,
      request.path, read.watcher);
  wire::Writer(out).i32(0);
  return ErrorCode::kOk;
}

// getACL, getEphemerals, getAllChildrenNumber.
ErrorCode read_of_path(const state::ReadScope& scope, const ClientRead& read, std::string& out) {
  wire::Reader in(read.body);
  wire::PathRequest request;
  if (read.type == OpCode::kGetEphemerals) {
    if (!wire::read_path_or_null(in, request)) return ErrorCode::kMarshallingError;
    return state::read_ephemerals(scope, read.session, request.path, out);
  }
  if (!wire::read_path(in, request)) return ErrorCode::kMarshallingError;
  return read.type == OpCode::kGetAcl ? state::read_acl(scope, request.path, out)
                                      : state::read_all_children_number(scope, request.path, out);
}

ErrorCode write_body(ShardCore& core, const ClientRead& read, std::string& out) {
  if (core.is_read_only && is_refused_read_only(read.type)) return ErrorCode::kNotReadOnly;
  const state::ReadScope scope{*core.database, core.auth, *read.ids};
  switch (read.type) {
    case OpCode::kGetData:
    case OpCode::kExists:
    case OpCode::kGetChildren:
    case OpCode::kGetChildren2:
      return read_and_watch(core, scope, read, out);
    case OpCode::kPing:
      return ErrorCode::kOk;
    case OpCode::kGetAcl:
    case OpCode::kGetEphemerals:
    case OpCode::kGetAllChildrenNumber:
      return read_of_path(scope, read, out);
    case OpCode::kMultiRead:
      return read_many(core, scope, read, out);
    case OpCode::kCheckWatches:
    case OpCode::kRemoveWatches:
      return check_or_remove_watches(core, read);
    case OpCode::kAddWatch:
      return add_watch(core, read, out);
    case OpCode::kWhoAmI:
      state::write_who_am_i(*read.ids, out);
      return ErrorCode::kOk;
    default:
      // A write comes here only if it cannot be read.
      return classify(read.type) == RequestClass::kWrite ? ErrorCode::kMarshallingError
                                                         : ErrorCode::kUnimplemented;
  }
}

ReadOutcome set_watches(ShardCore& core, const ClientRead& read, std::string& out) {
  ReadOutcome outcome;
  outcome.reply_bytes = kHeaderBytes;
  wire::SetWatchesRequest request;
  wire::Reader in(read.body);
  const bool is_begun = read.progress.list != WatchList::kNone;
  if (is_begun || wire::read_set_watches(in, read.type, request)) {
    outcome.is_finished = restore_watches(core, read.body, read.type, read.watcher, read.progress,
                                          out, outcome.events);
    if (!outcome.is_finished) {
      MARK("client.watches_restored_in_turns");
      return outcome;
    }
  } else {
    outcome.err = ErrorCode::kMarshallingError;
  }
  write_header_frame(out, read.xid, core.zxid(), outcome.err);
  return outcome;
}

}  // namespace

RequestClass classify(OpCode type) {
  switch (type) {
    case OpCode::kCreate:
    case OpCode::kDelete:
    case OpCode::kSetData:
    case OpCode::kSetAcl:
    case OpCode::kSync:
    case OpCode::kMulti:
    case OpCode::kCreate2:
    case OpCode::kReconfig:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
    case OpCode::kCloseSession:
      return RequestClass::kWrite;
    case OpCode::kAuth:
      return RequestClass::kAuth;
    case OpCode::kSasl:
      return RequestClass::kSasl;
    default:
      return RequestClass::kRead;
  }
}

bool is_known(OpCode type) {
  switch (type) {
    case OpCode::kExists:
    case OpCode::kGetData:
    case OpCode::kGetAcl:
    case OpCode::kGetChildren:
    case OpCode::kGetChildren2:
    case OpCode::kGetEphemerals:
    case OpCode::kGetAllChildrenNumber:
    case OpCode::kMultiRead:
    case OpCode::kSetWatches:
    case OpCode::kSetWatches2:
    case OpCode::kCheckWatches:
    case OpCode::kRemoveWatches:
    case OpCode::kAddWatch:
    case OpCode::kWhoAmI:
      return true;
    default:
      return classify(type) == RequestClass::kWrite;
  }
}

bool is_refused_read_only(OpCode type) {
  if (type == OpCode::kCheck || type == OpCode::kDeleteContainer) return true;
  return type != OpCode::kCloseSession && classify(type) == RequestClass::kWrite;
}

ReadOutcome execute_read(ShardCore& core, const ClientRead& read, std::string& out) {
  ASSERT(core.database != nullptr);
  if (read.refusal != ErrorCode::kOk) [[unlikely]] {
    // What the eager check refuses names no moment in the order of transactions.
    const int64_t zxid = read.refusal == ErrorCode::kThrottledOp ? core.zxid() : 0;
    write_header_frame(out, read.xid, zxid, read.refusal);
    return {.err = read.refusal, .reply_bytes = kHeaderBytes};
  }
  ASSERT(read.ids != nullptr);
  if (read.type == OpCode::kSetWatches || read.type == OpCode::kSetWatches2) {
    return set_watches(core, read, out);
  }
  const int32_t xid = read.type == OpCode::kPing ? wire::kXidPing : read.xid;
  const size_t begun = begin_reply(out, xid, core.zxid());
  ReadOutcome outcome;
  outcome.err = write_body(core, read, out);
  if (outcome.err == ErrorCode::kUnimplemented) [[unlikely]] {
    MARK("client.unknown_operation");
    put_i64(out.data() + begun + kLengthBytes + 4, kUnimplementedZxid);
  }
  finish_reply(out, begun, outcome.err);
  outcome.reply_bytes = static_cast<uint32_t>(out.size() - begun - kLengthBytes);
  return outcome;
}

size_t begin_reply(std::string& out, int32_t xid, int64_t zxid) {
  const size_t begun = out.size();
  char header[kLengthBytes + kHeaderBytes];
  put_i32(header, kHeaderBytes);
  put_i32(header + kLengthBytes, xid);
  put_i64(header + kLengthBytes + 4, zxid);
  put_i32(header + kErrOffset, 0);
  out.append(header, sizeof(header));
  return begun;
}

void finish_reply(std::string& out, size_t begun, ErrorCode err) {
  ASSERT(out.size() >= begun + kLengthBytes + kHeaderBytes);
  if (err != ErrorCode::kOk) {
    out.resize(begun + kLengthBytes + kHeaderBytes);
    put_i32(out.data() + begun + kErrOffset, static_cast<int32_t>(err));
    return;
  }
  put_i32(out.data() + begun, static_cast<int32_t>(out.size() - begun - kLengthBytes));
}

void write_header_frame(std::string& out, int32_t xid, int64_t zxid, ErrorCode err) {
  finish_reply(out, begin_reply(out, xid, zxid), err);
}

}  // namespace zooid::server
