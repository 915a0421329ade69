// Fast leader election (election-protocol 3 to 5), pure. It also answers notifications while the
// server leads or follows. The larger epoch wins, then the larger zxid, then the larger server id.
//
// Owned by the replica, stepped on its thread. Connections, send slots and the repetition of the
// last message on a new connection belong to the election links (server/election_links.h).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "wire/notification.h"
#include "zab/election_record.h"
#include "zab/looking_report.h"
#include "zab/membership.h"

namespace zooid::zab {

struct ElectionOptions {
  int64_t finalize_wait_ms = 200;     // silence after a quorum agreed (5.3)
  int64_t notification_min_ms = 200;  // re-send interval, doubling
  int64_t notification_max_ms = 60'000;
  bool end_early = true;  // rule 16
  // reconfigEnabled: a newer configuration is taken from a member while looking (4.2). Without it
  // no message changes who belongs to the ensemble.
  bool learns_configurations = false;
};

// The result of an election.
struct Decision {
  wire::PeerState role;  // kLeading, kFollowing or kObserving
  Vote vote;             // becomes the current vote
};

struct ElectionEffects {
  // To every receiver in order; never to oneself (that is handled inside).
  std::vector<std::pair<ServerId, wire::Notification>> sends;
  std::optional<Decision> decision;
  // Rule 17: the attempt to follow or to lead is hopeless; the role is to be ended and a new
  // election started with this reason.
  std::optional<std::string> abandon;
  // A newer configuration was learned while looking and is the committed one now (4.2): to be kept
  // and given to the links. Quorums of the next role are its.
  std::optional<Membership> adopted;
  // A voter has a configuration that this build cannot honour (rule 14), so its votes do not count
  // here. The server must leave the ensemble and exit with this reason, if it is sure that the
  // voter said so: anybody can claim to be one.
  std::optional<std::string> unsupported;
};

class Election {
 public:
  Election(ServerId self, Membership committed, ElectionOptions options);

  // Starts an election (5.1): round + 1. `zxid` is the last durably logged one (rule 5),
  // kZxidUntrusted for untrusted emptiness; `epoch` is currentEpoch. `why`: why there is no leader,
  // for the record. `detected_us`: when the loss was noticed first (mono; for the record's detect
  // phase, or 0).
  void look(Zxid zxid, Epoch epoch, std::string why, int64_t detected_us, Now now,
            ElectionEffects& effects);

  // A message on the election port, in any state (4). `from` is the id of the connection's peer.
  void on_notification(ServerId from, const wire::Notification& notification, Now now,
                       ElectionEffects& effects);
  // Facts about connections in this round: made newly (the re-send interval returns to its minimum,
  // rule 17), or refused by the peer's host (rules 16 and 17).
  void on_peer_connected(ServerId peer, Now now, ElectionEffects& effects);
  void on_peer_refused(ServerId peer, Now now, ElectionEffects& effects);
  void on_timer(Now now, ElectionEffects& effects);
  int64_t next_deadline() const;

  // The role that the decision gave has ended; the next election comes with look(). Until then the
  // server answers as one that is looking, and keeps the votes that arrive for look().
  void on_role_ended();
  // The committed configuration was changed by the leader (NEWLEADER's, taken at UPTODATE).
  void on_membership(Membership committed);
  // The new epoch is established: it becomes the current vote's peerEpoch (5.6).
  void on_epoch_established(Epoch epoch, Now now);
  // The first transaction of the new epoch was committed here: closes the record.
  void on_first_commit(Now now);
  // Discovery and synchronisation milestones for the record.
  void on_epoch_promised(Epoch epoch, Now now);    // ACKEPOCH sent, or a quorum of them received
  void on_synchronised(Now now, std::string how);  // learner: sync packets done ("DIFF 12 txns")
  // Gives records that changed since the last call (the current one, updated), for writing.
  std::vector<ElectionRecord> take_records();
  // What is known of the election that runs; nullopt while none does.
  std::optional<LookingReport> looking_report(Now now) const;

  wire::PeerState state() const;
  const Vote& current_vote() const;
  int64_t round() const;
  const Membership& membership() const;  // committed
  ~Election();

 private:
  struct Machine;
  std::unique_ptr<Machine> machine_;
};

}  // namespace zooid::zab
