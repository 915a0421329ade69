#include "config/ensemble_section.h"

#include <fmt/core.h>

#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "config/key_table.h"

namespace zooid::config {
namespace {

constexpr std::string_view kServerPrefix = "server.";
// The highest byte of a session id is the id of the server that made it.
constexpr int64_t kServerIdMax = 255;
// With extended types that byte being 255 marks TTL nodes.
constexpr int64_t kServerIdMaxWithTtl = 254;
// To 3.5.3 a first bit that is set did.
constexpr int64_t kServerIdMaxWith353 = 127;
constexpr uint64_t kMyIdFileMax = 4096;
constexpr uint64_t kDynamicFileMax = 1 << 20;

std::optional<int64_t> parse_id(std::string_view text) {
  int64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return id;
}

void check_addresses(const std::map<ServerId, zab::Member>& members,
                     const std::map<ServerId, int>& line_of, Problems& problems) {
  std::map<std::pair<std::string, uint16_t>, ServerId> owners;
  for (const auto& [id, member] : members) {
    for (const zab::Address& address : member.addresses) {
      for (const uint16_t port : {address.quorum_port, address.election_port}) {
        const auto [owner, is_new] = owners.emplace(std::pair{address.host, port}, id);
        if (is_new || owner->second == id) continue;
        problems.add_at(line_of.at(id),
                        fmt::format("server.{} and server.{} have the same address {}:{}",
                                    owner->second.value, id.value, address.host, port));
      }
    }
  }
}

void check_member(const ServerConfig& config, const zab::Member& member, int line,
                  Problems& problems) {
  const auto complain = [&](std::string_view what) {
    problems.add_at(line, fmt::format("server.{}: {}", member.id.value, what));
  };
  if (member.role == zab::MemberRole::kObserver) complain("observers are not supported yet");
  if (member.addresses.size() > 1) {
    complain("several addresses for one server are not supported yet");
  }
  const int64_t highest = !config.extended_types_enabled ? kServerIdMax
                          : config.emulate_353_ttl_nodes ? kServerIdMaxWith353
                                                         : kServerIdMaxWithTtl;
  if (member.id.value > highest) {
    complain(fmt::format("the id must be from 0 to {}: session ids have one byte for it", highest));
  }
}

void warn_of_size(ServerConfig& config, size_t voters) {
  if (voters == 2) {
    config.warnings.push_back(
        "the ensemble has two servers: it stops when either fails; use three");
  } else if (voters % 2 == 0) {
    config.warnings.push_back(
        fmt::format("the ensemble has {} servers, which tolerates no more failures than {}", voters,
                    voters - 1));
  }
}

// Every server's id with its address, for the person who has to choose one.
std::string choices(const zab::Membership& membership) {
  std::string text;
  for (const auto& [id, member] : membership.members()) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} on {}", id.value, member.addresses.front().host);
  }
  return text;
}

std::string what_to_write(const ServerConfig& config, const std::string& path) {
  const int64_t example = config.membership.members().begin()->first.value;
  return fmt::format(
      "write this server's number into it ({}), for example: mkdir -p {} && echo {} > {}",
      choices(config.membership), config.data_dir, example, path);
}

// ZooKeeper reads the first line.
std::string first_line(std::string_view content) {
  std::string line(content.substr(0, content.find_first_of("\r\n")));
  const size_t begin = line.find_first_not_of(" \t");
  if (begin == std::string::npos) return {};
  return line.substr(begin, line.find_last_not_of(" \t") - begin + 1);
}

// A server's line may name its client port; then the two must agree.
void take_client_port(ServerConfig& config, const zab::Member& own, Problems& problems) {
  if (own.client_port == 0) return;
  const bool is_any = config.client_address.empty() || config.client_address == "0.0.0.0" ||
                      config.client_address == "::";
  const bool agrees = !config.client_port || (*config.client_port == own.client_port &&
                                              (is_any || config.client_address == own.client_host));
  if (!agrees) {
    problems.add(fmt::format("clientPort says {}:{}, but the line server.{} says {}:{}; keep one",
                             config.client_address, *config.client_port, own.id.value,
                             own.client_host, own.client_port));
    return;
  }
  config.client_port = own.client_port;
  config.client_address = own.client_host == "0.0.0.0" ? "" : own.client_host;
}

// Of a standalone server with one server line. ZooKeeper asks myid whether the line is its own;
// without one there is only this to be meant.
void take_only_client_port(ServerConfig& config, Problems& problems) {
  if (!config.only_member || config.only_member->client_port == 0) return;
  const ServerId id = config.only_member->id;
  if (config.my_id && *config.my_id != id) {
    if (config.client_port) return;
    problems.add(
        fmt::format("{}/myid says {}, so the client port of server.{} is not this "
                    "server's: correct one of them, or set clientPort",
                    config.data_dir, config.my_id->value, id.value));
    return;
  }
  take_client_port(config, *config.only_member, problems);
}

}  // namespace

void Problems::add(std::string_view what) {
  texts_.push_back(fmt::format("{}: {}", name_, what));
}

void Problems::add_at(int line, std::string_view what) {
  texts_.push_back(fmt::format("{}:{}: {}", name_, line, what));
}

void Problems::add_all(const Problems& others) {
  texts_.insert(texts_.end(), others.texts_.begin(), others.texts_.end());
}

Error Problems::error() const {
  ASSERT(!empty());
  std::string all;
  for (const std::string& text : texts_) {
    if (!all.empty()) all += '\n';
    all += text;
  }
  return {Error::Kind::kConfig, all};
}

bool is_server_line(std::string_view key) {
  return key.starts_with(kServerPrefix);
}

namespace {

// `version`: of the configuration.
void read_server_lines(ServerConfig& config, const std::vector<Property>& lines, int64_t version,
                       Problems& problems) {
  std::map<ServerId, zab::Member> members;
  std::map<ServerId, int> line_of;
  size_t voters = 0;
  for (const Property& line : lines) {
    const auto id = parse_id(std::string_view(line.key).substr(kServerPrefix.size()));
    if (!id || *id < 0) {
      problems.add_at(line.line, fmt::format("{}: expected a number behind 'server.'", line.key));
      continue;
    }
    auto member = zab::Membership::parse_member(ServerId{*id}, line.value);
    if (!member) {
      problems.add_at(line.line,
                      fmt::format("{}={}: {}", line.key, line.value, member.error().message));
      continue;
    }
    if (!line_of.emplace(ServerId{*id}, line.line).second) {  // server.1 and server.01
      problems.add_at(line.line, fmt::format("{} is server {} of line {}", line.key, *id,
                                             line_of.at(ServerId{*id})));
      continue;
    }
    check_member(config, *member, line.line, problems);
    if (member->role == zab::MemberRole::kParticipant) ++voters;
    members.emplace(ServerId{*id}, std::move(*member));
  }
  check_addresses(members, line_of, problems);
  if (voters == 0 && !config.standalone_enabled) {
    problems.add("standaloneEnabled=false needs at least one server line");
  }
  if (voters == 1 && config.standalone_enabled) {
    config.warnings.push_back(
        "only one server line: this is a standalone server (standaloneEnabled=false would make it "
        "an ensemble of one)");
    config.only_member = members.begin()->second;
    return;
  }
  if (voters > 1) warn_of_size(config, voters);
  if (problems.empty() && !members.empty()) config.membership = zab::Membership(members, version);
}

// The hexadecimal number behind the last dot of the name; 0 if there is none.
int64_t version_of_file_name(std::string_view path) {
  const std::string_view digits = path.substr(path.rfind('.') + 1);
  int64_t version = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), version, 16);
  const bool is_number = error == std::errc{} && end == digits.data() + digits.size();
  return is_number && version > 0 ? version : 0;
}

// Groups, weights and a version are refused by the key table; other keys are none of this file.
void check_dynamic_line(const Property& line, Problems& problems) {
  if (is_server_line(line.key)) return;
  const Key* key = find_key(line.key);
  if (line.key == "version") {
    problems.add_at(line.line, "version: the version stands in the file's name");
  } else if (key != nullptr && (key->name == "group.*" || key->name == "weight.*")) {
    problems.add_at(line.line, fmt::format("{}: {}", line.key, key->reason));
  } else {
    problems.add_at(line.line, fmt::format("{}: only server lines may stand in this file; the "
                                           "other keys belong into zoo.cfg",
                                           line.key));
  }
}

void read_dynamic_file(ServerConfig& config, env::FileSystem& files, Problems& problems) {
  const std::string& path = config.dynamic_file;
  Problems own(path);
  auto text = env::read_file(files, path, kDynamicFileMax);
  if (!text) {
    problems.add(fmt::format("dynamicConfigFile={}: {}", path, text.error().message));
    return;
  }
  auto lines = parse_properties(*text);
  if (!lines) {
    own.add(lines.error().message);
  } else {
    for (const Property& line : *lines) check_dynamic_line(line, own);
    std::vector<Property> server_lines;
    for (Property& line : *lines) {
      if (is_server_line(line.key)) server_lines.push_back(std::move(line));
    }
    if (own.empty()) read_server_lines(config, server_lines, version_of_file_name(path), own);
  }
  problems.add_all(own);
  if (const std::string next = config.file + ".dynamic.next"; files.exists(next)) {
    config.warnings.push_back(
        fmt::format("{} is what a Java server left of a reconfiguration that had not ended; it is "
                    "not read here",
                    next));
  }
}

}  // namespace

void read_members(ServerConfig& config, env::FileSystem& files,
                  const std::vector<Property>& properties, Problems& problems) {
  std::vector<Property> server_lines;
  for (const Property& property : properties) {
    if (is_server_line(property.key)) server_lines.push_back(property);
  }
  if (config.dynamic_file.empty())
    return read_server_lines(config, server_lines, config.file_version, problems);
  for (const Property& line : server_lines) {
    problems.add_at(line.line, fmt::format("{} must stand in {}, which dynamicConfigFile names",
                                           line.key, config.dynamic_file));
  }
  if (server_lines.empty()) read_dynamic_file(config, files, problems);
}

void read_my_id(ServerConfig& config, env::FileSystem& files, Problems& problems) {
  const std::string path = config.data_dir + "/myid";
  const bool is_needed = config.is_ensemble();
  auto content = env::read_file(files, path, kMyIdFileMax);
  if (!content) {
    if (!is_needed) return take_only_client_port(config, problems);
    problems.add(fmt::format("{} cannot be read ({}): {}", path, content.error().message,
                             what_to_write(config, path)));
    return;
  }
  const std::string line = first_line(*content);
  const auto id = parse_id(line);
  if (!is_needed) {
    if (id) config.my_id = ServerId{*id};
    return take_only_client_port(config, problems);
  }
  if (!id) {
    problems.add(fmt::format("{} says '{}', which is no number: {}", path, line,
                             what_to_write(config, path)));
    return;
  }
  const zab::Member* own = config.membership.find(ServerId{*id});
  if (own == nullptr) {
    problems.add(fmt::format("{} says {}, but there is no line server.{}: {}", path, *id, *id,
                             what_to_write(config, path)));
    return;
  }
  config.my_id = ServerId{*id};
  take_client_port(config, *own, problems);
}

}  // namespace zooid::config
