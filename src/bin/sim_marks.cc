#include "bin/sim_marks.h"

#include <fmt/format.h>

#include <algorithm>

namespace zooid::bin {
namespace {

// tools/check_marks.py keeps these two lists equal to the MARKs of the source.
//
// What 2,000 seeds with three servers and mixed faults have reached.
constexpr const char* kSimulated[] = {
    "client.idle_closed",
    "client.outstanding_pause",
    "client.session_is_ending",
    "client.zxid_ahead",
    "election.attempt_abandoned",
    "election.better_vote_while_finalizing",
    "election.early_message_replayed",
    "election.elected_server_refuses",
    "election.ended_early",
    "election.joined_existing",
    "election.joined_in_this_round",
    "election.later_round_while_finalizing",
    "election.round_adopted",
    "election.would_be_leader_without_followers",
    "election_links.called_back",
    "election_links.hello_asks_for_a_connection",
    "election_links.unsent_message_replaced",
    "follower.reload_after_trunc",
    "follower.request_held",
    "leader.beat_late",
    "leader.follower_is_ahead",
    "leader.cursor_behind_window",
    "leader.history_begins_later",
    "leader.history_in_slices",
    "leader.history_larger_than_worth",
    "leader.history_of_any_size",
    "leader.learner_connected_twice",
    "leader.learner_does_not_ack",
    "leader.learner_holds_outstanding",
    "leader.learner_silent",
    "leader.learner_zxid_not_in_log",
    "leader.phase_timeout",
    "leader.quorum_lost",
    "leader_link.leader_does_not_listen",
    "learner.leader_silent",
    "learner.tree_ahead_of_log",
    "memory_network.output_dropped_at_close",
    "memory_network.packet_held",
    "memory_network.reset_by_new_process",
    "pending_writes.no_match",
    "reaper.node_due",
    "replica.noticed_pause",
    "replica.reload_between_roles",
    "replica.stale_completion",
    "replica.stale_state",
    "replica.state_cannot_be_read",
    "replica.still_cannot_write",
    "replica.writes_again",
    "sim.damage_refused",
    "storage.append_dropped",
    "storage.append_failed",
    "storage.empty_log_removed",
    "storage.epoch_dropped",
    "storage.epoch_from_temporary",
    "storage.epoch_not_acknowledged",
    "storage.fill_ahead_failed",
    "storage.fill_ahead_not_synced",
    "storage.log_cut_back",
    "storage.log_failed",
    "storage.log_gap",
    "storage.log_reader_gap",
    "storage.padding_kept",
    "storage.snapshot_failed",
    "storage.snapshot_passed_over",
    "storage.snapshot_temporary_kept",
    "storage.torn_end_cut",
    "storage.write_trial_failed",
    "wall_clock.jump",
};

// What they have not, or in one seed alone: hostile or foreign peers, limits that are never met,
// standalone servers, real sockets. Unit tests and scenarios reach most of these.
constexpr const char* kElsewhere[] = {
    "client.auth_failed",
    "client.backlog_pause",
    "client.bad_frame_length",
    "client.connection_limit",
    "client.eager_acl_error",
    "client.global_session_at_read_only",
    "client.large_request_refused",
    "client.no_header",
    "client.output_dropped_for_others",
    "client.partial_request_dropped",
    "client.reply_kept",
    "client.reply_without_request",
    "client.slow_reader_closed",
    "client.unknown_operation",
    "client.waits_for_room",
    "client.wants_no_read_only",
    "connection_throttle.no_tokens",
    "connection_throttle.refused_by_chance",
    "election.configuration_not_supported",
    "election.configuration_unreadable",
    "election.restarted_with_newer_configuration",
    "election.round_too_large",
    "election.unknown_state_code",
    "election.untrusted_vote",
    "election.vote_for_a_stranger",
    "election.would_be_leader_gave_up",
    "election_links.half_open_limit",
    "election_links.members_changed",
    "election_links.message_ignored",
    "election_links.received_dropped",
    "election_links.receiver_unknown",
    "election_links.strangers_limit",
    "election_record.events_dropped",
    "follower.ephemeral_on_local_session",
    "leader.ack_before_newleader_ack",
    "leader.ack_of_unknown",
    "leader.ack_skips_proposal",
    "leader.bad_packet",
    "leader.counter_exhausted",
    "leader.history_lost",
    "leader.learner_forwards_too_much",
    "leader.learner_has_newer_configuration",
    "leader.learner_of_impossible_history",
    "leader.log_is_empty",
    "leader.log_with_gap",
    "leader.packet_out_of_turn",
    "leader.request_unreadable",
    "leader.snap_instead_of_damaged_log",
    "leader.surplus_awaits_quorum",
    "leader.surplus_cut_for_quorum",
    "leader.welcome_kept_back",
    "leader.window_with_gap",
    "learner.commit_is_not_oldest",
    "learner.configuration_refused",
    "learner.held_too_much",
    "learner.old_epoch",
    "learner.packet_out_of_turn",
    "learner.proposal_gap",
    "learner.trunc_target_not_in_log",
    "learner.unexpected_packet",
    "local_sessions.upgraded",
    "peer_listener.own_address_unknown",
    "posix: accepting rests",
    "posix: connected to itself",
    "posix: output dropped at close",
    "posix: stream drained",
    "preparer_close_session_without_paths",
    "preparer_over_soft_quota",
    "preparer_txn_too_large",
    "replica.acl_unexplained",
    "replica.apply_skipped",
    "replica.not_whole_not_served",
    "replica.stood_still_for_too_long",
    "replica.read_only",
    "state.acl_key_beyond_the_map",
    "state.create_of_existing_node",
    "state.delete_with_children",
    "state.digest_mismatch",
    "state.ephemeral_not_listed",
    "state.walk_leaves_new_node_to_replay",
    "state.walk_moved_by_delete",
    "state.walk_writes_former_acl",
    "storage.acl_still_unexplained",
    "storage.epoch_temporary_unfinished",
    "storage.log_damaged",
    "storage.log_damaged_before_last_file",
    "storage.log_reader_torn_file",
    "storage.replay_stopped",
    "storage.snapshot_load_stopped",
    "storage.torn_file_was_damaged",
    "storage.truncate_dropped",
    "storage.untrusted_emptiness",
    "throttle.refused",
    "throttle.stale_dropped",
    "throttle.stale_dropped_at_close",
    "throttle.write_outlives_connection",
};

}  // namespace

void MarksReport::add(uint64_t seed, const std::vector<std::string>& reached) {
  for (const std::string& mark : reached) {
    Reached& entry = reached_[mark];
    if (entry.seeds++ == 0) entry.first = seed;
  }
}

size_t MarksReport::missing() const {
  return static_cast<size_t>(std::ranges::count_if(
      kSimulated, [&](const char* mark) { return !reached_.contains(mark); }));
}

std::string MarksReport::text() const {
  std::string text = fmt::format("{:<48} {:>6}  first\n", "mark", "seeds");
  for (const auto& [mark, entry] : reached_) {
    text += fmt::format("{:<48} {:>6}  {}\n", mark, entry.seeds, entry.first);
  }
  for (const char* mark : kSimulated) {
    if (!reached_.contains(mark)) text += fmt::format("{:<48} {:>6}  MISSING\n", mark, 0);
  }
  for (const char* mark : kElsewhere) {
    if (!reached_.contains(mark)) text += fmt::format("{:<48} {:>6}  other tests\n", mark, 0);
  }
  return text + fmt::format("marks={} missing={}\n", reached_.size(), missing());
}

}  // namespace zooid::bin
