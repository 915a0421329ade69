// One client of a proxy: every byte goes on between it and the reference as it came, in both
// directions. What the bytes say is told to the shadow, if they can be read.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "cli/crosscheck_plan.h"
#include "cli/crosscheck_shadow.h"
#include "env/network.h"

namespace zooid::cli {

class ProxyLink {
 public:
  // `first`: which of the reference's servers is tried first; the others if it does not answer.
  ProxyLink(env::Network& network, const std::vector<env::Endpoint>& reference, size_t first,
            uint64_t number, std::unique_ptr<env::Stream> client, Shadow& shadow);

  env::StreamHandler& client_handler() { return from_client_; }
  // The one that answered, or would be next.
  size_t server() const { return server_; }
  bool is_over() const { return client_ == nullptr && reference_ == nullptr; }
  // Takes nothing more from the client; what the reference owes still comes.
  void stop_requests();
  // The client left with requests unanswered: their answers are read for so long, since the
  // reference carries them out, too.
  static constexpr int64_t kLastAnswersUs = 2'000'000;
  void end_if_overdue(int64_t now_us);

 private:
  class Side : public env::StreamHandler {
   public:
    Side(ProxyLink& link, bool is_client) : link_(link), is_client_(is_client) {}
    void on_connected() override { link_.on_connected(); }
    void on_bytes(std::string_view bytes) override { link_.on_bytes(is_client_, bytes); }
    void on_room() override { link_.on_room(is_client_); }
    void on_closed(const Error&) override { link_.on_closed(is_client_); }

   private:
    ProxyLink& link_;
    bool is_client_;
  };

  void connect();
  void on_connected();
  void on_bytes(bool from_client, std::string_view bytes);
  void on_room(bool to_client);
  void pause_if_full(env::Stream& from, env::Stream& to);
  void on_closed(bool by_client);
  void read_last_answers(std::string_view bytes);
  void read_request(std::string_view frame);
  void read_answer(std::string_view frame);
  void end();

  env::Network& network_;
  const std::vector<env::Endpoint>& addresses_;
  size_t server_;
  size_t attempts_ = 0;
  uint64_t number_;
  Shadow& shadow_;
  Side from_client_, from_reference_;
  std::unique_ptr<env::Stream> client_, reference_;
  bool is_connected_ = false, is_stopped_ = false;
  std::string unsent_;  // until the connection is made
  // Frames that are not whole yet; nothing is cut any more once a stream makes no sense.
  std::string client_input_, reference_input_;
  bool is_readable_ = true;
  bool asked_to_connect_ = false, is_established_ = false;
  wire::ConnectRequest handshake_;
  std::deque<PlannedRequest> pending_;
  bool client_left_ = false;
  int64_t client_left_us_ = 0;  // 0: not known yet
};

}  // namespace zooid::cli
