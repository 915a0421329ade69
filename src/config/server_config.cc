#include "config/server_config.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "config/ensemble_section.h"
#include "config/java_properties.h"
#include "config/setting.h"

namespace zooid::config {
namespace {

constexpr uint64_t kConfigFileMax = 1 << 20;
constexpr int32_t kRecordExtraMin = 1024;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Editors of other systems put it in front. ZooKeeper takes it for part of the first key.
std::string_view without_byte_order_mark(ServerConfig& config, std::string_view text) {
  if (!text.starts_with(kByteOrderMark)) return text;
  config.warnings.push_back(
      "the file begins with a byte order mark (EF BB BF), which is passed over here; to ZooKeeper "
      "it is part of the first line's key, so save the file without it");
  return text.substr(kByteOrderMark.size());
}

// Of a key that stands more than once the last line counts, as in java.util.Properties, and the
// others are not even looked at. The order is kept.
std::vector<Property> last_of_each(ServerConfig& config, const std::vector<Property>& properties) {
  std::map<std::string_view, const Property*> last;
  for (const Property& property : properties) {
    const auto [earlier, is_new] = last.emplace(property.key, &property);
    if (is_new) continue;
    config.warnings.push_back(
        fmt::format("{} stands in line {} and in line {}: the last one counts", property.key,
                    earlier->second->line, property.line));
    earlier->second = &property;
  }
  std::vector<Property> kept;
  std::ranges::copy_if(properties, std::back_inserter(kept), [&](const Property& property) {
    return last.at(property.key) == &property;
  });
  return kept;
}

void apply_file(ServerConfig& config, const std::vector<Property>& properties, Problems& problems) {
  for (const Property& property : properties) {
    if (is_server_line(property.key)) continue;
    const auto result = apply_setting(config, property.key, property.value);
    if (!result) problems.add_at(property.line, result.error().message);
    config.keys_in_file.insert(property.key);
  }
  if (config.keys_in_file.contains("jute.maxbuffer")) {
    config.warnings.push_back(
        "jute.maxbuffer is honoured here, but a Java server reads it only as the JVM flag "
        "-Djute.maxbuffer: all servers of an ensemble need the same value");
  }
  if (config.reconfig_enabled) {
    config.warnings.push_back(
        "reconfigEnabled=true: dynamic reconfiguration is not served yet: requests are answered as "
        "if it were false, configuration files are never rewritten, and when a Java server changes "
        "the ensemble this one leaves it");
  }
}

void check_limits(ServerConfig& config, Problems& problems) {
  if (!config.client_port && !config.client_address.empty()) {
    problems.add("clientPortAddress is set but clientPort is not");
  }
  if (config.min_session_timeout_ms < -1) {
    config.warnings.push_back(fmt::format("minSessionTimeout={} means that there is no minimum",
                                          config.min_session_timeout_ms));
  }
  if (config.min_session_timeout() > config.max_session_timeout()) {
    problems.add(fmt::format("minSessionTimeout {} ms is larger than maxSessionTimeout {} ms",
                             config.min_session_timeout(), config.max_session_timeout()));
  }
  if (!config.is_ensemble()) return;
  for (const char* key : {"initLimit", "syncLimit"}) {
    const int32_t value = key[0] == 'i' ? config.init_limit : config.sync_limit;
    if (config.keys_in_file.contains(key) && value > 0) continue;
    problems.add(
        fmt::format("an ensemble needs {} (in ticks of {} ms, at least 1); all servers should have "
                    "the same, for example {}={}",
                    key, config.tick_ms, key, key[0] == 'i' ? 10 : 5));
  }
}

void check_directories(ServerConfig& config, Problems& problems) {
  if (config.data_dir.empty()) {
    problems.add(
        "dataDir is not set: it says where the server keeps its data, for example "
        "dataDir=/var/lib/zookeeper");
    return;
  }
  for (std::string* directory : {&config.data_dir, &config.data_log_dir}) {
    while (directory->size() > 1 && directory->ends_with('/')) directory->pop_back();
  }
  if (config.data_log_dir.empty()) config.data_log_dir = config.data_dir;
  for (const std::string& directory : std::set{config.data_dir, config.data_log_dir}) {
    if (directory.starts_with('/')) continue;
    config.warnings.push_back(
        fmt::format("{} is a relative path: it depends on where the server is started", directory));
  }
}

// dataDir and dataLogDir with their names, once if they are the same.
std::vector<std::pair<std::string_view, std::string>> directories(const ServerConfig& config) {
  std::vector<std::pair<std::string_view, std::string>> all = {{"dataDir", config.data_dir}};
  if (config.data_log_dir != config.data_dir) all.emplace_back("dataLogDir", config.data_log_dir);
  return all;
}

std::string origin(const ServerConfig& config) {
  return config.file.empty() ? "arguments" : config.file;
}

Result<int64_t> argument_number(std::string_view what, const std::string& text, int64_t lowest,
                                int64_t highest) {
  int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc{} && stop == end && number >= lowest && number <= highest) return number;
  return fail(Error::Kind::kConfig, fmt::format("{} '{}': expected a whole number from {} to {}",
                                                what, text, lowest, highest));
}

}  // namespace

int64_t ServerConfig::max_record_buffer() const {
  const int64_t extra = std::max(
      jute_max_buffer_extra < 0 ? jute_max_buffer : jute_max_buffer_extra, kRecordExtraMin);
  return std::min<int64_t>(int64_t{jute_max_buffer} + extra, std::numeric_limits<int32_t>::max());
}

Result<ServerConfig> parse_config(env::FileSystem& files, std::string_view text,
                                  const std::string& name, bool read_my_id) {
  Problems problems(name);
  ServerConfig config;
  config.file = name;
  config.text = text;
  auto properties = parse_properties(without_byte_order_mark(config, text));
  if (!properties) {
    problems.add(properties.error().message);
    return std::unexpected(problems.error());
  }
  const std::vector<Property> lines = last_of_each(config, *properties);
  apply_file(config, lines, problems);
  read_members(config, files, lines, problems);
  check_limits(config, problems);
  check_directories(config, problems);
  if (read_my_id && problems.empty()) config::read_my_id(config, files, problems);
  if (!problems.empty()) return std::unexpected(problems.error());
  ASSERT(!config.data_dir.empty() && !config.data_log_dir.empty());
  return config;
}

Result<ServerConfig> load_config(env::FileSystem& files, const std::string& path) {
  auto text = env::read_file(files, path, kConfigFileMax);
  if (!text) {
    return fail(Error::Kind::kConfig,
                fmt::format("the configuration cannot be read: {}", text.error().message));
  }
  return parse_config(files, *text, path, true);
}

Result<> check_start(ServerConfig& config, env::FileSystem& files) {
  Problems problems(origin(config));
  if (config.emulate_353_ttl_nodes && !config.extended_types_enabled) {
    config.warnings.push_back("emulate353TTLNodes has no effect without extendedTypesEnabled=true");
  }
  if (!config.is_ensemble() && !config.client_port) {
    problems.add(
        "clientPort is not set: no client could connect; write for example clientPort=2181");
  }
  for (const auto& [key, directory] : directories(config)) {
    if (config.data_dir_autocreate || files.exists(directory + "/version-2")) continue;
    problems.add(
        fmt::format("{}={} has no version-2 in it, and datadir.autocreate is false: "
                    "correct the path, or let zkServer-initialize.sh make it",
                    key, directory));
  }
  if (!problems.empty()) return std::unexpected(problems.error());
  return {};
}

Result<> check_writable(const ServerConfig& config, env::FileSystem& files) {
  Problems problems(origin(config));
  for (const auto& [key, directory] : directories(config)) {
    const std::string version2 = directory + "/version-2";
    auto result = files.make_directories(version2);
    // ZooKeeper passes over files of other names.
    for (const std::string& place : {directory, version2}) {
      const std::string probe = place + "/.zooid-can-write";
      if (!result) break;
      if (auto file = files.open(probe, env::OpenMode::kTruncate); !file) {
        result = fail(file.error().kind, file.error().message);
      } else {
        result = files.remove(probe);
      }
    }
    if (!result) {
      problems.add(
          fmt::format("{}={} cannot be written: {}", key, directory, result.error().message));
    }
  }
  if (!problems.empty()) return std::unexpected(problems.error());
  return {};
}

Result<ServerConfig> config_of_arguments(env::FileSystem& files,
                                         const std::vector<std::string>& arguments) {
  if (arguments.size() == 1) return load_config(files, arguments[0]);
  if (arguments.size() > 4) {
    return fail(Error::Kind::kConfig,
                "too many arguments: expected <zoo.cfg>, or <port> <dataDir> [<tickTime> "
                "[<maxClientCnxns>]]");
  }
  ServerConfig config;
  config.client_port = uint16_t{2181};
  config.data_dir = "/tmp/zookeeper";
  if (arguments.size() >= 2) {
    TRY_VALUE(port, argument_number("port", arguments[0], 0, 65535));
    config.client_port = static_cast<uint16_t>(port);
    config.data_dir = arguments[1];
    config.max_client_cnxns = 0;
  }
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
  if (arguments.size() >= 3) {
    TRY_VALUE(tick, argument_number("tickTime", arguments[2], 1, kMax));
    config.tick_ms = tick;
  }
  if (arguments.size() == 4) {
    TRY_VALUE(limit, argument_number("maxClientCnxns", arguments[3], -kMax - 1, kMax));
    config.max_client_cnxns = static_cast<int32_t>(std::max<int64_t>(limit, 0));
  }
  Problems problems(origin(config));
  check_directories(config, problems);
  if (!problems.empty()) return std::unexpected(problems.error());
  return config;
}

}  // namespace zooid::config
