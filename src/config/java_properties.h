// The syntax of zoo.cfg: a Java properties file, read as java.util.Properties.load does.
//
//   # comment, ! comment        the first character that is not blank decides
//   key=value  key:value  key value
//   long \                      an odd number of backslashes at the end continues the line; blanks
//       line                    at the start of the next one are dropped
//   \t \n \r \f \u0041 \x       escapes; a backslash before any other character is dropped
//
// Lines end with \n, \r or \r\n. Keys and values lose blanks at both ends, as ZooKeeper trims them.
// Bytes above 127 are passed on as they are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace zooid::config {

struct Property {
  std::string key;
  std::string value;
  int line = 0;  // where it begins, from 1
};

// In the order of the file; a key may occur more than once (in Java the last one wins). The error
// (kConfig, "line N: …") is a bad \u escape.
Result<std::vector<Property>> parse_properties(std::string_view text);

}  // namespace zooid::config
