#include "cli/crosscheck_shadow_connection.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "cli/crosscheck_frames.h"

namespace zooid::cli {
namespace {

using wire::OpCode;

constexpr int64_t kConnectTimeoutMs = 5'000;

}  // namespace

ShadowConnection::ShadowConnection(World& world, std::string name, env::Endpoint candidate)
    : world_(world), name_(std::move(name)), candidate_(std::move(candidate)) {}

ShadowConnection::~ShadowConnection() {
  while (!pending_.empty()) forget(pending_.begin());
}

void ShadowConnection::send_frame(std::string_view body) {
  std::string& out = stream_->output();
  const size_t begun = wire::begin_frame(out);
  out.append(body);
  wire::end_frame(out, begun);
}

void ShadowConnection::replay(Exchange exchange) {
  if (may_end_) return world_.judge.not_replayed(exchange.request);
  if (closed_) return world_.lost(name_, describe(exchange));
  std::string frame;
  wire::Writer out(frame);
  if (exchange.handshake) {
    ASSERT(stream_ == nullptr);
    stream_ = world_.network.connect(candidate_, kConnectTimeoutMs, *this);
    write(out, world_.judge.handshake_for_candidate(exchange));
  } else {
    ASSERT(stream_ != nullptr);
    write(out, wire::RequestHeader{exchange.request.xid, exchange.request.type});
    frame += world_.judge.body_for_candidate(exchange.request);
  }
  send_frame(frame);
  ++world_.in_flight.all;
  world_.in_flight.bytes += exchange.bytes();
  if (exchange.is_write()) ++writes_, ++world_.in_flight.writes;
  pending_.push_back({std::move(exchange), world_.clock.now().mono_us});
}

void ShadowConnection::forget(std::deque<Pending>::iterator pending) {
  const Exchange& exchange = pending->exchange;
  ASSERT(world_.in_flight.all > 0);
  --world_.in_flight.all;
  world_.in_flight.bytes -= exchange.bytes();
  if (exchange.is_write()) --writes_, --world_.in_flight.writes;
  pending_.erase(pending);
}

void ShadowConnection::event_of_reference(const wire::ReplyHeader& header, std::string_view body) {
  ProxyEvent event = world_.judge.event_of_reference(header, body);
  event.replies_before = replies_of_reference_;
  event.came_us = world_.clock.now().mono_us;
  events_.add_of_reference(std::move(event));
}

void ShadowConnection::reference_replies(const PlannedRequest& request,
                                         const wire::ReplyHeader& header, std::string_view body) {
  if (is_aside(request.type)) return;
  if (makes_transaction(request.type, header.err)) {
    std::vector<std::string> paths = paths_of(request);
    for (CreatedPath& created : created_paths(request, body)) {
      paths.push_back(std::move(created.path));
    }
    events_.reference_replies(replies_of_reference_, paths);
  }
  ++replies_of_reference_;
}

void ShadowConnection::match_events() {
  events_.match([this](const EventPairs::Judged& judged) {
    world_.judge.event(name_, judged, world_.clock.now().mono_us);
  });
}

void ShadowConnection::decide_events(int64_t before_us) {
  // What has not come on a connection that ended will not come.
  if (closed_) before_us = kNever;
  events_.decide_overdue(before_us, is_over_, [this](const EventPairs::Judged& judged) {
    world_.judge.event(name_, judged, world_.clock.now().mono_us);
  });
}

void ShadowConnection::on_bytes(std::string_view bytes) {
  input_.append(bytes);
  const bool is_sound = take_frames(input_, [this](std::string_view frame) { on_frame(frame); });
  if (is_sound) return;
  world_.judge.difference({ProxyFinding::Kind::kDifference, name_, "the stream", "frames",
                           "bytes that are no frame", ""});
  input_.clear();
}

void ShadowConnection::on_closed(const Error&) {
  closed_ = true;
  closed_us_ = world_.clock.now().mono_us;
  if (!pending_.empty() && !may_end_) world_.lost(name_, oldest());
}

void ShadowConnection::on_handshake(std::string_view frame) {
  wire::Reader in(frame);
  wire::ConnectResponse response;
  wire::read(in, response);
  world_.judge.handshake(name_, pending_.front().exchange, response, world_.clock.now().mono_us);
  forget(pending_.begin());
  if (response.session_id.value != 0) return;
  // What was sent behind a refused handshake is never answered.
  may_end_ = true;
  while (!pending_.empty()) {
    world_.judge.not_replayed(pending_.front().exchange.request);
    forget(pending_.begin());
  }
}

void ShadowConnection::on_frame(std::string_view frame) {
  constexpr size_t kReplyHeaderBytes = 16;
  if (!pending_.empty() && pending_.front().exchange.handshake) return on_handshake(frame);
  wire::Reader in(frame);
  wire::ReplyHeader header;
  wire::read(in, header);
  if (frame.size() < kReplyHeaderBytes) {
    world_.judge.difference({ProxyFinding::Kind::kDifference, name_, "the stream", "replies",
                             "a frame without header", ""});
    return;
  }
  if (header.xid != wire::kXidNotification) return on_reply(header, in.rest());
  ProxyEvent event = world_.judge.event_of_candidate(header, in.rest());
  event.replies_before = replies_of_candidate_;
  event.came_us = world_.clock.now().mono_us;
  events_.add_of_candidate(std::move(event));
  match_events();
}

void ShadowConnection::on_reply(const wire::ReplyHeader& header, std::string_view body) {
  const auto pending = std::find_if(pending_.begin(), pending_.end(), [&](const Pending& one) {
    return one.exchange.request.xid == header.xid;
  });
  if (pending == pending_.end()) {
    const std::string expected =
        pending_.empty() ? "nothing" : "the reply to " + describe(pending_.front().exchange);
    world_.judge.difference({ProxyFinding::Kind::kDifference, name_,
                             "a reply that was not asked for", expected,
                             fmt::format("xid={} err={}", header.xid, header.err), ""});
    return;
  }
  const bool aside = is_aside(pending->exchange.request.type);
  std::string remark;
  if (!aside && pending != pending_.begin() && !is_aside(pending_.front().exchange.request.type)) {
    remark += " overtook-a-request";
  }
  if (header.zxid > 0) {
    if (header.zxid < last_zxid_) remark += " its-zxid-goes-back";
    last_zxid_ = std::max(last_zxid_, header.zxid);
  }
  if (pending->exchange.request.type == static_cast<int32_t>(OpCode::kCloseSession)) {
    may_end_ = true;
  }
  if (!aside) events_.candidate_replies(replies_of_candidate_++);
  world_.judge.reply(name_, pending->exchange, header, body, remark, world_.clock.now().mono_us);
  forget(pending);
}

}  // namespace zooid::cli
