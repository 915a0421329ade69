// What the connections of one shard share: the state they read, the watches, the way to the
// replica, limits and counters; and what arrives from the replica, handed to the connections in
// order. Owned by the shard, used on its loop alone.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/line_limit.h"
#include "config/server_config.h"
#include "env/clock.h"
#include "env/network.h"
#include "server/client_counters.h"
#include "server/connection_deadlines.h"
#include "server/connection_limits.h"
#include "server/connection_relief.h"
#include "server/connection_throttle.h"
#include "server/messages.h"
#include "server/process_facts.h"
#include "server/request_throttle.h"
#include "server/turns.h"
#include "state/auth.h"
#include "state/watches.h"

namespace zooid::server {

class ClientConnection;

// A connection whose output is not taken: no more of its requests are read from here on …
inline constexpr size_t kBacklogPauseBytes = 256u << 10;
// … and it is closed when events and replies to writes add this much on top.
inline constexpr size_t kBacklogExtraBytes = 16u << 20;
// Bodies of requests that wait in all queues of a shard; beyond it reading pauses. The members of
// an ensemble share it: the leader keeps what all of them forward.
inline constexpr size_t kQueuedBytesMax = 64u << 20;
// What one read brings of a connection, and of one while much of all input is incomplete.
inline constexpr size_t kReadBytes = 64u << 10;
inline constexpr size_t kReadBytesIfFull = 4u << 10;
// A connection without a session is closed after this time (nio.sessionlessCnxnTimeout).
inline constexpr int64_t kSessionlessUs = 10'000'000;
// How long a four-letter word waits for the replica's facts.
inline constexpr int64_t kFactsWaitUs = 1'000'000;
static_assert(kBacklogExtraBytes > kBacklogPauseBytes);

// Rare events that are worth a line; each kind at most once a minute.
// What a client did that ended its connection and that its users want to know of. Each kind has a
// line in the log, at most one a minute for each address (base/line_limit.h).
enum class ClientMistake {
  kFrameLength,
  kFrameOfNobody,  // without a session: perhaps no client at all
  kForeignProtocol,
  kUnreadable,
  kZxidAhead,
  kPassword,
  kAuthentication,
  kLargeRequests,
  kLast
};

enum class RareEvent {
  kConnectionLimit,
  kOutstandingLimit,
  kBacklogLimit,
  kSlowReaderClosed,
  kConnectRefused,
  kPartialRequests,
  kIdentityLimit,
  kLast
};

// A connection's id: a serial number above the slot where it lives. The slot is its watcher number.
inline constexpr int kSlotBits = 24;
constexpr uint32_t slot_of(ConnectionId id) {
  return static_cast<uint32_t>(id & ((uint64_t{1} << kSlotBits) - 1));
}
constexpr uint64_t serial_of(ConnectionId id) {
  return id >> kSlotBits;
}

class ShardCore {
 public:
  ShardCore(ShardId id, const config::ServerConfig& config, const env::Network& network,
            const env::Clock& clock, uint64_t seed, ReplicaInbox& replica);
  ~ShardCore();
  ShardCore(const ShardCore&) = delete;
  ShardCore& operator=(const ShardCore&) = delete;

  // ---- connections ----
  // The handler of a new connection; nullptr if a limit is reached.
  env::StreamHandler* admit(std::unique_ptr<env::Stream> stream);
  // nullptr if it is gone.
  ClientConnection* find(ConnectionId id) const;
  ClientConnection* at_slot(uint32_t slot) const { return slots_[slot].get(); }
  uint32_t slot_count() const { return static_cast<uint32_t>(slots_.size()); }
  // For words and tests: in the order of slots.
  template <class F>
  void for_each_connection(F f) const;
  size_t connection_count() const { return limits.total(); }
  // Frees what was closed since the last call, and a slice of the watches that such connections
  // left. Never from inside a connection's callback.
  void bury_closed();
  void close_all(const std::string& reason);
  // A slice of the connections that a role's end has condemned.
  void close_condemned();
  // It was there when this server stopped serving, so it is closed, as soon as its slice comes:
  // nothing that it sends is looked at any more, and nothing is sent.
  bool is_condemned(ConnectionId id) const { return serial_of(id) < condemned_below_; }
  bool is_closing() const { return closing_slot_.has_value(); }

  // ---- the replica's messages ----
  // Everything that is in the inbox, in order; then the reads that waited, then the writes that
  // those held back, then the connections that may read again. Required before the database is
  // read.
  void take_messages();
  void take_messages_if_any() {
    if (!inbox.empty()) take_messages();
  }

  // ---- called by connections ----
  void note_closed(ConnectionId id) { closed_.push_back(id); }
  void note_ready(ConnectionId id) { ready_.push_back(id); }
  void note_throttled(ConnectionId id) { throttled_.push_back(id); }
  void note_slow(ConnectionId id) { slow_.push_back(id); }
  void note_overflowing(ConnectionId id) { overflowing_.push_back(id); }
  void note_touched(ConnectionId id, SessionId session, int32_t timeout_ms) {
    touched_.push_back({id, {session, timeout_ms}});
  }
  void charge(size_t bytes) {
    ++outstanding_;
    add_bytes(bytes);
  }
  // Large requests together have a bound of their own (largeRequestMaxBytes); one more would pass
  // it.
  bool refuses_large(size_t bytes) const {
    return is_large(bytes) &&
           large_bytes_ + bytes > static_cast<size_t>(config.large_request_max_bytes);
  }
  void discharge(size_t bytes);
  // The request waits in the throttle, where its bytes count as those of one in process.
  void hold_back(ThrottledRequest request);
  // The connection is closed: its requests in the throttle may be stale.
  void drop_throttled(ConnectionId closed);
  bool is_over_limit() const {
    return outstanding_ >= outstanding_max_ || throttle.size() >= outstanding_max_ ||
           queued_bytes_ >= queued_bytes_max_;
  }
  // The output of all connections together is at its bound: whoever has not taken its own, or asks
  // for much, waits.
  bool is_output_full() const { return network.output_bytes() >= config.output_bytes_max; }
  // Even so more has come, of watch events: who holds much of it is closed.
  bool is_output_overfull() const { return network.output_bytes() >= 2 * config.output_bytes_max; }
  // The input of a connection that is no request yet has changed.
  void count_incoming(size_t bytes_before, size_t bytes_now);
  size_t incoming_bytes() const { return incoming_bytes_; }
  bool is_input_full() const { return incoming_bytes_ >= config.incoming_bytes_max; }
  const size_t& read_bytes_max() const { return read_bytes_max_; }
  size_t outstanding() const { return outstanding_; }
  int64_t zxid() const { return database->last_zxid().value; }
  // Up to here this shard has told its connections what was applied; inside a batch the database is
  // ahead of it. Whatever is told in between names no later zxid (rule 2).
  int64_t told_zxid() const { return told_zxid_; }
  bool is_serving() const { return database != nullptr; }
  // A line of the log: "client 10.0.0.7:4321, session 0x…: <what>; its connection is closed".
  void tell_mistake(ClientMistake kind, const env::Endpoint& client, SessionId session,
                    std::string_view what);
  // True once a minute for each kind: the caller logs.
  bool may_tell(RareEvent event);

  // ---- called by the shard's loop ----
  void resume_paused();
  // Those who stand in line go on, as far as this wake-up allows; at least the first of them.
  void run_line();
  // Closes what is idle, answers words whose facts do not come, reports touched sessions.
  void on_time(Now now);
  int64_t next_deadline() const;
  void reset_connection_counters();

  const ShardId id;
  const config::ServerConfig& config;
  const env::Network& network;
  const env::Clock& clock;
  ReplicaInbox& replica;
  ShardInbox inbox;
  const state::AuthOptions auth;
  const state::Database* database = nullptr;  // null: not serving
  std::string mode;
  bool is_read_only = false;
  state::WatchTable watches;
  ConnectionLimits limits;
  ConnectionThrottle connection_throttle;
  RequestThrottle throttle;
  ConnectionDeadlines deadlines;
  ConnectionRelief relief;
  Turns turns;
  ShardCounters counters;
  ProcessFactsFunction process_facts;
  uint16_t client_port = 0;
  int64_t trace_mask = 306;  // of gtmk and stmk; without effect

 private:
  int64_t told_zxid_ = 0;
  bool is_large(size_t bytes) const {
    return config.large_request_threshold > 0 &&
           bytes > static_cast<size_t>(config.large_request_threshold);
  }
  void add_bytes(size_t bytes) {
    queued_bytes_ += bytes;
    if (is_large(bytes)) large_bytes_ += bytes;
  }
  void remove_bytes(size_t bytes);
  struct Touched {
    ConnectionId connection;
    TouchSessions::Touched session;
  };
  void handle(AppliedTxn& message);
  void handle(SyncDone& message);
  void handle(AttachResult& message);
  void handle(LocalReply& message);
  void handle(CloseConnection& message);
  void handle(Serving& message);
  void handle(NotServing& message);
  void handle(InspectReply& message);
  // Lets go what the request throttle may let go now.
  void release_throttled(Now now);
  void release(RequestThrottle::Released& released, Now now);
  void resume_throttled();
  void resume_slow();
  void report_touched(Now now);

  std::vector<std::unique_ptr<ClientConnection>> slots_;
  std::vector<uint32_t> free_slots_;
  uint64_t next_serial_ = 1;
  uint64_t condemned_below_ = 0;          // of the connections with a lower serial number …
  std::optional<uint32_t> closing_slot_;  // … those in this slot and behind it are still open
  std::vector<ConnectionId> closed_, ready_, throttled_, slow_, overflowing_;
  std::vector<ConnectionId> scratch_;
  std::vector<state::WatcherId> swept_;
  std::vector<Touched> touched_;
  int64_t touch_report_us_ = 0;
  std::vector<ToShard> messages_;
  size_t outstanding_ = 0;
  size_t queued_bytes_ = 0;
  size_t large_bytes_ = 0;
  size_t incoming_bytes_ = 0;
  size_t read_bytes_max_ = kReadBytes;
  size_t queued_bytes_max_;
  size_t outstanding_max_;
  std::array<int64_t, static_cast<size_t>(RareEvent::kLast)> told_us_{};
  std::array<LineLimit, static_cast<size_t>(ClientMistake::kLast)> mistakes_told_;
};

template <class F>
void ShardCore::for_each_connection(F f) const {
  for (const auto& connection : slots_) {
    if (connection != nullptr) f(*connection);
  }
}

}  // namespace zooid::server
