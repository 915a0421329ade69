// Somebody who connects to every port of every server and says what the protocols allow, in an
// order that they do not: valid packets with random content, early, late, repeated, in random
// pieces; or nothing at all. It never gives a member's promise (ACKEPOCH, ACK with a member's id):
// no protocol without authentication survives that.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "env/memory_network.h"

namespace zooid::sim {

class Stranger final : public env::Worker {
 public:
  // `servers`: by id, from 1 on. `config`: their configuration's text.
  Stranger(env::MemoryHost& host, uint64_t seed, std::vector<std::string> servers,
           std::string config);
  ~Stranger() override;

  // Says nothing more and closes everything.
  void stop();
  uint64_t packets() const { return packets_; }

  void on_batch(Now now) override;
  int64_t next_deadline() const override { return act_at_us_; }

 private:
  enum class Port { kClient, kQuorum, kElection };
  class Line;

  void open_line();
  void say_something(Line& line);
  std::string client_frame(Line& line);
  std::string quorum_packet(Line& line);
  std::string election_message(Line& line);
  // Of a member or of nobody.
  int64_t draw_server();
  int64_t draw_zxid();
  int64_t draw_number();

  env::MemoryHost& host_;
  Random random_;
  const std::vector<std::string> servers_;
  const std::string config_;
  std::vector<std::unique_ptr<Line>> lines_;
  int64_t act_at_us_ = 0;
  uint64_t packets_ = 0;
  bool is_stopped_ = false;
};

}  // namespace zooid::sim
