#include "cli/crosscheck_shadow.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"

namespace zooid::cli {
namespace {

constexpr int64_t kLookIntervalUs = 100'000;
// When all is answered, events that are still on their way arrive within this time.
constexpr int64_t kLastEventsUs = 500'000;
constexpr int64_t kProbeTimeoutMs = 3'000;

}  // namespace

// Is there still somebody? Asks to attach to a session that nobody has, which changes nothing.
class Shadow::Probe : public env::StreamHandler {
 public:
  Probe(env::Network& network, const env::Endpoint& candidate, std::string connection,
        std::string request, Now now)
      : connection(std::move(connection)),
        request(std::move(request)),
        until_us(now.mono_us + ms_to_us(kProbeTimeoutMs)),
        stream_(network.connect(candidate, kProbeTimeoutMs, *this)) {
    wire::ConnectRequest handshake;
    handshake.timeout_ms = kProbeTimeoutMs;
    handshake.session_id = SessionId{1};
    handshake.password = std::string(16, '\0');
    handshake.has_read_only = handshake.read_only = true;
    const size_t begun = wire::begin_frame(stream_->output());
    wire::Writer out(stream_->output());
    write(out, handshake);
    wire::end_frame(stream_->output(), begun);
  }

  const std::string connection, request;  // whose end made it, and before what answer
  const int64_t until_us;
  bool answered = false, gone = false;

 private:
  void on_bytes(std::string_view) override { answered = true; }
  void on_closed(const Error&) override { gone = !answered; }

  std::unique_ptr<env::Stream> stream_;
};

struct Shadow::Client {
  explicit Client(std::unique_ptr<ShadowConnection> made) : connection(std::move(made)) {}
  std::unique_ptr<ShadowConnection> connection;
  Place place{0, false};  // of its last exchange: those of one client stay in order
  size_t waiting = 0;
  int64_t session = 0;
  int32_t timeout_ms = 0;
  bool is_closed_by_request = false;
};

Shadow::Shadow(env::Network& network, const env::Clock& clock, env::Endpoint candidate,
               ProxyJudge& judge, const ShadowLimits& limits)
    : clock_(clock),
      judge_(judge),
      limits_(limits),
      candidate_(std::move(candidate)),
      world_{
          network, clock, judge, in_flight_,
          [this](const auto& connection, const auto& request) { on_lost(connection, request); }} {}

Shadow::~Shadow() = default;

void Shadow::begin(uint64_t client) {
  if (!dropped_.empty()) return;
  const auto [place, is_new] =
      clients_.emplace(client, std::make_unique<Client>(std::make_unique<ShadowConnection>(
                                   world_, fmt::format("connection {}", client), candidate_)));
  ASSERT(is_new);
}

void Shadow::queue(uint64_t number, Exchange exchange) {
  if (!dropped_.empty()) return;
  Client& client = *clients_.at(number);
  client.place = std::max(client.place, Place{exchange.zxid, !exchange.makes_transaction});
  exchange.is_late = exchange.zxid > 0 && exchange.zxid < replayed_zxid_;
  exchange.came_us = clock_.now().mono_us;
  waiting_bytes_ += exchange.bytes();
  waiting_since_us_.insert(exchange.came_us);
  ++client.waiting;
  waiting_.emplace(client.place, Waiting{number, std::move(exchange)});
  if (waiting_bytes_ + in_flight_.bytes > limits_.bytes_max) {
    drop(fmt::format("the candidate is too slow: more than {} bytes wait for it",
                     limits_.bytes_max));
  }
}

void Shadow::handshake(uint64_t number, wire::ConnectRequest request,
                       wire::ConnectResponse response) {
  const auto client = clients_.find(number);
  if (client == clients_.end()) return;
  Client& begun = *client->second;
  begun.session = response.session_id.value;
  begun.timeout_ms = response.timeout_ms;
  // It ends the session's former connection, so what that one asked goes first.
  for (const auto& [other, former] : clients_) {
    const bool has_asked =
        former->session == begun.session || former->session == request.session_id.value;
    if (other != number && has_asked) begun.place = std::max(begun.place, former->place);
  }
  Exchange exchange;
  exchange.handshake = std::move(request);
  exchange.response = std::move(response);
  queue(number, std::move(exchange));
}

void Shadow::exchange(uint64_t number, PlannedRequest request, const wire::ReplyHeader& header,
                      std::string_view body) {
  const auto client = clients_.find(number);
  if (client == clients_.end()) return;
  client->second->connection->reference_replies(request, header, body);
  if (request.type == static_cast<int32_t>(wire::OpCode::kCloseSession)) {
    client->second->is_closed_by_request = true;
  }
  Exchange exchange;
  exchange.makes_transaction = makes_transaction(request.type, header.err);
  exchange.request = std::move(request);
  exchange.header = header;
  exchange.body = body;
  exchange.zxid = std::max<int64_t>(header.zxid, 0);
  queue(number, std::move(exchange));
}

void Shadow::event(uint64_t number, const wire::ReplyHeader& header, std::string_view body) {
  const auto client = clients_.find(number);
  if (client != clients_.end()) client->second->connection->event_of_reference(header, body);
}

void Shadow::end(uint64_t number) {
  const auto client = clients_.find(number);
  if (client == clients_.end()) return;
  Client& ended = *client->second;
  ended.connection->end_of_client();
  if (ended.session != 0 && !ended.is_closed_by_request) {
    judge_.session_left(ended.session, ended.timeout_ms, clock_.now().mono_us);
  }
}

bool Shadow::may_go(const Waiting& waiting, const Client& client, Now now) const {
  const bool is_held_back =
      !finishes_ && now.mono_us < waiting.exchange.came_us + ms_to_us(limits_.hold_back_ms);
  if (is_held_back) return false;
  const ShadowConnection& own = *client.connection;
  // An auth overtakes what is in flight, and of a write in flight nobody knows the zxid yet.
  const int32_t type = waiting.exchange.request.type;
  if ((is_aside(type) || begins_with_zxid(type)) && own.in_flight() > 0) return false;
  // The others of one connection stay in order by themselves.
  return waiting.exchange.is_write() ? in_flight_.all == own.in_flight()
                                     : in_flight_.writes == own.writes_in_flight();
}

void Shadow::replay(Now now) {
  while (dropped_.empty() && !waiting_.empty()) {
    const auto first = waiting_.begin();
    Client& client = *clients_.at(first->second.client);
    if (!may_go(first->second, client, now)) return;
    Exchange exchange = std::move(first->second.exchange);
    waiting_bytes_ -= exchange.bytes();
    waiting_since_us_.erase(waiting_since_us_.find(exchange.came_us));
    --client.waiting;
    waiting_.erase(first);
    if (exchange.makes_transaction) replayed_zxid_ = std::max(replayed_zxid_, exchange.zxid);
    client.connection->replay(std::move(exchange));
  }
}

// What takes too long, and who is gone.
void Shadow::look_after(Now now) {
  // Events of before the oldest exchange that waits: the candidate has got all that causes them.
  int64_t answered_us = waiting_since_us_.empty() ? now.mono_us : *waiting_since_us_.begin();
  for (const auto& [number, client] : clients_) {
    answered_us = std::min(answered_us, client->connection->asked_us());
  }
  const bool is_silent = finishes_ && waiting_.empty() && in_flight_.all == 0;
  if (!is_silent) silent_since_us_ = now.mono_us;
  const bool is_last_word = is_silent && now.mono_us >= silent_since_us_ + kLastEventsUs;
  const int64_t window_us = ms_to_us(limits_.event_window_ms);
  const int64_t before_us = is_last_word ? kNever : std::min(answered_us, now.mono_us) - window_us;
  for (auto at = clients_.begin(); at != clients_.end();) {
    ShadowConnection& connection = *at->second->connection;
    if (connection.asked_us() < now.mono_us - ms_to_us(limits_.answer_timeout_ms)) {
      return drop(fmt::format("the candidate has not answered for {} ms: {}",
                              limits_.answer_timeout_ms, connection.oldest()));
    }
    connection.decide_events(before_us);
    if (connection.is_lost_since(now.mono_us - window_us))
      on_lost(connection.name(), "nothing asked");
    const bool is_done = connection.is_over() && at->second->waiting == 0 &&
                         connection.in_flight() == 0 && !connection.owes_events();
    at = is_done ? clients_.erase(at) : std::next(at);
  }
  if (judge_.has_lost_track()) drop("too many nodes differ to tell what follows from what");
}

void Shadow::on_lost(const std::string& connection, const std::string& request) {
  if (probe_ || !dropped_.empty()) return;
  probe_ = std::make_unique<Probe>(world_.network, candidate_, connection, request, clock_.now());
}

void Shadow::step(Now now) {
  if (!dropped_.empty()) {
    clients_.clear();
    probe_.reset();
    return;
  }
  if (probe_) {
    if (probe_->answered) {
      judge_.difference({ProxyFinding::Kind::kDifference, probe_->connection, probe_->request,
                         "the connection is open", "closed by the server", ""});
      drop("the candidate closed " + probe_->connection);
    } else if (probe_->gone || now.mono_us >= probe_->until_us) {
      drop("the candidate is gone");
    }
    return;
  }
  replay(now);
  if (now.mono_us < next_look_us_ && !finishes_) return;
  next_look_us_ = now.mono_us + kLookIntervalUs;
  look_after(now);
}

int64_t Shadow::next_deadline() const {
  if (!dropped_.empty() || clients_.empty()) return kNever;
  if (waiting_.empty()) return next_look_us_;
  const int64_t release_us =
      waiting_.begin()->second.exchange.came_us + ms_to_us(limits_.hold_back_ms);
  // Beyond that it waits for an answer, which wakes the loop.
  return clock_.now().mono_us < release_us ? std::min(release_us, next_look_us_) : next_look_us_;
}

void Shadow::finish() {
  finishes_ = true;
  silent_since_us_ = clock_.now().mono_us;
}

bool Shadow::is_settled() const {
  if (!dropped_.empty()) return true;
  if (!waiting_.empty() || in_flight_.all > 0 || probe_) return false;
  return std::none_of(clients_.begin(), clients_.end(),
                      [](const auto& client) { return client.second->connection->owes_events(); });
}

void Shadow::drop(std::string reason) {
  if (!dropped_.empty()) return;
  dropped_ = std::move(reason);
  waiting_.clear();
  waiting_since_us_.clear();
  waiting_bytes_ = 0;
}

}  // namespace zooid::cli
