#include "server/word_reports.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/version.h"
#include "server/client_connection.h"
#include "server/four_letter_words.h"

namespace zooid::server {
namespace {

std::string hex(SessionId session) {
  return fmt::format("0x{:x}", static_cast<uint64_t>(session.value));
}

// Lines of mntr.
class MonitorLines {
 public:
  template <class Value>
  void add(std::string_view name, const Value& value) {
    text_ += fmt::format("zk_{}\t{}\n", name, value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

// As Java prints a double of this size.
std::string double_text(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find('.') == std::string::npos && text.find('e') == std::string::npos) text += ".0";
  return text;
}

void add_leader_lines(MonitorLines& lines, const ReplicaFacts& facts) {
  const int32_t non_voting =
      0;  // followers that are not in the configuration yet: no reconfig here
  lines.add("synced_followers", facts.synced_followers);
  lines.add("synced_non_voting_followers", non_voting);
  lines.add("synced_observers", facts.synced_observers);
  lines.add("learners", facts.learners);
  lines.add("leader_uptime", facts.leader_uptime_ms);
  lines.add("pending_syncs", facts.pending_syncs);
  lines.add("last_proposal_size", facts.proposal_last);
  lines.add("min_proposal_size", facts.proposal_min);
  lines.add("max_proposal_size", facts.proposal_max);
}

// One kind after another, of each the namespaces that have it.
void add_quotas(MonitorLines& lines, const ReplicaFacts& facts) {
  using Sum = std::optional<state::QuotaSum>;
  const auto add = [&](std::string_view kind, Sum state::NamespaceQuota::* sum,
                       int64_t state::QuotaSum::* value) {
    for (const auto& [name, quota] : facts.quotas) {
      if (!(quota.*sum)) continue;
      lines.add(fmt::format("{}_quota_{}_per_namespace", name, kind), *(quota.*sum).*value);
    }
  };
  add("count_limit", &state::NamespaceQuota::limit, &state::QuotaSum::count);
  add("bytes_limit", &state::NamespaceQuota::limit, &state::QuotaSum::bytes);
  add("count_usage", &state::NamespaceQuota::usage, &state::QuotaSum::count);
  add("bytes_usage", &state::NamespaceQuota::usage, &state::QuotaSum::bytes);
  for (const auto& [name, count] : facts.quota_exceeded) {
    lines.add(name + "_quota_exceeded_error_per_namespace", count);
  }
}

// What ZooKeeper prints behind the first block: the metrics that this server keeps, by its names.
void add_metrics(MonitorLines& lines, const ShardCore& core, const ReplicaFacts& facts,
                 const ProcessFacts& process) {
  const ShardCounters& counters = core.counters;
  lines.add("connection_request_count", counters.connect_requests);
  lines.add("connection_rejected", counters.connections_rejected);
  lines.add("sessionless_connections_expired", counters.sessionless_expired);
  lines.add("bytes_received_count", counters.bytes_received);
  lines.add("digest_mismatches_count", facts.digest_mismatches);
  lines.add("fsync_threshold_exceed_count", facts.fsync_threshold_exceeded);
  const double syncs = static_cast<double>(std::max<uint64_t>(facts.syncs, 1));
  lines.add("avg_fsynctime", static_cast<double>(facts.sync_us_total) / 1000 / syncs);
  lines.add("max_fsynctime", facts.sync_us_max / 1000);
  lines.add("cnt_fsynctime", facts.syncs);
  lines.add("sum_fsynctime", facts.sync_us_total / 1000);
  const RequestThrottle::Figures& throttled = core.throttle.figures();
  lines.add("throttled_ops", throttled.refused);
  lines.add("stale_requests", throttled.stale);
  lines.add("stale_requests_dropped", throttled.stale_dropped);
  lines.add("request_throttle_wait_count", throttled.waits);
  lines.add("zooid_outstanding_limit_hit", counters.outstanding_limit_hit);
  lines.add("zooid_backlog_limit_hit", counters.backlog_limit_hit);
  lines.add("zooid_slow_readers_closed", counters.slow_readers_closed);
  lines.add("zooid_output_bytes", core.network.output_bytes());
  lines.add("zooid_output_limit_hit", counters.output_limit_hit);
  lines.add("zooid_partial_request_bytes", core.incoming_bytes());
  lines.add("zooid_partial_requests_closed", counters.partial_requests_closed);
  lines.add("zooid_identity_limit_hit", counters.identity_limit_hit);
  lines.add("zooid_turns_cut", core.turns.turns_cut());
  lines.add("zooid_log_waiting_bytes", facts.log_waiting_bytes);
  lines.add("zooid_log_waiting_bytes_max", facts.log_waiting_bytes_max);
  lines.add("zooid_log_limit_hit", facts.log_limit_hit);
  lines.add("zooid_slow_disk_leaves", facts.slow_disk_leaves);
  const auto add_step = [&](std::string_view when, int64_t us, const std::string& what) {
    lines.add(fmt::format("zooid_loop_longest_step_{}ms", when),
              double_text(static_cast<double>(us) / 1000));
    lines.add(fmt::format("zooid_loop_longest_step_{}what", when), what.empty() ? "none" : what);
  };
  add_step("", process.loop_longest_us, process.loop_longest_what);
  add_step("last_minute_", process.loop_longest_minute_us, process.loop_longest_minute_what);
  lines.add("zooid_loop_steps_over_5ms", process.loop_long_steps);
}

}  // namespace

std::string connections_report(const ShardCore& core) {
  std::map<int64_t, std::vector<const ClientConnection*>> buckets;  // by whole seconds
  core.for_each_connection([&](const ClientConnection& connection) {
    if (!connection.is_closed())
      buckets[connection.expires_us() / 1'000'000 + 1].push_back(&connection);
  });
  const Now now = core.clock.now();
  std::string text = fmt::format("Connections dump:\nConnections Sets ({})/({}):\n", buckets.size(),
                                 core.connection_count());
  for (const auto& [second, connections] : buckets) {
    const int64_t wall_ms = now.wall_ms + (second * 1'000'000 - now.mono_us) / 1000;
    text += fmt::format("{} expire at {}:\n", connections.size(), date_text(wall_ms));
    for (const ClientConnection* connection : connections) {
      text += fmt::format("\tip: /{} sessionId: {}\n", connection->peer().text(),
                          hex(connection->session()));
    }
  }
  return text;
}

namespace {

// Sessions by the moment when they would expire. Those of no such moment count, but stand in no
// set: they end already.
void add_session_sets(const std::vector<ReplicaFacts::Session>& sessions, std::string& text) {
  std::map<int64_t, std::vector<SessionId>> sets;
  for (const auto& session : sessions) {
    if (session.expires_wall_ms != 0) sets[session.expires_wall_ms].push_back(session.id);
  }
  text += fmt::format("Session Sets ({})/({}):\n", sets.size(), sessions.size());
  for (const auto& [wall_ms, ids] : sets) {
    text += fmt::format("{} expire at {}:\n", ids.size(), date_text(wall_ms));
    for (const SessionId id : ids) text += fmt::format("\t{}\n", hex(id));
  }
}

void add_sessions(const ReplicaFacts& facts, std::string& text) {
  text += "SessionTracker dump:\n";
  const bool decides_expiry = facts.mode == "leader" || facts.mode == "standalone";
  if (facts.local_sessions) {
    text += "Local ";
    add_session_sets(*facts.local_sessions, text);
    if (decides_expiry) text += "Global ";
  }
  if (decides_expiry) return add_session_sets(facts.sessions, text);
  text += fmt::format("Global Sessions({}):\n", facts.sessions.size());
  for (const auto& session : facts.sessions) {
    text += fmt::format("{}\t{}ms\n", hex(session.id), session.timeout_ms);
  }
}

}  // namespace

std::string date_text(int64_t wall_ms) {
  return fmt::format("{:%a %b %d %H:%M:%S UTC %Y}",
                     fmt::gmtime(static_cast<std::time_t>(wall_ms / 1000)));
}

std::string version_line(const ShardCore& core) {
  return fmt::format("Zookeeper version: {}\n{}", kVersionText,
                     core.is_read_only ? "READ-ONLY mode; serving only read-only clients\n" : "");
}

std::string server_report(const ShardCore& core, const ReplicaFacts& facts) {
  const ShardCounters& counters = core.counters;
  std::string text = fmt::format(
      "Latency min/avg/max: {}/{}/{}\nReceived: {}\nSent: {}\nConnections: {}\nOutstanding: {}\n"
      "Zxid: 0x{:x}\nMode: {}\nNode count: {}\n",
      counters.latency.min_ms(), decimal_text(counters.latency.average_ms()),
      counters.latency.max_ms(), counters.received, counters.sent, core.connection_count(),
      core.outstanding(), static_cast<uint64_t>(facts.last_zxid.value), core.mode,
      facts.node_count);
  if (core.mode == "leader") {
    text += fmt::format("Proposal sizes last/min/max: {}/{}/{}\n", facts.proposal_last,
                        facts.proposal_min, facts.proposal_max);
  }
  return text;
}

std::string monitor_report(const ShardCore& core, const ReplicaFacts& facts) {
  const ShardCounters& counters = core.counters;
  const ProcessFacts process = core.process_facts ? core.process_facts() : ProcessFacts{};
  MonitorLines lines;
  lines.add("version", kVersionText);
  lines.add("server_state", core.mode);
  if (!facts.peer_state.empty()) lines.add("peer_state", facts.peer_state);
  lines.add("ephemerals_count", facts.ephemeral_count);
  lines.add("num_alive_connections", core.connection_count());
  lines.add("avg_latency", decimal_text(counters.latency.average_ms()));
  lines.add("outstanding_requests", core.outstanding());
  lines.add("znode_count", facts.node_count);
  lines.add("global_sessions", facts.session_count);
  lines.add("non_mtls_remote_conn_count", 0);
  lines.add("last_client_response_size", counters.response_last);
  lines.add("packets_sent", counters.sent);
  lines.add("packets_received", counters.received);
  lines.add("max_client_response_size", counters.response_max);
  lines.add("connection_drop_probability",
            double_text(core.connection_throttle.drop_probability()));
  lines.add("watch_count", core.watches.watch_count());
  lines.add("auth_failed_count", counters.auth_failed);
  lines.add("min_latency", counters.latency.min_ms());
  lines.add("max_file_descriptor_count", process.open_files_max);
  lines.add("approximate_data_size", facts.data_size);
  lines.add("open_file_descriptor_count", process.open_files);
  lines.add("local_sessions", facts.local_session_count);
  lines.add("uptime", facts.uptime_ms);
  lines.add("max_latency", counters.latency.max_ms());
  lines.add("outstanding_tls_handshake", 0);
  lines.add("min_client_response_size", counters.response_min);
  lines.add("non_mtls_local_conn_count", 0);
  if (core.config.is_ensemble()) lines.add("quorum_size", facts.quorum_size);
  if (core.mode == "leader") add_leader_lines(lines, facts);
  add_quotas(lines, facts);
  add_metrics(lines, core, facts, process);
  return lines.take();
}

std::string configuration_report(const ShardCore& core, const ReplicaFacts& facts) {
  const config::ServerConfig& config = core.config;
  const std::string& log_dir = config.data_log_dir.empty() ? config.data_dir : config.data_log_dir;
  std::string text = fmt::format(
      "clientPort={}\nsecureClientPort=-1\ndataDir={}/version-2\ndataDirSize={}\n"
      "dataLogDir={}/version-2\ndataLogSize={}\ntickTime={}\nmaxClientCnxns={}\n"
      "minSessionTimeout={}\nmaxSessionTimeout={}\nclientPortListenBacklog={}\nserverId={}\n",
      core.client_port, config.data_dir, facts.data_dir_bytes, log_dir, facts.log_dir_bytes,
      config.tick_ms, config.max_client_cnxns, config.min_session_timeout(),
      config.max_session_timeout(), config.client_backlog, facts.server_id);
  if (!config.is_ensemble()) return text;
  const zab::Member* own = config.my_id ? config.membership.find(*config.my_id) : nullptr;
  zab::Address address;
  if (own != nullptr && !own->addresses.empty()) address = own->addresses.front();
  const int peer_type = own != nullptr && own->role == zab::MemberRole::kObserver ? 1 : 0;
  text += fmt::format(
      "initLimit={}\nsyncLimit={}\nelectionAlg=3\nelectionPort={}\nquorumPort={}\npeerType={}\n"
      "membership: \n{}",
      config.init_limit, config.sync_limit, address.election_port, address.quorum_port, peer_type,
      facts.membership_text);
  return text;
}

std::string session_report(const ReplicaFacts& facts) {
  std::string text;
  add_sessions(facts, text);
  return text + fmt::format("ephemeral nodes dump:\nSessions with Ephemerals ({}):\n",
                            facts.ephemeral_owners.size());
}

std::string environment_report(const ShardCore& core) {
  static constexpr std::string_view kKeys[] = {
      "host.name",         "java.version",   "java.vendor",   "java.home", "java.class.path",
      "java.library.path", "java.io.tmpdir", "java.compiler", "os.name",   "os.arch",
      "os.version",        "user.name",      "user.home",     "user.dir",  "os.memory.free",
      "os.memory.max",     "os.memory.total"};
  const ProcessFacts process = core.process_facts ? core.process_facts() : ProcessFacts{};
  std::string text = fmt::format("Environment:\nzookeeper.version={}\n", kVersionText);
  for (const std::string_view key : kKeys) {
    const auto it = std::find_if(process.environment.begin(), process.environment.end(),
                                 [&](const auto& line) { return line.first == key; });
    const bool is_java = key.starts_with("java.") && key != "java.io.tmpdir";
    const std::string missing = is_java ? "<NA>" : "";
    text += fmt::format("{}={}\n", key, it == process.environment.end() ? missing : it->second);
  }
  return text;
}

}  // namespace zooid::server
