#include "state/reads.h"

#include <algorithm>

#include "base/mark.h"
#include "state/paths.h"

namespace zooid::state {
namespace {

using wire::ErrorCode;
using wire::OpCode;

struct Readable {
  ErrorCode err = ErrorCode::kOk;
  NodeId node = kNoNode;
};

// The node that a client wants to read, if it is there and an ACL gives one of the permissions.
Readable find_readable(const ReadScope& scope, std::string_view path, int32_t perms) {
  const Tree& tree = scope.database.tree();
  const NodeId node = tree.find(path);
  if (node == kNoNode) return {ErrorCode::kNoNode};
  const AclPtr& acl = tree.acl(node);
  if (acl != nullptr && !acl_allows(scope.auth, *acl, perms, scope.ids)) {
    return {ErrorCode::kNoAuth};
  }
  return {ErrorCode::kOk, node};
}

// What everybody may see of a digest's id: the user.
std::string_view user_of(std::string_view digest) {
  return digest.substr(0, digest.find(':'));
}

wire::AclList with_hidden_digests(const wire::AclList& acl) {
  wire::AclList hidden = acl;
  for (wire::Acl& entry : hidden) {
    if (entry.id.scheme != "digest" || entry.id.id.find(':') == std::string::npos) continue;
    entry.id.id = std::string(user_of(entry.id.id)) + ":x";
  }
  return hidden;
}

// As Java's trim: everything up to the blank counts as white.
bool is_blank(char c) {
  return static_cast<unsigned char>(c) <= ' ';
}

bool means_all(std::string_view prefix) {
  while (!prefix.empty() && is_blank(prefix.front())) prefix.remove_prefix(1);
  while (!prefix.empty() && is_blank(prefix.back())) prefix.remove_suffix(1);
  return prefix.empty() || prefix == "/";
}

void write_multi_header(wire::Writer& writer, OpCode type, bool is_end = false) {
  write(writer, wire::MultiHeader{static_cast<int32_t>(type), is_end, is_end ? -1 : 0});
}

void write_multi_error(wire::Writer& writer, ErrorCode err) {
  const auto code = static_cast<int32_t>(err);
  write(writer, wire::MultiHeader{static_cast<int32_t>(OpCode::kError), false, code});
  writer.i32(code);
}

void write_multi_end(wire::Writer& writer) {
  write_multi_header(writer, OpCode::kError, true);
}

void write_sub_result(wire::Writer& writer, const OpResult& result) {
  switch (result.type) {
    case OpCode::kCreate:
      write_multi_header(writer, OpCode::kCreate);
      writer.buffer(result.path);
      return;
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
      write_multi_header(writer, OpCode::kCreate2);
      writer.buffer(result.path);
      write(writer, result.stat);
      return;
    case OpCode::kSetData:
      write_multi_header(writer, OpCode::kSetData);
      write(writer, result.stat);
      return;
    case OpCode::kDelete:
    case OpCode::kDeleteContainer:
      write_multi_header(writer, OpCode::kDelete);
      return;
    case OpCode::kCheck:
      write_multi_header(writer, OpCode::kCheck);
      return;
    default:
      write_multi_error(writer, result.err);
  }
}

}  // namespace

ErrorCode read_exists(const ReadScope& scope, std::string_view path, std::string& out) {
  if (path.find('\0') != std::string_view::npos) return ErrorCode::kBadArguments;
  const Readable found = find_readable(scope, path, wire::kPermRead);
  if (found.err != ErrorCode::kOk) return found.err;
  wire::Writer writer(out);
  write(writer, scope.database.tree().stat(found.node));
  return ErrorCode::kOk;
}

ErrorCode read_data(const ReadScope& scope, std::string_view path, std::string& out) {
  const Readable found = find_readable(scope, path, wire::kPermRead);
  if (found.err != ErrorCode::kOk) return found.err;
  const Tree& tree = scope.database.tree();
  wire::Writer writer(out);
  writer.nullable(tree.data(found.node));
  write(writer, tree.stat(found.node));
  return ErrorCode::kOk;
}

ErrorCode read_acl(const ReadScope& scope, std::string_view path, std::string& out) {
  const Readable found = find_readable(scope, path, wire::kPermRead | wire::kPermAdmin);
  if (found.err != ErrorCode::kOk) return found.err;
  const Tree& tree = scope.database.tree();
  wire::Writer writer(out);
  const StoredAcl& acl = *tree.acl(found.node);
  if (acl_allows(scope.auth, acl, wire::kPermAdmin, scope.ids)) {
    write(writer, acl.list());
  } else {
    write(writer, with_hidden_digests(acl.list()));
  }
  write(writer, tree.stat(found.node));
  return ErrorCode::kOk;
}

ErrorCode read_children(const ReadScope& scope, std::string_view path, bool with_stat,
                        std::string& out) {
  const Readable found = find_readable(scope, path, wire::kPermRead);
  if (found.err != ErrorCode::kOk) return found.err;
  const Tree& tree = scope.database.tree();
  tree.write_children(out, found.node);
  if (!with_stat) return ErrorCode::kOk;
  wire::Writer writer(out);
  write(writer, tree.stat(found.node));
  return ErrorCode::kOk;
}

ErrorCode read_ephemerals(const ReadScope& scope, SessionId session, std::string_view prefix,
                          std::string& out) {
  const Tree& tree = scope.database.tree();
  std::vector<NodeId> nodes = tree.ephemeral_nodes(session);
  if (!means_all(prefix)) {
    std::erase_if(nodes, [&](NodeId node) { return !tree.path(node).starts_with(prefix); });
  }
  wire::Writer(out).i32(static_cast<int32_t>(nodes.size()));
  for (const NodeId node : nodes) tree.write_path(out, node);
  return ErrorCode::kOk;
}

ErrorCode read_all_children_number(const ReadScope& scope, std::string_view path,
                                   std::string& out) {
  const Readable found = find_readable(scope, path, wire::kPermRead);
  if (found.err != ErrorCode::kOk) return found.err;
  wire::Writer writer(out);
  writer.i32(static_cast<int32_t>(scope.database.tree().descendant_count(found.node)));
  return ErrorCode::kOk;
}

ErrorCode read_multi_reads(const ReadScope& scope, std::string_view body, std::string& out,
                           std::vector<std::pair<bool, std::string>>& watched) {
  wire::Reader reader(body);
  std::vector<wire::SubRequest> requests;
  if (!read_multi(reader, true, requests)) return ErrorCode::kMarshallingError;
  if (requests.size() > kMultiReadsMax) {
    MARK("reads.too_many_in_one");
    return ErrorCode::kMarshallingError;
  }
  const size_t begin = out.size();
  // What is refused is not made first: memory that a reply has taken once is slow to come by.
  size_t data_bytes_all = 0;
  for (const wire::SubRequest& request : requests) {
    if (request.type != OpCode::kGetData) continue;
    const auto& path = std::get<wire::PathWatchRequest>(request.body).path;
    const Readable found = find_readable(scope, path, wire::kPermRead);
    if (found.err != ErrorCode::kOk) continue;
    data_bytes_all += scope.database.tree().data(found.node).value_or(std::string_view{}).size();
  }
  if (data_bytes_all > kMultiReadBytesMax) {
    MARK("reads.too_much_data_in_one");
    return ErrorCode::kMarshallingError;
  }
  // ZooKeeper drops the watch bytes of a multiRead: nothing is left behind.
  watched.clear();
  wire::Writer writer(out);
  for (const wire::SubRequest& request : requests) {
    const std::string_view path = std::get<wire::PathWatchRequest>(request.body).path;
    const Readable found = find_readable(scope, path, wire::kPermRead);
    if (found.err != ErrorCode::kOk) {
      write_multi_error(writer, found.err);
      continue;
    }
    const auto data = scope.database.tree().data(found.node);
    const size_t data_bytes = request.type == OpCode::kGetData && data ? data->size() : 0;
    if (out.size() - begin + data_bytes > kMultiReadBytesMax) {
      MARK("reads.too_much_in_one");
      out.resize(begin);
      return ErrorCode::kMarshallingError;
    }
    write_multi_header(writer, request.type);
    if (request.type == OpCode::kGetChildren) {
      read_children(scope, path, false, out);
    } else {
      read_data(scope, path, out);
    }
  }
  write_multi_end(writer);
  return ErrorCode::kOk;
}

void write_who_am_i(const std::vector<wire::Id>& ids, std::string& out) {
  wire::Writer writer(out);
  writer.i32(static_cast<int32_t>(ids.size()));
  for (const wire::Id& id : ids) {
    writer.buffer(id.scheme);
    writer.buffer(user_name(id));
  }
}

void write_result(const Applied& applied, OpCode request_type, std::string& out) {
  wire::Writer writer(out);
  if (request_type == OpCode::kMulti) {
    for (const OpResult& result : applied.results) write_sub_result(writer, result);
    write_multi_end(writer);
    return;
  }
  if (applied.results.empty()) return;
  const OpResult& result = applied.results.front();
  switch (request_type) {
    case OpCode::kCreate:
      writer.buffer(result.path);
      return;
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
      writer.buffer(result.path);
      write(writer, result.stat);
      return;
    case OpCode::kSetData:
    case OpCode::kSetAcl:
      write(writer, result.stat);
      return;
    default:
      return;  // delete, closeSession …: a header is all
  }
}

}  // namespace zooid::state
