#include "server/peer_listener.h"

#include <utility>

#include "base/log.h"
#include "base/mark.h"

namespace zooid::server {
namespace {

constexpr int kBacklog = 128;

bool is_wildcard(const std::string& host) {
  return host.empty() || host == "0.0.0.0" || host == "::" || host == "0:0:0:0:0:0:0:0";
}

}  // namespace

PeerListener::PeerListener(env::Network& network, env::Endpoint own, bool on_all_addresses,
                           env::AcceptFunction accept)
    : network_(network),
      own_(std::move(own)),
      is_everywhere_(on_all_addresses || is_wildcard(own_.host)),
      accept_(std::move(accept)) {}

Result<> PeerListener::try_listen(Now now) {
  if (is_listening()) return {};
  if (is_everywhere_) return listen_at({""});
  const auto addresses = network_.addresses_of(own_.host);
  if (addresses) {
    auto listening = listen_at(*addresses);
    if (listening || listening.error().kind != Error::Kind::kNotFound) return listening;
    return listen_everywhere(listening.error().message);
  }
  if (addresses.error().kind != Error::Kind::kTimeout) {
    return listen_everywhere(addresses.error().message);
  }
  if (deadline_us_ == kNever) deadline_us_ = now.mono_us + kNameWaitUs;
  if (now.mono_us < deadline_us_) return {};
  MARK("peer_listener.name_server_is_slow");
  return listen_everywhere(addresses.error().message);
}

// All of them, but for those that this host does not have (kNotFound if it has none).
Result<> PeerListener::listen_at(const std::vector<std::string>& hosts) {
  std::vector<std::unique_ptr<env::Listener>> opened;
  Error last{Error::Kind::kNotFound, own_.host + " has no address"};
  for (const std::string& host : hosts) {
    auto listener = network_.listen({host, own_.port}, kBacklog, accept_);
    if (!listener) {
      last = std::move(listener).error();
      if (last.kind != Error::Kind::kNotFound) return std::unexpected(last);
      continue;
    }
    (*listener)->use_reserve();
    opened.push_back(std::move(*listener));
  }
  if (opened.empty()) return std::unexpected(last);
  listeners_ = std::move(opened);
  return {};
}

Result<> PeerListener::listen_everywhere(const std::string& reason) {
  MARK("peer_listener.own_address_unknown");
  auto listening = listen_at({""});
  if (listening) {
    log::warn("own address {} is unknown on this host ({}); listening on every address",
              own_.text(), reason);
  }
  return listening;
}

}  // namespace zooid::server
