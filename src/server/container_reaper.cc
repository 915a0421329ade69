#include "server/container_reaper.h"

#include <algorithm>

#include "base/assert.h"
#include "base/mark.h"

namespace zooid::server {
namespace {

constexpr int64_t kMinuteMs = 60'000;

}  // namespace

// As in ZooKeeper an interval of 0 switches the reaper off, and the pause between two deletions is
// in whole milliseconds.
ContainerReaper::ContainerReaper(const config::ServerConfig& config, Now now)
    : check_interval_us_(ms_to_us(config.container_check_interval_ms)),
      delete_interval_us_(ms_to_us(kMinuteMs / config.container_max_per_minute)),
      check_at_us_(check_interval_us_ > 0 ? now.mono_us + check_interval_us_ : kNever) {
  ASSERT(config.container_max_per_minute > 0);
}

std::vector<std::string> ContainerReaper::take_due(Now now, const Look& look) {
  if (scan_.is_done && waiting_.empty() && now.mono_us >= check_at_us_) {
    check_at_us_ = now.mono_us + check_interval_us_;
    scan_ = state::ReapScan{};
  }
  if (is_looking()) {
    for (std::string& request : look(scan_)) waiting_.push_back(std::move(request));
  }
  std::vector<std::string> due;
  while (!waiting_.empty() && now.mono_us >= delete_at_us_) {
    MARK("reaper.node_due");
    due.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    delete_at_us_ = now.mono_us + delete_interval_us_;
  }
  return due;
}

int64_t ContainerReaper::next_deadline() const {
  if (is_looking()) return 0;
  return waiting_.empty() ? check_at_us_ : delete_at_us_;
}

}  // namespace zooid::server
