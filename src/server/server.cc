#include "server/server.h"

#include "base/log.h"
#include "base/mark.h"
#include "server/peer_listener.h"
#include "storage/given_up.h"
#include "storage/log_reader.h"

namespace zooid::server {
namespace {

// A start that takes longer than this tells how far it is, and again after as long.
constexpr int64_t kProgressEveryUs = 5'000'000;

// Watches over a recovery: may it go on, and who waits for it is told how far it is.
class RecoveryReport {
 public:
  explicit RecoveryReport(const World& world)
      : world_(world), told_at_us_(world.clock.instant_us()) {}

  bool operator()(const storage::RecoveryProgress& progress) {
    const int64_t now_us = world_.clock.instant_us();
    if (now_us - told_at_us_ >= kProgressEveryUs) {
      told_at_us_ = now_us;
      log::info("recovery: {} of {} MB of the {} read", progress.read_bytes >> 20,
                progress.total_bytes >> 20, progress.what);
    }
    return !world_.is_end_wanted || !world_.is_end_wanted();
  }

 private:
  const World& world_;
  int64_t told_at_us_;
};

// Somebody listening on a port of ours is most likely a server that still runs on this directory.
Result<> check_ports_free(const config::ServerConfig& config, env::Network& network, Now now) {
  if (!config.is_ensemble()) return {};
  const zab::Member* own = config.membership.find(*config.my_id);
  for (const zab::Address& address : own->addresses) {
    PeerListener port(network, {address.host, address.quorum_port}, config.listen_on_all_ips,
                      [](std::unique_ptr<env::Stream>) { return nullptr; });
    // A name that is not known yet is asked for here, and the answer is there when it is needed.
    auto listener = port.try_listen(now);
    if (!listener) {
      return fail(
          fmt::format("quorum port {} of this server is in use ({}): is another server "
                      "still running?",
                      address.quorum_port, listener.error().message));
    }
  }
  return {};
}

// Rule 8, rule 35: a lone server with damaged data does not start. A member of an ensemble that the
// others can fill moves it aside and comes back as untrusted (docs/recovery.md).
Result<storage::Recovered> recover_or_rejoin(const config::ServerConfig& config, World world,
                                             const storage::Directories& directories,
                                             const storage::RecoveryOptions& options) {
  auto recovered = storage::recover(world.files, directories, options);
  if (recovered || recovered.error().kind != Error::Kind::kCorrupt || !may_rejoin(config)) {
    return recovered;
  }
  MARK("server.damaged_rejoins");
  log::error("{}", recovered.error().message);
  TRY_VALUE(mark, storage::give_up_history(world.files, directories, recovered.error().message));
  log::error("the damaged data was moved to {}: rejoining without it", mark.where);
  return storage::recover(world.files, directories, options);
}

}  // namespace

Result<std::unique_ptr<Server>> Server::open(const config::ServerConfig& config, World world) {
  const storage::Directories directories{
      config.data_dir, config.data_log_dir.empty() ? config.data_dir : config.data_log_dir};
  TRY(storage::prepare_directories(world.files, directories));
  std::unique_ptr<Server> server(new Server());
  for (const std::string& directory :
       {directories.snapshot_version2(), directories.log_version2()}) {
    if (!server->locks_.empty() && directory == directories.snapshot_version2()) continue;
    TRY_VALUE(lock, world.files.lock_directory(directory));
    server->locks_.push_back(std::move(lock));
  }
  TRY(check_ports_free(config, world.network, world.clock.now()));
  TRY(storage::clean_directories(world.files, directories));

  storage::RecoveryOptions options;
  options.database.digest_enabled = config.digest_enabled;
  options.database.extended_types = {config.extended_types_enabled, config.emulate_353_ttl_nodes};
  options.trust_empty_snapshot = config.snapshot_trust_empty;
  options.auto_create = config.auto_create;
  options.recent_max = static_cast<size_t>(config.commit_log_count);
  options.recent_bytes_max = zab::kTxnWindowBytesMax;
  options.is_ensemble_member = config.is_ensemble();
  options.watch = RecoveryReport(world);
  TRY_VALUE(recovered, recover_or_rejoin(config, world, directories, options));
  for (const std::string& note : recovered.notes) log::warn("recovery: {}", note);
  log::info(
      "data recovered: last zxid 0x{:x} (of the snapshot: 0x{:x}), {} znodes, {} sessions, epoch "
      "{}{}",
      recovered.last_logged.value, recovered.snapshot_zxid.value,
      recovered.database->tree().node_count(), recovered.database->sessions().size(),
      recovered.current_epoch,
      recovered.accepted_epoch == recovered.current_epoch
          ? ""
          : fmt::format(", promised to epoch {}", recovered.accepted_epoch));
  const bool needs_snapshot = recovered.needs_snapshot;
  if (config.is_ensemble()) {
    recovered.database->set_config(config.membership.text(), config.membership.version(),
                                   world.clock.now().wall_ms);
  }
  server->replica_ = std::make_unique<Replica>(config, world.network, world.files, world.clock,
                                               world.seed, world.waker, std::move(recovered));
  if (needs_snapshot) TRY(server->write_first_snapshot(world));
  server->shard_ = std::make_unique<Shard>(0, config, world.network, world.clock, world.seed + 1,
                                           server->replica_->inbox());
  server->replica_->add_shard(0, server->shard_->inbox());
  return server;
}

Server::~Server() = default;

Result<> Server::write_first_snapshot(const World& world) {
  storage::SnapshotWorker& worker = replica_->snapshot_worker();
  constexpr uint64_t kFirstId = 0;  // SnapshotTaker counts from 1
  ReplicaCore& core = replica_->core_for_start();
  state::SnapshotWalk walk(*core.database);
  const Zxid zxid = walk.zxid();
  worker.submit(storage::SnapshotBegin{kFirstId, zxid});
  for (bool is_complete = false; !is_complete;) {
    std::string bytes;
    is_complete = walk.step(bytes);
    worker.submit(storage::SnapshotChunk{kFirstId, std::move(bytes)});
    while (worker.step()) {
    }
    if (world.is_end_wanted && world.is_end_wanted()) {
      return fail(Error::Kind::kStopped, "writing the first snapshot was stopped");
    }
  }
  // As ZooKeeper writes it: the digest of an empty database is none.
  const auto digest =
      zxid == Zxid{0} ? int64_t{0} : static_cast<int64_t>(core.database->tree().digest());
  worker.submit(storage::SnapshotEnd{kFirstId, core.config.digest_enabled, zxid, digest});
  worker.submit(storage::SnapshotPublish{kFirstId});
  while (worker.step()) {
  }
  const std::string directory = core.directories.snapshot_version2();
  TRY_VALUE(snapshots, storage::list_snapshot_files(core.files, directory));
  if (snapshots.empty()) return fail(directory + ": the first snapshot cannot be written");
  core.txns_since_snapshot = 0;
  core.bytes_since_snapshot = 0;
  return {};
}

Result<> Server::start(Now now) {
  // The client port opens first: four-letter words tell that the server is looking.
  TRY(shard_->listen());
  return replica_->start(now);
}

void Server::begin_stop() {
  shard_->stop_accepting();
}

void Server::finish_stop() {
  replica_->stop("the server stops");
  shard_->close_all();
}

}  // namespace zooid::server
