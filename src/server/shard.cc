#include "server/shard.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/step_part.h"
#include "server/shard_core.h"

namespace zooid::server {
namespace {

constexpr int kBacklogDefault = 1024;  // connections that wait to be accepted

}  // namespace

struct Shard::Parts {
  Parts(ShardId id, const config::ServerConfig& config, env::Network& network,
        const env::Clock& clock, uint64_t seed, ReplicaInbox& replica)
      : network(network), core(id, config, network, clock, seed, replica) {}

  env::Network& network;
  ShardCore core;
  std::unique_ptr<env::Listener> listener;
};

Shard::Shard(ShardId id, const config::ServerConfig& config, env::Network& network,
             const env::Clock& clock, uint64_t seed, ReplicaInbox& replica)
    : parts_(std::make_unique<Parts>(id, config, network, clock, seed, replica)) {}

Shard::~Shard() = default;

Result<> Shard::listen() {
  ASSERT(parts_->listener == nullptr);
  ShardCore& core = parts_->core;
  const config::ServerConfig& config = core.config;
  if (!config.client_port) return {};  // a member of an ensemble without clients of its own
  const int backlog = config.client_backlog > 0 ? config.client_backlog : kBacklogDefault;
  auto listener = parts_->network.listen(
      env::Endpoint{config.client_address, *config.client_port}, backlog,
      [&core](std::unique_ptr<env::Stream> stream) { return core.admit(std::move(stream)); });
  if (!listener) return std::unexpected(std::move(listener).error());
  parts_->listener = std::move(*listener);
  core.client_port = parts_->listener->port();
  return {};
}

uint16_t Shard::port() const {
  return parts_->core.client_port;
}

ShardInbox& Shard::inbox() {
  return parts_->core.inbox;
}

void Shard::set_process_facts(ProcessFactsFunction process_facts) {
  parts_->core.process_facts = std::move(process_facts);
}

void Shard::on_batch(Now now) {
  ShardCore& core = parts_->core;
  step_part("shard", "messages");
  core.take_messages_if_any();
  step_part("shard", "paused connections");
  core.resume_paused();
  step_part("shard", "time");
  core.on_time(now);
  step_part("client", "requests in line");
  core.run_line();
  step_part("shard", "closed connections");
  if (core.is_closing()) core.close_condemned();
  core.bury_closed();
  core.turns.end_wake_up();
}

int64_t Shard::next_deadline() const {
  const ShardCore& core = parts_->core;
  return core.inbox.empty() ? core.next_deadline() : 0;
}

void Shard::stop_accepting() {
  parts_->listener.reset();
}

void Shard::close_all() {
  parts_->core.close_all("the server stops");
}

}  // namespace zooid::server
