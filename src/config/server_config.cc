#include "config/server_config.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "config/ensemble_section.h"
#include "config/java_properties.h"
#include "config/setting.h"

namespace zooid::config {
namespace {

constexpr uint64_t kConfigFileMax = 1 << 20;
constexpr int32_t kRecordExtraMin = 1024;

void apply_file(ServerConfig& config, const std::vector<Property>& properties, Problems& problems) {
  std::map<std::string, int> line_of;
  for (const Property& property : properties) {
    if (is_server_line(property.key)) continue;
    const auto [earlier, is_new] = line_of.emplace(property.key, property.line);
    if (!is_new) {
      config.warnings.push_back(
          fmt::format("{} stands in line {} and in line {}: the last one counts", property.key,
                      earlier->second, property.line));
      earlier->second = property.line;
    }
    const auto result = apply_setting(config, property.key, property.value);
    if (!result) problems.add_at(property.line, result.error().message);
    config.keys_in_file.insert(property.key);
  }
  if (config.keys_in_file.contains("jute.maxbuffer")) {
    config.warnings.push_back(
        "jute.maxbuffer is honoured here, but a Java server reads it only as the JVM flag "
        "-Djute.maxbuffer: all servers of an ensemble need the same value");
  }
}

void check_limits(const ServerConfig& config, Problems& problems) {
  if (!config.client_port && !config.client_address.empty()) {
    problems.add("clientPortAddress is set but clientPort is not");
  }
  if (config.min_session_timeout() > config.max_session_timeout()) {
    problems.add(fmt::format("minSessionTimeout {} ms is larger than maxSessionTimeout {} ms",
                             config.min_session_timeout(), config.max_session_timeout()));
  }
  if (!config.is_ensemble()) return;
  for (const char* key : {"initLimit", "syncLimit"}) {
    if (config.keys_in_file.contains(key)) continue;
    problems.add(
        fmt::format("an ensemble needs {} (in ticks of {} ms); all servers should have the "
                    "same, for example {}={}",
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

// Says now, and with the key's name, what would otherwise fail in the middle of the start.
void check_writable(const ServerConfig& config, env::FileSystem& files, Problems& problems) {
  const auto check = [&](const char* key, const std::string& directory) {
    if (!config.data_dir_autocreate && !files.exists(directory)) {
      problems.add(
          fmt::format("{}={} does not exist (and datadir.autocreate=false)", key, directory));
      return;
    }
    auto result = files.make_directories(directory);
    const std::string probe = directory + "/.zooid-can-write";
    if (result) {
      if (auto file = files.open(probe, env::OpenMode::kTruncate); !file) {
        result = fail(file.error().kind, file.error().message);
      }
    }
    if (result) result = files.remove(probe);
    if (!result) {
      problems.add(
          fmt::format("{}={} cannot be written: {}", key, directory, result.error().message));
    }
  };
  check("dataDir", config.data_dir);
  if (config.data_log_dir != config.data_dir) check("dataLogDir", config.data_log_dir);
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
  auto properties = parse_properties(text);
  if (!properties) {
    problems.add(properties.error().message);
    return std::unexpected(problems.error());
  }
  apply_file(config, *properties, problems);
  std::vector<Property> server_lines;
  std::ranges::copy_if(*properties, std::back_inserter(server_lines),
                       [](const Property& property) { return is_server_line(property.key); });
  read_server_lines(config, server_lines, problems);
  check_limits(config, problems);
  check_directories(config, problems);
  if (read_my_id && problems.empty()) {
    check_writable(config, files, problems);
    config::read_my_id(config, files, problems);
  }
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

ServerConfig default_config(uint16_t port, std::string data_dir) {
  ServerConfig config;
  config.tick_ms = 2000;
  config.client_port = port;
  config.data_log_dir = data_dir;
  config.data_dir = std::move(data_dir);
  return config;
}

}  // namespace zooid::config
