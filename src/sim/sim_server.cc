#include "sim/sim_server.h"

#include <algorithm>

#include "base/assert.h"

namespace zooid::sim {
namespace {

constexpr size_t kSliceWorkMax = 100;

}  // namespace

SimServer::SimServer(env::MemoryNetwork& network, config::ServerConfig config, uint64_t seed)
    : network_(network),
      config_(std::move(config)),
      random_(seed),
      host_(network.add_host("server" + std::to_string(config_.my_id->value))),
      disk_(random_.next()) {
  host_.power_off();
}

SimServer::~SimServer() {
  if (is_running()) end_process(true);
}

Result<> SimServer::start() {
  ASSERT(!is_running());
  if (!host_.is_powered()) host_.power_on();
  auto opened =
      server::Server::open(config_, {host_, disk_.files(), host_, random_.next(), &host_});
  if (!opened) {
    disk_.files().end_process();
    return std::unexpected(std::move(opened).error());
  }
  server_ = std::move(*opened);
  // Short where the window is short, too: then what is committed is often not applied yet.
  server_->replica().core_for_start().applying.set_work_max(
      std::min<size_t>(static_cast<size_t>(config_.commit_log_count), kSliceWorkMax));
  storage::LogWorker& log = server_->replica().log_worker();
  storage::SnapshotWorker& snapshots = server_->replica().snapshot_worker();
  log_actor_ =
      std::make_unique<WorkerActor>(network_, random_.next(), [&log] { return log.step(); });
  snapshot_actor_ = std::make_unique<WorkerActor>(network_, random_.next(),
                                                  [&snapshots] { return snapshots.step(); });
  storage::HistoryReader& history = server_->replica().history_reader();
  history_actor_ = std::make_unique<WorkerActor>(network_, random_.next(),
                                                 [&history] { return history.step(); });
  history.set_waker(history_actor_.get());
  log.set_waker(log_actor_.get());
  // From inside a step of the worker, or of start(): the process ends when that has returned.
  log.set_on_fatal([this, process = starts_ + 1](const Error& error) {
    network_.at(network_.now_us(), [this, process, why = error.message] {
      if (is_running() && starts_ == process) die(why);
    });
  });
  snapshots.set_waker(snapshot_actor_.get());
  apply_disk_delay();
  for (env::Worker* worker : server_->workers()) host_.add_worker(*worker);
  if (auto started = server_->start(host_.now()); !started) {
    kill();
    return started;
  }
  ++starts_;
  return {};
}

void SimServer::end_process(bool power_fails) {
  power_fails ? host_.power_off() : host_.kill();
  server_->replica().log_worker().set_waker(nullptr);
  server_->replica().snapshot_worker().set_waker(nullptr);
  server_->replica().history_reader().set_waker(nullptr);
  history_actor_.reset();
  log_actor_.reset();
  snapshot_actor_.reset();
  server_.reset();
}

void SimServer::kill() {
  ASSERT(is_running());
  if (disk_.is_crash_begun()) {  // power failed a moment ago
    end_process(true);
    return disk_.finish_crash();
  }
  disk_.begin_kill();
  end_process(false);
  disk_.finish_kill();
}

void SimServer::die(const std::string& why) {
  kill();
  if (on_death_) on_death_(why);
}

void SimServer::end_if_fatal() {
  if (!is_running() || !server_->replica().fatal()) return;
  network_.at(network_.now_us(), [this, process = starts_] {
    if (!is_running() || starts_ != process) return;
    die(std::string(*server_->replica().fatal()));
  });
}

void SimServer::crash(env::MemoryFileSystem::Survivors survivors) {
  ASSERT(is_running());
  disk_.begin_crash(survivors);
  end_process(true);
  disk_.finish_crash();
}

void SimServer::plan_crash(uint64_t operations, std::function<void()> on_crash) {
  ASSERT(is_running());
  disk_.plan_crash(operations, [this, on_crash = std::move(on_crash), process = starts_] {
    // From inside the operation: the process ends when the step has returned. What the step tells
    // others until then is lost with the process, at this very moment of virtual time.
    network_.at(network_.now_us(), [this, on_crash, process] {
      if (!is_running() || starts_ != process || !disk_.is_crash_begun()) return;
      end_process(true);
      disk_.finish_crash();
      on_crash();
    });
  });
}

void SimServer::wipe() {
  if (is_running()) end_process(true);
  disk_.wipe();
}

void SimServer::pause() {
  ASSERT(is_running());
  host_.pause();
  log_actor_->pause();
  snapshot_actor_->pause();
  history_actor_->pause();
}

void SimServer::resume() {
  ASSERT(is_running());
  host_.resume();
  log_actor_->resume();
  snapshot_actor_->resume();
  history_actor_->resume();
}

void SimServer::set_disk_delay_us(int64_t delay_max_us) {
  disk_delay_max_us_ = delay_max_us;
  apply_disk_delay();
}

void SimServer::apply_disk_delay() {
  if (!is_running()) return;
  log_actor_->set_delay_us(disk_delay_max_us_);
  snapshot_actor_->set_delay_us(disk_delay_max_us_ * 2);
  history_actor_->set_delay_us(disk_delay_max_us_);
}

}  // namespace zooid::sim
