#include "cli/crosscheck_plan.h"

#include <fmt/format.h>

#include "wire/request.h"

namespace zooid::cli {
namespace {

using wire::OpCode;

constexpr size_t kShownBytesMax = 80;

std::string acl_text(const wire::AclList& acl, bool is_null) {
  if (is_null) return "null";
  std::string text = "[";
  for (const wire::Acl& entry : acl) {
    if (text.size() > 1) text += ' ';
    text += fmt::format("{}:{}:{}", readable(entry.id.scheme), readable(entry.id.id), entry.perms);
  }
  return text + "]";
}

std::string data_text(const wire::NullableView& data) {
  if (!data) return "null";
  if (data->size() > 24) return fmt::format("{} bytes", data->size());
  return '"' + readable(*data) + '"';
}

std::string create_text(OpCode type, const wire::CreateRequest& create) {
  std::string text =
      fmt::format("{} data={} acl={} flags={}", readable(create.path), data_text(create.data),
                  acl_text(create.acl, create.acl_is_null), create.flags);
  if (type == OpCode::kCreateTtl) text += fmt::format(" ttl={}", create.ttl_ms);
  return text;
}

std::string paths_text(const std::vector<std::string_view>& paths) {
  std::string text = "[";
  for (const std::string_view path : paths) {
    if (text.size() > 1) text += ' ';
    text += readable(path);
  }
  return text + "]";
}

std::string sub_text(const wire::SubRequest& sub) {
  std::string text = wire::op_name(sub.type);
  text += ' ';
  if (const auto* create = std::get_if<wire::CreateRequest>(&sub.body)) {
    return text + create_text(sub.type, *create);
  }
  if (const auto* version = std::get_if<wire::PathVersionRequest>(&sub.body)) {
    return text + fmt::format("{} version={}", readable(version->path), version->version);
  }
  if (const auto* set = std::get_if<wire::SetDataRequest>(&sub.body)) {
    return text + fmt::format("{} data={} version={}", readable(set->path), data_text(set->data),
                              set->version);
  }
  return text + readable(std::get<wire::PathWatchRequest>(sub.body).path);
}

// Empty if the body cannot be read.
std::string write_body_text(OpCode type, wire::Reader& in) {
  wire::CreateRequest create;
  wire::PathVersionRequest version;
  wire::SetDataRequest set_data;
  wire::SetAclRequest set_acl;
  std::vector<wire::SubRequest> subs;
  switch (type) {
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
      return wire::read_create(in, type, create) ? create_text(type, create) : "";
    case OpCode::kDelete:
    case OpCode::kCheck:
      if (!wire::read_path_version(in, version)) return "";
      return fmt::format("{} version={}", readable(version.path), version.version);
    case OpCode::kSetData:
      if (!wire::read_set_data(in, set_data)) return "";
      return fmt::format("{} data={} version={}", readable(set_data.path), data_text(set_data.data),
                         set_data.version);
    case OpCode::kSetAcl:
      if (!wire::read_set_acl(in, set_acl)) return "";
      return fmt::format("{} acl={} version={}", readable(set_acl.path),
                         acl_text(set_acl.acl, set_acl.acl_is_null), set_acl.version);
    case OpCode::kMulti:
    case OpCode::kMultiRead: {
      if (!wire::read_multi(in, type == OpCode::kMultiRead, subs)) return "";
      std::string text = "{";
      for (const wire::SubRequest& sub : subs) text += ' ' + sub_text(sub) + ';';
      return text + " }";
    }
    default:
      return "";
  }
}

std::string read_body_text(OpCode type, wire::Reader& in) {
  wire::PathWatchRequest watch;
  wire::PathModeRequest mode;
  wire::PathRequest path;
  wire::AuthRequest auth;
  wire::SetWatchesRequest watches;
  wire::ReconfigRequest reconfig;
  switch (type) {
    case OpCode::kExists:
    case OpCode::kGetData:
    case OpCode::kGetChildren:
    case OpCode::kGetChildren2:
      if (!wire::read_path_watch(in, watch)) return "";
      return readable(watch.path) + (watch.watch ? " watch" : "");
    case OpCode::kAddWatch:
    case OpCode::kCheckWatches:
    case OpCode::kRemoveWatches:
      if (!wire::read_path_mode(in, mode)) return "";
      return fmt::format("{} {}={}", readable(mode.path),
                         type == OpCode::kAddWatch ? "mode" : "type", mode.mode);
    case OpCode::kGetAcl:
    case OpCode::kSync:
    case OpCode::kGetAllChildrenNumber:
    case OpCode::kGetEphemerals:
      return wire::read_path_or_null(in, path) ? readable(path.path) : "";
    case OpCode::kAuth:
      if (!wire::read_auth(in, auth)) return "";
      return fmt::format("{} \"{}\"", readable(auth.scheme), readable(auth.auth));
    case OpCode::kSetWatches:
    case OpCode::kSetWatches2:
      if (!wire::read_set_watches(in, type, watches)) return "";
      return fmt::format("data={} exist={} child={} persistent={} recursive={}",
                         paths_text(watches.data), paths_text(watches.exist),
                         paths_text(watches.child), paths_text(watches.persistent),
                         paths_text(watches.persistent_recursive));
    case OpCode::kReconfig:
      if (!wire::read_reconfig(in, reconfig)) return "";
      return fmt::format("joining={} leaving={} version={}", data_text(reconfig.joining),
                         data_text(reconfig.leaving), reconfig.config_id);
    default:
      return "";
  }
}

const char* mode_text(ConnectMode mode) {
  switch (mode) {
    case ConnectMode::kNewSession:
      return "new session";
    case ConnectMode::kAttach:
      return "attach";
    case ConnectMode::kWrongPassword:
      return "attach with a wrong password";
    case ConnectMode::kUnknownSession:
      return "attach to an unknown session";
    case ConnectMode::kZxidAhead:
      return "new session, zxid ahead";
  }
  return "";
}

}  // namespace

size_t Plan::operations() const {
  size_t count = 0;
  for (const Step& step : steps) {
    count += step.kind == StepKind::kRequests ? step.requests.size() : 1 + step.requests.size();
  }
  return count;
}

std::string readable(std::string_view text, std::string_view root) {
  std::string out;
  for (size_t at = 0; at < text.size() && out.size() < kShownBytesMax;) {
    if (!root.empty() && text.substr(at).starts_with(root)) {
      out += '$';
      at += root.size();
      continue;
    }
    const auto byte = static_cast<unsigned char>(text[at++]);
    if (byte < 0x20 || byte >= 0x7f || byte == '\\' || byte == '"') {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += static_cast<char>(byte);
    }
  }
  if (out.size() >= kShownBytesMax) out += fmt::format("... ({} bytes)", text.size());
  return out;
}

std::string describe(const PlannedRequest& request) {
  const auto type = static_cast<OpCode>(request.type);
  wire::Reader writes(request.body), reads(request.body);
  std::string body = write_body_text(type, writes);
  if (body.empty()) body = read_body_text(type, reads);
  if (body.empty() && !request.body.empty()) {
    body = fmt::format("body=\"{}\"", readable(request.body));
  }
  if (request.has_relative_zxid) body += fmt::format(" zxid=last-{}", request.zxids_back);
  const std::string name = wire::op_name(type);
  const std::string shown = name == "unknown" ? fmt::format("type {}", request.type) : name;
  return body.empty() ? shown : shown + ' ' + body;
}

std::string describe(const Step& step) {
  std::string text = fmt::format("S{} ", step.slot);
  switch (step.kind) {
    case StepKind::kConnect:
      text += fmt::format("connect to server {}: {}, timeout {} ms{}", step.server,
                          mode_text(step.mode), step.timeout_ms,
                          step.has_read_only ? "" : ", 44-byte handshake");
      break;
    case StepKind::kDisconnect:
      return text + "disconnect";
    case StepKind::kRawBytes:
      return text + fmt::format("send raw \"{}\"", readable(step.bytes));
    case StepKind::kRawConnect:
      return text + fmt::format("connect and send raw \"{}\"", readable(step.bytes));
    case StepKind::kRequests:
      break;
  }
  for (size_t i = 0; i < step.requests.size(); ++i) {
    if (i > 0 || step.kind == StepKind::kConnect) text += "\n     + ";
    text += describe(step.requests[i]);
  }
  return text;
}

}  // namespace zooid::cli
