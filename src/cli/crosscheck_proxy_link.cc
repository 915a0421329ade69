#include "cli/crosscheck_proxy_link.h"

#include <algorithm>

#include "cli/crosscheck_frames.h"

namespace zooid::cli {
namespace {

constexpr int64_t kConnectTimeoutMs = 5'000;
// More than that on its way to one side, and the other is not read until it has left.
constexpr size_t kBacklogBytesMax = 1 << 20;
// So many requests without an answer are no client that waits for answers.
constexpr size_t kPendingMax = 100'000;

}  // namespace

ProxyLink::ProxyLink(env::Network& network, const std::vector<env::Endpoint>& reference,
                     size_t first, uint64_t number, std::unique_ptr<env::Stream> client,
                     Shadow& shadow)
    : network_(network),
      addresses_(reference),
      server_(first),
      number_(number),
      shadow_(shadow),
      from_client_(*this, true),
      from_reference_(*this, false),
      client_(std::move(client)) {
  shadow_.begin(number_);
  connect();
}

void ProxyLink::connect() {
  ++attempts_;
  reference_ = network_.connect(addresses_[server_], kConnectTimeoutMs, from_reference_);
}

void ProxyLink::on_connected() {
  is_connected_ = true;
  reference_->output().append(unsent_);
  unsent_ = {};
  if (client_ != nullptr) pause_if_full(*client_, *reference_);
}

// What goes to one side is read from the other only as fast as it leaves.
void ProxyLink::pause_if_full(env::Stream& from, env::Stream& to) {
  if (to.backlog() <= kBacklogBytesMax) return;
  from.pause_reading();
  to.want_room(kBacklogBytesMax / 2);
}

void ProxyLink::on_bytes(bool from_client, std::string_view bytes) {
  if (reference_ == nullptr) return;
  if (client_left_) {
    if (!from_client) read_last_answers(bytes);
    return;
  }
  env::Stream& to = from_client ? *reference_ : *client_;
  env::Stream& from = from_client ? *client_ : *reference_;
  if (from_client && !is_connected_) {
    unsent_.append(bytes);
    if (unsent_.size() > kBacklogBytesMax) from.pause_reading();
  } else {
    to.output().append(bytes);
    pause_if_full(from, to);
  }
  if (!is_readable_ || !shadow_.dropped().empty()) return;
  std::string& input = from_client ? client_input_ : reference_input_;
  input.append(bytes);
  is_readable_ = take_frames(input, [&](std::string_view frame) {
    from_client ? read_request(frame) : read_answer(frame);
  });
  if (!is_readable_ || pending_.size() > kPendingMax) {
    is_readable_ = false;
    client_input_.clear();
    reference_input_.clear();
  }
}

void ProxyLink::read_last_answers(std::string_view bytes) {
  reference_input_.append(bytes);
  is_readable_ =
      take_frames(reference_input_, [this](std::string_view frame) { read_answer(frame); });
  if (!is_readable_ || pending_.empty()) end();
}

void ProxyLink::end_if_overdue(int64_t now_us) {
  if (!client_left_ || reference_ == nullptr) return;
  if (client_left_us_ == 0) client_left_us_ = now_us;
  if (now_us - client_left_us_ > kLastAnswersUs) end();
}

void ProxyLink::read_request(std::string_view frame) {
  wire::Reader in(frame);
  if (!std::exchange(asked_to_connect_, true)) {
    wire::read(in, handshake_);
    return;
  }
  wire::RequestHeader header;
  wire::read(in, header);
  PlannedRequest& request = pending_.emplace_back();
  request.xid = header.xid;
  request.type = header.type;
  request.body = in.rest();
}

void ProxyLink::read_answer(std::string_view frame) {
  wire::Reader in(frame);
  if (!std::exchange(is_established_, true)) {
    wire::ConnectResponse response;
    wire::read(in, response);
    return shadow_.handshake(number_, handshake_, std::move(response));
  }
  wire::ReplyHeader header;
  wire::read(in, header);
  if (header.xid == wire::kXidNotification) return shadow_.event(number_, header, in.rest());
  const auto request = std::find_if(pending_.begin(), pending_.end(),
                                    [&](const auto& one) { return one.xid == header.xid; });
  if (request == pending_.end()) return;
  shadow_.exchange(number_, std::move(*request), header, in.rest());
  pending_.erase(request);
}

void ProxyLink::stop_requests() {
  is_stopped_ = true;
  if (client_ != nullptr) client_->pause_reading();
}

void ProxyLink::on_room(bool to_client) {
  env::Stream* from = to_client ? reference_.get() : client_.get();
  if (from != nullptr && !(is_stopped_ && !to_client)) from->resume_reading();
}

void ProxyLink::on_closed(bool by_client) {
  (by_client ? client_ : reference_).reset();
  if (!by_client && !is_connected_ && client_ != nullptr && attempts_ < addresses_.size()) {
    server_ = (server_ + 1) % addresses_.size();
    return connect();
  }
  if (!by_client && !is_connected_) server_ = (server_ + 1) % addresses_.size();
  client_left_ = by_client && is_connected_ && is_readable_ && !pending_.empty() &&
                 reference_ != nullptr && shadow_.dropped().empty();
  if (!client_left_) end();
}

void ProxyLink::end() {
  for (auto* stream : {&client_, &reference_}) {
    if (*stream != nullptr) (*stream)->close();
    stream->reset();
  }
  client_left_ = false;
  for (const PlannedRequest& request : pending_) shadow_.unanswered(request);
  pending_.clear();
  shadow_.end(number_);
}

}  // namespace zooid::cli
