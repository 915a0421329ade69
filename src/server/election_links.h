// The connections on the election port (election-protocol 1): one with each other server, opened by
// the one with the greater id. Votes go out through a slot of one message per server, in which a
// newer vote replaces an unsent older one.
//
// Owned by the replica, used on its loop. Nothing here waits. What peers send is never trusted: bad
// bytes cost the connection that they came on and nothing else.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/line_limit.h"
#include "base/time.h"
#include "env/clock.h"
#include "env/network.h"
#include "server/peer_listener.h"
#include "wire/notification.h"
#include "zab/membership.h"

namespace zooid::server {

struct ElectionLinksOptions {
  int64_t connect_timeout_ms = 5'000;  // cnxTimeout
  int64_t hello_timeout_ms = 10'000;   // syncLimit * tickTime: from accepting to the hello's end
  bool listen_on_all_ips = false;      // quorumListenOnAllIPs
};

// What the owner is told. The calls come from inside network callbacks and may call send(); they
// must not destroy the ElectionLinks.
class ElectionLinksEvents {
 public:
  virtual ~ElectionLinksEvents() = default;
  virtual void on_notification(ServerId from, const wire::Notification& notification) = 0;
  // A connection with the peer was newly made and kept.
  virtual void on_peer_connected(ServerId peer) = 0;
  // The peer's host answered that nothing listens there, at every address that is known of it, to
  // an attempt that began after the last begin_round() (rule 16).
  virtual void on_peer_refused(ServerId peer) = 0;
};

class ElectionLinks {
 public:
  // All references outlive it. `membership` gives the addresses; names are resolved at each
  // attempt.
  ElectionLinks(env::Network& network, const env::Clock& clock, ServerId self,
                zab::Membership membership, ElectionLinksOptions options,
                ElectionLinksEvents& events);
  ~ElectionLinks();

  // Listens on this server's own election addresses (peer_listener.h). Errors: this server is not
  // in the configuration (kConfig), or what the network said.
  Result<> start();

  // Puts the notification into the peer's slot and opens a connection if there is none. To a server
  // that is neither in the configuration nor connected it is dropped.
  void send(ServerId to, const wire::Notification& notification);
  // Opens a connection to every peer that has an unsent message.
  void connect_all();
  // An election begins: only attempts that begin from now on are told to on_peer_refused.
  void begin_round();
  // Other members: every connection is closed and everything unsent dropped (6). The same members:
  // nothing happens. Errors: as of start(); the old listeners are closed then.
  Result<> set_membership(zab::Membership membership);

  // In the loop's on_batch, and when next_deadline() has passed. Errors: what start() would have
  // said if the own name had been known then.
  Result<> on_batch(Now now);
  int64_t next_deadline() const;

  bool is_connected(ServerId peer) const;
  // The connection with it was made by this server to an address of the configuration. Whoever
  // called here has only said who it is.
  bool is_at_configured_address(ServerId peer) const;
  // Why the last attempt to connect with it failed; empty: there was none, or it is connected.
  std::string trouble_with(ServerId peer) const;
  // The port that is listened on; 0 before start(). For tests and inspection.
  uint16_t port() const;

  // Connections whose hello has not come yet. Above it the oldest is closed: an honest peer says
  // hello at once, so it never is the oldest for long.
  static constexpr size_t kHalfOpenMax = 64;
  // Connected servers that the configuration does not name (observers of other configurations,
  // former members).
  static constexpr size_t kStrangersMax = 64;
  // Messages of one peer from one arrival of bytes; of more only the newest are handed on.
  static constexpr size_t kReceivedMax = 100;
  // Addresses of a peer's hello that are tried.
  static constexpr size_t kHelloAddressesMax = 8;

 private:
  class Link;
  struct Peer {
    Link* kept = nullptr;        // the connection in use
    Link* connecting = nullptr;  // the one attempt that runs
    std::vector<env::Endpoint> hello_addresses;
    std::vector<env::Endpoint> untried;  // further addresses of the running attempt
    bool is_refused_so_far = false;      // by every address tried in the running attempt
    uint64_t attempt_round = 0;
    bool is_attempt_renewed = false;  // once for each attempt that was not asked for by a hello
    std::string slot;                 // framed and unsent; empty: nothing waits
    std::string last;                 // framed; the last message given to a connection
    uint64_t last_round = 0;
    uint64_t reopened_round = 0;  // a broken connection is re-opened a few times in a round
    int reopened = 0;             // in that round
    int64_t reopen_at_us = kNever;
    std::string trouble;  // why the last attempt failed
    bool is_trouble_told = false;
    // A connection ended; told if no other one takes its place.
    std::string lost_reason;
    int64_t lost_told_at_us = kNever;
  };

  // ---- connections (election_links.cc) ----
  Result<> listen();
  Result<> try_listen(Now now);
  void connect(ServerId id, Peer& peer);
  void connect_next(ServerId id, Peer& peer);
  void call_back(ServerId id, Peer& peer);
  std::vector<env::Endpoint> configured_addresses_of(ServerId id) const;
  std::vector<env::Endpoint> addresses_of(ServerId id, const Peer& peer) const;
  void flush(Peer& peer);
  void keep(Link& link, ServerId id);
  void end(Link& link);
  void reopen(ServerId id, Peer& peer);
  void forget_idle_strangers();

  // ---- what happens on them (election_links_receive.cc) ----
  env::StreamHandler* on_accepted(std::unique_ptr<env::Stream> stream);
  void on_connected(Link& link);
  void on_bytes(Link& link, std::string_view bytes);
  void on_room(Link& link);
  void on_closed(Link& link, const Error& reason);
  void reopen_later(Peer& peer);
  void on_attempt_failed(ServerId id, Peer& peer, const Error& reason);
  void meet(Link& link, const wire::Hello& hello);
  void receive(Link& link);
  void drop(Link& link, const std::string& reason);
  void tell_lost(Now now);

  env::Network& network_;
  const env::Clock& clock_;
  const ServerId self_;
  zab::Membership membership_;
  const ElectionLinksOptions options_;
  ElectionLinksEvents& events_;
  std::string hello_;
  uint64_t round_ = 1;
  int64_t anonymous_ids_ = 0;  // given to observers of old versions, downwards
  std::map<ServerId, Peer> peers_;
  std::vector<std::unique_ptr<Link>> links_;
  // A stream is never destroyed inside its own callback: ended links wait here for on_batch.
  std::vector<std::unique_ptr<Link>> ended_;
  std::vector<std::unique_ptr<PeerListener>> listeners_;
  LineLimit troubles_told_, losses_told_;   // of members and whoever else is known
  LineLimit strangers_told_, own_id_told_;  // by address
};

}  // namespace zooid::server
