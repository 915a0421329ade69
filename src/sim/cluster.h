// The whole ensemble in one thread: servers, clients, the network between them. Time passes in
// run_for_us() alone.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "env/memory_network.h"
#include "sim/ensemble_checker.h"
#include "sim/history.h"
#include "sim/limits.h"
#include "sim/message_tap.h"
#include "sim/options.h"
#include "sim/sim_server.h"
#include "sim/stranger.h"
#include "sim/sync_checker.h"
#include "sim/timeline.h"
#include "sim/violation.h"
#include "sim/work_meter.h"
#include "sim/workload.h"

namespace zooid::sim {

class Cluster {
 public:
  Cluster(const SimOptions& options, Verdict& verdict);
  ~Cluster();

  // Runs until that much time has passed, a checker objects, or the last step that was asked for.
  void run_for_us(int64_t duration_us);
  int64_t now_us() const { return network_.now_us(); }
  uint64_t steps() const { return network_.steps(); }
  // The last step that was asked for is done: nothing happens any more.
  bool is_stopped() const { return network_.is_stopped(); }

  // A server that cannot be started is a violation.
  void start(SimServer& server);
  void start_later(SimServer& server);
  // They serve, and nothing is lost if this one's disk is.
  bool others_have_all_of(const SimServer& server) const;
  void stop_clients();
  // Shows the checker what a serving server has in its files.
  void read_log(SimServer& server);
  bool clients_are_quiet() const;
  bool all_serve() const;
  // All servers serve, with the same last zxid.
  bool is_at_rest() const;
  // What one connection carries at least while nothing disturbs it, half of what its window lets
  // through; also what the workers of a server take.
  int64_t bytes_per_second() const;
  // What each server is and has, for violations.
  std::string servers_text() const;
  // Everything that can be repaired is: the network, disks, clocks, servers that are down.
  void heal();

  env::MemoryNetwork& network() { return network_; }
  std::vector<std::unique_ptr<SimServer>>& servers() { return servers_; }
  std::vector<std::unique_ptr<Workload>>& clients() { return clients_; }
  const std::vector<env::MemoryHost*>& client_hosts() const { return client_hosts_; }
  // The established leader of the newest epoch, null if there is none.
  SimServer* leader();
  const Limits& limits() const { return limits_; }
  // What this run has.
  const World& world() const { return world_; }
  const History& history() const { return history_; }
  EnsembleChecker& checker() { return checker_; }
  const SyncChecker& sync_checker() const { return sync_checker_; }
  const WorkMeter& work() const { return work_; }
  Timeline& timeline() { return timeline_; }
  uint64_t trace_hash() const;
  // For everything that begins later with chance.
  Random fork_random() { return Random(random_.next()); }
  // The same for what only unkind worlds have.
  Random fork_world_random() { return Random(world_random_.next()); }

 private:
  config::ServerConfig config_for(int id, const zab::Membership& membership) const;
  void observe_wake_ups();
  uint64_t step_at(int64_t time_us) const;
  void purge_later();
  void on_death(SimServer& server, const std::string& why);
  void add_readers(const WorkloadOptions& of_clients);
  void add_loader(const WorkloadOptions& of_clients);
  void add_client(const std::string& host, uint64_t seed, WorkloadOptions options);

  Verdict& verdict_;
  Random random_;
  Random world_random_;  // for what only unkind worlds have
  const World world_;
  const Limits limits_;
  env::MemoryNetwork network_;
  Timeline timeline_;
  MessageTap message_tap_;
  EnsembleChecker checker_;
  SyncChecker sync_checker_;
  WorkMeter work_;
  History history_;
  std::vector<std::unique_ptr<SimServer>> servers_;
  std::map<const env::MemoryHost*, SimServer*> server_of_host_;
  std::vector<env::MemoryHost*> client_hosts_;
  std::vector<std::unique_ptr<Workload>> clients_;
  std::unique_ptr<Stranger> stranger_;  // null in most runs
  // For each time at which a loop woke up, the number of steps when that had ended.
  std::vector<std::pair<int64_t, uint64_t>> steps_by_time_;
};

}  // namespace zooid::sim
