// The votes that an election has recorded, one per server, and the rules of counting them
// (election-protocol 3). Part of the election machine.
#pragma once

#include <map>

#include "wire/notification.h"
#include "zab/election_record.h"
#include "zab/membership.h"

namespace zooid::zab {

// A vote as recorded or as compared with: with the state of the server that sent it, and the
// version mark, which is 0 for votes that came in an old form of the message or stand in the
// round's table.
struct RecordedVote {
  Vote vote;
  wire::PeerState state = wire::PeerState::kLooking;
  int32_t version_mark = 0;
};

// If either server was looking all four numbers must agree. Otherwise zxid and round may differ,
// since servers that follow do not carry them forward; and the epoch counts only between equal
// kinds of mark.
bool votes_equal(const RecordedVote& a, const RecordedVote& b);

class VoteTable {
 public:
  void put(ServerId sender, const RecordedVote& vote) { votes_[sender] = vote; }
  void clear() { votes_.clear(); }

  // The servers whose recorded vote equals this one.
  ServerSet supporters(const RecordedVote& vote) const;
  // leaderOk for another server than oneself: it has said itself that it leads.
  bool is_leading(ServerId server) const;

 private:
  std::map<ServerId, RecordedVote> votes_;
};

}  // namespace zooid::zab
