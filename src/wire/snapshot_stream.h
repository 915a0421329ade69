// The body of a snapshot: sessions, ACL map, nodes, terminator "/" (storage-formats 4). The same
// code reads files and SNAP streams, in any split of the bytes, and hands out records.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "wire/records.h"

namespace zooid::wire {

struct SnapshotSession {
  SessionId id;
  int32_t timeout_ms = 0;
};
struct SnapshotAcl {
  int64_t key = 0;
  AclList acl;
};
struct SnapshotNode {
  std::string_view path;  // "" is the root; views into the decoder's buffer, valid until next()
  NullableView data;
  int64_t acl_key = -1;  // -1: world:anyone, all permissions
  StatPersisted stat;
};
struct SnapshotEnd {};  // the terminator was read; undecoded() begins right behind it
struct SnapshotNeedsMore {};
using SnapshotRecord =
    std::variant<SnapshotNeedsMore, SnapshotSession, SnapshotAcl, SnapshotNode, SnapshotEnd>;

class SnapshotDecoder {
 public:
  explicit SnapshotDecoder(int32_t max_buffer = kMaxRecordBufferDefault);
  void feed(std::string_view bytes);
  // Records in the order of the stream. SnapshotNeedsMore until more is fed. An error names the
  // offset in the stream and is final.
  Result<SnapshotRecord> next();
  // Bytes behind what was decoded.
  std::string_view undecoded() const;
  // Bytes decoded since the start.
  uint64_t offset() const { return offset_; }

 private:
  enum class Part { kSessionCount, kSessions, kAclCount, kAcls, kNodes, kEnd };
  Result<SnapshotRecord> next_session();
  Result<SnapshotRecord> next_acl();
  Result<SnapshotRecord> next_node();
  // Reads the count at the front into left_; false when it is not there yet.
  Result<bool> read_count();
  // True when the whole ACL map entry at the front is there.
  Result<bool> measure_acl();
  void decoded(size_t n);
  std::unexpected<Error> corrupt(std::string_view what) const;

  int32_t max_buffer_;
  std::string buffer_;
  size_t begin_ = 0;
  uint64_t offset_ = 0;
  Part part_ = Part::kSessionCount;
  int64_t left_ = 0;  // elements of the current part still to come
  // How much of the ACL map entry at the front was measured so far; 0: not begun.
  size_t acl_bytes_ = 0;
  int64_t acls_left_ = 0;
};

void write_snapshot_node(std::string& out, std::string_view path, const NullableView& data,
                         int64_t acl_key, const StatPersisted& stat);

// What ends a SNAP stream behind the terminator: the jute string "BenWasHere".
inline constexpr std::string_view kSnapStreamSignature = "BenWasHere";

}  // namespace zooid::wire
