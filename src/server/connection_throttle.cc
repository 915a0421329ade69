#include "server/connection_throttle.h"

#include <algorithm>
#include <cmath>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"

namespace zooid::server {
namespace {

constexpr int32_t kGlobalWeight = 3;  // a global session costs about three times a local one
constexpr int32_t kLocalWeight = 1;
constexpr int32_t kRenewWeight = 2;

// A weight that is none is the default; a session that costs more than a local one takes as much at
// least.
int64_t valid_weight(const char* key, int32_t weight, int32_t fallback, int32_t local) {
  if (weight <= 0) {
    log::warn("{}={} must be greater than 0: {} is used", key, weight, fallback);
    return fallback;
  }
  if (weight < local) {
    log::warn("{}={} is less than the weight of a local session: {} is used", key, weight, local);
    return local;
  }
  return weight;
}

}  // namespace

ConnectionThrottle::Weights ConnectionThrottle::weights_of(const config::ServerConfig& config) {
  Weights weights;
  if (!config.connection_throttle_weights_enabled) return weights;
  const int32_t local = config.connection_throttle_local_weight;
  weights.global = valid_weight("connection_throttle_global_session_weight",
                                config.connection_throttle_global_weight, kGlobalWeight, local);
  weights.local =
      valid_weight("connection_throttle_local_session_weight", local, kLocalWeight, local);
  weights.renewed = valid_weight("connection_throttle_renew_session_weight",
                                 config.connection_throttle_renew_weight, kRenewWeight, local);
  return weights;
}

// Tokens and fill count are meant for global sessions.
ConnectionThrottle::ConnectionThrottle(const config::ServerConfig& config, uint64_t seed, Now now)
    : config_(config),
      weights_(weights_of(config)),
      tokens_max_(config.connection_throttle_tokens * weights_.global),
      fill_count_(config.connection_throttle_fill_count * weights_.global),
      random_(seed) {
  restart(now);
}

void ConnectionThrottle::restart(Now now) {
  tokens_ = tokens_max_;
  filled_ms_ = now.mono_us / 1000;
  adjusted_ms_ = filled_ms_;
  drop_probability_ = 0;
}

int64_t ConnectionThrottle::weight(Session session) const {
  switch (session) {
    case Session::kNewGlobal:
      return weights_.global;
    case Session::kNewLocal:
      return weights_.local;
    case Session::kRenewed:
      return weights_.renewed;
  }
  ASSERT(false && "unknown kind of session");
}

bool ConnectionThrottle::admit(Session session, Now now) {
  if (tokens_max_ == 0) return true;
  const int64_t now_ms = now.mono_us / 1000;
  refill(now_ms);
  if (config_.connection_throttle_freeze_ms != -1) {
    adjust_drop_probability(now_ms);
    if (random_.unit() < drop_probability_) {
      MARK("connection_throttle.refused_by_chance");
      return false;
    }
  }
  const int64_t need = weight(session);
  if (tokens_ < need) {
    MARK("connection_throttle.no_tokens");
    return false;
  }
  tokens_ -= need;
  ASSERT(tokens_ >= 0 && tokens_ <= tokens_max_);
  return true;
}

// Only whole fill times that have passed count, and a part of one is lost, as in ZooKeeper.
void ConnectionThrottle::refill(int64_t now_ms) {
  const int64_t passed_ms = now_ms - filled_ms_;
  const int64_t fill_ms = config_.connection_throttle_fill_ms;
  ASSERT(fill_ms > 0);
  if (passed_ms <= fill_ms) return;
  int64_t filled = 0;
  const bool is_too_much = __builtin_mul_overflow(passed_ms, fill_count_, &filled);
  filled = is_too_much ? tokens_max_ : std::min(filled / fill_ms, tokens_max_);
  tokens_ = std::min(tokens_ + filled, tokens_max_);
  filled_ms_ = now_ms;
}

void ConnectionThrottle::adjust_drop_probability(int64_t now_ms) {
  if (now_ms - adjusted_ms_ <= config_.connection_throttle_freeze_ms) return;
  adjusted_ms_ = now_ms;
  const int64_t taken = tokens_max_ - tokens_;
  const auto full_enough = static_cast<int64_t>(std::floor(
      static_cast<double>(tokens_max_) * config_.connection_throttle_decrease_ratio + 0.5));
  if (taken == tokens_max_ && drop_probability_ < 1) {
    drop_probability_ =
        std::min(drop_probability_ + config_.connection_throttle_drop_increase, 1.0);
  } else if (taken <= full_enough && drop_probability_ > 0) {
    drop_probability_ =
        std::max(drop_probability_ - config_.connection_throttle_drop_decrease, 0.0);
  }
}

}  // namespace zooid::server
