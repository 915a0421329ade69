// What an election looked like, in words. The storage form is in election_record_line.cc.
#include "zab/election_record.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "base/assert.h"
#include "base/duration_text.h"

namespace zooid::zab {
namespace {

std::string server_name(ServerId id) {
  return id == kNotAVoter ? "nobody" : fmt::format("server {}", id.value);
}

std::string zxid_text(Zxid zxid) {
  return fmt::format("0x{:x}", static_cast<uint64_t>(zxid.value));
}

std::string ms_text(int64_t duration_us) {
  return fmt::format("{:.1f} ms", static_cast<double>(duration_us) / 1000);
}

std::string utc_text(int64_t wall_ms) {
  constexpr int64_t kYear10000Ms = 253'402'300'800'000;
  if (wall_ms < 0 || wall_ms >= kYear10000Ms) return fmt::format("time {} ms", wall_ms);
  using namespace std::chrono;
  const sys_time<milliseconds> time{milliseconds{wall_ms}};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03} UTC", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

const char* role_in_words(wire::PeerState role) {
  switch (role) {
    case wire::PeerState::kLooking:
      return "looks for a leader";
    case wire::PeerState::kFollowing:
      return "follows";
    case wire::PeerState::kLeading:
      return "leads";
    case wire::PeerState::kObserving:
      return "observes";
  }
  return "is in an unknown state";
}

std::string headline(const ElectionRecord& record) {
  std::string text =
      fmt::format("Election at {}, round {}: ", utc_text(record.started_wall_ms), record.round);
  if (!record.winner) {
    return text + (record.abandoned.empty() ? "not decided yet." : "ended without a decision.");
  }
  if (record.winner->leader == record.self) {
    return text + fmt::format("server {}, this one, leads.", record.self.value);
  }
  return text + fmt::format("{} leads, this server ({}) {}.", server_name(record.winner->leader),
                            record.self.value, role_in_words(record.role));
}

// The sentence that says which comparison decided, with both values.
std::string reason(const ElectionRecord& record) {
  const Vote& winner = *record.winner;
  if (record.rule == DecidingRule::kJoinedExisting) {
    return "it led already and a quorum followed it; this server joins.";
  }
  if (record.rule == DecidingRule::kOnlyCandidate || !record.runner_up) {
    return record.early_reason == kOnlyVoter ? "it is the only voter."
                                             : "nobody voted for another server.";
  }
  const Vote& other = *record.runner_up;
  const std::string rival = fmt::format("the next best candidate, {}", server_name(other.leader));
  switch (record.rule) {
    case DecidingRule::kEpoch:
      return fmt::format("its epoch {} is greater than epoch {} of {}.", winner.epoch, other.epoch,
                         rival);
    case DecidingRule::kZxid:
      return fmt::format("its last zxid {} is greater than {} of {} (both epoch {}).",
                         zxid_text(winner.zxid), zxid_text(other.zxid), rival, winner.epoch);
    default:
      return fmt::format(
          "its server id {} is greater than {}, the id of the next best candidate (both epoch {}, "
          "zxid {}).",
          winner.leader.value, other.leader.value, winner.epoch, zxid_text(winner.zxid));
  }
}

std::string vote_text(const Vote& vote) {
  if (vote.leader == kNotAVoter) return fmt::format("for nobody, round {}", vote.round);
  return fmt::format("for {} (epoch {}, zxid {}, round {})", server_name(vote.leader), vote.epoch,
                     zxid_text(vote.zxid), vote.round);
}

std::string event_text(const ElectionEvent& event) {
  const std::string peer = server_name(event.peer);
  switch (event.kind) {
    case ElectionEvent::Kind::kReceived:
      if (event.state == wire::PeerState::kLooking) return peer + " votes " + vote_text(event.vote);
      return fmt::format("{} is {}, with a vote {}", peer, wire::peer_state_name(event.state),
                         vote_text(event.vote));
    case ElectionEvent::Kind::kProposed:
      return fmt::format("{}, this one, votes {}", peer, vote_text(event.vote));
    case ElectionEvent::Kind::kRefused:
      return fmt::format("the host of {} refused the connection", peer);
    case ElectionEvent::Kind::kConnected:
      return fmt::format("connected with {}", peer);
    case ElectionEvent::Kind::kQuorumReached:
      return fmt::format("a quorum votes for {}", server_name(event.vote.leader));
    case ElectionEvent::Kind::kDecided:
      return fmt::format("decided for {}", server_name(event.vote.leader));
  }
  return "unknown event";
}

// From the moment at which there was no leader.
int64_t total_us(const ElectionRecord& record) {
  int64_t total = 0;
  for (const int64_t phase_us :
       {record.detect_us, record.elect_us, record.discover_us, record.synchronise_us}) {
    total += std::max<int64_t>(phase_us, 0);
  }
  return total;
}

std::string phases(const ElectionRecord& record) {
  std::string text;
  const auto add = [&](const char* name, int64_t duration_us, const std::string& remark) {
    if (duration_us < 0) return;
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", name, ms_text(duration_us));
    if (!remark.empty()) text += " (" + remark + ")";
  };
  add("detect", record.detect_us, "");
  add("elect", record.elect_us, "");
  add("discover", record.discover_us,
      record.new_epoch > 0 ? fmt::format("epoch {}", record.new_epoch) : "");
  add("synchronise", record.synchronise_us, record.sync);
  add("first commit", record.first_commit_us, "");
  return text;
}

}  // namespace

bool better_than(const Vote& challenger, const Vote& incumbent) {
  if (challenger.epoch != incumbent.epoch) return challenger.epoch > incumbent.epoch;
  if (challenger.zxid != incumbent.zxid) return challenger.zxid > incumbent.zxid;
  return challenger.leader > incumbent.leader;
}

const char* deciding_rule_name(DecidingRule rule) {
  switch (rule) {
    case DecidingRule::kEpoch:
      return "epoch";
    case DecidingRule::kZxid:
      return "zxid";
    case DecidingRule::kServerId:
      return "server id";
    case DecidingRule::kOnlyCandidate:
      return "only candidate";
    case DecidingRule::kJoinedExisting:
      return "joined existing";
  }
  return "unknown";
}

std::string summary(const ElectionRecord& record) {
  const std::string end =
      fmt::format("; took {}; zooid explain has the votes", duration_text(total_us(record)));
  if (!record.abandoned.empty()) {
    const std::string what = record.winner
                                 ? fmt::format("election of {}", server_name(record.winner->leader))
                                 : "election";
    return fmt::format("{} came to nothing: {}{}", what, record.abandoned, end);
  }
  if (!record.winner || record.new_epoch <= 0 || record.synchronise_us < 0) return "";
  std::string why = reason(record);
  if (why.ends_with('.')) why.pop_back();
  const bool is_own = record.winner->leader == record.self;
  return fmt::format(
      "server {} leads epoch {}, {}: {}{}", record.winner->leader.value, record.new_epoch,
      is_own ? "which is this server"
             : fmt::format("this server ({}) {}", record.self.value, role_in_words(record.role)),
      why, end);
}

std::string describe(const ElectionRecord& record) {
  std::string text = headline(record) + "\n";
  if (!record.why.empty()) text += "  Why there was no leader: " + record.why + "\n";
  if (record.winner) {
    text += fmt::format("  Why {}: {}\n", server_name(record.winner->leader), reason(record));
  }
  if (!record.early_reason.empty()) {
    text += "  The wait for further votes was cut short: " + record.early_reason + ".\n";
  }
  if (!record.abandoned.empty()) text += "  Given up: " + record.abandoned + "\n";
  if (!record.events.empty()) text += "  What was seen, in order:\n";
  for (const ElectionEvent& event : record.events) {
    text += fmt::format("  {:>14}  {}\n", "+" + ms_text(event.at_us), event_text(event));
  }
  if (record.dropped_events > 0) {
    text += fmt::format("  {:>14}  {} more events are not kept\n", "", record.dropped_events);
  }
  const std::string durations = phases(record);
  if (!durations.empty()) text += "  Phases: " + durations + "\n";
  text.pop_back();
  return text;
}

}  // namespace zooid::zab
