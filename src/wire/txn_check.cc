// Whether a transaction can be read, without keeping anything of it: what a follower asks of every
// proposal before it is logged. The same grammar as read_txn's; a test compares the two.
#include "wire/txn.h"

namespace zooid::wire {
namespace {

constexpr size_t kTxnDigestBytes = 12;
constexpr int32_t kTxnDigestVersion = 2;
constexpr size_t kAclBytesMin = 12;
constexpr size_t kSubTxnBytesMin = 8;

void skip_path(Reader& in) {
  if (!in.nullable()) in.fail();
}

void skip_acl(Reader& in) {
  const int32_t count = in.count(kAclBytesMin);
  for (int32_t i = 0; i < count && in.ok(); ++i) {
    in.i32();
    in.nullable();
    in.nullable();
  }
}

void skip_create(Reader& in, OpCode type) {
  skip_path(in);
  in.nullable();
  skip_acl(in);
  if (type == OpCode::kCreate || type == OpCode::kCreate2) in.boolean();
  if (type == OpCode::kCreate && in.ok() && in.remaining() == 0) return;
  in.i32();
  if (type == OpCode::kCreateTtl) in.i64();
}

void skip_close_session(Reader& in) {
  if (in.remaining() == 0) return;
  if (in.remaining() == kTxnDigestBytes && Reader(in.rest()).i32() == kTxnDigestVersion) return;
  const int32_t count = in.count(sizeof(int32_t));
  for (int32_t i = 0; i < count && in.ok(); ++i) skip_path(in);
}

// What has no record of its own inside a multi: false.
bool skip_operation(Reader& in, OpCode type) {
  switch (type) {
    case OpCode::kError:
      in.i32();
      return true;
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
      skip_create(in, type);
      return true;
    case OpCode::kDelete:
    case OpCode::kDeleteContainer:
      skip_path(in);
      return true;
    case OpCode::kSetData:
      skip_path(in);
      in.nullable();
      in.i32();
      return true;
    case OpCode::kCheck:
      skip_path(in);
      in.i32();
      return true;
    default:
      return false;
  }
}

void skip_multi(Reader& in, int32_t max_buffer) {
  const int32_t count = in.count(kSubTxnBytesMin);
  for (int32_t i = 0; i < count && in.ok(); ++i) {
    const auto type = static_cast<OpCode>(in.i32());
    Reader record(in.buffer(), max_buffer);
    if (!skip_operation(record, type) || !record.ok()) return in.fail();
  }
}

void skip_body(Reader& in, OpCode type, int32_t max_buffer) {
  switch (type) {
    case OpCode::kCreateSession:
      in.i32();
      return;
    case OpCode::kCloseSession:
      return skip_close_session(in);
    case OpCode::kReconfig:
      skip_operation(in, OpCode::kSetData);
      return;
    case OpCode::kSetAcl:
      skip_path(in);
      skip_acl(in);
      in.i32();
      return;
    case OpCode::kMulti:
      return skip_multi(in, max_buffer);
    case OpCode::kCheck:  // alone it is none of ZooKeeper's
      return in.fail();
    default:
      if (!skip_operation(in, type)) in.fail();
  }
}

}  // namespace

bool is_readable_txn(std::string_view bytes, int32_t max_buffer) {
  Reader in(bytes, max_buffer);
  TxnHeader header;
  if (!read(in, header)) return false;
  skip_body(in, header.type, max_buffer);
  return in.ok();
}

}  // namespace zooid::wire
