#include "zab/leader_bench.h"

#include <algorithm>

namespace zooid::zab::testing {

void LeaderBench::start(LeaderStart start, LeaderOptions options) {
  committed = start.last_logged;
  LeaderEffects effects;
  leader = std::make_unique<Leader>(std::move(start), options, window, now, effects);
  carry_out(effects);
}

void LeaderBench::packet(LearnerKey key, const wire::QuorumPacket& packet) {
  LeaderEffects effects;
  leader->on_learner_packet(key, packet, now, effects);
  carry_out(effects);
}

Zxid LeaderBench::propose(int32_t mark) {
  LeaderEffects effects;
  if (!leader->may_propose(effects)) {
    carry_out(effects);
    return {};
  }
  const Zxid zxid = leader->next_zxid();
  propose(zxid, make_txn(zxid, mark));
  return zxid;
}

void LeaderBench::propose(Zxid zxid, const Bytes& txn) {
  LeaderEffects effects;
  leader->propose(zxid, txn, now, effects);
  carry_out(effects);
}

void LeaderBench::log_synced(Zxid up_to) {
  LeaderEffects effects;
  leader->on_log_synced(up_to, now, effects);
  carry_out(effects);
}

void LeaderBench::pass(int64_t ms) {
  const int64_t until = now.mono_us + ms_to_us(ms);
  while (!abdicated && leader->next_deadline() <= until) {
    now.mono_us = std::max(now.mono_us, leader->next_deadline());
    LeaderEffects effects;
    leader->on_timer(now, effects);
    carry_out(effects);
  }
  now.mono_us = until;
}

void LeaderBench::join(LearnerKey key, int64_t server, Zxid last, Epoch accepted, int32_t current) {
  connect(key);
  packet(key, follower_info(server, accepted));
  packet(key, ack_epoch(last, current));
  packet(key, testing::packet(wire::PacketType::kAck, zx(leader->epoch(), 0)));
}

std::vector<std::string> LeaderBench::sent(LearnerKey key) {
  std::vector<std::string> texts;
  for (const auto& packet : take_packets(raw[key])) texts.push_back(describe(packet));
  return texts;
}

void LeaderBench::carry_out(LeaderEffects& effects) {
  const auto say = [this](std::string line) { words.push_back(std::move(line)); };
  if (effects.persist_accepted_epoch)
    say(fmt::format("persist accepted {}", *effects.persist_accepted_epoch));
  if (effects.persist_current_epoch)
    say(fmt::format("persist current {}", *effects.persist_current_epoch));
  if (effects.promised) say(fmt::format("promised {}", *effects.promised));
  if (effects.established) say(fmt::format("established {}", *effects.established));
  for (const WindowTxn& txn : effects.appends) {
    say("append " + text(txn.zxid));
    log.push_back(txn);
  }
  if (effects.committed) say("committed " + text(*effects.committed));
  if (effects.confirmed) say(fmt::format("confirmed {}", *effects.confirmed));
  for (const auto& [key, reason] : effects.close) {
    say(fmt::format("close {}: {}", key, reason));
    closed[key] = reason;
  }
  for (const LearnerKey key : effects.snapshots) say(fmt::format("snapshot for {}", key));
  for (const auto& asked : effects.reach)
    say(fmt::format("reach of {} for {}", text(asked.zxid), asked.learner));
  for (const auto& wanted : effects.history) {
    say(fmt::format("history ({}, {}] for {}", text(wanted.after), text(wanted.up_to),
                    wanted.learner));
  }
  for (const auto& request : effects.requests) say(fmt::format("request of {}", request.learner));
  for (const auto& touch : effects.touches) {
    say(fmt::format("touch {:x} for {} ms of {}", touch.session.value, touch.timeout_ms,
                    touch.learner));
  }
  for (const auto& wanted : effects.revalidations)
    say(fmt::format("revalidate {:x} of {}", wanted.session.value, wanted.learner));
  if (effects.abdicate) {
    say("abdicate: " + *effects.abdicate);
    abdicated = effects.abdicate;
  }
  if (effects.established) established = effects.established;
  if (effects.committed) {
    EXPECT_GT(*effects.committed, committed);
    committed = *effects.committed;
  }
  std::ranges::move(effects.requests, std::back_inserter(requests));
  std::ranges::move(effects.touches, std::back_inserter(touches));
  std::ranges::move(effects.revalidations, std::back_inserter(revalidations));
  if (automatic_) {
    complete(effects);
  } else if (holds_completions) {
    hold(effects);
  }
  if (!holds_pumps) pump();
}

void LeaderBench::tell(const std::function<void(LeaderEffects&)>& completion) {
  LeaderEffects effects;
  completion(effects);
  carry_out(effects);
}

Zxid LeaderBench::state_zxid() const {
  return established ? std::max(committed, zx(leader->epoch(), 0)) : committed;
}

void LeaderBench::hold(const LeaderEffects& effects) {
  for (const LearnerKey key : effects.snapshots) {
    leader->on_snapshot_begun(key, state_zxid(), now);
    leader->pump(key, 1u << 20, raw[key], now);
    streaming_.insert(key);
    held_.emplace_back([this, key] {
      streaming_.erase(key);
      leader->on_snapshot_sent(key, now);
    });
  }
  if (const auto epoch = effects.persist_accepted_epoch) {
    held_.emplace_back([this, epoch] {
      tell([&](auto& next) { leader->on_accepted_epoch_persisted(*epoch, now, next); });
    });
  }
  if (const auto epoch = effects.persist_current_epoch) {
    held_.emplace_back([this, epoch] {
      tell([&](auto& next) { leader->on_current_epoch_persisted(*epoch, now, next); });
    });
  }
  for (const WindowTxn& txn : effects.appends) {
    held_.emplace_back([this, zxid = txn.zxid] { log_synced(zxid); });
  }
  for (const auto& asked : effects.reach) {
    held_.emplace_back([this, asked] { answer_reach(asked); });
  }
  for (const auto& wanted : effects.history) {
    held_.emplace_back([this, wanted] { answer_history(wanted); });
  }
}

void LeaderBench::complete_one() {
  if (held_.empty()) return;
  const auto next = std::move(held_.front());
  held_.pop_front();
  next();
}

void LeaderBench::complete(LeaderEffects& effects) {
  for (const LearnerKey key : effects.snapshots) {
    leader->on_snapshot_begun(key, state_zxid(), now);
    leader->pump(key, 1u << 20, raw[key], now);
    leader->on_snapshot_sent(key, now);
  }
  LeaderEffects next;
  if (effects.persist_accepted_epoch) {
    leader->on_accepted_epoch_persisted(*effects.persist_accepted_epoch, now, next);
  }
  if (effects.persist_current_epoch) {
    leader->on_current_epoch_persisted(*effects.persist_current_epoch, now, next);
  }
  if (!effects.appends.empty()) leader->on_log_synced(effects.appends.back().zxid, now, next);
  for (const auto& asked : effects.reach) answer_reach(asked);
  for (const auto& wanted : effects.history) answer_history(wanted);
  if (next.persist_accepted_epoch || next.persist_current_epoch || next.promised ||
      next.established || next.committed || next.abdicate || !next.snapshots.empty() ||
      !next.reach.empty() || !next.history.empty() || !next.close.empty()) {
    carry_out(next);
  }
}

void LeaderBench::answer_reach(const LeaderEffects::AskReach& asked) {
  DiskReach answer = reach;
  answer.has_start = !log.empty() && log.front().zxid <= asked.zxid;
  LeaderEffects effects;
  leader->on_disk_reach(asked.learner, answer, now, effects);
  carry_out(effects);
}

void LeaderBench::answer_history(const LeaderEffects::History& wanted) {
  std::vector<WindowTxn> slice;
  for (const WindowTxn& txn : log) {
    if (txn.zxid > wanted.after && txn.zxid <= wanted.up_to && slice.size() < history_slice_max) {
      slice.push_back(txn);
    }
  }
  LeaderEffects effects;
  leader->on_history(wanted.learner, slice, now, effects);
  carry_out(effects);
}

void LeaderBench::pump() {
  for (const LearnerStatus& learner : leader->learners()) {
    if (streaming_.contains(learner.key)) continue;
    leader->pump(learner.key, 1u << 20, raw[learner.key], now);
  }
  LeaderEffects effects;
  leader->take_pump_effects(effects);
  if (!effects.history.empty()) carry_out(effects);
}

}  // namespace zooid::zab::testing
