// What a leader's log says of its learners: who follows, who no longer does, and what strangers did
// on the quorum port, where anybody can connect as often as they like.
//
// Owned by the leader's role, used on its loop.
#pragma once

#include <map>
#include <string>

#include "base/line_limit.h"
#include "base/time.h"
#include "zab/leader.h"
#include "zab/membership.h"

namespace zooid::server {

class LearnerNews {
 public:
  // A connection with its address, "10.0.0.2:41034", and the host of that alone.
  struct Connection {
    zab::LearnerKey key;
    std::string peer;
    std::string host;
  };

  // The learner has said who it is.
  void note(zab::LearnerKey key, ServerId server) { servers_.emplace(key, server); }
  // Its connection is gone for good.
  void forget(zab::LearnerKey key) { servers_.erase(key); }

  // `sync`: how it was brought to the leader's history.
  void tell_follows(const Connection& connection, const std::string& sync, Now now);
  void tell_closed(const Connection& connection, const zab::Membership& membership,
                   const std::string& reason, Now now);
  // "server 2 (10.0.0.2:41034)", or the address of one that has not said who it is.
  std::string name_of(const Connection& connection) const;

 private:
  std::map<zab::LearnerKey, ServerId> servers_;  // by their own word
  LineLimit arrivals_told_, departures_told_;    // by server
  LineLimit strangers_told_;                     // by host
};

}  // namespace zooid::server
