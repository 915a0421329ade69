#include "config/setting.h"

#include <fmt/core.h>

#include <algorithm>
#include <string>

#include "config/key_table.h"

namespace zooid::config {
namespace {

// What may be shown of a setting: secrets stay out of logs.
std::string shown(std::string_view name, std::string_view value) {
  const bool is_secret = name.find("assword") != std::string_view::npos ||
                         name.find("superDigest") != std::string_view::npos;
  return fmt::format("{}={}", name, is_secret ? "***" : value);
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool is_harmless(const Key& key, std::string_view value) {
  // A negative port is none.
  const bool is_off = key.name == "observerMasterPort" && value.starts_with('-') &&
                      value.find_first_not_of("0123456789", 1) == std::string_view::npos;
  return is_off || (!key.harmless.empty() && equals_ignoring_case(key.harmless, value));
}

// A switch that is off unless it says true: to ZooKeeper a property that says anything else is off.
bool is_off(const Key& key, std::string_view value) {
  return key.form != KeyForm::kFile && key.harmless == "false" &&
         !equals_ignoring_case(value, "true");
}

std::string advice(std::string_view name) {
  if (name.starts_with(kPropertyPrefix)) {
    const std::string_view bare = name.substr(kPropertyPrefix.size());
    const Key* key = find_key(bare);
    // Only what exists and may be written.
    if (key != nullptr && key->name == bare && !is_misnomer(*key)) {
      return key->key_class == KeyClass::kRefused
                 ? fmt::format("; {} would be the key, but: {}", bare, key->reason)
                 : fmt::format("; in a file it is written without the prefix: {}", bare);
    }
    return "";
  }
  const auto nearest = nearest_key(name);
  return nearest ? fmt::format("; did you mean {}?", *nearest) : "";
}

}  // namespace

Result<> apply_setting(ServerConfig& config, std::string_view name, std::string_view value) {
  const Key* key = find_key(name);
  if (key != nullptr && key->key_class == KeyClass::kSupported) {
    const auto result = set_field(config, *key, value);
    if (result) return {};
    return fail(Error::Kind::kConfig,
                fmt::format("{}: {}", shown(name, value), result.error().message));
  }
  config.properties[std::string(kPropertyPrefix) + std::string(name)] = value;
  if (key == nullptr) {
    config.warnings.push_back(
        fmt::format("{} is not known and has no effect{}", name, advice(name)));
  } else if (is_harmless(*key, value)) {
    return {};
  } else if (is_off(*key, value)) {
    config.warnings.push_back(
        fmt::format("{} means false, as with ZooKeeper; only true is true", shown(name, value)));
  } else if (key->key_class == KeyClass::kRefused) {
    return fail(Error::Kind::kConfig, fmt::format("{}: {}", shown(name, value), key->reason));
  } else {
    config.warnings.push_back(fmt::format("{} has no effect: {}", shown(name, value), key->reason));
  }
  return {};
}

}  // namespace zooid::config
