#include "sim/persistent_watches.h"

#include <algorithm>

#include "sim/request_source.h"

namespace zooid::sim {

using wire::EventType;
using wire::OpCode;

namespace {

EventType type_of(Model::Change::Kind kind) {
  switch (kind) {
    case Model::Change::Kind::kCreated:
      return EventType::kNodeCreated;
    case Model::Change::Kind::kDeleted:
      return EventType::kNodeDeleted;
    case Model::Change::Kind::kData:
      break;
  }
  return EventType::kNodeDataChanged;
}

bool is_at_or_below(const std::string& path, const std::string& root) {
  if (root == "/" || path == root) return true;
  return path.size() > root.size() && path[root.size()] == '/' && path.starts_with(root);
}

}  // namespace

void PersistentWatches::on_reply(const Operation& operation) {
  for (auto& [key, watch] : watches_) settle(key.first, key.second, watch, operation);
  if (operation.type != OpCode::kAddWatch || operation.err != wire::ErrorCode::kOk) return;
  watches_.try_emplace({operation.path, operation.flags == kWatchRecursive},
                       Watch{operation.zxid, operation.connection, {}});
}

bool PersistentWatches::on_event(const Event& event) {
  if (event.zxid == -1) return false;  // of setWatches, which never tells these
  bool is_known = false;
  for (auto& [key, watch] : watches_) {
    const auto& [path, is_recursive] = key;
    const bool matches = is_recursive ? event.type != EventType::kNodeChildrenChanged &&
                                            is_at_or_below(event.path, path)
                                      : event.path == path;
    if (!matches || event.zxid <= watch.since_zxid) continue;
    ++watch.told[{event.zxid, event.type, event.path}];
    is_known = true;
  }
  return is_known;
}

bool PersistentWatches::remove(const std::string& path) {
  return watches_.erase({path, false}) + watches_.erase({path, true}) > 0;
}

void PersistentWatches::settle(const std::string& path, bool is_recursive, Watch& watch,
                               const Operation& reply) {
  const int64_t since = std::exchange(watch.since_zxid, std::max(watch.since_zxid, reply.zxid));
  const std::map<Told, int> told = std::exchange(watch.told, {});
  if (std::exchange(watch.connection, reply.connection) != reply.connection) return;
  std::map<Told, int> expected;
  for (auto it = std::ranges::upper_bound(changes_, since, {}, &Changed::zxid);
       it != changes_.end() && it->zxid <= reply.zxid; ++it) {
    if (is_recursive ? is_at_or_below(it->path, path) : it->path == path) {
      ++expected[{it->zxid, type_of(it->kind), it->path}];
    }
    if (!is_recursive && it->kind != Model::Change::Kind::kData && it->path != "/" &&
        parent_path(it->path) == path) {
      ++expected[{it->zxid, EventType::kNodeChildrenChanged, path}];
    }
  }
  if (told == expected) return;
  std::string text;
  for (const auto& [what, count] : expected) {
    const auto it = told.find(what);
    const int heard = it == told.end() ? 0 : it->second;
    if (heard == count) continue;
    text = fmt::format("{} of type {} zxid=0x{:x} {} times, not {}", std::get<2>(what),
                       static_cast<int>(std::get<1>(what)), std::get<0>(what), heard, count);
  }
  for (const auto& [what, count] : told) {
    if (expected.contains(what)) continue;
    text = fmt::format("{} of type {} zxid=0x{:x}, which did not happen or came too early",
                       std::get<2>(what), static_cast<int>(std::get<1>(what)), std::get<0>(what));
  }
  verdict_.fail(reply.completed_us, "persistent watches tell each change once, before newer data",
                "client{} session=0x{:x} answered at 0x{:x}, its {} watch on {} told {}",
                reply.client, static_cast<uint64_t>(reply.session.value), reply.zxid,
                is_recursive ? "recursive" : "persistent", path, text);
}

}  // namespace zooid::sim
