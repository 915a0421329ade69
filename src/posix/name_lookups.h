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

 private:
  struct Shared;
  struct Waiting {
    uint64_t id;
    Done done;
  };
  std::shared_ptr<Shared> shared_;
  std::map<std::string, std::vector<Waiting>> waiting_;
  uint64_t last_id_ = 0;
};

}  // namespace zooid::posix
