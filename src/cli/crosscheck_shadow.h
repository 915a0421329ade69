// Replays to the candidate what the clients of a proxy asked the reference, when the reference has
// answered it: writes one after another in the order of their zxids, each read between the writes
// between which the reference answered it. So concurrent clients make no difference: sequential
// names, versions and what a read sees are the same on both sides, and all of it can be compared.
//
// What it costs: writes of different connections are not in flight together, so a candidate gets
// through about one of them for each round trip and commit. What it cannot replay in time is kept
// up to a bound; beyond it, or if the candidate does not answer or ends connections, the shadow is
// dropped once and for all: from then on the two have different histories. No client notices.
//
// All connections lead to the candidate's first address, since another of its servers may be
// behind. Single-threaded: everything happens on the loop's thread.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "cli/crosscheck_shadow_connection.h"

namespace zooid::cli {

struct ShadowLimits {
  size_t bytes_max = size_t{64} << 20;  // of requests and replies that wait
  int64_t answer_timeout_ms = 10'000;
  // So long after the reference answered a request is replayed: what it answered before on another
  // connection is here by then.
  int64_t hold_back_ms = 10;
  // An event without a partner is judged after so long.
  int64_t event_window_ms = 5'000;
};

class Shadow {
 public:
  Shadow(env::Network& network, const env::Clock& clock, env::Endpoint candidate, ProxyJudge& judge,
         const ShadowLimits& limits);
  ~Shadow();

  // A client's connection, by a number that is not used again.
  void begin(uint64_t client);
  void handshake(uint64_t client, wire::ConnectRequest request, wire::ConnectResponse response);
  void exchange(uint64_t client, PlannedRequest request, const wire::ReplyHeader& header,
                std::string_view body);
  void event(uint64_t client, const wire::ReplyHeader& header, std::string_view body);
  // The reference never answered it.
  void unanswered(const PlannedRequest& request) { judge_.not_replayed(request); }
  void end(uint64_t client);

  void step(Now now);
  int64_t next_deadline() const;
  // All is replayed, answered and judged.
  bool is_settled() const;
  // No more is to come: judges what is left as soon as all is answered, at the latest after
  // `answer_timeout_ms`.
  void finish();

  // Why it was dropped; empty if it was not.
  const std::string& dropped() const { return dropped_; }
  void drop(std::string reason);

 private:
  class Probe;
  struct Client;
  // Reads behind the write whose state they saw.
  using Place = std::pair<int64_t, bool>;  // zxid, whether it is no write
  struct Waiting {
    uint64_t client;
    Exchange exchange;
  };
  void queue(uint64_t client, Exchange exchange);
  bool may_go(const Waiting& waiting, const Client& client, Now now) const;
  void replay(Now now);
  void look_after(Now now);
  void on_lost(const std::string& connection, const std::string& request);

  const env::Clock& clock_;
  ProxyJudge& judge_;
  ShadowLimits limits_;
  env::Endpoint candidate_;
  ShadowConnection::InFlight in_flight_;
  ShadowConnection::World world_;
  std::map<uint64_t, std::unique_ptr<Client>> clients_;
  std::multimap<Place, Waiting> waiting_;
  std::multiset<int64_t> waiting_since_us_;
  size_t waiting_bytes_ = 0;
  int64_t replayed_zxid_ = 0;  // of the last transaction that was replayed
  int64_t next_look_us_ = 0;
  bool finishes_ = false;
  int64_t silent_since_us_ = 0;
  std::unique_ptr<Probe> probe_;
  std::string dropped_;
};

}  // namespace zooid::cli
