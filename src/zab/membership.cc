// Reading and printing of the configuration text (quorum-protocol 9):
//
//   server.<id>=<host>:<quorum port>:<election port>[|<host>:…]:<participant|observer>
//       [;<client host>:<client port>]
//   version=<hex>
//
// The text is compared and forwarded by Java servers, so what was read is printed byte for byte.
#include "zab/membership.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/assert.h"

namespace zooid::zab {
namespace {

constexpr std::string_view kServerPrefix = "server.";
constexpr std::string_view kMemberForm =
    "host:quorumPort:electionPort[:participant|observer][;[clientHost:]clientPort]";

std::unexpected<Error> config_error(std::string message) {
  return fail(Error::Kind::kConfig, std::move(message));
}

std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\f";
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(trimmed(text.substr(0, end)));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// Splits at ':' outside brackets; an IPv6 host loses its brackets. nullopt: brackets do not match.
std::optional<std::vector<std::string_view>> split_host_and_ports(std::string_view text) {
  std::vector<std::string_view> parts;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    parts.push_back(text.substr(1, end - 1));
    text.remove_prefix(end + 1);
    if (text.empty()) return parts;
    if (!text.starts_with(':')) return std::nullopt;
    text.remove_prefix(1);
  }
  for (std::string_view part : split(text, ':')) parts.push_back(part);
  // An empty role counts as none, as in ZooKeeper.
  while (parts.size() > 1 && parts.back().empty()) parts.pop_back();
  return parts;
}

template <class Integer>
std::optional<Integer> parse_number(std::string_view text, int base = 10) {
  Integer value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc{} || stop != end || text.empty()) return std::nullopt;
  return value;
}

Result<uint16_t> parse_port(std::string_view text, std::string_view which) {
  const auto port = parse_number<uint16_t>(text);
  if (!port || *port == 0) {
    return config_error(std::string(which) + " " + quoted(text) +
                        " is not a port number from 1 to 65535");
  }
  return *port;
}

Result<> check_host(std::string_view host) {
  constexpr std::string_view kNotInHosts = " \t[]|;=/";
  if (host.empty()) return config_error("a host name is missing");
  if (host.find_first_of(kNotInHosts) != std::string_view::npos) {
    return config_error("host " + quoted(host) + " has a character that host names cannot have");
  }
  return {};
}

Result<MemberRole> parse_role(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : static_cast<char>(c);
  });
  if (lower == "participant") return MemberRole::kParticipant;
  if (lower == "observer") return MemberRole::kObserver;
  return config_error("role " + quoted(text) + " is neither participant nor observer");
}

struct AddressAndRole {
  Address address;
  std::optional<MemberRole> role;
};

Result<AddressAndRole> parse_address(std::string_view text) {
  const auto parts = split_host_and_ports(text);
  if (!parts || parts->size() < 3 || parts->size() > 4) {
    return config_error("address " + quoted(text) + " is not of the form " +
                        std::string(kMemberForm));
  }
  AddressAndRole parsed;
  TRY(check_host((*parts)[0]));
  parsed.address.host = (*parts)[0];
  TRY_VALUE(quorum_port, parse_port((*parts)[1], "quorum port"));
  TRY_VALUE(election_port, parse_port((*parts)[2], "election port"));
  if (quorum_port == election_port) {
    return config_error("quorum and election port of " + quoted(text) + " must be different");
  }
  parsed.address.quorum_port = quorum_port;
  parsed.address.election_port = election_port;
  if (parts->size() == 4) {
    TRY_VALUE(role, parse_role((*parts)[3]));
    parsed.role = role;
  }
  return parsed;
}

// A port alone means every address of the host (as ZooKeeper reads it).
Result<> parse_client(std::string_view text, Member& member) {
  const auto parts = split_host_and_ports(text);
  if (!parts || parts->size() > 2) {
    return config_error("client address " + quoted(text) +
                        " is not of the form [clientHost:]clientPort");
  }
  TRY_VALUE(port, parse_port(parts->back(), "client port"));
  member.client_host = "0.0.0.0";
  if (parts->size() == 2) {
    TRY(check_host(parts->front()));
    member.client_host = parts->front();
  }
  member.client_port = port;
  return {};
}

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

std::string member_text(const Member& member) {
  std::string text;
  for (const Address& address : member.addresses) {
    if (!text.empty()) text += '|';
    text += bracketed(address.host) + ":" + std::to_string(address.quorum_port) + ":" +
            std::to_string(address.election_port);
  }
  text += member.role == MemberRole::kObserver ? ":observer" : ":participant";
  if (member.client_port != 0) {
    text += ";" + bracketed(member.client_host) + ":" + std::to_string(member.client_port);
  }
  return text;
}

bool is_group_key(std::string_view key) {
  return key.starts_with("group.") || key.starts_with("weight.");
}

// A line of the text as key and value; nullopt for blank lines and comments.
std::optional<std::pair<std::string_view, std::string_view>> key_and_value(std::string_view line) {
  line = trimmed(line);
  if (line.empty() || line[0] == '#' || line[0] == '!') return std::nullopt;
  const size_t equals = line.find('=');
  if (equals == std::string_view::npos) return std::pair{line, std::string_view{}};
  return std::pair{trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1))};
}

}  // namespace

Membership::Membership(std::map<ServerId, Member> members, int64_t version)
    : members_(std::move(members)), version_(version) {
  ASSERT(version >= 0);
  for (const auto& [id, member] : members_) {
    ASSERT(id == member.id);
    ASSERT(!member.addresses.empty());
    if (member.role == MemberRole::kParticipant) voters_.insert(id);
  }
  ASSERT(voters_.size() <= members_.size());
}

Result<Member> Membership::parse_member(ServerId id, std::string_view value) {
  std::vector<std::string_view> halves = split(value, ';');
  // So does an empty client part.
  while (halves.size() > 1 && halves.back().empty()) halves.pop_back();
  if (halves.size() > 2) {
    return config_error("more than one ';' in " + quoted(value) + ": expected " +
                        std::string(kMemberForm));
  }
  Member member{.id = id};
  std::optional<MemberRole> role;
  std::vector<std::string_view> addresses = split(halves[0], '|');
  while (addresses.size() > 1 && addresses.back().empty()) addresses.pop_back();
  for (std::string_view text : addresses) {
    TRY_VALUE(parsed, parse_address(text));
    if (parsed.role && role && *parsed.role != *role) {
      return config_error("the addresses of " + quoted(value) + " name different roles");
    }
    if (parsed.role) role = parsed.role;
    member.addresses.push_back(std::move(parsed.address));
  }
  member.role = role.value_or(MemberRole::kParticipant);
  // By host alone, as ZooKeeper does: addresses of one host keep the order in which they stand.
  std::ranges::stable_sort(member.addresses, {}, &Address::host);
  if (halves.size() == 2) TRY(parse_client(halves[1], member));
  return member;
}

Result<Membership> Membership::parse(std::string_view text) {
  std::map<ServerId, Member> members;
  int64_t version = 0;
  for (std::string_view line : split(text, '\n')) {
    const auto entry = key_and_value(line);
    if (!entry) continue;
    const auto [key, value] = *entry;
    if (is_group_key(key)) {
      return config_error("groups and weights (" + quoted(key) + ") are not supported yet");
    }
    if (key == "version") {
      const auto parsed = parse_number<int64_t>(value, 16);
      if (!parsed || *parsed < 0) {
        return config_error("version " + quoted(value) + " is not a hexadecimal number");
      }
      version = *parsed;
      continue;
    }
    if (!key.starts_with(kServerPrefix)) return config_error("unknown key " + quoted(key));
    const auto id = parse_number<int64_t>(key.substr(kServerPrefix.size()));
    if (!id || *id < 0) return config_error("no server id in " + quoted(key));
    auto member = parse_member(ServerId{*id}, value);
    if (!member) return config_error(std::string(key) + ": " + member.error().message);
    if (!members.emplace(ServerId{*id}, std::move(*member)).second) {
      return config_error(std::string(key) + " occurs twice");
    }
  }
  Membership membership(std::move(members), version);
  if (!membership.empty() && membership.voters().empty()) {
    return config_error("there are observers but no participant");
  }
  return membership;
}

bool Membership::has_groups(std::string_view text) {
  return std::ranges::any_of(split(text, '\n'), [](std::string_view line) {
    const auto entry = key_and_value(line);
    return entry && is_group_key(entry->first);
  });
}

std::string Membership::text() const {
  std::string text;
  for (const auto& [id, member] : members_) {
    text +=
        std::string(kServerPrefix) + std::to_string(id.value) + "=" + member_text(member) + "\n";
  }
  char hex[16];
  const auto [end, error] = std::to_chars(hex, hex + sizeof hex, version_, 16);
  ASSERT(error == std::errc{});
  return text + "version=" + std::string(hex, end);
}

Membership Membership::with_version(int64_t version) const {
  ASSERT(version >= 0);
  Membership copy = *this;
  copy.version_ = version;
  return copy;
}

const Member* Membership::find(ServerId id) const {
  const auto it = members_.find(id);
  return it == members_.end() ? nullptr : &it->second;
}

bool Membership::is_quorum(const ServerSet& servers) const {
  const auto count = std::ranges::count_if(servers, [&](ServerId id) { return is_voter(id); });
  return static_cast<size_t>(count) > voters_.size() / 2;
}

bool Membership::has_same_members(const Membership& other) const {
  return std::ranges::equal(members_, other.members_, [](const auto& a, const auto& b) {
    const std::set<Address> ours(a.second.addresses.begin(), a.second.addresses.end());
    const std::set<Address> theirs(b.second.addresses.begin(), b.second.addresses.end());
    return a.first == b.first && ours == theirs && a.second.role == b.second.role;
  });
}

}  // namespace zooid::zab
