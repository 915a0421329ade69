// One client of the simulated ensemble: it asks for things at random, over the product's own client
// machine, and writes down what it is told.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "client/client.h"
#include "env/memory_network.h"
#include "sim/history.h"
#include "sim/options.h"
#include "sim/request_source.h"

namespace zooid::sim {

struct WorkloadOptions {
  std::vector<env::Endpoint> servers;
  int32_t session_timeout_ms = 1'000;
  int64_t pause_mean_us = 25'000;  // between two requests
  // The same while fewer requests are answered than one for each `due_us` since the beginning:
  // whoever could not ask for a while makes up for it.
  int64_t hurried_pause_mean_us = 3'000;
  int64_t due_us = 28'000;
  size_t outstanding_max = 4;
  uint64_t keys = 24;
  OperationSet operations = OperationSet::kAll;
  bool reads_only = false;
  Bulk bulk;  // loaded by this client, and then read and changed
};

class Workload final : public env::Worker {
 public:
  Workload(env::MemoryHost& host, int number, uint64_t seed, WorkloadOptions options,
           History& history);
  ~Workload() override;

  // No new requests from now on; sessions stay.
  void stop() { is_stopped_ = true; }
  bool is_quiet() const { return outstanding_ == 0; }
  bool is_reader() const { return options_.reads_only; }
  bool is_loaded() const { return requests_.is_loaded(); }
  int64_t last_write_us() const { return last_write_us_; }
  SessionId session() const { return client_ ? client_->session() : kNoSession; }
  bool is_connected() const {
    return client_ && client_->state() == client::SessionState::kConnected;
  }

  void on_batch(Now now) override;
  int64_t next_deadline() const override;

 private:
  void open_session(Now now);
  void on_state(client::SessionState state);
  void on_event(const client::WatchEvent& event);
  void ask(Now now);
  bool is_behind(Now now) const;
  Asked draw();
  void submit(Asked asked, Now now);
  void on_reply(size_t index, const client::ReplyView& reply);
  SessionLife* life();

  env::MemoryHost& host_;
  const int number_;
  Random random_;
  const WorkloadOptions options_;
  RequestSource requests_;
  History& history_;
  std::unique_ptr<client::Client> client_;
  std::vector<std::unique_ptr<client::Client>> former_;  // their sessions are left to expire
  size_t life_index_ = SIZE_MAX;
  int32_t next_cxid_ = 1;
  uint64_t connections_ = 0;
  size_t outstanding_ = 0;
  int64_t answered_ = 0;
  int64_t ask_at_us_ = 0;
  int64_t last_write_us_ = 0;
  bool is_stopped_ = false;
  bool wants_new_session_ = true;
};

}  // namespace zooid::sim
