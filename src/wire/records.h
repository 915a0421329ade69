// Records shared by requests, replies, transactions and files (jute.md 4).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "wire/jute.h"

namespace zooid::wire {

// Null and empty data are distinct, stored and answered as sent.
using NullableBytes = std::optional<std::string>;
using NullableView = std::optional<std::string_view>;

struct Id {
  std::string scheme;
  std::string id;
  auto operator<=>(const Id&) const = default;
};

inline constexpr int32_t kPermRead = 1, kPermWrite = 2, kPermCreate = 4, kPermDelete = 8,
                         kPermAdmin = 16, kPermAll = 31;

struct Acl {
  int32_t perms = 0;
  Id id;
  auto operator<=>(const Acl&) const = default;
};
using AclList = std::vector<Acl>;
// ACLs are shared and never changed in place.
using AclPtr = std::shared_ptr<const AclList>;
// The identities of a connection, in the order they were added.
using AuthPtr = std::shared_ptr<const std::vector<Id>>;

// As a client sees it: 68 bytes.
struct Stat {
  int64_t czxid = 0, mzxid = 0, ctime = 0, mtime = 0;
  int32_t version = 0, cversion = 0, aversion = 0;
  int64_t ephemeral_owner = 0;
  int32_t data_length = 0, num_children = 0;
  int64_t pzxid = 0;
  bool operator==(const Stat&) const = default;
};

// As it is stored: cversion counts creates only, ephemeral_owner may be a special value
// (storage-formats 4.1). 60 bytes in this order.
struct StatPersisted {
  int64_t czxid = 0, mzxid = 0, ctime = 0, mtime = 0;
  int32_t version = 0, cversion = 0, aversion = 0;
  int64_t ephemeral_owner = 0;
  int64_t pzxid = 0;
  bool operator==(const StatPersisted&) const = default;
};

struct RequestHeader {
  int32_t xid = 0;
  int32_t type = 0;
};

inline constexpr int32_t kXidNotification = -1, kXidPing = -2, kXidAuth = -4, kXidSetWatches = -8;

struct ReplyHeader {
  int32_t xid = 0;
  int64_t zxid = 0;
  int32_t err = 0;
};

struct MultiHeader {
  int32_t type = 0;
  bool done = false;
  int32_t err = 0;
};

enum class EventType : int32_t {
  kNodeCreated = 1,
  kNodeDeleted = 2,
  kNodeDataChanged = 3,
  kNodeChildrenChanged = 4,
};

struct ConnectRequest {
  int32_t protocol_version = 0;
  int64_t last_zxid_seen = 0;
  int32_t timeout_ms = 0;
  SessionId session_id;
  std::string password;
  bool read_only = false;
  bool has_read_only = false;  // the byte was there: so the response carries it too
};

struct ConnectResponse {
  int32_t protocol_version = 0;
  int32_t timeout_ms = 0;
  SessionId session_id;
  std::string password;
  bool read_only = false;
  bool has_read_only = false;
};

void write(Writer& out, const Id& value);
void write(Writer& out, const Acl& value);
void write(Writer& out, const AclList& value);  // a vector
void write(Writer& out, const Stat& value);
void write(Writer& out, const StatPersisted& value);
void write(Writer& out, const RequestHeader& value);
void write(Writer& out, const ReplyHeader& value);
void write(Writer& out, const MultiHeader& value);
void write(Writer& out, const ConnectRequest& value);
void write(Writer& out, const ConnectResponse& value);

void read(Reader& in, Id& value);
void read(Reader& in, Acl& value);
void read(Reader& in, AclList& value);  // null counts as empty
void read(Reader& in, Stat& value);
void read(Reader& in, StatPersisted& value);
void read(Reader& in, RequestHeader& value);
void read(Reader& in, ReplyHeader& value);
void read(Reader& in, MultiHeader& value);
// The optional byte is present if anything is left after the password.
void read(Reader& in, ConnectRequest& value);
void read(Reader& in, ConnectResponse& value);

// A whole frame (length, header with xid -1 and err 0, WatcherEvent with state 3) appended to out.
void write_notification_frame(std::string& out, EventType type, std::string_view path,
                              int64_t zxid);

// Frames: reserve the length before a body is written, fill it in afterwards.
// Returns the position to give to end_frame.
size_t begin_frame(std::string& out);
void end_frame(std::string& out, size_t begun);

// The password of a session, a pure function of its id (client-protocol 4). 16 bytes.
std::string session_password(SessionId id);

}  // namespace zooid::wire
