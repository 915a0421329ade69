// The seam to the network: ordered byte streams as TCP gives them. posix/ implements it with epoll,
// sim/ with a simulated network. Everything here is used on the loop's thread alone.
//
// One wake-up of a loop: wait until the smallest next_deadline() of its workers -> read every ready
// stream once, on_bytes each -> on_batch(now) for every worker -> write every stream whose output
// grew, once -> after_flush(now) for every worker -> wait.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace zooid::env {

// A host as written in a configuration (name, IPv4 or IPv6 without brackets) and a port. Names are
// resolved at each attempt to connect; an address is never an identity.
struct Endpoint {
  std::string host;
  uint16_t port = 0;
  auto operator<=>(const Endpoint&) const = default;
  std::string text() const {
    return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" +
           std::to_string(port);
  }
};

// What happens to one stream. A stream never calls back from inside a call on it. The handler must
// outlive the stream or be detached by Stream::close(), after which nothing is called any more.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  // An outgoing connection is established. Not called for accepted streams.
  virtual void on_connected() {}
  // Bytes arrived; the span is valid during the call only.
  virtual void on_bytes(std::string_view bytes) = 0;
  // The backlog fell to zero after the kernel had refused to take everything.
  virtual void on_drained() {}
  // What Stream::want_room() asked for: the backlog is below the bound. Once for each asking.
  virtual void on_room() {}
  // Once and last: the connection is gone, or could not be made (kRefused if the host answered so).
  // Not called after close().
  virtual void on_closed(const Error& reason) = 0;
};

// One connection. Destroying it closes it at once, dropping unsent output.
class Stream {
 public:
  virtual ~Stream() = default;
  // Append what is to be sent; the loop flushes it at the end of the wake-up.
  virtual std::string& output() = 0;
  // Bytes appended but not yet taken by the kernel.
  virtual size_t backlog() const = 0;
  // backlog(), and Network::output_bytes() knows of it at once. Without this it learns at the
  // flush.
  virtual size_t count_backlog() = 0;
  // The owner has more to send than it appended (rule 41): on_room() is called at a later wake-up,
  // as soon as the backlog is below `below` bytes, and nobody else has to wake the loop for it. So
  // also when the kernel takes everything at once: then the loop does not sleep before. Asking
  // again replaces the former bound; 0 withdraws it.
  virtual void want_room(size_t below) = 0;
  // Back-pressure: while paused no on_bytes is called. Bytes wait in the kernel.
  virtual void pause_reading() = 0;
  virtual void resume_reading() = 0;
  // No on_bytes brings more than `bytes_max` says when it is called. It must outlive the stream.
  virtual void limit_reads(const size_t& bytes_max) = 0;
  // Stops callbacks now; sends what is in output() if the peer takes it within two seconds, then
  // closes. The Stream object may be destroyed right after.
  virtual void close() = 0;
  // Closes with RST, dropping output.
  virtual void reset() = 0;
  // Address of the other side, numeric. Port 0 before on_connected.
  virtual const Endpoint& peer() const = 0;
};

// Listens while it lives.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual uint16_t port() const = 0;
  // While paused new connections wait in the kernel's queue.
  virtual void pause() = 0;
  virtual void resume() = 0;
  // Connections of peers may use most of the descriptors that are kept back when the limit of open
  // files is near; those of clients may not. The rest is for files.
  virtual void use_reserve() {}
};

// Called for each accepted connection with a stream that has no handler yet; the callee returns
// the handler (not owned), or nullptr to have the connection closed without a byte.
using AcceptFunction = std::function<StreamHandler*(std::unique_ptr<Stream> stream)>;

class Network {
 public:
  virtual ~Network() = default;
  // Starts connecting; tells on_connected or on_closed within timeout_ms. Name look-up has its own
  // thread and delays nobody else.
  virtual std::unique_ptr<Stream> connect(const Endpoint& to, int64_t timeout_ms,
                                          StreamHandler& handler) = 0;
  // The numeric addresses of a host, as far as they are known: never waits. kTimeout: its name is
  // being looked up; the loop is woken when there is an answer, ask again then. An old answer is
  // given while a new one is asked for. Other errors: what the name server says; asked anew the
  // next time.
  virtual Result<std::vector<std::string>> addresses_of(const std::string& host) = 0;
  // Listens on a numeric address; an empty host means every address. port 0 picks one. A name is
  // looked up at once, which may take long: for start-up alone (otherwise see addresses_of).
  virtual Result<std::unique_ptr<Listener>> listen(const Endpoint& at, int backlog,
                                                   AcceptFunction accept) = 0;
  // Memory of the outputs of all streams, of closed ones too until they are gone.
  virtual size_t output_bytes() const = 0;
};

// What a loop drives beside streams. All calls on the loop's thread.
class Worker {
 public:
  virtual ~Worker() = default;
  // Work through what arrived since the last call; also called when next_deadline() has passed.
  virtual void on_batch(Now now) = 0;
  // All output of this wake-up was offered to the kernel.
  virtual void after_flush(Now) {}
  // kNever if nothing is to be done before something arrives.
  virtual int64_t next_deadline() const = 0;
};

// Ends the wait of a loop. May be called from any thread; costs a system call only if the loop
// sleeps.
class Waker {
 public:
  virtual ~Waker() = default;
  virtual void wake() = 0;
};

}  // namespace zooid::env
