#include "sim/durability_checker.h"

#include <algorithm>

namespace zooid::sim {

void DurabilityChecker::after_wake_up(const SimServer& server, int64_t now_us) {
  const server::ReplicaCore* core = server.core();
  if (core == nullptr) return;
  Disk& disk = disks_[server.id()];
  if (disk.number != server.disk().number()) {
    const uint64_t process = disk.process;
    disk = Disk{};
    disk.number = server.disk().number();
    disk.process = process;
  }
  if (disk.process != server.starts()) check_beginning(server, *core, disk, now_us);
  disk.process = server.starts();
  disk.is_changing = core->needs_reload;
  if (!core->is_untrusted) disk.promised = core->last_logged;
  disk.promised_epoch = core->accepted_epoch;
  disk.logged = core->last_logged;
  if (core->current_epoch != disk.current_epoch) check_epoch(server, *core, disk, now_us);
  if (!core->is_serving() || core->mode() != "leader") return;
  const Zxid served = core->database->last_zxid();
  if (served == disk.served) return;
  disk.served = served;
  check_served(server, served, now_us);
}

Zxid DurabilityChecker::promised(ServerId server) const {
  const auto found = disks_.find(server);
  return found == disks_.end() ? Zxid{0} : found->second.promised;
}

Epoch DurabilityChecker::promised_epoch(ServerId server) const {
  const auto found = disks_.find(server);
  return found == disks_.end() ? 0 : found->second.promised_epoch;
}

void DurabilityChecker::check_beginning(const SimServer& server, const server::ReplicaCore& core,
                                        const Disk& disk, int64_t now_us) {
  if (server.disk().was_damaged() && !judges_damaged_) return;
  if (core.accepted_epoch < disk.promised_epoch) {
    verdict_.fail(now_us, "a promise outlives its process",
                  "{} begins with acceptedEpoch {} and had promised {}", server.name(),
                  core.accepted_epoch, disk.promised_epoch);
  }
  if (core.is_untrusted || disk.is_changing || core.last_logged >= disk.promised) return;
  verdict_.fail(now_us, "nothing durable is given up in silence",
                "{} begins with a log up to 0x{:x} and had confirmed 0x{:x}; it asks to be trusted",
                server.name(), core.last_logged.value, disk.promised.value);
}

// A leader writes its epoch before it tells anybody of NEWLEADER, so it is the first one to have
// it.
void DurabilityChecker::check_epoch(const SimServer& server, const server::ReplicaCore& core,
                                    Disk& disk, int64_t now_us) {
  const Epoch epoch = disk.current_epoch = core.current_epoch;
  if (epoch == 0) return;  // a wiped disk
  const auto [beginning, is_leader] = beginnings_.try_emplace(epoch, disk.logged);
  if (is_leader) return;
  const Zxid begun = beginning->second;
  const bool is_short = disk.logged < begun;
  // A snapshot of a leader that had not proposed yet ends with its epoch's beginning, which is no
  // transaction.
  const bool is_uncut =
      disk.logged > begun && disk.logged.epoch() < epoch && disk.logged.counter() != 0;
  if (!is_short && !is_uncut) return;
  verdict_.fail(now_us, "an epoch is written behind its history",
                "{} has written epoch {} with a log up to 0x{:x}; the epoch began at 0x{:x}",
                server.name(), epoch, disk.logged.value, begun.value);
}

void DurabilityChecker::check_served(const SimServer& server, Zxid served, int64_t now_us) {
  // The first zxid of an epoch stands for its beginning: no transaction has it.
  const auto durable = static_cast<size_t>(std::ranges::count_if(disks_, [&](const auto& entry) {
    return served.counter() == 0 ? entry.second.current_epoch >= served.epoch()
                                 : entry.second.logged >= served;
  }));
  const size_t voters = server.config().membership.voters().size();
  if (2 * durable > voters) return;
  verdict_.fail(now_us, "what is served is durable on a quorum",
                "{} serves 0x{:x} as leader, which {} of {} disks have", server.name(),
                served.value, durable, voters);
}

}  // namespace zooid::sim
