#include "server/client_connection.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "server/client_reads.h"
#include "server/four_letter_words.h"
#include "server/reply_estimate.h"

namespace zooid::server {
namespace {

constexpr size_t kLengthBytes = 4;
constexpr size_t kNoWord = SIZE_MAX;
constexpr size_t kPasswordBytes = 16;

int32_t load_i32(const char* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof(value));
  return static_cast<int32_t>(std::byteswap(value));
}

}  // namespace

ClientConnection::ClientConnection(ShardCore& core, ConnectionId id,
                                   std::unique_ptr<env::Stream> stream, Now now)
    : core_(core),
      id_(id),
      stream_(std::move(stream)),
      last_heard_us_(now.mono_us),
      established_wall_ms_(now.wall_ms),
      ids_(core.limits.identities(stream_->peer().host)) {
  check_at(now.mono_us + kSessionlessUs);
  stream_->limit_reads(core_.read_bytes_max());
}

ClientConnection::~ClientConnection() = default;

// ---- input ----

void ClientConnection::on_bytes(std::string_view bytes) {
  core_.take_messages_if_any();
  if (state_ == State::kClosed || state_ == State::kCommand || core_.is_condemned(id_)) return;
  core_.counters.bytes_received += bytes.size();
  if (state_ == State::kOpen) {
    last_heard_us_ = core_.clock.now().mono_us;
    touch();
  }
  if (!incoming_.empty() || pauses_ != 0) {
    const size_t before = incoming_.size();
    incoming_.append(bytes);
    count_incoming(before, before == 0);
    if (pauses_ == 0) consume_buffered();
    return;
  }
  const size_t used = consume(bytes);
  if (used < bytes.size() && state_ != State::kClosed) {
    incoming_.assign(bytes.substr(used));
    count_incoming(0, true);
  }
}

void ClientConnection::consume_buffered() {
  const size_t used = consume(incoming_);
  if (state_ == State::kClosed) return;
  const size_t before = incoming_.size();
  incoming_.erase(0, used);
  count_incoming(before, used > 0);
}

void ClientConnection::count_incoming(size_t bytes_before, bool is_begun) {
  if (is_begun) incoming_since_us_ = core_.clock.now().mono_us;
  core_.count_incoming(bytes_before, incoming_.size());
}

void ClientConnection::wait_for_turn() {
  pause(kTurn);
  if (in_line_) return;
  MARK("client.waits_for_turn");
  in_line_ = true;
  core_.turns.stand_in_line(id_);
}

void ClientConnection::take_turn(Now now) {
  in_line_ = false;
  if (long_answer_ != nullptr) return go_on_with_answer();
  advance(now);
  if (!in_line_) resume(kTurn);
}

size_t ClientConnection::consume(std::string_view bytes) {
  if (!core_.turns.begin()) {
    wait_for_turn();
    return 0;
  }
  size_t at = 0;
  while (pauses_ == 0 && state_ != State::kClosed && bytes.size() - at >= kLengthBytes) {
    if (state_ == State::kFresh) [[unlikely]] {
      const size_t used = begin_command(bytes);
      if (used != kNoWord) return used;
    }
    const int32_t length = load_i32(bytes.data() + at);
    if (length <= 0 || length > core_.config.jute_max_buffer) {
      MARK("client.bad_frame_length");
      tell_bad_length(length, bytes.substr(at));
      close();
      break;
    }
    const size_t frame_bytes = kLengthBytes + static_cast<size_t>(length);
    if (bytes.size() - at < frame_bytes) break;
    if (core_.turns.is_over()) {
      wait_for_turn();
      break;
    }
    const std::string_view frame = bytes.substr(at + kLengthBytes, frame_bytes - kLengthBytes);
    at += frame_bytes;
    core_.turns.spend_bytes(frame_bytes);
    if (state_ == State::kOpen) [[likely]] {
      on_request(frame);
      check_backlog();
    } else {
      on_connect(frame);
    }
  }
  return at;
}

// What the four bytes that are no length say of their sender.
void ClientConnection::tell_bad_length(int32_t length, std::string_view bytes) {
  static constexpr std::string_view kHttp[] = {"GET ", "POST", "PUT ", "HEAD", "DELE",
                                               "OPTI", "CONN", "PATC", "PRI "};
  constexpr std::string_view kTlsHandshake = "\x16\x03";
  const std::string_view first = bytes.substr(0, kLengthBytes);
  if (state_ == State::kFresh) {
    const bool is_http = std::ranges::find(kHttp, first) != std::end(kHttp);
    if (is_http || first.starts_with(kTlsHandshake)) {
      MARK("client.foreign_protocol");
      return core_.tell_mistake(
          ClientMistake::kForeignProtocol, peer(), kNoSession,
          is_http ? "it speaks HTTP, this is the port of ZooKeeper's clients"
                  : "it begins a TLS handshake, this port takes connections without TLS");
    }
  }
  // A scanner on the same host must not hide what a client does.
  const auto kind =
      session_ == kNoSession ? ClientMistake::kFrameOfNobody : ClientMistake::kFrameLength;
  core_.tell_mistake(
      kind, peer(), session_,
      length > 0 ? fmt::format("a request of {} bytes is longer than jute.maxbuffer, {}", length,
                               core_.config.jute_max_buffer)
                 : fmt::format("a request of {} bytes cannot be; it does not speak ZooKeeper's "
                               "protocol, or has lost its place in it",
                               length));
}

size_t ClientConnection::begin_command(std::string_view bytes) {
  const std::string_view word = bytes.substr(0, kLengthBytes);
  if (!is_four_letter_word(word)) return kNoWord;
  const size_t argument_bytes = word_argument_bytes(word);
  if (bytes.size() < kLengthBytes + argument_bytes) return 0;
  state_ = State::kCommand;
  std::memcpy(&word_, word.data(), sizeof(word_));
  ++counters_.received;
  ++core_.counters.received;
  if (auto inspect = facts_wanted(core_, word)) {
    inspect->origin = Origin{core_.id, id_};
    core_.replica.push(*inspect);
    check_at(core_.clock.now().mono_us + kFactsWaitUs);
    return bytes.size();
  }
  answer_command(bytes.substr(kLengthBytes, argument_bytes), nullptr);
  return bytes.size();
}

void ClientConnection::answer_command(std::string_view argument, const ReplicaFacts* facts) {
  ASSERT(state_ == State::kCommand && long_answer_ == nullptr);
  char word[sizeof(word_)];
  std::memcpy(word, &word_, sizeof(word_));
  std::optional<LongAnswer> list;
  stream_->output() += answer_word(core_, {word, sizeof(word)}, argument, facts, list);
  if (!list) return close();
  long_answer_ = std::make_unique<LongAnswer>(std::move(*list));
  go_on_with_answer();
}

void ClientConnection::go_on_with_answer() {
  if (!write_slice(core_, *long_answer_, stream_->output())) return close();
  MARK("words.list_in_slices");
  wait_for_turn();
}

void ClientConnection::on_facts(const ReplicaFacts* facts) {
  if (state_ != State::kCommand || long_answer_ != nullptr) return;
  answer_command({}, facts);
}

// client-protocol 2.1, in its order.
void ClientConnection::on_connect(std::string_view body) {
  ASSERT(state_ == State::kFresh);
  wire::Reader in(body);
  wire::ConnectRequest request;
  wire::read(in, request);
  ++counters_.received;
  ++core_.counters.received;
  if (!in.ok()) {
    MARK("client.unreadable_connect");
    core_.tell_mistake(ClientMistake::kUnreadable, peer(), kNoSession,
                       fmt::format("its connect request of {} bytes cannot be read", body.size()));
    return close();
  }
  if (!core_.is_serving()) return close();
  if (!passes_connection_throttle(request.session_id)) return close();
  if (core_.is_read_only && !request.read_only) {
    MARK("client.wants_no_read_only");
    log::debug("a client that wants no read-only server: closed address={}", peer().text());
    return close();
  }
  if (request.last_zxid_seen > core_.zxid() && !is_planted(PlantedBug::kServeClientFromPast)) {
    MARK("client.zxid_ahead");
    core_.tell_mistake(
        ClientMistake::kZxidAhead, peer(), request.session_id,
        fmt::format("it has seen zxid 0x{:x}, this server is at 0x{:x}: the client was connected "
                    "to a server that is ahead, or to another ensemble",
                    request.last_zxid_seen, core_.zxid()));
    return close();
  }
  const int64_t wish = request.timeout_ms;
  const int64_t low = core_.config.min_session_timeout();
  const int64_t high = std::max(low, core_.config.max_session_timeout());
  timeout_ms_ = static_cast<int32_t>(std::clamp(wish, low, high));
  has_read_only_ = request.has_read_only;
  state_ = State::kOpening;
  last_heard_us_ = core_.clock.now().mono_us;
  pause(kHandshake);
  const Origin origin{core_.id, id_};
  if (request.session_id == kNoSession) {
    if (!core_.throttle.holds_back(core_.outstanding())) return ask_for_session();
    return hold_back(0, wire::OpCode::kCreateSession, {});
  }
  session_ = request.session_id;
  if (core_.is_read_only && core_.database->sessions().contains(session_)) {
    // It may live on elsewhere; only a quorum can tell.
    MARK("client.global_session_at_read_only");
    return close();
  }
  const bool password_ok = request.password == wire::session_password(session_);
  if (!password_ok) {
    core_.tell_mistake(ClientMistake::kPassword, peer(), session_,
                       "it asks for this session with a wrong password, and is told that the "
                       "session has expired");
  }
  core_.replica.push(AttachSession{origin, session_, timeout_ms_, password_ok});
}

bool ClientConnection::passes_connection_throttle(SessionId session) {
  const bool is_local = core_.config.local_sessions_enabled && core_.config.is_ensemble();
  const auto kind = session != kNoSession ? ConnectionThrottle::Session::kRenewed
                    : is_local            ? ConnectionThrottle::Session::kNewLocal
                                          : ConnectionThrottle::Session::kNewGlobal;
  if (core_.connection_throttle.admit(kind, core_.clock.now())) {
    ++core_.counters.connect_requests;
    return true;
  }
  ++core_.counters.connections_rejected;
  if (core_.may_tell(RareEvent::kConnectRefused)) {
    log::warn("connect requests come too fast: refused address={} connection_throttle_tokens={}",
              peer().text(), core_.config.connection_throttle_tokens);
  }
  return false;
}

void ClientConnection::ask_for_session() {
  ASSERT(state_ == State::kOpening);
  if (core_.throttle.is_on()) {
    is_creation_charged_ = true;
    core_.charge(0);
  }
  core_.replica.push(NewSession{Origin{core_.id, id_}, timeout_ms_});
}

void ClientConnection::on_attach_result(const AttachResult& result, Now now) {
  if (state_ != State::kOpening) return;
  if (result.is_ending) {
    MARK("client.session_is_ending");
    return close();
  }
  if (!result.accepted) {
    write_connect_response(0, kNoSession, std::string(kPasswordBytes, '\0'));
    return close();
  }
  if (result.timeout_ms > 0) timeout_ms_ = result.timeout_ms;
  establish(result.session, now);
}

void ClientConnection::write_connect_response(int32_t timeout_ms, SessionId session,
                                              std::string_view password) {
  wire::ConnectResponse response;
  response.timeout_ms = timeout_ms;
  response.session_id = session;
  response.password = password;
  response.has_read_only = has_read_only_;
  response.read_only = core_.is_read_only;
  std::string& out = stream_->output();
  const size_t begun = wire::begin_frame(out);
  wire::Writer writer(out);
  wire::write(writer, response);
  wire::end_frame(out, begun);
  ++counters_.sent;
  ++core_.counters.sent;
}

// Requests that the client sent with its ConnectRequest are handled behind the batch, by advance().
void ClientConnection::establish(SessionId session, Now now) {
  ASSERT(state_ == State::kOpening);
  ASSERT(session != kNoSession);
  if (std::exchange(is_creation_charged_, false)) core_.discharge(0);
  session_ = session;
  state_ = State::kOpen;
  last_heard_us_ = now.mono_us;
  established_wall_ms_ = now.wall_ms;
  write_connect_response(timeout_ms_, session, wire::session_password(session));
  touch();
  check_at(now.mono_us + ms_to_us(timeout_ms_));
  ready_ = true;
  core_.note_ready(id_);
}

// ---- pauses ----

void ClientConnection::pause(Pause reason) {
  if (pauses_ == 0) stream_->pause_reading();
  pauses_ |= reason;
}

void ClientConnection::resume(Pause reason) {
  if (state_ == State::kClosed || (pauses_ & reason) == 0) return;
  pauses_ &= static_cast<uint8_t>(~reason);
  if (pauses_ != 0) return;
  if (!incoming_.empty()) consume_buffered();
  if (pauses_ == 0 && state_ != State::kClosed) stream_->resume_reading();
}

void ClientConnection::check_backlog() {
  if (state_ == State::kClosed) return;
  const size_t backlog = stream_->count_backlog();
  if (backlog <= kBacklogResumeBytes || (pauses_ & kBacklog) != 0) return;
  if (backlog > kBacklogPauseBytes || core_.is_output_full()) pause_for_backlog(backlog);
}

bool ClientConnection::must_wait_for_room(wire::OpCode type, std::string_view body) {
  if (!core_.is_output_full() || !may_be_large(core_, type, body)) return false;
  MARK("client.waits_for_room");
  waits_for_room_ = true;
  if ((pauses_ & kBacklog) == 0) pause_for_backlog(stream_->backlog());
  return true;
}

void ClientConnection::pause_for_backlog(size_t backlog) {
  ASSERT((pauses_ & kBacklog) == 0);
  MARK("client.backlog_pause");
  pause(kBacklog);
  backlog_mark_ = backlog;
  backlog_cap_ = backlog + kBacklogExtraBytes;
  core_.note_slow(id_);
  ++core_.counters.backlog_limit_hit;
  if (core_.may_tell(RareEvent::kBacklogLimit)) {
    log::info("client takes its replies slowly: not read until it does address={} backlog={}",
              peer().text(), backlog);
  }
}

void ClientConnection::resume_after_backlog(Now now) {
  if (state_ == State::kClosed) return;
  backlog_cap_ = SIZE_MAX;
  waits_for_room_ = false;
  last_heard_us_ = now.mono_us;  // it read: that it could not be heard was our doing
  pauses_ &= static_cast<uint8_t>(~kBacklog);
  advance(now);
  if (state_ == State::kClosed || (pauses_ & kBacklog) != 0) return;  // and too much again
  pauses_ |= kBacklog;
  resume(kBacklog);
}

void ClientConnection::deliver(std::string_view frame) {
  if (state_ != State::kOpen || core_.is_condemned(id_)) return;
  const size_t backlog = stream_->backlog();
  if (backlog >= backlog_cap_ || (backlog > kBacklogResumeBytes && core_.is_output_overfull())) {
    return core_.note_overflowing(id_);
  }
  stream_->output().append(frame);
  ++counters_.sent;
  ++core_.counters.sent;
  check_backlog();
}

// ---- time ----

void ClientConnection::touch() {
  if (touched_) return;
  touched_ = true;
  core_.note_touched(id_, session_, timeout_ms_);
}

void ClientConnection::end_touch_period() {
  touched_ = false;
  if (queue_.empty()) queue_.release_memory();
  if (incoming_.empty() || incoming_.capacity() > kIncomingKeptBytes) incoming_.shrink_to_fit();
}

void ClientConnection::check_at(int64_t deadline_us) {
  next_check_us_ = deadline_us;
  core_.deadlines.add(id_, deadline_us);
}

int64_t ClientConnection::expires_us() const {
  if (state_ == State::kFresh || state_ == State::kCommand) return last_heard_us_ + kSessionlessUs;
  const int64_t timeout_us = ms_to_us(timeout_ms_);
  return last_heard_us_ +
         (state_ == State::kOpening ? std::max(timeout_us, kSessionlessUs) : timeout_us);
}

void ClientConnection::on_deadline(Now now) {
  if (state_ == State::kClosed || next_check_us_ > now.mono_us) return;
  if (state_ == State::kCommand) return on_facts(nullptr);
  if (state_ == State::kOpen && pauses_ != 0) {
    // It cannot be heard because it is not read; it lives as long as it takes what it is owed.
    const size_t backlog = stream_->backlog();
    if ((pauses_ & kBacklog) == 0 || waits_for_room_ || backlog < backlog_mark_) {
      backlog_mark_ = backlog;
      last_heard_us_ = now.mono_us;
      touch();
    }
  }
  if (now.mono_us < expires_us()) return check_at(expires_us());
  MARK("client.idle_closed");
  if (state_ == State::kFresh) ++core_.counters.sessionless_expired;
  log::debug("client was silent for too long: closed address={} session=0x{:x}", peer().text(),
             static_cast<uint64_t>(session_.value));
  close();
}

// ---- the end ----

void ClientConnection::on_closed(const Error&) {
  if (state_ != State::kClosed) finish(true);
}

void ClientConnection::close(bool tell_replica) {
  if (state_ == State::kClosed) return;
  stream_->close();
  finish(tell_replica);
}

void ClientConnection::drop() {
  if (state_ == State::kClosed) return;
  stream_->reset();
  finish(true);
}

void ClientConnection::finish(bool tell_replica) {
  ASSERT(state_ != State::kClosed);
  core_.count_incoming(incoming_.size(), 0);
  const bool has_origin = state_ == State::kOpening || state_ == State::kOpen;
  state_ = State::kClosed;
  core_.watches.remove_watcher(slot_of(id_));
  for (; !queue_.empty(); queue_.pop()) core_.discharge(queue_.front().charged_bytes);
  waiting_reads_ = 0;
  if (std::exchange(is_creation_charged_, false)) core_.discharge(0);
  core_.drop_throttled(id_);
  core_.limits.release(peer().host);
  core_.note_closed(id_);
  if (tell_replica && has_origin) {
    core_.replica.push(ConnectionGone{Origin{core_.id, id_}, session_});
  }
}

int ClientConnection::interest() const {
  if (state_ == State::kCommand || state_ == State::kClosed) return 0;
  return (pauses_ == 0 ? 1 : 0) | (stream_->backlog() > 0 ? 4 : 0);
}

}  // namespace zooid::server
