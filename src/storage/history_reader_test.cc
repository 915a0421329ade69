#include "storage/history_reader.h"

#include <algorithm>

#include "base/mark.h"
#include "storage/test_store.h"

namespace zooid::storage::test {
namespace {

constexpr Incarnation kRole{3};

class HistoryReaderTest : public Store, public HistoryCompletions {
 protected:
  void on_history_completion(HistoryCompletion completion) override {
    told.push_back(std::move(completion));
  }
  std::string path(const std::string& name) { return kVersion2 + "/" + name; }
  void work() {
    while (reader.step()) ++steps;
  }
  void ask(int64_t after, int64_t up_to, uint64_t bytes_max = 1u << 20, uint64_t learner = 1) {
    reader.submit(ReadHistory{kRole, learner, Zxid{after}, Zxid{up_to}, bytes_max});
  }
  // The zxids of the answer to one request, or its error.
  std::string read(int64_t after, int64_t up_to, uint64_t bytes_max = 1u << 20) {
    ask(after, up_to, bytes_max);
    work();
    if (told.size() != 1) return fmt::format("{} answers", told.size());
    const auto answer = std::get<HistoryRead>(std::exchange(told, {}).front());
    return text_of(answer);
  }
  static std::string text_of(const HistoryRead& answer) {
    std::string text;
    for (const LoggedTxn& txn : answer.txns) text += fmt::format("{:x} ", txn.zxid.value);
    return text + (answer.error ? answer.error->message : "");
  }

  std::vector<HistoryCompletion> told;
  int steps = 0;
  HistoryReader reader{files, kDirectories, LogIndex{}, *this};
};

TEST_F(HistoryReaderTest, gives_a_range_in_slices_across_files) {
  put(files, path("log.1"), log_of({1, 2, 3}, 100));
  put(files, path("log.4"), log_of({4, 5, 6}, 100));
  EXPECT_EQ(read(1, 5, 1), "2 ");
  EXPECT_EQ(read(2, 5, 250), "3 4 ");
  EXPECT_EQ(read(4, 5), "5 ");
  EXPECT_EQ(read(0, 3), "1 2 3 ");
}

TEST_F(HistoryReaderTest, says_what_is_missing_or_damaged) {
  put(files, path("log.1"), log_of({1, 2, 3}));
  EXPECT_NE(read(3, 9).find("goes on to 0x9"), std::string::npos);
  std::string bytes = log_of({1, 2, 3, 4});
  bytes[log_of({1, 2, 3}).size() + 20] ^= 1;
  put(files, path("log.1"), bytes);
  put(files, path("log.5"), log_of({5}));
  const std::string answer = read(1, 5);
  EXPECT_EQ(answer.substr(0, 4), "2 3 ");
  EXPECT_NE(answer.find("log.1: offset"), std::string::npos) << answer;
}

TEST_F(HistoryReaderTest, no_answer_comes_for_a_learner_or_role_that_is_gone) {
  put(files, path("log.1"), log_of({1, 2, 3}));
  ask(0, 3, 1, 7);
  ask(0, 3, 1, 8);
  reader.submit(EndHistory{kRole, 7});
  work();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(std::get<HistoryRead>(told.front()).learner, 8u);
  told.clear();
  ask(0, 3, 1, 8);
  reader.submit(EndHistory{Incarnation{2}, 0});  // another role's
  work();
  EXPECT_EQ(told.size(), 1u);
  told.clear();
  ask(0, 3, 1, 8);
  reader.submit(EndHistory{kRole, 0});
  work();
  EXPECT_TRUE(told.empty());
}

// Twelve megabytes of 100 kB each in one file.
class LargeHistory : public HistoryReaderTest {
 protected:
  static constexpr int64_t kLast = 120;
  void fill() {
    start();
    for (int64_t zxid = 1; zxid <= kLast; ++zxid) append(zxid, zxid, 100'000);
    run();
  }
};

TEST_F(LargeHistory, looking_for_the_start_in_a_large_file_holds_up_no_other_learner) {
  fill();
  ask(kLast - 1, kLast, 1, 1);
  ask(0, 1, 1, 2);
  reader.step();
  reader.step();
  ASSERT_EQ(told.size(), 1u);  // the first one still looks for its start
  EXPECT_EQ(std::get<HistoryRead>(told.front()).learner, 2u);
  reader.submit(MeasureDirectories{5});
  reader.submit(FindReach{kRole, 9, Zxid{1}});
  work();
  ASSERT_EQ(told.size(), 4u);
  EXPECT_GT(std::get<DirectoriesMeasured>(told[1]).log_bytes, 12'000'000u);
  EXPECT_EQ(std::get<DirectoriesMeasured>(told[1]).ticket, 5u);
  EXPECT_TRUE(std::get<ReachFound>(told[2]).reach->has_start);
  EXPECT_EQ(text_of(std::get<HistoryRead>(told[3])), fmt::format("{:x} ", kLast));
}

TEST_F(LargeHistory, what_was_read_once_or_is_noted_is_found_without_reading_from_the_start) {
  fill();
  const auto steps_of = [&](int64_t after) {
    steps = 0;
    EXPECT_EQ(read(after, after + 1), fmt::format("{:x} ", after + 1));
    return steps;
  };
  EXPECT_GT(steps_of(kLast - 1), 2);
  EXPECT_EQ(steps_of(kLast - 1), 1);  // marked by the first time
  EXPECT_EQ(steps_of(kLast - 30), 1);
  HistoryReader other(files, kDirectories, LogIndex{}, *this);
  const uint64_t offset = log_of({}).size();
  other.submit(NoteMark{{Zxid{1}, Zxid{1}, offset}});
  other.submit(ReadHistory{kRole, 1, Zxid{0}, Zxid{1}, 1});
  while (other.step()) {
  }
  EXPECT_EQ(text_of(std::get<HistoryRead>(told.back())), "1 ");
}

TEST_F(LargeHistory, the_log_worker_tells_where_it_writes) {
  std::vector<LogMark> marks;
  std::vector<Zxid> cuts;
  LogOptions options;
  options.on_mark = [&](const LogMark& mark) { marks.push_back(mark); };
  options.on_cut = [&](Zxid after) { cuts.push_back(after); };
  start(options);
  for (int64_t zxid = 1; zxid <= 40; ++zxid) {
    append(zxid, zxid, 100'000);
    run();
  }
  worker->submit(RollLog{});
  append(41, 41);
  run();
  ASSERT_GT(marks.size(), 10u);
  EXPECT_LT(marks.size(), 20u);
  EXPECT_EQ(marks.back().file, Zxid{41});
  for (const LogMark& mark : marks) {
    auto file = LogFileReader::open(files, path(log_file_name(mark.file)));
    EXPECT_TRUE(file->go_to(mark.offset, mark.zxid).value());
  }
  worker->submit(TruncateLog{Incarnation{1}, Zxid{20}});
  run();
  EXPECT_EQ(cuts, std::vector{Zxid{20}});
}

TEST_F(LargeHistory, a_mark_that_is_wrong_costs_a_reading_from_the_start) {
  fill();
  reader.submit(NoteMark{{Zxid{1}, Zxid{50}, 4'000}});
  EXPECT_EQ(read(99, 100), "64 ");
  EXPECT_GT(steps, 2);
  EXPECT_GT(mark_count("storage.log_mark_is_wrong"), 0u);
}

TEST_F(LargeHistory, recovery_marks_what_it_reads) {
  fill();
  RecoveryOptions options;
  options.trust_empty_snapshot = true;
  auto recovered_state = recovered(options);
  ASSERT_TRUE(recovered_state.has_value()) << recovered_state.error().message;
  EXPECT_GT(recovered_state->index.size(), 30u);
  HistoryReader other(files, kDirectories, std::move(recovered_state->index), *this);
  other.submit(ReadHistory{kRole, 1, Zxid{110}, Zxid{111}, 1});
  EXPECT_TRUE(other.step());
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(text_of(std::get<HistoryRead>(told.front())), "6f ");
}

}  // namespace
}  // namespace zooid::storage::test
