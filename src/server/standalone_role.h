// A server without ensemble: what it logged durably is committed.
#pragma once

#include "server/container_reaper.h"
#include "server/primary.h"

namespace zooid::server {

class StandaloneRole {
 public:
  StandaloneRole(ReplicaCore& core, Now now);

  void on_write(ClientWrite& write, Now now);
  void on_new_session(const NewSession& request, Now now);
  void on_attach(const AttachSession& request, Now now);
  void on_touch(const TouchSessions& touched, Now now);
  void on_log_synced(Zxid up_to, Now now);
  void on_step(Now now);
  int64_t next_deadline() const;
  size_t outstanding() const { return primary_.outstanding(); }
  void add_facts(ReplicaFacts& facts, Now now) const;
  Primary& primary() { return primary_; }

 private:
  void order(const WriteOrder& write, Now now);

  ReplicaCore& core_;
  Primary primary_;
  ContainerReaper reaper_;
};

}  // namespace zooid::server
