// One connection of the network in memory: two sides, ordered bytes between them. Private to it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "env/memory_network.h"

namespace zooid::env {

class MemoryConnection : public std::enable_shared_from_this<MemoryConnection> {
 public:
  static constexpr int kInitiator = 0;
  static constexpr int kAcceptor = 1;

  MemoryConnection(MemoryNetwork& network, uint64_t number);

  // ---- making it ----
  // The user's handle of a side; at most one of each.
  std::unique_ptr<Stream> make_stream(int side);
  void start_connecting(MemoryHost& from, const Endpoint& to, int64_t timeout_ms,
                        StreamHandler& handler);
  // The acceptor's process took it.
  void start_accepted(StreamHandler& handler);

  // ---- what the owner of a side does ----
  std::string& output(int side) { return sides_[side].output; }
  size_t backlog(int side) const { return sides_[side].output.size(); }
  // Brings the host's sum up to date.
  size_t count_backlog(int side);
  void want_room(int side, size_t below);
  const Endpoint& peer(int side) const { return sides_[side].peer; }
  void pause_reading(int side) { sides_[side].is_paused = true; }
  void resume_reading(int side);
  void close(int side);
  void reset(int side);
  bool is_open(int side) const { return sides_[side].state == State::kOpen; }

  // ---- what the host's loop does ----
  void set_ready(int side) { sides_[side].is_ready = true; }
  bool take_ready(int side) { return std::exchange(sides_[side].is_ready, false); }
  // Tells the handler what has happened, once.
  void deliver(int side);
  // Hands output to the network as far as the window allows.
  void flush(int side);
  // The loop has flushed: whoever wants room and has it is told at its next wake-up.
  void look_for_room(int side);
  // The process or the machine is gone.
  void abandon(int side, bool tells_peer);
  bool joins(const MemoryHost& a, const MemoryHost& b) const;
  // The side's end, as if the network had said so.
  void forget(int side) { sides_[side].is_forgotten = true; }
  void break_side(int side, Error reason);

 private:
  enum class State {
    kUnused,
    kConnecting,
    kOpen,
    kClosing,  // by its user; output is left
    kClosed,
    kGone,  // lost with its process: what comes for it is answered with RST
  };
  struct Side {
    State state = State::kUnused;
    MemoryHost* host = nullptr;
    StreamHandler* handler = nullptr;
    Endpoint peer;
    std::string output;
    std::string received;
    size_t counted = 0;         // the part of the host's output_bytes that is this one's
    size_t unacknowledged = 0;  // bytes sent and not read by the other side
    int64_t last_arrival_us = 0;
    bool is_paused = false;
    bool is_ready = false;    // waits to be read by its loop
    bool is_blocked = false;  // the window was full
    size_t room_below = 0;    // on_room is due when the output is shorter
    bool must_tell_connected = false;
    std::optional<Error> end;   // on_closed is due, after what was received
    bool is_forgotten = false;  // half open: what arrives is answered with RST
    bool is_end_abrupt = false;
  };

  // `bytes`: how much of a slow route it takes.
  void send_packet(int from, std::function<void()> action, size_t bytes = 0);
  size_t window_of(int side) const;
  size_t draw_segment(size_t left) const;
  void send_syn(const Endpoint& to);
  void on_syn(MemoryHost& at, const Endpoint& to);
  void on_bytes_arrived(int side, const std::string& bytes);
  void on_acknowledged(int side, size_t bytes);
  void on_fin(int side);
  void on_rst(int side);
  void send_fin(int side);
  void send_rst(int side);
  void finish(int side, State state);
  void mark_ready(int side);
  bool has_wanted_room(int side) const;

  MemoryNetwork& network_;
  const uint64_t number_;
  Side sides_[2];
};

class MemoryListener final : public Listener {
 public:
  MemoryListener(MemoryHost& host, uint16_t port, size_t backlog, AcceptFunction accept);
  ~MemoryListener() override;
  uint16_t port() const override { return port_; }
  void pause() override { is_paused_ = true; }
  void resume() override;

 private:
  friend class MemoryHost;
  friend class MemoryConnection;
  MemoryHost* host_;  // null once the host's process was killed
  const uint16_t port_;
  const size_t backlog_;
  std::shared_ptr<AcceptFunction> accept_;  // survives the listener while it runs
  bool is_paused_ = false;
  std::deque<std::shared_ptr<MemoryConnection>> pending_;
};

}  // namespace zooid::env
