#include "zab/learner_progress.h"

#include <algorithm>

#include "base/assert.h"
#include "base/mark.h"
#include "wire/jute.h"

namespace zooid::zab {

using wire::PacketType;
using wire::write_packet;

const char* stage_name(LearnerStage stage) {
  switch (stage) {
    case LearnerStage::kInfo:
      return "its introduction";
    case LearnerStage::kEpoch:
      return "the new epoch";
    case LearnerStage::kAckEpoch:
      return "its ACKEPOCH";
    case LearnerStage::kEpochQuorum:
      return "the quorum of ACKEPOCHs";
    case LearnerStage::kAwaitsQuorum:
      return "the quorum of NEWLEADER acks, to be brought in line";
    case LearnerStage::kReach:
      return "the choice of its synchronisation";
    case LearnerStage::kHistory:
      return "the log files";
    case LearnerStage::kSnapshot:
      return "its snapshot";
    case LearnerStage::kSync:
      return "its synchronisation";
    case LearnerStage::kNewLeader:
      return "its ACK of NEWLEADER";
    case LearnerStage::kUpToDate:
      return "the quorum of NEWLEADER acks";
    case LearnerStage::kBroadcast:
      return "nothing, it is synchronised";
  }
  return "";
}

std::optional<LeaderEffects::History> LearnerProgress::pump(const BroadcastView& view,
                                                            size_t bytes_max, std::string& out,
                                                            Now now) {
  const size_t limit = out.size() + bytes_max;
  out.append(queued);
  queued.clear();
  if (stage < LearnerStage::kSync) return std::nullopt;
  if (stage == LearnerStage::kUpToDate && view.is_established && view.committed >= held) {
    send_uptodate(view, out, now);
  }
  if (is_ping_due && stage > LearnerStage::kSync) {
    write_packet(out, PacketType::kPing, std::max(view.proposed, Zxid::make(view.epoch, 0)));
    is_ping_due = false;
    if (stage == LearnerStage::kBroadcast) pings_under_way.push_back(view.rounds_begun);
  }
  send_answers(view, out);
  while (out.size() < limit) {
    if (send_commit(view, out)) {
      send_answers(view, out);
      continue;
    }
    if (stage == LearnerStage::kSync && cursor >= sync_end) {
      send_newleader(view, out, now);
      continue;
    }
    const WindowTxn* next = next_txn(view);
    if (next == nullptr) break;
    send_txn(view, *next, out, now);
    send_answers(view, out);
  }
  if (slice.empty() && cursor < view.log_end && !is_history_asked) {
    MARK("leader.cursor_behind_window");
    is_history_asked = true;
    return LeaderEffects::History{key, cursor, view.log_end};
  }
  return std::nullopt;
}

const WindowTxn* LearnerProgress::next_txn(const BroadcastView& view) const {
  const WindowTxn* next = nullptr;
  if (!slice.empty()) {
    next = &slice.front();
  } else if (cursor >= view.log_end) {
    const auto above = view.window.above(cursor);
    if (above != view.window.txns().end()) next = &*above;
  }
  // An observer hears of a transaction only once it is committed.
  if (next != nullptr && is_observer && next->zxid > view.committed) return nullptr;
  return next;
}

void LearnerProgress::send_txn(const BroadcastView& view, const WindowTxn& txn, std::string& out,
                               Now now) {
  const Zxid zxid = txn.zxid;
  ASSERT(zxid > cursor);
  // A gap makes a learner of 3.9.4+ drop the link and an older one lose a transaction.
  ASSERT(follows(cursor, zxid));
  if (is_observer && zxid > sync_end) {
    ASSERT(zxid <= view.committed);
    write_packet(out, PacketType::kInform, zxid, txn.txn.view());
    cursor = commit_mark = zxid;
  } else {
    const bool owed_nothing = !owes_ack();
    const bool all_told = commit_mark >= cursor;
    write_packet(out, PacketType::kProposal, zxid, txn.txn.view());
    cursor = zxid;
    if (owed_nothing) ack_wait_since_us = now.mono_us;
    if (zxid <= view.committed) {
      ASSERT(all_told);  // the caller told all commits that were due
      write_packet(out, PacketType::kCommit, zxid);
      commit_mark = zxid;
    }
  }
  if (stage == LearnerStage::kSync) ++sync_count;
  if (!slice.empty()) slice.pop_front();
}

bool LearnerProgress::send_commit(const BroadcastView& view, std::string& out) {
  if (commit_mark >= std::min(cursor, view.committed)) return false;
  const Zxid zxid = successor(commit_mark, view.epoch);
  // A COMMIT that is not the learner's oldest pending proposal stops a Java server.
  ASSERT(zxid > commit_mark && zxid <= cursor);
  ASSERT(zxid <= view.committed);
  write_packet(out, PacketType::kCommit, zxid);
  commit_mark = zxid;
  return true;
}

void LearnerProgress::send_newleader(const BroadcastView& view, std::string& out, Now now) {
  ASSERT(stage == LearnerStage::kSync);
  ASSERT(cursor >= sync_end);
  write_packet(out, PacketType::kNewLeader, Zxid::make(view.epoch, 0), view.newleader_text);
  stage = LearnerStage::kNewLeader;
  ack_floor = cursor;
  packet_due_us = now.mono_us + view.init_us;
}

void LearnerProgress::send_uptodate(const BroadcastView& view, std::string& out, Now now) {
  ASSERT(stage == LearnerStage::kUpToDate);
  ASSERT(view.is_established);
  write_packet(out, PacketType::kUpToDate, Zxid{-1});
  stage = LearnerStage::kBroadcast;
  // Before UPTODATE a learner answers no PING and acknowledges no proposal: the time begins now.
  packet_due_us = now.mono_us + view.sync_us;
  note_sign_of_life(now, view.sync_us);
  ack_wait_since_us = now.mono_us;
  if (round_confirmed < view.rounds_begun) is_ping_due = true;
}

void LearnerProgress::send_answers(const BroadcastView& view, std::string& out) {
  const auto is_told = [&](Zxid after) {
    return after.epoch() != view.epoch || after.counter() == 0 || commit_mark >= after;
  };
  while (!revalidate_answers.empty() && is_told(revalidate_answers.front().after)) {
    std::string data;
    wire::Writer(data).i64(revalidate_answers.front().session.value);
    wire::Writer(data).boolean(revalidate_answers.front().valid);
    write_packet(out, PacketType::kRevalidate, Zxid{-1}, data);
    revalidate_answers.pop_front();
  }
  // A later commit, which goes out next, proves as much as the round does.
  const auto is_confirmed = [&](const Sync& sync) {
    return sync.round <= view.round_confirmed || view.committed > sync.after;
  };
  while (!syncs.empty() && is_told(syncs.front().after) && is_confirmed(syncs.front())) {
    write_packet(out, PacketType::kSync, Zxid{0});
    syncs.pop_front();
  }
}

}  // namespace zooid::zab
