// The choice of a synchronisation, compared with what Apache leaders of both releases answered
// (tests/golden/quorum/sync-decisions.txt): the whole machine, packet by packet.
#include "zab/sync_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/random.h"
#include "wire/golden_files.h"
#include "zab/leader_bench.h"

namespace zooid::zab {
namespace {

using testing::history;
using testing::LeaderBench;
using testing::make_txn;
using testing::zx;
using wire::golden::read_table;
using wire::golden::split;

// Where this leader answers otherwise on purpose (sync_plan.h tells why), and what.
const std::map<std::string, std::string> kDeviations = {
    // The learner misses nothing; Apache's cache is empty, so it sends all.
    {"nolog-equal", "LEADERINFO 500000000|DIFF 300000005|NEWLEADER 500000000"},
    {"default-at-max", "LEADERINFO 600000000|DIFF 300000005|NEWLEADER 600000000"},
    {"default-equal", "LEADERINFO 600000000|DIFF 300000005|NEWLEADER 600000000"},
    // Its surplus can be cut, whether the cache is empty or not.
    {"nolog-ahead-of-max-same-epoch", "LEADERINFO 500000000|TRUNC 300000005|NEWLEADER 500000000"},
    // What no server of a sound ensemble can have, and a SNAP below what the learner holds.
    {"nolimit-ahead-in-current-epoch", "closed"},
    {"nolimit-ahead-in-later-epoch", "closed"},
    {"nolimit-later-epoch-start", "closed"},
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
  if (!bench.closed.empty()) return {"closed"};
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
  EXPECT_GE(equal, 64u);
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

TEST(SyncPlan, surplus_of_another_epoch_waits_for_the_quorum_or_is_cut) {
  TxnWindow window;
  for (const auto& txn : history(3, 2, 5)) window.push(txn.zxid, txn.txn);
  // Epoch 5 was joined here and brought nothing; this server leads epoch 7 now.
  HistoryView view{&window, zx(3, 5), zx(3, 5), zx(3, 5), 7, 5, false};
  const SyncPlan cut = plan_sync(view, zx(4, 2), DiskReach{});
  EXPECT_TRUE(cut.waits);
  EXPECT_EQ(cut.mode, SyncMode::kTrunc);
  EXPECT_EQ(cut.packet_zxid, zx(3, 5));
  // An epoch of which nothing is known here may have brought something that was committed.
  EXPECT_TRUE(plan_sync(view, zx(6, 2), DiskReach{}).waits);
  EXPECT_EQ(plan_sync(view, zx(6, 2), DiskReach{}).mode, SyncMode::kSnap);
  EXPECT_TRUE(plan_sync(view, zx(6, 0), DiskReach{}).waits);
  EXPECT_EQ(plan_sync(view, zx(4, 0), DiskReach{}).mode, SyncMode::kDiff);
  EXPECT_TRUE(plan_sync(view, zx(7, 1), DiskReach{}).is_refused);
  EXPECT_TRUE(plan_sync(view, zx(8, 0), DiskReach{}).is_refused);
  view.is_established = true;
  view.last_processed = zx(7, 0);
  for (const Zxid learner : {zx(4, 2), zx(6, 2), zx(6, 0)}) {
    const SyncPlan plan = plan_sync(view, learner, DiskReach{});
    EXPECT_FALSE(plan.waits);
    EXPECT_EQ(plan.mode, SyncMode::kSnap);
    EXPECT_EQ(plan.packet_zxid, zx(7, 0));
  }
}

TEST(SyncPlan, surplus_is_cut_behind_a_snapshot_too) {
  const TxnWindow window;  // as after a restart from a snapshot
  HistoryView view{&window, zx(3, 5), zx(3, 5), zx(3, 5), 4, 3, false};
  EXPECT_EQ(plan_sync(view, zx(3, 9), DiskReach{}).mode, SyncMode::kTrunc);
  EXPECT_EQ(plan_sync(view, zx(3, 9), DiskReach{}).packet_zxid, zx(3, 5));
  EXPECT_FALSE(plan_sync(view, zx(3, 9), DiskReach{}).waits);
  // The zxid of a state that no transaction has: a log cannot be cut behind it.
  view.committed = view.last_processed = view.last_proposed = zx(3, 0);
  EXPECT_TRUE(plan_sync(view, zx(3, 9), DiskReach{}).waits);
  EXPECT_EQ(plan_sync(view, zx(3, 9), DiskReach{}).mode, SyncMode::kSnap);
}

// Histories as the protocol makes them: each epoch begins with what some server of the former one
// had, which is at least what was committed. Any two servers of such an ensemble may meet as leader
// and learner; whatever is chosen must bring the learner's log, as a Java server keeps it, to the
// leader's history.
class SmallEnsemble {
 public:
  explicit SmallEnsemble(Random& random) : random_(random) {
    for (Epoch epoch = 1; epoch <= kEpochs; ++epoch) {
      begin_.push_back(chain);
      const auto proposed = static_cast<uint32_t>(random_.below(5));
      count_.push_back(proposed);
      committed_.push_back(static_cast<uint32_t>(random_.below(proposed + 1)));
      const auto kept = committed_.back() +
                        static_cast<uint32_t>(random_.below(proposed - committed_.back() + 1));
      for (uint32_t i = 1; i <= kept; ++i) chain.push_back(zx(epoch, i));
    }
  }
  // What a server may have that acknowledged a leader of `epoch` last; at least so many of its own.
  std::vector<Zxid> server_of(Epoch epoch, uint32_t least) {
    std::vector<Zxid> has = begin_[index(epoch)];
    const uint32_t more = count_[index(epoch)] - least;
    const auto own = least + static_cast<uint32_t>(random_.below(more + 1));
    for (uint32_t i = 1; i <= own; ++i) has.push_back(zx(epoch, i));
    return has;
  }
  uint32_t committed_in(Epoch epoch) const { return committed_[index(epoch)]; }
  static constexpr Epoch kEpochs = 4;

 private:
  static size_t index(Epoch epoch) { return static_cast<size_t>(epoch - 1); }
  Random& random_;
  std::vector<Zxid> chain;
  std::vector<std::vector<Zxid>> begin_;
  std::vector<uint32_t> count_, committed_;
};

// The learner's log after the opening packet and what follows it.
std::vector<Zxid> after_sync(const SyncPlan& plan, const std::vector<Zxid>& leader,
                             std::vector<Zxid> log) {
  if (plan.mode == SyncMode::kSnap) {
    // Everything up to the packet's zxid is the leader's now. A Java server leaves its log alone.
    std::erase_if(log, [&](Zxid zxid) { return zxid <= plan.packet_zxid; });
    log.insert(log.begin(), leader.begin(), std::ranges::upper_bound(leader, plan.packet_zxid));
  } else if (plan.mode == SyncMode::kTrunc) {
    // A Java server cuts behind the first one that is not below the target.
    const auto at = std::ranges::lower_bound(log, plan.packet_zxid);
    if (at != log.end()) log.erase(at + 1, log.end());
  }
  for (const Zxid zxid : leader) {
    if (zxid > plan.send_after) log.push_back(zxid);
  }
  return log;
}

TEST(SyncPlan, whatever_is_chosen_brings_a_java_learner_to_the_leaders_history) {
  Random random(7);
  std::map<std::string, int> reasons;
  for (int round = 0; round < 30'000; ++round) {
    SmallEnsemble ensemble(random);
    const Epoch current = 1 + static_cast<Epoch>(random.below(SmallEnsemble::kEpochs));
    // Who leads has what was committed, and has acknowledged the last epoch that committed it.
    const bool is_last = current == SmallEnsemble::kEpochs;
    const std::vector<Zxid> leader = ensemble.server_of(current, ensemble.committed_in(current));
    const Epoch learner_epoch =
        1 + static_cast<Epoch>(random.below(static_cast<uint64_t>(current)));
    const std::vector<Zxid> learner = ensemble.server_of(learner_epoch, 0);
    const bool has_own = !learner.empty() && learner.back().epoch() == learner_epoch;
    const Zxid last = has_own || random.one_in(2) ? (learner.empty() ? Zxid{0} : learner.back())
                                                  : zx(learner_epoch, 0);
    TxnWindow window;
    const size_t kept = random.below(leader.size() + 1);
    for (size_t i = leader.size() - kept; i < leader.size(); ++i) {
      window.push(leader[i], make_txn(leader[i]));
    }
    const Epoch epoch = SmallEnsemble::kEpochs + 1;
    const Zxid end = leader.empty() ? Zxid{0} : leader.back();
    const bool is_established = is_last && random.one_in(2);
    const HistoryView view{&window, end,           is_established ? zx(epoch, 0) : end, end, epoch,
                           current, is_established};
    DiskReach reach{.asked = true, .has_start = true, .snapshot_size_factor = 0};
    if (random.one_in(3)) reach.has_start = false;
    SyncPlan plan = plan_sync(view, last, reach);
    SCOPED_TRACE(fmt::format("round {}: {}", round, plan.reason));
    ASSERT_FALSE(plan.is_refused);
    ++reasons[plan.reason];
    if (plan.waits) {
      ASSERT_FALSE(is_established);
      if (plan.mode == SyncMode::kSnap) continue;
    }
    if (plan.mode == SyncMode::kSnap) {
      ASSERT_GE(plan.packet_zxid, last);
    }
    // Before the first packet the machine looks for the learner's zxid in the log.
    const bool is_known = last.counter() == 0 || std::ranges::find(leader, last) != leader.end();
    if (plan.from_disk && !is_known) continue;
    ASSERT_EQ(after_sync(plan, leader, learner), leader);
  }
  for (const char* reason :
       {"surplus behind the last transaction", "surplus of a later epoch", "in the window",
        "joined a later epoch that has no transaction", "misses nothing", "equal",
        "below the window, from the log files", "the log files do not reach back",
        "surplus that a cut cannot remove for sure",
        "holds a transaction that is not in our history"}) {
    EXPECT_GT(reasons[reason], 0) << reason;
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
