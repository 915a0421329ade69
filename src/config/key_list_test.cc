#include "config/key_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "config/key_table.h"

namespace zooid::config {
namespace {

const ListedKey& find(const std::vector<ListedKey>& keys, std::string_view name) {
  const auto it = std::ranges::find(keys, name, &ListedKey::name);
  EXPECT_NE(it, keys.end()) << name;
  return *it;
}

TEST(KeyList, tells_defaults_in_the_files_unit) {
  const auto keys = list_keys();
  EXPECT_EQ(find(keys, "tickTime").default_value, "3000");
  EXPECT_EQ(find(keys, "preAllocSize").default_value, "65536") << "KiB";
  EXPECT_EQ(find(keys, "digest.enabled").default_value, "true");
  EXPECT_EQ(find(keys, "zooid.log.fileSizeInMb").default_value, "64");
  EXPECT_EQ(find(keys, "minSessionTimeout").default_value, "-1");
  EXPECT_EQ(find(keys, "zooid.log.fileCount").values, "1 to 10000");
}

TEST(KeyList, what_is_read_and_not_served_is_not_called_supported) {
  const auto keys = list_keys();
  for (const char* name : {"reconfigEnabled", "admin.enableServer", "admin.serverPort"}) {
    EXPECT_EQ(find(keys, name).treatment, "warned") << name;
  }
  EXPECT_EQ(find(keys, "initLimit").values, "1 or more; an ensemble needs it");
}

TEST(KeyList, every_supported_key_says_what_values_it_takes) {
  for (const ListedKey& key : list_keys()) {
    const bool is_supported = key.treatment == "supported";
    EXPECT_NE(is_supported ? std::string_view(key.values) : key.reason, "") << key.name;
  }
}

// The defaults that are written by hand are what the program has.
TEST(KeyList, a_written_default_changes_nothing) {
  const ServerConfig untouched;
  ServerConfig config;
  for (const ListedKey& listed : list_keys()) {
    const Key* key = find_key(listed.name);
    ASSERT_NE(key, nullptr) << listed.name;
    if (!std::holds_alternative<SetFunction>(key->field) || listed.default_value.empty()) continue;
    EXPECT_TRUE(set_field(config, *key, listed.default_value).has_value()) << listed.name;
  }
  EXPECT_EQ(config.four_letter_words, untouched.four_letter_words);
  EXPECT_EQ(config.digest_algorithm, untouched.digest_algorithm);
  EXPECT_EQ(config.rejoin_damaged, untouched.rejoin_damaged);
  EXPECT_EQ(config.log_level, untouched.log_level);
  EXPECT_EQ(config.log_form, untouched.log_form);
  EXPECT_EQ(config.force_sync, untouched.force_sync);
  EXPECT_EQ(config.skip_acl, untouched.skip_acl);
}

TEST(KeyList, is_one_line_a_key_with_seven_fields) {
  const std::string text = key_list_text();
  EXPECT_EQ(static_cast<size_t>(std::ranges::count(text, '\n')), list_keys().size());
  EXPECT_EQ(static_cast<size_t>(std::ranges::count(text, '\t')), 6 * list_keys().size());
}

}  // namespace
}  // namespace zooid::config
