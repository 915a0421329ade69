// The table of keys as text, for `zooid keys` and for docs/keys.md, which is made from it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace zooid::config {

struct ListedKey {
  std::string_view name;
  std::string_view treatment;  // "supported", "refused", "warned"
  // Where it may stand: "file", "file or -Dzookeeper.", "file or -D".
  std::string_view where;
  std::string default_value;  // supported ones; as it would be written in the file
  std::string values;         // "0 to 65535", "true, false", or empty
  std::string_view harmless;  // refused and warned ones: the value that asks for nothing
  std::string_view reason;    // of those
};
// In the order of the table.
std::vector<ListedKey> list_keys();
// One key a line, the fields above separated by tabs.
std::string key_list_text();

}  // namespace zooid::config
