#include "storage/log_index.h"

#include <gtest/gtest.h>

namespace zooid::storage {
namespace {

constexpr uint64_t kStep = LogIndex::kStepBytes;

std::optional<int64_t> found(const LogIndex& index, int64_t file, int64_t zxid) {
  const auto mark = index.find(Zxid{file}, Zxid{zxid});
  return mark ? std::optional(mark->zxid.value) : std::nullopt;
}

TEST(LogIndex, gives_the_last_mark_at_or_before_a_zxid_of_that_file) {
  LogIndex index;
  index.add({Zxid{10}, Zxid{10}, 16});
  index.add({Zxid{10}, Zxid{20}, 16 + kStep});
  index.add({Zxid{30}, Zxid{30}, 16});
  EXPECT_EQ(found(index, 10, 9), std::nullopt);
  EXPECT_EQ(found(index, 10, 10), 10);
  EXPECT_EQ(found(index, 10, 19), 10);
  EXPECT_EQ(found(index, 10, 25), 20);
  EXPECT_EQ(found(index, 30, 99), 30);
  EXPECT_EQ(found(index, 40, 99), std::nullopt);
  EXPECT_EQ(index.find(Zxid{10}, Zxid{20})->offset, 16 + kStep);
}

TEST(LogIndex, is_sparse_and_ascends) {
  LogIndex index;
  for (int64_t i = 1; i <= 1'000; ++i) {
    index.add({Zxid{1}, Zxid{i}, static_cast<uint64_t>(i) * kStep / 10});
  }
  EXPECT_EQ(index.size(), 100u);
  index.add({Zxid{1}, Zxid{500}, 1'000 * kStep});  // not behind the last one
  EXPECT_EQ(index.size(), 100u);
}

TEST(LogIndex, forgets_what_was_cut_or_is_something_else) {
  LogIndex index;
  for (int64_t i = 1; i <= 10; ++i) index.add({Zxid{1}, Zxid{i}, static_cast<uint64_t>(i) * kStep});
  index.add({Zxid{11}, Zxid{11}, 16});
  index.cut_after(Zxid{7});
  EXPECT_EQ(index.size(), 7u);
  EXPECT_EQ(found(index, 1, 10), 7);
  EXPECT_EQ(found(index, 11, 11), std::nullopt);
  index.add({Zxid{1}, Zxid{8}, 8 * kStep});
  EXPECT_EQ(found(index, 1, 10), 8);
  index.forget_file(Zxid{1});
  EXPECT_EQ(index.size(), 0u);
}

TEST(LogIndex, drops_the_oldest_file_when_it_is_full) {
  LogIndex index;
  const auto half = static_cast<int64_t>(LogIndex::kMarksMax / 2);
  for (int64_t file = 1; file <= 3; ++file) {
    for (int64_t i = 0; i < half; ++i) {
      index.add({Zxid{file << 32}, Zxid{(file << 32) + i}, static_cast<uint64_t>(i) * kStep});
    }
  }
  EXPECT_LE(index.size(), LogIndex::kMarksMax);
  EXPECT_EQ(found(index, 1l << 32, (1l << 32) + 5), std::nullopt);
  EXPECT_EQ(found(index, 3l << 32, (3l << 32) + 5), (3l << 32) + 5);
}

}  // namespace
}  // namespace zooid::storage
