// The requests of a client connection: which wait, which go to the replica, and the replies in
// order.
#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "base/step_part.h"
#include "server/client_connection.h"
#include "server/client_reads.h"
#include "state/eager_acl.h"
#include "state/reads.h"
#include "wire/request.h"

namespace zooid::server {
namespace {

constexpr size_t kHeaderBytes = 8;
// The hash, and a look at all identities that are there.
constexpr size_t kAuthWork = 8;
// ZooKeeper writes no zxid into replies to auth and sasl.
constexpr int64_t kAuthZxid = 0;

void write_sync_reply(std::string& out, const QueuedRequest& request, int64_t zxid) {
  wire::Reader in(request.body);
  wire::PathRequest path;
  const size_t begun = begin_reply(out, request.xid, zxid);
  const bool ok = wire::read_path(in, path);
  if (ok) wire::Writer(out).buffer(path.path);
  finish_reply(out, begun, ok ? wire::ErrorCode::kOk : wire::ErrorCode::kMarshallingError);
}

}  // namespace

void ClientConnection::on_request(std::string_view frame) {
  if (frame.size() < kHeaderBytes) {
    MARK("client.no_header");
    core_.tell_mistake(ClientMistake::kUnreadable, peer(), session_,
                       fmt::format("a request of {} bytes has no header", frame.size()));
    return close();
  }
  wire::Reader in(frame);
  const int32_t xid = in.i32();
  const auto type = static_cast<wire::OpCode>(in.i32());
  const std::string_view body = in.rest();
  ++counters_.received;
  ++core_.counters.received;
  if (core_.refuses_large(body.size())) {
    MARK("client.large_request_refused");
    core_.tell_mistake(
        ClientMistake::kLargeRequests, peer(), session_,
        fmt::format("with its request of {} bytes all large ones would take more than "
                    "largeRequestMaxBytes, {}",
                    frame.size(), core_.config.large_request_max_bytes));
    return close();
  }
  step_part("client", short_op_name(type));
  switch (classify(type)) {
    case RequestClass::kAuth:
      return authenticate(xid, body);
    case RequestClass::kSasl:
      return answer_sasl(xid);
    case RequestClass::kRead:
    case RequestClass::kWrite:
      break;
  }
  if (core_.throttle.holds_back(core_.outstanding())) [[unlikely]] {
    return hold_back(xid, type, body);
  }
  // The time at which its bytes were read; asking the clock for each read would cost as much as
  // some reads do.
  carry_out({xid, type, body, ids_, last_heard_us_}, Now{last_heard_us_, 0});
}

void ClientConnection::hold_back(int32_t xid, wire::OpCode type, std::string_view body) {
  core_.hold_back(
      {id_, session_, timeout_ms_, xid, type, std::string(body), ids_, core_.clock.now().mono_us});
  pause_if_over_limit();
}

void ClientConnection::on_released(const ThrottledRequest& request, bool is_refused, Now now) {
  if (state_ == State::kOpening) return ask_for_session();
  ASSERT(state_ == State::kOpen);
  ArrivedRequest arrived{request.xid, request.type, request.body, request.ids, request.received_us};
  const bool is_read_only_error = core_.is_read_only && is_refused_read_only(request.type);
  if (is_refused && is_known(request.type) && !is_read_only_error) {
    arrived.refusal = wire::ErrorCode::kThrottledOp;
  }
  carry_out(arrived, now);
  check_backlog();
}

bool ClientConnection::fails_eager_check(ArrivedRequest& request) const {
  if (!core_.config.eager_acl_check || !core_.config.is_ensemble()) return false;
  const auto err = state::eager_acl_error({*core_.database, core_.auth, *request.ids}, request.type,
                                          request.body);
  if (err == wire::ErrorCode::kOk) return false;
  MARK("client.eager_acl_error");
  request.refusal = err;
  return true;
}

void ClientConnection::carry_out(ArrivedRequest request, Now now) {
  const wire::OpCode type = request.type;
  if (classify(type) == RequestClass::kRead || (core_.is_read_only && is_refused_read_only(type))) {
    return read(request, now);
  }
  // As in ZooKeeper 3.9 one that cannot be read makes no transaction.
  const bool is_read = fails_eager_check(request) || request.refusal != wire::ErrorCode::kOk ||
                       !wire::write_is_readable(type, request.body);
  return is_read ? read(request, now) : write(request);
}

void ClientConnection::read(const ArrivedRequest& request, Now now) {
  // Out of the throttle it may come while the backlog is too large for another reply.
  if (!queue_.empty() || (pauses_ & kBacklog) != 0 ||
      must_wait_for_room(request.type, request.body)) {
    QueuedRequest& waiting = enqueue(request, QueuedRequest::State::kWaitingRead);
    waiting.body = request.body;
    waiting.ids = request.ids;
    waiting.refusal = request.refusal;
    ++waiting_reads_;
    return;
  }
  RestoreProgress progress;
  const ReadOutcome outcome =
      execute_read(core_,
                   ClientRead{request.xid, request.type, request.body, request.ids, session_,
                              slot_of(id_), progress, request.refusal},
                   stream_->output());
  counters_.sent += outcome.events;
  core_.counters.sent += outcome.events;
  if (!outcome.is_finished) {
    QueuedRequest& unfinished = enqueue(request, QueuedRequest::State::kWaitingRead);
    unfinished.body = request.body;
    unfinished.ids = request.ids;
    unfinished.progress = progress;
    ++waiting_reads_;
    return wait_for_turn();
  }
  count_reply(request.xid, request.type, outcome.reply_bytes,
              (now.mono_us - request.received_us) / 1000, now);
}

void ClientConnection::write(const ArrivedRequest& request) {
  if (waiting_reads_ > 0) {
    QueuedRequest& held = enqueue(request, QueuedRequest::State::kHeldWrite);
    held.body = request.body;
    held.ids = request.ids;
    return;
  }
  QueuedRequest& forwarded = enqueue(request, QueuedRequest::State::kForwarded);
  if (request.type == wire::OpCode::kSync) forwarded.body = request.body;
  forward(request.xid, request.type, std::string(request.body), request.ids);
}

void ClientConnection::forward(int32_t xid, wire::OpCode type, std::string body,
                               const wire::AuthPtr& ids) {
  core_.replica.push(ClientWrite{Origin{core_.id, id_}, session_, xid, type, std::move(body), ids});
}

QueuedRequest& ClientConnection::enqueue(const ArrivedRequest& arrived,
                                         QueuedRequest::State state) {
  QueuedRequest& request = queue_.push();
  request.xid = arrived.xid;
  request.type = arrived.type;
  request.state = state;
  request.received_us = arrived.received_us;
  request.charged_bytes = arrived.body.size();
  core_.charge(arrived.body.size());
  pause_if_over_limit();
  return request;
}

void ClientConnection::pause_if_over_limit() {
  if (!core_.is_over_limit() || (pauses_ & kOutstanding) != 0) return;
  MARK("client.outstanding_pause");
  pause(kOutstanding);
  core_.note_throttled(id_);
  ++core_.counters.outstanding_limit_hit;
  if (core_.may_tell(RareEvent::kOutstandingLimit)) {
    log::info(
        "too many requests are outstanding: clients are read again as they are answered "
        "outstanding={} globalOutstandingLimit={}",
        core_.outstanding(), core_.config.global_outstanding_limit);
  }
}

// Handled at once, without waiting for earlier requests, as ZooKeeper does (client-protocol 8.1).
void ClientConnection::authenticate(int32_t xid, std::string_view body) {
  wire::Reader in(body);
  wire::AuthRequest request;
  ++counters_.sent;
  ++core_.counters.sent;
  if (!wire::read_auth(in, request)) {
    write_header_frame(stream_->output(), xid, core_.zxid(), wire::ErrorCode::kMarshallingError);
    return;
  }
  auto added = state::authenticate(core_.auth, request.scheme, request.auth, peer().host);
  if (!added) {
    MARK("client.auth_failed");
    ++core_.counters.auth_failed;
    core_.tell_mistake(ClientMistake::kAuthentication, peer(), session_,
                       fmt::format("authentication failed, scheme '{}'", request.scheme));
    write_header_frame(stream_->output(), xid, kAuthZxid, wire::ErrorCode::kAuthFailed);
    return close();
  }
  core_.turns.spend(kAuthWork);
  if (!add_identities(*added)) {
    MARK("client.too_many_identities");
    ++core_.counters.identity_limit_hit;
    if (core_.may_tell(RareEvent::kIdentityLimit)) {
      log::warn("a connection has too many identities: closed address={} session=0x{:x}",
                peer().text(), static_cast<uint64_t>(session_.value));
    }
    write_header_frame(stream_->output(), xid, kAuthZxid, wire::ErrorCode::kAuthFailed);
    return close();
  }
  write_header_frame(stream_->output(), xid, kAuthZxid, wire::ErrorCode::kOk);
}

bool ClientConnection::add_identities(std::vector<wire::Id>& added) {
  std::erase_if(added, [&](const wire::Id& id) {
    return std::find(ids_->begin(), ids_->end(), id) != ids_->end();
  });
  if (added.empty()) return true;
  size_t bytes = identity_bytes_;
  for (const wire::Id& id : added) bytes += kIdentityBytes + id.scheme.size() + id.id.size();
  if (bytes > kIdentityBytesMax) return false;
  identity_bytes_ = bytes;
  // Requests that wait keep the identities they came with; else the list just grows. It was made
  // below, as one that may be changed, unless it is the address's own, which the limits hold, too.
  const bool is_shared = ids_.use_count() > 1;
  const auto ids = is_shared ? std::make_shared<std::vector<wire::Id>>(*ids_)
                             : std::const_pointer_cast<std::vector<wire::Id>>(ids_);
  ids->insert(ids->end(), std::make_move_iterator(added.begin()),
              std::make_move_iterator(added.end()));
  ids_ = ids;
  return true;
}

// No SASL is configured: a null token, after which clients go on unauthenticated (8.2).
void ClientConnection::answer_sasl(int32_t xid) {
  std::string& out = stream_->output();
  const size_t begun = begin_reply(out, xid, kAuthZxid);
  wire::Writer(out).null_buffer();
  finish_reply(out, begun, wire::ErrorCode::kOk);
  ++counters_.sent;
  ++core_.counters.sent;
}

// ---- replies ----

QueuedRequest* ClientConnection::find_forwarded(int32_t xid, wire::OpCode type) {
  for (size_t i = 0; i < queue_.size(); ++i) {
    QueuedRequest& request = queue_[i];
    if (request.state == QueuedRequest::State::kForwarded && request.xid == xid &&
        request.type == type) {
      return &request;
    }
  }
  return nullptr;
}

template <class WriteFrame>
void ClientConnection::answer(QueuedRequest& request, Now now, WriteFrame write_frame) {
  if (&request != &queue_.front()) {
    // A sync that is older is not done yet.
    MARK("client.reply_kept");
    std::string frame;
    write_frame(frame, request);
    request.body = std::move(frame);
    request.state = QueuedRequest::State::kAnswered;
    return;
  }
  std::string& out = stream_->output();
  const size_t before = out.size();
  write_frame(out, request);
  pop_front(out.size() - before, now);
  while (!queue_.empty() && queue_.front().state == QueuedRequest::State::kAnswered) {
    const QueuedRequest& kept = queue_.front();
    const size_t begun = out.size();
    if (kept.body.empty()) {
      write_header_frame(out, kept.xid, core_.told_zxid(), wire::ErrorCode::kOk);
    } else {
      out.append(kept.body);
    }
    pop_front(out.size() - begun, now);
  }
  schedule_if_ready();
  check_backlog();
}

void ClientConnection::pop_front(size_t reply_bytes, Now now) {
  const QueuedRequest& request = queue_.front();
  const bool is_last = request.type == wire::OpCode::kCloseSession;
  constexpr size_t kLengthBytes = 4;
  ASSERT(reply_bytes > kLengthBytes);
  count_reply(request.xid, request.type, reply_bytes - kLengthBytes,
              (now.mono_us - request.received_us) / 1000, now);
  core_.discharge(request.charged_bytes);
  queue_.pop();
  if (is_last) close();
}

void ClientConnection::schedule_if_ready() {
  if (ready_ || queue_.empty() || state_ != State::kOpen) return;
  if (queue_.front().state == QueuedRequest::State::kForwarded) return;
  ready_ = true;
  core_.note_ready(id_);
}

void ClientConnection::on_reply(const state::Applied& applied, const Reply& reply, Now now) {
  if (reply.type == wire::OpCode::kCreateSession) {
    if (state_ != State::kOpening) return;
    if (applied.err != wire::ErrorCode::kOk) return close();
    counters_.last_op = short_op_name(reply.type);
    counters_.last_zxid = applied.header.zxid.value;
    counters_.last_response_ms = now.mono_us / 1000;
    return establish(applied.header.session, now);
  }
  QueuedRequest* request = find_forwarded(reply.xid, reply.type);
  if (request == nullptr) {
    MARK("client.reply_without_request");
    return;
  }
  // Never told as an error: the client has another connection by now (client-protocol 2.3).
  if (applied.err == wire::ErrorCode::kSessionMoved) return close();
  const wire::ErrorCode err =
      applied.err == wire::ErrorCode::kSessionExpired ? reply.instead_of_expired : applied.err;
  answer(*request, now, [&](std::string& out, const QueuedRequest& answered) {
    const size_t begun = begin_reply(out, answered.xid, applied.header.zxid.value);
    if (err == wire::ErrorCode::kOk) state::write_result(applied, reply.type, out);
    finish_reply(out, begun, err);
  });
}

// Behind an older write whose reply names a later zxid it must not name an earlier one: a kept one
// is made when it is sent.
void ClientConnection::on_local_reply(const LocalReply& reply, Now now) {
  QueuedRequest* request = find_forwarded(reply.xid, reply.type);
  if (request == nullptr) return;
  if (request != &queue_.front()) {
    MARK("client.local_reply_kept");
    request->body.clear();
    request->state = QueuedRequest::State::kAnswered;
    return;
  }
  answer(*request, now, [&](std::string& out, const QueuedRequest& answered) {
    write_header_frame(out, answered.xid, core_.told_zxid(), wire::ErrorCode::kOk);
  });
}

void ClientConnection::on_sync_done(const SyncDone& done, Now now) {
  QueuedRequest* request = find_forwarded(done.xid, wire::OpCode::kSync);
  if (request == nullptr) return;
  answer(*request, now, [&](std::string& out, const QueuedRequest& answered) {
    write_sync_reply(out, answered, done.zxid.value);
  });
}

void ClientConnection::advance(Now now) {
  ready_ = false;
  if (state_ != State::kOpen) return;
  resume(kHandshake);
  run_waiting_reads(now);
  for (size_t i = 0; i < queue_.size(); ++i) {
    QueuedRequest& request = queue_[i];
    if (request.state == QueuedRequest::State::kWaitingRead) break;
    if (request.state != QueuedRequest::State::kHeldWrite) continue;
    request.state = QueuedRequest::State::kForwarded;
    std::string body;
    if (request.type == wire::OpCode::kSync) {
      body = request.body;
    } else {
      body.swap(request.body);
    }
    forward(request.xid, request.type, std::move(body), request.ids);
    request.ids.reset();
  }
}

void ClientConnection::run_waiting_reads(Now now) {
  const auto is_read_next = [&] {
    return state_ == State::kOpen && !queue_.empty() && (pauses_ & kBacklog) == 0 &&
           queue_.front().state == QueuedRequest::State::kWaitingRead;
  };
  if (!is_read_next()) return;
  if (!core_.turns.begin()) return wait_for_turn();
  while (is_read_next()) {
    if (core_.turns.is_over()) return wait_for_turn();
    QueuedRequest& request = queue_.front();
    if (must_wait_for_room(request.type, request.body)) return;
    step_part("client", short_op_name(request.type));
    std::string& out = stream_->output();
    const size_t before = out.size();
    const ReadOutcome outcome =
        execute_read(core_,
                     ClientRead{request.xid, request.type, request.body, request.ids, session_,
                                slot_of(id_), request.progress, request.refusal},
                     out);
    counters_.sent += outcome.events;
    core_.counters.sent += outcome.events;
    if (!outcome.is_finished) {
      check_backlog();
      return wait_for_turn();
    }
    --waiting_reads_;
    pop_front(out.size() - before, now);
    check_backlog();
  }
}

void ClientConnection::count_reply(int32_t xid, wire::OpCode type, size_t bytes, int64_t waited_ms,
                                   Now now) {
  ++counters_.sent;
  ++core_.counters.sent;
  core_.turns.spend_bytes(bytes);
  counters_.latency.add(waited_ms);
  core_.counters.latency.add(waited_ms);
  core_.counters.add_response(static_cast<int64_t>(bytes));
  counters_.last_op = short_op_name(type);
  if (xid >= 0) counters_.last_cxid = xid;
  counters_.last_zxid = core_.zxid();
  counters_.last_response_ms = now.mono_us / 1000;
  counters_.last_latency_ms = waited_ms;
}

}  // namespace zooid::server
