// Tells people, in the log, whether this server serves clients: when it begins to, when it ends and
// why, each minute of the time in between what is missing, and for how long it was away.
//
// Owned by the replica, used on its loop. Time is given to it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/line_limit.h"
#include "base/time.h"

namespace zooid::server {

// Another voter, as this server sees it while there is no leader.
struct VoterNews {
  ServerId id;
  bool is_connected = false;  // the election connection
  int64_t heard_us = -1;      // its last message, by the monotonic clock; -1: never
  std::string trouble;        // why the last attempt to connect failed
};

struct ServiceGap {
  std::string own_trouble;  // this server's own: no space, data that is not complete
  bool serves_read_only = false;
  size_t voters = 0;  // of the ensemble, this one included; 0: a standalone server
  size_t needed = 0;
  std::vector<VoterNews> others;
};
// "2 of 3 voters are needed, 1 is here; server 2 …"
std::string describe(const ServiceGap& situation, int64_t now_us);

class ServiceReport {
 public:
  static constexpr int64_t kRemindEveryUs = 60'000'000;

  // The server has started and does not serve yet; `voters` as in ServiceGap.
  void on_start(size_t voters, size_t needed, Now now);
  // It serves as `role`. Repetitions are ignored.
  void on_serving(std::string_view role, Now now) {
    if (!is_serving_) begin(role, now);
  }
  // The role that served has ended.
  void on_lost(std::string_view why, Now now);
  bool is_serving() const { return is_serving_; }
  // Does somebody have to be told again that it does not serve?
  bool is_reminder_due(Now now) const { return now.mono_us >= remind_at_us_; }
  void remind(const ServiceGap& situation, Now now);
  int64_t next_deadline() const { return remind_at_us_; }
  // The process ends: no more reminders.
  void stop() { remind_at_us_ = kNever; }

 private:
  void begin(std::string_view role, Now now);

  bool is_serving_ = false;
  bool has_served_ = false;
  int64_t since_us_ = 0;  // serving, or not
  int64_t remind_at_us_ = kNever;
  std::string role_;
  LineLimit limit_;  // of an ensemble that changes its leader all the time
  uint64_t changes_ = 0;
};

}  // namespace zooid::server
