// Writes the record of the running election and of the role that follows from it. Part of the
// election machine: it decides nothing.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "zab/election_record.h"

namespace zooid::zab {

class ElectionRecorder {
 public:
  // A new election begins. A record whose election, or whose way into the new epoch, has not come
  // to its end is closed as abandoned. `detected_us`: mono, 0 if unknown.
  void begin(ServerId self, std::string why, int64_t detected_us, Now now);
  // The round changed by adoption: votes of former rounds are no candidates any more.
  void enter_round(int64_t round);
  // A vote that could have won this round.
  void add_candidate(const Vote& vote);

  // A peer's message. Exact repetitions (re-sends, a last message sent again) are not events.
  void received(ServerId peer, wire::PeerState state, const Vote& vote, Now now);
  void proposed(ServerId self, const Vote& vote, Now now);
  void refused(ServerId peer, Now now);
  void connected(ServerId peer, Now now);
  void quorum_reached(ServerId self, const Vote& vote, Now now);
  void decided(const Vote& winner, wire::PeerState role, bool is_joining, std::string early_reason,
               Now now);

  // The election, or the role that came from it, ended early.
  void abandoned(std::string why, Now now);

  void epoch_promised(Epoch epoch, Now now);
  void synchronised(std::string how, Now now);
  void epoch_established(Epoch epoch, Now now);
  void first_commit(Now now);

  std::vector<ElectionRecord> take_changed();
  // The record of the election that runs; nullptr while none does.
  const ElectionRecord* running() const { return phase_ == Phase::kElecting ? &record_ : nullptr; }
  // When a peer's last message of this election came (wall); 0: none came.
  int64_t last_heard_wall_ms(ServerId peer) const {
    const auto it = heard_wall_ms_.find(peer);
    return it == heard_wall_ms_.end() ? 0 : it->second;
  }

 private:
  // The phase that the record waits to see the end of.
  enum class Phase { kIdle, kElecting, kDiscovering, kSynchronising, kServing, kClosed };

  void add_event(ElectionEvent::Kind kind, ServerId peer, wire::PeerState state, const Vote& vote,
                 Now now);
  void set_rule(bool is_joining);
  int64_t end_phase(Phase next, Now now);
  void flush();

  ElectionRecord record_;
  Phase phase_ = Phase::kIdle;
  int64_t began_us_ = 0;
  int64_t phase_began_us_ = 0;
  bool changed_ = false;
  std::map<ServerId, Vote> candidates_;  // by leader, the best seen in this round
  std::map<ServerId, std::pair<wire::PeerState, Vote>> last_received_;
  std::map<ServerId, int64_t> heard_wall_ms_;
  std::vector<ElectionRecord> finished_;
};

}  // namespace zooid::zab
