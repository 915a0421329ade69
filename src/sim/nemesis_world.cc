// Nemesis' hardships: what only unkind worlds have. Chance comes from a sequence of its own.
#include <algorithm>
#include <initializer_list>

#include "sim/nemesis.h"

namespace zooid::sim {

using Survivors = env::MemoryFileSystem::Survivors;

void Nemesis::begin_hardship() {
  const World& world = cluster_.world();
  if (is_calm_) return;
  SimServer* leader = cluster_.leader();
  const auto number = world_random_.below(cluster_.servers().size());
  SimServer& server =
      leader != nullptr && world_random_.one_in(3) ? *leader : *cluster_.servers()[number];
  std::vector<Hardship> possible;
  for (const Hardship hardship :
       {Hardship::kNetwork, Hardship::kFlips, Hardship::kDenied, Hardship::kDisks}) {
    if (world.allows(hardship)) possible.push_back(hardship);
  }
  if (possible.empty()) return;
  ++figures_.faults;
  switch (possible[world_random_.below(possible.size())]) {
    case Hardship::kNetwork:
      return slow_link();
    case Hardship::kFlips:
      return damage_anywhere(server);
    case Hardship::kDenied:
      return deny_files(server);
    default:
      return slow_disk_for_long(server);
  }
}

void Nemesis::slow_link() {
  const auto& servers = cluster_.servers();
  env::MemoryHost& from = servers[world_random_.below(servers.size())]->host();
  env::MemoryHost& to = servers[world_random_.below(servers.size())]->host();
  if (&from == &to) return;
  constexpr uint64_t kBytesPerSecond[] = {40'000, 200'000, 1'000'000, 10'000'000};
  const uint64_t rate = kBytesPerSecond[world_random_.below(std::size(kBytesPerSecond))];
  note(fmt::format("{} -> {} carries {} bytes a second", from.name(), to.name(), rate));
  env::MemoryNetwork& network = cluster_.network();
  network.set_bandwidth(from, to, rate);
  later(100'000 + static_cast<int64_t>(world_random_.below(6'000'000)),
        [&network, &from, &to] { network.set_bandwidth(from, to, 0); });
}

bool Nemesis::is_suspect(SimServer& server) {
  const server::ReplicaCore* core = server.core();
  const bool is_filled = core != nullptr && core->is_serving() && !core->is_untrusted &&
                         core->current_epoch > 0 && !server.disk().is_damaged();
  if (is_filled) suspects_.erase(server.id());
  return suspects_.contains(server.id()) || server.disk().is_damaged();
}

bool Nemesis::may_lose(SimServer& server) {
  const auto& servers = cluster_.servers();
  const auto suspects = std::ranges::count_if(
      servers, [&](const auto& other) { return other.get() != &server && is_suspect(*other); });
  return 2 * (static_cast<size_t>(suspects) + 1) < servers.size();
}

// Under a running process or between two of them, in any file; whether others have what it holds is
// not asked: a majority of sound disks has all that was acknowledged.
void Nemesis::damage_anywhere(SimServer& server) {
  if (is_suspect(server) || !may_lose(server)) return;
  const bool is_running = server.is_running();
  if (is_running && world_random_.one_in(2)) {
    ++figures_.crashes;
    note("takes the power of " + server.name());
    server.crash(Survivors::kNone);
    restart_later(server);
  }
  if (!server.disk().damage(Disk::Damage::kKnownSynced)) return;
  suspects_.insert(server.id());
  note("a bit turned over in " + server.disk().damaged_path() + " of " + server.name());
  // Nobody may have read it until then.
  later(12'000'000, [this, &server] {
    if (server.disk().is_damaged()) note("the bit of " + server.name() + " is put right");
    server.disk().repair();
  });
}

// What an operator does who brings a backup back: one server has all, the others nothing. The
// network is whole, and nothing else goes wrong until all serve.
void Nemesis::restore_backup_if_safe() {
  const auto& servers = cluster_.servers();
  SimServer& kept = *servers[world_random_.below(servers.size())];
  const auto has_no_more = [&](const auto& other) {
    return other.get() == &kept || is_dispensable(*other);
  };
  if (!std::ranges::all_of(servers, has_no_more) || !is_dispensable(kept)) return;
  if (std::ranges::any_of(servers, [&](const auto& one) { return is_suspect(*one); })) return;
  ++figures_.crashes;
  note("only " + kept.name() + " keeps its disk; all start together");
  backup_at_us_ = kNever;
  is_calm_ = true;
  for (const auto& server : servers) {
    server.get() == &kept ? server->crash(Survivors::kNone) : server->wipe();
  }
  cluster_.heal();
}

void Nemesis::deny_files(SimServer& server) {
  const bool is_full = world_random_.one_in(2);
  note(server.name() + (is_full ? " has no descriptors left" : " may not write any more"));
  server.disk().set_denied(is_full ? Disk::Denied::kDescriptors : Disk::Denied::kWriting);
  later(100'000 + static_cast<int64_t>(world_random_.below(5'000'000)), [this, &server] {
    note(server.name() + " may open files again");
    server.disk().set_denied(Disk::Denied::kNothing);
  });
}

void Nemesis::slow_disk_for_long(SimServer& server) {
  const int64_t delay_us = 5'000 + static_cast<int64_t>(world_random_.below(400'000));
  note(
      fmt::format("a step on the disk of {} takes up to {} us, for long", server.name(), delay_us));
  server.set_disk_delay_us(delay_us);
  later(5'000'000 + static_cast<int64_t>(world_random_.below(25'000'000)),
        [&server] { server.set_disk_delay_us(400); });
}

}  // namespace zooid::sim
