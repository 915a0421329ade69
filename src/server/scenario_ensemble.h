// For tests: real servers, a standalone one or an ensemble, in a network and on disks in memory.
// Every delay is fixed, so a scenario gives the same transcript each time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "config/server_config.h"
#include "env/memory_file_system.h"
#include "env/memory_network.h"
#include "server/server.h"

namespace zooid::server::testing {

inline constexpr uint16_t kScenarioClientPort = 2181;

// A worker's own thread: runs its steps a moment after it was woken.
class LaterSteps : public env::Waker {
 public:
  LaterSteps(env::MemoryNetwork& network, std::function<bool()> step);
  ~LaterSteps() override { *is_alive_ = false; }
  void wake() override;
  void set_delay_us(int64_t delay_us) { delay_us_ = delay_us; }

 private:
  env::MemoryNetwork& network_;
  std::function<bool()> step_;
  int64_t delay_us_ = 50;
  bool is_scheduled_ = false;
  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);
};

class ScenarioServer {
 public:
  ScenarioServer(env::MemoryNetwork& network, int number, config::ServerConfig config);
  ~ScenarioServer();

  void start();
  // The process ends in good order, or the machine loses power and what was not synced.
  void stop();
  void crash();
  bool is_running() const { return server_ != nullptr; }
  // How long the disk takes for what is logged from now on.
  void set_disk_delay_ms(int64_t ms);

  env::MemoryHost& host() { return host_; }
  env::MemoryFileSystem& files() { return files_; }
  const config::ServerConfig& config() const { return config_; }
  // Null when it is down.
  const Replica* replica() const { return server_ ? &server_->replica() : nullptr; }
  // How many units of work its slices have. Only while it runs, until it stops.
  void set_slice_work(size_t work) {
    server_->replica().core_for_start().applying.set_work_max(work);
  }
  // "leading", "following 2:c" …, with the zxid of the last transaction applied.
  std::string state() const;

 private:
  void end_process();

  env::MemoryNetwork& network_;
  config::ServerConfig config_;
  env::MemoryHost& host_;
  env::MemoryFileSystem files_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<LaterSteps> log_;
  std::unique_ptr<LaterSteps> snapshots_;
  std::unique_ptr<LaterSteps> history_;
  int64_t disk_delay_us_ = 50;
};

class ScenarioEnsemble {
 public:
  // One server: standalone. `adjust` may change what is configured.
  ScenarioEnsemble(int servers, int64_t tick_ms,
                   const std::function<void(config::ServerConfig&)>& adjust = {});

  env::MemoryNetwork& network() { return network_; }
  // Hosts for clients A to F.
  env::MemoryHost& client_host(const std::string& client) { return *client_hosts_.at(client); }
  // nullptr if there is no such server.
  ScenarioServer* find(int number);
  void run_for_ms(int64_t ms) { network_.run_for_ms(ms); }

 private:
  env::MemoryNetwork network_;
  std::map<std::string, env::MemoryHost*> client_hosts_;
  std::map<int, std::unique_ptr<ScenarioServer>> servers_;
};

}  // namespace zooid::server::testing
