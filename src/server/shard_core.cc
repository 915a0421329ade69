#include "server/shard_core.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "base/step_part.h"
#include "server/client_connection.h"
#include "server/client_reads.h"
#include "server/watch_delivery.h"
#include "wire/request.h"

namespace zooid::server {
namespace {

constexpr int64_t kMinuteUs = 60'000'000;
// Closed in one wake-up when a role ends; each may have requests and watches.
constexpr uint32_t kClosedAtOnce = 128;
// Of connections that are gone: less than a millisecond of each wake-up.
constexpr size_t kWatchesSweptAtOnce = 4'000;

// The server's bound for requests without a reply; the members of an ensemble share it (operations
// 4).
size_t outstanding_limit(const config::ServerConfig& config) {
  const auto limit = static_cast<size_t>(std::max(config.global_outstanding_limit, 1));
  const size_t voters = config.membership.voters().size();
  return voters > 2 ? std::max<size_t>(limit / (voters - 1), 1) : limit;
}

size_t queued_bytes_limit(const config::ServerConfig& config) {
  const size_t voters = config.membership.voters().size();
  return voters > 2 ? kQueuedBytesMax / (voters - 1) : kQueuedBytesMax;
}

// For the watchdog.
const char* name_of(const ToShard& message) {
  static constexpr const char* kNames[] = {"applied transaction", "sync",  "attached session",
                                           "local reply",         "close", "serving",
                                           "not serving",         "facts"};
  static_assert(std::size(kNames) == std::variant_size_v<ToShard>);
  return kNames[message.index()];
}

}  // namespace

ShardCore::ShardCore(ShardId id, const config::ServerConfig& config, const env::Network& network,
                     const env::Clock& clock, uint64_t seed, ReplicaInbox& replica)
    : id(id),
      config(config),
      network(network),
      clock(clock),
      replica(replica),
      auth{config.skip_acl, config.super_digest, config.digest_algorithm,
           config.digest_auth_enabled, static_cast<size_t>(config.max_record_buffer())},
      limits(config.max_client_cnxns, config.max_cnxns),
      connection_throttle(config, seed, clock.now()),
      throttle(config),
      relief(*this),
      turns(clock),
      client_port(config.client_port.value_or(0)),
      queued_bytes_max_(queued_bytes_limit(config)),
      outstanding_max_(outstanding_limit(config)) {
  told_us_.fill(-kMinuteUs);
}

ShardCore::~ShardCore() = default;

// ---- connections ----

env::StreamHandler* ShardCore::admit(std::unique_ptr<env::Stream> stream) {
  if (!limits.admit(stream->peer().host)) {
    MARK("client.connection_limit");
    ++counters.connections_rejected;
    if (may_tell(RareEvent::kConnectionLimit)) {
      log::warn("too many connections: refused address={} maxClientCnxns={} maxCnxns={} open={}",
                stream->peer().host, config.max_client_cnxns, config.max_cnxns, limits.total());
    }
    return nullptr;
  }
  uint32_t slot;
  if (free_slots_.empty()) {
    slot = static_cast<uint32_t>(slots_.size());
    ASSERT(slot < (uint32_t{1} << kSlotBits));
    slots_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  ASSERT(slots_[slot] == nullptr);
  const ConnectionId connection = (next_serial_++ << kSlotBits) | slot;
  slots_[slot] =
      std::make_unique<ClientConnection>(*this, connection, std::move(stream), clock.now());
  return slots_[slot].get();
}

ClientConnection* ShardCore::find(ConnectionId id) const {
  const uint32_t slot = slot_of(id);
  if (slot >= slots_.size()) return nullptr;
  ClientConnection* connection = slots_[slot].get();
  if (connection == nullptr || connection->id() != id || connection->is_closed()) return nullptr;
  return is_condemned(id) && !connection->is_command() ? nullptr : connection;
}

void ShardCore::bury_closed() {
  for (const ConnectionId id : closed_) {
    const uint32_t slot = slot_of(id);
    ASSERT(slots_[slot] != nullptr && slots_[slot]->id() == id);
    ASSERT(slots_[slot]->is_closed());
    slots_[slot].reset();
    if (!watches.is_leaving(slot)) free_slots_.push_back(slot);
  }
  closed_.clear();
  if (!watches.is_sweeping()) return;
  watches.sweep(kWatchesSweptAtOnce, swept_);
  free_slots_.insert(free_slots_.end(), swept_.begin(), swept_.end());
  swept_.clear();
}

void ShardCore::close_all(const std::string& reason) {
  size_t count = 0;
  for (const auto& connection : slots_) {
    if (connection == nullptr || connection->is_closed()) continue;
    connection->close(false);
    ++count;
  }
  if (count > 0) log::info("{} client connections were closed: {}", count, reason);
}

void ShardCore::reset_connection_counters() {
  for (const auto& connection : slots_) {
    if (connection == nullptr) continue;
    connection->counters() = ConnectionCounters{};
    connection->counters().last_op = "NA";
    connection->counters().last_cxid = -1;
    connection->counters().last_zxid = -1;
  }
}

// ---- the replica's messages ----

void ShardCore::take_messages() {
  ASSERT(messages_.empty());
  inbox.take_all(messages_);
  for (ToShard& message : messages_) {
    step_part("shard", name_of(message));
    std::visit([this](auto& content) { handle(content); }, message);
  }
  messages_.clear();
  const Now now = clock.now();
  // An advance may make nothing ready: what it forwards comes back with a later batch.
  scratch_.swap(ready_);
  for (const ConnectionId id : scratch_) {
    if (ClientConnection* connection = find(id)) connection->advance(now);
  }
  scratch_.clear();
  if (!throttle.is_empty()) release_throttled(now);
  resume_throttled();
}

// Rule 2: the watch events of the transaction, then the reply if the write was ours.
void ShardCore::handle(AppliedTxn& message) {
  const state::Applied& applied = *message.applied;
  told_zxid_ = applied.header.zxid.value;
  const bool watches_last = is_planted(PlantedBug::kWatchAfterData) && !message.replies.empty();
  if (!applied.changes.empty() && !watches.empty() && !watches_last) {
    deliver_changes(*this, applied);
    for (const ConnectionId id : overflowing_) {
      ClientConnection* connection = find(id);
      if (connection == nullptr) continue;
      MARK("client.slow_reader_closed");
      ++counters.slow_readers_closed;
      if (may_tell(RareEvent::kSlowReaderClosed)) {
        log::warn("client does not take its watch events: closed address={} session=0x{:x}",
                  connection->peer().text(), static_cast<uint64_t>(connection->session().value));
      }
      connection->drop();
    }
    overflowing_.clear();
  }
  if (message.replies.empty()) return;
  const Now now = clock.now();
  for (const Reply& reply : message.replies) {
    if (ClientConnection* connection = find(reply.connection)) {
      connection->on_reply(applied, reply, now);
    }
  }
  if (watches_last) deliver_changes(*this, applied);
}

void ShardCore::handle(SyncDone& message) {
  if (ClientConnection* connection = find(message.connection)) {
    connection->on_sync_done(message, clock.now());
  }
}

void ShardCore::handle(AttachResult& message) {
  if (ClientConnection* connection = find(message.connection)) {
    connection->on_attach_result(message, clock.now());
  }
}

void ShardCore::handle(LocalReply& message) {
  if (ClientConnection* connection = find(message.connection)) {
    connection->on_local_reply(message, clock.now());
  }
}

void ShardCore::handle(CloseConnection& message) {
  if (ClientConnection* connection = find(message.connection)) {
    log::debug("client connection closed session=0x{:x} reason={}",
               static_cast<uint64_t>(connection->session().value), message.reason);
    connection->close();
  }
}

void ShardCore::handle(Serving& message) {
  ASSERT(message.database != nullptr);
  database = message.database;
  told_zxid_ = zxid();
  mode = std::move(message.mode);
  is_read_only = message.read_only;
  connection_throttle.restart(clock.now());
}

void ShardCore::handle(NotServing& message) {
  condemned_below_ = next_serial_;
  closing_slot_ = 0;
  if (limits.total() > 0) {
    log::info("{} clients are disconnected: {}", limits.total(), message.reason);
  }
  for (const ThrottledRequest& request : throttle.drop_all()) remove_bytes(request.body.size());
  database = nullptr;
  mode.clear();
  is_read_only = false;
}

// Connections that only ask a four-letter word get their answer.
void ShardCore::close_condemned() {
  ASSERT(is_closing());
  uint32_t& slot = *closing_slot_;
  for (uint32_t left = kClosedAtOnce; slot < slots_.size() && left > 0; ++slot) {
    ClientConnection* connection = slots_[slot].get();
    if (connection == nullptr || connection->is_closed() || connection->is_command()) continue;
    if (!is_condemned(connection->id())) continue;
    connection->close(false);
    --left;
  }
  if (slot < slots_.size()) return MARK("shard.closes_in_slices");
  closing_slot_.reset();
}

void ShardCore::handle(InspectReply& message) {
  if (ClientConnection* connection = find(message.connection)) {
    connection->on_facts(message.facts.get());
  }
}

// ---- limits and time ----

void ShardCore::discharge(size_t bytes) {
  ASSERT(outstanding_ > 0);
  --outstanding_;
  remove_bytes(bytes);
}

void ShardCore::remove_bytes(size_t bytes) {
  ASSERT(queued_bytes_ >= bytes);
  queued_bytes_ -= bytes;
  if (is_large(bytes)) large_bytes_ -= bytes;
}

void ShardCore::count_incoming(size_t bytes_before, size_t bytes_now) {
  ASSERT(incoming_bytes_ >= bytes_before);
  incoming_bytes_ += bytes_now - bytes_before;
  read_bytes_max_ =
      incoming_bytes_ >= config.incoming_bytes_max / 2 ? kReadBytesIfFull : kReadBytes;
}

void ShardCore::hold_back(ThrottledRequest request) {
  add_bytes(request.body.size());
  throttle.push(std::move(request));
}

void ShardCore::drop_throttled(ConnectionId closed) {
  if (throttle.is_empty()) return;
  for (const ThrottledRequest& request : throttle.on_connection_closed(closed)) {
    remove_bytes(request.body.size());
  }
}

void ShardCore::release_throttled(Now now) {
  while (auto released = throttle.take(outstanding_, now)) {
    remove_bytes(released->request.body.size());
    release(*released, now);
  }
}

void ShardCore::release(RequestThrottle::Released& released, Now now) {
  ThrottledRequest& request = released.request;
  ClientConnection* connection = find(request.connection);
  if (released.fate == RequestThrottle::Fate::kDrop) {
    for (const ThrottledRequest& later : throttle.drop_connection(request.connection)) {
      remove_bytes(later.body.size());
    }
    if (connection != nullptr) connection->close();
    return;
  }
  const bool is_refused = released.fate == RequestThrottle::Fate::kRefuse;
  if (connection != nullptr) return connection->on_released(request, is_refused, now);
  // Nobody hears the answer, but a write that was sent counts, and the session is to be closed.
  if (is_refused || classify(request.type) != RequestClass::kWrite ||
      (is_read_only && is_refused_read_only(request.type)) ||
      !wire::write_is_readable(request.type, request.body)) {
    return;
  }
  MARK("throttle.write_outlives_connection");
  replica.push(ClientWrite{Origin{id, request.connection}, request.session, request.xid,
                           request.type, std::move(request.body), std::move(request.ids)});
}

void ShardCore::tell_mistake(ClientMistake kind, const env::Endpoint& client, SessionId session,
                             std::string_view what) {
  LineLimit& limit = mistakes_told_[static_cast<size_t>(kind)];
  const auto more = limit.admit(client.host, clock.now().mono_us);
  if (!more) return;
  const std::string of_session =
      session == kNoSession ? ""
                            : fmt::format(", session 0x{:x}", static_cast<uint64_t>(session.value));
  log::warn("client {}{}: {}; its connection is closed{}", client.text(), of_session, what,
            left_out_text(*more));
}

bool ShardCore::may_tell(RareEvent event) {
  int64_t& told_us = told_us_[static_cast<size_t>(event)];
  const int64_t now_us = clock.now().mono_us;
  if (now_us - told_us < kMinuteUs) return false;
  told_us = now_us;
  return true;
}

// In the order in which they were paused; a connection that hits the limit again goes to the end.
void ShardCore::resume_throttled() {
  if (throttled_.empty() || is_over_limit()) return;
  ASSERT(scratch_.empty());
  scratch_.swap(throttled_);
  size_t next = 0;
  for (; next < scratch_.size() && !is_over_limit(); ++next) {
    if (ClientConnection* connection = find(scratch_[next])) connection->resume_after_throttling();
  }
  throttled_.insert(throttled_.begin(), scratch_.begin() + static_cast<ptrdiff_t>(next),
                    scratch_.end());
  scratch_.clear();
}

void ShardCore::resume_slow() {
  if (slow_.empty()) return;
  ASSERT(scratch_.empty());
  scratch_.swap(slow_);
  const Now now = clock.now();
  for (const ConnectionId id : scratch_) {
    ClientConnection* connection = find(id);
    if (connection == nullptr) continue;
    if (connection->has_drained()) {
      connection->resume_after_backlog(now);
    } else {
      slow_.push_back(id);
    }
  }
  scratch_.clear();
}

void ShardCore::resume_paused() {
  resume_slow();
  if (throttle.is_ready(outstanding_)) release_throttled(clock.now());
  resume_throttled();
}

void ShardCore::run_line() {
  turns.begin_line();
  if (!turns.is_somebody_waiting()) return;
  const Now now = clock.now();
  // Who is cut off again goes to the end, and is not looked at twice.
  for (size_t left = turns.waiting(); left > 0; --left) {
    if (ClientConnection* connection = find(turns.take())) connection->take_turn(now);
    if (turns.is_phase_over()) break;
  }
}

void ShardCore::on_time(Now now) {
  if (deadlines.next() <= now.mono_us) {
    ASSERT(scratch_.empty());
    deadlines.take_due(now.mono_us, scratch_);
    for (const ConnectionId id : scratch_) {
      if (ClientConnection* connection = find(id)) connection->on_deadline(now);
    }
    scratch_.clear();
  }
  if (throttle.next_deadline() <= now.mono_us) release_throttled(now);
  relief.on_time(now);
  if (!touched_.empty() && now.mono_us >= touch_report_us_) report_touched(now);
}

// Rule 18: one message for many sessions, at most every quarter of a tick.
void ShardCore::report_touched(Now now) {
  TouchSessions message;
  message.touched.reserve(touched_.size());
  for (const Touched& touched : touched_) {
    message.touched.push_back(touched.session);
    if (ClientConnection* connection = find(touched.connection)) connection->end_touch_period();
  }
  touched_.clear();
  touch_report_us_ = now.mono_us + ms_to_us(config.tick_ms) / 4;
  if (is_serving()) replica.push(std::move(message));
}

int64_t ShardCore::next_deadline() const {
  if (turns.is_somebody_waiting() || watches.is_sweeping() || is_closing()) return 0;
  int64_t deadline = std::min({deadlines.next(), throttle.next_deadline(), relief.next_deadline()});
  if (!touched_.empty()) deadline = std::min(deadline, touch_report_us_);
  for (const ConnectionId id : slow_) {
    const ClientConnection* connection = find(id);
    if (connection != nullptr && connection->has_drained()) return 0;
  }
  return deadline;
}

}  // namespace zooid::server
