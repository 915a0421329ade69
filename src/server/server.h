// One server, composed: replica, shard, workers, over any world (posix or simulated). Starts no
// thread and owns no loop: placement (bin/, sim/) does.
#pragma once

#include <functional>
#include <memory>

#include "server/replica.h"
#include "server/shard.h"

namespace zooid::server {

struct World {
  env::Network& network;
  env::FileSystem& files;
  const env::Clock& clock;
  uint64_t seed = 0;
  env::Waker* waker = nullptr;  // of the loop that runs the workers; null if it polls
  // Asked at least every few ms while Server::open() reads the data: is the process to end?
  std::function<bool()> is_end_wanted = {};
};

class Server {
 public:
  // Prepares and locks the directories, recovers the data, tells what was found. Blocks. `config`
  // must outlive the server. kStopped: the end was wanted before the data was read.
  static Result<std::unique_ptr<Server>> open(const config::ServerConfig& config, World world);
  ~Server();

  // Opens the ports; an election begins, or a standalone server serves.
  Result<> start(Now now);

  Replica& replica() { return *replica_; }
  Shard& shard() { return *shard_; }
  // In the order in which a loop runs them: what the shard forwards is ordered in the same wake-up.
  std::vector<env::Worker*> workers() { return {shard_.get(), replica_.get(), shard_.get()}; }

  // Stop accepting; existing clients are served on.
  void begin_stop();
  // True when nothing that was accepted waits for its reply.
  bool is_quiet() const { return replica_->outstanding() == 0; }
  void finish_stop();

 private:
  Server() = default;
  // A log without any snapshot before it is refused at the next start, by ZooKeeper, too: a fresh
  // server begins with one, and so does one that was told to trust such a log.
  Result<> write_first_snapshot(const World& world);

  std::vector<std::unique_ptr<env::DirectoryLock>> locks_;
  std::unique_ptr<Replica> replica_;
  std::unique_ptr<Shard> shard_;
};

}  // namespace zooid::server
