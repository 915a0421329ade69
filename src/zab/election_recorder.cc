#include "zab/election_recorder.h"

#include <algorithm>

#include "base/assert.h"
#include "base/mark.h"

namespace zooid::zab {
namespace {

// Texts come with reasons that peers had a part in; a record stays small.
constexpr size_t kTextBytesMax = 1000;
// As many as are kept anywhere, should nobody take them.
constexpr size_t kFinishedMax = 100;

std::string shortened(std::string text) {
  if (text.size() > kTextBytesMax) text.resize(kTextBytesMax);
  return text;
}

}  // namespace

void ElectionRecorder::begin(ServerId self, std::string why, int64_t detected_us, Now now) {
  abandoned(phase_ == Phase::kElecting ? "a new election began: " + why : why, now);
  flush();
  record_ = ElectionRecord{.self = self, .started_wall_ms = now.wall_ms};
  record_.why = shortened(std::move(why));
  if (detected_us > 0 && detected_us <= now.mono_us) record_.detect_us = now.mono_us - detected_us;
  phase_ = Phase::kElecting;
  began_us_ = now.mono_us;
  phase_began_us_ = now.mono_us;
  last_received_.clear();
  heard_wall_ms_.clear();
}

void ElectionRecorder::enter_round(int64_t round) {
  ASSERT(phase_ == Phase::kElecting);
  record_.round = round;
  candidates_.clear();
}

void ElectionRecorder::add_candidate(const Vote& vote) {
  const auto [it, is_new] = candidates_.emplace(vote.leader, vote);
  if (!is_new && better_than(vote, it->second)) it->second = vote;
}

void ElectionRecorder::add_event(ElectionEvent::Kind kind, ServerId peer, wire::PeerState state,
                                 const Vote& vote, Now now) {
  if (phase_ != Phase::kElecting) return;
  // The last place is kept for the decision.
  const size_t places = ElectionRecord::kEventsMax - (kind != ElectionEvent::Kind::kDecided);
  if (record_.events.size() >= places) {
    MARK("election_record.events_dropped");
    record_.dropped_events += 1;
    return;
  }
  record_.events.push_back(
      {.kind = kind, .at_us = now.mono_us - began_us_, .peer = peer, .state = state, .vote = vote});
}

void ElectionRecorder::received(ServerId peer, wire::PeerState state, const Vote& vote, Now now) {
  heard_wall_ms_[peer] = now.wall_ms;
  const auto [it, is_first] = last_received_.emplace(peer, std::pair{state, vote});
  if (!is_first && it->second == std::pair{state, vote}) return;
  it->second = {state, vote};
  add_event(ElectionEvent::Kind::kReceived, peer, state, vote, now);
}

void ElectionRecorder::proposed(ServerId self, const Vote& vote, Now now) {
  add_event(ElectionEvent::Kind::kProposed, self, wire::PeerState::kLooking, vote, now);
}

void ElectionRecorder::refused(ServerId peer, Now now) {
  add_event(ElectionEvent::Kind::kRefused, peer, wire::PeerState::kLooking, {}, now);
}

void ElectionRecorder::connected(ServerId peer, Now now) {
  add_event(ElectionEvent::Kind::kConnected, peer, wire::PeerState::kLooking, {}, now);
}

void ElectionRecorder::quorum_reached(ServerId self, const Vote& vote, Now now) {
  add_event(ElectionEvent::Kind::kQuorumReached, self, wire::PeerState::kLooking, vote, now);
}

void ElectionRecorder::decided(const Vote& winner, wire::PeerState role, bool is_joining,
                               std::string early_reason, Now now) {
  ASSERT(phase_ == Phase::kElecting);
  ASSERT(role != wire::PeerState::kLooking);
  add_event(ElectionEvent::Kind::kDecided, record_.self, role, winner, now);
  record_.winner = winner;
  record_.round = winner.round;
  record_.role = role;
  record_.early_reason = shortened(std::move(early_reason));
  set_rule(is_joining);
  record_.elect_us = end_phase(Phase::kDiscovering, now);
  changed_ = true;
}

void ElectionRecorder::set_rule(bool is_joining) {
  for (const auto& [leader, vote] : candidates_) {
    if (leader == record_.winner->leader) continue;
    if (!record_.runner_up || better_than(vote, *record_.runner_up)) record_.runner_up = vote;
  }
  if (is_joining) {
    record_.rule = DecidingRule::kJoinedExisting;
  } else if (!record_.runner_up) {
    record_.rule = DecidingRule::kOnlyCandidate;
  } else if (record_.runner_up->epoch != record_.winner->epoch) {
    record_.rule = DecidingRule::kEpoch;
  } else if (record_.runner_up->zxid != record_.winner->zxid) {
    record_.rule = DecidingRule::kZxid;
  } else {
    record_.rule = DecidingRule::kServerId;
  }
}

void ElectionRecorder::abandoned(std::string why, Now now) {
  if (phase_ == Phase::kIdle || phase_ == Phase::kClosed || phase_ == Phase::kServing) return;
  if (phase_ == Phase::kElecting) record_.elect_us = now.mono_us - began_us_;
  record_.abandoned = shortened(std::move(why));
  phase_ = Phase::kClosed;
  changed_ = true;
}

void ElectionRecorder::epoch_promised(Epoch epoch, Now now) {
  if (phase_ != Phase::kDiscovering) return;
  record_.new_epoch = epoch;
  record_.discover_us = end_phase(Phase::kSynchronising, now);
}

void ElectionRecorder::synchronised(std::string how, Now now) {
  if (phase_ != Phase::kSynchronising) return;
  record_.sync = shortened(std::move(how));
  record_.synchronise_us = now.mono_us - phase_began_us_;
}

void ElectionRecorder::epoch_established(Epoch epoch, Now now) {
  if (phase_ == Phase::kDiscovering) epoch_promised(epoch, now);
  if (phase_ != Phase::kSynchronising) return;
  record_.new_epoch = epoch;
  // Servers count as synchronised when they may serve, so this is the later of the two.
  record_.synchronise_us = end_phase(Phase::kServing, now);
  changed_ = true;
}

void ElectionRecorder::first_commit(Now now) {
  if (phase_ != Phase::kServing) return;
  record_.first_commit_us = end_phase(Phase::kClosed, now);
  changed_ = true;
}

int64_t ElectionRecorder::end_phase(Phase next, Now now) {
  const int64_t duration_us = std::max<int64_t>(0, now.mono_us - phase_began_us_);
  phase_ = next;
  phase_began_us_ = now.mono_us;
  return duration_us;
}

void ElectionRecorder::flush() {
  if (!std::exchange(changed_, false)) return;
  finished_.push_back(record_);
  if (finished_.size() > kFinishedMax) finished_.erase(finished_.begin());
}

std::vector<ElectionRecord> ElectionRecorder::take_changed() {
  flush();
  return std::exchange(finished_, {});
}

}  // namespace zooid::zab
