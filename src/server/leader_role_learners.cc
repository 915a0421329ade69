// A leader's learners: their connections from accepting to closing, the history that is read for
// them, the packets that are made for them.
#include "base/log.h"
#include "base/mark.h"
#include "base/step_part.h"
#include "server/leader_role.h"

namespace zooid::server {
namespace {

constexpr int64_t kListenRetryUs = 200'000;
// Making packets for learners holds the loop so long at most, beside one piece for each.
constexpr int64_t kPumpBudgetUs = 2'000;

}  // namespace

void LeaderRole::listen(Now now) {
  auto listening = listener_->try_listen(now);
  if (listening) {
    listen_again_us_ = listener_->next_deadline();
  } else {
    log::error("cannot listen for learners: {}", listening.error().message);
    listen_again_us_ = now.mono_us + kListenRetryUs;
  }
}

void LeaderRole::make_room_for(const std::string& address) {
  LearnerConnection* oldest = nullptr;  // of all; keys ascend
  LearnerConnection* oldest_of_address = nullptr;
  size_t all = 0, of_address = 0;
  for (const auto& [key, connection] : connections_) {
    if (connection->is_closed() || connection->has_spoken()) continue;
    if (all++ == 0) oldest = connection.get();
    if (connection->address() != address) continue;
    if (of_address++ == 0) oldest_of_address = connection.get();
  }
  LearnerConnection* surplus = of_address >= kSilentOfAddressMax ? oldest_of_address
                               : all >= kSilentMax               ? oldest
                                                                 : nullptr;
  if (surplus == nullptr) return;
  MARK("leader.too_many_silent_connections");
  surplus->close();
  drop_connection(surplus->key(), "too many connections that say nothing");
}

void LeaderRole::accept(std::unique_ptr<env::Stream> stream, env::StreamHandler*& handler) {
  make_room_for(stream->peer().host);
  const zab::LearnerKey key = next_key_++;
  auto connection = std::make_unique<LearnerConnection>(
      key, std::move(stream), static_cast<int32_t>(core_.config.max_record_buffer()), events_);
  handler = connection.get();
  connections_.emplace(key, std::move(connection));
  machine_->on_learner_connected(key, core_.clock.now());
}

LearnerNews::Connection LeaderRole::connection_of(zab::LearnerKey key) const {
  const auto it = connections_.find(key);
  if (it == connections_.end()) return {key, "", ""};
  return {key, it->second->peer(), it->second->address()};
}

void LeaderRole::drop_connection(zab::LearnerKey key, const std::string& reason) {
  news_.tell_closed(connection_of(key), membership_, reason, core_.clock.now());
  closed_.push_back(key);
  zab::LeaderEffects effects;
  const Now now = core_.clock.now();
  machine_->on_learner_closed(key, now, effects);
  carry_out(effects, now);
}

void LeaderRole::close_connection(zab::LearnerKey key, const std::string& reason) {
  const auto it = connections_.find(key);
  if (it == connections_.end()) return;
  it->second->close();
  drop_connection(key, reason);
}

void LeaderRole::on_reach(const storage::ReachFound& found, Now now) {
  zab::DiskReach reach;
  reach.asked = true;
  reach.snapshot_size_factor = core_.config.snapshot_size_factor;
  if (found.reach) {
    // Older log files may end where a leader's snapshot replaced them, and when the next one begins
    // a later epoch they do not show the gap. Behind the snapshot that the state began with there
    // is none.
    reach.has_start = found.reach->has_start && found.zxid >= core_.base_zxid;
    if (found.reach->has_start && !reach.has_start) MARK("leader.history_begins_later");
    reach.bytes_after_start = found.reach->bytes_after_start;
    reach.newest_snapshot_bytes = found.reach->newest_snapshot_bytes;
  }
  zab::LeaderEffects effects;
  machine_->on_disk_reach(found.learner, reach, now, effects);
  carry_out(effects, now);
}

void LeaderRole::on_history(storage::HistoryRead& read, Now now) {
  if (read.error) {
    log::error("the transaction log cannot be read for {}: {}",
               news_.name_of(connection_of(read.learner)), read.error->message);
  }
  step_part("leader", "history from the log files");
  std::vector<zab::WindowTxn> slice;
  slice.reserve(read.txns.size());
  for (storage::LoggedTxn& txn : read.txns) slice.push_back({txn.zxid, std::move(txn.txn)});
  zab::LeaderEffects effects;
  machine_->on_history(read.learner, slice, now, effects);
  carry_out(effects, now);
}

// A piece for everybody in turn, so that a learner's synchronisation delays the others' proposals
// by a piece. Who has more when the time is up is pumped at the next wake-up, which its stream
// brings about (Stream::want_room).
void LeaderRole::pump_all(Now now) {
  const int64_t until_us = core_.clock.instant_us() + kPumpBudgetUs;
  bool has_more = true;
  while (has_more) {
    has_more = false;
    for (auto& [key, connection] : connections_) {
      if (connection->pump(*machine_, now)) has_more = true;
    }
    zab::LeaderEffects effects;
    machine_->take_pump_effects(effects);
    carry_out(effects, now);
    if (core_.clock.instant_us() >= until_us) return;
  }
}

}  // namespace zooid::server
