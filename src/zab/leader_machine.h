// The state of a Leader, shared by its sources: leader.cc (interface, time), leader_discovery.cc
// (epoch, NEWLEADER quorum), leader_sync.cc (one learner's synchronisation), leader_broadcast.cc
// (proposals, acknowledgements, packets of synchronised learners).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/line_limit.h"
#include "zab/leader.h"
#include "zab/learner_progress.h"

namespace zooid::zab {

// The steps of 3.3. Each but the last is bounded by initLimit ticks.
enum class LeaderPhase {
  kDiscovery,      // a quorum must be heard, then the epoch is fixed
  kAcceptedEpoch,  // acceptedEpoch is being written
  kEpochAcks,      // a quorum must have sent ACKEPOCH
  kNewLeaderAcks,  // a quorum must have acknowledged NEWLEADER
  kEstablished,
  kOver,  // abdicated
};

struct Leader::Machine {
  Machine(LeaderStart leader_start, LeaderOptions leader_options, TxnWindow& shared_window,
          Now now);

  LeaderStart start;
  LeaderOptions options;
  TxnWindow& window;
  Membership announced;
  std::string announced_text;
  LeaderPhase phase = LeaderPhase::kDiscovery;
  int64_t phase_due_us = kNever;
  std::map<LearnerKey, LearnerProgress> learners;

  // Discovery. These sets outlive connections: a promise on disk holds.
  Epoch epoch = 0;           // 0 until fixed
  Epoch accepted_epoch_max;  // over all heard so far, this server included
  ServerSet heard;           // voters, this server included
  ServerSet epoch_acks;
  ServerSet newleader_acks;

  // Members whose synchronisation has failed lately: they are welcomed again after a while, so that
  // what fails each time does not fail a hundred times a second. Those not in the configuration
  // have no state here.
  std::map<ServerId, uint32_t> failures;  // in a row

  // Broadcast. Zxids of transactions; those of older epochs until there is one in this.
  Zxid
      history_last;  // the last one before this leadership; counter 0 if only a snapshot's is known
  Zxid proposed;
  Zxid committed;
  Zxid own_synced;
  std::vector<Zxid> ack_scratch;
  // Rounds of confirm(): a learner confirms those that had begun when the PING left that it
  // answers.
  uint64_t rounds_begun = 0;
  uint64_t round_confirmed = 0;  // by a quorum
  std::vector<uint64_t> round_scratch;
  std::vector<LeaderEffects::History> wanted_history;  // by pumps
  // The log files have failed a learner behind this zxid: who needs them there gets a SNAP.
  Zxid unreadable_behind;

  // Of voters whose connection has ended, and, when it is asked for, of all: for people.
  std::map<ServerId, int64_t> last_heard_us;
  LineLimit refusals_told;

  int64_t beat_due_us = kNever;  // every tickTime / 2
  uint64_t beats = 0;

  bool is_over() const { return phase == LeaderPhase::kOver; }
  bool is_established() const { return phase == LeaderPhase::kEstablished; }
  int64_t limit_us(int32_t ticks) const { return ms_to_us(options.tick_ms) * ticks; }
  LearnerProgress* find(LearnerKey key);
  BroadcastView view() const;

  // leader.cc
  void adopt_window();
  void enter(LeaderPhase next, Now now);
  void abdicate(std::string reason, LeaderEffects& effects);
  void forget(LearnerKey key);
  // Ends the connection; the learner is gone afterwards.
  void close(LearnerKey key, std::string reason, LeaderEffects& effects);
  void beat(Now now, LeaderEffects& effects);
  bool is_quorum_on_its_way(Now now) const;
  void check_learner_times(Now now, LeaderEffects& effects);
  void check_quorum_alive(Now now, LeaderEffects& effects);
  std::string missing_voters(const ServerSet& present) const;
  void note_heard(const LearnerProgress& learner);
  // Those who are not present, with when they were heard last.
  std::string silent_voters(const ServerSet& present, Now now);

  // leader_discovery.cc
  void on_learner_info(LearnerProgress& learner, const wire::QuorumPacket& packet, Now now,
                       LeaderEffects& effects);
  std::string judge_accepted_epoch(ServerId server, Zxid zxid) const;
  void welcome_when_due(LearnerProgress& learner, Now now);
  void welcome(LearnerProgress& learner, Now now);
  void welcome_due(Now now);
  void count_failure(const LearnerProgress& learner);
  int64_t next_welcome() const;
  bool has_stranger_limit_reached() const;
  void try_fix_epoch(Now now, LeaderEffects& effects);
  void on_accepted_epoch_persisted(Now now, LeaderEffects& effects);
  void on_ack_epoch(LearnerProgress& learner, const wire::QuorumPacket& packet, Now now,
                    LeaderEffects& effects);
  void try_promise(Now now, LeaderEffects& effects);
  void on_newleader_ack(LearnerProgress& learner, Zxid zxid, Now now, LeaderEffects& effects);
  void try_establish(Now now, LeaderEffects& effects);

  // leader_sync.cc
  Zxid last_processed() const;
  Zxid log_end() const;
  void synchronise(LearnerProgress& learner, DiskReach reach, LeaderEffects& effects);
  DiskReach unasked_reach() const;
  std::vector<LearnerKey> keys_in(LearnerStage stage) const;
  void admit_waiting(LeaderEffects& effects);
  void begin_cut(LearnerProgress& learner);
  void begin_packets(LearnerProgress& learner, Zxid from);
  void begin_snapshot(LearnerProgress& learner, LeaderEffects& effects);
  void on_first_history(LearnerProgress& learner, const std::vector<WindowTxn>& slice,
                        LeaderEffects& effects);
  void on_more_history(LearnerProgress& learner, const std::vector<WindowTxn>& slice,
                       LeaderEffects& effects);
  void on_snapshot_begun(LearnerProgress& learner, Zxid zxid);
  void on_snapshot_sent(LearnerProgress& learner);

  // leader_broadcast.cc
  void propose(Zxid zxid, Bytes txn, LeaderEffects& effects);
  void trim_window();
  void on_ack(LearnerProgress& learner, Zxid zxid, Now now, LeaderEffects& effects);
  void try_commit(LeaderEffects& effects);
  uint64_t confirm(LeaderEffects& effects);
  void on_ping_answered(LearnerProgress& learner, Zxid zxid, LeaderEffects& effects);
  void try_confirm(LeaderEffects& effects);
  void on_synced_packet(LearnerProgress& learner, const wire::QuorumPacket& packet, Now now,
                        LeaderEffects& effects);
  bool take_touches(const LearnerProgress& learner, std::string_view table,
                    LeaderEffects& effects) const;
  bool take_revalidate(const LearnerProgress& learner, std::string_view data,
                       LeaderEffects& effects) const;
};

}  // namespace zooid::zab
