#include "client/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "wire/request.h"

namespace zooid::client {
namespace {

constexpr int64_t kRetryUs = 50'000;
constexpr int64_t kRetryRoundUs = 300'000;
// setWatches requests stay below this, as the reference client's do.
constexpr size_t kSetWatchesBytesMax = 128u * 1024;

}  // namespace

Client::Client(env::Network& network, const env::Clock& clock, uint64_t seed, ClientOptions options)
    : network_(network), clock_(clock), random_(seed), options_(std::move(options)) {
  servers_distinct_ = std::set(options_.servers.begin(), options_.servers.end()).size();
  if (options_.shuffle) next_server_ = random_.below(options_.servers.size());
}

Client::~Client() = default;

void Client::set_state(SessionState state) {
  if (state_ == state) return;
  state_ = state;
  if (on_state_) on_state_(state);
}

void Client::submit(wire::OpCode type, std::string body, ReplyCallback callback) {
  if (is_over()) {
    callback({wire::ErrorCode::kSessionExpired, 0, {}});
    return;
  }
  requests_.push_back({next_xid_++, type, std::move(body), std::move(callback), false});
  send_waiting();
}

void Client::add_auth(std::string scheme, std::string auth, ReplyCallback callback) {
  auths_.push_back({scheme, auth});
  auth_callbacks_.push_back(std::move(callback));
  if (state_ != SessionState::kConnected) return;  // sent behind the handshake
  std::string body;
  wire::Writer out(body);
  wire::write_auth(out, {0, scheme, auth});
  send_frame(wire::kXidAuth, wire::OpCode::kAuth, body);
}

void Client::close(ReplyCallback callback) {
  if (state_ != SessionState::kConnected) {
    stream_.reset();
    set_state(SessionState::kClosed);
    callback({});
    return;
  }
  submit(wire::OpCode::kCloseSession, "", [this, callback](const ReplyView& reply) {
    set_state(SessionState::kClosed);
    callback(reply);
    end_requests();
  });
}

// The session is over: what waits will never be answered.
void Client::end_requests() {
  for (Request& request : std::exchange(requests_, {})) {
    request.callback({wire::ErrorCode::kSessionExpired, 0, {}});
  }
}

void Client::disconnect() {
  lose_connection("disconnected by request");
}

void Client::renew() {
  if (!is_over()) return;
  end_requests();
  session_ = SessionId{0};
  password_.assign(16, '\0');
  negotiated_ms_ = 0;
  auths_.clear();
  auth_callbacks_.clear();
  for (auto& watches : watches_) watches.clear();
  stream_broken_ = true;
  handshaken_ = false;
  ping_at_us_ = dead_at_us_ = kNever;
  connect_at_us_ = 0;
  set_state(SessionState::kConnecting);
}

void Client::remember_watch(WatchKind kind, std::string path) {
  watches_[static_cast<int>(kind)].insert(std::move(path));
}

void Client::forget_watch(WatchKind kind, const std::string& path) {
  watches_[static_cast<int>(kind)].erase(path);
}

void Client::connect_next(Now now) {
  current_ = options_.servers[next_server_++ % options_.servers.size()];
  connect_at_us_ = kNever;
  input_.clear();
  handshaken_ = false;
  is_connected_ = false;
  stream_broken_ = false;
  const int64_t share = options_.session_timeout_ms / static_cast<int64_t>(options_.servers.size());
  answer_limit_ms_ = std::max<int64_t>(share, 500);
  dead_at_us_ = now.mono_us + ms_to_us(answer_limit_ms_);
  stream_ = network_.connect(current_, answer_limit_ms_, *this);
}

void Client::on_connected() {
  is_connected_ = true;
  wire::ConnectRequest request;
  request.last_zxid_seen = last_zxid_;
  request.timeout_ms = options_.session_timeout_ms;
  request.session_id = session_;
  request.password = password_;
  request.has_read_only = true;
  request.read_only = options_.read_only;
  std::string& out = stream_->output();
  const size_t begun = wire::begin_frame(out);
  wire::Writer writer(out);
  wire::write(writer, request);
  wire::end_frame(out, begun);
}

void Client::on_closed(const Error& reason) {
  const bool is_unserved = is_connected_ && !handshaken_;
  lose_connection(is_unserved ? "closed without an answer: it does not serve clients"
                              : reason.message);
}

void Client::lose_connection(const std::string& reason) {
  log::debug("client connection to {} lost: {}", current_.text(), reason);
  stream_broken_ = true;  // destroyed in on_batch: we may be inside its callback
  const bool was_connected = handshaken_;
  if (!was_connected) failures_[current_] = reason;
  handshaken_ = false;
  ping_at_us_ = dead_at_us_ = kNever;
  ++attempts_in_round_;
  const bool round_over = attempts_in_round_ >= options_.servers.size();
  if (round_over || was_connected) attempts_in_round_ = 0;
  connect_at_us_ = clock_.now().mono_us + (was_connected ? 0
                                           : round_over  ? kRetryRoundUs
                                                         : kRetryUs);
  if (is_over()) return;
  set_state(SessionState::kConnecting);
  std::deque<Request> lost;
  while (!requests_.empty() && requests_.front().sent) {
    lost.push_back(std::move(requests_.front()));
    requests_.pop_front();
  }
  for (Request& request : lost) request.callback({wire::ErrorCode::kConnectionLoss, 0, {}});
}

void Client::on_bytes(std::string_view bytes) {
  input_.append(bytes);
  size_t begin = 0;
  while (!stream_broken_ && input_.size() - begin >= 4) {
    wire::Reader in(std::string_view(input_).substr(begin));
    const int32_t length = in.i32();
    if (length < 0 || length > (64 << 20)) return lose_connection("bad frame length");
    if (in.remaining() < static_cast<size_t>(length)) break;
    const std::string_view frame = std::string_view(input_).substr(begin + 4, length);
    begin += 4 + static_cast<size_t>(length);
    handshaken_ ? handle_frame(frame) : handle_handshake(frame);
  }
  input_.erase(0, begin);
  // The time-out is known from the handshake on.
  if (handshaken_) dead_at_us_ = clock_.now().mono_us + ms_to_us(negotiated_ms_) * 2 / 3;
}

void Client::handle_handshake(std::string_view frame) {
  wire::Reader in(frame);
  wire::ConnectResponse response;
  wire::read(in, response);
  if (!in.ok()) return lose_connection("bad handshake");
  if (response.timeout_ms <= 0) {
    stream_broken_ = true;
    set_state(SessionState::kExpired);
    end_requests();
    return;
  }
  handshaken_ = true;
  is_read_only_ = response.read_only;
  failures_.clear();
  attempts_in_round_ = 0;
  session_ = response.session_id;
  password_ = response.password;
  negotiated_ms_ = response.timeout_ms;
  answer_limit_ms_ = negotiated_ms_ * 2 / 3;
  ping_at_us_ = clock_.now().mono_us + ms_to_us(negotiated_ms_) / 3;
  for (const Auth& auth : auths_) {
    std::string body;
    wire::Writer out(body);
    wire::write_auth(out, {0, auth.scheme, auth.auth});
    send_frame(wire::kXidAuth, wire::OpCode::kAuth, body);
  }
  send_watches();
  set_state(SessionState::kConnected);
  send_waiting();
}

void Client::send_watches() {
  wire::SetWatchesRequest request;
  request.relative_zxid = last_zxid_;
  size_t bytes = 0;
  const auto flush = [&] {
    if (bytes == 0) return;
    std::string body;
    wire::Writer out(body);
    wire::write_set_watches(out, wire::OpCode::kSetWatches2, request);
    send_frame(wire::kXidSetWatches, wire::OpCode::kSetWatches2, body);
    request = {};
    request.relative_zxid = last_zxid_;
    bytes = 0;
  };
  std::vector<std::string_view>* lists[] = {&request.data, &request.exist, &request.child,
                                            &request.persistent, &request.persistent_recursive};
  for (int kind = 0; kind < 5; ++kind) {
    for (const std::string& path : watches_[kind]) {
      lists[kind]->push_back(path);
      bytes += path.size() + 4;
      if (bytes > kSetWatchesBytesMax) flush();
    }
  }
  flush();
}

void Client::handle_frame(std::string_view frame) {
  wire::Reader in(frame);
  wire::ReplyHeader header;
  wire::read(in, header);
  if (!in.ok()) return lose_connection("bad reply header");
  if (header.zxid > 0) last_zxid_ = std::max(last_zxid_, header.zxid);
  if (header.xid == wire::kXidPing || header.xid == wire::kXidSetWatches) return;
  if (header.xid == wire::kXidAuth) {
    if (header.err != 0) {
      stream_broken_ = true;
      set_state(SessionState::kAuthFailed);
      end_requests();
    }
    if (auth_callbacks_.empty()) return;
    const ReplyCallback callback = std::move(auth_callbacks_.front());
    auth_callbacks_.pop_front();
    callback({static_cast<wire::ErrorCode>(header.err), header.zxid, {}});
    return;
  }
  if (header.xid == wire::kXidNotification) {
    const auto type = static_cast<wire::EventType>(in.i32());
    in.i32();
    const std::string path(in.buffer());
    if (!in.ok()) return lose_connection("bad event");
    const bool is_child = type == wire::EventType::kNodeChildrenChanged;
    if (!is_child) {
      forget_watch(WatchKind::kData, path);
      forget_watch(WatchKind::kExist, path);
    }
    if (is_child || type == wire::EventType::kNodeDeleted) forget_watch(WatchKind::kChild, path);
    if (on_event_) on_event_({type, path, header.zxid});
    return;
  }
  if (requests_.empty() || requests_.front().xid != header.xid) {
    return lose_connection("reply out of order");
  }
  const Request request = std::move(requests_.front());
  requests_.pop_front();
  request.callback({static_cast<wire::ErrorCode>(header.err), header.zxid, in.rest()});
}

void Client::send_frame(int32_t xid, wire::OpCode type, std::string_view body) {
  std::string& out = stream_->output();
  const size_t begun = wire::begin_frame(out);
  wire::Writer writer(out);
  wire::write(writer, wire::RequestHeader{xid, static_cast<int32_t>(type)});
  writer.raw(body);
  wire::end_frame(out, begun);
}

void Client::send_waiting() {
  if (!handshaken_ || stream_broken_) return;
  for (Request& request : requests_) {
    if (request.sent) continue;
    request.sent = true;
    send_frame(request.xid, request.type, request.body);
  }
}

void Client::on_batch(Now now) {
  if (stream_broken_ && stream_ != nullptr) stream_.reset();
  if (is_over()) {
    stream_.reset();
    return;
  }
  if (stream_ != nullptr && now.mono_us >= dead_at_us_) {
    lose_connection(fmt::format("no answer within {} ms", answer_limit_ms_));
    stream_.reset();
  }
  if (stream_ == nullptr && now.mono_us >= connect_at_us_) connect_next(now);
  if (handshaken_ && now.mono_us >= ping_at_us_) {
    send_frame(wire::kXidPing, wire::OpCode::kPing, "");
    ping_at_us_ = now.mono_us + ms_to_us(negotiated_ms_) / 3;
  }
}

int64_t Client::next_deadline() const {
  if (is_over()) return stream_ == nullptr ? kNever : 0;
  if (stream_broken_ && stream_ != nullptr) return 0;
  return std::min({stream_ == nullptr ? connect_at_us_ : kNever, ping_at_us_, dead_at_us_});
}

namespace {

// Java's client takes the port behind the last colon, none at all for 2181, and nothing else.
Result<uint16_t> parse_port(std::string_view text, std::string_view host) {
  uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || stop != end || text.empty()) {
    return fail(fmt::format("bad port '{}' in {}: expected host:port with a port of 0 to 65535",
                            text, host));
  }
  return port;
}

Result<env::Endpoint> parse_host(std::string_view text) {
  env::Endpoint endpoint{"", 2181};
  if (text.front() == '[') {
    const size_t end = text.rfind(']');
    if (end == std::string_view::npos) {
      return fail(fmt::format("{} starts with '[' but has no matching ']'", text));
    }
    endpoint.host = std::string(text.substr(1, end - 1));
    if (endpoint.host.empty()) return fail(fmt::format("{}: no address in the brackets", text));
    if (end + 1 == text.size()) return endpoint;
    if (text[end + 1] != ':') return fail(fmt::format("{} does not have ':' behind ']'", text));
    TRY_VALUE(port, parse_port(text.substr(end + 2), text));
    endpoint.port = port;
    return endpoint;
  }
  const size_t colon = text.rfind(':');
  endpoint.host = std::string(text.substr(0, colon));
  if (endpoint.host.empty()) return fail(fmt::format("no host in '{}'", text));
  if (colon == std::string_view::npos || colon + 1 == text.size()) return endpoint;
  TRY_VALUE(port, parse_port(text.substr(colon + 1), text));
  endpoint.port = port;
  return endpoint;
}

}  // namespace

Result<std::vector<env::Endpoint>> parse_hosts(std::string_view text, std::string* chroot) {
  const size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    std::string path(text.substr(slash));
    if (path.size() > 1 && (path.back() == '/' || path.find("//") != std::string::npos)) {
      return fail(fmt::format("the chroot {} is no path: expected for example /app", path));
    }
    if (chroot != nullptr) *chroot = path == "/" ? "" : path;
    text = text.substr(0, slash);
  }
  std::vector<env::Endpoint> endpoints;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    std::string_view one = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
    while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
    if (one.empty()) continue;
    TRY_VALUE(endpoint, parse_host(one));
    endpoints.push_back(std::move(endpoint));
  }
  if (endpoints.empty()) return fail("no server given: expected host:port[,host:port...]");
  return endpoints;
}

}  // namespace zooid::client
