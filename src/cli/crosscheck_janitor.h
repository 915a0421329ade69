// The session of a cross-check that makes, reads and removes the tree of each play, on one server.
// It stays from play to play. It may read and remove every node, since all ACLs of a play name it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/terminal.h"
#include "client/client.h"

namespace zooid::cli {

class CrosscheckJanitor {
 public:
  CrosscheckJanitor(Terminal& terminal, const env::Endpoint& server);
  ~CrosscheckJanitor();

  struct Answer {
    wire::ErrorCode err = wire::ErrorCode::kOk;
    int64_t zxid = 0;
    std::string body;
  };
  using Request = std::pair<wire::OpCode, std::string>;

  // Connects and logs in. Later calls do nothing.
  Result<> begin();
  // The answers in the order of the requests, which are pipelined.
  Result<std::vector<Answer>> call(std::vector<Request> requests);
  // The zxid and the time of the transaction that made the node.
  Result<std::pair<int64_t, int64_t>> make_root(const std::string& path);
  // The path itself and all below it, parents first; by name among siblings.
  Result<std::vector<std::string>> walk(const std::string& path);
  void remove(const std::string& path);

 private:
  Terminal& terminal_;
  env::Endpoint server_;
  std::unique_ptr<client::Client> client_;
  bool is_ready_ = false;
};

}  // namespace zooid::cli
