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

  void restore(WatchList list, std::string_view path) {
    switch (list) {
      case WatchList::kData:
        return data(path);
      case WatchList::kExist:
        return exist(path);
      case WatchList::kChild:
        return child(path);
      case WatchList::kPersistent:
        return core_.watches.add(state::WatchKind::kPersistent, path, watcher_);
      case WatchList::kPersistentRecursive:
        return core_.watches.add(state::WatchKind::kPersistentRecursive, path, watcher_);
      case WatchList::kNone:
        break;
    }
    ASSERT(false && "no list of setWatches");
  }
  uint32_t events() const { return events_; }

 private:
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
                                                 std::string_view path, const state::AclPtr& acl) {
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

bool restore_watches(ShardCore& core, std::string_view body, wire::OpCode type,
                     state::WatcherId watcher, RestoreProgress& progress, std::string& out,
                     uint32_t& events) {
  ASSERT(core.database != nullptr);
  wire::Reader head(body);
  WatchRestoration restoration(core, head.i64(), watcher, out);
  const WatchList last_list =
      type == wire::OpCode::kSetWatches2 ? WatchList::kPersistentRecursive : WatchList::kChild;
  if (progress.list == WatchList::kNone) {
    progress.at = sizeof(int64_t);
    progress.left = 0;
  }
  wire::Reader in(body.substr(progress.at));
  const auto is_done = [&] { return progress.list == last_list && progress.left == 0; };
  do {
    size_t paths = 0;
    for (; paths < kWorkBetweenLooks && progress.left > 0; ++paths, --progress.left) {
      restoration.restore(progress.list, in.buffer());
    }
    core.turns.spend(paths);
    if (progress.left > 0 || progress.list == last_list) continue;
    progress.list = static_cast<WatchList>(static_cast<uint8_t>(progress.list) + 1);
    progress.left = in.count(sizeof(int32_t));
  } while (!is_done() && !core.turns.is_over());
  ASSERT(in.ok());  // the whole was found readable
  progress.at = body.size() - in.remaining();
  events += restoration.events();
  return is_done();
}

}  // namespace zooid::server
