#include "cli/status_targets.h"

#include <algorithm>
#include <map>
#include <set>

namespace zooid::cli {
namespace {

constexpr uint16_t kUsualPort = 2181;
// Files of other servers that are looked at; more than servers on one host.
constexpr size_t kFilesMax = 64;

std::string parent_of(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::vector<std::string> names_in(env::FileSystem& files, const std::string& directory) {
  auto names = files.list(directory);
  return names ? *names : std::vector<std::string>{};
}

// Paths at which files of other servers use to lie.
std::vector<std::string> files_beside(env::FileSystem& files, const std::string& path) {
  std::vector<std::string> found;
  const std::string directory = parent_of(path);
  const std::string own_name = name_of(path);
  for (const std::string& name : names_in(files, directory)) {
    if (name != own_name && name.ends_with(".cfg")) found.push_back(directory + "/" + name);
  }
  // "." has no parent by its text.
  const auto up = [](const std::string& at) {
    return at == "." || at.ends_with("..") ? at + "/.." : parent_of(at);
  };
  const std::string above = up(directory);
  for (const std::string& neighbour : names_in(files, above)) {
    found.push_back(above + "/" + neighbour + "/" + own_name);
  }
  if (directory != ".") {
    const std::string inner = "/" + name_of(directory) + "/" + own_name;
    const std::string top = up(above);
    for (const std::string& neighbour : names_in(files, top)) {
      found.push_back(top + "/" + neighbour + inner);
    }
  }
  std::erase_if(found, [&](const std::string& one) { return one == path || !files.exists(one); });
  if (found.size() > kFilesMax) found.resize(kFilesMax);
  return found;
}

// By server id: another server's file of the same ensemble.
std::map<ServerId, config::ServerConfig> servers_beside(env::FileSystem& files,
                                                        const config::ServerConfig& own) {
  std::map<ServerId, config::ServerConfig> result;
  if (own.file.empty()) return result;
  for (const std::string& path : files_beside(files, own.file)) {
    auto config = config::load_config(files, path);
    if (!config || !config->my_id || config->my_id == own.my_id || !config->client_port) continue;
    if (!config->membership.has_same_members(own.membership)) continue;
    result.emplace(*config->my_id, std::move(*config));
  }
  return result;
}

bool is_every_address(const std::string& host) {
  return host.empty() || host == "0.0.0.0" || host == "::" || host == "0:0:0:0:0:0:0:0";
}

// Names of this machine that all mean the same address.
std::string same_host(const std::string& host) {
  return host == "localhost" || host == "::1" ? "127.0.0.1" : host;
}

StatusTarget target_of(const zab::Member& member, const config::ServerConfig& own,
                       const std::map<ServerId, config::ServerConfig>& beside) {
  StatusTarget target;
  target.id = member.id;
  target.is_self = own.my_id == member.id;
  target.is_voter = own.membership.is_voter(member.id);
  target.address.host = member.addresses.front().host;
  const auto file = beside.find(member.id);
  if (member.client_port != 0) {
    target.address.port = member.client_port;
    if (!is_every_address(member.client_host)) target.address.host = member.client_host;
  } else if (target.is_self || file == beside.end()) {
    target.address.port = own.client_port.value_or(kUsualPort);
    target.is_port_assumed = !target.is_self || !own.client_port;
    if (target.is_self && !is_every_address(own.client_address)) {
      target.address.host = own.client_address;
    }
  } else {
    target.address.port = *file->second.client_port;
    target.port_from = file->second.file;
    if (!is_every_address(file->second.client_address)) {
      target.address.host = file->second.client_address;
    }
  }
  return target;
}

}  // namespace

StatusTargets targets_of_config(env::FileSystem& files, const config::ServerConfig& config) {
  StatusTargets targets;
  targets.is_ensemble = config.is_ensemble();
  if (!targets.is_ensemble) {
    StatusTarget target;
    target.address = {is_every_address(config.client_address) ? "localhost" : config.client_address,
                      config.client_port.value_or(kUsualPort)};
    target.is_port_assumed = !config.client_port;
    targets.servers.push_back(std::move(target));
    return targets;
  }
  const bool is_told = std::ranges::all_of(config.membership.members(), [&](const auto& member) {
    return member.second.client_port != 0 || config.my_id == member.first;
  });
  std::map<ServerId, config::ServerConfig> beside;
  if (!is_told) beside = servers_beside(files, config);
  for (const auto& [id, member] : config.membership.members()) {
    targets.servers.push_back(target_of(member, config, beside));
  }
  // Who is known to have an address keeps it before those that are only assumed to.
  std::set<std::pair<std::string, uint16_t>> taken;
  for (const bool assumed : {false, true}) {
    for (StatusTarget& target : targets.servers) {
      if (target.is_port_assumed != assumed) continue;
      const bool is_new = taken.emplace(same_host(target.address.host), target.address.port).second;
      target.is_address_taken = assumed && !is_new;
    }
  }
  return targets;
}

StatusTargets targets_of_addresses(const std::vector<env::Endpoint>& addresses) {
  StatusTargets targets;
  std::set<std::pair<std::string, uint16_t>> taken;
  for (const env::Endpoint& address : addresses) {
    if (!taken.emplace(same_host(address.host), address.port).second) continue;
    StatusTarget target;
    target.address = address;
    targets.servers.push_back(std::move(target));
  }
  targets.is_ensemble = targets.servers.size() > 1;
  return targets;
}

}  // namespace zooid::cli
