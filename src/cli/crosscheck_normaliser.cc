#include "cli/crosscheck_normaliser.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

namespace zooid::cli {
namespace {

using wire::OpCode;

// What servers of one machine may disagree about the present.
constexpr int64_t kTimeSlackMs = 5'000;
constexpr size_t kShownDataMax = 40;
constexpr size_t kTimesMax = 1 << 18;
// The roots of other plays begin with it.
constexpr std::string_view kRootPrefix = "crosscheck-";

bool is_shared(std::string_view path) {
  return path.empty() || path == "/" || path == "/zookeeper" || path == "/zookeeper/quota";
}

// Four-byte characters as the two surrogates that Java writes for them.
std::string with_surrogates(std::string_view value) {
  std::string out;
  for (size_t at = 0; at < value.size(); ++at) {
    const auto byte = [&](size_t i) { return static_cast<uint32_t>(value[at + i]) & 0x3f; };
    if ((static_cast<unsigned char>(value[at]) & 0xf8) != 0xf0 || value.size() - at < 4) {
      out += value[at];
      continue;
    }
    const uint32_t character =
        ((byte(0) & 7) << 18 | byte(1) << 12 | byte(2) << 6 | byte(3)) - 0x10000;
    for (const uint32_t unit : {0xd800 + (character >> 10), 0xdc00 + (character & 0x3ff)}) {
      out += static_cast<char>(0xe0 | unit >> 12);
      out += static_cast<char>(0x80 | (unit >> 6 & 0x3f));
      out += static_cast<char>(0x80 | (unit & 0x3f));
    }
    at += 3;
  }
  return out;
}

uint64_t hash_of(std::string_view bytes) {
  uint64_t hash = 14695981039346656037ull;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return hash;
}

std::string error_text(int32_t err) {
  return err == 0 ? "ok"
                  : fmt::format("{}({})", wire::error_name(static_cast<wire::ErrorCode>(err)), err);
}

std::string_view sub_path(const wire::SubRequest& sub) {
  return std::visit([](const auto& body) -> std::string_view { return body.path; }, sub.body);
}

// 3.8.0 goes by the flags alone: see create2-in-multi.
bool is_plain_create(const wire::SubRequest& sub) {
  const auto* create = std::get_if<wire::CreateRequest>(&sub.body);
  return create != nullptr && create->flags != wire::kFlagContainer &&
         create->flags != wire::kFlagTtl && create->flags != wire::kFlagSequentialTtl;
}

// Whether the record begins with a path that must be there.
bool has_path(OpCode type) {
  return type != OpCode::kMulti && type != OpCode::kMultiRead && type != OpCode::kGetEphemerals &&
         type != OpCode::kReconfig && type != OpCode::kSetWatches && type != OpCode::kSetWatches2 &&
         type != OpCode::kWhoAmI;
}

// The path a read was for, which decides what of its answer is comparable.
std::string path_of(OpCode type, const std::string& body) {
  switch (type) {
    case OpCode::kExists:
    case OpCode::kGetData:
    case OpCode::kGetChildren:
    case OpCode::kGetChildren2:
    case OpCode::kGetAcl:
    case OpCode::kGetAllChildrenNumber: {
      wire::Reader in(body);
      return std::string(in.buffer());
    }
    default:
      return {};
  }
}

}  // namespace

void Normaliser::set_names(Names zxids, Names sessions) {
  zxid_names_ = std::move(zxids);
  session_names_ = std::move(sessions);
  elapsed_ms_ = INT64_MAX / 2;
}

std::string Normaliser::zxid(int64_t value) const {
  if (value <= 0) return fmt::format("{}", value);
  if (zxid_names_) return zxid_names_(value);
  return value <= base_zxid_ ? "old" : fmt::format("+{}", value - base_zxid_);
}

std::string Normaliser::text(std::string_view value) const {
  return readable(with_surrogates(value), root_);
}

std::string Normaliser::time(int64_t zxid, int64_t time_ms) {
  if (zxid <= base_zxid_) return "old";
  const auto [known, is_new] = times_.emplace(zxid, time_ms);
  if (known->second != time_ms) return "not-that-of-its-zxid";
  if (times_.size() > kTimesMax) times_.erase(times_.begin());
  const bool is_possible = time_ms >= base_time_ms_ - kTimeSlackMs &&
                           time_ms <= base_time_ms_ + elapsed_ms_ + kTimeSlackMs;
  return is_possible ? "now" : "impossible";
}

std::string Normaliser::session(int64_t id) {
  if (id == 0) return "0";
  if (session_names_) return session_names_(id);
  const auto known = sessions_.find(id);
  return known != sessions_.end() ? known->second
                                  : fmt::format("unknown:{:x}", static_cast<uint64_t>(id));
}

std::string Normaliser::stat(wire::Reader& in, std::string_view path) {
  wire::Stat stat;
  wire::read(in, stat);
  const bool is_config = path == "/zookeeper/config";
  std::string text = fmt::format("czxid={} mzxid={} ctime={} mtime={} version={} aversion={}",
                                 zxid(stat.czxid), zxid(stat.mzxid), time(stat.czxid, stat.ctime),
                                 time(stat.mzxid, stat.mtime), stat.version, stat.aversion);
  if (!is_config) text += fmt::format(" length={}", stat.data_length);
  text += fmt::format(" owner={}", session(stat.ephemeral_owner));
  if (is_shared(path)) return text;
  return text + fmt::format(" cversion={} children={} pzxid={}", stat.cversion, stat.num_children,
                            zxid(stat.pzxid));
}

std::string Normaliser::data(wire::Reader& in, std::string_view path) {
  const wire::NullableView bytes = in.nullable();
  if (!bytes) return "null";
  if (path == "/zookeeper/config") return "(configuration)";
  if (bytes->size() <= kShownDataMax) return '"' + text(*bytes) + '"';
  return fmt::format("{}-bytes:{:x}", bytes->size(), hash_of(*bytes));
}

std::string Normaliser::names(wire::Reader& in, std::string_view path) {
  std::vector<std::string> all;
  for (int32_t left = in.count(4); left > 0; --left) {
    const std::string name(in.buffer());
    const bool is_of_other_play =
        is_shared(path) && name.starts_with(kRootPrefix) && root_ != "/" + name;
    if (!is_of_other_play) all.push_back(text("/" + name).substr(name.starts_with('/') ? 1 : 0));
  }
  std::sort(all.begin(), all.end());
  return fmt::format("[{}]", fmt::join(all, " "));
}

std::string Normaliser::acl(wire::Reader& in) {
  std::vector<std::string> all;
  for (int32_t left = in.count(12); left > 0; --left) {
    wire::Acl entry;
    wire::read(in, entry);
    all.push_back(fmt::format("{}:{}:{}", text(entry.id.scheme), text(entry.id.id), entry.perms));
  }
  std::sort(all.begin(), all.end());
  return fmt::format("[{}]", fmt::join(all, " "));
}

std::string Normaliser::identities(wire::Reader& in) {
  std::vector<std::string> all;
  for (int32_t left = in.count(8); left > 0; --left) {
    const std::string scheme = text(in.buffer());
    all.push_back(scheme + ":" + text(in.buffer()));
  }
  std::sort(all.begin(), all.end());
  return fmt::format("[{}]", fmt::join(all, " "));
}

std::string Normaliser::multi_result(wire::Reader& in, const wire::MultiHeader& header,
                                     const wire::SubRequest* request, std::string_view path) {
  const bool hides_stat =
      profile_ == CrosscheckProfile::k38 && request && is_plain_create(*request);
  std::string result = fmt::format(
      "type={} err={}", hides_stat && header.err == 0 ? 1 : header.type, error_text(header.err));
  switch (static_cast<OpCode>(header.type)) {
    case OpCode::kError:
      return result + fmt::format(" code={}", in.i32());
    case OpCode::kCreate:
      return result + ' ' + text(in.buffer());
    case OpCode::kCreate2: {
      result += ' ' + text(in.buffer());
      const std::string stat_text = stat(in, path);
      return hides_stat ? result : result + ' ' + stat_text;
    }
    case OpCode::kSetData:
      return result + ' ' + stat(in, path);
    case OpCode::kGetData: {
      result += ' ' + data(in, path);
      return result + ' ' + stat(in, path);
    }
    case OpCode::kGetChildren:
      return result + ' ' + names(in, path);
    case OpCode::kDelete:
    case OpCode::kCheck:
      return result;
    default:
      in.fail();
      return result;
  }
}

std::string Normaliser::multi(wire::Reader& in, bool reads, const std::string& request_body) {
  wire::Reader request(request_body);
  std::vector<wire::SubRequest> subs;
  wire::read_multi(request, reads, subs);
  std::string result = "{";
  wire::MultiHeader header;
  size_t at = 0;
  for (wire::read(in, header); in.ok() && !header.done; wire::read(in, header), ++at) {
    const bool known = at < subs.size();
    result += ' ' +
              multi_result(in, header, known ? &subs[at] : nullptr,
                           known ? sub_path(subs[at]) : std::string_view{}) +
              ';';
  }
  return result + fmt::format(" end type={} err={} }}", header.type, header.err);
}

std::string Normaliser::body(wire::Reader& in, OpCode type, std::string_view path,
                             const std::string& request_body) {
  switch (type) {
    case OpCode::kCreate:
    case OpCode::kSync:
      return text(in.buffer());
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl: {
      const std::string created = text(in.buffer());
      return created + ' ' + stat(in, path);
    }
    case OpCode::kExists:
    case OpCode::kSetData:
    case OpCode::kSetAcl:
      return stat(in, path);
    case OpCode::kGetData:
    case OpCode::kReconfig: {
      const std::string value = data(in, path);
      return value + ' ' + stat(in, path);
    }
    case OpCode::kGetAcl: {
      const std::string list = acl(in);
      return list + ' ' + stat(in, path);
    }
    case OpCode::kGetChildren:
    case OpCode::kGetEphemerals:
      return names(in, path);
    case OpCode::kGetChildren2: {
      const std::string list = names(in, path);
      return list + ' ' + stat(in, path);
    }
    case OpCode::kMulti:
    case OpCode::kMultiRead:
      return multi(in, type == OpCode::kMultiRead, request_body);
    case OpCode::kGetAllChildrenNumber: {
      const int32_t number = in.i32();
      return is_shared(path) ? "(number)" : fmt::format("{}", number);
    }
    case OpCode::kAddWatch:
      return fmt::format("{}", in.i32());
    case OpCode::kWhoAmI:
      return identities(in);
    case OpCode::kSasl: {
      const wire::NullableView token = in.nullable();
      return token ? '"' + text(*token) + '"' : "null";
    }
    default:
      return "";
  }
}

SeenLine Normaliser::reply(const wire::ReplyHeader& header, std::string_view body_bytes,
                           const PlannedRequest& request) {
  const auto type = static_cast<OpCode>(request.type);
  last_zxid_ = std::max(last_zxid_, header.zxid);
  SeenLine line;
  line.type = request.type;
  line.err = header.err;
  if (type == OpCode::kAuth || type == OpCode::kSasl) line.kind = SeenLine::Kind::kAside;
  line.text =
      fmt::format("{} xid={} zxid={}", error_text(header.err), header.xid, zxid(header.zxid));
  wire::Reader in(body_bytes);
  const std::string path = path_of(type, request.body);
  if (header.err == 0) line.text += ' ' + body(in, type, path, request.body);
  line.path_was_null = has_path(type) && request.body.starts_with("\xff\xff\xff\xff");
  if (header.err != 0 && type == OpCode::kMultiRead) return line;
  if (!in.ok()) {
    line.text += fmt::format(" unreadable=\"{}\"", text(body_bytes));
  } else if (in.remaining() > 0) {
    line.text += fmt::format(" rest=\"{}\"", text(in.rest()));
  }
  return line;
}

SeenLine Normaliser::event(const wire::ReplyHeader& header, std::string_view body_bytes) {
  last_zxid_ = std::max(last_zxid_, header.zxid);
  wire::Reader in(body_bytes);
  SeenLine line;
  line.kind = SeenLine::Kind::kEvent;
  static constexpr const char* kNames[] = {"0", "NodeCreated", "NodeDeleted", "NodeDataChanged",
                                           "NodeChildrenChanged"};
  const int32_t type = in.i32();
  const std::string name = type >= 1 && type <= 4 ? kNames[type] : fmt::format("{}", type);
  const int32_t state = in.i32();
  line.text = fmt::format("event {} {}", name, text(in.buffer()));
  if (state != 3) line.text += fmt::format(" state={}", state);
  if (header.err != 0) line.text += fmt::format(" err={}", header.err);
  if (profile_ == CrosscheckProfile::k39) line.text += " zxid=" + zxid(header.zxid);
  if (!in.ok() || in.remaining() > 0) line.text += " malformed";
  return line;
}

SeenLine Normaliser::connect_response(const wire::ConnectResponse& response) {
  const int64_t id = response.session_id.value;
  if (id != 0) sessions_.emplace(id, fmt::format("session{}", sessions_.size() + 1));
  const bool password_is_right =
      id == 0 ? response.password == std::string(16, '\0')
              : response.password == wire::session_password(response.session_id);
  SeenLine line;
  line.kind = SeenLine::Kind::kConnect;
  line.text = fmt::format("connected version={} timeout={} {} password={} read_only={}",
                          response.protocol_version, response.timeout_ms, session(id),
                          password_is_right ? "right" : "wrong",
                          response.has_read_only ? (response.read_only ? "1" : "0") : "absent");
  return line;
}

}  // namespace zooid::cli
