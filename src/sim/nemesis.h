// What goes wrong in a run: faults drawn by the seed, each with an end, never more than the
// protocol has to survive. Any number of servers may crash, as long as their disks come back; a
// disk is lost only when every other server has all that this one promised.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>

#include "base/random.h"
#include "sim/cluster.h"

namespace zooid::sim {

class Nemesis {
 public:
  struct Figures {
    uint64_t crashes = 0;  // of a process or a machine, wipes included
    uint64_t partitions = 0;
    uint64_t faults = 0;  // all of them
  };

  // A run whose first half brings neither crash nor partition gets a crash of the leader.
  Nemesis(Cluster& cluster, FaultLevel level, int64_t half_us, Random random);

  // Ends faults that are due and may begin another one. To be called every kPeriodUs.
  void act();
  static constexpr int64_t kPeriodUs = 100'000;
  // No more faults; what is broken stays broken until somebody heals the cluster. In every other
  // run that is everything: all servers begin anew together.
  void stop();
  const Figures& figures() const { return figures_; }

 private:
  void begin_fault();
  void crash(SimServer& server);
  void crash_soon(SimServer& server);
  void crash_some();
  void pause(SimServer& server);
  void cut_link();
  void isolate();
  void delay_link();
  void reset_link();
  void half_open();
  void slow_disk(SimServer& server);
  void full_disk(SimServer& server);
  void failing_disk(SimServer& server);
  void jump_clock(SimServer& server);
  void drift_clock(SimServer& server);
  void wipe_if_safe(SimServer& server);
  void damage_if_safe(SimServer& server);
  // Every other server has all that this one ever confirmed.
  bool is_dispensable(const SimServer& server) const;

  // ---- what only unkind worlds have (nemesis_world.cc) ----
  void begin_hardship();
  void slow_link();
  void damage_anywhere(SimServer& server);
  void deny_files(SimServer& server);
  void slow_disk_for_long(SimServer& server);
  void restore_backup_if_safe();
  // What is on the disk, or was, is damaged, and no leader has made it whole yet.
  bool is_suspect(SimServer& server);
  // One more disk may go: those that are sound remain a majority.
  bool may_lose(SimServer& server);

  void restart_later(SimServer& server);
  // In virtual time; skipped once stop() was called.
  void later(int64_t delay_us, std::function<void()> action);
  int64_t draw_us(int64_t least_us, int64_t most_us);
  SimServer& draw_server();
  env::MemoryHost& draw_host();
  void note(const std::string& text);

  Cluster& cluster_;
  const FaultLevel level_;
  const int64_t half_us_;
  Random random_;
  Random world_random_;
  Figures figures_;
  int64_t next_fault_us_;
  int64_t next_hardship_us_;
  std::set<ServerId> suspects_;
  int64_t backup_at_us_ = kNever;  // no sooner; kNever: it is done, or not to be
  bool is_calm_ = false;           // no faults until every server serves
  bool is_stopped_ = false;
};

}  // namespace zooid::sim
