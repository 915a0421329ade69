// What a replica tells of itself when it is asked (rule 27).
#include "server/replica.h"

namespace zooid::server {

void Replica::inspect(const Inspect& request, Now now) {
  auto facts = std::make_shared<ReplicaFacts>();
  const state::Database& database = *core_.database;
  facts->server_id = core_.self().value;
  facts->serving = core_.is_serving();
  facts->last_zxid = database.last_zxid();
  facts->node_count = database.tree().node_count();
  facts->ephemeral_count = database.tree().ephemeral_count();
  facts->data_size = database.tree().data_size();
  facts->session_count = database.sessions().size();
  facts->local_session_count = core_.local_sessions.size();
  facts->uptime_ms = (now.mono_us - started_us_) / 1000;
  facts->digest_mismatches = core_.digest_mismatches;
  const storage::LogFigures figures = core_.log.figures();
  facts->syncs = figures.syncs;
  facts->sync_us_total = figures.sync_us_total;
  facts->sync_us_max = figures.sync_us_max;
  facts->fsync_threshold_exceeded = figures.slow_syncs;
  facts->log_waiting_bytes = figures.waiting_bytes;
  facts->log_waiting_bytes_max = figures.waiting_bytes_max;
  facts->log_limit_hit = core_.log_limit_hit;
  facts->slow_disk_leaves = core_.slow_disk_leaves;
  add_role_facts(*facts, now);
  if (core_.is_untrusted) {
    facts->trouble = "waits for a leader that the others elect: " + core_.why_untrusted;
  }
  if (const auto* mute = std::get_if<CannotWrite>(&role_)) facts->trouble = mute->trouble;
  if (core_.config.is_ensemble()) {
    facts->quorum_size = static_cast<int32_t>(membership_.voters().size());
    facts->membership_text = membership_.text();
    if (facts->peer_state.empty()) facts->peer_state = "looking";
  }
  if (request.with_sessions) add_sessions(*facts, now);
  if (request.with_quotas) {
    facts->quotas = state::quotas_by_namespace(database.tree());
    facts->quota_exceeded = core_.quota_exceeded();
  }
  if (request.with_directories) {
    measuring_.emplace(++last_ticket_, WaitingFacts{request.origin, std::move(facts)});
    return core_.history.submit(storage::MeasureDirectories{last_ticket_});
  }
  core_.tell(request.origin.shard, InspectReply{request.origin.connection, std::move(facts)});
}

void Replica::add_sessions(ReplicaFacts& facts, Now now) {
  std::map<SessionId, int64_t> expiry;
  Primary* primary = nullptr;
  if (auto* leader = std::get_if<std::unique_ptr<LeaderRole>>(&role_))
    primary = (*leader)->primary();
  if (auto* alone = std::get_if<std::unique_ptr<StandaloneRole>>(&role_)) {
    primary = &(*alone)->primary();
  }
  if (primary != nullptr) {
    for (const auto& [bucket_us, sessions] : primary->tracker().buckets()) {
      for (const SessionId session : sessions) {
        expiry[session] = now.wall_ms + (bucket_us - now.mono_us) / 1000;
      }
    }
  }
  for (const auto& [session, timeout_ms] : core_.database->sessions()) {
    const auto it = expiry.find(session);
    facts.sessions.push_back({session, timeout_ms, it == expiry.end() ? 0 : it->second});
  }
  if (core_.has_local_sessions() || core_.is_read_only()) {
    auto& local = facts.local_sessions.emplace();
    for (const auto& [bucket_us, sessions] : core_.local_sessions.buckets()) {
      const int64_t wall_ms = now.wall_ms + (bucket_us - now.mono_us) / 1000;
      for (const SessionId session : sessions) {
        local.push_back({session, core_.local_sessions.timeout_ms(session), wall_ms});
      }
    }
  }
  facts.ephemeral_owners = core_.database->tree().ephemeral_owners();
}

}  // namespace zooid::server
