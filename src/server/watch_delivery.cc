#include "server/watch_delivery.h"

#include "base/assert.h"
#include "server/client_connection.h"

namespace zooid::server {
namespace {

constexpr int64_t kNoZxid = -1;

// Many watchers of one change get the same bytes.
class EventFrame {
 public:
  explicit EventFrame(int64_t zxid) : zxid_(zxid) {}
  std::string_view get(wire::EventType type, std::string_view path) {
    if (frame_.empty() || type != type_ || path != path_) {
      frame_.clear();
      wire::write_notification_frame(frame_, type, path, zxid_);
      type_ = type;
      path_ = path;
    }
    return frame_;
  }

 private:
  int64_t zxid_;
  wire::EventType type_ = wire::EventType::kNodeCreated;
  std::string path_;
  std::string frame_;
};

// Decides for one path of setWatches.
class WatchRestoration {
 public:
  WatchRestoration(ShardCore& core, int64_t relative_zxid, state::WatcherId watcher,
                   std::string& out)
      : core_(core),
        tree_(core.database->tree()),
        relative_zxid_(relative_zxid),
        watcher_(watcher),
        out_(out) {}

  void data(std::string_view path) {
    const state::NodeId node = tree_.find(path);
    if (node == state::kNoNode) return send(wire::EventType::kNodeDeleted, path);
    if (tree_.stored(node).mzxid > relative_zxid_) {
      return send(wire::EventType::kNodeDataChanged, path);
    }
    core_.watches.add(state::WatchKind::kData, path, watcher_);
  }
  void exist(std::string_view path) {
    const state::NodeId node = tree_.find(path);
    if (node != state::kNoNode) return send(wire::EventType::kNodeCreated, path);
    core_.watches.add(state::WatchKind::kData, path, watcher_);
  }
  void child(std::string_view path) {
    const state::NodeId node = tree_.find(path);
    if (node == state::kNoNode) return send(wire::EventType::kNodeDeleted, path);
    if (tree_.stored(node).pzxid > relative_zxid_) {
      return send(wire::EventType::kNodeChildrenChanged, path);
    }
    core_.watches.add(state::WatchKind::kChild, path, watcher_);
  }
  uint32_t events() const { return events_; }

 private:
  // Unlike an event of a change it is not filtered by READ: the client knows the path already.
  void send(wire::EventType type, std::string_view path) {
    wire::write_notification_frame(out_, type, path, kNoZxid);
    ++events_;
  }

  ShardCore& core_;
  const state::Tree& tree_;
  int64_t relative_zxid_;
  state::WatcherId watcher_;
  std::string& out_;
  uint32_t events_ = 0;
};

}  // namespace

void deliver_changes(ShardCore& core, const state::Applied& applied) {
  EventFrame frame(applied.header.zxid.value);
  const state::WatchTable::Deliver deliver = [&](state::WatcherId watcher, wire::EventType type,
                                                 std::string_view path, const wire::AclPtr& acl) {
    ClientConnection* connection = core.at_slot(watcher);
    ASSERT(connection != nullptr);  // a closed connection has no watches
    if (acl != nullptr &&
        !state::acl_allows(core.auth, *acl, wire::kPermRead, *connection->ids())) {
      return;
    }
    connection->deliver(frame.get(type, path));
  };
  for (const state::Change& change : applied.changes) core.watches.fire(change, deliver);
}

uint32_t restore_watches(ShardCore& core, const wire::SetWatchesRequest& request,
                         state::WatcherId watcher, std::string& out) {
  ASSERT(core.database != nullptr);
  WatchRestoration restoration(core, request.relative_zxid, watcher, out);
  for (const std::string_view path : request.data) restoration.data(path);
  for (const std::string_view path : request.exist) restoration.exist(path);
  for (const std::string_view path : request.child) restoration.child(path);
  for (const std::string_view path : request.persistent) {
    core.watches.add(state::WatchKind::kPersistent, path, watcher);
  }
  for (const std::string_view path : request.persistent_recursive) {
    core.watches.add(state::WatchKind::kPersistentRecursive, path, watcher);
  }
  return restoration.events();
}

}  // namespace zooid::server
