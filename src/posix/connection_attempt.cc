// Making an outgoing connection: name look-up, then one address after the other.
#include "posix/connection_attempt.h"

#include <fmt/core.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/assert.h"
#include "base/mark.h"

namespace zooid::posix {

void Connection::connect(NameLookups& lookups, const env::Endpoint& to, int64_t timeout_ms) {
  ASSERT(state_ == State::kResolving && attempt_ == nullptr);
  ASSERT(timeout_ms > 0);
  attempt_ = std::make_unique<Attempt>();
  attempt_->to = to;
  attempt_->timeout_ms = timeout_ms;
  attempt_->deadline_us = reactor_.now_us() + ms_to_us(timeout_ms);
  peer_ = {to.host, 0};
  if (auto numeric = numeric_address(to.host)) {
    attempt_->addresses.push_back(*numeric);
    try_next_address();
  } else {
    start_resolving(lookups);
  }
}

void Connection::start_resolving(NameLookups& lookups) {
  reactor_.set_deadline(*this, attempt_->deadline_us);
  attempt_->lookups = &lookups;
  attempt_->lookup = lookups.start(
      attempt_->to.host, [this](const NameLookups::Answer& answer) { on_resolved(answer); });
}

void Connection::on_resolved(const NameLookups::Answer& answer) {
  ASSERT(state_ == State::kResolving && attempt_ != nullptr);
  attempt_->lookup = 0;
  if (!answer) {
    attempt_->lookup_failure = answer.error().kind;
    attempt_->last_failure = answer.error().message;
  } else {
    attempt_->addresses = *answer;
  }
  try_next_address();
}

// Ends in kConnecting, or with gave_up set and the connection marked ready: the handler is told at
// the next wake-up, because connect() must not call it.
void Connection::try_next_address() {
  state_ = State::kResolving;
  Attempt& attempt = *attempt_;
  while (attempt.next < attempt.addresses.size()) {
    SocketAddress address = attempt.addresses[attempt.next++];
    address.set_port(attempt.to.port);
    if (!open_socket(address)) continue;
    const int64_t left_us = std::max<int64_t>(attempt.deadline_us - reactor_.now_us(), 0);
    const auto addresses_left = static_cast<int64_t>(attempt.addresses.size() - attempt.next) + 1;
    state_ = State::kConnecting;
    reactor_.set_deadline(*this, reactor_.now_us() + left_us / addresses_left);
    return;
  }
  attempt.gave_up = true;
  reactor_.set_deadline(*this, kNever);
  reactor_.mark_ready(*this);
}

bool Connection::open_socket(const SocketAddress& address) {
  ASSERT(fd_ < 0);
  fd_ = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) {
    note_attempt_failure(errno);
    return false;
  }
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const bool started = ::connect(fd_, address.raw(), address.length) == 0 || errno == EINPROGRESS;
  watched_ = started && reactor_.watch(fd_, *this, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
  if (!watched_) note_attempt_failure(errno);
  return watched_;
}

void Connection::note_attempt_failure(int error_number) {
  if (error_number == ECONNREFUSED) ++attempt_->refused;
  if (error_number == ETIMEDOUT) attempt_->timed_out = true;
  attempt_->last_failure = std::strerror(error_number);
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  readable_ = hangup_ = broken_ = false;
}

void Connection::give_up_connecting() {
  const Attempt& attempt = *attempt_;
  Error reason;
  const std::string to = attempt.to.text();
  if (!attempt.addresses.empty() && attempt.refused == attempt.addresses.size()) {
    reason = {Error::Kind::kRefused, to + " refused the connection: nothing listens there"};
  } else if (attempt.timed_out) {
    const char* step = attempt.addresses.empty() ? "looking up its name" : "connecting";
    reason = {Error::Kind::kTimeout,
              fmt::format("{}: {} took longer than {} ms", to, step, attempt.timeout_ms)};
  } else {
    reason = {attempt.lookup_failure, fmt::format("{}: {}", to, attempt.last_failure)};
  }
  fail_connection(std::move(reason));
}

void Connection::finish_connecting() {
  int error_number = 0;
  socklen_t length = sizeof(error_number);
  if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error_number, &length) != 0) error_number = errno;
  SocketAddress peer;
  if (error_number == 0) {
    peer = remote_address(fd_);
    // A port in the range of ephemeral ports on which nobody listens can be given to this very
    // attempt as its own: then TCP connects the socket to itself.
    if (peer.length > 0 && peer.endpoint() == local_address(fd_).endpoint()) {
      MARK("posix: connected to itself");
      error_number = ECONNREFUSED;
    }
  }
  if (error_number != 0) {
    note_attempt_failure(error_number);
    try_next_address();
    return;
  }
  if (peer.length == 0) {  // a report from before; the outcome is still to come
    readable_ = hangup_ = broken_ = false;
    return;
  }
  peer_ = peer.endpoint();
  attempt_.reset();
  reactor_.set_deadline(*this, kNever);
  state_ = State::kOpen;
  if (backlog() > 0 || room_below_ > 0) reactor_.mark_dirty(*this);
  handler_->on_connected();
}

}  // namespace zooid::posix
