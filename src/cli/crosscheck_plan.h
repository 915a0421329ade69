// What the cross-check plays: a sequence of steps over several sessions, the same for both servers.
// What the servers choose themselves (session ids, passwords, zxids) stands in it by reference, so
// a step can be left out and the rest still makes sense: that is what shrinking needs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace zooid::cli {

// The known differences between ZooKeeper 3.8 and 3.9 (client-protocol 16): which one the reference
// is.
enum class CrosscheckProfile { k38, k39 };

// All paths of a plan lie below this one; each play puts a name of its own, of the same length, in
// its place, so no play sees what another left behind.
inline constexpr std::string_view kPlanRoot = "/crosscheck-000000000000";

struct PlannedRequest {
  int32_t xid = 0;
  int32_t type = 0;
  std::string body;
  // setWatches: the first eight bytes of the body become the last zxid seen minus this.
  bool has_relative_zxid = false;
  int64_t zxids_back = 0;
};

enum class StepKind {
  kConnect,     // a handshake, then the requests at once
  kRequests,    // sent in one piece; the next step begins when all are answered
  kDisconnect,  // by the client, without closing the session
  kRawBytes,    // on the connection of the session: no frame that a server answers
  kRawConnect,  // the bytes are the first of a connection of their own
};

enum class ConnectMode {
  kNewSession,
  kAttach,         // the session that this slot had last
  kWrongPassword,  // of that session
  kUnknownSession,
  kZxidAhead,  // claims to have seen what the server has not
};

struct Step {
  StepKind kind = StepKind::kRequests;
  size_t slot = 0;    // which of the plan's sessions
  size_t server = 0;  // modulo the number of servers of an ensemble
  ConnectMode mode = ConnectMode::kNewSession;
  int32_t timeout_ms = 30'000;
  bool has_read_only = true;
  std::vector<PlannedRequest> requests;
  std::string bytes;
};

struct Plan {
  uint64_t seed = 0;
  size_t slots = 0;
  std::vector<Step> steps;

  size_t operations() const;
};

// One line for people: "S1 create2 $/a/b data=5 flags=2 acl=…". `$` is the root of the plan.
std::string describe(const Step& step);
std::string describe(const PlannedRequest& request);
// Unprintable bytes as \xNN, long texts cut, the root of the plan (or of a play) as `$`.
std::string readable(std::string_view text, std::string_view root = kPlanRoot);

}  // namespace zooid::cli
