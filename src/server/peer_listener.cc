#include "server/peer_listener.h"

#include "base/log.h"
#include "base/mark.h"

namespace zooid::server {
namespace {

constexpr int kBacklog = 128;

bool is_wildcard(const std::string& host) {
  return host == "0.0.0.0" || host == "::" || host == "0:0:0:0:0:0:0:0";
}

}  // namespace

Result<std::unique_ptr<env::Listener>> listen_for_peers(env::Network& network, env::Endpoint own,
                                                        bool on_all_addresses,
                                                        const env::AcceptFunction& accept) {
  if (on_all_addresses || is_wildcard(own.host)) own.host.clear();
  auto listener = network.listen(own, kBacklog, accept);
  if (!listener && listener.error().kind == Error::Kind::kNotFound && !own.host.empty()) {
    MARK("peer_listener.own_address_unknown");
    log::warn("own address {} is unknown on this host ({}); listening on every address", own.text(),
              listener.error().message);
    own.host.clear();
    listener = network.listen(own, kBacklog, accept);
  }
  if (listener) (*listener)->use_reserve();
  return listener;
}

}  // namespace zooid::server
