// Socket addresses as values, and their numeric text.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "env/network.h"

namespace zooid::posix {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  int family() const { return storage.ss_family; }
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
  uint16_t port() const;
  void set_port(uint16_t port);
  // Numeric host and port; an IPv4 address that arrived over an IPv6 socket is written as IPv4.
  env::Endpoint endpoint() const;
};

// The address if `host` is a numeric IPv4 or IPv6 address; asks nobody.
std::optional<SocketAddress> numeric_address(const std::string& host);
// All stream addresses of a name, in the order the system prefers. Blocks for as long as the
// system's resolver does. kNotFound if the name is unknown.
Result<std::vector<SocketAddress>> look_up(const std::string& host);

// Errors are those of getsockname and getpeername; the result then has length 0.
SocketAddress local_address(int fd);
SocketAddress remote_address(int fd);

}  // namespace zooid::posix
