// Known bugs, planted one at a time, to test the simulator: each has to be found within a stated
// number of seeds (`zooid sim --planted`). In an ordinary build none of them exists and
// is_planted() is a constant; -DZOOID_PLANTED_BUGS=ON builds them in.
#pragma once

namespace zooid {

enum class PlantedBug {
  kNone,
  kAckBeforeSync,        // a batch is acknowledged, its fdatasync left out
  kRecoveredNotSynced,   // what a killed process had written counts as durable
  kNameNotSynced,        // a new log file's directory is not synced
  kSkipTruncate,         // TRUNC is confirmed and not carried out
  kLoseEpochFile,        // a promise that was never written
  kSnapshotNotSynced,    // a snapshot gets its name before its bytes are durable
  kTornTailAccepted,     // no checksum is compared when a log is read
  kCommitWithoutQuorum,  // the leader's own acknowledgement is enough
  kAcceptOldEpoch,       // a learner follows a leader of an epoch below its promise
  kExpireEarly,          // a session's time-out is cut to a quarter
  kResurrectEphemeral,   // closeSession leaves a node behind
  kReuseSequence,        // sequential numbers come twice
  kVersionNotCompared,   // a conditional write is not conditional
  kSnapshotCursorLost,   // a snapshot leaves a node out
  kNoIncarnationCheck,   // a completion of an old role counts for the new one
  kVoteWithTreeVersion,  // a vote tells what is applied, not what is logged
  kServeClientFromPast,  // a client that has seen more is served all the same
  kSyncAnsweredAtOnce,   // sync does not wait for what is proposed
  kReplyToWrongRequest,  // the oldest waiting write gets whatever comes
  kWatchAfterData,       // replies go before the events of their transaction
  // Known bugs of ZooKeeper, by the number of their ticket, as far as one server can have them.
  kZk3911,                  // the ACK of NEWLEADER leaves before the proposals behind it are synced
  kZk3023,                  // currentEpoch is written before the leader's snapshot is in place
  kZk4643,                  // currentEpoch is written before the history that was cut or sent
  kZk4646,                  // a leader counts its own log before it is synced
  kZk4785,                  // a proposal is acknowledged when it arrives
  kZk4925,                  // what came before UPTODATE is applied and never logged
  kZk3144,                  // a closeSession that is replayed leaves the ephemerals
  kZk4541,                  // an ephemeral is made for a session that is gone
  kCumulativeAck,           // an ACK counts for everything proposed so far
  kApplyBeforeCommit,       // a follower applies what is only proposed
  kWatchLost,               // a node's deletion fires no watch on it
  kPersistentFiresOnce,     // a persistent watch goes with its first event
  kUnusedContainerReaped,   // a container that never had a child is taken for an empty one
  kAclVersionKept,          // setACL does not count
  kStrangersConfiguration,  // a configuration is taken from whoever sends one
  kUnreadableTxnLogged,     // a proposal is logged whatever its bytes are
  kCutAtBadEntry,           // TRUNC takes a damaged entry for the end of the log
  kUntrustedForgotten,      // an emptied server is trusted again after a restart
  kDiscardKeepsEpoch,       // who gives up its history keeps its currentEpoch
  kDamageTakenForTorn,      // what is noted of synced bytes is not looked at
  kRoomNotTold,             // who wants room for more output and has it is not called again
  kLeftLeaderWaits,         // a would-be leader that its voters have left waits for initLimit
  kReplayedNotCounted,      // what a start replays does not count for the next snapshot
  kSnapBelowLearner,        // a would-be leader's SNAP lies below what the learner has logged
  kSyncEndAtWalkBegin,      // a SNAP counts as whole at the zxid at which its walk began
  kDiffFromDamagedLog,      // a learner that the log files have failed is served from them again
  kEarlyAckForgotten,       // an ACK from before the ACK of NEWLEADER is not counted with it
  kPingPartCounts,          // each part of a PING's answer counts as an answer
  kLast
};

const char* planted_bug_name(PlantedBug bug);
// From now on this one and no other exists. Stops the process in a build without them.
void plant(PlantedBug bug);
bool can_plant();

#ifdef ZOOID_PLANTED_BUGS
inline PlantedBug planted_bug = PlantedBug::kNone;
inline bool is_planted(PlantedBug bug) {
  return planted_bug == bug;
}
#else
constexpr bool is_planted(PlantedBug) {
  return false;
}
#endif

}  // namespace zooid
