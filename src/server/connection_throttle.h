// ZooKeeper's connection throttle (its BlueThrottle; operations 4): connect requests take tokens
// from a bucket that is filled again as time passes. With a freeze time part of them is refused by
// chance before the bucket is asked: the chance grows while the bucket is found empty and shrinks
// while it is full enough (BLUE, a kind of active queue management), so that under constant load
// nobody is refused just for coming late in each period.
//
// A machine: owned by ShardCore, used on its loop alone; chance comes from the seed. Off (no
// tokens) by default.
#pragma once

#include <cstdint>

#include "base/random.h"
#include "base/time.h"
#include "config/server_config.h"

namespace zooid::server {

class ConnectionThrottle {
 public:
  enum class Session : uint8_t { kNewGlobal, kNewLocal, kRenewed };

  ConnectionThrottle(const config::ServerConfig& config, uint64_t seed, Now now);

  // The server serves in a new role: a full bucket, no chance of being refused.
  void restart(Now now);
  // Whether the connect request goes on. If so its tokens are taken.
  bool admit(Session session, Now now);

  // The chance of being refused, 0 … 1.
  double drop_probability() const { return drop_probability_; }
  int64_t tokens() const { return tokens_; }
  // What a connect request costs; 1 without weights.
  int64_t weight(Session session) const;

 private:
  struct Weights {
    int64_t global = 1, local = 1, renewed = 1;
  };
  static Weights weights_of(const config::ServerConfig& config);
  void refill(int64_t now_ms);
  void adjust_drop_probability(int64_t now_ms);

  const config::ServerConfig& config_;
  const Weights weights_;
  const int64_t tokens_max_;
  const int64_t fill_count_;  // tokens in each fill time
  Random random_;
  int64_t tokens_ = 0;
  int64_t filled_ms_ = 0;
  int64_t adjusted_ms_ = 0;
  double drop_probability_ = 0;
};

}  // namespace zooid::server
