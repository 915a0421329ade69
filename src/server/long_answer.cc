#include "server/long_answer.h"

#include <fmt/format.h>

#include "server/client_connection.h"
#include "server/four_letter_words.h"
#include "server/word_reports.h"

namespace zooid::server {
namespace {

// About a millisecond of each.
constexpr uint32_t kConnectionsOfSlice = 500;
constexpr size_t kWatchesOfSlice = 4'000;
constexpr size_t kEphemeralsOfSlice = 2'000;

std::string session_text(const ShardCore& core, state::WatcherId watcher) {
  const ClientConnection* connection = core.at_slot(watcher);
  const SessionId session = connection != nullptr ? connection->session() : kNoSession;
  return fmt::format("0x{:x}", static_cast<uint64_t>(session.value));
}

bool write_connections(const ShardCore& core, LongAnswer& answer, std::string& out) {
  const bool is_long = answer.list == LongAnswer::List::kConnections;
  uint32_t& slot = answer.place.list;
  for (uint32_t left = kConnectionsOfSlice; left > 0; --left, ++slot) {
    if (slot >= core.slot_count()) return false;
    const ClientConnection* connection = core.at_slot(slot);
    if (connection == nullptr || connection->is_closed()) continue;
    out += connection_line(*connection, is_long);
  }
  return true;
}

bool write_watches_of_paths(const ShardCore& core, LongAnswer& answer, std::string& out) {
  std::string_view last;  // a path stands in one slice with all who watch it
  return core.watches.visit_by_path(
      answer.place, kWatchesOfSlice, [&](std::string_view path, state::WatcherId watcher) {
        if (path != last) out.append(path).append("\n");
        last = path;
        out.append("\t").append(session_text(core, watcher)).append("\n");
      });
}

bool write_watches_of_connections(const ShardCore& core, LongAnswer& answer, std::string& out) {
  return core.watches.visit_by_watcher(answer.place, kWatchesOfSlice,
                                       [&](std::string_view path, state::WatcherId watcher) {
                                         if (answer.heading != watcher)
                                           out.append(session_text(core, watcher)).append("\n");
                                         answer.heading = watcher;
                                         out.append("\t").append(path).append("\n");
                                       });
}

// What changes meanwhile is seen or not; each line was true when it was written.
bool write_ephemerals(const ShardCore& core, LongAnswer& answer, std::string& out) {
  if (!core.is_serving()) return false;
  const state::Tree& tree = core.database->tree();
  for (size_t left = kEphemeralsOfSlice; left > 0; --left) {
    if (answer.owner == answer.owners.size()) return false;
    const SessionId owner = answer.owners[answer.owner];
    if (answer.node == state::kNoNode) {
      out += fmt::format("0x{:x}:\n", static_cast<uint64_t>(owner.value));
    }
    const state::NodeId node = tree.next_ephemeral(owner, answer.node + 1);
    if (node != state::kNoNode) out.append("\t").append(tree.path(node)).append("\n");
    answer.node = node;
    if (node == state::kNoNode) ++answer.owner;
  }
  return true;
}

}  // namespace

bool write_slice(const ShardCore& core, LongAnswer& answer, std::string& out) {
  bool is_more = false;
  switch (answer.list) {
    case LongAnswer::List::kConnections:
    case LongAnswer::List::kClients:
      is_more = write_connections(core, answer, out);
      break;
    case LongAnswer::List::kEphemerals:
      is_more = write_ephemerals(core, answer, out);
      if (!is_more) answer.tail = connections_report(core);
      break;
    case LongAnswer::List::kWatchesOfPaths:
      is_more = write_watches_of_paths(core, answer, out);
      break;
    case LongAnswer::List::kWatchesOfConnections:
      is_more = write_watches_of_connections(core, answer, out);
      break;
  }
  if (!is_more) out += answer.tail;
  return is_more;
}

}  // namespace zooid::server
