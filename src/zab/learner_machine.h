// The state of a Learner, shared by its sources: learner.cc (interface, time, discovery, the
// packets after UPTODATE), learner_sync.cc (from the opening packet to UPTODATE; proposals and
// commits).
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "zab/learner.h"
#include "zab/sync_plan.h"

namespace zooid::zab {

// The steps of 3.1.
enum class LearnerPhase {
  kConnecting,
  kInfo,       // FOLLOWERINFO sent, LEADERINFO expected
  kPromise,    // acceptedEpoch is being written
  kOpening,    // ACKEPOCH sent; DIFF, TRUNC or SNAP expected
  kStream,     // the snapshot stream runs
  kSync,       // packets up to NEWLEADER
  kChain,      // NEWLEADER came; what must be durable before its ACK is under way
  kUpToDate,   // ACK sent, UPTODATE expected
  kFollowing,  // established
  kOver,       // gave up
};

struct Learner::Machine {
  Machine(LearnerStart learner_start, LearnerOptions learner_options, Now now);

  LearnerStart start;
  LearnerOptions options;
  bool is_observer = false;
  LearnerPhase phase = LearnerPhase::kConnecting;
  int64_t packet_due_us = kNever;  // the leader must be heard before
  Epoch epoch = 0;

  // Synchronisation.
  SyncMode mode = SyncMode::kSnap;
  Zxid opening_zxid;            // of the opening packet
  bool is_data_ready = false;   // snapshot installed, log cut: appends may follow
  std::vector<WindowTxn> held;  // proposals that wait for that
  size_t held_bytes = 0;
  uint64_t sync_count = 0;  // transactions before NEWLEADER
  Zxid chain_end;           // the last of those: durable before currentEpoch is
  bool is_epoch_asked = false;
  std::optional<Membership> configuration;  // NEWLEADER's

  // History, all in zxid order: emitted <= commit_to <= received; acked, synced <= appended <=
  // received.
  Zxid received;             // last proposal
  Zxid synced;               // durable in the own log or snapshot
  Zxid commit_to;            // the leader committed up to here
  Zxid emitted;              // told to the owner as committed
  std::deque<Zxid> pending;  // proposals without COMMIT
  std::deque<Zxid> to_ack;   // appended, not acknowledged one by one

  bool is_over() const { return phase == LearnerPhase::kOver; }
  bool is_established() const { return phase == LearnerPhase::kFollowing; }
  int64_t limit_us(int32_t ticks) const { return ms_to_us(options.tick_ms) * ticks; }

  // learner.cc
  void give_up(std::string reason, LearnerEffects& effects);
  void expect_packet(Now now);
  std::string judge_epoch(Zxid zxid) const;
  void on_leader_info(const wire::QuorumPacket& packet, LearnerEffects& effects);
  void send_ack_epoch(int32_t current_epoch, LearnerEffects& effects);
  void on_following_packet(const wire::QuorumPacket& packet, LearnerEffects& effects);
  void on_revalidated(const wire::QuorumPacket& packet, LearnerEffects& effects);

  // learner_sync.cc
  void on_opening(const wire::QuorumPacket& packet, LearnerEffects& effects);
  void on_trunc(Zxid target, LearnerEffects& effects);
  void begin_history(Zxid last);
  void data_is_ready(LearnerEffects& effects);
  void on_sync_packet(const wire::QuorumPacket& packet, Now now, LearnerEffects& effects);
  void on_newleader(const wire::QuorumPacket& packet, LearnerEffects& effects);
  void advance_chain(LearnerEffects& effects);
  void on_current_epoch_persisted(Now now, LearnerEffects& effects);
  void on_uptodate(LearnerEffects& effects);
  std::string judge_proposal(const wire::QuorumPacket& packet) const;
  void on_proposal(const wire::QuorumPacket& packet, LearnerEffects& effects);
  void on_commit(Zxid zxid, LearnerEffects& effects);
  void on_inform(const wire::QuorumPacket& packet, LearnerEffects& effects);
  void emit_committed(LearnerEffects& effects);
  void send_acks(LearnerEffects& effects);
  std::string check_configuration(std::string_view text);
};

}  // namespace zooid::zab
