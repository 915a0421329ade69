// One client connection: frames, handshake, the queue of requests, replies in request order.
//
// Rule 1: a write goes to the replica as soon as every earlier read of this connection has run; a
// read behind a write waits for the write's reply. Writes directly behind writes go at once.
//
// Owned by ShardCore, used on its loop. It is never destroyed inside its own callbacks: close()
// marks it, ShardCore::bury_closed() frees it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "env/network.h"
#include "server/request_queue.h"
#include "server/shard_core.h"

namespace zooid::server {

// A paused connection is read again when its backlog has fallen to this.
inline constexpr size_t kBacklogResumeBytes = 64u << 10;
// A larger buffer of incomplete input is cut to its content now and then.
inline constexpr size_t kIncomingKeptBytes = 64u << 10;
// The identities that auth packets give one connection: texts, and so much for each. Some six
// hundred digest users; Java knows no bound. They travel with every write, and every check of an
// ACL asks them one by one.
inline constexpr size_t kIdentityBytesMax = 64u << 10;
inline constexpr size_t kIdentityBytes = 64;

// A request to be carried out, or to be answered in its turn: straight from the wire, or out of the
// request throttle.
struct ArrivedRequest {
  int32_t xid = 0;
  wire::OpCode type = wire::OpCode::kError;
  std::string_view body;
  const wire::AuthPtr& ids;  // the identities at arrival
  int64_t received_us = 0;
  wire::ErrorCode refusal = wire::ErrorCode::kOk;  // else it is answered with this error
};

struct LongAnswer;

class ClientConnection : public env::StreamHandler {
 public:
  ClientConnection(ShardCore& core, ConnectionId id, std::unique_ptr<env::Stream> stream, Now now);
  ~ClientConnection() override;

  void on_bytes(std::string_view bytes) override;
  void on_closed(const Error& reason) override;

  // ---- from the replica, through the core ----
  void on_reply(const state::Applied& applied, const Reply& reply, Now now);
  void on_sync_done(const SyncDone& done, Now now);
  void on_attach_result(const AttachResult& result, Now now);
  void on_local_reply(const LocalReply& reply, Now now);
  // The request throttle lets it go.
  void on_released(const ThrottledRequest& request, bool is_refused, Now now);
  // The facts that a four-letter word waits for; null: they did not come in time.
  void on_facts(const ReplicaFacts* facts);

  // Appends notification frames. The connection may be over its bound afterwards: the core is told.
  void deliver(std::string_view frame);
  // Runs the reads at the head of the queue, then forwards the writes that they held back. Requires
  // that the inbox was drained.
  void advance(Now now);
  // The shard is below its bounds again, or the backlog has drained.
  void resume_after_throttling() { resume(kOutstanding); }
  void resume_after_backlog(Now now);
  bool has_drained() const {
    return stream_->backlog() <= kBacklogResumeBytes &&
           !(waits_for_room_ && core_.is_output_full());
  }
  // The line has moved on to it: waiting reads, then what was read and not handled yet.
  void take_turn(Now now);
  // Its time has come: closes, or asks to be asked again.
  void on_deadline(Now now);

  // Sends what is in the output, then closes. The replica is told unless it knows.
  void close(bool tell_replica = true);
  // Closes at once; what was not taken is lost.
  void drop();
  bool is_closed() const { return state_ == State::kClosed; }

  // ---- facts ----
  ConnectionId id() const { return id_; }
  SessionId session() const { return is_established() ? session_ : kNoSession; }
  bool is_established() const { return state_ == State::kOpen; }
  bool is_command() const { return state_ == State::kCommand; }
  const wire::AuthPtr& ids() const { return ids_; }
  const env::Endpoint& peer() const { return stream_->peer(); }
  int32_t timeout_ms() const { return timeout_ms_; }
  int64_t established_wall_ms() const { return established_wall_ms_; }
  size_t queued() const { return queue_.size(); }
  size_t backlog() const { return stream_->backlog(); }
  // Input that is no request yet: an incomplete one, or anything while it is not read.
  size_t incoming_bytes() const { return incoming_.size(); }
  int64_t incoming_since_us() const { return incoming_since_us_; }
  // The deadline as `dump` shows it.
  int64_t expires_us() const;
  // As a selector's interest: 1 reading, 4 writing.
  int interest() const;
  ConnectionCounters& counters() { return counters_; }
  const ConnectionCounters& counters() const { return counters_; }
  // Called when touched sessions are reported.
  void end_touch_period();

 private:
  enum class State : uint8_t {
    kFresh,    // nothing understood yet: a four-letter word or a ConnectRequest comes
    kOpening,  // waits for the replica's answer about the session
    kOpen,
    kCommand,  // a four-letter word; closed behind its answer
    kClosed,
  };
  enum Pause : uint8_t { kHandshake = 1, kOutstanding = 2, kBacklog = 4, kTurn = 8 };

  // ---- input ----
  // Handles whole frames until the bytes end or reading is paused; returns how many were used.
  size_t consume(std::string_view bytes);
  void consume_buffered();
  // To be called when incoming_ has changed; `is_begun`: the request in it is another one.
  void count_incoming(size_t bytes_before, bool is_begun);
  void tell_bad_length(int32_t length, std::string_view bytes);
  // How many bytes belong to a four-letter word; 0: its argument is incomplete; kNoWord.
  size_t begin_command(std::string_view bytes);
  void answer_command(std::string_view argument, const ReplicaFacts* facts);
  void go_on_with_answer();
  void on_connect(std::string_view body);
  bool passes_connection_throttle(SessionId session);
  void ask_for_session();
  void on_request(std::string_view frame);
  // Its turn is over, or cannot begin: it goes on when the line has moved on to it.
  void wait_for_turn();
  void pause(Pause reason);
  void resume(Pause reason);
  void touch();
  void finish(bool tell_replica);

  // ---- requests ----
  void hold_back(int32_t xid, wire::OpCode type, std::string_view body);
  void carry_out(ArrivedRequest request, Now now);
  bool fails_eager_check(ArrivedRequest& request) const;
  void read(const ArrivedRequest& request, Now now);
  void write(const ArrivedRequest& request);
  void forward(int32_t xid, wire::OpCode type, std::string body, const wire::AuthPtr& ids);
  void authenticate(int32_t xid, std::string_view body);
  void answer_sasl(int32_t xid);
  // False if they would be too many. Gives up what `added` holds.
  bool add_identities(std::vector<wire::Id>& added);
  void run_waiting_reads(Now now);
  QueuedRequest& enqueue(const ArrivedRequest& request, QueuedRequest::State state);
  void pause_if_over_limit();
  void check_backlog();
  void pause_for_backlog(size_t backlog);
  // True, and the connection is paused: the read must wait until others have taken their output.
  bool must_wait_for_room(wire::OpCode type, std::string_view body);

  // ---- replies ----
  QueuedRequest* find_forwarded(int32_t xid, wire::OpCode type);
  // Sends the frame if the request is the oldest, else keeps it.
  template <class WriteFrame>
  void answer(QueuedRequest& request, Now now, WriteFrame write_frame);
  // The oldest request has its reply of so many bytes in the output.
  void pop_front(size_t reply_bytes, Now now);
  void schedule_if_ready();
  void count_reply(int32_t xid, wire::OpCode type, size_t bytes, int64_t waited_ms, Now now);
  void write_connect_response(int32_t timeout_ms, SessionId session, std::string_view password);
  void establish(SessionId session, Now now);
  void check_at(int64_t deadline_us);

  ShardCore& core_;
  const ConnectionId id_;
  std::unique_ptr<env::Stream> stream_;
  SessionId session_ = kNoSession;  // the one wished for while opening
  int32_t timeout_ms_ = 0;          // negotiated
  uint32_t waiting_reads_ = 0;      // of queue_
  uint32_t word_ = 0;               // kCommand: its four bytes
  State state_ = State::kFresh;
  uint8_t pauses_ = 0;
  bool has_read_only_ = false;  // the ConnectRequest had the byte: so has the response
  bool touched_ = false;        // noted since the last report
  bool ready_ = false;          // noted for advance()
  bool in_line_ = false;
  bool is_creation_charged_ = false;  // the new session that it asked for is in process
  bool waits_for_room_ = false;       // paused for the output of others
  int64_t last_heard_us_;
  int64_t next_check_us_ = 0;
  int64_t established_wall_ms_;
  size_t backlog_mark_ = 0;  // while paused for its backlog: as it was at the last check
  size_t backlog_cap_ = SIZE_MAX;
  wire::AuthPtr ids_;
  size_t identity_bytes_ = 0;  // of those that auth packets added
  std::string incoming_;  // the incomplete frame at the end of what was read; or all, while paused
  int64_t incoming_since_us_ = 0;
  std::unique_ptr<LongAnswer> long_answer_;  // kCommand: under way
  RequestQueue queue_;
  ConnectionCounters counters_;
};

}  // namespace zooid::server
