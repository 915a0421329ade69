// Compares what a reference said to a proxy's clients with what the candidate says to the same
// requests, and keeps count.
//
// Strictly compared: each reply with all its fields (crosscheck_rules.h names what is normalised);
// the events of each connection, one after another; an event that a write of the same connection
// caused comes before the reply to that write. A zxid is compared by what it names: the transaction
// of which request; ids from before the proxy began are all the same.
//
// Three kinds of findings. *Difference*: nothing explains it. *Following*: it concerns a node that
// is known to differ already. *Order*: timing explains it, and two right servers may do so.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cli/crosscheck_comparer.h"
#include "cli/crosscheck_events.h"
#include "cli/crosscheck_exchange.h"
#include "cli/crosscheck_pairs.h"
#include "cli/crosscheck_taint.h"

namespace zooid::cli {

struct ProxyFinding {
  enum class Kind { kDifference, kFollowing, kOrder };
  Kind kind = Kind::kDifference;
  std::string connection;            // "connection 3"
  std::string request;               // "create2 /a data=…", or "watch event"
  std::string reference, candidate;  // what each of them said
  std::string reason;                // of the last two kinds
};

struct ProxyCounts {
  uint64_t exchanges = 0, events = 0;  // compared
  uint64_t differences = 0, following = 0;
  std::map<std::string, uint64_t> order;  // by reason
  std::map<CrosscheckRule, uint64_t> known;
};

class ProxyJudge {
 public:
  using Tell = std::function<void(const ProxyFinding&)>;
  ProxyJudge(CrosscheckProfile profile, Tell tell);

  // What the candidate is to be asked in place of the client's handshake.
  wire::ConnectRequest handshake_for_candidate(const Exchange& exchange) const;
  // The same of a request: what names a zxid is translated.
  std::string body_for_candidate(const PlannedRequest& request) const;

  void handshake(const std::string& connection, const Exchange& exchange,
                 const wire::ConnectResponse& candidate, int64_t now_us);
  // `remark` says what else was wrong with the candidate's reply, if anything.
  void reply(const std::string& connection, const Exchange& exchange,
             const wire::ReplyHeader& header, std::string_view body, const std::string& remark,
             int64_t now_us);
  ProxyEvent event_of_reference(const wire::ReplyHeader& header, std::string_view body);
  ProxyEvent event_of_candidate(const wire::ReplyHeader& header, std::string_view body);
  void event(const std::string& connection, const EventPairs::Judged& judged, int64_t now_us);
  // Anything else that nothing explains.
  void difference(ProxyFinding finding);

  // The connection of the reference's session ended without closeSession: both servers end the
  // session in their own time.
  void session_left(int64_t session, int32_t timeout_ms, int64_t now_us);
  // A request that may have changed something there and was not replayed.
  void not_replayed(const PlannedRequest& request);

  ProxyCounts counts() const;
  // More nodes differ than can be kept in mind.
  bool has_lost_track() const;

 private:
  struct Passwords {
    std::string reference, candidate;
  };
  void judge(ProxyFinding finding, const std::vector<std::string>& paths, int64_t now_us);
  void taint_outcome(const Exchange& exchange, int32_t err, std::string_view body);
  void note_ephemerals(const Exchange& exchange, int64_t session);
  ProxyEvent event_of(Normaliser& normaliser, const wire::ReplyHeader& header,
                      std::string_view body);
  SeenLine line(Normaliser& normaliser, const Exchange& exchange, wire::ReplyHeader header,
                std::string_view body) const;

  CrosscheckProfile profile_;
  Tell tell_;
  PairedIds zxids_, sessions_;
  std::map<int64_t, Passwords> passwords_;  // by the reference's session
  Normaliser reference_, candidate_;
  Comparer comparer_;
  CrosscheckTaint taint_;
  std::map<int64_t, std::vector<std::string>> ephemerals_;  // by the reference's session
  std::map<std::string, int64_t> session_of_;               // by connection
  ProxyCounts counts_;
};

}  // namespace zooid::cli
