// Random requests of a client for the cross-check: every operation, right and wrong ones, over a
// small world of paths so that sessions meet.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "cli/crosscheck_plan.h"
#include "wire/request.h"

namespace zooid::cli {

// The session that looks after a play can read and remove everything: each ACL that is not
// open to all names it, too.
inline constexpr std::string_view kJanitorLogin = "janitor:broom";
inline constexpr std::string_view kJanitorId = "janitor:lIPyKZp1Wu78xhc+OxRUYQpVNSI=";

class RequestMaker {
 public:
  RequestMaker(Random& random, CrosscheckProfile profile, size_t servers)
      : random_(random),
        profile_(profile),
        sends_unreadable_writes_(profile == CrosscheckProfile::k39 && servers == 1) {}

  // One request of any kind that keeps the connection.
  PlannedRequest request();
  // Those that may stand only at the end of a group, or only alone.
  PlannedRequest auth(bool accepted);
  PlannedRequest close_session();
  PlannedRequest unknown_operation();
  PlannedRequest sasl();
  // Limits and usage nodes of a quota for some path; all the nodes on the way to them.
  std::vector<PlannedRequest> quota();
  // A create or setData whose frame has exactly this length.
  PlannedRequest of_frame_bytes(size_t bytes);
  // A request whose record is cut, or holds lengths that cannot be.
  PlannedRequest malformed();

 private:
  std::string existing_path();
  std::string some_path();   // existing or not, now and then a bad one
  std::string watch_path();  // 3.8: one kind of watch for each path (see watch_kind)
  std::string bad_path();
  std::string child_of(const std::string& parent);
  std::string data();
  int32_t version();
  wire::AclList acl(bool& is_null);
  wire::AclList wrong_acl(bool& is_null);
  bool may_break_multi() const {
    return sends_unreadable_writes_ || profile_ == CrosscheckProfile::k38;
  }
  bool may_watch(const std::string& path, int kind);
  wire::CreateRequest create_request(wire::OpCode& type, bool in_multi);

  PlannedRequest create();
  PlannedRequest remove();
  PlannedRequest set_data();
  PlannedRequest set_acl();
  PlannedRequest read();
  PlannedRequest read_of_path();
  PlannedRequest add_watch();
  PlannedRequest check_or_remove_watches();
  PlannedRequest set_watches();
  PlannedRequest multi();
  PlannedRequest multi_read();
  PlannedRequest reconfig();
  wire::SubRequest sub_write();
  PlannedRequest make(wire::OpCode type, std::string body);
  std::string_view keep(std::string text) { return *kept_.insert(std::move(text)).first; }

  Random& random_;
  CrosscheckProfile profile_;
  bool sends_unreadable_writes_;  // see malformed-writes and unreadable-writes
  int32_t next_xid_ = 1;
  // What probably exists; right often enough to make requests succeed.
  std::vector<std::string> existing_{std::string(kPlanRoot)};
  std::set<std::string> kept_;
};

}  // namespace zooid::cli
