// A shard: client connections, their watches and their reads. Reads never leave it; writes go to
// the replica and come back as transactions in its inbox. Runs on one loop.
//
// Order that one client sees (rules 1 and 2): replies leave in request order; a write is forwarded
// only when every earlier read of its connection has run; for each transaction first its watch
// events, then the reply if the write was ours; after the last one the reads that waited, then the
// writes that those reads held back. Before it touches the database a shard drains its inbox.
#pragma once

#include <memory>
#include <string>

#include "config/server_config.h"
#include "env/clock.h"
#include "env/network.h"
#include "server/messages.h"
#include "server/process_facts.h"

namespace zooid::server {

class Shard : public env::Worker {
 public:
  Shard(ShardId id, const config::ServerConfig& config, env::Network& network,
        const env::Clock& clock, uint64_t seed, ReplicaInbox& replica);
  ~Shard() override;

  // Opens the client port (config.client_port, config.client_address).
  Result<> listen();
  uint16_t port() const;

  ShardInbox& inbox();
  // What envi and mntr tell of the process; asked for each such word.
  void set_process_facts(ProcessFactsFunction process_facts);
  void on_batch(Now now) override;
  int64_t next_deadline() const override;

  // Stop accepting; connections stay until stop_connections.
  void stop_accepting();
  // Closes every connection (process end).
  void close_all();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace zooid::server
