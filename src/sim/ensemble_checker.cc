#include "sim/ensemble_checker.h"

#include <algorithm>

#include "base/assert.h"

namespace zooid::sim {
namespace {

// A zxid whose counter is beyond this was not made by a run.
constexpr uint32_t kCounterMax = 50'000'000;

}  // namespace

EnsembleChecker::Proposed& EnsembleChecker::at(Zxid zxid) {
  ASSERT(zxid.counter() < kCounterMax);
  std::vector<Proposed>& epoch = proposed_[zxid.epoch()];
  if (epoch.size() <= zxid.counter()) epoch.resize(zxid.counter() + 1);
  return epoch[zxid.counter()];
}

void EnsembleChecker::forget_process(const SimServer& server) {
  const auto it = mirrors_.find(server.id());
  if (it != mirrors_.end()) mirrors_.erase(it);
}

void EnsembleChecker::after_wake_up(SimServer& server, int64_t now_us) {
  const server::ReplicaCore* core = server.core();
  if (core == nullptr) return;
  durability_.after_wake_up(server, now_us);
  Mirror& mirror = mirrors_[server.id()];
  if (mirror.process != server.starts()) {
    mirror = Mirror{};
    mirror.process = server.starts();
    mirror.base = core->base_zxid;
  }
  check_epochs(mirror, server, *core, now_us);
  follow_history(mirror, server, *core, now_us);
  const bool serves = core->is_serving();
  if (!serves) mirror.history_end = core->last_logged;
  if (serves && !mirror.was_serving) begin_serving(mirror, server, *core, now_us);
  mirror.was_serving = serves;
  if (!serves) return;
  const Zxid last = core->database->last_zxid();
  if (last < mirror.served) {
    verdict_.fail(now_us, "commits are monotone", "{} went back from 0x{:x} to 0x{:x}",
                  server.name(), mirror.served.value, last.value);
  }
  if (last == mirror.served) return;
  mirror.served = last;
  commit(last);
  check_digest(server, *core, now_us);
}

void EnsembleChecker::check_epochs(Mirror& mirror, const SimServer& server,
                                   const server::ReplicaCore& core, int64_t now_us) {
  // Who gives up its history has none of any epoch, and says that it is not to be trusted (rule
  // 35).
  const bool has_given_up = core.is_untrusted && core.current_epoch == 0;
  if (core.accepted_epoch < mirror.accepted_epoch ||
      (core.current_epoch < mirror.current_epoch && !has_given_up)) {
    verdict_.fail(now_us, "epochs are monotone", "{}: accepted {} -> {}, current {} -> {}",
                  server.name(), mirror.accepted_epoch, core.accepted_epoch, mirror.current_epoch,
                  core.current_epoch);
  }
  mirror.accepted_epoch = core.accepted_epoch;
  mirror.current_epoch = core.current_epoch;
}

// The window holds the newest transactions of the server's history: what is new at its end is added
// to the mirror, what it no longer has was cut.
void EnsembleChecker::follow_history(Mirror& mirror, const SimServer& server,
                                     const server::ReplicaCore& core, int64_t now_us) {
  if (core.base_zxid != mirror.base) {
    if (!std::ranges::binary_search(mirror.zxids, core.base_zxid)) ++snapshot_syncs_;
    mirror.base = core.base_zxid;
    mirror.zxids.clear();
  }
  const auto& txns = core.window.txns();
  if (txns.empty()) {
    // A cut may have taken all that the window had.
    while (!mirror.zxids.empty() && mirror.zxids.back() > core.last_logged) {
      mirror.zxids.pop_back();
      ++cut_txns_;
    }
    return;
  }
  // The newest entry of the window that the mirror knows.
  size_t known = txns.size();
  while (known > 0) {
    const Zxid zxid = txns[known - 1].zxid;
    if (mirror.zxids.empty() || zxid < mirror.zxids.front()) break;
    if (zxid <= mirror.zxids.back() && std::ranges::binary_search(mirror.zxids, zxid)) break;
    --known;
  }
  const bool is_known = known > 0 && !mirror.zxids.empty() &&
                        std::ranges::binary_search(mirror.zxids, txns[known - 1].zxid);
  while (is_known && mirror.zxids.back() > txns[known - 1].zxid) {
    mirror.zxids.pop_back();
    ++cut_txns_;
  }
  // What was logged and applied in one wake-up may have left the window already.
  if (!is_known) mirror.zxids.clear();
  for (size_t i = is_known ? known : 0; i < txns.size(); ++i) {
    const auto& [zxid, txn] = txns[i];
    if (zxid <= mirror.base) continue;
    if (!mirror.zxids.empty() && zxid <= mirror.zxids.back()) continue;
    mirror.zxids.push_back(zxid);
    Proposed& proposed = at(zxid);
    if (proposed.txn.empty()) {
      proposed.txn = txn;
      proposed.first_seen_us = now_us;
    } else if (proposed.txn.view() != txn.view()) {
      verdict_.fail(now_us, "equal bytes at equal zxid", "{} has other bytes at 0x{:x}",
                    server.name(), zxid.value);
    }
  }
}

void EnsembleChecker::begin_serving(Mirror& mirror, SimServer& server,
                                    const server::ReplicaCore& core, int64_t now_us) {
  const Zxid last = core.database->last_zxid();
  mirror.served = Zxid{-1};
  if (core.mode() == "leader") {
    const Leadership now{server.id(), server.starts(), core.incarnation};
    const auto [it, is_new] = leader_of_epoch_.try_emplace(core.current_epoch, now);
    if (!is_new) {
      verdict_.fail(now_us, "one leader per epoch", "epoch {} has {} and server{}",
                    core.current_epoch, server.name(), it->second.server.value);
    }
    last_established_us_ = now_us;
    // What it had logged before, committed or not, is its history now.
    if (mirror.history_end.epoch() < core.current_epoch) commit(mirror.history_end);
  }
  commit(last);
  check_history(mirror, server, last, now_us);
  // Nothing that was cut away or never committed.
  for (const Zxid zxid : mirror.zxids) {
    if (zxid > last || at(zxid).is_committed) continue;
    verdict_.fail(now_us, "only committed transactions are served",
                  "{} serves up to 0x{:x} with 0x{:x}, which was not committed", server.name(),
                  last.value, zxid.value);
    return;
  }
}

// Whoever serves has all that was committed, and nothing else.
void EnsembleChecker::check_history(const Mirror& mirror, const SimServer& server, Zxid up_to,
                                    int64_t now_us) {
  if (mirror.zxids.empty()) return;  // it began with a snapshot
  const Zxid from = mirror.zxids.front();
  for (auto epoch = proposed_.lower_bound(from.epoch());
       epoch != proposed_.end() && epoch->first <= up_to.epoch(); ++epoch) {
    for (uint32_t counter = 0; counter < epoch->second.size(); ++counter) {
      const Zxid zxid = Zxid::make(epoch->first, counter);
      if (zxid < from || zxid > up_to || !epoch->second[counter].is_committed) continue;
      if (std::ranges::binary_search(mirror.zxids, zxid)) continue;
      verdict_.fail(now_us, "no committed transaction is lost",
                    "{} serves up to 0x{:x} without the committed 0x{:x}", server.name(),
                    up_to.value, zxid.value);
      return;
    }
  }
}

// Whatever a leader proposes is committed in order: with one transaction all before it of its
// epoch.
void EnsembleChecker::commit(Zxid up_to) {
  if (up_to.counter() == 0) return;
  at(up_to);
  std::vector<Proposed>& epoch = proposed_[up_to.epoch()];
  uint32_t& committed = committed_in_epoch_[up_to.epoch()];
  while (committed < up_to.counter()) {
    ++committed;
    ++committed_count_;
    epoch[committed].is_committed = true;
  }
}

void EnsembleChecker::check_digest(const SimServer& server, const server::ReplicaCore& core,
                                   int64_t now_us) {
  if (core.digest_mismatches != 0) {
    verdict_.fail(now_us, "equal digests at equal zxid",
                  "{} computed other digests than its transactions carry", server.name());
  }
  if (!core.config.digest_enabled) return;
  const Zxid zxid = core.database->last_zxid();
  std::optional<uint64_t>& digest = at(zxid).digest;
  const uint64_t own = core.database->tree().digest();
  if (!digest) digest = own;
  if (*digest != own) {
    verdict_.fail(now_us, "equal digests at equal zxid", "{} has {:x} at 0x{:x}, others {:x}",
                  server.name(), own, zxid.value, *digest);
  }
}

void EnsembleChecker::add_log(const SimServer& server, Zxid zxid, const Bytes& txn,
                              int64_t now_us) {
  Proposed& proposed = at(zxid);
  if (!proposed.is_committed) return;  // a SNAP came after it, and left it in the file
  if (proposed.txn.empty()) {
    proposed.txn = txn;
    proposed.first_seen_us = now_us;
  } else if (proposed.txn.view() != txn.view()) {
    verdict_.fail(now_us, "equal bytes at equal zxid", "the log of {} has other bytes at 0x{:x}",
                  server.name(), zxid.value);
  }
}

uint64_t EnsembleChecker::unseen_count() const {
  uint64_t count = 0;
  for (const auto& [epoch, entries] : proposed_) {
    for (const Proposed& entry : entries) count += entry.is_committed && entry.txn.empty() ? 1 : 0;
  }
  return count;
}

std::vector<EnsembleChecker::Committed> EnsembleChecker::committed() const {
  std::vector<Committed> all;
  for (const auto& [epoch, entries] : proposed_) {
    for (uint32_t counter = 0; counter < entries.size(); ++counter) {
      const Proposed& entry = entries[counter];
      if (!entry.is_committed) continue;
      all.push_back({Zxid::make(epoch, counter), entry.txn, entry.first_seen_us});
    }
  }
  return all;
}

}  // namespace zooid::sim
