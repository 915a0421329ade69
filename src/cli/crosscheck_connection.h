// One connection of a cross-check's session to one server: sends what the plan says, byte for byte,
// and keeps what comes back as normalised lines.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "cli/crosscheck_normaliser.h"
#include "env/network.h"

namespace zooid::cli {

// A sync behind each step: its answer tells that every event caused by the step has come, and the
// zxid in it that both servers made equally many transactions.
inline constexpr int32_t kBarrierXid = 0x7ffffff0;

class CrosscheckConnection : public env::StreamHandler {
 public:
  CrosscheckConnection(env::Network& network, const env::Endpoint& server, Normaliser& normaliser);

  // Frames leave as soon as the connection is made.
  void send_handshake(const wire::ConnectRequest& request);
  void send(PlannedRequest request);
  void send_barrier();
  // The zxid in the last answer to a barrier; 0: none came yet.
  int64_t barrier_zxid() const { return barrier_zxid_; }
  // Bytes that get no answer: waits for the end of the connection.
  void send_raw(std::string_view bytes);
  void close_by_client();

  // Nothing is owed any more: all is answered, or the connection is gone.
  bool settled() const;
  bool is_open() const { return !closed_; }
  bool is_established() const { return session_ != 0 && !closed_; }
  int64_t session() const { return session_; }
  // What the wait ended without; and the connection with it.
  void give_up();
  std::vector<SeenLine> take_lines();

 private:
  void on_connected() override {}
  void on_bytes(std::string_view bytes) override;
  void on_closed(const Error& reason) override;
  void on_frame(std::string_view frame);
  void on_handshake(std::string_view frame);
  void send_frame(std::string_view body);

  Normaliser& normaliser_;
  std::unique_ptr<env::Stream> stream_;
  std::string input_;
  std::deque<PlannedRequest> pending_;
  bool awaits_handshake_ = false;
  bool awaits_end_ = false;
  bool closed_ = false;
  int64_t session_ = 0;
  int64_t barrier_zxid_ = 0;
  std::vector<SeenLine> lines_, asides_;
};

}  // namespace zooid::cli
