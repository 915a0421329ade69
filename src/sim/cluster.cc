#include "sim/cluster.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "storage/log_reader.h"

namespace zooid::sim {
namespace {

constexpr uint16_t kClientPort = 2181;
// Between two looks at the verdict.
constexpr int64_t kSliceUs = 20'000;

// The world's own sequence: what the kind world draws stays as it is.
constexpr uint64_t kWorldSalt = 0x756e6b696e64;

env::MemoryNetworkOptions network_options(Random& random, const World& world,
                                          Random& world_random) {
  env::MemoryNetworkOptions options = draw_network(random);
  make_harsher(options, world, world_random);
  return options;
}

Limits limits_of(Random& random, const World& world, Random& world_random) {
  Limits limits = draw_limits(random);
  make_harsher(limits, world, world_random);
  return limits;
}

Work work_budget(const World& world) {
  if (!world.allows(Hardship::kWork)) return {};
  return {
      .file_bytes_read = 64 << 10, .files_opened = 8, .txns_applied = 256, .bytes_out = 4 << 20};
}

// From the first to the last server when several start together.
constexpr uint64_t kStartSpreadUs = 30'000;

template <class T>
T one_of(Random& random, std::initializer_list<T> values) {
  return *(values.begin() + random.below(values.size()));
}

}  // namespace

Cluster::Cluster(const SimOptions& options, Verdict& verdict)
    : verdict_(verdict),
      random_(options.seed),
      world_random_(options.seed ^ kWorldSalt),
      world_(options.world.draw(world_random_)),
      limits_(limits_of(random_, world_, world_random_)),
      network_(random_.next(), network_options(random_, world_, world_random_)),
      timeline_([this] { return network_.now_us(); }),
      message_tap_(timeline_),
      checker_(verdict, world_.allows(Hardship::kFlips)),
      sync_checker_(verdict),
      work_(verdict, work_budget(world_)) {
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
    server.on_death([this, &server](const std::string& why) { on_death(server, why); });
    workload.servers.push_back({servers_.back()->name(), kClientPort});
  }
  workload.session_timeout_ms = static_cast<int32_t>(limits_.tick_ms) * one_of(random_, {4, 8, 20});
  for (int number = 1; number <= options.clients; ++number) {
    workload.outstanding_max = 1 + random_.below(8);
    add_client("client" + std::to_string(number), random_.next(), workload);
  }
  if (world_.allows(Hardship::kLocalSessions)) add_readers(workload);
  if (limits_.bulk.nodes > 0) add_loader(workload);
  if (world_.allows(Hardship::kStrangers)) {
    std::vector<std::string> names;
    for (const auto& server : servers_) names.push_back(server->name());
    stranger_ = std::make_unique<Stranger>(network_.add_host("stranger"), world_random_.next(),
                                           std::move(names), membership->text());
  }
  network_.stop_after(options.steps);
  verdict_.set_step_at([this](int64_t time_us) { return step_at(time_us); });
  network_.set_bytes_observer([this, with_messages = options.with_messages](
                                  const env::MemoryHost& from, const env::MemoryHost& to,
                                  uint64_t connection, std::string_view bytes) {
    if (with_messages) message_tap_.on_bytes(from.name(), to.name(), connection, bytes);
    if (server_of_host_.contains(&from) && server_of_host_.contains(&to)) {
      sync_checker_.on_bytes(from, connection, bytes, network_.now_us());
    }
  });
  observe_wake_ups();
  purge_later();
}

Cluster::~Cluster() {
  verdict_.set_step_at(nullptr);
  network_.set_wake_observer(nullptr);
  servers_.clear();
  clients_.clear();
  stranger_.reset();
  log::set_sink([](log::Level, std::string_view) {});
}

config::ServerConfig Cluster::config_for(int id, const zab::Membership& membership) const {
  config::ServerConfig config = config_of(limits_);
  config.membership = membership;
  config.my_id = ServerId{id};
  return config;
}

// What autopurge does every few hours; here small limits make many files in seconds. The checker
// looks at the files before they go: with tiny windows some transactions are seen in them alone.
void Cluster::purge_later() {
  const int64_t least_us = limits_.bulk.nodes > 0 ? 8'000'000 : 1'000'000;  // it reads all of it
  network_.at(network_.now_us() + least_us + static_cast<int64_t>(random_.below(3'000'000)),
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

void Cluster::add_client(const std::string& host_name, uint64_t seed, WorkloadOptions options) {
  env::MemoryHost& host = network_.add_host(host_name);
  client_hosts_.push_back(&host);
  const int number = static_cast<int>(clients_.size()) + 1;
  clients_.push_back(std::make_unique<Workload>(host, number, seed, std::move(options), history_));
}

// One before the door of each server, so that it is there in the first moment in which that server
// serves.
void Cluster::add_readers(const WorkloadOptions& of_clients) {
  for (size_t i = 0; i < servers_.size(); ++i) {
    WorkloadOptions options = of_clients;
    options.servers = {of_clients.servers[i]};
    options.reads_only = true;
    options.pause_mean_us = options.hurried_pause_mean_us = 10'000;
    add_client("reader" + std::to_string(i + 1), world_random_.next(), std::move(options));
  }
}

void Cluster::add_loader(const WorkloadOptions& of_clients) {
  WorkloadOptions options = of_clients;
  options.bulk = limits_.bulk;
  options.outstanding_max = 4;
  add_client("loader", world_random_.next(), std::move(options));
}

void Cluster::observe_wake_ups() {
  network_.set_wake_observer([this](env::MemoryHost& host, bool begins) {
    timeline_.set_running(begins ? host.name() : "world");
    const auto it = server_of_host_.find(&host);
    if (begins) {
      if (it != server_of_host_.end()) work_.begin(*it->second);
      return;
    }
    if (steps_by_time_.empty() || steps_by_time_.back().first != network_.now_us()) {
      steps_by_time_.emplace_back(network_.now_us(), 0);
    }
    steps_by_time_.back().second = network_.steps();
    if (it == server_of_host_.end()) return;
    work_.end(*it->second, network_.now_us());
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
  const bool is_replaceable = !world_.allows(Hardship::kFlips) || others_have_all_of(server);
  auto started = server.start();
  if (!started && !damaged.empty()) {
    MARK("sim.damage_refused");
    timeline_.note(server.name(), "refuses its damaged data: " + started.error().message);
    // Its operator empties the disk only if that loses nothing, else the file is put right.
    is_replaceable ? server.wipe() : server.disk().repair();
    started = server.start();
  } else if (!damaged.empty() && !world_.allows(Hardship::kFlips)) {
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

void Cluster::on_death(SimServer& server, const std::string& why) {
  timeline_.note(server.name(), "its process ends: " + why);
  // A sync that failed leaves no other way; to be refused a file is no reason.
  const Disk& disk = server.disk();
  if (world_.allows(Hardship::kDenied) && disk.denied() != Disk::Denied::kNothing &&
      !disk.is_failing()) {
    verdict_.fail(network_.now_us(), "who may not open a file lives on", "{} ends itself: {}",
                  server.name(), why);
  }
  start_later(server);
}

bool Cluster::others_have_all_of(const SimServer& server) const {
  const DurabilityChecker& durability = checker_.durability();
  return std::ranges::all_of(servers_, [&](const auto& other) {
    const server::ReplicaCore* core = other->core();
    return other.get() == &server ||
           (core != nullptr && core->is_serving() && !other->is_paused() &&
            core->last_logged >= durability.promised(server.id()) &&
            core->current_epoch >= durability.promised_epoch(server.id()));
  });
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

int64_t Cluster::bytes_per_second() const {
  constexpr int64_t kOfWorkers = 30'000'000;
  const int64_t round_trip_us = 2 * network_.options().latency_max_us;
  const auto window =
      static_cast<int64_t>(std::min<size_t>(network_.options().window_bytes, size_t{64} << 20));
  return std::min(kOfWorkers, window * 1'000'000 / round_trip_us / 2);
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
  if (stranger_ != nullptr) stranger_->stop();
  network_.heal_all();
  for (const auto& from : servers_) {
    for (const auto& to : servers_) {
      network_.set_extra_latency(from->host(), to->host(), 0);
      network_.set_bandwidth(from->host(), to->host(), 0);
    }
  }
  for (const auto& server : servers_) {
    if (server->is_running() && server->is_paused()) server->resume();
    server->disk().set_full(false);
    server->disk().set_failing(0);
    server->disk().set_denied(Disk::Denied::kNothing);
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
