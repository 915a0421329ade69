// Removes containers that have no children any more and TTL nodes that are due, on the leader or a
// standalone server: a look every znode.container.checkIntervalMs, then one deleteContainer after
// the other, at most znode.container.maxPerMinute of them (features.md 3.5). A look goes over all
// such nodes in slices, one a step, and rests while enough are found. One that finds the former
// one's work unfinished waits for it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/time.h"
#include "config/server_config.h"
#include "state/reapable.h"

namespace zooid::server {

class ContainerReaper {
 public:
  ContainerReaper(const config::ServerConfig& config, Now now);
  // The deleteContainer requests (state/reapable.h) that are to be ordered now. That the node has
  // got a child since it was looked at, or is another one, is no harm: the transaction is refused,
  // and the next look finds it again. `look` takes one slice further and gives the requests for the
  // nodes that may go.
  using Look = std::function<std::vector<std::string>(state::ReapScan& scan)>;
  std::vector<std::string> take_due(Now now, const Look& look);
  int64_t next_deadline() const;

 private:
  int64_t check_interval_us_;
  int64_t delete_interval_us_;
  int64_t check_at_us_;
  int64_t delete_at_us_ = 0;
  // Requests for nodes that were found and have not gone: about so many, one slice more at most.
  static constexpr size_t kWaitingMax = 10'000;
  bool is_looking() const { return !scan_.is_done && waiting_.size() < kWaitingMax; }

  state::ReapScan scan_{.is_done = true};
  std::deque<std::string> waiting_;
};

}  // namespace zooid::server
