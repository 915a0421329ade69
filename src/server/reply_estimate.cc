#include "server/reply_estimate.h"

#include "wire/request.h"

namespace zooid::server {
namespace {

using wire::OpCode;

// A name and its length take about so much.
constexpr size_t kChildBytes = 64;

}  // namespace

bool may_be_large(const ShardCore& core, OpCode type, std::string_view body) {
  switch (type) {
    case OpCode::kGetData:
    case OpCode::kGetChildren:
    case OpCode::kGetChildren2: {
      wire::Reader in(body);
      wire::PathWatchRequest request;
      if (!wire::read_path_watch(in, request)) return false;
      const state::Tree& tree = core.database->tree();
      const state::NodeId node = tree.find(request.path);
      if (node == state::kNoNode) return false;
      if (type == OpCode::kGetData) return tree.data(node).value_or("").size() > kSmallReplyBytes;
      return static_cast<size_t>(tree.child_count(node)) > kSmallReplyBytes / kChildBytes;
    }
    case OpCode::kGetAcl:
    case OpCode::kGetEphemerals:
    case OpCode::kMultiRead:
      return true;
    default:
      // Of setWatches the events: they name paths of the request.
      return body.size() > kSmallReplyBytes;
  }
}

}  // namespace zooid::server
