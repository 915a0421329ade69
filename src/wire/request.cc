#include "wire/request.h"

#include "base/assert.h"

namespace zooid::wire {

namespace {

constexpr int32_t kMultiEnd = -1;      // type of the header that closes a multi
constexpr int32_t kMultiNoError = -1;  // what clients write into the err of a request's headers

std::string_view required_path(Reader& in) {
  const NullableView path = in.nullable();
  if (!path) in.fail();
  return path.value_or(std::string_view{});
}

// Null and empty are told apart, since clients may ask for either (both INVALIDACL).
bool read_acl(Reader& in, AclList& value) {
  const bool is_null = in.rest().starts_with("\xff\xff\xff\xff");
  read(in, value);
  return is_null;
}

void skip_acl(Reader& in) {
  constexpr size_t kEntryBytesMin = 12;
  for (int32_t left = in.count(kEntryBytesMin); left > 0 && in.ok(); --left) {
    in.i32();
    in.nullable();
    in.nullable();
  }
}

bool flags_are_known(int32_t flags) {
  return flags >= kFlagPersistent && flags <= kFlagSequentialTtl;
}

// Stops, without one, at the first thing that makes the multi unreadable.
bool multi_has_null_acl(Reader& in) {
  MultiHeader header;
  for (read(in, header); in.ok() && !header.done; read(in, header)) {
    in.nullable();
    switch (static_cast<OpCode>(header.type)) {
      case OpCode::kCreate:
      case OpCode::kCreate2:
      case OpCode::kCreateContainer:
      case OpCode::kCreateTtl: {
        in.nullable();
        const bool is_null = in.rest().starts_with("\xff\xff\xff\xff");
        skip_acl(in);
        const int32_t flags = in.i32();
        if (header.type == static_cast<int32_t>(OpCode::kCreateTtl)) {
          in.i64();
        } else if (!flags_are_known(flags)) {
          return false;
        } else if (is_null && in.ok()) {
          return true;
        }
        break;
      }
      case OpCode::kDelete:
      case OpCode::kCheck:
        in.i32();
        break;
      case OpCode::kSetData:
        in.nullable();
        in.i32();
        break;
      default:
        return false;
    }
  }
  return false;
}

void write_acl(Writer& out, const AclList& value, bool is_null) {
  ASSERT(!is_null || value.empty());
  is_null ? out.i32(-1) : write(out, value);
}

void read_paths(Reader& in, std::vector<std::string_view>& value) {
  value.clear();
  const int32_t count = in.count(sizeof(int32_t));
  value.reserve(static_cast<size_t>(count));
  for (int32_t i = 0; i < count && in.ok(); ++i) value.push_back(required_path(in));
}

void write_paths(Writer& out, const std::vector<std::string_view>& value) {
  out.i32(static_cast<int32_t>(value.size()));
  for (std::string_view path : value) out.buffer(path);
}

bool read_sub_write(Reader& in, SubRequest& sub) {
  switch (sub.type) {
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
      return read_create(in, sub.type, sub.body.emplace<CreateRequest>());
    case OpCode::kDelete:
    case OpCode::kCheck:
      return read_path_version(in, sub.body.emplace<PathVersionRequest>());
    case OpCode::kSetData:
      return read_set_data(in, sub.body.emplace<SetDataRequest>());
    default:
      return false;
  }
}

bool read_sub_read(Reader& in, SubRequest& sub) {
  if (sub.type != OpCode::kGetData && sub.type != OpCode::kGetChildren) return false;
  return read_path_watch(in, sub.body.emplace<PathWatchRequest>());
}

}  // namespace

bool read_path(Reader& in, PathRequest& value) {
  value.path = required_path(in);
  return in.ok();
}

bool read_path_or_null(Reader& in, PathRequest& value) {
  value.path = in.buffer();
  return in.ok();
}

bool read_path_watch(Reader& in, PathWatchRequest& value) {
  value.path = required_path(in);
  value.watch = in.boolean();
  return in.ok();
}

bool read_path_version(Reader& in, PathVersionRequest& value) {
  value.path = required_path(in);
  value.version = in.i32();
  return in.ok();
}

bool read_path_mode(Reader& in, PathModeRequest& value) {
  value.path = required_path(in);
  value.mode = in.i32();
  return in.ok();
}

bool read_create(Reader& in, OpCode type, CreateRequest& value) {
  value.path = required_path(in);
  value.data = in.nullable();
  value.acl_is_null = read_acl(in, value.acl);
  value.flags = in.i32();
  value.ttl_ms = type == OpCode::kCreateTtl ? in.i64() : 0;
  return in.ok();
}

bool read_set_data(Reader& in, SetDataRequest& value) {
  value.path = required_path(in);
  value.data = in.nullable();
  value.version = in.i32();
  return in.ok();
}

bool read_set_acl(Reader& in, SetAclRequest& value) {
  value.path = required_path(in);
  value.acl_is_null = read_acl(in, value.acl);
  value.version = in.i32();
  return in.ok();
}

bool read_auth(Reader& in, AuthRequest& value) {
  value.type = in.i32();
  value.scheme = in.buffer();
  value.auth = in.buffer();
  return in.ok();
}

bool read_set_watches(Reader& in, OpCode type, SetWatchesRequest& value) {
  value.relative_zxid = in.i64();
  read_paths(in, value.data);
  read_paths(in, value.exist);
  read_paths(in, value.child);
  value.persistent.clear();
  value.persistent_recursive.clear();
  if (type == OpCode::kSetWatches2) {
    read_paths(in, value.persistent);
    read_paths(in, value.persistent_recursive);
  }
  return in.ok();
}

bool read_reconfig(Reader& in, ReconfigRequest& value) {
  value.joining = in.nullable();
  value.leaving = in.nullable();
  value.new_members = in.nullable();
  value.config_id = in.i64();
  return in.ok();
}

bool write_is_readable(OpCode type, std::string_view body) {
  // What a request holds may be as long as its frame, which jute.maxbuffer bounds.
  Reader in(body, INT32_MAX);
  switch (type) {
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
      in.nullable();
      in.nullable();
      skip_acl(in);
      in.i32();
      if (type == OpCode::kCreateTtl) in.i64();
      return in.ok();
    case OpCode::kDelete:
      in.nullable();
      in.i32();
      return in.ok();
    case OpCode::kSetData:
      in.nullable();
      in.nullable();
      in.i32();
      return in.ok();
    case OpCode::kSetAcl:
      in.nullable();
      skip_acl(in);
      in.i32();
      return in.ok();
    case OpCode::kReconfig: {
      ReconfigRequest request;
      return read_reconfig(in, request);
    }
    case OpCode::kMulti:
      return !multi_has_null_acl(in);
    default:
      return true;
  }
}

bool read_multi(Reader& in, bool reads, std::vector<SubRequest>& value) {
  value.clear();
  MultiHeader header;
  for (read(in, header); in.ok() && !header.done; read(in, header)) {
    SubRequest& sub = value.emplace_back();
    sub.type = static_cast<OpCode>(header.type);
    if (!(reads ? read_sub_read(in, sub) : read_sub_write(in, sub))) return false;
  }
  return in.ok();
}

void write_path(Writer& out, const PathRequest& value) {
  out.buffer(value.path);
}

void write_path_watch(Writer& out, const PathWatchRequest& value) {
  out.buffer(value.path);
  out.boolean(value.watch);
}

void write_path_version(Writer& out, const PathVersionRequest& value) {
  out.buffer(value.path);
  out.i32(value.version);
}

void write_path_mode(Writer& out, const PathModeRequest& value) {
  out.buffer(value.path);
  out.i32(value.mode);
}

void write_create(Writer& out, OpCode type, const CreateRequest& value) {
  out.buffer(value.path);
  out.nullable(value.data);
  write_acl(out, value.acl, value.acl_is_null);
  out.i32(value.flags);
  if (type == OpCode::kCreateTtl) out.i64(value.ttl_ms);
}

void write_set_data(Writer& out, const SetDataRequest& value) {
  out.buffer(value.path);
  out.nullable(value.data);
  out.i32(value.version);
}

void write_set_acl(Writer& out, const SetAclRequest& value) {
  out.buffer(value.path);
  write_acl(out, value.acl, value.acl_is_null);
  out.i32(value.version);
}

void write_auth(Writer& out, const AuthRequest& value) {
  out.i32(value.type);
  out.buffer(value.scheme);
  out.buffer(value.auth);
}

void write_set_watches(Writer& out, OpCode type, const SetWatchesRequest& value) {
  out.i64(value.relative_zxid);
  write_paths(out, value.data);
  write_paths(out, value.exist);
  write_paths(out, value.child);
  if (type != OpCode::kSetWatches2) return;
  write_paths(out, value.persistent);
  write_paths(out, value.persistent_recursive);
}

void write_reconfig(Writer& out, const ReconfigRequest& value) {
  out.nullable(value.joining);
  out.nullable(value.leaving);
  out.nullable(value.new_members);
  out.i64(value.config_id);
}

void write_multi(Writer& out, const std::vector<SubRequest>& value) {
  for (const SubRequest& sub : value) {
    write(out, MultiHeader{static_cast<int32_t>(sub.type), false, kMultiNoError});
    if (auto* create = std::get_if<CreateRequest>(&sub.body)) {
      write_create(out, sub.type, *create);
    } else if (auto* version = std::get_if<PathVersionRequest>(&sub.body)) {
      write_path_version(out, *version);
    } else if (auto* set_data = std::get_if<SetDataRequest>(&sub.body)) {
      write_set_data(out, *set_data);
    } else if (auto* watch = std::get_if<PathWatchRequest>(&sub.body)) {
      write_path_watch(out, *watch);
    }
  }
  write(out, MultiHeader{kMultiEnd, true, kMultiNoError});
}

}  // namespace zooid::wire
