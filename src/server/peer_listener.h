// Listening on a port for other servers.
#pragma once

#include <memory>

#include "env/network.h"

namespace zooid::server {

// Listens on this server's own address as its server line has it; on every address if told so, or
// if that address is a wildcard or unknown on this host (it may be a name that only the others
// know, or lie in front of a NAT). A port in use is an error. The listener may use the descriptors
// that are kept back for peers.
Result<std::unique_ptr<env::Listener>> listen_for_peers(env::Network& network, env::Endpoint own,
                                                        bool on_all_addresses,
                                                        const env::AcceptFunction& accept);

}  // namespace zooid::server
