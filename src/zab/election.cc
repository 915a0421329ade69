// The course of an election (election-protocol 5.1, 5.2, 5.6): beginning, sending, waiting,
// deciding.
#include "zab/election.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "zab/election_machine.h"

namespace zooid::zab {
namespace {

// A vote that waited longer than this for our own election tells nothing about its sender now.
constexpr int64_t kEarlyMessageAgeMaxUs = 10'000'000;

}  // namespace

std::string server_list(const std::vector<ServerId>& ids) {
  std::string text = ids.size() == 1 ? "server " : "servers ";
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i > 0) text += i + 1 == ids.size() ? " and " : ", ";
    text += std::to_string(ids[i].value);
  }
  return text;
}

Election::Machine::Machine(ServerId self, Membership membership, ElectionOptions options)
    : self(self), options(options) {
  ASSERT(options.notification_min_ms > 0);
  ASSERT(options.notification_max_ms >= options.notification_min_ms);
  set_committed(std::move(membership));
  current = Vote{.leader = self, .round = -1};
}

void Election::Machine::set_committed(Membership membership) {
  ASSERT(!membership.empty());
  committed = std::move(membership);
  committed_text = committed.text();
}

Vote Election::Machine::initial_vote() const {
  Vote vote{.leader = committed.is_voter(self) ? self : kNotAVoter,
            .zxid = last_zxid,
            .round = round,
            .epoch = current_epoch};
  const Member* member = committed.find(self);
  if (member != nullptr && member->role == MemberRole::kObserver) {
    vote.zxid = Zxid{INT64_MIN};
    vote.epoch = INT64_MIN;
  }
  return vote;
}

void Election::Machine::begin(std::string reason, int64_t detected_us, Now now,
                              ElectionEffects& effects) {
  state = wire::PeerState::kLooking;
  is_electing = true;
  why = std::move(reason);
  recorder.begin(self, why, detected_us, now);
  settled_votes.clear();
  own_messages.clear();
  lied.clear();
  // Behind the last number comes the first: who is still in the last round takes this server there.
  enter_round(round == INT64_MAX ? 1 : round + 1);
  resend_interval_ms = options.notification_min_ms;
  resend_at = now.mono_us + ms_to_us(resend_interval_ms);
  propose(initial_vote(), now, effects);
  process_own_messages(now, effects);
  if (is_electing) replay_early_messages(now, effects);
  early_messages.clear();
}

void Election::Machine::enter_round(int64_t next) {
  ASSERT(next != round);
  round = next;
  round_votes.clear();
  latest_looking.clear();
  refused.clear();
  finalize_at = kNever;
  recorder.enter_round(round);
  const Vote own = initial_vote();
  if (own.leader == self && last_zxid != kZxidUntrusted) recorder.add_candidate(own);
}

void Election::Machine::propose(const Vote& vote, Now now, ElectionEffects& effects) {
  ASSERT(is_electing);
  ASSERT(vote.round == round);
  proposal = vote;
  recorder.proposed(self, proposal, now);
  send_proposal_to_all(effects);
}

void Election::Machine::send_proposal_to_all(ElectionEffects& effects) {
  for (ServerId voter : committed.voters()) {
    if (voter == self) {
      own_messages.push_back(proposal);
    } else {
      effects.sends.emplace_back(voter, notification(wire::PeerState::kLooking, proposal));
    }
  }
}

void Election::Machine::process_own_messages(Now now, ElectionEffects& effects) {
  while (is_electing && !own_messages.empty()) {
    const Vote vote = own_messages.front();
    own_messages.pop_front();
    elect(self, notification(wire::PeerState::kLooking, vote), now, effects);
  }
}

void Election::Machine::replay_early_messages(Now now, ElectionEffects& effects) {
  for (const auto& [from, early] : std::exchange(early_messages, {})) {
    if (!is_electing) return;
    if (now.mono_us - early.at_us > kEarlyMessageAgeMaxUs) continue;
    // Votes of former rounds were answered when they came; everyone has our new proposal.
    const bool is_looking_vote = early.message.state == wire::PeerState::kLooking;
    if (is_looking_vote && early.message.round < round) continue;
    MARK("election.early_message_replayed");
    receive(from, early.message, now, effects);
    process_own_messages(now, effects);
  }
}

wire::Notification Election::Machine::notification(wire::PeerState sender_state,
                                                   const Vote& vote) const {
  return {.state = sender_state,
          .leader = vote.leader,
          .zxid = vote.zxid,
          .round = vote.round,
          .peer_epoch = vote.epoch,
          .config = committed_text};
}

void Election::Machine::on_timer(Now now, ElectionEffects& effects) {
  if (!is_electing) return;
  if (finalize_at != kNever) {
    if (now.mono_us >= finalize_at) decide(proposal, false, "", now, effects);
    return;
  }
  if (now.mono_us < resend_at) return;
  resend_interval_ms = std::min(2 * resend_interval_ms, options.notification_max_ms);
  resend_at = now.mono_us + ms_to_us(resend_interval_ms);
  send_proposal_to_all(effects);
  process_own_messages(now, effects);
}

// Everyone heard so far is empty and somebody is not heard yet, perhaps because it takes longer to
// read its data: a backup that was restored on one server alone would lose against nothing.
bool Election::Machine::awaits_data() const {
  if (proposal.epoch != 0 || proposal.zxid.value != 0) return false;
  return std::ranges::any_of(committed.voters(), [&](ServerId voter) {
    return voter != self && !latest_looking.contains(voter);
  });
}

void Election::Machine::warn_of_empty_winner(const Vote& vote) const {
  if (vote.epoch != 0 || vote.zxid.value != 0) return;
  std::vector<ServerId> unheard;
  for (ServerId voter : committed.voters()) {
    if (voter != self && !latest_looking.contains(voter)) unheard.push_back(voter);
  }
  if (unheard.empty()) return;
  MARK("election.empty_winner");
  log::warn(
      "server {} was elected with an empty database before {} took part: data there will be "
      "dropped "
      "when it joins. If it is a restored backup, stop all servers and start that one first",
      vote.leader.value, server_list(unheard));
}

// Rule 16: nobody is left who could bring a better vote, so the silence need not be waited for. An
// observer hears old results instead of votes and always waits.
void Election::Machine::end_early_if_all_answered(Now now, ElectionEffects& effects) {
  if (!is_electing || finalize_at == kNever || !committed.is_voter(self)) return;
  if (committed.voters().size() == 1) {
    return decide(proposal, false, std::string(kOnlyVoter), now, effects);
  }
  if (!options.end_early) return;
  if (awaits_data()) {
    MARK("election.waits_for_data");
    return;
  }
  std::vector<ServerId> agreeing;
  std::vector<ServerId> absent;
  for (ServerId voter : committed.voters()) {
    const auto latest = latest_looking.find(voter);
    if (voter == self || (latest != latest_looking.end() && latest->second == proposal)) {
      agreeing.push_back(voter);
    } else if (refused.contains(voter)) {
      absent.push_back(voter);
    } else {
      return;
    }
  }
  MARK("election.ended_early");
  std::string reason = server_list(agreeing) + " agree";
  if (!absent.empty()) {
    reason += absent.size() == 1 ? "; the host of " : "; the hosts of ";
    reason += server_list(absent) + " refused the connection";
  }
  decide(proposal, false, std::move(reason), now, effects);
}

void Election::Machine::decide(const Vote& vote, bool is_joining, std::string early_reason, Now now,
                               ElectionEffects& effects) {
  ASSERT(is_electing);
  ASSERT(committed.is_voter(vote.leader));
  const Member* member = committed.find(self);
  if (vote.leader == self) {
    state = wire::PeerState::kLeading;
  } else if (member != nullptr && member->role == MemberRole::kObserver) {
    state = wire::PeerState::kObserving;
  } else {
    state = wire::PeerState::kFollowing;
  }
  round = vote.round;
  current = vote;
  is_electing = false;
  own_messages.clear();
  resend_at = kNever;
  finalize_at = kNever;
  is_epoch_fixed = false;
  is_established = false;
  is_abandoned = false;
  follows.clear();
  turned_away.clear();
  if (!is_joining) warn_of_empty_winner(vote);
  // A server whose voters follow it already has been elected as any other: nothing existed before.
  recorder.decided(vote, state, is_joining && vote.leader != self, std::move(early_reason), now);
  effects.decision = Decision{.role = state, .vote = vote};
  ASSERT(!is_looking());
}

// ---- the public face ----

Election::Election(ServerId self, Membership committed, ElectionOptions options)
    : machine_(std::make_unique<Machine>(self, std::move(committed), options)) {}

Election::~Election() = default;

void Election::look(Zxid zxid, Epoch epoch, std::string why, int64_t detected_us, Now now,
                    ElectionEffects& effects) {
  Machine& machine = *machine_;
  machine.last_zxid = zxid;
  machine.current_epoch = epoch;
  if (!std::exchange(machine.has_looked, true)) {
    machine.current = Vote{.leader = machine.self, .zxid = zxid, .round = -1, .epoch = epoch};
  }
  machine.begin(std::move(why), detected_us, now, effects);
}

void Election::on_notification(ServerId from, const wire::Notification& notification, Now now,
                               ElectionEffects& effects) {
  if (from == machine_->self) return;  // nobody else may speak for this server
  machine_->receive(from, notification, now, effects);
  machine_->process_own_messages(now, effects);
}

void Election::on_peer_connected(ServerId peer, Now now, ElectionEffects&) {
  Machine& machine = *machine_;
  if (!machine.is_electing || peer == machine.self) return;
  machine.refused.erase(peer);
  machine.recorder.connected(peer, now);
  machine.resend_interval_ms = machine.options.notification_min_ms;
  machine.resend_at =
      std::min(machine.resend_at, now.mono_us + ms_to_us(machine.resend_interval_ms));
}

void Election::on_peer_refused(ServerId peer, Now now, ElectionEffects& effects) {
  Machine& machine = *machine_;
  if (!machine.committed.is_voter(peer) || peer == machine.self || machine.is_looking_idly())
    return;
  if (!machine.is_electing) return machine.watch_refusal(peer, effects);
  if (machine.refused.insert(peer).second) machine.recorder.refused(peer, now);
  machine.end_early_if_all_answered(now, effects);
}

void Election::on_timer(Now now, ElectionEffects& effects) {
  machine_->on_timer(now, effects);
}

int64_t Election::next_deadline() const {
  if (!machine_->is_electing) return kNever;
  return machine_->finalize_at != kNever ? machine_->finalize_at : machine_->resend_at;
}

void Election::on_role_ended() {
  if (machine_->is_electing) return;
  machine_->state = wire::PeerState::kLooking;
}

void Election::on_membership(Membership committed) {
  ASSERT(!machine_->is_electing);
  machine_->set_committed(std::move(committed));
}

void Election::on_epoch_promised(Epoch epoch, Now now) {
  if (machine_->is_looking()) return;
  machine_->is_epoch_fixed = true;
  machine_->recorder.epoch_promised(epoch, now);
}

void Election::on_synchronised(Now now, std::string how) {
  machine_->recorder.synchronised(std::move(how), now);
}

void Election::on_epoch_established(Epoch epoch, Now now) {
  if (machine_->is_looking()) return;  // news of a role that has ended
  machine_->is_epoch_fixed = true;
  machine_->is_established = true;
  machine_->current.epoch = machine_->current_epoch = epoch;
  machine_->recorder.epoch_established(epoch, now);
}

void Election::on_first_commit(Now now) {
  machine_->recorder.first_commit(now);
}

std::vector<ElectionRecord> Election::take_records() {
  return machine_->recorder.take_changed();
}

std::optional<LookingReport> Election::looking_report(Now now) const {
  const ElectionRecord* record = machine_->recorder.running();
  if (record == nullptr) return std::nullopt;
  LookingReport report{.written_wall_ms = now.wall_ms, .record = *record};
  report.is_voter = machine_->committed.is_voter(machine_->self);
  for (const ServerId voter : machine_->committed.voters()) {
    if (voter == machine_->self) continue;
    report.voters.push_back({.id = voter,
                             .heard_wall_ms = machine_->recorder.last_heard_wall_ms(voter),
                             .is_refusing = machine_->refused.contains(voter)});
  }
  return report;
}

wire::PeerState Election::state() const {
  return machine_->state;
}
const Vote& Election::current_vote() const {
  return machine_->current;
}
int64_t Election::round() const {
  return machine_->round;
}
const Membership& Election::membership() const {
  return machine_->committed;
}

}  // namespace zooid::zab
