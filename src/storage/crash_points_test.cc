// A server's storage is used at random; after every single operation on the disk, those of recovery
// included, and after every completion the machine may crash. Recovery must give a prefix of what
// was submitted that holds everything acknowledged.
//
// What a crash leaves: of the effects that were not synced (a change of names, a change of a
// length, a write) every subset if there are at most kExhaustivePieces of them, and likewise of
// their pieces, each sector of a write by itself. Of more pieces none, all, all but one, and
// kSamples subsets from the seed.
#include <cstdlib>
#include <unordered_set>

#include "storage/recorded_store_for_test.h"

namespace zooid::storage::test {
namespace {

using Unit = env::MemoryFileSystem::Unit;

constexpr size_t kExhaustivePieces = 8;
constexpr size_t kSamples = 24;
constexpr int kSteps = 20;

struct Tally {
  uint64_t points = 0, exhaustive = 0, crashes = 0, torn = 0, shorter = 0, in_recovery = 0;
};

bool has_failed() {
  return testing::Test::HasFailure();
}

class CrashRun {
 public:
  explicit CrashRun(uint64_t seed)
      : random_(seed + 1), store_(random_.next(), seed % 2 == 1, [this] { crash_here(); }) {}

  void run();

 private:
  void crash_here() {
    if (has_failed()) return;  // the first one says enough
    ++tally_.points;
    checked_.clear();
    const auto survive = [this](env::MemoryFileSystem& disk) { check(disk); };
    const bool is_whole = for_each_crash(store_.files(), Unit::kEffect, kSamples, survive);
    const bool is_each_sector = for_each_crash(store_.files(), Unit::kSector, kSamples, survive);
    tally_.exhaustive += is_whole ? 1 : 0;
    tally_.exhaustive += is_each_sector ? 1 : 0;
  }

  // True if these were all the subsets.
  template <typename Survive>
  bool for_each_crash(const env::MemoryFileSystem& files, Unit unit, size_t samples,
                      const Survive& survive) {
    const size_t pieces = files.unsynced_pieces(unit);
    std::vector<bool> is_kept(pieces);
    const auto crash = [&] {
      if (!has_failed()) survive(*files.after_crash_keeping(unit, is_kept));
    };
    if (pieces <= kExhaustivePieces) {
      for (size_t subset = 0; subset < size_t{1} << pieces; ++subset) {
        for (size_t i = 0; i < pieces; ++i) is_kept[i] = (subset >> i & 1) != 0;
        crash();
      }
      return true;
    }
    crash();
    is_kept.assign(pieces, true);
    crash();
    for (size_t lost = 0; lost < pieces && pieces <= samples; ++lost) {
      is_kept.assign(pieces, true);
      is_kept[lost] = false;
      crash();
    }
    for (size_t i = 0; i < samples; ++i) {
      const uint64_t kept_of_16 = 1 + random_.below(15);
      for (size_t at = 0; at < pieces; ++at) is_kept[at] = random_.below(16) < kept_of_16;
      crash();
    }
    return false;
  }

  // Different subsets can leave the same disk.
  bool is_new(env::MemoryFileSystem& disk) {
    std::string all;
    for (const std::string& directory :
         {store_.directories().log_version2(), store_.directories().snapshot_version2()}) {
      const auto names = disk.list(directory).value();
      for (const std::string& name : names) {
        const std::string path = directory + "/" + name;
        all += path + "\n" + get(disk, path) + "\n";
      }
    }
    return checked_.insert(std::hash<std::string>{}(all)).second;
  }

  void check(env::MemoryFileSystem& disk) {
    if (!is_new(disk)) return;
    ++tally_.crashes;
    // Another crash in the middle of that recovery, now and then.
    if (random_.one_in(8)) {
      disk.set_observer([&](const auto&) {
        for_each_crash(disk, Unit::kSector, 3, [this](env::MemoryFileSystem& after) {
          ++tally_.in_recovery;
          recover_from(after);
        });
      });
    }
    const auto found = recover_from(disk);
    disk.set_observer(nullptr);
    if (!found) return;
    if (!found->notes.empty()) ++tally_.torn;
    if (store_.is_shorter_than_submitted(*found)) ++tally_.shorter;
    if (random_.one_in(8)) crash_behind_recovery(disk, *found);
    if (random_.one_in(8)) go_on(disk, found->last_logged);
  }

  Result<Recovered> recover_from(env::MemoryFileSystem& disk) {
    EXPECT_TRUE(prepare_directories(disk, store_.directories()).has_value());
    auto found = recover(disk, store_.directories(), {.is_ensemble_member = true});
    EXPECT_TRUE(found.has_value()) << found.error().message;
    if (found) {
      EXPECT_EQ(store_.why_not_allowed(*found), "");
    }
    return found;
  }
  // What recovery found is durable.
  void crash_behind_recovery(env::MemoryFileSystem& disk, const Recovered& found) {
    const auto after = disk.after_crash(env::MemoryFileSystem::Survivors::kSubset, random_.next());
    const auto again = recover_from(*after);
    if (again) {
      EXPECT_EQ(txns::dump(*again->database), txns::dump(*found.database));
    }
  }
  // The server must be able to log behind what recovery left, and to find that again.
  void go_on(env::MemoryFileSystem& disk, Zxid last) {
    Completions completions;
    LogOptions options{store_.directories().log_version2(),
                       store_.directories().snapshot_version2(), true, 0};
    LogWorker worker(disk, options, last, completions);
    const Zxid next =
        random_.one_in(2) || last.value == 0 ? Zxid::make(store_.epoch() + 1, 1) : last.next();
    if (next.epoch() > last.epoch()) {
      worker.submit(WriteEpoch{{1}, EpochFile::kAccepted, next.epoch()});
      worker.submit(WriteEpoch{{1}, EpochFile::kCurrent, next.epoch()});
    }
    worker.submit(AppendTxn{{1}, next, make_txn(next)});
    while (worker.step()) {
    }
    ASSERT_EQ(completions.durable, next);
    disk.crash(env::MemoryFileSystem::Survivors::kNone);
    const auto found = recover(disk, store_.directories(), {.is_ensemble_member = true});
    ASSERT_TRUE(found.has_value()) << found.error().message;
    EXPECT_EQ(found->last_logged, next);
  }

  Random random_;
  Tally tally_;
  std::unordered_set<size_t> checked_;  // asked, never walked
  RecordedStore store_;
};

void CrashRun::run() {
  for (int step = 0; step < kSteps && !has_failed(); ++step) {
    if (store_.random().one_in(2)) store_.write_back();
    switch (step % 7 == 6 ? 6 : store_.random().below(10)) {
      case 0:
        store_.begin_epoch();
        break;
      case 1:
        store_.truncate();
        break;
      case 2:
      case 3:
        store_.take_snapshot();
        break;
      case 4:
        store_.install();
        break;
      case 5:
        store_.roll();
        break;
      case 6:
        store_.restart();
        break;
      default:
        store_.append();
    }
  }
  // The disk was not kinder than it is in life.
  EXPECT_GT(tally_.points, 100u);
  EXPECT_GT(tally_.exhaustive, tally_.points / 3);
  EXPECT_GT(tally_.crashes, 500u);
  EXPECT_GT(tally_.torn, 20u);
  EXPECT_GT(tally_.shorter, 50u);
  EXPECT_GT(tally_.in_recovery, 50u);
}

constexpr uint64_t kSeeds = 12;

uint64_t seeds_end() {
  if (std::getenv("ZOOID_TEST_SANITIZED") != nullptr) return 2;
  return std::getenv("ZOOID_TEST_ALL") != nullptr ? 200 : kSeeds;
}

class CrashPointsTest : public testing::TestWithParam<uint64_t> {};

TEST_P(CrashPointsTest, recovery_gives_a_prefix_that_holds_everything_acknowledged) {
  for (uint64_t seed = GetParam(); seed < seeds_end() && !has_failed(); seed += kSeeds) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    CrashRun(seed).run();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CrashPointsTest, testing::Range<uint64_t>(0, kSeeds));

}  // namespace
}  // namespace zooid::storage::test
