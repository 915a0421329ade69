// What an election does with a message (election-protocol 4 and 5.3 to 5.5), and rule 17's watch
// after the decision.
#include <algorithm>
#include <iterator>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "zab/election_machine.h"
#include "zab/epoch_limits.h"

namespace zooid::zab {
namespace {

bool is_known(wire::PeerState state) {
  return state >= wire::PeerState::kLooking && state <= wire::PeerState::kObserving;
}

// The sender has a leader, or is one.
bool is_settled(wire::PeerState state) {
  return state == wire::PeerState::kFollowing || state == wire::PeerState::kLeading;
}

}  // namespace

Vote vote_of(const wire::Notification& message) {
  return {.leader = message.leader,
          .zxid = message.zxid,
          .round = message.round,
          .epoch = message.peer_epoch};
}

void Election::Machine::receive(ServerId from, const wire::Notification& message, Now now,
                                ElectionEffects& effects) {
  ASSERT(from != self);
  const Learned learned = learn_configuration(from, message, now, effects);
  if (learned != Learned::kNothing) return;
  if (!committed.is_voter(from)) {
    // An observer or a stranger: it has no vote but may learn who leads.
    Vote answer = current;
    answer.round = round;
    effects.sends.emplace_back(from, notification(state, answer));
    return;
  }
  if (!is_known(message.state)) {
    MARK("election.unknown_state_code");
    return;
  }
  if (!is_possible(vote_of(message))) {
    MARK("election.impossible_vote");
    if (lied.insert(from).second) {
      log::warn("votes of server {} are ignored: zxid 0x{:x} of epoch {} cannot be", from.value,
                static_cast<uint64_t>(message.zxid.value), message.peer_epoch);
    }
    return;
  }
  const bool is_sender_looking = message.state == wire::PeerState::kLooking;
  if (!is_electing) {
    keep_for_next_election(from, message, now);
    if (is_looking()) return;
    watch_for_hopelessness(from, message, effects);
    if (is_sender_looking) effects.sends.emplace_back(from, notification(state, current));
    return;
  }
  if (is_sender_looking && message.round < round) {
    effects.sends.emplace_back(from, notification(state, proposal));
  }
  note_facts(from, message, now);
  elect(from, message, now, effects);
}

// Rounds have no such bound: whoever has the greatest takes the others along, wherever it stands,
// and begin() passes the end of the type.
bool Election::Machine::is_possible(const Vote& vote) const {
  const Epoch own = std::max(current_epoch, last_zxid.value > 0 ? last_zxid.epoch() : 0);
  const Epoch of_zxid = vote.zxid.value > 0 ? vote.zxid.epoch() : 0;
  return std::max(vote.epoch, of_zxid) <= std::min(own, kEpochMax) + kEpochStepMax;
}

// 4.2. kRestarted: the running election was replaced by one with the new members.
Election::Machine::Learned Election::Machine::learn_configuration(ServerId from,
                                                                  const wire::Notification& message,
                                                                  Now now,
                                                                  ElectionEffects& effects) {
  if (!is_looking() || message.version < 2 || message.config.empty()) return Learned::kNothing;
  if (message.config == committed_text) return Learned::kNothing;
  const bool is_member = committed.find(from) != nullptr;
  if (!is_member && !is_planted(PlantedBug::kStrangersConfiguration)) {
    MARK("election.configuration_of_a_stranger");
    return Learned::kNothing;
  }
  if (committed.is_voter(from) && Membership::has_groups(message.config)) {
    MARK("election.configuration_not_supported");
    effects.unsupported = "the configuration of server " + std::to_string(from.value) +
                          " has groups or weights, which cannot be honoured";
    return Learned::kNotHonoured;
  }
  const bool may_learn =
      options.learns_configurations || is_planted(PlantedBug::kStrangersConfiguration);
  if (!may_learn) return Learned::kNothing;
  Result<Membership> parsed = Membership::parse(message.config);
  if (!parsed) {
    MARK("election.configuration_unreadable");
    return Learned::kNothing;
  }
  if (parsed->version() <= committed.version() || parsed->empty()) return Learned::kNothing;
  const bool is_changed = !parsed->has_same_members(committed);
  set_committed(std::move(*parsed));
  effects.adopted = committed;
  if (!is_changed || !is_electing) return Learned::kNothing;
  MARK("election.restarted_with_newer_configuration");
  recorder.abandoned("server " + std::to_string(from.value) +
                         " has a newer configuration; the election restarts with it",
                     now);
  begin(why, 0, now, effects);
  return Learned::kRestarted;
}

void Election::Machine::keep_for_next_election(ServerId from, const wire::Notification& message,
                                               Now now) {
  if (is_looking() || message.state == wire::PeerState::kLooking) {
    Early& early = early_messages[from];
    early = {message, now.mono_us};
    early.message.config.clear();  // was looked at already, and may be long
  } else {
    early_messages.erase(from);
  }
}

void Election::Machine::note_facts(ServerId from, const wire::Notification& message, Now now) {
  const Vote vote = vote_of(message);
  recorder.received(from, message.state, vote, now);
  refused.erase(from);
  // Whatever else a voter says makes its former vote doubtful: then the full wait is kept.
  latest_looking.erase(from);
  if (message.state == wire::PeerState::kLooking && vote.round == round) {
    latest_looking[from] = vote;
    // Also one that comes while the end is waited for: it was beaten, and the record says so.
    if (committed.is_voter(vote.leader) && vote.zxid != kZxidUntrusted) {
      recorder.add_candidate(vote);
    }
  }
}

// One message taken from the queue (5.2), or while the end is waited for (5.3.4).
void Election::Machine::elect(ServerId from, const wire::Notification& message, Now now,
                              ElectionEffects& effects) {
  ASSERT(is_electing);
  const Vote vote = vote_of(message);
  if (finalize_at != kNever) {
    // Apache stays with its vote also when voters have gone on to a later round, and then leads
    // without followers.
    const bool is_of_later_round = message.state == wire::PeerState::kLooking && vote.round > round;
    if (!better_than(vote, proposal) && !is_of_later_round) {
      // Nobody says twice whom it follows: what Apache drops here is missing in the vote table.
      if (is_settled(message.state) && committed.is_voter(vote.leader)) {
        MARK("election.settled_vote_while_finalizing");
        count_settled_vote(from, message, now, effects);
        if (!is_electing) return;
      }
      finalize_at = now.mono_us + ms_to_us(options.finalize_wait_ms);
      end_early_if_all_answered(now, effects);
      return;
    }
    if (is_of_later_round) {
      MARK("election.later_round_while_finalizing");
    } else {
      MARK("election.better_vote_while_finalizing");
    }
    finalize_at = kNever;
  }
  resend_at = now.mono_us + ms_to_us(resend_interval_ms);
  if (!committed.is_voter(vote.leader)) {
    MARK("election.vote_for_a_stranger");
    return;
  }
  switch (message.state) {
    case wire::PeerState::kLooking:
      count_looking_vote(from, vote, now, effects);
      break;
    case wire::PeerState::kFollowing:
    case wire::PeerState::kLeading:
      count_settled_vote(from, message, now, effects);
      break;
    case wire::PeerState::kObserving:
      break;
  }
}

// 5.3.
void Election::Machine::count_looking_vote(ServerId from, const Vote& vote, Now now,
                                           ElectionEffects& effects) {
  if (last_zxid == kZxidUntrusted || vote.zxid == kZxidUntrusted) {
    MARK("election.untrusted_vote");
    return;
  }
  if (vote.round < round) return;
  if (vote.round > round) {
    MARK("election.round_adopted");
    enter_round(vote.round);
    if (from != self) latest_looking[from] = vote;
    const Vote own = initial_vote();
    propose(better_than(vote, own) ? vote : own, now, effects);
  } else if (better_than(vote, proposal)) {
    propose(vote, now, effects);
  }
  recorder.add_candidate(vote);
  round_votes.put(from, {.vote = vote});
  if (!committed.is_quorum(round_votes.supporters({.vote = proposal}))) return;
  recorder.quorum_reached(self, proposal, now);
  finalize_at = now.mono_us + ms_to_us(options.finalize_wait_ms);
  end_early_if_all_answered(now, effects);
}

// 5.5: the sender has a leader already.
void Election::Machine::count_settled_vote(ServerId from, const wire::Notification& message,
                                           Now now, ElectionEffects& effects) {
  const Vote vote = vote_of(message);
  const RecordedVote counted{.vote = vote, .state = message.state, .version_mark = message.version};
  if (vote.round == round) {
    round_votes.put(from, {.vote = vote, .state = message.state});
    if (committed.is_quorum(round_votes.supporters(counted)) && is_leader_ok(round_votes, vote)) {
      MARK("election.joined_in_this_round");
      return decide(vote, true, "", now, effects);
    }
  }
  settled_votes.put(from, counted);
  if (committed.is_quorum(settled_votes.supporters(counted)) && is_leader_ok(settled_votes, vote)) {
    MARK("election.joined_existing");
    decide(vote, true, "", now, effects);
  }
}

bool Election::Machine::is_leader_ok(const VoteTable& votes, const Vote& vote) const {
  if (vote.leader == self) return vote.round == round;
  return votes.is_leading(vote.leader);
}

// Rule 17: signs that the elected server will not lead, or that this server will have no followers.
void Election::Machine::watch_for_hopelessness(ServerId from, const wire::Notification& message,
                                               ElectionEffects& effects) {
  ASSERT(!is_looking());
  refused.erase(from);
  if (is_role_certain() || is_abandoned) return;
  if (state == wire::PeerState::kLeading) {
    note_allegiance(from, message);
    return give_up_leading_if_hopeless(effects);
  }
  if (from != current.leader || message.state == wire::PeerState::kLeading) return;
  // It took followers since its vote of this round: such a vote is old and just came late.
  const bool is_doubtful =
      message.state != wire::PeerState::kLooking || message.round == current.round;
  if (is_epoch_fixed && is_doubtful) return;
  std::string reason = "server " + std::to_string(from.value) + " was elected but ";
  if (message.state != wire::PeerState::kLooking) {
    reason += std::string("is ") + wire::peer_state_name(message.state);
  } else if (message.leader != current.leader) {
    reason += "votes for server " + std::to_string(message.leader.value);
  } else if (message.round != current.round) {
    // In a later round; or in an earlier one, since it was restarted and counts anew. What we wait
    // for on a connection to its former life does not come.
    reason += "looks for a leader again";
  } else {
    return;
  }
  MARK("election.attempt_abandoned");
  abandon(std::move(reason), effects);
}

// What a voter says while this server waits for followers.
void Election::Machine::note_allegiance(ServerId from, const wire::Notification& message) {
  follows.erase(from);
  turned_away.erase(from);
  if (message.state == wire::PeerState::kFollowing || message.state == wire::PeerState::kLeading) {
    follows[from] = message.leader;
    if (message.leader != self) turned_away.insert(from);
  } else if (message.state == wire::PeerState::kLooking) {
    // It agreed, then heard a better vote before its own wait was over; or it looks again. A vote
    // that is older or worse tells nothing: our answer to it may still bring its sender here.
    const Vote vote = vote_of(message);
    const bool has_changed_its_mind = vote.round == current.round && better_than(vote, current);
    if (has_changed_its_mind || vote.round > current.round) turned_away.insert(from);
  }
}

// Nobody tells a would-be leader that the others decided for somebody else; they have no reason to
// send it anything more. So it judges by what each voter said last.
void Election::Machine::give_up_leading_if_hopeless(ElectionEffects& effects) {
  ASSERT(state == wire::PeerState::kLeading && !is_epoch_fixed && !is_abandoned);
  std::map<ServerId, ServerSet> followers;
  for (const auto& [voter, leader] : follows) followers[leader].insert(voter);
  for (const auto& [leader, supporters] : followers) {
    if (leader == self || !committed.is_quorum(supporters)) continue;
    MARK("election.would_be_leader_gave_up");
    return abandon("a quorum of voters follows server " + std::to_string(leader.value), effects);
  }
  ServerSet lost = turned_away;
  lost.insert(refused.begin(), refused.end());
  ServerSet hoped_for;
  std::ranges::set_difference(committed.voters(), lost, std::inserter(hoped_for, hoped_for.end()));
  if (committed.is_quorum(hoped_for) || is_planted(PlantedBug::kLeftLeaderWaits)) return;
  MARK("election.would_be_leader_without_followers");
  abandon("too few are left to follow: " + server_list({lost.begin(), lost.end()}) +
              " voted for another server after all or refused the connection",
          effects);
}

void Election::Machine::watch_refusal(ServerId peer, ElectionEffects& effects) {
  ASSERT(!is_looking());
  if (is_role_certain() || is_abandoned) return;
  refused.insert(peer);
  if (state == wire::PeerState::kLeading) return give_up_leading_if_hopeless(effects);
  if (peer != current.leader) return;
  MARK("election.elected_server_refuses");
  abandon("server " + std::to_string(peer.value) + " was elected but its host refuses connections",
          effects);
}

void Election::Machine::abandon(std::string reason, ElectionEffects& effects) {
  ASSERT(!is_abandoned);
  is_abandoned = true;
  effects.abandon = std::move(reason);
}

}  // namespace zooid::zab
