#include "posix/listener.h"

#include <fmt/core.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "posix/connection.h"

namespace zooid::posix {
namespace {

constexpr int kAcceptsPerWakeUp = 256;
constexpr int64_t kRestUs = 100'000;
// Descriptors that clients leave to peers, files and administration, and those that peers (and
// strangers on their ports) leave to files.
constexpr rlim_t kReservedDescriptors = 64;
constexpr rlim_t kReservedForFiles = 24;
static_assert(kReservedForFiles < kReservedDescriptors);
constexpr int kDefaultBacklog = 1024;

bool is_shortage(int error_number) {
  return error_number == EMFILE || error_number == ENFILE || error_number == ENOBUFS ||
         error_number == ENOMEM;
}

bool touches_reserve(int fd, rlim_t reserved) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return false;
  return static_cast<rlim_t>(fd) + reserved >= limit.rlim_cur;
}

class SocketListener : public env::Listener {
 public:
  SocketListener(std::vector<ListeningSocket*> sockets, uint16_t port)
      : sockets_(std::move(sockets)), port_(port) {}
  ~SocketListener() override {
    for (ListeningSocket* socket : sockets_) socket->shut();
  }
  uint16_t port() const override { return port_; }
  void pause() override {
    for (ListeningSocket* socket : sockets_) socket->pause();
  }
  void resume() override {
    for (ListeningSocket* socket : sockets_) socket->resume();
  }
  void use_reserve() override {
    for (ListeningSocket* socket : sockets_) socket->use_reserve();
  }

 private:
  std::vector<ListeningSocket*> sockets_;  // owned by the reactor
  uint16_t port_;
};

SocketAddress any_address(int family) {
  SocketAddress address;
  address.storage.ss_family = static_cast<sa_family_t>(family);
  address.length = family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  return address;
}

// A listening descriptor, or -1 with errno.
int open_listening_socket(const SocketAddress& address, bool is_dual_stack, int backlog) {
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  const int only_v6 = is_dual_stack ? 0 : 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.family() == AF_INET6) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof(only_v6));
  }
  if (bind(fd, address.raw(), address.length) == 0 && listen(fd, backlog) == 0) return fd;
  const int saved = errno;
  close(fd);
  errno = saved;
  return -1;
}

Result<std::vector<SocketAddress>> addresses_to_bind(const std::string& host) {
  if (host.empty()) return std::vector{any_address(AF_INET6), any_address(AF_INET)};
  if (auto numeric = numeric_address(host)) return std::vector{*numeric};
  return look_up(host);
}

}  // namespace

ListeningSocket::ListeningSocket(Reactor& reactor, int fd,
                                 std::shared_ptr<const env::AcceptFunction> accept)
    : Source(reactor), fd_(fd), accept_(std::move(accept)) {
  ASSERT(fd_ >= 0);
}

ListeningSocket::~ListeningSocket() {
  if (fd_ >= 0) close(fd_);
}

bool ListeningSocket::start() {
  return reactor_.watch(fd_, *this, EPOLLIN);
}

void ListeningSocket::resume() {
  paused_ = false;
  if (pending_) reactor_.mark_ready(*this);
}

void ListeningSocket::shut() {
  ASSERT(fd_ >= 0);
  close(fd_);
  fd_ = -1;
  reactor_.retire(*this);
}

void ListeningSocket::on_events(uint32_t) {
  pending_ = true;
  if (!paused_ && !resting_) reactor_.mark_ready(*this);
}

void ListeningSocket::on_ready() {
  for (int i = 0; i < kAcceptsPerWakeUp; ++i) {
    // An accept function may pause or destroy the listener.
    if (fd_ < 0 || paused_ || resting_) return;
    if (!accept_one()) return;
  }
  reactor_.mark_ready(*this);
}

void ListeningSocket::on_deadline() {
  ASSERT(resting_);
  resting_ = false;
  reactor_.mark_ready(*this);
}

bool ListeningSocket::accept_one() {
  SocketAddress peer;
  socklen_t length = sizeof(peer.storage);
  auto* raw = reinterpret_cast<sockaddr*>(&peer.storage);
  const int fd = accept4(fd_, raw, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    if (errno == EAGAIN) {
      pending_ = has_complained_ = false;
      return false;
    }
    if (is_shortage(errno)) {
      rest_a_while(errno);
      return false;
    }
    return true;  // that one connection failed before it was taken
  }
  if (touches_reserve(fd, uses_reserve_ ? kReservedForFiles : kReservedDescriptors)) {
    close(fd);
    rest_a_while(EMFILE);
    return false;
  }
  peer.length = length;
  hand_over(fd, peer);
  return true;
}

void ListeningSocket::hand_over(int fd, const SocketAddress& peer) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  auto& connection = reactor_.adopt(std::make_unique<Connection>(reactor_, fd, peer));
  // A copy: the function may destroy this listener.
  const std::shared_ptr<const env::AcceptFunction> accept = accept_;
  env::StreamHandler* handler = (*accept)(connection.make_stream());
  if (!connection.is_open()) return;  // refused by closing or destroying the stream
  if (handler == nullptr) {
    connection.drop();
  } else {
    connection.start(*handler);
  }
}

void ListeningSocket::rest_a_while(int error_number) {
  MARK("posix: accepting rests");
  if (!has_complained_) {
    log::warn(
        "accepting connections rests for {} ms at a time: {} (the open files limit is too low)",
        kRestUs / 1000, std::strerror(error_number));
  }
  has_complained_ = resting_ = true;
  reactor_.set_deadline(*this, reactor_.now_us() + kRestUs);
}

Result<std::unique_ptr<env::Listener>> start_listening(Reactor& reactor, const env::Endpoint& at,
                                                       int backlog, env::AcceptFunction accept) {
  TRY_VALUE(addresses, addresses_to_bind(at.host));
  const auto shared = std::make_shared<const env::AcceptFunction>(std::move(accept));
  std::vector<ListeningSocket*> sockets;
  uint16_t port = at.port;
  int failure = 0;
  for (SocketAddress& address : addresses) {
    address.set_port(port);
    const int fd =
        open_listening_socket(address, at.host.empty(), backlog > 0 ? backlog : kDefaultBacklog);
    if (fd < 0) {
      failure = errno;
      // A kind of address that this machine does not have: another one will do.
      if (failure == EAFNOSUPPORT || failure == EADDRNOTAVAIL) continue;
      break;
    }
    if (port == 0) port = local_address(fd).port();
    auto& socket = reactor.adopt(std::make_unique<ListeningSocket>(reactor, fd, shared));
    sockets.push_back(&socket);
    failure = socket.start() ? 0 : errno;
    if (failure != 0 || at.host.empty()) break;  // one dual-stack socket serves every address
  }
  const bool has_hard_failure = failure != 0 && failure != EAFNOSUPPORT && failure != EADDRNOTAVAIL;
  if (sockets.empty() || has_hard_failure) {
    for (ListeningSocket* socket : sockets) socket->shut();
    const env::Endpoint shown{at.host.empty() ? "*" : at.host, at.port};
    const char* hint = failure == EADDRINUSE ? " (is another server running there?)" : "";
    // Nothing here has that address: a name of the other side of a NAT, for instance.
    const bool is_unknown = failure == EADDRNOTAVAIL;
    return fail(
        is_unknown ? Error::Kind::kNotFound : Error::Kind::kOther,
        fmt::format("cannot listen on {}: {}{}", shown.text(), std::strerror(failure), hint));
  }
  return std::make_unique<SocketListener>(std::move(sockets), port);
}

}  // namespace zooid::posix
