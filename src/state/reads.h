// Read requests against the database: the body of the reply is appended to `out` when kOk comes
// back. Pure: watches are registered by the caller (which learns the path from the request).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "state/auth.h"
#include "state/database.h"
#include "wire/request.h"

namespace zooid::state {

struct ReadScope {
  const Database& database;
  const AuthOptions& auth;
  const std::vector<wire::Id>& ids;
};

// exists, getData, getACL, getChildren, getChildren2, getEphemerals (of `session`),
// getAllChildrenNumber. exists on a missing node answers kNoNode and may be watched all the same.
wire::ErrorCode read_exists(const ReadScope& scope, std::string_view path, std::string& out);
wire::ErrorCode read_data(const ReadScope& scope, std::string_view path, std::string& out);
wire::ErrorCode read_acl(const ReadScope& scope, std::string_view path, std::string& out);
wire::ErrorCode read_children(const ReadScope& scope, std::string_view path, bool with_stat,
                              std::string& out);
wire::ErrorCode read_ephemerals(const ReadScope& scope, SessionId session, std::string_view prefix,
                                std::string& out);
wire::ErrorCode read_all_children_number(const ReadScope& scope, std::string_view path,
                                         std::string& out);
// A multiRead may ask for so much that no client takes the answer, and a small request would have a
// large one made: beyond these it is refused as unreadable. (ZooKeeper has no bound; its clients
// take answers up to their jute.maxbuffer, 1 MiB unless set.)
inline constexpr size_t kMultiReadBytesMax = 16u << 20;  // and the last one's list of children
inline constexpr size_t kMultiReadsMax = 10'000;
// multiRead: each read for itself. `watched` gets (is_child_watch, path) of those to be watched:
// none, since ZooKeeper ignores the watch bytes of a multiRead. Returns kMarshallingError for an
// unreadable body, and beyond the bounds above.
wire::ErrorCode read_multi_reads(const ReadScope& scope, std::string_view body, std::string& out,
                                 std::vector<std::pair<bool, std::string>>& watched);
// whoAmI.
void write_who_am_i(const std::vector<wire::Id>& ids, std::string& out);

// The body of a successful write's reply, from what was applied. `request_type` is what the client
// asked (create answers a path, create2 path and Stat …). Multi: all results and the end mark.
void write_result(const Applied& applied, wire::OpCode request_type, std::string& out);

}  // namespace zooid::state
