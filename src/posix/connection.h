// One TCP connection: the socket behind an env::Stream. The Stream that its user holds is a thin
// handle; the connection itself belongs to the reactor and outlives the handle while it flushes.
//
// Reads and writes happen at the reactor's fixed points only: one read per wake-up when ready, one
// write per wake-up when output grew, and one more when a full kernel buffer has drained. Whoever
// wants room (env::Stream::want_room) is told at the wake-up after the write that made it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "env/network.h"
#include "posix/name_lookups.h"
#include "posix/reactor.h"
#include "posix/socket_address.h"

namespace zooid::posix {

class Connection : public Source {
 public:
  // An accepted socket. It is read only after start().
  Connection(Reactor& reactor, int fd, const SocketAddress& peer);
  // An outgoing one, see connect().
  Connection(Reactor& reactor, env::StreamHandler& handler);
  ~Connection() override;

  // The handle for the user; at most one.
  std::unique_ptr<env::Stream> make_stream();
  // Whether the user's handle exists and did not close.
  bool is_open() const { return state_ == State::kOpen; }
  void start(env::StreamHandler& handler);
  // Closes without a byte; for a connection nobody wants.
  void drop();
  // Each address that the name has gets an equal share of the time that is left.
  void connect(NameLookups& lookups, const env::Endpoint& to, int64_t timeout_ms);

  void on_events(uint32_t events) override;
  void on_ready() override;
  void on_flush() override;
  void on_deadline() override;

 private:
  friend class ConnectionStream;
  struct Attempt;  // an outgoing connection that is not established yet
  enum class State {
    kResolving,
    kConnecting,
    kOpen,
    kClosing,    // closed by the user, output left
    kLingering,  // everything sent; waits for the other side's end so that no RST overtakes it
    kDone,       // no descriptor
  };

  std::string& output();
  size_t backlog() const { return output_.size() - sent_; }
  // Brings the reactor's sum up to date.
  size_t count_backlog();
  void want_room(size_t below);
  void pause_reading() { paused_ = true; }
  void resume_reading();
  void limit_reads(const size_t& bytes_max) { read_bytes_max_ = &bytes_max; }
  void close_gracefully();
  void close_with_reset();
  void release_stream();

  void start_resolving(NameLookups& lookups);
  void on_resolved(const NameLookups::Answer& answer);
  void try_next_address();
  bool open_socket(const SocketAddress& address);
  void note_attempt_failure(int error_number);
  void give_up_connecting();
  void finish_connecting();

  void read_once();
  void discard_input();
  void write_some();
  void drain_after_block();
  bool has_wanted_room() const { return room_below_ > backlog() && state_ == State::kOpen; }
  void tell_room();
  void begin_lingering();
  void release_output();
  void fail_connection(Error reason);
  void close_descriptor();
  void retire_if_unused();

  env::StreamHandler* handler_ = nullptr;
  std::unique_ptr<Attempt> attempt_;
  std::string output_;
  size_t sent_ = 0;        // bytes at the front of output_ that the kernel has taken
  size_t counted_ = 0;     // the part of Reactor::output_bytes that is this one's
  size_t room_below_ = 0;  // on_room() is due when the backlog is smaller
  env::Endpoint peer_;
  const size_t* read_bytes_max_ = nullptr;  // null: as much as there is
  int fd_ = -1;
  int write_errno_ = 0;  // of a failed write; reported once the input has been read to its end
  State state_ = State::kOpen;
  bool has_stream_ = false;
  bool watched_ = false;
  bool paused_ = false;
  bool readable_ = false;
  bool hangup_ = false;    // the other side will send no more; its last bytes may be unread
  bool broken_ = false;    // nothing can be sent any more
  bool blocked_ = false;   // the kernel refused output; wait for it to become writable
  bool writable_ = false;  // and it has
};

}  // namespace zooid::posix
