#include "base/line_limit.h"

#include <gtest/gtest.h>

namespace zooid {
namespace {

constexpr int64_t kSecondUs = 1'000'000;

TEST(LineLimit, one_line_for_a_cause_in_a_minute) {
  LineLimit limit;
  EXPECT_EQ(limit.admit("10.0.0.1", 5 * kSecondUs), 0u);
  EXPECT_EQ(limit.admit("10.0.0.1", 6 * kSecondUs), std::nullopt);
  EXPECT_EQ(limit.admit("10.0.0.1", 64 * kSecondUs), std::nullopt);
  EXPECT_EQ(limit.admit("10.0.0.1", 65 * kSecondUs), 2u);
}

TEST(LineLimit, another_cause_has_a_line_of_its_own) {
  LineLimit limit;
  EXPECT_EQ(limit.admit("10.0.0.1", 0), 0u);
  EXPECT_EQ(limit.admit("10.0.0.1", 1), std::nullopt);
  EXPECT_EQ(limit.admit("10.0.0.2", 2), 1u) << "and tells what was left out before it";
}

TEST(LineLimit, many_causes_together_have_a_limit_too) {
  LineLimit limit;
  size_t lines = 0;
  for (int i = 0; i < 1000; ++i) lines += limit.admit(std::to_string(i), i).has_value();
  EXPECT_EQ(lines, LineLimit::kLinesMax);
  EXPECT_EQ(limit.admit("later", LineLimit::kPeriodUs + 1000), 990u);
}

TEST(LineLimit, the_number_left_out_is_said_in_words) {
  EXPECT_EQ(left_out_text(0), "");
  EXPECT_EQ(left_out_text(1), " (1 such line was left out)");
  EXPECT_EQ(left_out_text(7), " (7 such lines were left out)");
}

}  // namespace
}  // namespace zooid
