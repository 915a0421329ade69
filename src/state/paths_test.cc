#include "state/paths.h"

#include <gtest/gtest.h>

namespace zooid::state {
namespace {

TEST(Paths, valid_ones) {
  for (std::string_view path :
       {"/", "/a", "/a/b", "/.a", "/a.", "/...", "/a..b", "/ ", "/\x7e", "/\xc2\xa0", "/ü/ñ",
        "/\xed\x9f\xbf", "/\xef\xa4\x80", "/\xef\xbf\xaf", "/€", "/a/..b/b../.c."}) {
    EXPECT_EQ(path_problem(path), nullptr) << path;
  }
}

TEST(Paths, form_is_checked) {
  for (std::string_view path : {"", "a", "a/b", "/a/", "//", "//a", "/a//b", "/.", "/..", "/a/.",
                                "/a/..", "/./a", "/../a", "/a/../b", "/a/./b"}) {
    EXPECT_NE(path_problem(path), nullptr) << path;
  }
}

TEST(Paths, forbidden_characters) {
  EXPECT_FALSE(path_is_valid(std::string_view("/a\0b", 4)));
  for (std::string_view path : {
           "/\x01", "/a\x1f", "/\x7f", "/\xc2\x80", "/\xc2\x9f",  // control characters
           "/\xed\xa0\x80", "/\xed\xbf\xbf",                      // surrogates
           "/\xee\x80\x80", "/\xef\xa3\xbf",                      // private use
           "/\xef\xbf\xb0", "/\xef\xbf\xbd", "/\xef\xbf\xbf",     // specials
           "/\xf0\x9f\x98\x80",                                   // a supplementary character
       }) {
    EXPECT_STREQ(path_problem(path), "invalid character") << path;
  }
}

TEST(Paths, what_is_no_utf8_is_invalid) {
  for (std::string_view path :
       {"/\x80", "/\xc3", "/\xc3/a", "/\xc0\xaf", "/\xc1\x81", "/\xe0\x80\xaf", "/\xe2\x82",
        "/\xe2\x41\x82", "/\xe2/\x82", "/\xe2\x82/", "/\xff", "/a\xf8\x88\x80\x80\x80"}) {
    EXPECT_NE(path_problem(path), nullptr);
  }
}

TEST(Paths, parent_and_name) {
  EXPECT_EQ(parent_path("/a/b"), "/a");
  EXPECT_EQ(parent_path("/a"), "/");
  EXPECT_EQ(last_name("/a/b"), "b");
  EXPECT_EQ(last_name("/"), "");
}

}  // namespace
}  // namespace zooid::state
