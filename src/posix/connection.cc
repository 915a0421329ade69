#include "posix/connection.h"

#include <fmt/core.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/assert.h"
#include "base/mark.h"
#include "posix/connection_attempt.h"

namespace zooid::posix {
namespace {

constexpr int64_t kCloseTimeoutUs = 2'000'000;
// Sent bytes at the front of a long output are cut off in steps of at least this.
constexpr size_t kCompactBytes = 256 << 10;
constexpr uint32_t kAllEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP;

Error error_of(const char* what, int error_number) {
  const auto kind = error_number == ETIMEDOUT ? Error::Kind::kTimeout : Error::Kind::kOther;
  return {kind, fmt::format("{}: {}", what, std::strerror(error_number))};
}

}  // namespace

// An idle connection has no buffers, so this and its handle are all it costs us.
static_assert(sizeof(Connection) <= 384);

// What the user holds. Calls after the end of the connection do nothing.
class ConnectionStream : public env::Stream {
 public:
  explicit ConnectionStream(Connection& connection) : connection_(connection) {}
  ~ConnectionStream() override { connection_.release_stream(); }
  std::string& output() override { return connection_.output(); }
  size_t backlog() const override { return connection_.backlog(); }
  size_t count_backlog() override { return connection_.count_backlog(); }
  void want_room(size_t below) override { connection_.want_room(below); }
  void pause_reading() override { connection_.pause_reading(); }
  void resume_reading() override { connection_.resume_reading(); }
  void limit_reads(const size_t& bytes_max) override { connection_.limit_reads(bytes_max); }
  void close() override { connection_.close_gracefully(); }
  void reset() override { connection_.close_with_reset(); }
  const env::Endpoint& peer() const override { return connection_.peer_; }

 private:
  Connection& connection_;
};

Connection::Connection(Reactor& reactor, int fd, const SocketAddress& peer)
    : Source(reactor), peer_(peer.endpoint()), fd_(fd) {
  ASSERT(fd >= 0);
}

Connection::Connection(Reactor& reactor, env::StreamHandler& handler)
    : Source(reactor), handler_(&handler), state_(State::kResolving) {}

Connection::~Connection() {
  close_descriptor();
}

std::unique_ptr<env::Stream> Connection::make_stream() {
  ASSERT(!has_stream_);
  has_stream_ = true;
  return std::make_unique<ConnectionStream>(*this);
}

void Connection::start(env::StreamHandler& handler) {
  ASSERT(state_ == State::kOpen && !watched_);
  handler_ = &handler;
  watched_ = reactor_.watch(fd_, *this, kAllEvents);
  if (!watched_) {  // out of memory or of watches: tell at the next wake-up
    write_errno_ = errno;
    broken_ = readable_ = true;
    reactor_.mark_ready(*this);
  }
}

void Connection::drop() {
  close_descriptor();
  retire_if_unused();
}

std::string& Connection::output() {
  if (output_.capacity() < 64) {
    std::string buffer = reactor_.take_buffer();
    buffer.append(output_);
    output_.swap(buffer);
  }
  reactor_.mark_dirty(*this);
  return output_;
}

size_t Connection::count_backlog() {
  const size_t held = backlog() == 0 ? 0 : output_.capacity();
  ASSERT(reactor_.output_bytes >= counted_);
  reactor_.output_bytes += held - counted_;
  counted_ = held;
  return backlog();
}

// Looked at when this wake-up's output has been offered to the kernel.
void Connection::want_room(size_t below) {
  room_below_ = below;
  if (below > 0) reactor_.mark_dirty(*this);
}

void Connection::resume_reading() {
  paused_ = false;
  if (readable_ && state_ == State::kOpen) reactor_.mark_ready(*this);
}

void Connection::close_gracefully() {
  handler_ = nullptr;
  if (state_ == State::kResolving || state_ == State::kConnecting) {
    close_descriptor();
  } else if (state_ == State::kOpen) {
    state_ = State::kClosing;
    ++reactor_.closing_streams;
    reactor_.set_deadline(*this, reactor_.now_us() + kCloseTimeoutUs);
    reactor_.mark_dirty(*this);
    // An accepted stream may be closed inside the accept function, before it is watched.
    if (!watched_) watched_ = reactor_.watch(fd_, *this, kAllEvents);
  }
}

void Connection::close_with_reset() {
  handler_ = nullptr;
  if (fd_ >= 0) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  }
  close_descriptor();
}

void Connection::release_stream() {
  ASSERT(has_stream_);
  has_stream_ = false;
  handler_ = nullptr;
  const bool flushing = state_ == State::kClosing || state_ == State::kLingering;
  if (!flushing) close_descriptor();
  retire_if_unused();
}

void Connection::on_events(uint32_t events) {
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) readable_ = true;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) hangup_ = true;
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) broken_ = true;
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0 && blocked_) writable_ = true;
  if (state_ != State::kConnecting && !readable_ && !writable_) return;
  reactor_.mark_ready(*this);
}

void Connection::on_ready() {
  if (state_ == State::kConnecting) finish_connecting();
  if (state_ == State::kResolving && attempt_->gave_up) give_up_connecting();
  if (writable_) drain_after_block();
  if (has_wanted_room()) tell_room();
  if (!readable_) return;
  if (state_ == State::kOpen) {
    read_once();
  } else if (state_ == State::kLingering) {
    discard_input();
  }
}

void Connection::on_flush() {
  if (state_ == State::kDone) {
    release_output();
    return;
  }
  if (state_ != State::kOpen && state_ != State::kClosing) return;
  if (!blocked_ && backlog() > 0) write_some();
  count_backlog();
  if (has_wanted_room()) reactor_.mark_ready(*this);
  if (state_ == State::kClosing && (backlog() == 0 || broken_)) begin_lingering();
}

void Connection::on_deadline() {
  if (state_ == State::kClosing || state_ == State::kLingering) {
    if (backlog() > 0) MARK("posix: output dropped at close");
    drop();
  } else if (state_ == State::kResolving) {
    attempt_->gave_up = true;
    attempt_->timed_out = true;
    give_up_connecting();
  } else if (state_ == State::kConnecting) {
    note_attempt_failure(ETIMEDOUT);
    try_next_address();
    if (attempt_ != nullptr && attempt_->gave_up) give_up_connecting();
  }
}

void Connection::read_once() {
  if (paused_) {
    // A dead connection is reported even so: nothing could be answered any more.
    if (broken_) fail_connection({Error::Kind::kClosed, "connection lost while not reading"});
    return;
  }
  std::span<char> buffer = reactor_.read_buffer();
  if (read_bytes_max_ != nullptr) buffer = buffer.first(std::min(*read_bytes_max_, buffer.size()));
  const ssize_t count = recv(fd_, buffer.data(), buffer.size(), 0);
  if (count > 0) {
    // A short read emptied the socket, and epoll tells when more arrives. After the other side's
    // end nothing more is told, so go on until that end is read.
    if (static_cast<size_t>(count) < buffer.size() && !hangup_ && !broken_) {
      readable_ = false;
    } else {
      reactor_.mark_ready(*this);
    }
    handler_->on_bytes({buffer.data(), static_cast<size_t>(count)});
  } else if (count == 0) {
    fail_connection(write_errno_ != 0 ? error_of("write", write_errno_)
                                      : Error{Error::Kind::kClosed, "closed by the other side"});
  } else if (errno == EINTR) {
    reactor_.mark_ready(*this);
  } else if (errno != EAGAIN) {
    fail_connection(error_of("read", errno));
  } else if (broken_) {
    fail_connection(error_of("write", write_errno_));
  } else {
    readable_ = false;
  }
}

// After the last byte was sent the peer may still be sending: closing with unread input would send
// a reset, which can overtake what we sent.
void Connection::discard_input() {
  const std::span<char> buffer = reactor_.read_buffer();
  const ssize_t count = recv(fd_, buffer.data(), buffer.size(), 0);
  if (count > 0 || (count < 0 && errno == EINTR)) {
    reactor_.mark_ready(*this);
  } else if (count < 0 && errno == EAGAIN && !broken_) {
    readable_ = false;
  } else {
    drop();
  }
}

void Connection::write_some() {
  ASSERT(fd_ >= 0 && sent_ < output_.size());
  const ssize_t count = send(fd_, output_.data() + sent_, backlog(), MSG_NOSIGNAL);
  if (count < 0) {
    if (errno == EAGAIN) {
      blocked_ = true;
    } else if (errno == EINTR) {
      reactor_.mark_dirty(*this);
    } else {
      // What the other side sent before it went away is still to be read; its end comes after it.
      write_errno_ = errno;
      broken_ = readable_ = true;
      release_output();
      reactor_.mark_ready(*this);
    }
    return;
  }
  sent_ += static_cast<size_t>(count);
  if (backlog() == 0) {
    release_output();
    return;
  }
  blocked_ = true;
  if (sent_ >= kCompactBytes && sent_ >= output_.size() / 2) {
    output_.erase(0, sent_);
    sent_ = 0;
  }
}

void Connection::drain_after_block() {
  writable_ = blocked_ = false;
  if (state_ != State::kOpen && state_ != State::kClosing) return;
  if (backlog() > 0) write_some();
  count_backlog();
  if (backlog() > 0 || broken_) return;
  if (state_ == State::kClosing) {
    begin_lingering();
  } else if (handler_ != nullptr) {
    MARK("posix: stream drained");
    handler_->on_drained();
  }
}

void Connection::tell_room() {
  ASSERT(handler_ != nullptr);
  room_below_ = 0;
  handler_->on_room();
}

void Connection::begin_lingering() {
  ASSERT(state_ == State::kClosing);
  state_ = State::kLingering;
  --reactor_.closing_streams;
  if (broken_ || !watched_ || shutdown(fd_, SHUT_WR) != 0) {
    drop();
    return;
  }
  if (readable_ || hangup_) {
    readable_ = true;
    reactor_.mark_ready(*this);
  }
}

void Connection::release_output() {
  sent_ = 0;
  std::string buffer;
  buffer.swap(output_);
  reactor_.give_buffer(std::move(buffer));
  count_backlog();
}

void Connection::fail_connection(Error reason) {
  env::StreamHandler* handler = handler_;
  handler_ = nullptr;
  close_descriptor();
  if (handler != nullptr) handler->on_closed(reason);
  retire_if_unused();
}

void Connection::close_descriptor() {
  if (state_ == State::kClosing) --reactor_.closing_streams;
  if (state_ != State::kDone) reactor_.set_deadline(*this, kNever);
  state_ = State::kDone;
  attempt_.reset();  // cancels a running look-up
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  if (!output_.empty()) release_output();
}

void Connection::retire_if_unused() {
  if (state_ == State::kDone && !has_stream_) reactor_.retire(*this);
}

}  // namespace zooid::posix
