#include "posix/socket_address.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <cstring>

#include "base/assert.h"

namespace zooid::posix {
namespace {

const sockaddr_in& as_v4(const SocketAddress& address) {
  return reinterpret_cast<const sockaddr_in&>(address.storage);
}
const sockaddr_in6& as_v6(const SocketAddress& address) {
  return reinterpret_cast<const sockaddr_in6&>(address.storage);
}

addrinfo stream_hints(int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  return hints;
}

std::vector<SocketAddress> copy_all(const addrinfo* list) {
  std::vector<SocketAddress> found;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    ASSERT(entry->ai_addrlen <= sizeof(sockaddr_storage));
    SocketAddress address;
    std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
    address.length = entry->ai_addrlen;
    found.push_back(address);
  }
  return found;
}

}  // namespace

uint16_t SocketAddress::port() const {
  if (length == 0) return 0;
  return ntohs(family() == AF_INET6 ? as_v6(*this).sin6_port : as_v4(*this).sin_port);
}

void SocketAddress::set_port(uint16_t port) {
  ASSERT(length > 0);
  if (family() == AF_INET6) {
    reinterpret_cast<sockaddr_in6&>(storage).sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in&>(storage).sin_port = htons(port);
  }
}

env::Endpoint SocketAddress::endpoint() const {
  if (length == 0) return {};
  char text[INET6_ADDRSTRLEN] = {};
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &as_v4(*this).sin_addr, text, sizeof(text));
  } else if (const in6_addr& v6 = as_v6(*this).sin6_addr; IN6_IS_ADDR_V4MAPPED(&v6)) {
    inet_ntop(AF_INET, v6.s6_addr + 12, text, sizeof(text));
  } else {
    inet_ntop(AF_INET6, &v6, text, sizeof(text));
  }
  return {text, port()};
}

std::optional<SocketAddress> numeric_address(const std::string& host) {
  const addrinfo hints = stream_hints(AI_NUMERICHOST);
  addrinfo* list = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return std::nullopt;
  const std::vector<SocketAddress> found = copy_all(list);
  freeaddrinfo(list);
  if (found.empty()) return std::nullopt;
  return found.front();
}

Result<std::vector<SocketAddress>> look_up(const std::string& host) {
  const addrinfo hints = stream_hints(0);
  addrinfo* list = nullptr;
  const int status = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (status != 0) {
    const bool unknown = status == EAI_NONAME;
    return fail(unknown ? Error::Kind::kNotFound : Error::Kind::kOther,
                "looking up " + host + ": " + gai_strerror(status));
  }
  std::vector<SocketAddress> found = copy_all(list);
  freeaddrinfo(list);
  if (found.empty()) return fail(Error::Kind::kNotFound, host + " has no IP address");
  return found;
}

SocketAddress local_address(int fd) {
  SocketAddress address;
  socklen_t length = sizeof(address.storage);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &length) == 0) {
    address.length = length;
  }
  return address;
}

SocketAddress remote_address(int fd) {
  SocketAddress address;
  socklen_t length = sizeof(address.storage);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address.storage), &length) == 0) {
    address.length = length;
  }
  return address;
}

}  // namespace zooid::posix
