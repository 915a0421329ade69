#include "env/memory_connection.h"

#include <algorithm>

#include "base/assert.h"
#include "base/mark.h"
#include "base/planted_bug.h"

namespace zooid::env {
namespace {

constexpr int64_t kCloseTimeoutUs = 2'000'000;  // Stream::close
constexpr int64_t kLookupFailureUs = 1'000;
constexpr uint64_t kJoinUsMax = 3'000;  // MemoryNetworkOptions::joins_arrivals

int other(int side) {
  return 1 - side;
}

class MemoryStream final : public Stream {
 public:
  MemoryStream(std::shared_ptr<MemoryConnection> connection, int side)
      : connection_(std::move(connection)), side_(side) {}
  ~MemoryStream() override {
    if (is_closed_) return;
    connection_->output(side_).clear();
    connection_->close(side_);
  }
  std::string& output() override { return is_closed_ ? after_close_ : connection_->output(side_); }
  size_t backlog() const override { return connection_->backlog(side_); }
  size_t count_backlog() override { return connection_->count_backlog(side_); }
  void want_room(size_t below) override {
    if (!is_closed_) connection_->want_room(side_, below);
  }
  void pause_reading() override { connection_->pause_reading(side_); }
  void resume_reading() override { connection_->resume_reading(side_); }
  // Only MemoryNetworkOptions::splits_arrivals splits what arrives.
  void limit_reads(const size_t&) override {}
  void close() override {
    if (!std::exchange(is_closed_, true)) connection_->close(side_);
  }
  void reset() override {
    if (!std::exchange(is_closed_, true)) connection_->reset(side_);
  }
  const Endpoint& peer() const override { return connection_->peer(side_); }

 private:
  std::shared_ptr<MemoryConnection> connection_;
  const int side_;
  bool is_closed_ = false;
  std::string after_close_;  // what is written too late goes nowhere
};

}  // namespace

MemoryConnection::MemoryConnection(MemoryNetwork& network, uint64_t number)
    : network_(network), number_(number) {}

std::unique_ptr<Stream> MemoryConnection::make_stream(int side) {
  return std::make_unique<MemoryStream>(shared_from_this(), side);
}

// ---- making it ----

void MemoryConnection::start_connecting(MemoryHost& from, const Endpoint& to, int64_t timeout_ms,
                                        StreamHandler& handler) {
  ASSERT(timeout_ms > 0);
  Side& own = sides_[kInitiator];
  own.state = State::kConnecting;
  own.host = &from;
  own.handler = &handler;
  own.peer = Endpoint{to.host, 0};
  from.connections_[{number_, kInitiator}] = shared_from_this();
  network_.at(network_.now_us_ + ms_to_us(timeout_ms), [self = shared_from_this(), to, timeout_ms] {
    if (self->sides_[kInitiator].state != State::kConnecting) return;
    self->break_side(kInitiator, {Error::Kind::kTimeout, to.text() + " did not answer within " +
                                                             std::to_string(timeout_ms) + " ms"});
  });
  send_syn(to);
}

void MemoryConnection::send_syn(const Endpoint& to) {
  Side& own = sides_[kInitiator];
  MemoryHost* target = network_.find(to.host, *own.host);
  if (target == nullptr) {
    network_.at(network_.now_us_ + kLookupFailureUs, [self = shared_from_this(), to] {
      if (self->sides_[kInitiator].state != State::kConnecting) return;
      self->break_side(kInitiator, {Error::Kind::kNotFound, "unknown host " + to.host});
    });
    return;
  }
  sides_[kAcceptor].host = target;
  send_packet(kInitiator, [self = shared_from_this(), target, to] { self->on_syn(*target, to); });
}

void MemoryConnection::on_syn(MemoryHost& at, const Endpoint& to) {
  Side& own = sides_[kAcceptor];
  if (sides_[kInitiator].state != State::kConnecting) return;
  MemoryListener* listener = at.listener_at(to.port);
  if (listener == nullptr) {
    send_packet(kAcceptor, [self = shared_from_this(), to] {
      if (self->sides_[kInitiator].state != State::kConnecting) return;
      self->break_side(kInitiator, {Error::Kind::kRefused, to.text() + " refused the connection"});
    });
    return;
  }
  if (listener->pending_.size() >= listener->backlog_) return;  // as if it had been lost
  own.state = State::kOpen;
  own.peer = Endpoint{sides_[kInitiator].host->name(), at.next_port_++};
  at.connections_[{number_, kAcceptor}] = shared_from_this();
  listener->pending_.push_back(shared_from_this());
  at.is_ready_ = true;
  send_packet(kAcceptor, [self = shared_from_this(), to] {
    Side& initiator = self->sides_[kInitiator];
    if (initiator.state != State::kConnecting || initiator.end) {
      return self->send_rst(kInitiator);  // it does not want the connection any more
    }
    initiator.state = State::kOpen;
    initiator.peer = Endpoint{self->sides_[kAcceptor].host->name(), to.port};
    initiator.must_tell_connected = true;
    self->mark_ready(kInitiator);
  });
}

void MemoryConnection::start_accepted(StreamHandler& handler) {
  ASSERT(sides_[kAcceptor].handler == nullptr);
  sides_[kAcceptor].handler = &handler;
  mark_ready(kAcceptor);
}

// ---- what the owner of a side does ----

size_t MemoryConnection::count_backlog(int side) {
  Side& own = sides_[side];
  if (own.host == nullptr) return own.output.size();
  ASSERT(own.host->output_bytes_ >= own.counted);
  own.host->output_bytes_ += own.output.size() - own.counted;
  own.counted = own.output.size();
  return own.counted;
}

void MemoryConnection::want_room(int side, size_t below) {
  sides_[side].room_below = below;
}

bool MemoryConnection::has_wanted_room(int side) const {
  const Side& own = sides_[side];
  return own.state == State::kOpen && own.handler != nullptr && own.output.size() < own.room_below;
}

// With the planted bug only a full window, once it has drained, makes the loop go on.
void MemoryConnection::look_for_room(int side) {
  if (has_wanted_room(side) && !is_planted(PlantedBug::kRoomNotTold)) mark_ready(side);
}

void MemoryConnection::resume_reading(int side) {
  sides_[side].is_paused = false;
  mark_ready(side);
}

void MemoryConnection::close(int side) {
  Side& own = sides_[side];
  own.handler = nullptr;
  if (own.state == State::kConnecting) return finish(side, State::kClosed);
  if (own.state != State::kOpen) return;
  own.state = State::kClosing;
  own.received.clear();
  if (own.output.empty()) return send_fin(side);
  // The output leaves with the loop's next flush.
  own.host->is_ready_ = true;
  network_.at(network_.now_us_ + kCloseTimeoutUs, [self = shared_from_this(), side] {
    if (self->sides_[side].state != State::kClosing) return;
    MARK("memory_network.output_dropped_at_close");
    self->send_fin(side);
  });
}

void MemoryConnection::reset(int side) {
  Side& own = sides_[side];
  own.handler = nullptr;
  if (own.state == State::kOpen || own.state == State::kClosing) send_rst(side);
  if (own.state != State::kUnused) finish(side, State::kClosed);
}

// ---- what the host's loop does ----

void MemoryConnection::deliver(int side) {
  const auto self = shared_from_this();  // a callback may drop the last stream
  Side& own = sides_[side];
  if (own.state == State::kOpen && !own.output.empty() && own.is_blocked) flush(side);
  if (own.handler != nullptr && std::exchange(own.must_tell_connected, false)) {
    own.handler->on_connected();
  }
  if (own.handler != nullptr && own.is_blocked && own.output.empty()) {
    own.is_blocked = false;
    own.handler->on_drained();
  }
  if (has_wanted_room(side)) {
    own.room_below = 0;
    own.handler->on_room();
  }
  if (own.handler != nullptr && !own.is_paused && !own.received.empty() && !own.is_end_abrupt) {
    std::string bytes = std::exchange(own.received, {});
    if (network_.options_.splits_arrivals && bytes.size() > 1 && network_.random_.one_in(8)) {
      const size_t length = 1 + network_.random_.below(bytes.size() - 1);
      own.received = bytes.substr(length);
      bytes.resize(length);
      network_.at(network_.now_us_ + 1, [self, side] { self->mark_ready(side); });
    }
    send_packet(side,
                [self, side, count = bytes.size()] { self->on_acknowledged(other(side), count); });
    own.handler->on_bytes(bytes);
  }
  if (own.handler == nullptr || !own.end) return;
  if (!own.is_end_abrupt && !own.received.empty()) return;
  const Error reason = *own.end;
  StreamHandler* handler = std::exchange(own.handler, nullptr);
  finish(side, State::kClosed);
  handler->on_closed(reason);
}

void MemoryConnection::flush(int side) {
  Side& own = sides_[side];
  if (own.state != State::kOpen && own.state != State::kClosing) return;
  const size_t window = window_of(side);
  const size_t room = window - std::min(window, own.unacknowledged);
  const size_t count = std::min(room, own.output.size());
  for (size_t sent = 0; sent < count;) {
    const size_t length = draw_segment(count - sent);
    send_packet(
        side,
        [self = shared_from_this(), side, bytes = own.output.substr(sent, length)] {
          self->on_bytes_arrived(other(side), bytes);
        },
        length);
    sent += length;
  }
  own.unacknowledged += count;
  own.host->bytes_out_ += count;
  own.output.erase(0, count);
  if (!own.output.empty()) own.is_blocked = true;
  count_backlog(side);
  if (own.output.empty() && own.state == State::kClosing) send_fin(side);
}

size_t MemoryConnection::window_of(int side) const {
  constexpr size_t kSlowWindowMin = 4'096;
  const MemoryNetwork::Route& way = network_.route(*sides_[side].host, *sides_[other(side)].host);
  if (way.bytes_per_second == 0) return network_.options_.window_bytes;
  return std::min<size_t>(network_.options_.window_bytes,
                          std::max<size_t>(kSlowWindowMin, way.bytes_per_second / 4));
}

// Whole as a rule; else cut where it may be in the middle of a length or a string.
size_t MemoryConnection::draw_segment(size_t left) const {
  constexpr size_t kSegmentMax = 256 * 1024;
  left = std::min(left, kSegmentMax);
  if (!network_.options_.cuts_segments || left < 2 || !network_.random_.one_in(4)) return left;
  const size_t most = network_.random_.one_in(2) ? std::min<size_t>(left - 1, 80) : left - 1;
  return 1 + network_.random_.below(most);
}

void MemoryConnection::abandon(int side, bool tells_peer) {
  Side& own = sides_[side];
  own.handler = nullptr;
  own.end.reset();
  const bool was_open = own.state == State::kOpen || own.state == State::kClosing;
  if (was_open && tells_peer) {
    own.output.clear();
    // A kernel answers with RST if the process had not read everything.
    own.received.empty() ? send_fin(side) : send_rst(side);
  }
  own.received.clear();
  own.output.clear();
  if (own.state != State::kUnused) finish(side, State::kGone);
}

bool MemoryConnection::joins(const MemoryHost& a, const MemoryHost& b) const {
  return (sides_[0].host == &a && sides_[1].host == &b) ||
         (sides_[0].host == &b && sides_[1].host == &a);
}

void MemoryConnection::break_side(int side, Error reason) {
  Side& own = sides_[side];
  if (own.state == State::kClosing) return finish(side, State::kClosed);
  if (own.state != State::kOpen && own.state != State::kConnecting) return;
  own.end = std::move(reason);
  own.is_end_abrupt = true;
  // A connection that is not accepted yet is accepted first and then found broken.
  own.output.clear();
  count_backlog(side);
  mark_ready(side);
}

// ---- packets ----

void MemoryConnection::send_packet(int from, std::function<void()> action, size_t bytes) {
  Side& own = sides_[from];
  const Side& peer = sides_[other(from)];
  ASSERT(own.host != nullptr);
  ASSERT(peer.host != nullptr);
  MemoryNetwork::Route& way = network_.route(*own.host, *peer.host);
  own.last_arrival_us =
      std::max(own.last_arrival_us,
               network_.leave_us(way, bytes) + network_.draw_latency_us() + way.extra_latency_us);
  network_.mix(number_ * 2 + static_cast<uint64_t>(from));
  network_.transmit(*own.host, *peer.host, own.last_arrival_us, std::move(action));
}

void MemoryConnection::on_bytes_arrived(int side, const std::string& bytes) {
  Side& own = sides_[side];
  network_.mix_bytes(bytes);
  if (network_.bytes_observer_) {
    network_.bytes_observer_(*sides_[other(side)].host, *own.host, number_, bytes);
  }
  if (own.state == State::kGone || own.is_forgotten) {
    MARK("memory_network.reset_by_new_process");
    return send_rst(side);
  }
  if (own.state != State::kOpen) return;
  own.received += bytes;
  if (network_.options_.joins_arrivals && network_.random_.one_in(4)) {
    const auto wait_us = static_cast<int64_t>(1 + network_.random_.below(kJoinUsMax));
    network_.at(network_.now_us_ + wait_us, [self = shared_from_this(), side] {
      if (self->sides_[side].state == State::kOpen) self->mark_ready(side);
    });
    return;
  }
  mark_ready(side);
}

void MemoryConnection::on_acknowledged(int side, size_t bytes) {
  Side& own = sides_[side];
  ASSERT(own.unacknowledged >= bytes);
  own.unacknowledged -= bytes;
  if (own.state == State::kClosing) return flush(side);
  if (own.is_blocked) mark_ready(side);
}

void MemoryConnection::on_fin(int side) {
  Side& own = sides_[side];
  if (own.state == State::kClosing) return finish(side, State::kClosed);
  if (own.state != State::kOpen || own.end) return;
  own.end = Error{Error::Kind::kClosed, "closed by the other side"};
  mark_ready(side);
}

void MemoryConnection::on_rst(int side) {
  if (sides_[side].state == State::kConnecting) return;
  break_side(side, {Error::Kind::kOther, "reset by the other side"});
}

void MemoryConnection::send_fin(int side) {
  finish(side, State::kClosed);
  send_packet(side, [self = shared_from_this(), side] { self->on_fin(other(side)); });
}

void MemoryConnection::send_rst(int side) {
  send_packet(side, [self = shared_from_this(), side] { self->on_rst(other(side)); });
}

// The side takes part in nothing more. `this` lives on in packets that are on their way.
void MemoryConnection::finish(int side, State state) {
  Side& own = sides_[side];
  own.state = state;
  own.output.clear();
  count_backlog(side);
  own.host->connections_.erase({number_, side});
}

void MemoryConnection::mark_ready(int side) {
  sides_[side].host->become_ready(shared_from_this(), side);
}

}  // namespace zooid::env
