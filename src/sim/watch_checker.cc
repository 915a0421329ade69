#include "sim/watch_checker.h"

#include <algorithm>

#include "sim/persistent_watches.h"

namespace zooid::sim {

using wire::EventType;
using wire::OpCode;

namespace {

enum class Kind { kData, kExist, kChild };

struct Watch {
  int64_t since_zxid;  // everything up to it is known to the client
  uint64_t connection;
};

bool fires(Kind kind, Model::Change::Kind change) {
  switch (kind) {
    case Kind::kData:
      return change != Model::Change::Kind::kCreated;
    case Kind::kExist:
      return change == Model::Change::Kind::kCreated;
    case Kind::kChild:
      return change == Model::Change::Kind::kDeleted;
  }
  return false;
}

// The watches of one session.
class Watches {
 public:
  Watches(const PathChanges& changes, const std::map<std::string, std::vector<int64_t>>& children,
          const std::vector<Changed>& all_changes, Verdict& verdict)
      : changes_(changes),
        children_(children),
        persistent_(all_changes, verdict),
        verdict_(verdict) {}

  void on_reply(const Operation& operation) {
    for (auto& [key, watch] : watches_) check_quiet(key.first, key.second, watch, operation);
    persistent_.on_reply(operation);
    if (operation.type == OpCode::kRemoveWatches) return on_removal(operation);
    if (!operation.watch) return;
    const bool found = operation.err == wire::ErrorCode::kOk;
    Kind kind = Kind::kData;
    if (operation.type == OpCode::kExists && !found) kind = Kind::kExist;
    if (operation.type == OpCode::kGetChildren2) kind = Kind::kChild;
    if (!found && kind != Kind::kExist) return;
    watches_[{operation.path, kind}] = Watch{operation.zxid, operation.connection};
  }

  void on_event(const Event& event) {
    bool is_known = false;
    const auto take = [&](Kind kind) { is_known |= watches_.erase({event.path, kind}) > 0; };
    if (event.type == EventType::kNodeChildrenChanged) {
      take(Kind::kChild);
    } else {
      // What setWatches tells (zxid -1) comes once for each list, in ZooKeeper too: for the data
      // watch, then for the watch on the children.
      const bool is_of_set_watches = event.zxid == -1 && event.type == EventType::kNodeDeleted;
      take(Kind::kData);
      take(Kind::kExist);
      if (event.type == EventType::kNodeDeleted && !(is_of_set_watches && is_known)) {
        take(Kind::kChild);
      }
    }
    is_known |= persistent_.on_event(event);
    if (is_known) return;
    verdict_.fail(event.time_us, "watches fire once",
                  "client{} session=0x{:x} got an event of type {} for {} zxid=0x{:x} without a "
                  "watch",
                  event.client, static_cast<uint64_t>(event.session.value),
                  static_cast<int>(event.type), event.path, event.zxid);
  }

 private:
  // Of every watch on the path.
  void on_removal(const Operation& operation) {
    bool had_any = persistent_.remove(operation.path);
    for (const Kind kind : {Kind::kData, Kind::kExist, Kind::kChild}) {
      had_any |= watches_.erase({operation.path, kind}) > 0;
    }
    if (had_any == (operation.err == wire::ErrorCode::kOk)) return;
    verdict_.fail(operation.completed_us, "watches can be removed",
                  "client{} session=0x{:x} {} was answered {} zxid=0x{:x}", operation.client,
                  static_cast<uint64_t>(operation.session.value), operation.path,
                  wire::error_name(operation.err), operation.zxid);
  }

  // The first change behind the watch that would have fired it; INT64_MAX if there is none.
  int64_t first_change(const std::string& path, Kind kind, int64_t after) const {
    int64_t first = INT64_MAX;
    if (const auto own = changes_.find(path); own != changes_.end()) {
      auto it = std::ranges::upper_bound(own->second, after, {}, &ReplyChecker::PathChange::zxid);
      while (it != own->second.end() && !fires(kind, it->kind)) ++it;
      if (it != own->second.end()) first = it->zxid;
    }
    if (kind != Kind::kChild) return first;
    const auto below = children_.find(path);
    if (below == children_.end()) return first;
    const auto it = std::ranges::upper_bound(below->second, after);
    return it == below->second.end() ? first : std::min(first, *it);
  }

  void check_quiet(const std::string& path, Kind kind, Watch& watch, const Operation& reply) {
    const bool is_new_connection = watch.connection != reply.connection;
    watch.connection = reply.connection;
    const int64_t change = first_change(path, kind, watch.since_zxid);
    if (change > reply.zxid) return;
    // A node that came and went while the client was away: setWatches does not tell, in ZooKeeper
    // neither.
    if (is_new_connection && kind == Kind::kExist) {
      watch.since_zxid = reply.zxid;
      return;
    }
    verdict_.fail(reply.completed_us, "watches fire before newer data",
                  "client{} session=0x{:x} was told of 0x{:x} while its watch on {} (since 0x{:x}) "
                  "should have fired at 0x{:x}",
                  reply.client, static_cast<uint64_t>(reply.session.value), reply.zxid, path,
                  watch.since_zxid, change);
  }

  const PathChanges& changes_;
  const std::map<std::string, std::vector<int64_t>>& children_;
  PersistentWatches persistent_;
  Verdict& verdict_;
  std::map<std::pair<std::string, Kind>, Watch> watches_;
};

}  // namespace

void check_watches(const History& history, const PathChanges& changes, Verdict& verdict) {
  std::map<std::string, std::vector<int64_t>> children;  // by parent: when the list changed
  for (const auto& [path, list] : changes) {
    if (path == "/") continue;
    std::vector<int64_t>& own = children[parent_path(path)];
    for (const ReplyChecker::PathChange& change : list) {
      if (change.kind != Model::Change::Kind::kData) own.push_back(change.zxid);
    }
  }
  for (auto& [path, list] : children) std::ranges::sort(list);

  std::vector<Changed> all_changes;
  for (const auto& [path, list] : changes) {
    for (const ReplyChecker::PathChange& change : list) {
      all_changes.push_back({change.zxid, change.kind, path});
    }
  }
  std::ranges::stable_sort(all_changes, {}, &Changed::zxid);

  struct Told {
    uint64_t completion;
    const Operation* reply;
    const Event* event;
  };
  std::vector<Told> told;
  for (const Operation& operation : history.operations) {
    if (operation.is_answered()) told.push_back({operation.completion, &operation, nullptr});
  }
  for (const Event& event : history.events) told.push_back({event.completion, nullptr, &event});
  std::ranges::sort(told, {}, &Told::completion);
  std::map<SessionId, Watches> sessions;
  for (const Told& one : told) {
    if (!verdict.is_ok()) return;
    const SessionId session = one.reply != nullptr ? one.reply->session : one.event->session;
    Watches& watches =
        sessions.try_emplace(session, changes, children, all_changes, verdict).first->second;
    one.reply != nullptr ? watches.on_reply(*one.reply) : watches.on_event(*one.event);
  }
}

}  // namespace zooid::sim
