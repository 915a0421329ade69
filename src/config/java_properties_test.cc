#include "config/java_properties.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zooid::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> read(std::string_view text) {
  std::vector<std::string> shown;
  const auto properties = parse_properties(text);
  if (!properties) return {"error: " + properties.error().message};
  for (const Property& property : *properties) {
    shown.push_back(std::to_string(property.line) + " " + property.key + "|" + property.value);
  }
  return shown;
}

TEST(JavaProperties, separators_are_equals_colon_or_blank) {
  EXPECT_THAT(read("a=1\nb:2\nc 3\nd\t4\ne = 5\nf : 6\n  g  =  7"),
              ElementsAre("1 a|1", "2 b|2", "3 c|3", "4 d|4", "5 e|5", "6 f|6", "7 g|7"));
}

TEST(JavaProperties, only_the_first_separator_counts) {
  EXPECT_THAT(read("server.1=host:2888:3888\na==b\nc:=d\ne f=g"),
              ElementsAre("1 server.1|host:2888:3888", "2 a|=b", "3 c|=d", "4 e|f=g"));
}

TEST(JavaProperties, comments_and_blank_lines_are_skipped) {
  EXPECT_THAT(read("# a=1\n  ! b=2\n\n\f\t\nc=3 # no comment\n# d \\\ne=5"),
              ElementsAre("5 c|3 # no comment", "7 e|5"));
}

TEST(JavaProperties, every_kind_of_line_end) {
  EXPECT_THAT(read("a=1\r\nb=2\rc=3\n\r\nd=4\r\n"),
              ElementsAre("1 a|1", "2 b|2", "3 c|3", "5 d|4"));
}

TEST(JavaProperties, a_backslash_continues_a_line) {
  EXPECT_THAT(read("a=1,\\\n   2,\\\r\n3\nb=4\\\\\nc=5\\"),
              ElementsAre("1 a|1,2,3", "4 b|4\\", "5 c|5"));
}

TEST(JavaProperties, a_comment_sign_in_a_continuation_is_text) {
  EXPECT_THAT(read("a=1\\\n# 2"), ElementsAre("1 a|1# 2"));
}

TEST(JavaProperties, escapes) {
  EXPECT_THAT(read("a\\=b\\ c=\\u0041\\u00e9\\u20AC\\x\nd=x\\ty"),
              ElementsAre("1 a=b c|A\xC3\xA9\xE2\x82\xACx", "2 d|x\ty"));
}

TEST(JavaProperties, blanks_at_the_ends_are_trimmed) {
  EXPECT_THAT(read("a = /data  \t\nb=\nc"), ElementsAre("1 a|/data", "2 b|", "3 c|"));
}

TEST(JavaProperties, bytes_above_127_pass) {
  EXPECT_THAT(read("a=/d\xC3\xA4ta"), ElementsAre("1 a|/d\xC3\xA4ta"));
}

TEST(JavaProperties, a_bad_unicode_escape_names_its_line) {
  EXPECT_THAT(read("a=1\nb=\\u12x4"), ElementsAre(HasSubstr("line 2: \\u needs four")));
}

}  // namespace
}  // namespace zooid::config
