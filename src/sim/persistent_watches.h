// What the persistent watches of one session have to tell, and told: each change once, in order,
// and before the client is answered with anything as new. What happened between two connections is
// not told, in ZooKeeper neither.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "sim/history.h"
#include "sim/model.h"
#include "sim/violation.h"

namespace zooid::sim {

// A change of one node, of the committed history.
struct Changed {
  int64_t zxid;
  Model::Change::Kind kind;
  std::string path;
};

class PersistentWatches {
 public:
  // `changes` in zxid order; both outlive this.
  PersistentWatches(const std::vector<Changed>& changes, Verdict& verdict)
      : changes_(changes), verdict_(verdict) {}

  // Each answer to this session, in order.
  void on_reply(const Operation& operation);
  // Whether one of these watches has to do with the event.
  bool on_event(const Event& event);
  // removeWatches of every kind; whether there was any.
  bool remove(const std::string& path);

 private:
  using Told = std::tuple<int64_t, wire::EventType, std::string>;  // zxid, type, path
  struct Watch {
    int64_t since_zxid;  // everything up to it is settled
    uint64_t connection;
    std::map<Told, int> told;  // above since_zxid
  };

  void settle(const std::string& path, bool is_recursive, Watch& watch, const Operation& reply);

  const std::vector<Changed>& changes_;
  Verdict& verdict_;
  std::map<std::pair<std::string, bool>, Watch> watches_;  // path, recursive
};

}  // namespace zooid::sim
