// The owner's part in the world of zab_world.h: effects are carried out, invariants are checked.
#include <algorithm>

#include "zab/zab_world.h"

namespace zooid::zab::testing {
namespace {

std::string snapshot_bytes(const std::vector<WindowTxn>& txns) {
  std::string body;
  for (const WindowTxn& txn : txns) {
    wire::Writer(body).i64(txn.zxid.value);
    wire::Writer(body).buffer(txn.txn.view());
  }
  std::string bytes;
  wire::Writer(bytes).i64(static_cast<int64_t>(body.size()));
  return bytes + body;
}

}  // namespace

void World::apply(Server& server, Zxid up_to) {
  for (const WindowTxn& txn : server.view) {
    if (txn.zxid <= server.tree_zxid || txn.zxid > up_to) continue;
    server.tree_zxid = txn.zxid;
    // A state that a walk has made may have it already.
    if (server.tree.empty() || server.tree.back().zxid < txn.zxid) server.tree.push_back(txn);
  }
}

void World::write_epoch(Server& server, EpochOp op) {
  // Another file: its sync may overtake what is being appended to the log.
  if (random_.one_in(2)) {
    server.ops.push_front(op);
  } else {
    server.ops.push_back(op);
  }
}

void World::check(size_t index) {
  Server& server = servers[index];
  if (!server.is_established) return;
  for (; server.checked < server.tree.size(); ++server.checked) {
    const WindowTxn& applied = server.tree[server.checked];
    if (server.checked < committed.size()) {
      ASSERT_EQ(text(applied.zxid), text(committed[server.checked].zxid)) << "server " << index;
      ASSERT_EQ(mark_of(applied.txn), mark_of(committed[server.checked].txn));
    } else {
      ASSERT_TRUE(server.leader != nullptr) << "a follower applied what was not committed";
      committed.push_back(applied);
    }
  }
}

void World::carry_out(size_t index, LeaderEffects& effects) {
  Server& server = servers[index];
  if (!server.leader) return;
  if (effects.persist_accepted_epoch)
    write_epoch(server, EpochOp{true, *effects.persist_accepted_epoch});
  if (effects.persist_current_epoch)
    write_epoch(server, EpochOp{false, *effects.persist_current_epoch});
  for (const WindowTxn& txn : effects.appends) {
    server.view.push_back(txn);
    server.ops.push_back(AppendOp{txn});
  }
  if (effects.established) {
    const auto [it, is_new] = established_by.emplace(*effects.established, index);
    ASSERT_TRUE(is_new) << "two leaders of epoch " << *effects.established;
    ++establishments;
    server.is_established = true;
    check(index);
    ASSERT_GE(server.tree.size(), committed.size()) << "a committed transaction is lost";
    server.tree_zxid = zx(*effects.established, 0);
    // A new leader may write a snapshot at once.
    if (random_.one_in(2)) server.disk.base = server.tree_zxid;
  }
  if (effects.committed) apply(server, *effects.committed);
  check(index);
  for (const auto& [key, reason] : effects.close) drop(key);
  for (const LearnerKey key : effects.snapshots) begin_stream(server, key);
  const bool is_over = effects.abdicate.has_value();
  if (is_over) return end_role(index);
  for (const auto& asked : effects.reach) {
    if (!server.leader) return;
    DiskReach reach{true, !server.disk.txns.empty(), 0, 100, leader_options_.snapshot_size_factor};
    reach.has_start = reach.has_start && server.disk.txns.front().zxid <= asked.zxid;
    LeaderEffects next;
    server.leader->on_disk_reach(asked.learner, reach, now_, next);
    carry_out(index, next);
  }
  for (const auto& wanted : effects.history) {
    if (server.leader) send_history(server, index, wanted);
  }
}

void World::send_history(Server& server, size_t index, const LeaderEffects::History& wanted) {
  std::vector<WindowTxn> slice;
  const size_t slice_max = 1 + random_.below(4);
  for (const WindowTxn& txn : server.disk.txns) {
    if (txn.zxid <= wanted.after || txn.zxid > wanted.up_to || slice.size() == slice_max) continue;
    slice.push_back(txn);
  }
  if (wanted.after < wanted.up_to) {
    EXPECT_FALSE(slice.empty()) << "not durable below the window";
  }
  LeaderEffects effects;
  server.leader->on_history(wanted.learner, slice, now_, effects);
  carry_out(index, effects);
}

void World::begin_stream(Server& server, LearnerKey key) {
  const auto it = connections_.find(key);
  if (it == connections_.end()) return;
  server.leader->on_snapshot_begun(key, server.tree_zxid, now_);
  server.leader->pump(key, 1000, it->second.to_learner, now_);
  it->second.is_streaming = true;
  it->second.is_walked = false;
}

void World::carry_out(size_t index, LearnerEffects& effects) {
  Server& server = servers[index];
  if (!server.learner) return;
  if (Connection* connection = connection_of(index)) connection->to_leader += effects.send;
  if (effects.persist_accepted_epoch)
    write_epoch(server, EpochOp{true, *effects.persist_accepted_epoch});
  if (effects.expect_snapshot) server.snapshot_expected = effects.expect_snapshot;
  if (effects.install_snapshot) {
    server.tree = server.view = server.received;
    // What the walk saw beyond its zxid is in the tree; that it is history the log has yet to
    // learn.
    std::erase_if(server.view,
                  [&](const WindowTxn& txn) { return txn.zxid > *effects.install_snapshot; });
    server.tree_zxid = *effects.install_snapshot;
    server.checked = 0;
    server.ops.push_back(InstallOp{*effects.install_snapshot, server.view});
  }
  if (effects.truncate) server.ops.push_back(TruncateOp{*effects.truncate});
  if (effects.adopt_tail) apply(server, *effects.adopt_tail);
  for (const WindowTxn& txn : effects.appends) {
    server.view.push_back(txn);
    server.ops.push_back(AppendOp{txn});
  }
  if (effects.persist_current_epoch)
    write_epoch(server, EpochOp{false, *effects.persist_current_epoch});
  if (effects.committed) apply(server, *effects.committed);
  if (effects.established) {
    server.is_established = true;
    const Zxid seen = server.tree.empty() ? Zxid{0} : server.tree.back().zxid;
    ASSERT_LE(seen, server.tree_zxid) << "a mixture is served that no leader ever had";
  }
  check(index);
  if (effects.ping) {
    LearnerEffects answer;
    server.learner->answer_ping(*effects.ping, {}, answer);
    if (Connection* connection = connection_of(index)) connection->to_leader += answer.send;
  }
  if (effects.give_up) end_role(index);
}

void World::pump() {
  for (size_t i = 0; i < servers.size(); ++i) {
    Server& server = servers[i];
    if (!server.leader) continue;
    for (auto& [key, connection] : connections_) {
      if (connection.leader != i) continue;
      if (connection.is_streaming) {
        if (!connection.is_walked) {
          // The longer the walk takes, the more of what is applied meanwhile it sees.
          if (!random_.one_in(4)) continue;
          connection.is_walked = true;
          connection.stream = snapshot_bytes(server.tree);
          server.leader->on_snapshot_sent(key, now_);
        }
        const size_t n = random_.below(connection.stream.size() + 1);
        connection.to_learner.append(connection.stream, 0, n);
        connection.stream.erase(0, n);
        if (!connection.stream.empty()) continue;
        connection.is_streaming = false;
      }
      if (connection.to_learner.size() > 400) continue;  // its socket is full
      server.leader->pump(key, random_.below(500), connection.to_learner, now_);
    }
    LeaderEffects effects;
    server.leader->take_pump_effects(effects);
    carry_out(i, effects);
  }
}

void World::timers() {
  for (size_t i = 0; i < servers.size(); ++i) {
    if (servers[i].leader) {
      LeaderEffects effects;
      servers[i].leader->on_timer(now_, effects);
      carry_out(i, effects);
    } else if (servers[i].learner) {
      LearnerEffects effects;
      servers[i].learner->on_timer(now_, effects);
      carry_out(i, effects);
    }
  }
}

}  // namespace zooid::zab::testing
