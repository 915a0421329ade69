// The record that each election leaves: what was seen, what decided, how long each phase took. Made
// by the election machine, kept for the last 100 elections across restarts, shown by the log, by
// `zooid explain` and by the console. All of them show this same value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "wire/notification.h"

namespace zooid::zab {

struct Vote {
  ServerId leader;
  Zxid zxid;
  int64_t round = 0;
  Epoch epoch = 0;
  bool operator==(const Vote&) const = default;
};

// Epoch, then zxid, then id (weights are all 1).
bool better_than(const Vote& challenger, const Vote& incumbent);

struct ElectionEvent {
  enum class Kind {
    kReceived,       // a notification of `peer`
    kProposed,       // our own proposal became this vote (peer = self)
    kRefused,        // peer's host refused the connection
    kConnected,      // an election connection to peer was made
    kQuorumReached,  // a quorum stands behind this vote
    kDecided,
  };
  Kind kind;
  int64_t at_us = 0;  // since the election began
  ServerId peer;
  wire::PeerState state = wire::PeerState::kLooking;  // kReceived: the sender's
  Vote vote;
};

// Which comparison made the winner win over the next best candidate that was seen.
enum class DecidingRule {
  kEpoch,
  kZxid,
  kServerId,
  kOnlyCandidate,   // nobody voted for anybody else
  kJoinedExisting,  // a quorum followed a leader already
};
const char* deciding_rule_name(DecidingRule rule);

// The early_reason of an ensemble of one.
inline constexpr std::string_view kOnlyVoter = "this server is the only voter";

struct ElectionRecord {
  ServerId self;
  int64_t started_wall_ms = 0;
  int64_t round = 0;                  // at the decision
  std::string why;                    // why there was no leader
  std::vector<ElectionEvent> events;  // at most kEventsMax; dropped_events counts the rest
  uint32_t dropped_events = 0;
  // The result; absent while it runs or when it was abandoned (then `abandoned` says why).
  std::optional<Vote> winner;
  std::optional<Vote> runner_up;  // the best vote for somebody else
  DecidingRule rule = DecidingRule::kOnlyCandidate;
  wire::PeerState role = wire::PeerState::kLooking;
  std::string early_reason;  // why the 200 ms were cut short, or empty
  std::string abandoned;
  Epoch new_epoch = 0;
  std::string sync;  // learner: "DIFF, 12 transactions"; leader: learners in the quorum
  // Durations in microseconds; -1: not reached.
  int64_t detect_us = -1, elect_us = -1, discover_us = -1, synchronise_us = -1,
          first_commit_us = -1;

  static constexpr size_t kEventsMax = 200;
};

// A readable block of several lines: who leads and why, who voted what when, phases.
std::string describe(const ElectionRecord& record);
// The same as one short line for the log: who leads which epoch, why, and how long it took; or why
// nobody does. Empty while nothing is certain.
std::string summary(const ElectionRecord& record);
// One line for storage (a JSON object with a format version), and back. nullopt: unknown version or
// damage.
std::string to_line(const ElectionRecord& record);
std::optional<ElectionRecord> from_line(std::string_view line);

}  // namespace zooid::zab
