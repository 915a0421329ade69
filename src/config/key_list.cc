#include "config/key_list.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "config/key_table.h"

namespace zooid::config {
namespace {

// Of keys whose values are read by a function: what it is like to leave the key out.
struct WrittenDefault {
  std::string_view name;
  std::string_view value;
  std::string_view values;
};
constexpr WrittenDefault kWritten[] = {
    {"clientPort", "", "1 to 65535; 0: the system chooses"},
    {"clientPortAddress", "", "text"},
    {"version", "0", "hexadecimal"},
    {"admin.enableServer", "true", "true, false"},
    {"admin.serverPort", "8080", "0 to 65535"},
    {"snapshot.compression.method", "", "gz, snappy"},
    {"forceSync", "yes", "yes, no"},
    {"skipACL", "no", "yes, no"},
    {"4lw.commands.whitelist", "srvr", "words with commas, *"},
    {"DigestAuthenticationProvider.superDigest", "", "super:digest"},
    {"DigestAuthenticationProvider.digestAlg", "SHA1", "SHA1, SHA-224, SHA-256, SHA-384, SHA-512"},
    {"recovery.damaged", "rejoin", "rejoin, refuse"},
    {"zooid.log.level", "info", "debug, info, warn, error"},
    {"zooid.log.format", "auto", "auto, text, journald"},
};

// Keys without which an ensemble is refused, whatever the default of a lone server.
constexpr std::string_view kNeededByEnsembles[] = {"initLimit", "syncLimit"};

std::string range_text(const Key& key) {
  constexpr int64_t kIntMin = std::numeric_limits<int32_t>::min();
  constexpr int64_t kIntMax = std::numeric_limits<int32_t>::max();
  if (key.highest < kIntMax) return fmt::format("{} to {}", key.lowest, key.highest);
  if (key.lowest > kIntMin) return fmt::format("{} or more", key.lowest);
  return "a whole number";
}

struct Describe {
  const Key& key;
  ListedKey& listed;
  const ServerConfig defaults = {};

  void operator()(std::monostate) const {}
  void operator()(SetFunction) const {
    for (const WrittenDefault& written : kWritten) {
      if (written.name != key.name) continue;
      listed.default_value = written.value;
      listed.values = written.values;
    }
  }
  void operator()(bool ServerConfig::* field) const {
    listed.default_value = defaults.*field ? "true" : "false";
    listed.values = "true, false";
  }
  void operator()(double ServerConfig::* field) const {
    listed.default_value = fmt::format("{}", defaults.*field);
    listed.values = "a number";
  }
  void operator()(std::string ServerConfig::* field) const {
    listed.default_value = defaults.*field;
    listed.values = "text";
  }
  template <class Integer>
  void operator()(Integer ServerConfig::* field) const {
    listed.default_value = fmt::format("{}", static_cast<int64_t>(defaults.*field) / key.unit);
    listed.values = range_text(key);
  }
};

std::string_view treatment_text(KeyClass treatment) {
  switch (treatment) {
    case KeyClass::kSupported:
      return "supported";
    case KeyClass::kRefused:
      return "refused";
    case KeyClass::kWarned:
      return "warned";
  }
  return "";
}

std::string_view form_text(KeyForm form) {
  switch (form) {
    case KeyForm::kFile:
      return "file";
    case KeyForm::kProperty:
      return "file or -Dzookeeper.";
    case KeyForm::kJvmOnly:
      return "file or -D";
  }
  return "";
}

}  // namespace

std::vector<ListedKey> list_keys() {
  std::vector<ListedKey> all;
  for (const auto keys : {supported_keys(), refused_keys(), warned_keys()}) {
    for (const Key& key : keys) {
      ListedKey& listed = all.emplace_back();
      listed.name = key.name;
      // One that is read, while what it asks for is not there yet, has a reason as well.
      const bool is_served = key.key_class != KeyClass::kSupported || key.reason.empty();
      listed.treatment = treatment_text(is_served ? key.key_class : KeyClass::kWarned);
      listed.where = form_text(key.form);
      listed.harmless = key.harmless;
      listed.reason = key.reason;
      std::visit(Describe{key, listed}, key.field);
      if (std::ranges::find(kNeededByEnsembles, key.name) != std::end(kNeededByEnsembles)) {
        listed.values = "1 or more; an ensemble needs it";
      }
    }
  }
  return all;
}

std::string key_list_text() {
  std::string text;
  for (const ListedKey& key : list_keys()) {
    text += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\n", key.name, key.treatment, key.where,
                        key.default_value, key.values, key.harmless, key.reason);
  }
  return text;
}

}  // namespace zooid::config
