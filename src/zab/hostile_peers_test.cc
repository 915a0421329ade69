#include "zab/hostile_peers.h"

#include <optional>

#include "zab/election.h"
#include "zab/epoch_limits.h"
#include "zab/leader_bench.h"
#include "zab/learner_bench.h"

namespace zooid::zab::testing {
namespace {

using wire::PacketType;

constexpr Epoch kEpochs[] = {0,      1, 2, 3, 0x7ffffffd, 0x7fffffff, 0x80000000, kEpochStepMax,
                             1 << 25};

Zxid any_zxid(Choices& choices, Epoch epoch) {
  static constexpr int64_t kExtremes[] = {0, -1, -2, INT64_MIN, INT64_MAX, int64_t{1} << 62};
  if (choices.one_in(4)) return Zxid{choices.one_of(kExtremes)};
  const Epoch of = choices.one_in(3) ? choices.one_of(kEpochs) : epoch;
  return zx(of, static_cast<uint32_t>(choices.one_in(8) ? 0xffffffff : choices.below(6)));
}

std::string any_data(Choices& choices, Zxid zxid, Epoch epoch) {
  std::string data;
  wire::Writer out(data);
  static constexpr int32_t kNumbers[] = {-1, 0, 1, 2, 0x10000, INT32_MAX, INT32_MIN};
  static constexpr int64_t kServers[] = {2, 3, 4, 9, 1, -1, INT64_MAX};
  static constexpr wire::OpCode kTypes[] = {wire::OpCode::kError, wire::OpCode::kCheck,
                                            wire::OpCode::kMulti, wire::OpCode::kCreate,
                                            wire::OpCode::kPing};
  switch (choices.below(7)) {
    case 0:
      break;
    case 1:
      out.i32(choices.one_of(kNumbers));
      break;
    case 2:
      return wire::serialize(
          wire::LearnerInfo{ServerId{choices.one_of(kServers)}, 0x10000,
                            choices.one_in(4) ? int64_t{choices.one_of(kNumbers)} : 0});
    case 3:
      return std::string(
          make_txn(choices.one_in(8) ? any_zxid(choices, epoch) : zxid, 0, choices.one_of(kTypes))
              .view());
    case 4:
      out.i64(static_cast<int64_t>(choices.below(4)));
      out.i32(choices.one_of(kNumbers));
      break;
    case 5:
      out.i64(5);
      out.boolean(choices.one_in(2));
      break;
    default:
      data.assign(choices.below(60), 'a');
  }
  return data;
}

wire::QuorumPacket any_packet(Choices& choices, Epoch epoch) {
  const auto type = static_cast<PacketType>(choices.below(21));
  const Zxid zxid = any_zxid(choices, epoch);
  if (choices.one_in(4)) return packet(type, zxid);
  return packet(type, zxid, any_data(choices, zxid, epoch));
}

// ---- the leader's end ----

class HostileLeader {
 public:
  explicit HostileLeader(Choices& choices) : choices_(choices), bench_(choices.one_in(2)) {
    const Epoch epoch = 1 + static_cast<Epoch>(choices.below(2));
    const auto last = static_cast<uint32_t>(choices.below(5));
    if (last > 0) bench_.log = history(epoch, 1, last);
    for (const WindowTxn& txn : bench_.log) {
      if (txn.zxid.counter() > choices.below(4)) bench_.window.push(txn.zxid, txn.txn);
    }
    LeaderStart start;
    start.self = ServerId{1};
    start.membership = membership_of(
        choices.one_in(4) ? std::vector<int64_t>{1} : std::vector<int64_t>{1, 2, 3}, {4});
    start.accepted_epoch = start.current_epoch = epoch;
    start.last_logged = last == 0 ? zx(epoch, 0) : zx(epoch, last);
    own_epoch_ = epoch;
    LeaderOptions options;
    options.snapshot_size_factor = choices.one_in(2) ? 0 : 0.33;
    bench_.reach.snapshot_size_factor = options.snapshot_size_factor;
    bench_.holds_completions = true;
    bench_.start(std::move(start), options);
  }

  HostileOutcome run() {
    live_normally(choices_.below(16));
    while (!choices_.is_over() && !bench_.abdicated) step();
    HostileOutcome outcome;
    outcome.established = bench_.established.has_value();
    outcome.ended = bench_.abdicated.has_value();
    outcome.closed = bench_.closed.size();
    outcome.appended = bench_.leader->outstanding();
    return outcome;
  }

 private:
  // The first `count` steps of a life without malice.
  void live_normally(size_t count) {
    const std::function<void()> steps[] = {
        [&] { connect(1); },
        [&] { bench_.packet(1, follower_info(2, own_epoch_)); },
        [&] { owner_moves(); },
        [&] { bench_.packet(1, ack_epoch(zx(own_epoch_, 0), static_cast<int32_t>(own_epoch_))); },
        [&] { owner_moves(); },
        [&] { owner_moves(); },
        [&] { bench_.packet(1, packet(PacketType::kAck, zx(bench_.leader->epoch(), 0))); },
        [&] { owner_moves(); },
        [&] { propose(); },
        [&] { connect(2); },
        [&] { bench_.packet(2, follower_info(9, 0)); },
        [&] { owner_moves(); },
        [&] { bench_.packet(2, ack_epoch(Zxid{0}, 0)); },
        [&] { owner_moves(); },
        [&] { owner_moves(); },
    };
    for (size_t i = 0; i < std::min(count, std::size(steps)) && !bench_.abdicated; ++i) steps[i]();
  }

  void step() {
    const LearnerKey key = 1 + choices_.below(next_key_);
    switch (choices_.below(12)) {
      case 0:
        return connect(next_key_);
      case 1: {
        LeaderEffects effects;
        bench_.leader->on_learner_closed(key, bench_.now, effects);
        return bench_.carry_out(effects);
      }
      case 2:
        return propose();
      case 3:
        return bench_.pass(static_cast<int64_t>(choices_.below(64)) * 500);
      case 4: {
        LeaderEffects effects;
        if (!bench_.leader->is_established()) return;
        bench_.leader->sync(key, effects);
        bench_.leader->answer_revalidate(key, SessionId{5}, choices_.one_in(2));
        return bench_.carry_out(effects);
      }
      case 5:
      case 6:
        return owner_moves();
      default:
        break;
    }
    // One segment: nothing is sent between its packets.
    const Epoch epoch = std::max<Epoch>(bench_.leader->epoch(), own_epoch_);
    bench_.holds_pumps = true;
    for (size_t n = choices_.below(5); n > 0 && !bench_.closed.contains(key); --n) {
      switch (choices_.below(6)) {
        case 0:
          bench_.packet(key,
                        follower_info(2 + static_cast<int64_t>(choices_.below(3)), own_epoch_));
          break;
        case 1:
          bench_.packet(key, ack_epoch(zx(own_epoch_, static_cast<uint32_t>(choices_.below(4))),
                                       static_cast<int32_t>(choices_.below(3)) - 1));
          break;
        case 2:
          bench_.packet(
              key, packet(PacketType::kAck, zx(epoch, static_cast<uint32_t>(choices_.below(4)))));
          break;
        default:
          bench_.packet(key, any_packet(choices_, epoch));
      }
    }
    bench_.holds_pumps = false;
    bench_.pump();
  }

  void connect(LearnerKey key) {
    bench_.connect(key);
    next_key_ = std::max(next_key_, key + 1);
  }
  void propose() {
    if (bench_.leader->is_established()) bench_.propose();
  }
  void owner_moves() {
    bench_.complete_one();
    bench_.pump();
  }

  Choices& choices_;
  LeaderBench bench_;
  Epoch own_epoch_ = 0;
  LearnerKey next_key_ = 1;
};

// ---- the learner's end ----

class HostileLearner {
 public:
  explicit HostileLearner(Choices& choices) : choices_(choices) {
    LearnerStart start;
    start.self = ServerId{choices.one_in(4) ? 4 : 2};
    start.membership = membership_of({1, 2, 3}, {4});
    start.accepted_epoch = start.current_epoch = 1;
    static const Zxid kLast[] = {Zxid{0}, kZxidUntrusted, zx(1, 0), zx(1, 3), zx(0, 7)};
    start.last_logged = log_end_ = choices.one_of(kLast);
    start.last_applied = std::max(start.last_logged, Zxid{0});
    if (choices.one_in(4)) start.last_applied = Zxid{0};
    bench_.start(std::move(start));
    bench_.tell(&Learner::on_connected);
    note();
  }

  HostileOutcome run() {
    live_normally(choices_.below(14));
    while (!choices_.is_over() && !bench_.gave_up) step();
    HostileOutcome outcome;
    outcome.established = bench_.learner->is_established();
    outcome.ended = bench_.gave_up.has_value();
    outcome.appended = bench_.appends.size();
    return outcome;
  }

 private:
  void live_normally(size_t count) {
    static constexpr PacketType kOpenings[] = {PacketType::kDiff, PacketType::kTrunc,
                                               PacketType::kSnap};
    const PacketType opening = choices_.one_of(kOpenings);
    std::string version;
    wire::Writer(version).i32(0x10000);
    const Zxid begin = opening == PacketType::kSnap ? zx(1, 3) : std::max(log_end_, Zxid{0});
    const std::function<void()> steps[] = {
        [&] { give(packet(PacketType::kLeaderInfo, zx(2, 0), version)); },
        [&] { owner_moves(); },
        [&] { give(packet(opening, begin)); },
        [&] { owner_moves(); },
        [&] { owner_moves(); },
        [&] { give(proposal(zx(2, 1))); },
        [&] { give(packet(PacketType::kNewLeader, zx(2, 0))); },
        [&] { owner_moves(); },
        [&] { owner_moves(); },
        [&] { owner_moves(); },
        [&] { give(packet(PacketType::kUpToDate, Zxid{-1})); },
        [&] { give(packet(PacketType::kCommit, zx(2, 1))); },
        [&] { give(proposal(zx(2, 2))); },
    };
    for (size_t i = 0; i < std::min(count, std::size(steps)) && !bench_.gave_up; ++i) steps[i]();
  }

  void step() {
    if (choices_.one_in(3)) return owner_moves();
    if (choices_.one_in(12)) return bench_.pass(static_cast<int64_t>(choices_.below(64)) * 500);
    static constexpr PacketType kUsual[] = {PacketType::kNewLeader, PacketType::kUpToDate,
                                            PacketType::kDiff,      PacketType::kTrunc,
                                            PacketType::kSnap,      PacketType::kPing};
    const Zxid next = bench_.appends.empty() ? zx(2, 1) : bench_.appends.back().zxid.next();
    switch (choices_.below(5)) {
      case 0:
        return give(packet(choices_.one_of(kUsual), zx(2, 0)));
      case 1:
        return give(proposal(next));
      case 2:
        return give(packet(PacketType::kCommit, choices_.one_in(2) ? zx(2, 1) : next));
      default:
        return give(any_packet(choices_, 2));
    }
  }

  // Bytes behind a SNAP packet are no packets until the stream has ended.
  void give(const wire::QuorumPacket& packet) {
    if (is_streaming_) return;
    const size_t before = bench_.appends.size();
    bench_.packet(packet);
    note();
    for (size_t i = before; i < bench_.appends.size(); ++i) expect_loggable(bench_.appends[i]);
  }

  void expect_loggable(const WindowTxn& txn) {
    EXPECT_TRUE(wire::read_txn(txn.txn.view()).has_value()) << text(txn.zxid);
    EXPECT_EQ(wire::read_txn_header(txn.txn.view())->zxid, txn.zxid);
    EXPECT_LE(txn.zxid.epoch(), bench_.learner->epoch());
    EXPECT_GT(txn.zxid.value, 0);
    EXPECT_GT(txn.zxid, log_end_);
    log_end_ = txn.zxid;
  }

  void note() {
    const LearnerEffects& effects = *bench_.last;
    if (effects.persist_accepted_epoch) {
      EXPECT_LE(*effects.persist_accepted_epoch, 1 + kEpochStepMax);
      accepted_ = effects.persist_accepted_epoch;
    }
    if (effects.persist_current_epoch) current_ = effects.persist_current_epoch;
    if (effects.expect_snapshot) is_streaming_ = true, log_end_ = *effects.expect_snapshot;
    if (effects.install_snapshot) is_installing_ = true;
    if (effects.truncate) {
      EXPECT_GE(effects.truncate->value, 0);
      truncating_to_ = effects.truncate;
      log_end_ = *effects.truncate;
    }
  }

  // What was asked for is done, one thing at a time.
  void owner_moves() {
    if (bench_.gave_up) return;
    if (is_streaming_) {
      is_streaming_ = false;
      bench_.tell(&Learner::on_snapshot_received);
    } else if (std::exchange(is_installing_, false)) {
      bench_.tell(&Learner::on_snapshot_installed);
    } else if (std::exchange(truncating_to_, std::nullopt)) {
      bench_.tell(&Learner::on_truncated);
    } else if (const auto accepted = std::exchange(accepted_, std::nullopt)) {
      bench_.tell(&Learner::on_accepted_epoch_persisted, *accepted);
    } else if (const auto current = std::exchange(current_, std::nullopt)) {
      bench_.tell(&Learner::on_current_epoch_persisted, *current);
    } else if (!bench_.appends.empty()) {
      bench_.tell(&Learner::on_log_synced, bench_.appends.back().zxid);
    } else {
      return;
    }
    note();
  }

  Choices& choices_;
  LearnerBench bench_;
  Zxid log_end_;
  bool is_streaming_ = false;
  bool is_installing_ = false;
  std::optional<Zxid> truncating_to_;
  std::optional<Epoch> accepted_, current_;
};

}  // namespace

HostileOutcome drive_leader(std::string_view choices) {
  Choices taken(choices);
  return HostileLeader(taken).run();
}

HostileOutcome drive_learner(std::string_view choices) {
  Choices taken(choices);
  return HostileLearner(taken).run();
}

HostileOutcome drive_election(std::string_view bytes) {
  Choices choices(bytes);
  const Membership membership = membership_of({1, 2, 3}, {4});
  Election election(ServerId{1}, membership, {});
  Now now;
  ElectionEffects effects;
  election.look(zx(1, 3), 1, "test", 0, now, effects);
  static constexpr int64_t kIds[] = {2, 3, 4, 77, 1, -1, INT64_MIN, INT64_MAX};
  static constexpr int64_t kRounds[] = {0, 1, 2, 3, -1, INT64_MIN, INT64_MAX, int64_t{1} << 62};
  static const std::string kConfigurations[] = {
      "", membership.text(), membership_of({1}, {}, 7).text(), "weight.1=2", "rubbish"};
  while (!choices.is_over()) {
    effects = {};
    switch (choices.below(8)) {
      case 0:
        now.mono_us += static_cast<int64_t>(choices.below(256)) * 10'000;
        election.on_timer(now, effects);
        break;
      case 1:
        election.on_role_ended();
        if (election.state() == wire::PeerState::kLooking && election.next_deadline() == kNever) {
          election.look(zx(1, 3), 1, "again", 0, now, effects);
        }
        break;
      case 2:
        election.on_peer_refused(ServerId{choices.one_of(kIds)}, now, effects);
        break;
      default: {
        wire::Notification message;
        message.state = static_cast<wire::PeerState>(choices.below(4));
        message.leader = ServerId{choices.one_of(kIds)};
        message.zxid = any_zxid(choices, 1);
        message.round = choices.one_in(2) ? election.round() : choices.one_of(kRounds);
        message.peer_epoch = choices.one_of(kEpochs);
        message.version = static_cast<int32_t>(choices.below(3));
        message.config = choices.one_of(kConfigurations);
        election.on_notification(ServerId{choices.one_of(kIds)}, message, now, effects);
      }
    }
    EXPECT_FALSE(effects.adopted.has_value());
    (void)election.take_records();
  }
  EXPECT_EQ(election.membership().text(), membership.text());
  HostileOutcome outcome;
  outcome.established = election.state() == wire::PeerState::kLeading;
  outcome.ended = election.state() == wire::PeerState::kFollowing;
  return outcome;
}

}  // namespace zooid::zab::testing
