// The choice of a synchronisation, compared with what Apache leaders of both releases answered
// (tests/golden/quorum/sync-decisions.txt): the whole machine, packet by packet.
#include "zab/sync_plan.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "wire/golden_files.h"
#include "zab/leader_bench.h"

namespace zooid::zab {
namespace {

using testing::history;
using testing::LeaderBench;
using testing::zx;
using wire::golden::read_table;
using wire::golden::split;

// Where this leader answers otherwise on purpose (sync_plan.h tells why), and what.
const std::map<std::string, std::string> kDeviations = {
    // The learner misses nothing; Apache's cache is empty, so it sends all.
    {"nolog-equal", "LEADERINFO 500000000|DIFF 300000005|NEWLEADER 500000000"},
    {"default-at-max", "LEADERINFO 600000000|DIFF 300000005|NEWLEADER 600000000"},
    {"default-equal", "LEADERINFO 600000000|DIFF 300000005|NEWLEADER 600000000"},
    // TRUNC into another epoch: a SNAP instead.
    {"nolimit-ahead-in-current-epoch", "LEADERINFO 400000000|SNAP 400000000|NEWLEADER 400000000"},
    {"nolimit-ahead-in-later-epoch", "LEADERINFO 400000000|SNAP 400000000|NEWLEADER 400000000"},
};

struct GoldenCase {
  std::string release, state, name;
  Epoch epoch;
  Zxid learner;
  size_t packet_count;
  std::vector<std::string> packets;
};

Zxid hex_zxid(const std::string& text) {
  return Zxid{static_cast<int64_t>(std::stoull(text, nullptr, 16))};
}

std::vector<GoldenCase> golden_cases() {
  std::vector<GoldenCase> cases;
  for (const auto& row : read_table("quorum/sync-decisions.txt")) {
    cases.push_back({row[0], row[1], row[2], std::stoll(row[3]), hex_zxid(row[7]),
                     std::stoull(row[8]), split(row[9], '|')});
  }
  return cases;
}

void append(std::vector<WindowTxn>& all, std::vector<WindowTxn> more) {
  for (WindowTxn& txn : more) all.push_back(std::move(txn));
}

// A leader in the state of the probed one: established, its history in log and window.
void build(LeaderBench& bench, const GoldenCase& golden) {
  LeaderOptions options;
  if (golden.state != "first") {
    append(bench.log, history(1, 1, 0xc));
    append(bench.log, history(3, 1, 5));
  }
  if (golden.state == "ratio") append(bench.log, history(6, 1, 0xa));
  if (golden.state == "nolimit") {
    for (const WindowTxn& txn : history(3, 1, 5)) bench.window.push(txn.zxid, txn.txn);
    options.snapshot_size_factor = 0;
  }
  if (golden.state == "nolog") options.snapshot_size_factor = -1;
  bench.reach.snapshot_size_factor = options.snapshot_size_factor;
  bench.reach.newest_snapshot_bytes = 2'400'000;
  // One file of the size of the snapshot holds the start of epoch 6: free only for who begins in
  // it.
  bench.reach.bytes_after_start = golden.learner < zx(6, 1) ? 2'800'000 : 400'000;
  bench.history_slice_max = 100;
  LeaderStart start;
  start.self = ServerId{1};
  start.membership = testing::membership_of({1, 2, 9});
  start.accepted_epoch = start.current_epoch = golden.epoch - 1;
  start.last_logged = bench.log.empty() ? Zxid{0} : bench.log.back().zxid;
  bench.start(start, options);
  bench.join(1, 2, start.last_logged, golden.epoch - 1, static_cast<int32_t>(golden.epoch - 1));
  const uint32_t proposals = golden.state == "first" ? 0xc : golden.state == "ratio" ? 0x3ea : 0;
  for (uint32_t i = 1; i <= proposals; ++i) {
    const Zxid zxid = bench.propose();
    bench.packet(1, testing::packet(wire::PacketType::kAck, zxid));
  }
  // Apache's cache keeps the last 500; this one is trimmed by what lies behind it.
  if (golden.state == "ratio") bench.window.trim(zx(7, 0x1f5));
}

std::vector<std::string> answer(const GoldenCase& golden) {
  LeaderBench bench(true);
  build(bench, golden);
  bench.connect(2);
  bench.packet(2, testing::follower_info(9, golden.epoch));
  bench.packet(2, testing::ack_epoch(golden.learner, -1));
  EXPECT_TRUE(bench.closed.empty());
  std::vector<std::string> texts;
  for (const auto& packet : testing::take_packets(bench.raw[2])) {
    texts.push_back(fmt::format("{} {:x}", wire::packet_name(packet.type),
                                static_cast<uint64_t>(packet.zxid.value)));
  }
  return texts;
}

// Compares with a list that may be shortened in its middle.
void expect_packets(const std::vector<std::string>& sent, const std::vector<std::string>& wanted,
                    size_t count) {
  ASSERT_EQ(sent.size(), count);
  const auto gap =
      std::find_if(wanted.begin(), wanted.end(), [](const auto& text) { return text == "..."; });
  const auto head = static_cast<size_t>(gap - wanted.begin());
  for (size_t i = 0; i < head; ++i) EXPECT_EQ(sent[i], wanted[i]);
  const size_t tail = gap == wanted.end() ? 0 : wanted.size() - head - 1;
  for (size_t i = 1; i <= tail; ++i) {
    EXPECT_EQ(sent[sent.size() - i], wanted[wanted.size() - i]);
  }
}

TEST(SyncPlanGolden, leader_answers_as_apache_but_for_the_listed_deviations) {
  std::set<std::string> deviations_met;
  size_t equal = 0;
  for (const GoldenCase& golden : golden_cases()) {
    SCOPED_TRACE(golden.release + " " + golden.name);
    const auto sent = answer(golden);
    const auto deviation = kDeviations.find(golden.name);
    if (deviation == kDeviations.end()) {
      expect_packets(sent, golden.packets, golden.packet_count);
      ++equal;
    } else {
      const auto wanted = split(deviation->second, '|');
      EXPECT_NE(sent, golden.packets);
      expect_packets(sent, wanted, wanted.size());
      deviations_met.insert(golden.name);
    }
  }
  EXPECT_EQ(equal + 2 * deviations_met.size(), 78u);
  EXPECT_GE(equal, 68u);
}

struct PlanCase {
  const char* name;
  Zxid learner;
  SyncMode mode;
  Zxid packet;
  Zxid after;
};

TEST(SyncPlan, leader_with_outstanding_proposals) {
  TxnWindow window;
  for (const auto& txn : history(3, 2, 5)) window.push(txn.zxid, txn.txn);
  for (const auto& txn : history(4, 1, 6)) window.push(txn.zxid, txn.txn);
  const HistoryView view{&window, zx(4, 4), zx(4, 4), zx(4, 6), 4};
  const PlanCase cases[] = {
      {"equal", zx(4, 4), SyncMode::kDiff, zx(4, 4), zx(4, 4)},
      {"in window", zx(3, 4), SyncMode::kDiff, zx(4, 4), zx(3, 4)},
      {"joined this epoch", zx(4, 0), SyncMode::kDiff, zx(4, 4), zx(4, 0)},
      {"holds an outstanding one", zx(4, 5), SyncMode::kDiff, zx(4, 5), zx(4, 5)},
      {"holds all outstanding", zx(4, 6), SyncMode::kDiff, zx(4, 6), zx(4, 6)},
      {"more than was proposed", zx(4, 7), SyncMode::kTrunc, zx(4, 4), zx(4, 4)},
      {"surplus of the last epoch", zx(3, 6), SyncMode::kSnap, zx(4, 4), zx(4, 4)},
      {"later epoch", zx(5, 1), SyncMode::kSnap, zx(4, 4), zx(4, 4)},
      {"later epoch, nothing in it", zx(5, 0), SyncMode::kSnap, zx(4, 4), zx(4, 4)},
      {"untrusted", kZxidUntrusted, SyncMode::kSnap, zx(4, 4), zx(4, 4)},
  };
  for (const PlanCase& test : cases) {
    SCOPED_TRACE(test.name);
    const SyncPlan plan = plan_sync(view, test.learner, DiskReach{});
    EXPECT_EQ(plan.mode, test.mode) << plan.reason;
    EXPECT_EQ(plan.packet_zxid, test.packet);
    EXPECT_EQ(plan.send_after, test.after);
    EXPECT_FALSE(plan.wants_disk);
    EXPECT_FALSE(plan.reason.empty());
  }
}

TEST(SyncPlan, log_files_serve_within_the_size_limit) {
  TxnWindow window;
  for (const auto& txn : history(3, 5, 9)) window.push(txn.zxid, txn.txn);
  const HistoryView view{&window, zx(3, 9), zx(4, 0), zx(3, 9), 4};
  EXPECT_TRUE(plan_sync(view, zx(3, 2), DiskReach{}).wants_disk);
  EXPECT_FALSE(plan_sync(view, zx(3, 2), DiskReach{.snapshot_size_factor = -1}).wants_disk);
  const auto mode = [&](bool has_start, uint64_t after, uint64_t snapshot, double factor) {
    const SyncPlan plan = plan_sync(view, zx(3, 2), {true, has_start, after, snapshot, factor});
    EXPECT_EQ(plan.from_disk, plan.mode == SyncMode::kDiff);
    return plan.mode;
  };
  EXPECT_EQ(mode(true, 33, 100, 0.33), SyncMode::kDiff);
  EXPECT_EQ(mode(true, 34, 100, 0.33), SyncMode::kSnap);
  EXPECT_EQ(mode(true, 34, 100, 7.0), SyncMode::kSnap);  // beyond 1: counts as 0.33
  EXPECT_EQ(mode(true, 900, 100, 0), SyncMode::kDiff);   // no limit
  EXPECT_EQ(mode(true, 900, 0, 0.33), SyncMode::kDiff);  // no snapshot
  EXPECT_EQ(mode(false, 0, 100, 0.33), SyncMode::kSnap);
}

}  // namespace
}  // namespace zooid::zab
