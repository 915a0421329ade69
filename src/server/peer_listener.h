// Listening on a port for other servers, at this server's own address as its server line has it.
//
// On every address if told so, or if the own address is a wildcard or unknown on this host (it may
// be a name that only the others know, or lie in front of a NAT). A name is never waited for: until
// it is looked up nothing is accepted, and after kNameWaitUs without an answer every address is
// listened on (docs/decisions/0014). The listeners may use the descriptors that are kept back for
// peers.
//
// Owned by who accepts, used on its loop.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/time.h"
#include "env/network.h"

namespace zooid::server {

class PeerListener {
 public:
  // A look-up that takes longer than this is not waited for.
  static constexpr int64_t kNameWaitUs = 2'000'000;

  PeerListener(env::Network& network, env::Endpoint own, bool on_all_addresses,
               env::AcceptFunction accept);

  // Begins to listen if the address is known; does nothing while it listens. In every step, and
  // when next_deadline() has passed: an answer of the name server wakes the loop. Errors: the port
  // is in use, or what the system says; the next call tries again.
  Result<> try_listen(Now now);
  int64_t next_deadline() const { return is_listening() ? kNever : deadline_us_; }
  bool is_listening() const { return !listeners_.empty(); }
  // 0 unless it listens.
  uint16_t port() const { return is_listening() ? listeners_.front()->port() : uint16_t{0}; }

 private:
  Result<> listen_at(const std::vector<std::string>& hosts);
  Result<> listen_everywhere(const std::string& reason);

  env::Network& network_;
  const env::Endpoint own_;
  const bool is_everywhere_;
  const env::AcceptFunction accept_;
  int64_t deadline_us_ = kNever;  // of the look-up
  std::vector<std::unique_ptr<env::Listener>> listeners_;
};

}  // namespace zooid::server
