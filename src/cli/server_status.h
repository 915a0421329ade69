// What one server is, as its answers to four-letter words tell: those of ZooKeeper 3.4 to 3.9 and
// of Zooid, which are the same line for line. `srvr` tells nearly all and is always allowed since
// 3.5; `conf` tells the server's id, where it is allowed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "cli/four_letter_client.h"

namespace zooid::cli {

enum class ServerState {
  // It serves.
  kLeader,
  kFollower,
  kObserver,
  kStandalone,
  // It is alive, but serves nobody, or only readers.
  kLooking,
  kReadOnly,
  kIncomplete,      // it waits for a leader that the others elect (Zooid: data lost or damaged)
  kFullDisk,        // part of nothing until it can write again
  kCannotWrite,     // the same for another reason
  kFrozen,          // the connection was made, and no answer came
  kClosed,          // the connection was made, and closed without an answer
  kNotWhitelisted,  // it lives and allows no word that tells what it is
  kNotZooKeeper,    // something else answered
  // Nobody answered.
  kRefused,
  kNoConnection,
  kNameNotFound,
  // Not asked, or not the one that was meant.
  kPortUnknown,
  kOtherServer,
  kOldLeader,  // it says that it leads, and another one leads in a later epoch
};

// The word for people and for JSON, such as "leader" or "full disk".
const char* state_word(ServerState state);
// Leader, follower, observer.
bool serves_in_ensemble(ServerState state);
// It could vote as soon as there are enough: looking, and the read-only kind of it.
bool waits_for_quorum(ServerState state);
// Whether it serves cannot be told from here.
bool is_unknown(ServerState state);

struct ServerStatus {
  env::Endpoint address;
  ServerState state = ServerState::kPortUnknown;
  std::string detail;                   // why, in words; empty where the state says all
  env::Endpoint peer;                   // the numeric address that was reached; port 0: none was
  std::optional<ServerId> answered_as;  // the id of who answered, where `conf` is allowed
  int members_told = 0;                 // voters of the ensemble by `conf`; 0: not told
  // Of a server that serves.
  std::optional<int64_t> zxid;
  std::string version;  // as "3.8.0" or "3.9.5 (zooid 0.1.0)"
  std::string connections;
  std::string latency;  // average and maximum in ms, as "0.5/12"

  int64_t epoch() const { return zxid.value_or(0) >> 32; }
};

// `others` are answers to stat, mntr and isro in this order, or empty; they count where srvr is
// not allowed.
ServerStatus judge_answers(const WordAnswer& srvr, const WordAnswer& conf,
                           const std::vector<WordAnswer>& others);

// Asks every address what it needs, all at once. In the order of `addresses`.
std::vector<ServerStatus> ask_servers(Terminal& terminal,
                                      const std::vector<env::Endpoint>& addresses);

}  // namespace zooid::cli
