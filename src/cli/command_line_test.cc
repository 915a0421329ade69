#include "cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zooid::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

CommandSpec delete_spec() {
  return {"delete", "[-v version] path", "", {{"v", true, "only this version"}}, 1, 1, ""};
}

CommandSpec ls_spec() {
  return {"ls", "[-s] [-w] [-R] path", "", {{"s"}, {"w"}, {"R"}}, 1, 1, "ls [-w] path"};
}

CommandSpec reconfig_spec() {
  return {"reconfig", "", "", {{"s"}, {"v", true, ""}, {"add", true, ""}, {"remove", true, ""}},
          0,          0,  ""};
}

TEST(SplitWordsTest, WhiteSpaceAndQuotesAtTheFrontOfAWord) {
  EXPECT_THAT(*split_words(" set  /a 'b c' \"d 'e\" f'g\t"),
              ElementsAre("set", "/a", "b c", "d 'e", "f'g"));
  EXPECT_THAT(*split_words("create /a ''"), ElementsAre("create", "/a", ""));
}

TEST(SplitWordsTest, CommentsAndEmptyLinesHaveNoWords) {
  EXPECT_THAT(*split_words(""), IsEmpty());
  EXPECT_THAT(*split_words("  # get /a"), IsEmpty());
  EXPECT_THAT(*split_words("set /a #x"), ElementsAre("set", "/a", "#x"));
}

TEST(SplitWordsTest, AnOpenQuoteIsRefused) {
  const auto words = split_words("ls \"a b");
  ASSERT_FALSE(words.has_value());
  EXPECT_THAT(words.error().message, HasSubstr("not closed"));
}

TEST(ParseCommandTest, OptionsStandAnywhere) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"-v", "7", "/a"}, {"/a", "-v", "7"}, {"-v7", "/a"}, {"/a", "-v=7"}}) {
    const auto parsed = parse_command(delete_spec(), words);
    ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
    EXPECT_THAT(parsed->arguments, ElementsAre("/a"));
    EXPECT_THAT(parsed->options, ElementsAre(Pair("v", "7")));
  }
}

TEST(ParseCommandTest, LettersMayShareADash) {
  const auto parsed = parse_command(ls_spec(), {"/a", "-sR"});
  ASSERT_TRUE(parsed.has_value());
  EXPECT_TRUE(parsed->has("s"));
  EXPECT_TRUE(parsed->has("R"));
  EXPECT_FALSE(parsed->has("w"));
}

TEST(ParseCommandTest, NothingIsDroppedInSilence) {
  EXPECT_EQ(parse_command(delete_spec(), {"/a", "-x"}).error().message, "Unrecognized option: -x");
  EXPECT_EQ(parse_command(delete_spec(), {"/a", "-v"}).error().message,
            "Missing argument for option: v");
  EXPECT_EQ(parse_command(delete_spec(), {"/a", "7"}).error().message, "Surplus argument: 7");
  EXPECT_EQ(parse_command(delete_spec(), {}).error().message, "Missing arguments");
  EXPECT_EQ(parse_command(ls_spec(), {"-sx", "/"}).error().message, "Unrecognized option: -sx");
  EXPECT_EQ(parse_command(ls_spec(), {"-s=1", "/"}).error().message, "Unrecognized option: -s=1");
}

TEST(ParseCommandTest, AValueMayBeANegativeNumberButNoOption) {
  EXPECT_EQ(parse_command(delete_spec(), {"-v", "-1", "/a"})->value("v"), "-1");
  EXPECT_FALSE(parse_command(reconfig_spec(), {"-add", "-remove", "3"}).has_value());
  EXPECT_EQ(parse_command(reconfig_spec(), {"-remove", "3", "-s"})->value("remove"), "3");
}

TEST(ParseCommandTest, TwoDashesEndTheOptions) {
  const auto parsed = parse_command(delete_spec(), {"--", "-v"});
  ASSERT_TRUE(parsed.has_value());
  EXPECT_THAT(parsed->arguments, ElementsAre("-v"));
}

TEST(ParseCommandTest, TheFormerWatchArgumentIsTheOptionNow) {
  const auto parsed = parse_command(ls_spec(), {"/a", "true"});
  ASSERT_TRUE(parsed.has_value());
  EXPECT_TRUE(parsed->has("w"));
  EXPECT_THAT(parsed->note, HasSubstr("deprecated"));
  EXPECT_FALSE(parse_command(ls_spec(), {"/a", "true", "more"}).has_value());
}

TEST(ParseNumberTest, TheWholeWordIsANumberWithinTheBounds) {
  EXPECT_EQ(*parse_number("-1", "v", INT32_MIN, INT32_MAX), -1);
  for (const char* text : {"", "abc", "1x", " 1", "2147483648", "1.5"}) {
    EXPECT_FALSE(parse_number(text, "v", INT32_MIN, INT32_MAX).has_value()) << text;
  }
}

}  // namespace
}  // namespace zooid::cli
