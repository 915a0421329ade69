// Listening sockets. One env::Listener may have several, because a name can have several addresses.
#pragma once

#include <memory>
#include <vector>

#include "env/network.h"
#include "posix/reactor.h"
#include "posix/socket_address.h"

namespace zooid::posix {

// One listening socket. Accepts until the kernel's queue is empty, at most a bounded number of
// connections in a wake-up.
class ListeningSocket : public Source {
 public:
  ListeningSocket(Reactor& reactor, int fd, std::shared_ptr<const env::AcceptFunction> accept);
  ~ListeningSocket() override;

  // False: errno tells why.
  bool start();
  void pause() { paused_ = true; }
  void resume();
  void use_reserve() { uses_reserve_ = true; }
  void shut();

  void on_events(uint32_t events) override;
  void on_ready() override;
  void on_deadline() override;

 private:
  bool accept_one();
  void hand_over(int fd, const SocketAddress& peer);
  void rest_a_while(int error_number);

  int fd_;
  std::shared_ptr<const env::AcceptFunction> accept_;
  bool paused_ = false;
  bool pending_ = false;  // the queue may hold connections
  bool resting_ = false;
  bool has_complained_ = false;  // since the queue was last empty
  bool uses_reserve_ = false;
};

// Binds and listens; see env::Network::listen.
Result<std::unique_ptr<env::Listener>> start_listening(Reactor& reactor, const env::Endpoint& at,
                                                       int backlog, env::AcceptFunction accept);

}  // namespace zooid::posix
