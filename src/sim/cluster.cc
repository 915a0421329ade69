#include "sim/cluster.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "storage/log_reader.h"

namespace zooid::sim {
namespace {

constexpr uint16_t kClientPort = 2181;
constexpr int64_t kReaperIntervalMs = 1'500;
// Between two looks at the verdict.
constexpr int64_t kSliceUs = 20'000;

env::MemoryNetworkOptions network_options(Random& random) {
  env::MemoryNetworkOptions options;
  options.latency_min_us = 50;
  options.latency_max_us = 200 + static_cast<int64_t>(random.below(2'000));
  if (random.one_in(4)) options.window_bytes = 4'096 + random.below(16'384);
  return options;
}

// From the first to the last server when several start together.
constexpr uint64_t kStartSpreadUs = 30'000;

template <class T>
T one_of(Random& random, std::initializer_list<T> values) {
  return *(values.begin() + random.below(values.size()));
}

}  // namespace

Limits draw_limits(Random& random) {
  Limits limits;
  limits.tick_ms = one_of(random, {100, 200, 500});
  limits.init_limit = one_of(random, {5, 10, 20, 200});
  limits.sync_limit = one_of(random, {2, 3, 5});
  limits.snap_count = one_of(random, {10, 60, 400, 3'000});
  limits.commit_log_count = one_of(random, {1, 5, 40, 500});
  limits.outstanding = one_of(random, {10, 1'000});
  limits.preallocate_bytes = one_of(random, {4'096u, 65'536u});
  limits.snapshot_size_factor = one_of(random, {-1.0, 0.0, 0.0, 0.01, 0.33, 100.0});
  limits.history_slice_bytes = one_of(random, {1u, 200u, 2'000u, 512u * 1'024});
  limits.digest_enabled = !random.one_in(8);
  limits.end_election_early = !random.one_in(3);
  return limits;
}

std::string Limits::text() const {
  return fmt::format(
      "tickTime={} initLimit={} syncLimit={} snapCount={} commitLogCount={} historySlice={} "
      "globalOutstandingLimit={} preAllocSize={} snapshotSizeFactor={} digest={} endEarly={}",
      tick_ms, init_limit, sync_limit, snap_count, commit_log_count, history_slice_bytes,
      outstanding, preallocate_bytes, snapshot_size_factor, digest_enabled, end_election_early);
}

Cluster::Cluster(const SimOptions& options, Verdict& verdict)
    : verdict_(verdict),
      random_(options.seed),
      limits_(draw_limits(random_)),
      network_(random_.next(), network_options(random_)),
      timeline_([this] { return network_.now_us(); }),
      message_tap_(timeline_),
      checker_(verdict) {
  ASSERT(options.servers >= 1);
  ASSERT(options.clients >= 1);
  log::set_level(log::Level::kInfo);
  log::set_sink([this](log::Level, std::string_view line) {
    timeline_.note(timeline_.running(), std::string(line));
  });
  std::string text;
  for (int id = 1; id <= options.servers; ++id) {
    text += fmt::format("server.{}=server{}:2888:3888:participant;{}\n", id, id, kClientPort);
  }
  const auto membership = zab::Membership::parse(text + "version=0");
  ASSERT(membership.has_value());
  WorkloadOptions workload;
  workload.operations = options.operations;
  for (int id = 1; id <= options.servers; ++id) {
    servers_.push_back(
        std::make_unique<SimServer>(network_, config_for(id, *membership), random_.next()));
    SimServer& server = *servers_.back();
    server_of_host_[&server.host()] = &server;
    server.on_death([this, &server](const std::string& why) {
      timeline_.note(server.name(), "its process ends: " + why);
      start_later(server);
    });
    workload.servers.push_back({servers_.back()->name(), kClientPort});
  }
  workload.session_timeout_ms = static_cast<int32_t>(limits_.tick_ms) * one_of(random_, {4, 8, 20});
  for (int number = 1; number <= options.clients; ++number) {
    env::MemoryHost& host = network_.add_host("client" + std::to_string(number));
    client_hosts_.push_back(&host);
    workload.outstanding_max = 1 + random_.below(8);
    clients_.push_back(
        std::make_unique<Workload>(host, number, random_.next(), workload, history_));
  }
  network_.stop_after(options.steps);
  verdict_.set_step_at([this](int64_t time_us) { return step_at(time_us); });
  if (options.with_messages) {
    network_.set_bytes_observer([this](const env::MemoryHost& from, const env::MemoryHost& to,
                                       uint64_t connection, std::string_view bytes) {
      message_tap_.on_bytes(from.name(), to.name(), connection, bytes);
    });
  }
  observe_wake_ups();
  purge_later();
}

Cluster::~Cluster() {
  verdict_.set_step_at(nullptr);
  network_.set_wake_observer(nullptr);
  servers_.clear();
  clients_.clear();
  log::set_sink([](log::Level, std::string_view) {});
}

config::ServerConfig Cluster::config_for(int id, const zab::Membership& membership) const {
  config::ServerConfig config;
  config.tick_ms = limits_.tick_ms;
  config.init_limit = limits_.init_limit;
  config.sync_limit = limits_.sync_limit;
  config.data_dir = "/data";
  config.client_port = kClientPort;
  config.snap_count = limits_.snap_count;
  config.commit_log_count = limits_.commit_log_count;
  config.history_slice_bytes = limits_.history_slice_bytes;
  config.global_outstanding_limit = limits_.outstanding;
  config.preallocate_bytes = limits_.preallocate_bytes;
  config.snapshot_size_factor = limits_.snapshot_size_factor;
  config.digest_enabled = limits_.digest_enabled;
  config.end_election_early = limits_.end_election_early;
  config.connect_timeout_ms = 2 * limits_.tick_ms;
  config.container_check_interval_ms = kReaperIntervalMs;
  config.membership = membership;
  config.my_id = ServerId{id};
  return config;
}

// What autopurge does every few hours; here small limits make many files in seconds. The checker
// looks at the files before they go: with tiny windows some transactions are seen in them alone.
void Cluster::purge_later() {
  network_.at(network_.now_us() + 1'000'000 + static_cast<int64_t>(random_.below(3'000'000)),
              [this] {
                for (const auto& server : servers_) {
                  if (!server->is_running() || !server->core()->is_serving()) continue;
                  read_log(*server);
                  server->process()->replica().purge();
                }
                purge_later();
              });
}

void Cluster::read_log(SimServer& server) {
  const Zxid last = server.core()->database->last_zxid();
  auto reader = storage::LogReader::open(server.disk().files(), "/data/version-2", Zxid{1});
  while (reader) {
    const auto txn = reader->next();
    if (!txn || !*txn || (*txn)->zxid > last) break;
    checker_.add_log(server, (*txn)->zxid, (*txn)->txn, network_.now_us());
  }
}

void Cluster::observe_wake_ups() {
  network_.set_wake_observer([this](env::MemoryHost& host, bool begins) {
    timeline_.set_running(begins ? host.name() : "world");
    if (begins) return;
    if (steps_by_time_.empty() || steps_by_time_.back().first != network_.now_us()) {
      steps_by_time_.emplace_back(network_.now_us(), 0);
    }
    steps_by_time_.back().second = network_.steps();
    const auto it = server_of_host_.find(&host);
    if (it == server_of_host_.end()) return;
    checker_.after_wake_up(*it->second, network_.now_us());
    it->second->end_if_fatal();
  });
}

// What is judged at the end names a moment of the past.
uint64_t Cluster::step_at(int64_t time_us) const {
  if (time_us >= network_.now_us()) return network_.steps();
  const auto later =
      std::ranges::upper_bound(steps_by_time_, time_us, {}, &std::pair<int64_t, uint64_t>::first);
  return later == steps_by_time_.begin() ? 0 : std::prev(later)->second;
}

void Cluster::run_for_us(int64_t duration_us) {
  const int64_t end_us = network_.now_us() + duration_us;
  while (verdict_.is_ok() && !is_stopped() && network_.now_us() < end_us) {
    network_.run_until(std::min(end_us, network_.now_us() + kSliceUs));
  }
}

void Cluster::start(SimServer& server) {
  ASSERT(!server.is_running());
  timeline_.set_running(server.name());
  timeline_.note(server.name(), "is started");
  const std::string damaged = server.disk().damaged_path();
  auto started = server.start();
  if (!started && !damaged.empty()) {
    MARK("sim.damage_refused");
    timeline_.note(server.name(), "refuses its damaged data: " + started.error().message);
    server.wipe();
    started = server.start();
  } else if (!damaged.empty()) {
    // Nothing of it was believed, as the checkers will see; a later start must not stumble.
    server.disk().repair();
  }
  if (!started && server.disk().is_in_trouble()) {
    timeline_.note(server.name(), "cannot start: " + started.error().message);
    start_later(server);
  } else if (!started) {
    verdict_.fail(network_.now_us(), "a server starts again", "{}: {}", server.name(),
                  started.error().message);
  }
  timeline_.set_running("world");
}

// As a supervisor does it.
void Cluster::start_later(SimServer& server) {
  constexpr int64_t kRestartUs = 300'000;
  network_.at(network_.now_us() + kRestartUs, [this, &server] {
    if (!server.is_running()) start(server);
  });
}

void Cluster::stop_clients() {
  for (const auto& client : clients_) client->stop();
}

bool Cluster::clients_are_quiet() const {
  return std::ranges::all_of(clients_, [](const auto& client) { return client->is_quiet(); });
}

bool Cluster::all_serve() const {
  return std::ranges::all_of(servers_, [](const auto& server) {
    return server->core() != nullptr && server->core()->is_serving();
  });
}

bool Cluster::is_at_rest() const {
  std::optional<Zxid> end;
  for (const auto& server : servers_) {
    const server::ReplicaCore* core = server->core();
    if (core == nullptr || !core->is_serving()) return false;
    if (core->current_epoch != servers_.front()->core()->current_epoch) return false;
    if (core->database->last_zxid() < core->last_logged) return false;
    // A state sent by a leader that has not proposed yet ends with its epoch's beginning.
    if (core->last_logged.counter() == 0) continue;
    if (core->last_logged != end.value_or(core->last_logged)) return false;
    end = core->last_logged;
  }
  return true;
}

std::string Cluster::servers_text() const {
  std::string text;
  for (const auto& server : servers_) {
    const server::ReplicaCore* core = server->core();
    if (!text.empty()) text += ", ";
    if (core == nullptr) {
      text += server->name() + " is down";
      continue;
    }
    const Zxid zxid = core->database ? core->database->last_zxid() : Zxid{-1};
    text += fmt::format("{} {} zxid=0x{:x} logged=0x{:x} epoch={}/{}{}", server->name(),
                        core->is_serving() ? core->mode() : "does not serve", zxid.value,
                        core->last_logged.value, core->current_epoch, core->accepted_epoch,
                        server->is_paused() ? " paused" : "");
  }
  return text;
}

void Cluster::heal() {
  network_.heal_all();
  for (const auto& from : servers_) {
    for (const auto& to : servers_) network_.set_extra_latency(from->host(), to->host(), 0);
  }
  for (const auto& server : servers_) {
    if (server->is_running() && server->is_paused()) server->resume();
    server->disk().set_full(false);
    server->disk().set_failing(0);
    server->set_disk_delay_us(400);
    if (server->is_running()) continue;
    // Together, though not in the same instant.
    network_.at(network_.now_us() + static_cast<int64_t>(random_.below(kStartSpreadUs)),
                [this, &server = *server] {
                  if (!server.is_running()) start(server);
                });
  }
}

SimServer* Cluster::leader() {
  SimServer* newest = nullptr;
  for (const auto& server : servers_) {
    if (!server->is_running() || !server->process()->replica().is_leading()) continue;
    if (newest == nullptr || server->core()->current_epoch > newest->core()->current_epoch) {
      newest = server.get();
    }
  }
  return newest;
}

uint64_t Cluster::trace_hash() const {
  uint64_t hash = network_.trace_hash();
  const auto mix = [&hash](uint64_t value) { hash = (hash ^ value) * 0x100000001b3ull; };
  for (const auto& server : servers_) mix(server->disk().trace_hash());
  mix(history_.completions);
  mix(history_.operations.size());
  return hash;
}

}  // namespace zooid::sim
