// What machines do at their limits and with bytes that no honest peer sends.
#include <gtest/gtest.h>

#include "base/mark.h"
#include "base/random.h"
#include "zab/leader_bench.h"
#include "zab/learner_bench.h"

namespace zooid::zab {
namespace {

using testing::LeaderBench;
using testing::LearnerBench;
using testing::zx;
using wire::PacketType;

void start_established(LeaderBench& bench, LeaderOptions options = {}) {
  LeaderStart start;
  start.self = ServerId{1};
  start.membership = testing::membership_of({1, 2, 3});
  bench.start(std::move(start), options);
  bench.join(1, 2, Zxid{0}, 0, 0);
  ASSERT_TRUE(bench.established);
}

TEST(LeaderLimits, exhausted_counter_ends_the_leadership) {
  LeaderBench bench(true);
  LeaderOptions options;
  options.counter_max = 4;
  start_established(bench, options);
  for (int i = 0; i < 3; ++i) bench.propose();
  EXPECT_FALSE(bench.abdicated);
  bench.propose();
  ASSERT_TRUE(bench.abdicated);
  EXPECT_EQ(bench.leader->last_proposed(), zx(1, 3));
  bench.propose();  // of the same step: nothing happens any more
  EXPECT_EQ(bench.leader->next_deadline(), kNever);
}

TEST(LeaderLimitsDeathTest, never_proposes_what_a_java_peer_cannot_read) {
  LeaderBench bench(true);
  LeaderOptions options;
  options.txn_bytes_max = 40;
  start_established(bench, options);
  const Zxid next = bench.leader->next_zxid();
  EXPECT_DEATH(bench.propose(next, testing::make_txn(next, 0, wire::OpCode::kCheck)), "kCheck");
  EXPECT_DEATH(bench.propose(next, testing::make_txn(next.next())), "zxid");
  EXPECT_DEATH(bench.propose(next, Bytes(std::string(41, 'x'))), "txn_bytes_max");
  EXPECT_DEATH(bench.propose(next.next(), testing::make_txn(next.next())), "successor");
}

TEST(LeaderLimits, bad_packets_close_their_connection_only) {
  const auto closes = [](const wire::QuorumPacket& packet) {
    LeaderBench bench(true);
    start_established(bench);
    bench.packet(1, packet);
    EXPECT_FALSE(bench.abdicated);
    return bench.closed.contains(1);
  };
  EXPECT_TRUE(closes(testing::packet(PacketType::kPing, zx(1, 0), "12345678901")));
  EXPECT_FALSE(closes(testing::packet(PacketType::kPing, zx(1, 0), "123456789012")));
  EXPECT_TRUE(closes(testing::packet(PacketType::kRevalidate, Zxid{-1}, "short")));
  EXPECT_TRUE(closes(testing::packet(PacketType::kUpToDate, Zxid{-1})));
  EXPECT_FALSE(closes(testing::packet(PacketType::kAck, zx(9, 9))));
  EXPECT_FALSE(closes(testing::packet(PacketType::kAck, Zxid{-1})));
}

TEST(LeaderLimits, answers_that_are_not_taken_have_a_bound) {
  LeaderBench bench(true);
  start_established(bench);
  bench.holds_pumps = true;
  const wire::QuorumPacket wanted =
      testing::packet(PacketType::kRevalidate, Zxid{-1}, std::string(12, 'x'));
  size_t asked = 0;
  for (; asked < 1'000'000 && !bench.closed.contains(1); ++asked) {
    LeaderEffects effects;
    bench.leader->on_learner_packet(1, wanted, bench.now, effects);
    bench.leader->answer_revalidate(1, SessionId{5}, true);
    for (const auto& [key, reason] : effects.close) bench.closed[key] = reason;
  }
  EXPECT_GT(asked, 200'000u);
  EXPECT_LT(asked, 300'000u);
}

// The only learner that would make the quorum needs a snapshot of a minute; initLimit is 20 s.
struct LongSynchronisation : ::testing::Test {
  void SetUp() override {
    LeaderStart start;
    start.self = ServerId{1};
    start.membership = testing::membership_of({1, 2, 3});
    start.accepted_epoch = start.current_epoch = 1;
    start.last_logged = zx(1, 5);
    for (const Zxid zxid : {zx(1, 4), zx(1, 5)}) bench.window.push(zxid, testing::make_txn(zxid));
    bench.start(std::move(start), {});
    bench.connect(1);
    bench.packet(1, testing::follower_info(2, 1));
    tell([&](LeaderEffects& effects) {
      bench.leader->on_accepted_epoch_persisted(2, bench.now, effects);
    });
    bench.packet(1, testing::ack_epoch(zx(1, 2), 1));
    tell([&](LeaderEffects& effects) {
      bench.leader->on_current_epoch_persisted(2, bench.now, effects);
    });
    ASSERT_EQ(bench.words.back(), "reach of 1:2 for 1");
  }
  template <class F>
  void tell(F f) {
    LeaderEffects effects;
    f(effects);
    bench.carry_out(effects);
  }
  void begin_stream() {
    tell([&](LeaderEffects& effects) {
      bench.leader->on_disk_reach(1, DiskReach{}, bench.now, effects);
    });
    ASSERT_EQ(bench.words.back(), "snapshot for 1");
    bench.leader->on_snapshot_begun(1, zx(1, 5), bench.now);
  }
  LeaderBench bench{false};
};

TEST_F(LongSynchronisation, is_waited_for_as_long_as_the_connection_takes_bytes) {
  begin_stream();
  for (int second = 0; second < 60; ++second) {
    bench.pass(1'000);
    bench.leader->on_stream_progress(1, bench.now);
    ASSERT_FALSE(bench.abdicated) << second;
  }
  bench.leader->on_snapshot_sent(1, bench.now);
  tell([](LeaderEffects&) {});  // pumps NEWLEADER, which stands behind what the kernel has
  for (int second = 0; second < 30; ++second) {
    bench.pass(1'000);
    bench.leader->on_stream_progress(1, bench.now);
    ASSERT_FALSE(bench.abdicated) << second;
  }
  bench.packet(1, testing::packet(PacketType::kAck, zx(2, 0)));
  EXPECT_EQ(bench.established, 2);
}

TEST_F(LongSynchronisation, ends_when_the_connection_takes_nothing_for_init_limit) {
  begin_stream();
  bench.leader->on_stream_progress(1, bench.now);
  for (int second = 0; second < 19; ++second) bench.pass(1'000);
  EXPECT_TRUE(bench.closed.empty());
  for (int second = 0; second < 8; ++second) bench.pass(1'000);
  EXPECT_TRUE(bench.abdicated);
}

TEST_F(LongSynchronisation, is_not_blamed_for_the_time_that_the_own_files_take) {
  bench.pass(60'000);
  EXPECT_TRUE(bench.closed.empty());
  EXPECT_FALSE(bench.abdicated);
  begin_stream();
  bench.pass(5'000);
  EXPECT_TRUE(bench.closed.empty());
}

TEST(LeaderLimits, learners_that_the_configuration_does_not_name_are_bounded) {
  LeaderBench bench(true);
  start_established(bench);
  for (LearnerKey key = 10; key < 74; ++key) {
    bench.connect(key);
    bench.packet(key, testing::follower_info(static_cast<int64_t>(key) + 100, 0));
  }
  EXPECT_TRUE(bench.closed.empty());
  bench.connect(74);
  bench.packet(74, testing::follower_info(999, 0));
  EXPECT_TRUE(bench.closed.contains(74));
  bench.connect(75);
  bench.packet(75, testing::follower_info(3, 0));  // a member
  EXPECT_FALSE(bench.closed.contains(75));
}

TEST(LeaderLimits, lagging_cursor_holds_the_window_and_then_reads_the_log) {
  LeaderBench bench(true);
  bench.window = TxnWindow(2, 100);
  start_established(bench);
  bench.connect(2);
  bench.packet(2, testing::follower_info(3, 0));
  bench.packet(2, testing::ack_epoch(Zxid{0}, 0));
  bench.packet(2, testing::packet(PacketType::kAck, zx(1, 0)));
  for (int i = 0; i < 50; ++i) {
    const Zxid zxid = bench.propose();
    bench.packet(1, testing::packet(PacketType::kAck, zxid));
  }
  // Everyone has everything: the bounds hold.
  EXPECT_LE(bench.window.txns().size(), 4u);
  EXPECT_EQ(bench.committed, zx(1, 50));
  // A learner that comes late gets what the window lost from the log files.
  bench.reach.snapshot_size_factor = 0;
  bench.connect(3);
  bench.packet(3, testing::follower_info(3, 1));
  bench.packet(3, testing::ack_epoch(zx(1, 3), -1));
  const auto sent = bench.sent(3);
  EXPECT_EQ(sent.size(), 2 + 2 * 47 + 1u);
  EXPECT_EQ(sent[2], "PROPOSAL 1:4");
  EXPECT_EQ(sent.back(), "NEWLEADER 1:0");
}

TEST(LeaderLimits, pump_keeps_to_its_bytes) {
  LeaderBench bench(true);
  start_established(bench);
  for (int i = 0; i < 40; ++i) bench.packet(1, testing::packet(PacketType::kAck, bench.propose()));
  bench.leader->on_learner_connected(7, bench.now);
  LeaderEffects effects;
  bench.leader->on_learner_packet(7, testing::follower_info(3, 1), bench.now, effects);
  std::string out;
  bench.leader->pump(7, 200, out, bench.now);
  bench.leader->on_learner_packet(7, testing::ack_epoch(zx(1, 1), -1), bench.now, effects);
  size_t pumps = 0;
  for (size_t before = 1; out.size() != before; ++pumps) {
    before = out.size();
    bench.leader->pump(7, 200, out, bench.now);
    EXPECT_LE(out.size() - before, 400u);
  }
  EXPECT_GT(pumps, 10u);
  EXPECT_EQ(testing::take_packets(out).size(), 1 + 1 + 2 * 39 + 1u);
}

TEST(LeaderLimits, a_pause_of_this_process_is_not_the_learners_fault) {
  LeaderBench bench(true);
  start_established(bench);
  bench.now.mono_us += ms_to_us(60'000);
  LeaderEffects effects;
  bench.leader->on_timer(bench.now, effects);
  bench.carry_out(effects);
  EXPECT_TRUE(bench.closed.empty());
  EXPECT_FALSE(bench.abdicated);
  EXPECT_GT(mark_count("leader.beat_late"), 0u);
  bench.pass(14'000);
  EXPECT_TRUE(bench.abdicated);
}

TEST(LearnerLimits, ping_answer_of_many_sessions_is_several_packets) {
  LearnerBench bench;
  bench.start({ServerId{2}, testing::membership_of({1, 2, 3}), 1, 1, zx(1, 1), zx(1, 1)});
  LearnerEffects effects;
  const std::vector<Learner::Touched> touched(150'000, {SessionId{5}, 1000});
  bench.learner->answer_ping(zx(1, 9), touched, effects);
  size_t sessions = 0;
  const auto packets = testing::take_packets(effects.send);
  EXPECT_EQ(packets.size(), 3u);
  for (const auto& packet : packets) {
    EXPECT_LE(packet.data.size(), 1'048'575u);
    sessions += packet.data.size() / 12;
  }
  EXPECT_EQ(sessions, touched.size());
  LearnerEffects none;
  bench.learner->answer_ping(zx(1, 9), {}, none);
  // Length 0, not null.
  EXPECT_EQ(none.send, std::string("\0\0\0\5\0\0\0\1\0\0\0\11\0\0\0\0\377\377\377\377", 20));
}

wire::QuorumPacket random_packet(Random& random) {
  const auto type = static_cast<PacketType>(1 + random.below(19));
  const Zxid zxid = zx(static_cast<Epoch>(random.below(4)), static_cast<uint32_t>(random.below(4)));
  switch (random.below(4)) {
    case 0:
      return testing::packet(type, random.one_in(8) ? Zxid{-1} : zxid);
    case 1:
      return testing::packet(type, zxid, testing::make_txn(zxid).view());
    case 2: {
      std::string version;
      wire::Writer(version).i32(0x10000);
      return testing::packet(type, zxid, version);
    }
    default:
      return testing::packet(type, zxid, std::string(random.below(60), 'a'));
  }
}

TEST(LearnerLimits, random_packets_never_break_it) {
  Random random(7);
  size_t established = 0;
  for (int round = 0; round < 20'000; ++round) {
    LearnerBench bench;
    bench.start({ServerId{2}, testing::membership_of({1, 2, 3}), 1, 1, zx(1, 1), zx(1, 1)});
    bench.discover(2);
    size_t turn = 0;
    for (int i = 0; i < 30 && !bench.gave_up; ++i) {
      const PacketType in_turn[] = {PacketType::kDiff, PacketType::kNewLeader,
                                    PacketType::kUpToDate};
      switch (random.below(10)) {
        case 0:
          bench.tell(&Learner::on_log_synced, zx(2, 1));
          break;
        case 1:
          bench.tell(&Learner::on_snapshot_received);
          break;
        case 2:
          bench.packet(testing::proposal(zx(2, 1)));
          break;
        case 3:
          bench.packet(random_packet(random));
          break;
        default:
          if (turn < 3) bench.packet(testing::packet(in_turn[turn++], zx(2, 0)));
          bench.tell(&Learner::on_current_epoch_persisted, Epoch{2});
      }
    }
    established += bench.learner->is_established();
  }
  EXPECT_GT(established, 0u);
}

TEST(LeaderLimits, random_packets_never_break_it) {
  Random random(8);
  for (int round = 0; round < 2'000; ++round) {
    LeaderBench bench(true);
    start_established(bench);
    for (LearnerKey key = 2; key < 6; ++key) bench.connect(key);
    bench.packet(2, testing::follower_info(3, 0));
    bench.packet(3, testing::follower_info(9, 1));
    for (int i = 0; i < 30 && !bench.abdicated; ++i) {
      const LearnerKey key = 1 + random.below(5);
      if (random.one_in(4)) bench.propose();
      if (random.one_in(4)) {
        bench.packet(
            key, testing::packet(PacketType::kAck, zx(1, static_cast<uint32_t>(random.below(4)))));
      } else {
        bench.packet(key, random_packet(random));
      }
    }
  }
}

}  // namespace
}  // namespace zooid::zab
