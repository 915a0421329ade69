#include "server/learner_news.h"

#include <fmt/core.h>

#include "base/log.h"

namespace zooid::server {

std::string LearnerNews::name_of(const Connection& connection) const {
  const auto server = servers_.find(connection.key);
  if (server == servers_.end()) return connection.peer;
  return fmt::format("server {} ({})", server->second.value, connection.peer);
}

void LearnerNews::tell_follows(const Connection& connection, const std::string& sync, Now now) {
  const auto server = servers_.find(connection.key);
  if (server == servers_.end()) return;
  const std::string cause = std::to_string(server->second.value);
  if (const auto more = arrivals_told_.admit(cause, now.mono_us)) {
    log::info("{} follows ({}){}", name_of(connection), sync, left_out_text(*more));
  }
}

void LearnerNews::tell_closed(const Connection& connection, const zab::Membership& membership,
                              const std::string& reason, Now now) {
  const auto server = servers_.find(connection.key);
  if (server != servers_.end() && membership.find(server->second) != nullptr) {
    const std::string cause = std::to_string(server->second.value);
    if (const auto more = departures_told_.admit(cause, now.mono_us)) {
      log::warn("{} no longer follows: {}{}", name_of(connection), reason, left_out_text(*more));
    }
    return;
  }
  if (const auto more = strangers_told_.admit(connection.host, now.mono_us)) {
    log::info("connection to the quorum port refused or ended, from {}: {}{}", name_of(connection),
              reason, left_out_text(*more));
  }
}

}  // namespace zooid::server
