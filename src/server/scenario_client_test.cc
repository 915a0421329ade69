// The bodies of scenario_client.h (a test source, so that they are not in the server library).
#include "server/scenario_client.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/assert.h"
#include "server/scenario_ensemble.h"

namespace zooid::server::testing {
namespace {

using wire::OpCode;

const char* event_text(int32_t type) {
  switch (static_cast<wire::EventType>(type)) {
    case wire::EventType::kNodeCreated:
      return "NodeCreated";
    case wire::EventType::kNodeDeleted:
      return "NodeDeleted";
    case wire::EventType::kNodeDataChanged:
      return "NodeDataChanged";
    case wire::EventType::kNodeChildrenChanged:
      return "NodeChildrenChanged";
  }
  return "unknown event";
}

}  // namespace

std::string zxid_text(int64_t zxid) {
  if (zxid == -1) return "-1";
  return fmt::format("{:x}:{:x}", static_cast<uint64_t>(zxid) >> 32, zxid & 0xffffffff);
}

ScenarioClient::ScenarioClient(env::MemoryHost& host, std::string name, SessionNames& names,
                               std::function<void(const std::string&)> tell)
    : name_(std::move(name)), host_(host), names_(names), tell_(std::move(tell)) {
  host_.add_worker(*this);
}

ScenarioClient::~ScenarioClient() {
  host_.kill();
}

void ScenarioClient::connect(const std::string& host, wire::ConnectRequest request) {
  drop();
  request.has_read_only = true;
  if (request.password.empty()) {
    request.password = request.session_id == kNoSession
                           ? std::string(16, '\0')
                           : wire::session_password(request.session_id);
  }
  stream_ = host_.connect({host, kScenarioClientPort}, 5'000, *this);
  std::string frame;
  const size_t begun = wire::begin_frame(frame);
  wire::Writer out(frame);
  wire::write(out, request);
  wire::end_frame(frame, begun);
  stream_->output() += frame;
  host_.wake();
}

void ScenarioClient::send(OpCode type, std::string_view body, const std::string& what) {
  send(next_xid_++, type, body, what);
}

void ScenarioClient::send(int32_t xid, OpCode type, std::string_view body,
                          const std::string& what) {
  if (!stream_) return say("has no connection");
  std::string frame;
  wire::Writer out(frame);
  out.i32(static_cast<int32_t>(8 + body.size()));
  wire::write(out, wire::RequestHeader{xid, static_cast<int32_t>(type)});
  out.raw(body);
  waiting_.push_back({xid, type, what});
  write(frame);
}

void ScenarioClient::write(const std::string& frame) {
  if (holds_) {
    held_ += frame;
    return;
  }
  stream_->output() += frame;
  if (is_established_) ping_at_us_ = host_.now().mono_us + ms_to_us(timeout_ms_ / 3);
  host_.wake();
}

void ScenarioClient::release() {
  holds_ = false;
  if (stream_) write(held_);
  held_.clear();
}

void ScenarioClient::drop() {
  stream_.reset();
  is_established_ = false;
  ping_at_us_ = kNever;
  received_.clear();
  held_.clear();
  waiting_.clear();
}

void ScenarioClient::on_bytes(std::string_view bytes) {
  received_ += bytes;
  while (stream_ && received_.size() >= 4) {
    wire::Reader in(received_);
    const auto length = static_cast<size_t>(in.i32());
    if (received_.size() < 4 + length) return;
    const std::string frame = received_.substr(4, length);
    received_.erase(0, 4 + length);
    is_established_ ? on_frame(frame) : on_connect_response(frame);
  }
}

void ScenarioClient::on_connect_response(std::string_view frame) {
  wire::Reader in(frame);
  wire::ConnectResponse response;
  wire::read(in, response);
  ASSERT(in.ok());
  if (response.timeout_ms <= 0) return say("refused: the session has expired");
  is_established_ = true;
  session_ = response.session_id;
  timeout_ms_ = response.timeout_ms;
  names_.try_emplace(session_, name_);
  ping_at_us_ = host_.now().mono_us + ms_to_us(timeout_ms_ / 3);
  say(fmt::format("session {}, timeout {} ms", names_.at(session_), timeout_ms_));
}

void ScenarioClient::on_frame(std::string_view frame) {
  wire::Reader in(frame);
  wire::ReplyHeader header;
  wire::read(in, header);
  if (header.xid == wire::kXidPing) return;
  if (header.xid == wire::kXidNotification) {
    const int32_t type = in.i32();
    in.i32();
    return say(
        fmt::format("event {} {} at {}", event_text(type), in.buffer(), zxid_text(header.zxid)));
  }
  if (waiting_.empty() || waiting_.front().xid != header.xid) {
    return say(fmt::format("reply to xid {}, which was not the next", header.xid));
  }
  const Request request = std::move(waiting_.front());
  waiting_.pop_front();
  seen_zxid_ = std::max(seen_zxid_, header.zxid);
  const std::string result = header.err == 0
                                 ? reply_text(request, in)
                                 : wire::error_name(static_cast<wire::ErrorCode>(header.err));
  say(fmt::format("{}: {} at {}", request.what, result, zxid_text(header.zxid)));
}

std::string ScenarioClient::owner_text(int64_t owner) const {
  const auto it = names_.find(SessionId{owner});
  return it == names_.end() ? "" : ", ephemeral of " + it->second;
}

std::string ScenarioClient::reply_text(const Request& request, wire::Reader& in) const {
  wire::Stat stat;
  switch (request.type) {
    case OpCode::kCreate:
      return std::string(in.buffer());
    case OpCode::kGetData: {
      const std::string data(in.buffer());
      wire::read(in, stat);
      return fmt::format("\"{}\" version {}{}", data, stat.version,
                         owner_text(stat.ephemeral_owner));
    }
    case OpCode::kExists:
    case OpCode::kSetData:
      wire::read(in, stat);
      return fmt::format("version {}{}", stat.version, owner_text(stat.ephemeral_owner));
    case OpCode::kGetChildren:
    case OpCode::kGetEphemerals: {
      std::vector<std::string> names;
      for (int32_t n = in.i32(); n > 0; --n) names.emplace_back(in.buffer());
      return names.empty() ? "none" : fmt::format("{}", fmt::join(names, " "));
    }
    default:
      return "ok";
  }
}

void ScenarioClient::on_closed(const Error& reason) {
  const bool is_refused = reason.kind == Error::Kind::kRefused;
  drop();
  say(is_refused ? "refused by the host" : "closed by the server");
}

void ScenarioClient::on_batch(Now now) {
  if (!stream_ || !is_established_ || is_silent_ || now.mono_us < ping_at_us_) return;
  std::string frame;
  wire::Writer out(frame);
  out.i32(8);
  wire::write(out, wire::RequestHeader{wire::kXidPing, static_cast<int32_t>(OpCode::kPing)});
  stream_->output() += frame;
  ping_at_us_ = now.mono_us + ms_to_us(timeout_ms_ / 3);
}

int64_t ScenarioClient::next_deadline() const {
  return stream_ && is_established_ && !is_silent_ ? ping_at_us_ : kNever;
}

}  // namespace zooid::server::testing
