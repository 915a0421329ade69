// Nodes: reading, writing, their ACLs and counts.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "cli/shell.h"
#include "cli/shell_text.h"
#include "wire/request.h"

namespace zooid::cli {
namespace {

using wire::ErrorCode;
using wire::OpCode;

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

std::string path_body(const std::string& path) {
  std::string body;
  wire::Writer(body).buffer(path);
  return body;
}

std::string path_watch_body(const std::string& path, bool watch) {
  std::string body;
  wire::Writer out(body);
  wire::write_path_watch(out, {path, watch});
  return body;
}

std::string child_of(const std::string& parent, const std::string& name) {
  return (parent == "/" ? "" : parent) + "/" + name;
}

std::string join_names(const std::vector<std::string>& names) {
  return fmt::format("[{}]\n", fmt::join(names, ", "));
}

wire::Stat read_stat(wire::Reader& in) {
  wire::Stat stat;
  wire::read(in, stat);
  return stat;
}

}  // namespace

Shell::Reply Shell::children_of(const std::string& full_path, bool watch, Children& children) {
  Reply reply = call(OpCode::kGetChildren2, path_watch_body(full_path, watch));
  if (reply.err != ErrorCode::kOk) return reply;
  if (watch) client_->remember_watch(client::Client::WatchKind::kChild, full_path);
  wire::Reader in(reply.body);
  children.names.resize(static_cast<size_t>(in.count(4)));
  for (std::string& name : children.names) name = std::string(in.buffer());
  children.stat = read_stat(in);
  std::sort(children.names.begin(), children.names.end());
  return reply;
}

std::optional<wire::Stat> Shell::stat_of(const std::string& full_path, bool watch, Reply& reply) {
  using WatchKind = client::Client::WatchKind;
  reply = call(OpCode::kExists, path_watch_body(full_path, watch));
  const bool exists = reply.err == ErrorCode::kOk;
  if (watch && (exists || reply.err == ErrorCode::kNoNode)) {
    client_->remember_watch(exists ? WatchKind::kData : WatchKind::kExist, full_path);
  }
  if (!exists) return std::nullopt;
  wire::Reader in(reply.body);
  return read_stat(in);
}

Shell::Reply Shell::visit_tree(const std::string& full_path, bool watch,
                               const std::function<void(const std::string&)>& visit) {
  // With ls -R zkCli watches the data of the node itself and the children of all.
  const Reply first = call(OpCode::kGetData, path_watch_body(full_path, watch));
  if (first.err != ErrorCode::kOk) return first;
  if (watch) client_->remember_watch(client::Client::WatchKind::kData, full_path);
  visit(full_path);
  std::vector<std::string> pending = {full_path};
  while (!pending.empty()) {
    const std::string parent = std::move(pending.back());
    pending.pop_back();
    Children children;
    const Reply reply = children_of(parent, watch, children);
    if (reply.err == ErrorCode::kNoNode) continue;  // deleted meanwhile
    if (reply.err != ErrorCode::kOk) return reply;
    for (const std::string& name : children.names) visit(child_of(parent, name));
    for (size_t i = children.names.size(); i-- > 0;) {
      pending.push_back(child_of(parent, children.names[i]));
    }
  }
  return first;
}

int Shell::do_ls(const ParsedCommand& command) {
  const std::string& path = command.arguments[0];
  const auto target = full(path);
  if (!target) return 1;
  if (command.has("R")) {
    return report(visit_tree(*target, command.has("w"),
                             [&](const std::string& one) { print(shown(one) + "\n"); }),
                  path);
  }
  Children children;
  const Reply reply = children_of(*target, command.has("w"), children);
  if (reply.err != ErrorCode::kOk) return report(reply, path);
  print(join_names(children.names));
  if (command.has("s")) print(stat_text(children.stat));
  return 0;
}

int Shell::do_get(const ParsedCommand& command) {
  const std::string& path = command.arguments[0];
  const auto target = full(path);
  if (!target) return 1;
  const Reply reply = call(OpCode::kGetData, path_watch_body(*target, command.has("w")));
  if (reply.err != ErrorCode::kOk) return report(reply, path);
  if (command.has("w")) client_->remember_watch(client::Client::WatchKind::kData, *target);
  wire::Reader in(reply.body);
  const std::string_view data = in.nullable().value_or("null");
  if (command.has("x")) {
    print(hex_dump(data));
  } else if (command.has("b")) {
    print(base64_text(data));
  } else {
    print(data);
  }
  print("\n");
  if (command.has("s")) print(stat_text(read_stat(in)));
  return 0;
}

int Shell::do_stat(const ParsedCommand& command) {
  const auto target = full(command.arguments[0]);
  if (!target) return 1;
  Reply reply;
  const auto stat = stat_of(*target, command.has("w"), reply);
  if (!stat) return report(reply, command.arguments[0]);
  print(stat_text(*stat));
  return 0;
}

int Shell::do_create(const ParsedCommand& command) {
  const bool is_sequential = command.has("s"), is_ephemeral = command.has("e");
  const bool is_container = command.has("c"), has_ttl = command.has("t");
  if (is_container && (is_ephemeral || is_sequential)) {
    return complain(
        "-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.");
  }
  if (has_ttl && is_ephemeral) return complain("TTLs cannot be used with Ephemeral znodes");
  if (has_ttl && is_container) return complain("TTLs cannot be used with Container znodes");
  wire::CreateRequest request;
  if (has_ttl) {
    // 40 bits in the node's owner field.
    const auto ttl = parse_number(command.value("t"), "t", 1, (int64_t{1} << 40) - 1);
    if (!ttl) return complain(ttl.error().message);
    request.ttl_ms = *ttl;
  }
  const std::string& path = command.arguments[0];
  const auto target = full(is_sequential ? path + "0" : path);
  if (!target) return 1;
  const std::string sent = is_sequential ? target->substr(0, target->size() - 1) : *target;
  request.path = sent;
  if (command.arguments.size() > 1) request.data = command.arguments[1];
  request.acl = {{wire::kPermAll, {"world", "anyone"}}};
  if (command.arguments.size() > 2) {
    const auto acl = parse_acl(command.arguments[2]);
    if (!acl) return complain(acl.error().message);
    request.acl = *acl;
  }
  auto type = OpCode::kCreate2;
  request.flags =
      (is_ephemeral ? wire::kFlagEphemeral : 0) | (is_sequential ? wire::kFlagSequential : 0);
  if (is_container) {
    type = OpCode::kCreateContainer;
    request.flags = wire::kFlagContainer;
  } else if (has_ttl) {
    type = OpCode::kCreateTtl;
    request.flags = is_sequential ? wire::kFlagSequentialTtl : wire::kFlagTtl;
  }
  std::string body;
  wire::Writer out(body);
  wire::write_create(out, type, request);
  const Reply reply = call(type, std::move(body));
  if (reply.err == ErrorCode::kUnimplemented && has_ttl) {
    return complain("the server takes no TTL nodes: they need extendedTypesEnabled=true there");
  }
  if (reply.err != ErrorCode::kOk) return report(reply, path);
  wire::Reader in(reply.body);
  complain("Created " + shown(in.buffer()));
  return 0;
}

int Shell::do_set(const ParsedCommand& command) {
  const auto target = full(command.arguments[0]);
  const auto version = version_of(command);
  if (!target || !version) return 1;
  std::string data = command.arguments[1];
  if (command.has("b")) {
    auto decoded = from_base64(data);
    if (!decoded) return complain("the data is no base64: " + data);
    data = std::move(*decoded);
  }
  std::string body;
  wire::Writer out(body);
  wire::write_set_data(out, {*target, data, *version});
  const Reply reply = call(OpCode::kSetData, std::move(body));
  if (reply.err != ErrorCode::kOk) return report(reply, command.arguments[0]);
  wire::Reader in(reply.body);
  if (command.has("s")) print(stat_text(read_stat(in)));
  return 0;
}

int Shell::do_delete(const ParsedCommand& command) {
  const std::string& path = command.arguments[0];
  const auto target = full(path);
  const auto version = version_of(command);
  if (!target || !version) return 1;
  // A chroot is a root, and a root is not deleted.
  if (path == "/") return report({ErrorCode::kBadArguments, 0, ""}, path);
  std::string body;
  wire::Writer out(body);
  wire::write_path_version(out, {*target, *version});
  return report(call(OpCode::kDelete, std::move(body)), path);
}

int Shell::do_deleteall(const ParsedCommand& command) {
  const std::string& path = command.arguments[0];
  const auto target = full(path);
  if (!target) return 1;
  int64_t batch = 1000;
  if (command.has("b")) {
    const auto size = parse_number(command.value("b"), "b", 0, INT32_MAX);
    if (!size) return complain(size.error().message);
    batch = std::max<int64_t>(1, *size);
  }
  std::vector<std::string> tree = {*target};
  for (size_t i = 0; i < tree.size(); ++i) {
    Children children;
    const Reply reply = children_of(tree[i], false, children);
    if (reply.err == ErrorCode::kNoNode && i > 0) continue;
    if (reply.err != ErrorCode::kOk) return report(reply, shown(tree[i]));
    for (const std::string& name : children.names) tree.push_back(child_of(tree[i], name));
  }
  // A chroot's own node stays.
  const size_t first = path == "/" && !settings_.chroot.empty() ? 1 : 0;
  while (tree.size() > first) {
    std::vector<wire::SubRequest> deletions;
    const size_t count = std::min(static_cast<size_t>(batch), tree.size() - first);
    for (size_t i = 0; i < count; ++i) {
      deletions.push_back(
          {OpCode::kDelete, wire::PathVersionRequest{tree[tree.size() - 1 - i], -1}});
    }
    std::string body;
    wire::Writer out(body);
    wire::write_multi(out, deletions);
    const Reply reply = call(OpCode::kMulti, std::move(body));
    if (reply.err != ErrorCode::kOk) {
      complain("Failed to delete some node(s) in the subtree!");
      return report(reply, path);
    }
    tree.resize(tree.size() - count);
  }
  return 0;
}

int Shell::do_get_acl(const ParsedCommand& command) {
  const auto target = full(command.arguments[0]);
  if (!target) return 1;
  const Reply reply = call(OpCode::kGetAcl, path_body(*target));
  if (reply.err != ErrorCode::kOk) return report(reply, command.arguments[0]);
  wire::Reader in(reply.body);
  wire::AclList acl;
  wire::read(in, acl);
  for (const wire::Acl& one : acl) print(acl_text(one));
  if (command.has("s")) print(stat_text(read_stat(in)));
  return 0;
}

Shell::Reply Shell::set_acl_of(const std::string& full_path, const wire::AclList& acl,
                               int32_t version) {
  wire::SetAclRequest request;
  request.path = full_path;
  request.acl = acl;
  request.version = version;
  std::string body;
  wire::Writer out(body);
  wire::write_set_acl(out, request);
  return call(OpCode::kSetAcl, std::move(body));
}

int Shell::do_set_acl(const ParsedCommand& command) {
  const std::string& path = command.arguments[0];
  const auto target = full(path);
  const auto version = version_of(command);
  if (!target || !version) return 1;
  const auto acl = parse_acl(command.arguments[1]);
  if (!acl) return complain(acl.error().message);
  if (!command.has("R")) {
    const Reply reply = set_acl_of(*target, *acl, *version);
    if (reply.err != ErrorCode::kOk) return report(reply, path);
    wire::Reader in(reply.body);
    if (command.has("s")) print(stat_text(read_stat(in)));
    return 0;
  }
  std::vector<std::string> tree;
  const Reply visited =
      visit_tree(*target, false, [&](const std::string& one) { tree.push_back(one); });
  if (visited.err != ErrorCode::kOk) return report(visited, path);
  int code = 0;
  for (const std::string& one : tree) {
    const Reply reply = set_acl_of(one, *acl, *version);
    if (reply.err != ErrorCode::kOk && reply.err != ErrorCode::kNoNode) {
      code = report(reply, shown(one));
    }
  }
  return code;
}

int Shell::do_sync(const ParsedCommand& command) {
  const auto target = full(command.arguments[0]);
  if (!target) return 1;
  const Reply reply = call(OpCode::kSync, path_body(*target));
  if (reply.err != ErrorCode::kOk) return report(reply, command.arguments[0]);
  print("Sync is OK\n");
  return 0;
}

int Shell::do_get_ephemerals(const ParsedCommand& command) {
  const std::string path = command.arguments.empty() ? "/" : command.arguments[0];
  const auto target = full(path);
  if (!target) return 1;
  const Reply reply = call(OpCode::kGetEphemerals, path_body(*target));
  if (reply.err != ErrorCode::kOk) return report(reply, path);
  wire::Reader in(reply.body);
  std::vector<std::string> paths(static_cast<size_t>(in.count(4)));
  for (std::string& one : paths) one = shown(in.buffer());
  print(join_names(paths));
  return 0;
}

int Shell::do_count_children(const ParsedCommand& command) {
  const auto target = full(command.arguments[0]);
  if (!target) return 1;
  const Reply reply = call(OpCode::kGetAllChildrenNumber, path_body(*target));
  if (reply.err != ErrorCode::kOk) return report(reply, command.arguments[0]);
  wire::Reader in(reply.body);
  print(fmt::format("{}\n", in.i32()));
  return 0;
}

}  // namespace zooid::cli
