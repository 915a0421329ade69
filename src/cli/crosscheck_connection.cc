#include "cli/crosscheck_connection.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"

namespace zooid::cli {
namespace {

constexpr int64_t kConnectTimeoutMs = 5'000;
constexpr size_t kReplyHeaderBytes = 16;

SeenLine line_of(SeenLine::Kind kind, std::string text) {
  SeenLine line;
  line.kind = kind;
  line.text = std::move(text);
  return line;
}

}  // namespace

CrosscheckConnection::CrosscheckConnection(env::Network& network, const env::Endpoint& server,
                                           Normaliser& normaliser)
    : normaliser_(normaliser), stream_(network.connect(server, kConnectTimeoutMs, *this)) {}

void CrosscheckConnection::send_frame(std::string_view body) {
  if (closed_) return;
  std::string& out = stream_->output();
  const size_t begun = wire::begin_frame(out);
  out.append(body);
  wire::end_frame(out, begun);
}

void CrosscheckConnection::send_handshake(const wire::ConnectRequest& request) {
  ASSERT(!awaits_handshake_);
  std::string body;
  wire::Writer out(body);
  write(out, request);
  awaits_handshake_ = true;
  send_frame(body);
}

// Paths in the plan have a stand-in for the root, of the same length, so no other length changes.
void CrosscheckConnection::send(PlannedRequest request) {
  const std::string& root = normaliser_.root();
  ASSERT(root.size() == kPlanRoot.size());
  for (size_t at = request.body.find(kPlanRoot); at != std::string::npos;
       at = request.body.find(kPlanRoot, at + root.size())) {
    request.body.replace(at, root.size(), root);
  }
  // The prefix of it that getEphemerals may ask for stands for itself.
  if (request.has_relative_zxid && request.body.size() >= sizeof(int64_t)) {
    std::string zxid;
    wire::Writer(zxid).i64(normaliser_.last_zxid() - request.zxids_back);
    request.body.replace(0, zxid.size(), zxid);
  }
  std::string frame;
  wire::Writer out(frame);
  write(out, wire::RequestHeader{request.xid, request.type});
  frame += request.body;
  send_frame(frame);
  if (!closed_) pending_.push_back(std::move(request));
}

// Only the last of several barriers counts.
void CrosscheckConnection::send_barrier() {
  std::erase_if(lines_, [](const auto& line) { return line.kind == SeenLine::Kind::kBarrier; });
  PlannedRequest barrier;
  barrier.xid = kBarrierXid;
  barrier.type = static_cast<int32_t>(wire::OpCode::kSync);
  wire::Writer out(barrier.body);
  out.buffer("/");
  send(std::move(barrier));
}

void CrosscheckConnection::send_raw(std::string_view bytes) {
  if (closed_) return;
  stream_->output().append(bytes);
  awaits_end_ = true;
}

void CrosscheckConnection::close_by_client() {
  if (closed_) return;
  closed_ = true;
  stream_->close();
  pending_.clear();
}

bool CrosscheckConnection::settled() const {
  return closed_ || (!awaits_handshake_ && !awaits_end_ && pending_.empty());
}

void CrosscheckConnection::give_up() {
  if (settled()) return;
  std::string missing = awaits_handshake_ ? "answer to the handshake"
                        : awaits_end_     ? "end of the connection"
                                          : "answer to " + describe(pending_.front());
  lines_.push_back(line_of(SeenLine::Kind::kClosed, "no " + missing));
  close_by_client();
}

std::vector<SeenLine> CrosscheckConnection::take_lines() {
  std::vector<SeenLine> lines = std::move(lines_);
  lines_.clear();
  lines.insert(lines.end(), asides_.begin(), asides_.end());
  asides_.clear();
  return lines;
}

void CrosscheckConnection::on_bytes(std::string_view bytes) {
  input_.append(bytes);
  size_t at = 0;
  while (!closed_ && input_.size() - at >= sizeof(int32_t)) {
    wire::Reader in(std::string_view(input_).substr(at));
    const auto length = static_cast<uint32_t>(in.i32());
    if (in.remaining() < length) break;
    const std::string frame(in.rest().substr(0, length));
    at += sizeof(int32_t) + length;
    on_frame(frame);
  }
  input_.erase(0, at);
}

void CrosscheckConnection::on_closed(const Error&) {
  closed_ = true;
  pending_.clear();
  std::string text = "closed by the server";
  if (!input_.empty()) text += " within a frame";
  lines_.push_back(line_of(SeenLine::Kind::kClosed, std::move(text)));
}

void CrosscheckConnection::on_handshake(std::string_view frame) {
  wire::Reader in(frame);
  wire::ConnectResponse response;
  wire::read(in, response);
  awaits_handshake_ = false;
  session_ = response.session_id.value;
  SeenLine line = normaliser_.connect_response(response);
  if (!in.ok() || in.remaining() > 0) line.text += " malformed";
  lines_.push_back(std::move(line));
  // What was sent behind a refused handshake is never answered.
  if (session_ == 0) {
    pending_.clear();
    awaits_end_ = true;
  }
}

void CrosscheckConnection::on_frame(std::string_view frame) {
  if (awaits_handshake_) return on_handshake(frame);
  wire::Reader in(frame);
  wire::ReplyHeader header;
  wire::read(in, header);
  if (frame.size() < kReplyHeaderBytes) {
    lines_.push_back(line_of(SeenLine::Kind::kReply, "a frame without header"));
    return;
  }
  if (header.xid == wire::kXidNotification) {
    lines_.push_back(normaliser_.event(header, in.rest()));
    return;
  }
  const auto request = std::find_if(pending_.begin(), pending_.end(),
                                    [&](const auto& one) { return one.xid == header.xid; });
  if (request == pending_.end()) {
    lines_.push_back(line_of(
        SeenLine::Kind::kReply,
        fmt::format("a reply that was not asked for: xid={} err={}", header.xid, header.err)));
    return;
  }
  SeenLine line = normaliser_.reply(header, in.rest(), *request);
  if (line.kind != SeenLine::Kind::kAside && request != pending_.begin()) {
    line.text += " overtook-a-request";
  }
  if (header.xid == kBarrierXid) {
    line.kind = SeenLine::Kind::kBarrier;
    barrier_zxid_ = header.zxid;
  }
  const bool is_aside = line.kind == SeenLine::Kind::kAside;
  (is_aside ? asides_ : lines_).push_back(std::move(line));
  // Behind closeSession the server ends the connection.
  if (request->type == static_cast<int32_t>(wire::OpCode::kCloseSession)) awaits_end_ = true;
  pending_.erase(request);
}

}  // namespace zooid::cli
