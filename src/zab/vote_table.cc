#include "zab/vote_table.h"

namespace zooid::zab {

bool votes_equal(const RecordedVote& a, const RecordedVote& b) {
  if (a.state == wire::PeerState::kLooking || b.state == wire::PeerState::kLooking) {
    return a.vote == b.vote;
  }
  if (a.vote.leader != b.vote.leader) return false;
  if ((a.version_mark == 0) != (b.version_mark == 0)) return true;
  return a.vote.epoch == b.vote.epoch;
}

ServerSet VoteTable::supporters(const RecordedVote& vote) const {
  ServerSet servers;
  for (const auto& [sender, recorded] : votes_) {
    if (votes_equal(recorded, vote)) servers.insert(sender);
  }
  return servers;
}

bool VoteTable::is_leading(ServerId server) const {
  const auto it = votes_.find(server);
  return it != votes_.end() && it->second.state == wire::PeerState::kLeading;
}

}  // namespace zooid::zab
