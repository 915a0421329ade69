#include "server/start_lines.h"

#include <fmt/core.h>

#include "base/log_level.h"
#include "base/version.h"
#include "env/network.h"

namespace zooid::server {
namespace {

// Beyond it the rest is counted: the file has them.
constexpr size_t kMembersShown = 9;

std::string members_text(const zab::Membership& membership) {
  std::string text;
  size_t shown = 0;
  for (const auto& [id, member] : membership.members()) {
    if (++shown > kMembersShown) continue;
    const zab::Address& first = member.addresses.front();
    if (!text.empty()) text += ", ";
    text += fmt::format("{}={}:{}", id.value, env::Endpoint{first.host, first.quorum_port}.text(),
                        first.election_port);
    if (member.role == zab::MemberRole::kObserver) text += " (observer)";
  }
  if (shown > kMembersShown) text += fmt::format(" and {} more", shown - kMembersShown);
  return text;
}

std::string who_text(const config::ServerConfig& config) {
  if (!config.is_ensemble()) return "a standalone server";
  return fmt::format("server {} of an ensemble of {}: {}", config.my_id->value,
                     config.membership.members().size(), members_text(config.membership));
}

std::string ports_text(const config::ServerConfig& config) {
  std::string text = "no port for clients";
  if (config.client_port) {
    text = fmt::format("{} for clients",
                       config.client_address.empty()
                           ? fmt::format("{}", *config.client_port)
                           : env::Endpoint{config.client_address, *config.client_port}.text());
  }
  const zab::Member* own = config.is_ensemble() ? config.membership.find(*config.my_id) : nullptr;
  if (own != nullptr) {
    text += fmt::format(", {} for followers when it leads, {} for elections",
                        own->addresses.front().quorum_port, own->addresses.front().election_port);
  }
  return text;
}

std::string limit_text(int64_t value, const char* what) {
  return value > 0 ? fmt::format("{} {}", value, what) : fmt::format("any number of {}", what);
}

}  // namespace

std::vector<std::string> start_lines(const config::ServerConfig& config, const StartFacts& facts) {
  const bool has_log_dir = !config.data_log_dir.empty() && config.data_log_dir != config.data_dir;
  return {
      fmt::format("Zooid {} (as ZooKeeper {}) starts: process {}, configuration {}", kVersion,
                  kZooKeeperVersion, facts.pid, config.file.empty() ? "(none)" : config.file),
      who_text(config),
      "ports: " + ports_text(config),
      fmt::format("data: {}, transaction log: {}", config.data_dir,
                  has_log_dir ? config.data_log_dir : "there, too"),
      fmt::format("limits: {}, {} (maxClientCnxns), requests of {} bytes (jute.maxbuffer), session "
                  "time-outs of {} to {} ms",
                  limit_text(static_cast<int64_t>(facts.open_files), "open files"),
                  limit_text(config.max_client_cnxns, "connections from one address"),
                  config.jute_max_buffer, config.min_session_timeout(),
                  config.max_session_timeout()),
      fmt::format("log: {}, from level {} on (SIGUSR1: more, SIGUSR2: less)", facts.log_destination,
                  log::level_name(config.log_level)),
  };
}

}  // namespace zooid::server
