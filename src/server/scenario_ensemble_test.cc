// The bodies of scenario_ensemble.h (a test source, so that they are not in the server library).
#include "server/scenario_ensemble.h"

#include <fmt/format.h>

#include "base/assert.h"

namespace zooid::server::testing {
namespace {

env::MemoryNetworkOptions fixed_delays() {
  env::MemoryNetworkOptions options;
  options.latency_min_us = options.latency_max_us = 100;
  options.splits_arrivals = false;
  return options;
}

}  // namespace

LaterSteps::LaterSteps(env::MemoryNetwork& network, std::function<bool()> step)
    : network_(network), step_(std::move(step)) {}

void LaterSteps::wake() {
  if (is_scheduled_) return;
  is_scheduled_ = true;
  network_.at(network_.now_us() + delay_us_, [this, is_alive = is_alive_] {
    if (!*is_alive) return;
    is_scheduled_ = false;
    if (step_()) wake();
  });
}

ScenarioServer::ScenarioServer(env::MemoryNetwork& network, int number, config::ServerConfig config)
    : network_(network),
      config_(std::move(config)),
      host_(network.add_host(fmt::format("server{}", number))) {}

ScenarioServer::~ScenarioServer() {
  if (is_running()) crash();
}

void ScenarioServer::start() {
  ASSERT(!is_running());
  if (!host_.is_powered()) host_.power_on();
  auto opened = Server::open(config_, {host_, files_, host_, 1, &host_});
  ASSERT(opened.has_value());
  server_ = std::move(*opened);
  storage::LogWorker& log = server_->replica().log_worker();
  storage::SnapshotWorker& snapshots = server_->replica().snapshot_worker();
  log_ = std::make_unique<LaterSteps>(network_, [&log] { return log.step(); });
  snapshots_ = std::make_unique<LaterSteps>(network_, [&snapshots] { return snapshots.step(); });
  storage::HistoryReader& history = server_->replica().history_reader();
  history_ = std::make_unique<LaterSteps>(network_, [&history] { return history.step(); });
  history.set_waker(history_.get());
  log.set_waker(log_.get());
  snapshots.set_waker(snapshots_.get());
  log_->set_delay_us(disk_delay_us_);
  for (env::Worker* worker : server_->workers()) host_.add_worker(*worker);
  const auto started = server_->start(host_.now());
  ASSERT(started.has_value());
}

void ScenarioServer::end_process() {
  server_->replica().log_worker().set_waker(nullptr);
  server_->replica().snapshot_worker().set_waker(nullptr);
  server_->replica().history_reader().set_waker(nullptr);
  log_.reset();
  snapshots_.reset();
  history_.reset();
  server_.reset();
}

void ScenarioServer::stop() {
  ASSERT(is_running());
  host_.kill();
  end_process();
  files_.crash(env::MemoryFileSystem::Survivors::kAll);
}

void ScenarioServer::crash() {
  ASSERT(is_running());
  host_.power_off();
  end_process();
  files_.crash(env::MemoryFileSystem::Survivors::kNone);
}

void ScenarioServer::set_disk_delay_ms(int64_t ms) {
  disk_delay_us_ = ms_to_us(ms) + 50;
  if (log_) log_->set_delay_us(disk_delay_us_);
}

std::string ScenarioServer::state() const {
  if (!server_) return "down";
  const Replica& replica = server_->replica();
  const Zxid zxid = replica.core().database->last_zxid();
  return fmt::format("{} {:x}:{:x}", replica.is_leading() ? "leading" : "not leading",
                     zxid.value >> 32, zxid.value & 0xffffffff);
}

ScenarioEnsemble::ScenarioEnsemble(int servers, int64_t tick_ms,
                                   const std::function<void(config::ServerConfig&)>& adjust)
    : network_(1, fixed_delays()) {
  std::string text;
  for (int number = 1; number <= servers; ++number) {
    text += fmt::format("server.{}=server{}:2888:3888:participant;{}\n", number, number,
                        kScenarioClientPort);
  }
  const auto membership = zab::Membership::parse(text + "version=0");
  ASSERT(membership.has_value());
  for (int number = 1; number <= servers; ++number) {
    config::ServerConfig config;
    config.tick_ms = tick_ms;
    config.data_dir = "/data";
    config.client_port = kScenarioClientPort;
    config.preallocate_bytes = 4'096;
    if (adjust) adjust(config);
    if (servers > 1) {
      config.membership = *membership;
      config.my_id = ServerId{number};
    }
    servers_[number] = std::make_unique<ScenarioServer>(network_, number, std::move(config));
  }
  for (const std::string client : {"A", "B", "C", "D", "E", "F"}) {
    client_hosts_[client] = &network_.add_host("client" + client);
  }
  for (auto& [number, server] : servers_) server->start();
}

ScenarioServer* ScenarioEnsemble::find(int number) {
  const auto it = servers_.find(number);
  return it == servers_.end() ? nullptr : it->second.get();
}

}  // namespace zooid::server::testing
