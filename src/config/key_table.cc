#include "config/key_table.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "base/log_level.h"

namespace zooid::config {
namespace {

constexpr int64_t kIntMin = std::numeric_limits<int32_t>::min();
constexpr int64_t kKibibyte = 1024;
constexpr int64_t kMebibyte = 1024 * kKibibyte;

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::unexpected<Error> expected(std::string_view what) {
  return fail(Error::Kind::kConfig, fmt::format("expected {}", what));
}

// Only the word itself switches, as in ZooKeeper; every other value leaves the default.
Result<> set_force_sync(ServerConfig& config, std::string_view value) {
  config.force_sync = value != "no";
  return {};
}

Result<> set_skip_acl(ServerConfig& config, std::string_view value) {
  config.skip_acl = value == "yes";
  return {};
}

// As ZooKeeper: with 0 the system chooses one.
Result<> set_client_port(ServerConfig& config, std::string_view value) {
  if (value.starts_with('+')) value.remove_prefix(1);
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), port);
  if (error != std::errc{} || end != value.data() + value.size()) {
    return expected("a port number from 1 to 65535, or 0 for one that the system chooses");
  }
  if (port == 0) config.warnings.push_back("clientPort=0: the system chooses a port");
  config.client_port = port;
  return {};
}

// A literal IPv6 address may stand in brackets.
Result<> set_client_address(ServerConfig& config, std::string_view value) {
  if (value.empty()) {
    config.warnings.push_back(
        "clientPortAddress is empty: clients of this host alone reach it, as with ZooKeeper; "
        "leave the line out for all addresses");
    value = "127.0.0.1";
  }
  if (value.starts_with('[') && value.ends_with(']')) value = value.substr(1, value.size() - 2);
  config.client_address = value;
  return {};
}

Result<> set_four_letter_words(ServerConfig& config, std::string_view value) {
  config.four_letter_words = {"srvr"};  // always, as in ZooKeeper: its scripts need it
  while (true) {
    const size_t comma = value.find(',');
    std::string word(value.substr(0, comma));
    std::erase_if(word, [](char c) { return c == ' ' || c == '\t'; });
    if (!word.empty()) config.four_letter_words.insert(std::move(word));
    if (comma == std::string_view::npos) return {};
    value.remove_prefix(comma + 1);
  }
}

Result<> set_compression(ServerConfig& config, std::string_view value) {
  config.snapshot_compression.clear();
  for (const char* known : {"gz", "snappy", ""}) {
    if (!equals_ignoring_case(value, known)) continue;
    config.snapshot_compression = known;
    return {};
  }
  config.warnings.push_back(
      fmt::format("snapshot.compression.method={} is not known: snapshots are not compressed, as "
                  "with ZooKeeper; it may be gz or snappy",
                  value));
  return {};
}

Result<> set_recovery_damaged(ServerConfig& config, std::string_view value) {
  if (value != "rejoin" && value != "refuse") return expected("rejoin or refuse");
  config.rejoin_damaged = value == "rejoin";
  return {};
}

Result<> set_log_level(ServerConfig& config, std::string_view value) {
  for (const log::Level level :
       {log::Level::kDebug, log::Level::kInfo, log::Level::kWarn, log::Level::kError}) {
    if (!equals_ignoring_case(value, log::level_name(level))) continue;
    config.log_level = level;
    return {};
  }
  return expected("debug, info, warn or error");
}

Result<> set_log_form(ServerConfig& config, std::string_view value) {
  using LogForm = ServerConfig::LogForm;
  constexpr std::pair<std::string_view, LogForm> kForms[] = {
      {"auto", LogForm::kAuto}, {"text", LogForm::kText}, {"journald", LogForm::kJournald}};
  for (const auto& [name, form] : kForms) {
    if (value != name) continue;
    config.log_form = form;
    return {};
  }
  return expected("auto, text or journald");
}

Result<> set_digest_algorithm(ServerConfig& config, std::string_view value) {
  constexpr std::array kKnown = {"SHA1", "SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512"};
  if (std::ranges::find(kKnown, value) == kKnown.end()) {
    return expected("SHA1, SHA-224, SHA-256, SHA-384 or SHA-512");
  }
  config.digest_algorithm = value;
  return {};
}

// Whoever proves this id is the super user; its name may be any.
Result<> set_super_digest(ServerConfig& config, std::string_view value) {
  if (!value.empty() && value.find(':') == std::string_view::npos) {
    config.warnings.push_back(
        "DigestAuthenticationProvider.superDigest has no ':': nobody can log in by it; expected "
        "<user>:<base64 of the digest of user:password>");
  }
  config.super_digest = value;
  return {};
}

// Of the configuration of the ensemble, in hexadecimal, as in the text that servers exchange.
Result<> set_version(ServerConfig& config, std::string_view value) {
  if (value.starts_with('+')) value.remove_prefix(1);
  int64_t version = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), version, 16);
  if (error != std::errc{} || end != value.data() + value.size()) {
    return expected("a hexadecimal number");
  }
  config.file_version = std::max<int64_t>(version, 0);
  return {};
}

constexpr std::string_view kNoAdminServer =
    "admin.enableServer, admin.serverPort: the admin server (HTTP) is not served yet; the "
    "four-letter words are, and admin.enableServer=false silences this";

void warn_of_admin_server(ServerConfig& config) {
  if (std::ranges::find(config.warnings, kNoAdminServer) != config.warnings.end()) return;
  config.warnings.emplace_back(kNoAdminServer);
}

// Accepted and told, for the files of containers name them.
Result<> set_admin_enabled(ServerConfig& config, std::string_view value) {
  config.admin_enabled = equals_ignoring_case(value, "true");
  if (config.admin_enabled) {
    warn_of_admin_server(config);
  } else {
    std::erase(config.warnings, kNoAdminServer);
  }
  return {};
}

Result<> set_admin_port(ServerConfig& config, std::string_view) {
  if (config.admin_enabled) warn_of_admin_server(config);
  return {};
}

constexpr KeyForm kProperty = KeyForm::kProperty;
using Config = ServerConfig;

constexpr Key kSupportedKeys[] = {
    {.name = "dataDir", .field = &Config::data_dir},
    {.name = "dataLogDir", .field = &Config::data_log_dir},
    {.name = "clientPort", .field = SetFunction{set_client_port}},
    {.name = "clientPortAddress", .field = SetFunction{set_client_address}},
    {.name = "clientPortListenBacklog", .field = &Config::client_backlog, .lowest = kIntMin},
    {.name = "tickTime", .field = &Config::tick_ms, .lowest = 1},
    {.name = "maxClientCnxns", .field = &Config::max_client_cnxns, .is_raised = true},
    {.name = "minSessionTimeout", .field = &Config::min_session_timeout_ms, .lowest = kIntMin},
    {.name = "maxSessionTimeout", .field = &Config::max_session_timeout_ms, .lowest = -1},
    {.name = "initLimit", .field = &Config::init_limit, .lowest = kIntMin},
    {.name = "syncLimit", .field = &Config::sync_limit, .lowest = kIntMin},
    {.name = "quorumListenOnAllIPs", .field = &Config::listen_on_all_ips},
    {.name = "standaloneEnabled", .field = &Config::standalone_enabled},
    {.name = "autopurge.snapRetainCount",
     .field = &Config::purge_retain_count,
     .lowest = 3,
     .is_raised = true},
    {.name = "autopurge.purgeInterval", .field = &Config::purge_interval_hours, .is_raised = true},
    {.name = "globalOutstandingLimit",
     .form = kProperty,
     .field = &Config::global_outstanding_limit,
     .lowest = 1},
    {.name = "preAllocSize",
     .form = kProperty,
     .field = &Config::preallocate_bytes,
     .unit = kKibibyte},
    {.name = "snapCount",
     .form = kProperty,
     .field = &Config::snap_count,
     .lowest = 2,
     .is_raised = true},
    {.name = "snapSizeLimitInKb",
     .form = kProperty,
     .field = &Config::snap_size_limit_bytes,
     .lowest = kIntMin,
     .highest = std::numeric_limits<int64_t>::max() / kKibibyte,
     .unit = kKibibyte},
    {.name = "txnLogSizeLimitInKb",
     .form = kProperty,
     .field = &Config::log_size_limit_bytes,
     .lowest = kIntMin,
     .highest = std::numeric_limits<int64_t>::max() / kKibibyte,
     .unit = kKibibyte},
    {.name = "commitLogCount",
     .form = kProperty,
     .field = &Config::commit_log_count,
     .lowest = 500,
     .is_raised = true},
    {.name = "snapshotSizeFactor", .form = kProperty, .field = &Config::snapshot_size_factor},
    {.name = "snapshot.compression.method",
     .form = kProperty,
     .field = SetFunction{set_compression}},
    {.name = "snapshot.trust.empty", .form = kProperty, .field = &Config::snapshot_trust_empty},
    {.name = "forceSync", .form = kProperty, .field = SetFunction{set_force_sync}},
    {.name = "datadir.autocreate", .form = kProperty, .field = &Config::data_dir_autocreate},
    {.name = "db.autocreate", .form = kProperty, .field = &Config::auto_create},
    {.name = "serializeLastProcessedZxid.enabled",
     .form = kProperty,
     .field = &Config::write_last_zxid},
    {.name = "digest.enabled", .form = kProperty, .field = &Config::digest_enabled},
    {.name = "closeSessionTxn.enabled", .form = kProperty, .field = &Config::close_session_txn},
    {.name = "skipACL", .form = kProperty, .field = SetFunction{set_skip_acl}},
    {.name = "enforceQuota", .form = kProperty, .field = &Config::enforce_quota},
    {.name = "extendedTypesEnabled", .form = kProperty, .field = &Config::extended_types_enabled},
    {.name = "emulate353TTLNodes", .form = kProperty, .field = &Config::emulate_353_ttl_nodes},
    {.name = "version", .field = SetFunction{set_version}},
    {.name = "dynamicConfigFile", .field = &Config::dynamic_file},
    {.name = "reconfigEnabled",
     .field = &Config::reconfig_enabled,
     .harmless = "false",
     .reason = "dynamic reconfiguration is not supported yet; list the servers in this file"},
    {.name = "localSessionsEnabled", .field = &Config::local_sessions_enabled},
    {.name = "localSessionsUpgradingEnabled", .field = &Config::local_sessions_upgrading_enabled},
    {.name = "readonlymode.enabled",
     .form = KeyForm::kJvmOnly,
     .field = &Config::read_only_mode_enabled},
    {.name = "znode.container.checkIntervalMs",
     .form = KeyForm::kJvmOnly,
     .field = &Config::container_check_interval_ms},
    {.name = "znode.container.maxPerMinute",
     .form = KeyForm::kJvmOnly,
     .field = &Config::container_max_per_minute,
     .lowest = 1},
    {.name = "znode.container.maxNeverUsedIntervalMs",
     .form = KeyForm::kJvmOnly,
     .field = &Config::container_max_never_used_ms,
     .highest = std::numeric_limits<int64_t>::max()},
    {.name = "largeRequestThreshold",
     .form = kProperty,
     .field = &Config::large_request_threshold,
     .lowest = -1},
    {.name = "largeRequestMaxBytes", .form = kProperty, .field = &Config::large_request_max_bytes},
    {.name = "request_throttle_max_requests",
     .form = kProperty,
     .field = &Config::request_throttle_max_requests},
    {.name = "request_throttle_stall_time",
     .form = kProperty,
     .field = &Config::request_throttle_stall_ms,
     .lowest = 1},
    {.name = "request_throttle_drop_stale",
     .form = kProperty,
     .field = &Config::request_throttle_drop_stale},
    {.name = "request_stale_connection_check",
     .form = kProperty,
     .field = &Config::request_stale_connection_check},
    {.name = "request_stale_latency_check",
     .form = kProperty,
     .field = &Config::request_stale_latency_check},
    {.name = "connection_throttle_tokens",
     .form = kProperty,
     .field = &Config::connection_throttle_tokens},
    {.name = "connection_throttle_fill_time",
     .form = kProperty,
     .field = &Config::connection_throttle_fill_ms,
     .lowest = 1},
    {.name = "connection_throttle_fill_count",
     .form = kProperty,
     .field = &Config::connection_throttle_fill_count},
    {.name = "connection_throttle_freeze_time",
     .form = kProperty,
     .field = &Config::connection_throttle_freeze_ms,
     .lowest = -1},
    {.name = "connection_throttle_drop_increase",
     .form = kProperty,
     .field = &Config::connection_throttle_drop_increase,
     .is_strict = true},
    {.name = "connection_throttle_drop_decrease",
     .form = kProperty,
     .field = &Config::connection_throttle_drop_decrease,
     .is_strict = true},
    {.name = "connection_throttle_decrease_ratio",
     .form = kProperty,
     .field = &Config::connection_throttle_decrease_ratio,
     .is_strict = true},
    {.name = "connection_throttle_weight_enabled",
     .form = kProperty,
     .field = &Config::connection_throttle_weights_enabled},
    {.name = "connection_throttle_global_session_weight",
     .form = kProperty,
     .field = &Config::connection_throttle_global_weight,
     .lowest = kIntMin},
    {.name = "connection_throttle_local_session_weight",
     .form = kProperty,
     .field = &Config::connection_throttle_local_weight,
     .lowest = kIntMin},
    {.name = "connection_throttle_renew_session_weight",
     .form = kProperty,
     .field = &Config::connection_throttle_renew_weight,
     .lowest = kIntMin},
    {.name = "throttled_op_wait_time", .form = kProperty, .field = &Config::throttled_op_wait_ms},
    {.name = "jute.maxbuffer",
     .form = KeyForm::kJvmOnly,
     .field = &Config::jute_max_buffer,
     .lowest = 1024},
    {.name = "jute.maxbuffer.extrasize",
     .form = kProperty,
     .field = &Config::jute_max_buffer_extra,
     .lowest = 1024,
     .is_raised = true},
    {.name = "maxCnxns", .form = kProperty, .field = &Config::max_cnxns},
    {.name = "4lw.commands.whitelist",
     .form = kProperty,
     .field = SetFunction{set_four_letter_words}},
    {.name = "cnxTimeout", .form = kProperty, .field = &Config::connect_timeout_ms, .lowest = 1},
    {.name = "DigestAuthenticationProvider.superDigest",
     .form = kProperty,
     .field = SetFunction{set_super_digest}},
    {.name = "DigestAuthenticationProvider.digestAlg",
     .form = kProperty,
     .field = SetFunction{set_digest_algorithm}},
    {.name = "DigestAuthenticationProvider.enabled",
     .form = kProperty,
     .field = &Config::digest_auth_enabled},
    {.name = "enableEagerACLCheck", .form = kProperty, .field = &Config::eager_acl_check},
    {.name = "admin.enableServer",
     .form = kProperty,
     .field = SetFunction{set_admin_enabled},
     .harmless = "false",
     .reason = "the administration server is not supported yet"},
    {.name = "admin.serverPort",
     .form = kProperty,
     .field = SetFunction{set_admin_port},
     .reason = "the administration server is not supported yet"},
    {.name = "recovery.damaged", .form = kProperty, .field = SetFunction{set_recovery_damaged}},
    {.name = "zooid.election.endEarly", .form = kProperty, .field = &Config::end_election_early},
    {.name = "zooid.log.level", .form = kProperty, .field = SetFunction{set_log_level}},
    {.name = "zooid.log.file", .form = kProperty, .field = &Config::log_file},
    {.name = "zooid.log.fileSizeInMb",
     .form = kProperty,
     .field = &Config::log_file_bytes_max,
     .unit = kMebibyte,
     .is_strict = true},
    {.name = "zooid.log.fileCount",
     .form = kProperty,
     .field = &Config::log_file_count,
     .lowest = 1,
     .highest = 10'000,
     .is_strict = true},
    {.name = "zooid.log.format", .form = kProperty, .field = SetFunction{set_log_form}},
};

bool matches(const Key& key, std::string_view name) {
  if (!key.name.ends_with('*')) return key.name == name;
  return name.starts_with(key.name.substr(0, key.name.size() - 1));
}

size_t edit_distance(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::span<const Key> supported_keys() {
  return kSupportedKeys;
}

const Key* find_key(std::string_view name) {
  const Key* widest = nullptr;
  for (const auto keys : {supported_keys(), refused_keys(), warned_keys()}) {
    for (const Key& key : keys) {
      if (!matches(key, name)) continue;
      if (!key.name.ends_with('*')) return &key;
      if (widest == nullptr || key.name.size() > widest->name.size()) widest = &key;
    }
  }
  return widest;
}

std::optional<std::string_view> nearest_key(std::string_view name) {
  // More wrong letters than this, and it is another word.
  size_t best = std::max<size_t>(2, name.size() / 4) + 1;
  std::optional<std::string_view> nearest;
  for (const auto keys : {supported_keys(), refused_keys(), warned_keys()}) {
    for (const Key& key : keys) {
      if (key.name.ends_with('*') || is_misnomer(key)) continue;
      // Each letter too many is a wrong one.
      const size_t length = key.name.size();
      if ((name.size() > length ? name.size() - length : length - name.size()) >= best) continue;
      const size_t distance = edit_distance(name, key.name);
      if (distance >= best) continue;
      best = distance;
      nearest = key.name;
    }
  }
  return nearest;
}

}  // namespace zooid::config
