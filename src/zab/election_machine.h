// The election machine's state and its steps. Private to the election's own files: election.cc
// (life, sending, timers, deciding), election_receive.cc (what is done with a message).
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "zab/election.h"
#include "zab/election_recorder.h"
#include "zab/vote_table.h"

namespace zooid::zab {

struct Election::Machine {
  Machine(ServerId self, Membership committed, ElectionOptions options);

  // ---- life (election.cc) ----
  void begin(std::string why, int64_t detected_us, Now now, ElectionEffects& effects);
  void set_committed(Membership membership);
  void enter_round(int64_t round);
  // The vote for this server itself, or for nobody if it is not a voter (3, initial vote).
  Vote initial_vote() const;
  void propose(const Vote& vote, Now now, ElectionEffects& effects);
  void send_proposal_to_all(ElectionEffects& effects);
  void process_own_messages(Now now, ElectionEffects& effects);
  void replay_early_messages(Now now, ElectionEffects& effects);
  void on_timer(Now now, ElectionEffects& effects);
  bool awaits_data() const;
  void warn_of_empty_winner(const Vote& vote) const;
  void end_early_if_all_answered(Now now, ElectionEffects& effects);
  void decide(const Vote& vote, bool is_joining, std::string early_reason, Now now,
              ElectionEffects& effects);
  bool is_looking() const { return state == wire::PeerState::kLooking; }
  // A role has ended and the next election has not begun.
  bool is_looking_idly() const { return is_looking() && !is_electing; }
  // From here on time-outs of the role itself are short. A follower that is still being filled
  // waits up to initLimit for a leader that may be gone, so it goes on watching.
  bool is_role_certain() const {
    return state == wire::PeerState::kLeading ? is_epoch_fixed : is_established;
  }
  wire::Notification notification(wire::PeerState sender_state, const Vote& vote) const;

  // ---- messages (election_receive.cc) ----
  void receive(ServerId from, const wire::Notification& message, Now now, ElectionEffects& effects);
  bool is_possible(const Vote& vote) const;
  // What to do with the configuration of a message.
  enum class Learned { kNothing, kRestarted, kNotHonoured };
  Learned learn_configuration(ServerId from, const wire::Notification& message, Now now,
                              ElectionEffects& effects);
  void keep_for_next_election(ServerId from, const wire::Notification& message, Now now);
  void note_facts(ServerId from, const wire::Notification& message, Now now);
  void elect(ServerId from, const wire::Notification& message, Now now, ElectionEffects& effects);
  void count_looking_vote(ServerId from, const Vote& vote, Now now, ElectionEffects& effects);
  void count_settled_vote(ServerId from, const wire::Notification& message, Now now,
                          ElectionEffects& effects);
  bool is_leader_ok(const VoteTable& votes, const Vote& vote) const;
  void watch_for_hopelessness(ServerId from, const wire::Notification& message,
                              ElectionEffects& effects);
  void note_allegiance(ServerId from, const wire::Notification& message);
  void give_up_leading_if_hopeless(ElectionEffects& effects);
  void watch_refusal(ServerId peer, ElectionEffects& effects);
  void abandon(std::string reason, ElectionEffects& effects);

  const ServerId self;
  const ElectionOptions options;
  Membership committed;
  std::string committed_text;

  wire::PeerState state = wire::PeerState::kLooking;
  Vote current;       // the result of the last election
  int64_t round = 0;  // the logical clock
  bool has_looked = false;

  // While an election runs.
  bool is_electing = false;
  Zxid last_zxid;
  Epoch current_epoch = 0;
  std::string why;
  Vote proposal;
  VoteTable round_votes;    // `recv`: votes of this round
  VoteTable settled_votes;  // `out`: votes of servers that are not looking
  std::deque<Vote> own_messages;
  int64_t resend_interval_ms = 0;
  int64_t resend_at = kNever;
  int64_t finalize_at = kNever;  // a quorum agreed; decided then, unless a better vote comes

  ServerSet lied;  // voters whose impossible votes were told of in this election

  // Facts of this round for rule 16; who refused, also for rule 17.
  std::map<ServerId, Vote> latest_looking;
  std::set<ServerId> refused;

  // Between the decision and the moment when the role is certain, for rule 17.
  bool is_epoch_fixed = false;
  bool is_established = false;
  bool is_abandoned = false;
  std::map<ServerId, ServerId> follows;  // voter → whom it said it follows or is
  ServerSet turned_away;                 // voters whose last word was for somebody else

  // Votes that came before this server itself began to look, for instance because a peer noticed
  // the loss of the leader first. To the peer it looks as if its message had taken longer.
  struct Early {
    wire::Notification message;
    int64_t at_us;
  };
  std::map<ServerId, Early> early_messages;

  ElectionRecorder recorder;
};

// "server 1", "servers 1, 2 and 4".
std::string server_list(const std::vector<ServerId>& ids);

// The vote that a message carries.
Vote vote_of(const wire::Notification& message);

}  // namespace zooid::zab
