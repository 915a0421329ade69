// Who belongs to the ensemble: the configuration text of quorum-protocol 9 as a value, and the
// quorum rule. Groups and weights are not honoured yet: their keys are refused when the file is
// read.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"

namespace zooid::zab {

enum class MemberRole { kParticipant, kObserver };

struct Address {  // as written, IPv6 without brackets
  std::string host;
  uint16_t quorum_port = 0;
  uint16_t election_port = 0;
  auto operator<=>(const Address&) const = default;
};

struct Member {
  ServerId id;
  std::vector<Address> addresses;  // at least one; sorted by host as ZooKeeper does
  MemberRole role = MemberRole::kParticipant;
  // The client part behind ';'; empty host and port 0 when absent.
  std::string client_host;
  uint16_t client_port = 0;
  bool operator==(const Member&) const = default;
};

using ServerSet = std::set<ServerId>;

class Membership {
 public:
  Membership() = default;
  Membership(std::map<ServerId, Member> members, int64_t version);

  // One server line's value: host:quorumPort:electionPort[:role][;[addr:]clientPort], several
  // addresses joined with '|', IPv6 in brackets. Errors tell what was expected.
  static Result<Member> parse_member(ServerId id, std::string_view value);
  // The text form (key=value lines, any order, version=<hex>). group.* and weight.* are errors.
  static Result<Membership> parse(std::string_view text);
  // The text uses groups or weights: well formed, but not to be honoured by this build (rule 14).
  static bool has_groups(std::string_view text);
  // Lines in ascending id, then version=<hex>, no final newline.
  std::string text() const;

  int64_t version() const { return version_; }
  Membership with_version(int64_t version) const;
  const std::map<ServerId, Member>& members() const { return members_; }
  const ServerSet& voters() const { return voters_; }
  bool is_voter(ServerId id) const { return voters_.contains(id); }
  const Member* find(ServerId id) const;
  // More than half of the voters. Others in the set do not count.
  bool is_quorum(const ServerSet& servers) const;
  // The same servers with the same addresses and roles: no reason to restart an election. Client
  // addresses and the version do not count (quorum-protocol 9).
  bool has_same_members(const Membership& other) const;
  bool empty() const { return members_.empty(); }

 private:
  std::map<ServerId, Member> members_;
  ServerSet voters_;
  int64_t version_ = 0;
};

}  // namespace zooid::zab
