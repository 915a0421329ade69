// The candidate's connection that stands for one client of a proxy: asks what the client asked,
// when the shadow says so, and gives what is answered to the judge.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cli/crosscheck_events.h"
#include "cli/crosscheck_proxy_judge.h"
#include "env/clock.h"
#include "env/network.h"

namespace zooid::cli {

class ShadowConnection : public env::StreamHandler {
 public:
  // Of all connections of a shadow.
  struct InFlight {
    size_t all = 0, writes = 0, bytes = 0;
  };
  struct World {
    env::Network& network;
    const env::Clock& clock;
    ProxyJudge& judge;
    InFlight& in_flight;
    // The candidate ended a connection that the reference did not end.
    std::function<void(const std::string& connection, const std::string& request)> lost;
  };
  ShadowConnection(World& world, std::string name, env::Endpoint candidate);
  ~ShadowConnection() override;

  const std::string& name() const { return name_; }
  // The first exchange is a handshake.
  void replay(Exchange exchange);
  size_t in_flight() const { return pending_.size(); }
  size_t writes_in_flight() const { return writes_; }
  // When the oldest unanswered request was sent; kNever without one.
  int64_t asked_us() const { return pending_.empty() ? kNever : pending_.front().sent_us; }
  std::string oldest() const { return describe(pending_.front().exchange); }

  // What the reference sent, as it comes.
  void event_of_reference(const wire::ReplyHeader& header, std::string_view body);
  void reference_replies(const PlannedRequest& request, const wire::ReplyHeader& header,
                         std::string_view body);
  // The client or the reference ended the client's connection: no event is owed any more.
  void end_of_client() { is_over_ = true; }
  bool is_over() const { return is_over_; }
  // The candidate ended it before this time, but nobody has ended the client's.
  bool is_lost_since(int64_t time_us) const {
    return closed_ && !is_over_ && !may_end_ && closed_us_ <= time_us;
  }

  void decide_events(int64_t before_us);
  bool owes_events() const { return is_over_ ? events_.awaits_candidate() : !events_.empty(); }

 private:
  struct Pending {
    Exchange exchange;
    int64_t sent_us;
  };
  void on_connected() override {}
  void on_bytes(std::string_view bytes) override;
  void on_closed(const Error& reason) override;
  void on_frame(std::string_view frame);
  void on_handshake(std::string_view frame);
  void on_reply(const wire::ReplyHeader& header, std::string_view body);
  void forget(std::deque<Pending>::iterator pending);
  void match_events();
  void send_frame(std::string_view body);

  World& world_;
  std::string name_;
  env::Endpoint candidate_;
  std::unique_ptr<env::Stream> stream_;
  std::string input_;
  std::deque<Pending> pending_;
  size_t writes_ = 0;
  EventPairs events_;
  uint64_t replies_of_reference_ = 0, replies_of_candidate_ = 0;
  int64_t last_zxid_ = 0;  // in a reply of the candidate
  bool is_over_ = false;
  bool may_end_ = false;  // closeSession or a refusal was answered
  bool closed_ = false;
  int64_t closed_us_ = 0;
};

}  // namespace zooid::cli
