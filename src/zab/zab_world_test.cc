#include "zab/zab_world.h"

#include <algorithm>

namespace zooid::zab::testing {
World::World(uint64_t seed, size_t count) : random_(seed) {
  std::vector<int64_t> ids;
  for (size_t i = 1; i <= count; ++i) ids.push_back(static_cast<int64_t>(i));
  membership_ = membership_of(ids);
  leader_options_.tick_ms = learner_options_.tick_ms = 100;
  leader_options_.snapshot_size_factor = random_.one_in(3) ? -1 : 0;
  servers.resize(count);
  for (size_t i = 0; i < count; ++i) servers[i].id = ServerId{ids[i]};
}

Connection* World::connection_of(size_t learner) {
  for (auto& [key, connection] : connections_) {
    if (connection.learner == learner) return &connection;
  }
  return nullptr;
}

void World::drop(LearnerKey key) {
  const auto it = connections_.find(key);
  if (it == connections_.end()) return;
  const Connection connection = it->second;
  connections_.erase(it);
  servers[connection.leader].decoders.erase(key);
  if (servers[connection.leader].leader) {
    LeaderEffects effects;
    servers[connection.leader].leader->on_learner_closed(key, now_, effects);
    carry_out(connection.leader, effects);
  }
  if (servers[connection.learner].learner) {
    LearnerEffects effects;
    servers[connection.learner].learner->on_closed("connection lost", now_, effects);
    carry_out(connection.learner, effects);
  }
}

void World::end_role(size_t index) {
  Server& server = servers[index];
  const bool was_leader = server.leader != nullptr;
  server.leader.reset();
  server.learner.reset();
  server.is_established = false;
  server.snapshot_expected.reset();
  server.decoders.clear();
  // A role ends when the log worker has finished what it was given.
  bool is_rewritten = false;
  while (!server.ops.empty()) {
    const DiskOp& op = server.ops.front();
    is_rewritten |= std::holds_alternative<TruncateOp>(op) || std::holds_alternative<InstallOp>(op);
    finish(server, op);
    server.ops.pop_front();
  }
  server.view = server.disk.txns;
  if (is_rewritten) reload(server);
  std::vector<LearnerKey> lost;
  for (const auto& [key, connection] : connections_) {
    if (was_leader ? connection.leader == index : connection.learner == index) lost.push_back(key);
  }
  for (const LearnerKey key : lost) drop(key);
}

void World::reload(Server& server) {
  server.tree = server.disk.txns;
  server.tree_zxid = server.disk.last();
  server.checked = 0;
}

void World::crash(size_t index) {
  Server& server = servers[index];
  // A part of what was under way may have reached the disk.
  for (uint64_t done = random_.below(server.ops.size() + 1); done > 0; --done) {
    finish(server, server.ops.front());
    server.ops.pop_front();
  }
  server.ops.clear();
  end_role(index);
  server.is_up = false;
}

void World::restart(Server& server) {
  server.is_up = true;
  server.view = server.disk.txns;
  // Up to the last snapshot, or all, as the log is replayed; rule 5 lets the tree be behind.
  server.tree.clear();
  server.tree_zxid = Zxid{};
  server.checked = 0;
  if (random_.one_in(2)) {
    apply(server, server.disk.last());
  } else {
    apply(server, server.disk.base);
  }
  server.tree_zxid = std::max(server.tree_zxid, server.disk.base);
}

void World::lead(size_t index) {
  Server& server = servers[index];
  ++elections;
  apply(server, server.disk.last());
  server.window = TxnWindow{4, 400};
  const size_t kept = std::min<size_t>(server.view.size(), random_.below(8));
  for (size_t i = server.view.size() - kept; i < server.view.size(); ++i) {
    server.window.push(server.view[i].zxid, server.view[i].txn);
  }
  LeaderEffects effects;
  LeaderStart start{server.id, membership_, server.disk.accepted, server.disk.current,
                    server.disk.last()};
  server.leader =
      std::make_unique<Leader>(std::move(start), leader_options_, server.window, now_, effects);
  carry_out(index, effects);
}

void World::follow(size_t index, size_t leader) {
  Server& server = servers[index];
  server.decoder = wire::QuorumPacketDecoder();
  server.snapshot.clear();
  // As Replica::bring_data_in_order() sees to it.
  if (server.tree_zxid > server.disk.last()) reload(server);
  LearnerStart start{server.id,           membership_,        server.disk.accepted,
                     server.disk.current, server.disk.last(), server.tree_zxid};
  server.learner = std::make_unique<Learner>(std::move(start), learner_options_, now_);
  const LearnerKey key = next_key_++;
  connections_[key] = Connection{index, leader, key};
  servers[leader].leader->on_learner_connected(key, now_);
  LearnerEffects effects;
  server.learner->on_connected(now_, effects);
  carry_out(index, effects);
}

void World::elect() {
  std::vector<size_t> idle, leaders;
  for (size_t i = 0; i < servers.size(); ++i) {
    if (servers[i].is_idle()) idle.push_back(i);
    if (servers[i].leader) leaders.push_back(i);
  }
  if (idle.empty()) return;
  if (!leaders.empty() && !random_.one_in(6)) {
    const size_t follower = idle[random_.below(idle.size())];
    const size_t leader = leaders[random_.below(leaders.size())];
    const Epoch epoch = servers[leader].leader->epoch();
    // A server that promised a later epoch cannot follow this leader as long as it leads, in
    // Apache's ensembles neither: it comes back when the leader's time is over.
    const bool is_barred = epoch != 0 && servers[follower].disk.accepted > epoch;
    if (is_barred && !may_break) return end_role(leader);
    return follow(follower, leader);
  }
  if (idle.size() <= servers.size() / 2) return;
  const auto better = [this](size_t a, size_t b) {
    const Disk &x = servers[a].disk, &y = servers[b].disk;
    return std::tuple(x.current, x.last(), a) < std::tuple(y.current, y.last(), b);
  };
  // Sometimes the election errs: safety must not depend on it.
  const bool errs = may_break && random_.one_in(8);
  const size_t winner =
      errs ? idle[random_.below(idle.size())] : *std::ranges::max_element(idle, better);
  lead(winner);
  for (const size_t index : idle) {
    const bool is_leading = servers[winner].leader != nullptr;
    if (is_leading && servers[index].is_idle()) follow(index, winner);
  }
}

void World::propose() {
  for (size_t i = 0; i < servers.size(); ++i) {
    if (!servers[i].leader || !servers[i].leader->is_established()) continue;
    LeaderEffects effects;
    for (uint64_t n = 1 + random_.below(3); n > 0; --n) {
      if (!servers[i].leader->may_propose(effects)) break;
      const Zxid zxid = servers[i].leader->next_zxid();
      servers[i].leader->propose(zxid, make_txn(zxid, next_mark_++), now_, effects);
      ++proposals;
    }
    carry_out(i, effects);
  }
}

void World::deliver_to_leader(Connection& connection, size_t n) {
  const LearnerKey key = connection.key;
  const size_t index = connection.leader;
  auto& decoder = servers[index].decoders[key];
  decoder.feed(connection.to_leader.substr(0, n));
  connection.to_leader.erase(0, n);
  while (connections_.contains(key) && servers[index].leader) {
    auto packet = decoder.next();
    ASSERT_TRUE(packet.has_value());
    if (!*packet) return;
    LeaderEffects effects;
    servers[index].leader->on_learner_packet(key, **packet, now_, effects);
    carry_out(index, effects);
  }
}

void World::deliver_to_learner(Connection& connection, size_t n) {
  const LearnerKey key = connection.key;
  const size_t index = connection.learner;
  Server& server = servers[index];
  if (server.snapshot_expected) {
    server.snapshot.append(connection.to_learner, 0, n);
  } else {
    server.decoder.feed(connection.to_learner.substr(0, n));
  }
  connection.to_learner.erase(0, n);
  while (connections_.contains(key) && server.learner) {
    if (server.snapshot_expected) take_snapshot_bytes(server);
    if (server.snapshot_expected || !server.learner) return;
    auto packet = server.decoder.next();
    ASSERT_TRUE(packet.has_value());
    if (!*packet) return;
    LearnerEffects effects;
    server.learner->on_packet(**packet, now_, effects);
    carry_out(index, effects);
  }
}

void World::take_snapshot_bytes(Server& server) {
  const std::string rest(server.decoder.undecoded());
  server.decoder.skip(rest.size());
  server.snapshot += rest;
  wire::Reader in(server.snapshot);
  const int64_t length = in.i64();
  if (!in.ok() || in.remaining() < static_cast<size_t>(length)) return;
  wire::Reader body(in.rest().substr(0, static_cast<size_t>(length)));
  server.received.clear();
  while (body.remaining() > 0) {
    const Zxid zxid{body.i64()};
    server.received.push_back({zxid, Bytes(body.buffer())});
  }
  server.decoder.feed(in.rest().substr(static_cast<size_t>(length)));
  server.snapshot.clear();
  server.snapshot_expected.reset();
  LearnerEffects effects;
  server.learner->on_snapshot_received(now_, effects);
  carry_out(static_cast<size_t>(server.id.value - 1), effects);
}

void World::deliver(Connection& connection) {
  std::string& wire_bytes = random_.one_in(2) ? connection.to_leader : connection.to_learner;
  if (wire_bytes.empty()) return;
  const size_t n = 1 + random_.below(wire_bytes.size());
  if (&wire_bytes == &connection.to_leader) return deliver_to_leader(connection, n);
  deliver_to_learner(connection, n);
}

void World::finish(Server& server, const DiskOp& op) {
  Disk& disk = server.disk;
  if (const auto* append = std::get_if<AppendOp>(&op)) {
    EXPECT_GT(append->txn.zxid, disk.last());
    disk.txns.push_back(append->txn);
  } else if (const auto* epoch = std::get_if<EpochOp>(&op)) {
    (epoch->is_accepted ? disk.accepted : disk.current) = epoch->epoch;
  } else if (const auto* cut = std::get_if<TruncateOp>(&op)) {
    while (!disk.txns.empty() && disk.txns.back().zxid > cut->target) disk.txns.pop_back();
    if (disk.base > cut->target) disk.base = Zxid{};
    EXPECT_EQ(disk.last(), cut->target) << "a server is asked to discard its data";
  } else if (const auto* install = std::get_if<InstallOp>(&op)) {
    // A Java server would lay the snapshot over its log and find the rest again at its next start.
    EXPECT_TRUE(disk.txns.empty() || disk.txns.back().zxid <= install->zxid)
        << "a SNAP below what was logged";
    disk.txns = install->txns;
    disk.base = install->zxid;
  }
}

void World::tell_done(Server& server, const DiskOp& op) {
  const auto index = static_cast<size_t>(server.id.value - 1);
  LeaderEffects leading;
  LearnerEffects learning;
  if (const auto* append = std::get_if<AppendOp>(&op)) {
    if (server.leader) server.leader->on_log_synced(append->txn.zxid, now_, leading);
    if (server.learner) server.learner->on_log_synced(append->txn.zxid, now_, learning);
  } else if (const auto* epoch = std::get_if<EpochOp>(&op)) {
    if (server.leader && epoch->is_accepted)
      server.leader->on_accepted_epoch_persisted(epoch->epoch, now_, leading);
    if (server.leader && !epoch->is_accepted)
      server.leader->on_current_epoch_persisted(epoch->epoch, now_, leading);
    if (server.learner && epoch->is_accepted)
      server.learner->on_accepted_epoch_persisted(epoch->epoch, now_, learning);
    if (server.learner && !epoch->is_accepted)
      server.learner->on_current_epoch_persisted(epoch->epoch, now_, learning);
  } else if (std::holds_alternative<TruncateOp>(op)) {
    server.view = server.disk.txns;
    if (server.tree_zxid > server.disk.last()) reload(server);
    if (server.learner) server.learner->on_truncated(now_, learning);
  } else if (server.learner) {
    server.learner->on_snapshot_installed(now_, learning);
  }
  if (server.leader) carry_out(index, leading);
  if (server.learner) carry_out(index, learning);
}

void World::disk_step(size_t index) {
  Server& server = servers[index];
  // One sync covers several appends; only the last is reported.
  uint64_t batch = 1 + random_.below(4);
  while (!server.ops.empty() && batch-- > 0) {
    const DiskOp op = server.ops.front();
    server.ops.pop_front();
    finish(server, op);
    const bool is_last =
        batch == 0 || server.ops.empty() || !std::holds_alternative<AppendOp>(server.ops.front());
    if (std::holds_alternative<AppendOp>(op) && !is_last) continue;
    tell_done(server, op);
    if (server.is_idle()) return;
  }
}

void World::step() {
  const size_t index = random_.below(servers.size());
  Server& server = servers[index];
  const uint64_t what = random_.below(100);
  if (what < 45 && !connections_.empty()) {
    auto it = connections_.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(random_.below(connections_.size())));
    deliver(it->second);
  } else if (what < 70) {
    if (server.is_up && !server.ops.empty()) disk_step(index);
  } else if (what < 78) {
    if (may_propose) propose();
  } else if (what < 86) {
    now_.mono_us += static_cast<int64_t>(random_.below(20'000));
    timers();
  } else if (what < 96) {
    if (random_.one_in(3)) elect();
  } else if (may_break && random_.one_in(3)) {
    const uint64_t fault = random_.below(4);
    if (fault == 0 && server.is_up) crash(index);
    if (fault == 1 && !connections_.empty()) {
      auto it = connections_.begin();
      std::advance(it, static_cast<std::ptrdiff_t>(random_.below(connections_.size())));
      drop(it->first);
    }
    if (fault >= 2 && !server.is_up) restart(server);
  }
  pump();
}

bool World::settle() {
  may_break = false;
  for (Server& server : servers) {
    if (!server.is_up) restart(server);
  }
  for (int round = 0; round < 40'000; ++round) {
    may_propose = round < 3'000;
    step();
    if (round % 500 != 499) continue;
    size_t settled = 0;
    for (const Server& server : servers) {
      const bool is_same = server.is_established && server.tree.size() == committed.size();
      settled += is_same && server.ops.empty() ? 1 : 0;
    }
    if (settled == servers.size() && round > 5'000) return true;
  }
  return false;
}

}  // namespace zooid::zab::testing
