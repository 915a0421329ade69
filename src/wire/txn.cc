#include "wire/txn.h"

#include "base/assert.h"
#include "wire/fixed_bytes.h"

namespace zooid::wire {

namespace {

constexpr size_t kTxnHeaderBytes = 32;
constexpr size_t kTxnDigestBytes = 12;
constexpr int32_t kTxnDigestVersion = 2;
// Most transactions fit, so that their bytes are gathered without growing.
constexpr size_t kTypicalTxnBytes = 512;
// Type and length of the record in a multi.
constexpr size_t kSubTxnBytesMin = 8;

// No transaction has a null path; one that has is not ZooKeeper's.
void read_path(Reader& in, std::string& value) {
  const NullableView path = in.nullable();
  if (!path) return in.fail();
  value = *path;
}

void read_data(Reader& in, NullableBytes& value) {
  const NullableView data = in.nullable();
  value.reset();
  if (data) value.emplace(*data);
}

void read_create(Reader& in, OpCode type, CreateTxn& value) {
  read_path(in, value.path);
  read_data(in, value.data);
  read(in, value.acl);
  if (type == OpCode::kCreate || type == OpCode::kCreate2) value.ephemeral = in.boolean();
  // Release 3.3 wrote no counter: then the bytes end here.
  if (type == OpCode::kCreate && in.ok() && in.remaining() == 0) {
    value.parent_cversion = -1;
    return;
  }
  value.parent_cversion = in.i32();
  if (type == OpCode::kCreateTtl) value.ttl_ms = in.i64();
}

// The paths may be missing altogether, with or without a digest behind them. A digest is twelve
// bytes that begin with its version, 2; as a vector those would be two empty paths, which no
// session can own. So the two cannot be confused.
void read_close_session(Reader& in, CloseSessionTxn& value) {
  if (in.remaining() == 0) {
    value.has_paths = false;
    return;
  }
  if (in.remaining() == kTxnDigestBytes && Reader(in.rest()).i32() == kTxnDigestVersion) {
    value.has_paths = false;
    return;
  }
  value.has_paths = true;
  const int32_t count = in.count(sizeof(int32_t));
  value.paths_to_delete.reserve(static_cast<size_t>(count));
  for (int32_t i = 0; i < count && in.ok(); ++i)
    read_path(in, value.paths_to_delete.emplace_back());
}

bool is_sub_txn_type(OpCode type) {
  switch (type) {
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateTtl:
    case OpCode::kCreateContainer:
    case OpCode::kDelete:
    case OpCode::kDeleteContainer:
    case OpCode::kSetData:
    case OpCode::kCheck:
    case OpCode::kError:
      return true;
    default:
      return false;
  }
}

void read_body(Reader& in, OpCode type, int32_t max_buffer, TxnBody& body);

void read_multi(Reader& in, int32_t max_buffer, MultiTxn& value) {
  const int32_t count = in.count(kSubTxnBytesMin);
  value.txns.reserve(static_cast<size_t>(count));
  for (int32_t i = 0; i < count && in.ok(); ++i) {
    SubTxn& sub = value.txns.emplace_back();
    sub.type = static_cast<OpCode>(in.i32());
    Reader record(in.buffer(), max_buffer);
    if (!is_sub_txn_type(sub.type)) return in.fail();  // also keeps the recursion at one level
    read_body(record, sub.type, max_buffer, sub.body);
    if (!record.ok()) return in.fail();
  }
}

void read_body(Reader& in, OpCode type, int32_t max_buffer, TxnBody& body) {
  switch (type) {
    case OpCode::kError:
      body.emplace<ErrorTxn>().err = static_cast<ErrorCode>(in.i32());
      return;
    case OpCode::kCreateSession:
      body.emplace<CreateSessionTxn>().timeout_ms = in.i32();
      return;
    case OpCode::kCloseSession:
      return read_close_session(in, body.emplace<CloseSessionTxn>());
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
      return read_create(in, type, body.emplace<CreateTxn>());
    case OpCode::kDelete:
    case OpCode::kDeleteContainer:
      return read_path(in, body.emplace<DeleteTxn>().path);
    case OpCode::kSetData:
    case OpCode::kReconfig: {
      auto& txn = body.emplace<SetDataTxn>();
      read_path(in, txn.path);
      read_data(in, txn.data);
      txn.version = in.i32();
      return;
    }
    case OpCode::kSetAcl: {
      auto& txn = body.emplace<SetAclTxn>();
      read_path(in, txn.path);
      read(in, txn.acl);
      txn.version = in.i32();
      return;
    }
    case OpCode::kCheck: {
      auto& txn = body.emplace<CheckTxn>();
      read_path(in, txn.path);
      txn.version = in.i32();
      return;
    }
    case OpCode::kMulti:
      return read_multi(in, max_buffer, body.emplace<MultiTxn>());
    default:
      return in.fail();
  }
}

template <class Body>
const Body& body_as(const TxnBody& body) {
  const Body* value = std::get_if<Body>(&body);
  ASSERT(value != nullptr);  // the type and the body of a transaction belong together
  return *value;
}

void write_create(Writer& out, OpCode type, const CreateTxn& value) {
  out.buffer(value.path);
  out.nullable(value.data);
  write(out, value.acl);
  if (type == OpCode::kCreate || type == OpCode::kCreate2) {
    out.boolean(value.ephemeral);
  } else {
    ASSERT(!value.ephemeral);
  }
  out.i32(value.parent_cversion);
  if (type == OpCode::kCreateTtl) out.i64(value.ttl_ms);
}

void write_close_session(Writer& out, const CloseSessionTxn& value) {
  ASSERT(value.has_paths || value.paths_to_delete.empty());
  if (!value.has_paths) return;
  out.i32(static_cast<int32_t>(value.paths_to_delete.size()));
  for (const std::string& path : value.paths_to_delete) out.buffer(path);
}

void write_multi(Writer& out, const MultiTxn& value) {
  out.i32(static_cast<int32_t>(value.txns.size()));
  for (const SubTxn& sub : value.txns) {
    ASSERT(is_sub_txn_type(sub.type));
    out.i32(static_cast<int32_t>(sub.type));
    const size_t begun = begin_frame(out.out());  // a buffer's length looks like a frame's
    write_body(out, sub.type, sub.body);
    end_frame(out.out(), begun);
  }
}

}  // namespace

void write(Writer& out, const TxnHeader& value) {
  FixedBytes<kTxnHeaderBytes> bytes;
  bytes.i64(value.session.value).i32(value.cxid).i64(value.zxid.value).i64(value.time_ms);
  bytes.i32(static_cast<int32_t>(value.type));
  out.raw(bytes.view());
}

void write_body(Writer& out, OpCode type, const TxnBody& value) {
  switch (type) {
    case OpCode::kError:
      return out.i32(static_cast<int32_t>(body_as<ErrorTxn>(value).err));
    case OpCode::kCreateSession:
      return out.i32(body_as<CreateSessionTxn>(value).timeout_ms);
    case OpCode::kCloseSession:
      return write_close_session(out, body_as<CloseSessionTxn>(value));
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
      return write_create(out, type, body_as<CreateTxn>(value));
    case OpCode::kDelete:
    case OpCode::kDeleteContainer:
      return out.buffer(body_as<DeleteTxn>(value).path);
    case OpCode::kSetData:
    case OpCode::kReconfig: {
      const auto& txn = body_as<SetDataTxn>(value);
      out.buffer(txn.path);
      out.nullable(txn.data);
      return out.i32(txn.version);
    }
    case OpCode::kSetAcl: {
      const auto& txn = body_as<SetAclTxn>(value);
      out.buffer(txn.path);
      write(out, txn.acl);
      return out.i32(txn.version);
    }
    case OpCode::kCheck: {
      const auto& txn = body_as<CheckTxn>(value);
      out.buffer(txn.path);
      return out.i32(txn.version);
    }
    case OpCode::kMulti:
      return write_multi(out, body_as<MultiTxn>(value));
    default:
      ASSERT(false && "not the type of a transaction");
  }
}

void write(Writer& out, const Txn& value) {
  ASSERT(value.header.type != OpCode::kCheck);  // ZooKeeper could not read its log again
  write(out, value.header);
  write_body(out, value.header.type, value.body);
  if (value.digest) {
    out.raw(FixedBytes<kTxnDigestBytes>()
                .i32(value.digest->version)
                .i64(value.digest->tree_digest)
                .view());
  }
}

Bytes serialize(const Txn& txn) {
  std::string bytes;
  bytes.reserve(kTypicalTxnBytes);
  Writer out(bytes);
  write(out, txn);
  return Bytes(bytes);
}

bool read(Reader& in, TxnHeader& value) {
  value.session = SessionId{in.i64()};
  value.cxid = in.i32();
  value.zxid = Zxid{in.i64()};
  value.time_ms = in.i64();
  value.type = static_cast<OpCode>(in.i32());
  return in.ok();
}

std::optional<Txn> read_txn(std::string_view bytes, int32_t max_buffer) {
  Reader in(bytes, max_buffer);
  std::optional<Txn> txn(std::in_place);
  if (!read(in, txn->header)) return std::nullopt;
  if (txn->header.type == OpCode::kCheck) return std::nullopt;
  read_body(in, txn->header.type, max_buffer, txn->body);
  if (!in.ok()) return std::nullopt;
  if (in.remaining() >= kTxnDigestBytes) {
    const int32_t version = in.i32();
    txn->digest = TxnDigest{version, in.i64()};
  }
  return txn;
}

std::optional<TxnHeader> read_txn_header(std::string_view bytes) {
  Reader in(bytes);
  TxnHeader header;
  if (!read(in, header)) return std::nullopt;
  return header;
}

}  // namespace zooid::wire
