// Name look-ups that delay nobody: each name being looked up has a thread of its own, started for
// it, so a name server that does not answer holds up neither the loop nor another name. Requests
// for a name whose look-up is running share its answer; so there are never more threads than names.
//
// Used on the loop's thread. The threads share nothing but the list of answers.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "env/network.h"
#include "posix/socket_address.h"

namespace zooid::posix {

class NameLookups {
 public:
  using Answer = Result<std::vector<SocketAddress>>;
  using Done = std::function<void(const Answer&)>;

  // Wakes the loop when there is something to deliver.
  explicit NameLookups(env::Waker& waker);
  // Running look-ups are abandoned; their threads end when the system's resolver gives up.
  ~NameLookups();

  // `done` is called once from deliver(), unless cancelled.
  uint64_t start(const std::string& host, Done done);
  void cancel(uint64_t id);
  // Calls `done` for everything that was answered.
  void deliver();
  // What is known of a host now (env::Network::addresses_of). An answer of more than a minute ago
  // is given and asked for again; a failure is given once and asked for again.
  Answer known(const std::string& host, int64_t now_us);

 private:
  struct Shared;
  struct Waiting {
    uint64_t id;
    Done done;
  };
  std::shared_ptr<Shared> shared_;
  // Of the hosts that known() was asked for: this server's own names.
  struct Known {
    std::optional<Answer> answer;
    int64_t asked_us = 0;
    bool is_running = false;
  };
  std::map<std::string, std::vector<Waiting>> waiting_;
  std::map<std::string, Known> known_;
  uint64_t last_id_ = 0;
};

}  // namespace zooid::posix
