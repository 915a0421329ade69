// -D flags of SERVER_JVMFLAGS and JVMFLAGS, see server_config.h.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "config/key_table.h"
#include "config/server_config.h"
#include "config/setting.h"

namespace zooid::config {
namespace {

std::vector<std::string_view> words(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  std::vector<std::string_view> found;
  while (true) {
    const size_t begin = text.find_first_not_of(kBlank);
    if (begin == std::string_view::npos) return found;
    text.remove_prefix(begin);
    const size_t end = text.find_first_of(kBlank);
    found.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return found;
    text.remove_prefix(end);
  }
}

// Properties for the log set-up of a Java server, which scripts pass along.
bool is_about_logging(std::string_view name) {
  constexpr std::array<std::string_view, 6> kPrefixes = {"log.",      "root.", "console.",
                                                         "tracelog.", "jmx.",  "auditlog."};
  return std::ranges::any_of(kPrefixes, [&](auto prefix) { return name.starts_with(prefix); });
}

Result<> apply_bare(ServerConfig& config, std::string_view name, std::string_view value) {
  const Key* key = find_key(name);
  const bool is_read_bare =
      key != nullptr && (key->form == KeyForm::kJvmOnly || name == "fsync.warningthresholdms");
  if (is_read_bare) return apply_setting(config, name, value);
  if (name == "java.security.auth.login.config") {
    config.warnings.push_back(fmt::format("-D{} has no effect: SASL is not supported yet", name));
  }
  return {};  // it is for the JVM or a library
}

Result<> apply_property(ServerConfig& config, std::string_view name, std::string_view value) {
  const Key* key = find_key(name);
  if (is_about_logging(name)) return {};
  if (key != nullptr && key->form != KeyForm::kProperty) {
    config.warnings.push_back(
        key->form == KeyForm::kFile
            ? fmt::format("-Dzookeeper.{} has no effect: {} is a key of the file", name, name)
            : fmt::format("-Dzookeeper.{} has no effect: it is read as -D{}", name, name));
    return {};
  }
  return apply_setting(config, name, value);
}

}  // namespace

Result<> apply_jvm_flags(ServerConfig& config, std::string_view flags) {
  std::string problems;
  for (std::string_view flag : words(flags)) {
    if (!flag.starts_with("-D")) continue;
    flag.remove_prefix(2);
    const size_t equals = flag.find('=');
    const std::string_view full_name = flag.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view{} : flag.substr(equals + 1);
    const bool has_prefix = full_name.starts_with(kPropertyPrefix);
    const std::string_view name = has_prefix ? full_name.substr(kPropertyPrefix.size()) : full_name;
    if (config.keys_in_file.contains(std::string(name))) continue;
    const auto result =
        has_prefix ? apply_property(config, name, value) : apply_bare(config, name, value);
    if (result) continue;
    if (!problems.empty()) problems += '\n';
    problems +=
        fmt::format("JVM flag -D{}{}", has_prefix ? kPropertyPrefix : "", result.error().message);
  }
  if (!problems.empty()) return fail(Error::Kind::kConfig, problems);
  return {};
}

}  // namespace zooid::config
