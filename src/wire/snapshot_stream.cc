#include "wire/snapshot_stream.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/assert.h"
#include "wire/stream_buffer.h"

namespace zooid::wire {

namespace {

constexpr size_t kLengthBytes = sizeof(int32_t);
constexpr size_t kSessionBytes = 12;
constexpr size_t kAclKeyBytes = 8;
constexpr size_t kAclBytesMin = 12;
// What follows a node's data: the key of its ACL and the persisted Stat.
constexpr size_t kNodeTailBytes = 68;
constexpr std::string_view kTerminator = "/";

}  // namespace

SnapshotDecoder::SnapshotDecoder(int32_t max_buffer) : max_buffer_(max_buffer) {
  ASSERT(max_buffer > 0);
}

void SnapshotDecoder::feed(std::string_view bytes) {
  append_to_stream(buffer_, begin_, bytes);
}

std::string_view SnapshotDecoder::undecoded() const {
  return std::string_view(buffer_).substr(begin_);
}

Result<SnapshotRecord> SnapshotDecoder::next() {
  if (part_ == Part::kSessionCount) {
    TRY_VALUE(is_read, read_count());
    if (!is_read) return SnapshotNeedsMore{};
    part_ = Part::kSessions;
  }
  if (part_ == Part::kSessions) {
    if (left_ > 0) return next_session();
    part_ = Part::kAclCount;
  }
  if (part_ == Part::kAclCount) {
    TRY_VALUE(is_read, read_count());
    if (!is_read) return SnapshotNeedsMore{};
    part_ = Part::kAcls;
  }
  if (part_ == Part::kAcls) {
    if (left_ > 0) return next_acl();
    part_ = Part::kNodes;
  }
  if (part_ == Part::kNodes) return next_node();
  return SnapshotEnd{};
}

Result<bool> SnapshotDecoder::read_count() {
  ASSERT(left_ == 0);
  Reader in(undecoded());
  const int32_t count = in.i32();
  if (!in.ok()) return false;
  if (count < 0) return corrupt(fmt::format("count {}", count));
  left_ = count;
  decoded(kLengthBytes);
  return true;
}

Result<SnapshotRecord> SnapshotDecoder::next_session() {
  Reader in(undecoded());
  SnapshotSession session;
  session.id = SessionId{in.i64()};
  session.timeout_ms = in.i32();
  if (!in.ok()) return SnapshotNeedsMore{};
  decoded(kSessionBytes);
  --left_;
  return session;
}

// Goes on where the last call stopped, so that a long entry in many pieces is not read again and
// again. An entry cannot be longer than the largest buffer, since it came in one request.
Result<bool> SnapshotDecoder::measure_acl() {
  const std::string_view bytes = undecoded();
  const auto limit = static_cast<size_t>(max_buffer_);
  if (acl_bytes_ == 0) {
    if (bytes.size() < kAclKeyBytes + kLengthBytes) return false;
    const int32_t count = Reader(bytes.substr(kAclKeyBytes)).i32();
    if (count < 0) return corrupt(fmt::format("count {} of an ACL", count));
    if (static_cast<size_t>(count) * kAclBytesMin > limit) return corrupt("ACL is too long");
    acl_bytes_ = kAclKeyBytes + kLengthBytes;
    acls_left_ = count;
  }
  while (acls_left_ > 0) {
    size_t end = acl_bytes_ + sizeof(int32_t);  // behind perms
    for (int i = 0; i < 2; ++i) {               // scheme, id
      if (bytes.size() < end + kLengthBytes) return false;
      const int32_t length = Reader(bytes.substr(end)).i32();
      if (length < -1 || length > max_buffer_) {
        return corrupt(fmt::format("length {} in an ACL", length));
      }
      end += kLengthBytes + static_cast<size_t>(std::max(length, 0));
    }
    if (end > limit) return corrupt("ACL is too long");
    acl_bytes_ = end;
    --acls_left_;
  }
  return bytes.size() >= acl_bytes_;
}

Result<SnapshotRecord> SnapshotDecoder::next_acl() {
  TRY_VALUE(is_complete, measure_acl());
  if (!is_complete) return SnapshotNeedsMore{};
  Reader in(undecoded().substr(0, acl_bytes_), max_buffer_);
  SnapshotAcl entry;
  entry.key = in.i64();
  read(in, entry.acl);
  ASSERT(in.ok());  // measure_acl() tested the same lengths
  ASSERT(in.remaining() == 0);
  decoded(acl_bytes_);
  acl_bytes_ = 0;
  --left_;
  return entry;
}

Result<SnapshotRecord> SnapshotDecoder::next_node() {
  const std::string_view bytes = undecoded();
  Reader lengths(bytes, max_buffer_);
  const int32_t path_length = lengths.i32();
  if (!lengths.ok()) return SnapshotNeedsMore{};
  if (path_length < 0 || path_length > max_buffer_) {
    return corrupt(fmt::format("length {} of a path", path_length));
  }
  const size_t path_end = kLengthBytes + static_cast<size_t>(path_length);
  if (bytes.size() < path_end) return SnapshotNeedsMore{};
  if (bytes.substr(kLengthBytes, path_end - kLengthBytes) == kTerminator) {
    decoded(path_end);
    part_ = Part::kEnd;
    return SnapshotEnd{};
  }
  if (bytes.size() < path_end + kLengthBytes) return SnapshotNeedsMore{};
  const int32_t data_length = Reader(bytes.substr(path_end)).i32();
  if (data_length < -1 || data_length > max_buffer_) {
    return corrupt(fmt::format("length {} of a node's data", data_length));
  }
  const size_t end =
      path_end + kLengthBytes + static_cast<size_t>(std::max(data_length, 0)) + kNodeTailBytes;
  if (bytes.size() < end) return SnapshotNeedsMore{};
  Reader in(bytes.substr(0, end), max_buffer_);
  SnapshotNode node;
  node.path = in.buffer();
  node.data = in.nullable();
  node.acl_key = in.i64();
  read(in, node.stat);
  ASSERT(in.ok());
  ASSERT(in.remaining() == 0);
  decoded(end);
  return node;
}

void SnapshotDecoder::decoded(size_t n) {
  ASSERT(n <= undecoded().size());
  begin_ += n;
  offset_ += n;
}

std::unexpected<Error> SnapshotDecoder::corrupt(std::string_view what) const {
  return fail(Error::Kind::kCorrupt, fmt::format("snapshot: {} at offset={}", what, offset_));
}

void write_snapshot_node(std::string& out, std::string_view path, const NullableView& data,
                         int64_t acl_key, const StatPersisted& stat) {
  ASSERT(path != kTerminator);  // it would end the snapshot; the root is written as ""
  Writer writer(out);
  writer.buffer(path);
  writer.nullable(data);
  writer.i64(acl_key);
  write(writer, stat);
}

}  // namespace zooid::wire
