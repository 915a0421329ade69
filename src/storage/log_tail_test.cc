#include "storage/log_tail.h"

#include "storage/test_store.h"

namespace zooid::storage::test {
namespace {

class LogTailTest : public Store {
 protected:
  LogTail examine(std::string_view content, Zxid last = Zxid{1}) {
    put(files, "/tail", content);
    auto file = files.open("/tail", env::OpenMode::kRead);
    return examine_log_tail(**file, 0, last).value();
  }
  static std::string entry(int64_t zxid) {
    std::string bytes;
    append_log_entry(bytes, make_txn(Zxid{zxid}, 10).view());
    return bytes;
  }
};

// Nothing of a batch is acknowledged before all of it is synced, so an entry that ends within the
// size of a batch may belong to the torn one; one that ends behind it was written later.
TEST_F(LogTailTest, an_entry_farther_than_a_batch_proves_damage) {
  const std::string whole = entry(5);
  const std::string gap(kLogBatchBytesMax - whole.size(), 'x');
  const LogTail torn = examine(gap + whole);
  EXPECT_EQ(torn.kind, LogTail::Kind::kTorn);
  EXPECT_EQ(torn.whole_entries, 1u);
  const LogTail damaged = examine("x" + gap + whole);
  EXPECT_EQ(damaged.kind, LogTail::Kind::kDamaged);
  EXPECT_EQ(damaged.witness_offset, gap.size() + 1);
}

TEST_F(LogTailTest, what_is_no_later_transaction_is_no_witness) {
  const std::string gap(kLogBatchBytesMax, 'x');
  EXPECT_EQ(examine(gap + entry(5), Zxid{5}).kind, LogTail::Kind::kTorn);
  EXPECT_EQ(examine(gap + entry(5), Zxid{4}).kind, LogTail::Kind::kDamaged);
  std::string bad = entry(5);
  bad[bad.size() / 2] ^= 1;
  EXPECT_EQ(examine(gap + bad).kind, LogTail::Kind::kTorn);
}

TEST_F(LogTailTest, zeros_and_nothing_are_padding) {
  EXPECT_EQ(examine("").kind, LogTail::Kind::kPadding);
  EXPECT_EQ(examine(std::string(1'000'000, '\0')).kind, LogTail::Kind::kPadding);
  EXPECT_EQ(examine(std::string(1'000'000, '\0') + "x").kind, LogTail::Kind::kTorn);
}

}  // namespace
}  // namespace zooid::storage::test
