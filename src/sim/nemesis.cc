#include "sim/nemesis.h"

#include <algorithm>

#include "base/assert.h"

namespace zooid::sim {

using Survivors = env::MemoryFileSystem::Survivors;

Nemesis::Nemesis(Cluster& cluster, FaultLevel level, int64_t half_us, Random random)
    : cluster_(cluster),
      level_(level),
      half_us_(half_us),
      random_(random),
      world_random_(cluster.fork_world_random()),
      next_fault_us_(draw_us(1'000, 5'000'000)),
      next_hardship_us_(1'000'000 + static_cast<int64_t>(world_random_.below(5'000'000))) {
  if (!cluster.world().allows(Hardship::kBackup)) return;
  backup_at_us_ = 5'000'000 + static_cast<int64_t>(world_random_.below(40'000'000));
}

int64_t Nemesis::draw_us(int64_t least_us, int64_t most_us) {
  ASSERT(most_us > least_us);
  return least_us + static_cast<int64_t>(random_.below(static_cast<uint64_t>(most_us - least_us)));
}

SimServer& Nemesis::draw_server() {
  return *cluster_.servers()[random_.below(cluster_.servers().size())];
}

env::MemoryHost& Nemesis::draw_host() {
  const size_t servers = cluster_.servers().size();
  // Links between servers are the more interesting ones.
  if (!random_.one_in(4)) return draw_server().host();
  const size_t index = random_.below(servers + cluster_.client_hosts().size());
  return index < servers ? cluster_.servers()[index]->host()
                         : *cluster_.client_hosts()[index - servers];
}

void Nemesis::note(const std::string& text) {
  cluster_.timeline().note("world", text);
}

void Nemesis::later(int64_t delay_us, std::function<void()> action) {
  cluster_.network().at(cluster_.now_us() + delay_us, [this, action = std::move(action)] {
    if (!is_stopped_) action();
  });
}

void Nemesis::stop() {
  if (level_ != FaultLevel::kNone && !is_stopped_ && random_.one_in(2)) {
    note("takes the power of every server");
    for (const auto& server : cluster_.servers()) crash(*server);
  }
  is_stopped_ = true;
}

void Nemesis::act() {
  if (level_ == FaultLevel::kNone || is_stopped_) return;
  if (cluster_.now_us() >= backup_at_us_) restore_backup_if_safe();
  if (is_calm_ && cluster_.all_serve()) is_calm_ = false;
  SimServer* leader = cluster_.leader();
  if (cluster_.now_us() >= half_us_ && figures_.crashes + figures_.partitions == 0 &&
      leader != nullptr) {
    ++figures_.faults;
    crash(*leader);
  }
  while (next_fault_us_ < cluster_.now_us() + kPeriodUs) {
    later(std::max<int64_t>(0, next_fault_us_ - cluster_.now_us()), [this] { begin_fault(); });
    next_fault_us_ +=
        level_ == FaultLevel::kSome ? draw_us(500'000, 9'000'000) : draw_us(20'000, 2'500'000);
  }
  while (!cluster_.world().is_kind() && next_hardship_us_ < cluster_.now_us() + kPeriodUs) {
    later(std::max<int64_t>(0, next_hardship_us_ - cluster_.now_us()),
          [this] { begin_hardship(); });
    next_hardship_us_ += 500'000 + static_cast<int64_t>(world_random_.below(8'000'000));
  }
}

void Nemesis::begin_fault() {
  if (is_calm_) return;
  ++figures_.faults;
  SimServer* leader = cluster_.leader();
  // Leaders are more interesting than others.
  SimServer& server = leader != nullptr && random_.one_in(3) ? *leader : draw_server();
  switch (random_.below(20)) {
    case 0:
    case 1:
      return crash(server);
    case 2:
    case 3:
      return crash_soon(server);
    case 4:
      return crash_some();
    case 5:
    case 6:
      return pause(server);
    case 7:
    case 8:
      return cut_link();
    case 9:
      return isolate();
    case 10:
      return delay_link();
    case 11:
      return reset_link();
    case 12:
      return slow_disk(server);
    case 13:
      return full_disk(server);
    case 14:
      return jump_clock(server);
    case 15:
      return drift_clock(server);
    case 16:
      return failing_disk(server);
    case 17:
      return half_open();
    case 18:
      return damage_if_safe(server);
    default:
      return wipe_if_safe(server);
  }
}

// ---- servers ----

void Nemesis::restart_later(SimServer& server) {
  const int64_t delay_us =
      random_.one_in(3) ? draw_us(1'000, 100'000) : draw_us(100'000, 5'000'000);
  later(delay_us, [this, &server] {
    if (!server.is_running()) cluster_.start(server);
  });
}

void Nemesis::crash(SimServer& server) {
  if (!server.is_running()) return;
  ++figures_.crashes;
  if (random_.one_in(3)) {
    note("kills the process of " + server.name());
    server.kill();
  } else {
    constexpr Survivors kKinds[] = {Survivors::kNone, Survivors::kPrefix, Survivors::kSubset};
    note("takes the power of " + server.name());
    server.crash(kKinds[random_.below(3)]);
  }
  restart_later(server);
}

void Nemesis::crash_soon(SimServer& server) {
  if (!server.is_running()) return;
  const uint64_t operations = 1 + random_.below(random_.one_in(2) ? 12 : 60);
  server.plan_crash(operations, [this, &server] {
    ++figures_.crashes;
    note("took the power of " + server.name() + " in the middle of a disk operation");
    // The first phase may be over: then healing has started it again, or will.
    if (is_stopped_) return cluster_.start(server);
    restart_later(server);
  });
}

void Nemesis::crash_some() {
  for (const auto& server : cluster_.servers()) {
    if (random_.one_in(2)) crash(*server);
  }
}

void Nemesis::pause(SimServer& server) {
  if (!server.is_running() || server.is_paused()) return;
  note("stops the process of " + server.name());
  server.pause();
  const int64_t tick_us = cluster_.limits().tick_ms * 1'000;
  later(draw_us(1'000, random_.one_in(3) ? 20 * tick_us : 2 * tick_us), [this, &server] {
    if (!server.is_running() || !server.is_paused()) return;
    note(server.name() + " runs on");
    server.resume();
  });
}

void Nemesis::slow_disk(SimServer& server) {
  const int64_t delay_us = draw_us(2'000, 3 * cluster_.limits().tick_ms * 1'000);
  note("the disk of " + server.name() + " is slow");
  server.set_disk_delay_us(delay_us);
  later(draw_us(100'000, 4'000'000), [&server] { server.set_disk_delay_us(400); });
}

void Nemesis::full_disk(SimServer& server) {
  note("the disk of " + server.name() + " is full");
  server.disk().set_full(true);
  later(draw_us(100'000, 4'000'000), [this, &server] {
    note("the disk of " + server.name() + " has room again");
    server.disk().set_full(false);
  });
}

void Nemesis::failing_disk(SimServer& server) {
  const uint64_t one_in = 2 + random_.below(30);
  note(fmt::format("one in {} operations on the disk of {} fails", one_in, server.name()));
  server.disk().set_failing(one_in);
  later(draw_us(100'000, 3'000'000), [this, &server] {
    note("the disk of " + server.name() + " works again");
    server.disk().set_failing(0);
  });
}

void Nemesis::drift_clock(SimServer& server) {
  const int64_t ppm = draw_us(-300'000, 300'000);
  note(fmt::format("the wall clock of {} gains {} us a second", server.name(), ppm));
  server.host().set_wall_drift_ppm(ppm);
}

void Nemesis::jump_clock(SimServer& server) {
  const int64_t offset_ms =
      draw_us(1, random_.one_in(2) ? 3'000 : 4'000'000) - (random_.one_in(2) ? 2'000'000 : 0);
  note(fmt::format("the wall clock of {} jumps to {} ms", server.name(), offset_ms));
  server.host().set_wall_offset_ms(offset_ms);
}

// Everybody else must have all that this server ever confirmed, and the same epoch: then no quorum
// lacks anything when it comes back with nothing.
bool Nemesis::is_dispensable(const SimServer& server) const {
  if (!server.is_running() || cluster_.servers().size() < 3) return false;
  const server::ReplicaCore& core = *server.core();
  if (!core.is_serving()) return false;
  const Zxid newest =
      core.window.txns().empty() ? core.last_logged : core.window.txns().back().zxid;
  return std::ranges::all_of(cluster_.servers(), [&](const auto& other) {
    if (other.get() == &server) return true;
    const server::ReplicaCore* facts = other->core();
    return facts != nullptr && facts->is_serving() && !other->is_paused() &&
           facts->last_logged >= newest && facts->current_epoch == core.current_epoch &&
           facts->accepted_epoch == core.accepted_epoch;
  });
}

void Nemesis::wipe_if_safe(SimServer& server) {
  if (!is_dispensable(server) || !may_lose(server)) return;
  ++figures_.crashes;
  note("wipes the disk of " + server.name());
  suspects_.insert(server.id());
  server.wipe();
  restart_later(server);
}

// Checksums have to notice it: then the server refuses to start, and its operator empties the disk;
// or it starts with what is whole.
void Nemesis::damage_if_safe(SimServer& server) {
  if (!is_dispensable(server) || !may_lose(server)) return;
  ++figures_.crashes;
  note("takes the power of " + server.name());
  server.crash(Survivors::kNone);
  // Where damaged disks are judged, too, the damage must be one that can be told.
  const auto where = cluster_.world().allows(Hardship::kFlips) ? Disk::Damage::kKnownSynced
                                                               : Disk::Damage::kAnywhere;
  if (server.disk().damage(where)) note("a bit turned over in " + server.disk().damaged_path());
  restart_later(server);
}

// ---- links ----

void Nemesis::cut_link() {
  env::MemoryHost& from = draw_server().host();
  env::MemoryHost& to = draw_host();
  if (&from == &to) return;
  ++figures_.partitions;
  const bool both = random_.one_in(2);
  const bool inwards = random_.one_in(2);
  note(fmt::format("cuts {} {} {}", from.name(), both ? "<->" : inwards ? "<-" : "->", to.name()));
  env::MemoryNetwork& network = cluster_.network();
  if (both || !inwards) network.cut(from, to);
  if (both || inwards) network.cut(to, from);
  later(draw_us(10'000, random_.one_in(3) ? 8'000'000 : 1'500'000), [this, &network, &from, &to] {
    note(fmt::format("heals {} <-> {}", from.name(), to.name()));
    network.heal_both(from, to);
  });
}

void Nemesis::isolate() {
  std::vector<env::MemoryHost*> inside;
  for (const auto& server : cluster_.servers()) {
    if (random_.one_in(3)) inside.push_back(&server->host());
  }
  if (inside.empty()) inside.push_back(&draw_server().host());
  for (env::MemoryHost* client : cluster_.client_hosts()) {
    if (random_.one_in(4)) inside.push_back(client);
  }
  ++figures_.partitions;
  std::string names;
  for (const env::MemoryHost* host : inside) names += " " + host->name();
  note("splits off" + names);
  std::vector<std::pair<env::MemoryHost*, env::MemoryHost*>> cut;
  const auto cut_all = [&](env::MemoryHost& other) {
    if (std::ranges::find(inside, &other) != inside.end()) return;
    for (env::MemoryHost* host : inside) cut.emplace_back(host, &other);
  };
  for (const auto& server : cluster_.servers()) cut_all(server->host());
  for (env::MemoryHost* client : cluster_.client_hosts()) cut_all(*client);
  for (const auto& [a, b] : cut) cluster_.network().cut_both(*a, *b);
  later(draw_us(50'000, 6'000'000), [this, cut] {
    note("heals the split");
    for (const auto& [a, b] : cut) cluster_.network().heal_both(*a, *b);
  });
}

void Nemesis::delay_link() {
  env::MemoryHost& from = draw_server().host();
  env::MemoryHost& to = draw_host();
  if (&from == &to) return;
  const int64_t extra_us = draw_us(1'000, cluster_.limits().tick_ms * 1'000);
  note(fmt::format("delays {} -> {} by {} us", from.name(), to.name(), extra_us));
  env::MemoryNetwork& network = cluster_.network();
  network.set_extra_latency(from, to, extra_us);
  later(draw_us(100'000, 5'000'000),
        [&network, &from, &to] { network.set_extra_latency(from, to, 0); });
}

// One end is gone and the other does not hear of it.
void Nemesis::half_open() {
  env::MemoryHost& end = draw_server().host();
  env::MemoryHost& other = draw_host();
  if (&end == &other) return;
  note(fmt::format("{} loses its connections with {}, which does not notice", end.name(),
                   other.name()));
  cluster_.network().break_one_end(end, other);
}

void Nemesis::reset_link() {
  env::MemoryHost& from = draw_server().host();
  env::MemoryHost& to = draw_host();
  if (&from == &to) return;
  note(fmt::format("resets {} <-> {}", from.name(), to.name()));
  cluster_.network().reset_connections(from, to);
}

}  // namespace zooid::sim
