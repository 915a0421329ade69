#include "env/memory_network.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/mark.h"
#include "env/memory_connection.h"

namespace zooid::env {
namespace {

// A loop that runs this often without time passing will never stop.
constexpr int kWakeUpsAtOneTimeMax = 10'000;

}  // namespace

// ---- a host ----

MemoryHost::MemoryHost(MemoryNetwork& network, std::string name, size_t number)
    : network_(network), name_(std::move(name)), number_(number) {}

MemoryHost::~MemoryHost() = default;

Now MemoryHost::now() const {
  return {.mono_us = network_.now_us_,
          .wall_ms = network_.options_.wall_at_start_ms + network_.now_us_ / 1000 +
                     wall_offset_ms_ + wall_drift_ms()};
}

int64_t MemoryHost::wall_drift_ms() const {
  return (network_.now_us_ - wall_drift_since_us_) * wall_drift_ppm_ / 1'000'000'000;
}

void MemoryHost::set_wall_drift_ppm(int64_t ppm) {
  wall_offset_ms_ += wall_drift_ms();
  wall_drift_ppm_ = ppm;
  wall_drift_since_us_ = network_.now_us_;
}

std::unique_ptr<Stream> MemoryHost::connect(const Endpoint& to, int64_t timeout_ms,
                                            StreamHandler& handler) {
  ASSERT(is_powered_);
  auto connection = std::make_shared<MemoryConnection>(network_, network_.next_connection_++);
  auto stream = connection->make_stream(MemoryConnection::kInitiator);
  connection->start_connecting(*this, to, timeout_ms, handler);
  return stream;
}

Result<std::vector<std::string>> MemoryHost::addresses_of(const std::string& host) {
  if (network_.find(host, *this) == nullptr) {
    return fail(Error::Kind::kNotFound, "unknown host " + host);
  }
  return std::vector{host};
}

Result<std::unique_ptr<Listener>> MemoryHost::listen(const Endpoint& at, int backlog,
                                                     AcceptFunction accept) {
  ASSERT(is_powered_);
  if (!at.host.empty()) {
    const MemoryHost* owner = network_.find(at.host, *this);
    if (owner == nullptr) return fail(Error::Kind::kNotFound, "unknown host " + at.host);
    if (owner != this)
      return fail("cannot listen on " + at.text() + ": not an address of " + name_);
  }
  uint16_t port = at.port;
  while (port == 0 || (at.port == 0 && listeners_.contains(port))) port = next_port_++;
  if (listeners_.contains(port)) return fail("cannot listen on " + at.text() + ": port in use");
  return std::make_unique<MemoryListener>(*this, port, static_cast<size_t>(std::max(backlog, 1)),
                                          std::move(accept));
}

void MemoryHost::add_worker(Worker& worker) {
  ASSERT(is_powered_);
  workers_.push_back(&worker);
  is_ready_ = true;
}

void MemoryHost::remove_worker(Worker& worker) {
  std::erase(workers_, &worker);
}

void MemoryHost::kill() {
  forget_process(true);
}

void MemoryHost::power_off() {
  forget_process(false);
  is_powered_ = false;
}

void MemoryHost::power_on() {
  is_powered_ = true;
}

void MemoryHost::forget_process(bool tells_peers) {
  workers_.clear();
  for (const auto& [port, listener] : std::exchange(listeners_, {})) {
    listener->host_ = nullptr;
    listener->pending_.clear();
  }
  for (const auto& [key, connection] : std::exchange(connections_, {})) {
    connection->abandon(key.second, tells_peers);
  }
  ready_.clear();
  is_ready_ = false;
  is_stopped_ = false;
  workers_deadline_us_ = kNever;
}

void MemoryHost::become_ready(std::shared_ptr<MemoryConnection> connection, int side) {
  connection->set_ready(side);
  ready_.emplace_back(std::move(connection), side);
  is_ready_ = true;
}

MemoryListener* MemoryHost::listener_at(uint16_t port) const {
  const auto it = listeners_.find(port);
  return it == listeners_.end() ? nullptr : it->second;
}

int64_t MemoryHost::next_deadline() const {
  if (!is_powered_ || is_stopped_) return kNever;
  if (is_ready_) return network_.now_us_;
  return workers_deadline_us_ == kNever ? kNever : std::max(workers_deadline_us_, network_.now_us_);
}

void MemoryHost::ask_workers() {
  workers_deadline_us_ = kNever;
  for (const Worker* worker : workers_) {
    workers_deadline_us_ = std::min(workers_deadline_us_, worker->next_deadline());
  }
}

// One wake-up of the loop, in network.h's order.
void MemoryHost::wake_up() {
  if (network_.wake_observer_) network_.wake_observer_(*this, true);
  is_ready_ = false;
  accept_pending();
  for (const auto& [connection, side] : std::exchange(ready_, {})) {
    // Each ready stream is read once, however often it became ready.
    if (connection->take_ready(side)) connection->deliver(side);
  }
  // A worker may end the process, its own or (in a test) another's.
  for (const std::vector<Worker*> workers = workers_; Worker * worker : workers) {
    if (std::ranges::find(workers_, worker) != workers_.end()) worker->on_batch(now());
  }
  flush_all();
  for (const std::vector<Worker*> workers = workers_; Worker * worker : workers) {
    if (std::ranges::find(workers_, worker) != workers_.end()) worker->after_flush(now());
  }
  flush_all();
  ask_workers();
  if (network_.wake_observer_) network_.wake_observer_(*this, false);
}

void MemoryHost::accept_pending() {
  if (listeners_.empty()) return;
  const auto listeners = listeners_;
  for (const auto& [port, listener] : listeners) {
    while (listener_at(port) == listener && !listener->is_paused_ && !listener->pending_.empty()) {
      const auto connection = listener->pending_.front();
      listener->pending_.pop_front();
      const auto accept = listener->accept_;  // the function may destroy its listener
      auto stream = connection->make_stream(MemoryConnection::kAcceptor);
      StreamHandler* handler = (*accept)(std::move(stream));
      if (!connection->is_open(MemoryConnection::kAcceptor)) continue;
      if (handler == nullptr) {
        connection->close(MemoryConnection::kAcceptor);
      } else {
        connection->start_accepted(*handler);
      }
    }
  }
}

void MemoryHost::flush_all() {
  for (auto it = connections_.begin(); it != connections_.end();) {
    const auto connection = it->second;
    const int side = it->first.second;
    ++it;  // flushing may end this one
    if (connection->backlog(side) > 0) connection->flush(side);
    connection->look_for_room(side);
  }
}

// ---- listeners ----

MemoryListener::MemoryListener(MemoryHost& host, uint16_t port, size_t backlog,
                               AcceptFunction accept)
    : host_(&host),
      port_(port),
      backlog_(backlog),
      accept_(std::make_shared<AcceptFunction>(std::move(accept))) {
  host.listeners_[port] = this;
}

MemoryListener::~MemoryListener() {
  if (host_ == nullptr) return;
  host_->listeners_.erase(port_);
  for (const auto& connection : pending_) connection->reset(MemoryConnection::kAcceptor);
}

void MemoryListener::resume() {
  is_paused_ = false;
  if (host_ != nullptr) host_->wake();
}

// ---- the network ----

MemoryNetwork::MemoryNetwork(uint64_t seed, MemoryNetworkOptions options)
    : options_(options), random_(seed) {
  ASSERT(options_.latency_min_us > 0);
  ASSERT(options_.latency_max_us >= options_.latency_min_us);
  ASSERT(options_.window_bytes > 0);
}

MemoryNetwork::~MemoryNetwork() = default;

MemoryHost& MemoryNetwork::add_host(const std::string& name) {
  ASSERT(!names_.contains(name));
  ASSERT(events_.empty() && now_us_ == 0);  // routes are numbered by hosts
  MemoryHost& host = *hosts_.emplace_back(std::make_unique<MemoryHost>(*this, name, hosts_.size()));
  routes_.resize(hosts_.size() * hosts_.size());
  names_[name] = &host;
  return host;
}

void MemoryNetwork::set_name(const std::string& name, MemoryHost& host) {
  names_[name] = &host;
}

void MemoryNetwork::remove_name(const std::string& name) {
  names_.erase(name);
}

MemoryHost* MemoryNetwork::find(const std::string& name, MemoryHost& asking) const {
  if (name == "localhost" || name == "127.0.0.1" || name == "::1") return &asking;
  const auto it = names_.find(name);
  return it == names_.end() ? nullptr : it->second;
}

void MemoryNetwork::at(int64_t time_us, Action action) {
  ASSERT(time_us >= now_us_);
  events_.push_back({time_us, next_event_++, std::move(action)});
  std::ranges::push_heap(events_, Later{});
}

int64_t MemoryNetwork::draw_latency_us() {
  const auto spread = static_cast<uint64_t>(options_.latency_max_us - options_.latency_min_us + 1);
  return options_.latency_min_us + static_cast<int64_t>(random_.below(spread));
}

void MemoryNetwork::transmit(const MemoryHost& from, const MemoryHost& to, int64_t time_us,
                             Action action) {
  at(time_us, [this, &from, &to, action = std::move(action)]() mutable {
    arrive(from, to, std::move(action));
  });
}

void MemoryNetwork::arrive(const MemoryHost& from, const MemoryHost& to, Action action) {
  if (Route& way = route(from, to); way.is_cut) {
    MARK("memory_network.packet_held");
    way.held.push_back(std::move(action));
    return;
  }
  if (!to.is_powered()) return;
  mix(static_cast<uint64_t>(now_us_));
  action();
}

void MemoryNetwork::cut(MemoryHost& from, MemoryHost& to) {
  route(from, to).is_cut = true;
}

// Held packets go on before those that are still on their way, so the order of bytes stays.
void MemoryNetwork::heal(MemoryHost& from, MemoryHost& to) {
  Route& way = route(from, to);
  way.is_cut = false;
  for (Action& action : std::exchange(way.held, {})) arrive(from, to, std::move(action));
}

void MemoryNetwork::set_extra_latency(MemoryHost& from, MemoryHost& to, int64_t extra_us) {
  ASSERT(extra_us >= 0);
  route(from, to).extra_latency_us = extra_us;
}

void MemoryNetwork::set_bandwidth(MemoryHost& from, MemoryHost& to, uint64_t bytes_per_second) {
  Route& way = route(from, to);
  way.bytes_per_second = bytes_per_second;
  if (bytes_per_second == 0) way.busy_until_us = 0;
}

int64_t MemoryNetwork::leave_us(Route& way, size_t bytes) const {
  if (way.bytes_per_second == 0) return now_us_;
  const uint64_t took_us = bytes * 1'000'000 / way.bytes_per_second;
  way.busy_until_us = std::max(way.busy_until_us, now_us_) + static_cast<int64_t>(took_us);
  return way.busy_until_us;
}

void MemoryNetwork::cut_both(MemoryHost& a, MemoryHost& b) {
  cut(a, b);
  cut(b, a);
}

void MemoryNetwork::heal_both(MemoryHost& a, MemoryHost& b) {
  heal(a, b);
  heal(b, a);
}

void MemoryNetwork::heal_all() {
  for (const auto& a : hosts_) {
    for (const auto& b : hosts_) heal(*a, *b);
  }
  ASSERT(std::ranges::none_of(routes_, &Route::is_cut));
}

void MemoryNetwork::reset_connections(MemoryHost& a, MemoryHost& b) {
  for (MemoryHost* host : {&a, &b}) {
    const auto connections = host->connections_;
    for (const auto& [key, connection] : connections) {
      if (!connection->joins(a, b)) continue;
      connection->break_side(key.second, {Error::Kind::kOther, "reset by the network"});
    }
  }
}

void MemoryNetwork::break_one_end(MemoryHost& end, MemoryHost& other) {
  const auto connections = end.connections_;
  for (const auto& [key, connection] : connections) {
    if (!connection->joins(end, other)) continue;
    connection->break_side(key.second, {Error::Kind::kTimeout, "no answer of the other side"});
    connection->forget(key.second);
  }
}

int64_t MemoryNetwork::next_time() const {
  int64_t time = events_.empty() ? kNever : events_.front().time_us;
  for (const auto& host : hosts_) time = std::min(time, host->next_deadline());
  return time;
}

void MemoryNetwork::run_until(int64_t mono_us) {
  ASSERT(mono_us >= now_us_);
  for (const auto& host : hosts_) host->ask_workers();
  int rounds_at_this_time = 0;
  for (int64_t time = next_time(); time <= mono_us && !is_stopped(); time = next_time()) {
    rounds_at_this_time = time == now_us_ ? rounds_at_this_time + 1 : 0;
    ASSERT(rounds_at_this_time < kWakeUpsAtOneTimeMax);
    now_us_ = time;
    while (!events_.empty() && events_.front().time_us <= now_us_ && !is_stopped()) {
      ++steps_;
      std::ranges::pop_heap(events_, Later{});
      const Action action = std::move(events_.back().action);
      events_.pop_back();
      action();
    }
    for (const auto& host : hosts_) {
      if (is_stopped() || host->next_deadline() > now_us_) continue;
      ++steps_;
      host->wake_up();
    }
  }
  if (!is_stopped()) now_us_ = mono_us;
}

void MemoryNetwork::mix(uint64_t value) {
  trace_hash_ = (trace_hash_ ^ value) * 0x100000001b3ull;
  trace_hash_ ^= trace_hash_ >> 29;
}

// Words of eight bytes at once: the hash is of this process alone, its byte order does not matter.
void MemoryNetwork::mix_bytes(std::string_view bytes) {
  uint64_t word = 0;
  for (; bytes.size() >= sizeof(word); bytes.remove_prefix(sizeof(word))) {
    std::memcpy(&word, bytes.data(), sizeof(word));
    mix(word);
  }
  word = bytes.size();
  std::memcpy(&word, bytes.data(), bytes.size());
  mix(word ^ bytes.size() << 56);
}

}  // namespace zooid::env
