// How fast a follower may hear from its leader: what its own disk has not taken yet is bounded.
//
// At the bound it is not read from the leader, so that TCP and the leader's log hold what follows;
// it goes on when the disk has taken half. A stall of the disk costs no more than that, and so does
// coming level with the leader: a long DIFF, or what was written while a snapshot was installed.
// But the leader's pings, behind which the sessions of this server's clients live, come behind what
// it sent before. So a follower whose disk stays behind the ensemble leaves, writes what it has,
// and comes back by DIFF. It never leaves for what is not committed: that may need its disk.
//
// A pure decision, owned by FollowerRole. Decision record 20.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace zooid::server {

class FollowerPace {
 public:
  enum class Verdict { kRead, kPause, kLeave };
  struct Limits {
    size_t bytes_max;     // received and not durable
    int64_t patience_us;  // so long it may be behind, once it has been level
    int64_t level_us;     // so long after it was established it has to be level
  };
  struct Facts {
    size_t waiting_bytes = 0;      // received and not durable
    size_t uncommitted_bytes = 0;  // received and not committed
    bool is_established = false;
    bool is_level = false;  // has once heard all that the leader had
  };

  explicit FollowerPace(Limits limits) : limits_(limits) {}

  // To be asked in every step of the role.
  Verdict judge(const Facts& facts, Now now) {
    const bool was_paused = is_paused_;
    is_paused_ = facts.waiting_bytes > (was_paused ? limits_.bytes_max / 2 : limits_.bytes_max);
    if (!was_paused) paused_since_us_ = now.mono_us;
    next_check_us_ = kNever;
    if (!facts.is_established) {
      paused_since_us_ = now.mono_us;  // nobody waits for it
    } else if (is_late(facts, now)) {
      return Verdict::kLeave;
    }
    return is_paused_ ? Verdict::kPause : Verdict::kRead;
  }
  bool is_paused() const { return is_paused_; }
  // When to ask again if nothing else happens.
  int64_t next_deadline() const { return next_check_us_; }

 private:
  // What is committed and waits for this disk alone.
  bool holds_committed(const Facts& facts, size_t more_than) const {
    return facts.waiting_bytes > facts.uncommitted_bytes + more_than;
  }
  bool is_late(const Facts& facts, Now now) {
    if (facts.waiting_bytes <= limits_.bytes_max / 4) behind_since_us_ = kNever;
    if (behind_since_us_ == kNever && holds_committed(facts, limits_.bytes_max / 2)) {
      behind_since_us_ = now.mono_us;
    }
    const int64_t patience_us = facts.is_level ? limits_.patience_us : limits_.level_us;
    const bool is_behind =
        behind_since_us_ != kNever && has_come(behind_since_us_ + patience_us, now);
    const bool hears_nothing = is_paused_ && has_come(paused_since_us_ + limits_.patience_us, now);
    return (is_behind || hears_nothing) && holds_committed(facts, limits_.bytes_max / 4);
  }
  bool has_come(int64_t time_us, Now now) {
    if (now.mono_us >= time_us) return true;
    next_check_us_ = std::min(next_check_us_, time_us);
    return false;
  }

  const Limits limits_;
  int64_t behind_since_us_ = kNever;
  int64_t paused_since_us_ = 0;
  int64_t next_check_us_ = kNever;
  bool is_paused_ = false;
};

}  // namespace zooid::server
