#include "cli/crosscheck_exchange.h"

#include <fmt/format.h>

#include <algorithm>

namespace zooid::cli {
namespace {

using wire::OpCode;

constexpr OpCode kWrites[] = {OpCode::kCreate,      OpCode::kCreate2, OpCode::kCreateContainer,
                              OpCode::kCreateTtl,   OpCode::kDelete,  OpCode::kSetData,
                              OpCode::kSetAcl,      OpCode::kMulti,   OpCode::kReconfig,
                              OpCode::kCloseSession};

bool is_create(OpCode type) {
  return type == OpCode::kCreate || type == OpCode::kCreate2 || type == OpCode::kCreateContainer ||
         type == OpCode::kCreateTtl;
}

bool has_path_first(OpCode type) {
  static constexpr OpCode kWithout[] = {
      OpCode::kMulti,        OpCode::kMultiRead, OpCode::kSetWatches, OpCode::kSetWatches2,
      OpCode::kReconfig,     OpCode::kAuth,      OpCode::kSasl,       OpCode::kPing,
      OpCode::kCloseSession, OpCode::kWhoAmI};
  return std::find(std::begin(kWithout), std::end(kWithout), type) == std::end(kWithout);
}

bool is_ephemeral(int32_t flags) {
  return flags == wire::kFlagEphemeral || flags == wire::kFlagEphemeralSequential;
}

// Of the results of a multi, up to the first that is no success.
std::vector<CreatedPath> created_in_multi(const PlannedRequest& request, std::string_view reply) {
  wire::Reader asked(request.body), in(reply);
  std::vector<wire::SubRequest> subs;
  std::vector<CreatedPath> created;
  if (!wire::read_multi(asked, false, subs)) return created;
  for (const wire::SubRequest& sub : subs) {
    wire::MultiHeader header;
    wire::read(in, header);
    if (!in.ok() || header.done) break;
    const auto type = static_cast<OpCode>(header.type);
    wire::Stat stat;
    if (is_create(type)) {
      const auto* create = std::get_if<wire::CreateRequest>(&sub.body);
      created.push_back({std::string(in.buffer()), create && is_ephemeral(create->flags)});
      if (type != OpCode::kCreate) wire::read(in, stat);
    } else if (type == OpCode::kSetData) {
      wire::read(in, stat);
    } else if (type == OpCode::kError) {
      break;
    }
  }
  return created;
}

}  // namespace

bool makes_transaction(int32_t type, int32_t err) {
  if (std::find(std::begin(kWrites), std::end(kWrites), static_cast<OpCode>(type)) ==
      std::end(kWrites)) {
    return false;
  }
  if (err == 0) return true;
  using wire::ErrorCode;
  static constexpr ErrorCode kWithout[] = {
      ErrorCode::kSessionExpired, ErrorCode::kSessionMoved, ErrorCode::kNotReadOnly,
      ErrorCode::kSessionClosedRequireSaslAuth, ErrorCode::kThrottledOp};
  // Of the others those that concern nodes are written down as the request's error.
  constexpr int32_t kFirstOfNodes = -100;
  const auto code = static_cast<ErrorCode>(err);
  return code == ErrorCode::kBadArguments ||
         (err <= kFirstOfNodes &&
          std::find(std::begin(kWithout), std::end(kWithout), code) == std::end(kWithout));
}

bool begins_with_zxid(int32_t type) {
  return type == static_cast<int32_t>(OpCode::kSetWatches) ||
         type == static_cast<int32_t>(OpCode::kSetWatches2);
}

bool is_aside(int32_t type) {
  return type == static_cast<int32_t>(OpCode::kAuth) || type == static_cast<int32_t>(OpCode::kSasl);
}

std::vector<std::string> paths_of(const PlannedRequest& request) {
  const auto type = static_cast<OpCode>(request.type);
  wire::Reader in(request.body);
  std::vector<std::string> paths;
  if (type == OpCode::kMulti || type == OpCode::kMultiRead) {
    std::vector<wire::SubRequest> subs;
    wire::read_multi(in, type == OpCode::kMultiRead, subs);
    for (const wire::SubRequest& sub : subs) {
      std::visit([&](const auto& body) { paths.emplace_back(body.path); }, sub.body);
    }
  } else if (has_path_first(type)) {
    const wire::NullableView path = in.nullable();
    if (path && path->starts_with('/')) paths.emplace_back(*path);
  }
  return paths;
}

std::vector<CreatedPath> created_paths(const PlannedRequest& request, std::string_view reply) {
  const auto type = static_cast<OpCode>(request.type);
  if (type == OpCode::kMulti) return created_in_multi(request, reply);
  if (!is_create(type)) return {};
  wire::Reader asked(request.body), in(reply);
  wire::CreateRequest create;
  if (!wire::read_create(asked, type, create)) return {};
  std::string path(in.buffer());
  if (!in.ok()) return {};
  return {{std::move(path), is_ephemeral(create.flags)}};
}

std::string describe(const Exchange& exchange) {
  if (!exchange.handshake) return describe(exchange.request);
  const wire::ConnectRequest& asked = *exchange.handshake;
  const auto id = static_cast<uint64_t>(asked.session_id.value);
  return id == 0 ? fmt::format("connect: new session, time-out {} ms", asked.timeout_ms)
                 : fmt::format("connect: attach to session 0x{:x}, time-out {} ms", id,
                               asked.timeout_ms);
}

}  // namespace zooid::cli
