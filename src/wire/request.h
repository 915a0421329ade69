// The bodies of client requests (client-protocol 6 and 7), read as views into the frame: valid only
// as long as its bytes. Each read function takes the body after the RequestHeader; false means that
// it cannot be read (MARSHALLINGERROR). Surplus bytes are ignored.
#pragma once

#include <string_view>
#include <variant>
#include <vector>

#include "wire/error_code.h"
#include "wire/records.h"

namespace zooid::wire {

struct PathRequest {  // getACL, sync, getAllChildrenNumber; getEphemerals (prefix may be null)
  std::string_view path;
};
struct PathWatchRequest {  // exists, getData, getChildren, getChildren2
  std::string_view path;
  bool watch = false;
};
struct PathVersionRequest {  // delete, check
  std::string_view path;
  int32_t version = -1;
};
struct PathModeRequest {  // addWatch (mode), checkWatches and removeWatches (type)
  std::string_view path;
  int32_t mode = 0;
};
struct CreateRequest {  // create, create2, createContainer, createTTL
  std::string_view path;
  NullableView data;
  AclList acl;
  bool acl_is_null = false;
  int32_t flags = 0;
  int64_t ttl_ms = 0;  // createTTL only
};
struct SetDataRequest {
  std::string_view path;
  NullableView data;
  int32_t version = -1;
};
struct SetAclRequest {
  std::string_view path;
  AclList acl;
  bool acl_is_null = false;
  int32_t version = -1;
};
struct AuthRequest {
  int32_t type = 0;
  std::string_view scheme;
  std::string_view auth;
};
struct SetWatchesRequest {  // setWatches, setWatches2 (the last two lists)
  int64_t relative_zxid = 0;
  std::vector<std::string_view> data, exist, child, persistent, persistent_recursive;
};
struct ReconfigRequest {
  NullableView joining, leaving, new_members;
  int64_t config_id = -1;
};

// Create flags (client-protocol 6.1).
inline constexpr int32_t kFlagPersistent = 0, kFlagEphemeral = 1, kFlagSequential = 2,
                         kFlagEphemeralSequential = 3, kFlagContainer = 4, kFlagTtl = 5,
                         kFlagSequentialTtl = 6;

// One sub-operation of a multi (create…, delete, setData, check) or multiRead (getData,
// getChildren).
struct SubRequest {
  OpCode type;
  std::variant<CreateRequest, PathVersionRequest, SetDataRequest, PathWatchRequest> body;
};

// All of these give false for an unreadable body. A null path is unreadable, except getEphemerals'.
bool read_path(Reader& in, PathRequest& value);
bool read_path_or_null(Reader& in, PathRequest& value);
bool read_path_watch(Reader& in, PathWatchRequest& value);
bool read_path_version(Reader& in, PathVersionRequest& value);
bool read_path_mode(Reader& in, PathModeRequest& value);
bool read_create(Reader& in, OpCode type, CreateRequest& value);
bool read_set_data(Reader& in, SetDataRequest& value);
bool read_set_acl(Reader& in, SetAclRequest& value);
bool read_auth(Reader& in, AuthRequest& value);
bool read_set_watches(Reader& in, OpCode type, SetWatchesRequest& value);
bool read_reconfig(Reader& in, ReconfigRequest& value);
// Whether the body of a create…, delete, setData, setACL or reconfig is whole, without copying
// anything of it. A null path counts as readable. Of a multi only what ZooKeeper 3.9 stumbles over
// while it reads: a create with a null ACL. Other types: true.
bool write_is_readable(OpCode type, std::string_view body);
// `reads`: multiRead. Mixing reads and writes, or any other code, is unreadable.
bool read_multi(Reader& in, bool reads, std::vector<SubRequest>& value);

// Writers, for clients and for tests.
void write_path(Writer& out, const PathRequest& value);
void write_path_watch(Writer& out, const PathWatchRequest& value);
void write_path_version(Writer& out, const PathVersionRequest& value);
void write_path_mode(Writer& out, const PathModeRequest& value);
void write_create(Writer& out, OpCode type, const CreateRequest& value);
void write_set_data(Writer& out, const SetDataRequest& value);
void write_set_acl(Writer& out, const SetAclRequest& value);
void write_auth(Writer& out, const AuthRequest& value);
void write_set_watches(Writer& out, OpCode type, const SetWatchesRequest& value);
void write_reconfig(Writer& out, const ReconfigRequest& value);
void write_multi(Writer& out, const std::vector<SubRequest>& value);

}  // namespace zooid::wire
