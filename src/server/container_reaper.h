// Removes containers that have no children any more and TTL nodes that are due, on the leader or a
// standalone server: a look every znode.container.checkIntervalMs, then one deleteContainer after
// the other, at most znode.container.maxPerMinute of them (features.md 3.5). A look that finds the
// former one's work unfinished waits for it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/time.h"
#include "config/server_config.h"

namespace zooid::server {

class ContainerReaper {
 public:
  ContainerReaper(const config::ServerConfig& config, Now now);
  // The paths that a deleteContainer is to be ordered for now. That the node has got a child since
  // it was looked at is no harm: the transaction is refused, and the next look finds it again.
  // `look` gives the paths of all nodes that may go.
  std::vector<std::string> take_due(Now now, const std::function<std::vector<std::string>()>& look);
  int64_t next_deadline() const;

 private:
  int64_t check_interval_us_;
  int64_t delete_interval_us_;
  int64_t check_at_us_;
  int64_t delete_at_us_ = 0;
  std::deque<std::string> waiting_;
};

}  // namespace zooid::server
