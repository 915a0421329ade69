// One server of the simulated ensemble: a machine with a disk, and on it a process, the real
// server::Server, that is started, killed, paused. Its log and snapshot workers have threads of
// their own (WorkerActor), its loop is the host's.
#pragma once

#include <memory>
#include <string>

#include "config/server_config.h"
#include "env/memory_network.h"
#include "server/server.h"
#include "sim/disk.h"
#include "sim/worker_actor.h"

namespace zooid::sim {

class SimServer {
 public:
  SimServer(env::MemoryNetwork& network, config::ServerConfig config, uint64_t seed);
  ~SimServer();

  ServerId id() const { return *config_.my_id; }
  const std::string& name() const { return host_.name(); }
  env::MemoryHost& host() { return host_; }
  Disk& disk() { return disk_; }
  const Disk& disk() const { return disk_; }
  const config::ServerConfig& config() const { return config_; }
  bool is_running() const { return server_ != nullptr; }
  // Null when it does not run.
  server::Server* process() { return server_.get(); }
  const server::ReplicaCore* core() const {
    return server_ ? &std::as_const(server_->replica()).core() : nullptr;
  }
  uint64_t starts() const { return starts_; }

  // Starts a process. Errors are those of Server::open: what is on the disk cannot be recovered.
  Result<> start();
  // The process is killed; the disk keeps what it has written, as synced as it was.
  void kill();
  // Told when a process has ended by its own decision: a disk that cannot be synced, a state that
  // it must not go on with.
  void on_death(std::function<void(const std::string& why)> told) { on_death_ = std::move(told); }
  // Ends a process that has decided so. Nothing happens if it has not.
  void end_if_fatal();
  // The machine loses power.
  void crash(env::MemoryFileSystem::Survivors survivors);
  // Power fails in the middle of a later disk operation; `on_crash` is told when it has happened.
  void plan_crash(uint64_t operations, std::function<void()> on_crash);
  // Power fails and the disk is replaced by an empty one.
  void wipe();
  void pause();
  void resume();
  bool is_paused() const { return host_.is_paused(); }
  // How long a step of the log worker takes at most.
  void set_disk_delay_us(int64_t delay_max_us);

 private:
  void end_process(bool power_fails);
  void apply_disk_delay();
  void die(const std::string& why);

  env::MemoryNetwork& network_;
  const config::ServerConfig config_;
  Random random_;
  env::MemoryHost& host_;
  Disk disk_;
  std::unique_ptr<server::Server> server_;
  std::unique_ptr<WorkerActor> log_actor_;
  std::unique_ptr<WorkerActor> snapshot_actor_;
  std::unique_ptr<WorkerActor> history_actor_;
  int64_t disk_delay_max_us_ = 400;
  uint64_t starts_ = 0;
  std::function<void(const std::string& why)> on_death_;
};

}  // namespace zooid::sim
