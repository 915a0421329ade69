// A server's settings: zoo.cfg and myid as values (ZooKeeper's administrator's guide names the
// keys).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "env/file_system.h"
#include "env/network.h"
#include "zab/membership.h"

namespace zooid::config {

struct ServerConfig {
  std::string file;  // path of the zoo.cfg, empty for the defaults
  std::string text;  // its content as read

  int64_t tick_ms = 3000;   // tickTime (Apache's default is 3000)
  int32_t init_limit = 10;  // ticks; required for an ensemble
  int32_t sync_limit = 5;
  std::string data_dir;      // dataDir
  std::string data_log_dir;  // dataLogDir; the same if not set
  // clientPort, or the client part of this server's line. None: a member without clients. 0: the
  // system chooses.
  std::optional<uint16_t> client_port;
  std::string client_address;           // clientPortAddress; empty: all
  int32_t client_backlog = -1;          // clientPortListenBacklog
  int32_t max_client_cnxns = 60;        // 0: no limit
  int32_t max_cnxns = 0;                // all connections of this server
  int64_t min_session_timeout_ms = -1;  // -1: 2 ticks; below: none
  int64_t max_session_timeout_ms = -1;  // -1: 20 ticks
  int64_t min_session_timeout() const {
    if (min_session_timeout_ms == -1) return 2 * tick_ms;
    return min_session_timeout_ms < 0 ? 0 : min_session_timeout_ms;
  }
  int64_t max_session_timeout() const {
    return max_session_timeout_ms < 0 ? 20 * tick_ms : max_session_timeout_ms;
  }
  int32_t snap_count = 100'000;
  uint64_t snap_size_limit_bytes = 4ull << 30;  // snapSizeLimitInKb
  int32_t commit_log_count = 500;
  // History that a leader reads from its log files in one step for one learner. Has no key.
  uint64_t history_slice_bytes = 512u << 10;
  // What waits in all connections together, see docs/limits.md. Without keys: tests draw them
  // small.
  uint64_t output_bytes_max = 128u << 20;
  uint64_t incoming_bytes_max = 64u << 20;
  // Transactions that wait for the log's disk, see docs/limits.md. Without a key.
  uint64_t log_waiting_bytes_max = 32u << 20;
  int32_t purge_retain_count = 3;    // autopurge.snapRetainCount
  int32_t purge_interval_hours = 0;  // autopurge.purgeInterval; 0: off
  bool force_sync = true;
  uint64_t preallocate_bytes = 64u << 20;  // preAllocSize (KiB in the file)
  uint64_t log_size_limit_bytes = 0;       // txnLogSizeLimitInKb
  int32_t jute_max_buffer = 1'048'575;
  int32_t jute_max_buffer_extra = -1;                  // -1: as jute_max_buffer, at least 1024
  int64_t max_record_buffer() const;                   // their sum, capped at 2^31-1
  std::set<std::string> four_letter_words = {"srvr"};  // 4lw.commands.whitelist; "*" means all
  int32_t global_outstanding_limit = 1000;
  double snapshot_size_factor = 0.33;
  std::string snapshot_compression;  // snapshot.compression.method: "", "gz", "snappy"
  bool snapshot_trust_empty = false;
  bool auto_create = true;  // db.autocreate
  bool digest_enabled = true;
  bool extended_types_enabled = false;
  bool emulate_353_ttl_nodes = false;  // emulate353TTLNodes: only with extended types
  bool skip_acl = false;
  bool enforce_quota = false;
  bool close_session_txn = true;
  bool local_sessions_enabled = false;
  bool local_sessions_upgrading_enabled = false;
  bool read_only_mode_enabled = false;           // readonlymode.enabled
  int64_t container_check_interval_ms = 60'000;  // znode.container.*; 0: off
  int32_t container_max_per_minute = 10'000;
  int64_t container_max_never_used_ms = 0;  // 0: an unused container stays
  int32_t large_request_threshold = -1;     // bytes; -1: no request counts as large
  int64_t large_request_max_bytes = 100 << 20;
  int32_t request_throttle_max_requests = 0;  // in process at once; 0: no throttle
  int64_t request_throttle_stall_ms = 100;    // request_throttle_stall_time
  bool request_throttle_drop_stale = true;
  bool request_stale_connection_check = true;  // stale: its connection is closed
  bool request_stale_latency_check = false;    // stale: older than its session's time-out
  int32_t throttled_op_wait_ms = 0;            // throttled_op_wait_time; 0: however long
  // connection_throttle_*: connect requests. 0 tokens: no throttle; freeze time -1: no chance.
  int32_t connection_throttle_tokens = 0;
  int64_t connection_throttle_fill_ms = 1;
  int32_t connection_throttle_fill_count = 1;
  int64_t connection_throttle_freeze_ms = -1;
  double connection_throttle_drop_increase = 0.02;
  double connection_throttle_drop_decrease = 0.002;
  double connection_throttle_decrease_ratio = 0;
  bool connection_throttle_weights_enabled = false;
  int32_t connection_throttle_global_weight = 3;
  int32_t connection_throttle_local_weight = 1;
  int32_t connection_throttle_renew_weight = 2;
  std::string super_digest;  // DigestAuthenticationProvider.superDigest
  std::string digest_algorithm = "SHA1";
  bool digest_auth_enabled = true;    // DigestAuthenticationProvider.enabled
  bool eager_acl_check = false;       // enableEagerACLCheck
  bool listen_on_all_ips = false;     // quorumListenOnAllIPs
  int64_t connect_timeout_ms = 5000;  // cnxTimeout
  bool end_election_early = true;     // zooid.election.endEarly
  // recovery.damaged=rejoin: a member of an ensemble whose data is damaged or foreign moves it
  // aside and is filled by the leader of the others, if these are a quorum; refuse: it does not
  // start.
  bool rejoin_damaged = true;
  // zooid.log.*: where the server's own log goes. Flags of `zooid server` come first.
  log::Level log_level = log::Level::kInfo;   // zooid.log.level
  std::string log_file;                       // zooid.log.file; empty: standard error
  uint64_t log_file_bytes_max = 64ull << 20;  // zooid.log.fileSizeInMb; 0: no limit
  int32_t log_file_count = 10;                // zooid.log.fileCount, the current one included
  enum class LogForm { kAuto, kText, kJournald };
  LogForm log_form = LogForm::kAuto;  // zooid.log.format; auto: journald if that reads the lines
  bool admin_enabled = true;          // admin.enableServer: accepted, not served yet
  bool standalone_enabled = true;
  bool data_dir_autocreate = true;  // datadir.autocreate
  bool write_last_zxid = true;      // serializeLastProcessedZxid.enabled

  // dynamicConfigFile: the server lines are read from there at start; it is never written.
  std::string dynamic_file;
  bool reconfig_enabled = false;  // accepted, not served yet (docs/decisions/0026)
  int64_t file_version = 0;       // version, seldom written by hand
  // The ensemble; empty for a standalone server. Its version is file_version, or that in the name
  // of the dynamic file.
  zab::Membership membership;
  std::optional<zab::Member> only_member;  // a standalone server's one line, if it has one
  std::optional<ServerId> my_id;
  bool is_ensemble() const { return !membership.empty(); }

  // Everything that is no setting of ours, as Apache keeps it (zookeeper.<key>).
  std::map<std::string, std::string> properties;
  // The keys that the file set; they take precedence over JVM flags.
  std::set<std::string> keys_in_file;
  // For people, at start: keys that are known but have no effect here, unknown ones with the
  // nearest known name.
  std::vector<std::string> warnings;
};

// Reads zoo.cfg, the dynamic file that it names, and myid; writes nothing. Errors (kConfig) name
// file, line, value and what is expected; a missing or wrong myid says what to write where. One
// server line only, with standaloneEnabled, means a standalone server, as in Apache.
Result<ServerConfig> load_config(env::FileSystem& files, const std::string& path);
// The same from text; myid is not read when `read_my_id` is false (tools).
Result<ServerConfig> parse_config(env::FileSystem& files, std::string_view text,
                                  const std::string& name, bool read_my_id);
// What must hold beyond the file's text before a server starts, the JVM flags included: clients
// have a port, directories exist or can be made. Adds warnings about keys that go together. Errors
// as above.
Result<> check_start(ServerConfig& config, env::FileSystem& files);
// Makes the directories, and a file in each for a moment: what would otherwise fail in the middle
// of the start, with the key's name.
Result<> check_writable(const ServerConfig& config, env::FileSystem& files);
// What the environment variables SERVER_JVMFLAGS and JVMFLAGS ask for: -Dname=value with the names
// that ZooKeeper reads as system properties; other flags are for a JVM and are skipped. A key that
// the file set is left alone, as in ZooKeeper. Errors as in parse_config.
Result<> apply_jvm_flags(ServerConfig& config, std::string_view flags);
// The arguments of ZooKeeper's server: <zoo.cfg>, or <port> <dataDir> [<tickTime>
// [<maxClientCnxns>]] for a standalone server whose connections per client are not limited unless
// told. None at all: port 2181, dataDir /tmp/zookeeper. Errors as above.
Result<ServerConfig> config_of_arguments(env::FileSystem& files,
                                         const std::vector<std::string>& arguments);

}  // namespace zooid::config
