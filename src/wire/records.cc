#include "wire/records.h"

#include "wire/fixed_bytes.h"

namespace zooid::wire {

namespace {

// perms, and the lengths of scheme and id.
constexpr size_t kAclBytesMin = 12;
constexpr size_t kReplyHeaderBytes = 16;
constexpr size_t kStatBytes = 68;
constexpr size_t kStatPersistedBytes = 60;
// The only state that a server sends: SyncConnected.
constexpr int32_t kKeeperStateConnected = 3;

}  // namespace

void write(Writer& out, const Id& value) {
  out.buffer(value.scheme);
  out.buffer(value.id);
}

void write(Writer& out, const Acl& value) {
  out.i32(value.perms);
  write(out, value.id);
}

void write(Writer& out, const AclList& value) {
  out.i32(static_cast<int32_t>(value.size()));
  for (const Acl& acl : value) write(out, acl);
}

void write(Writer& out, const Stat& value) {
  FixedBytes<kStatBytes> bytes;
  bytes.i64(value.czxid).i64(value.mzxid).i64(value.ctime).i64(value.mtime);
  bytes.i32(value.version).i32(value.cversion).i32(value.aversion);
  bytes.i64(value.ephemeral_owner).i32(value.data_length).i32(value.num_children);
  bytes.i64(value.pzxid);
  out.raw(bytes.view());
}

void write(Writer& out, const StatPersisted& value) {
  FixedBytes<kStatPersistedBytes> bytes;
  bytes.i64(value.czxid).i64(value.mzxid).i64(value.ctime).i64(value.mtime);
  bytes.i32(value.version).i32(value.cversion).i32(value.aversion);
  bytes.i64(value.ephemeral_owner).i64(value.pzxid);
  out.raw(bytes.view());
}

void write(Writer& out, const RequestHeader& value) {
  out.raw(FixedBytes<8>().i32(value.xid).i32(value.type).view());
}

void write(Writer& out, const ReplyHeader& value) {
  out.raw(FixedBytes<kReplyHeaderBytes>().i32(value.xid).i64(value.zxid).i32(value.err).view());
}

void write(Writer& out, const MultiHeader& value) {
  out.raw(FixedBytes<9>().i32(value.type).boolean(value.done).i32(value.err).view());
}

void write(Writer& out, const ConnectRequest& value) {
  out.i32(value.protocol_version);
  out.i64(value.last_zxid_seen);
  out.i32(value.timeout_ms);
  out.i64(value.session_id.value);
  out.buffer(value.password);
  if (value.has_read_only) out.boolean(value.read_only);
}

void write(Writer& out, const ConnectResponse& value) {
  out.i32(value.protocol_version);
  out.i32(value.timeout_ms);
  out.i64(value.session_id.value);
  out.buffer(value.password);
  if (value.has_read_only) out.boolean(value.read_only);
}

void read(Reader& in, Id& value) {
  value.scheme = in.buffer();
  value.id = in.buffer();
}

void read(Reader& in, Acl& value) {
  value.perms = in.i32();
  read(in, value.id);
}

void read(Reader& in, AclList& value) {
  value.clear();
  const int32_t count = in.count(kAclBytesMin);
  value.reserve(static_cast<size_t>(count));
  // A count is only a claim: the elements may be longer than the shortest, so the bytes may end.
  for (int32_t i = 0; i < count && in.ok(); ++i) read(in, value.emplace_back());
}

void read(Reader& in, Stat& value) {
  value.czxid = in.i64();
  value.mzxid = in.i64();
  value.ctime = in.i64();
  value.mtime = in.i64();
  value.version = in.i32();
  value.cversion = in.i32();
  value.aversion = in.i32();
  value.ephemeral_owner = in.i64();
  value.data_length = in.i32();
  value.num_children = in.i32();
  value.pzxid = in.i64();
}

void read(Reader& in, StatPersisted& value) {
  value.czxid = in.i64();
  value.mzxid = in.i64();
  value.ctime = in.i64();
  value.mtime = in.i64();
  value.version = in.i32();
  value.cversion = in.i32();
  value.aversion = in.i32();
  value.ephemeral_owner = in.i64();
  value.pzxid = in.i64();
}

void read(Reader& in, RequestHeader& value) {
  value.xid = in.i32();
  value.type = in.i32();
}

void read(Reader& in, ReplyHeader& value) {
  value.xid = in.i32();
  value.zxid = in.i64();
  value.err = in.i32();
}

void read(Reader& in, MultiHeader& value) {
  value.type = in.i32();
  value.done = in.boolean();
  value.err = in.i32();
}

void read(Reader& in, ConnectRequest& value) {
  value.protocol_version = in.i32();
  value.last_zxid_seen = in.i64();
  value.timeout_ms = in.i32();
  value.session_id = SessionId{in.i64()};
  value.password = in.buffer();
  value.has_read_only = in.ok() && in.remaining() > 0;
  value.read_only = value.has_read_only && in.boolean();
}

void read(Reader& in, ConnectResponse& value) {
  value.protocol_version = in.i32();
  value.timeout_ms = in.i32();
  value.session_id = SessionId{in.i64()};
  value.password = in.buffer();
  value.has_read_only = in.ok() && in.remaining() > 0;
  value.read_only = value.has_read_only && in.boolean();
}

void write_notification_frame(std::string& out, EventType type, std::string_view path,
                              int64_t zxid) {
  constexpr size_t kEventBytes = 12;  // type, state and the length of the path
  const size_t length = kReplyHeaderBytes + kEventBytes + path.size();
  FixedBytes<sizeof(int32_t) + kReplyHeaderBytes + kEventBytes> bytes;
  bytes.i32(static_cast<int32_t>(length)).i32(kXidNotification).i64(zxid).i32(0);
  bytes.i32(static_cast<int32_t>(type)).i32(kKeeperStateConnected);
  bytes.i32(static_cast<int32_t>(path.size()));
  out.append(bytes.view());
  out.append(path);
}

size_t begin_frame(std::string& out) {
  const size_t begun = out.size();
  out.append(sizeof(int32_t), '\0');
  return begun;
}

void end_frame(std::string& out, size_t begun) {
  ASSERT(begun + sizeof(int32_t) <= out.size());
  const size_t length = out.size() - begun - sizeof(int32_t);
  ASSERT(length <= INT32_MAX);
  const auto bytes = FixedBytes<sizeof(int32_t)>().i32(static_cast<int32_t>(length));
  std::memcpy(out.data() + begun, bytes.view().data(), sizeof(int32_t));
}

std::string session_password(SessionId id) {
  // java.util.Random seeded with the id and a constant secret, and its nextBytes().
  constexpr uint64_t kSecret = 0xB3415C00;
  constexpr uint64_t kMultiplier = 0x5DEECE66D;
  constexpr uint64_t kMask = (uint64_t{1} << 48) - 1;
  std::string password(16, '\0');
  uint64_t seed = (static_cast<uint64_t>(id.value) ^ kSecret ^ kMultiplier) & kMask;
  for (size_t i = 0; i < password.size(); i += 4) {
    seed = (seed * kMultiplier + 0xB) & kMask;
    for (size_t k = 0; k < 4; ++k) password[i + k] = static_cast<char>(seed >> (16 + 8 * k));
  }
  return password;
}

}  // namespace zooid::wire
