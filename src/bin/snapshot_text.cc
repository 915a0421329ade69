#include "bin/snapshot_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/shell_text.h"
#include "state/database.h"
#include "storage/snapshot_file.h"

namespace zooid::bin {
namespace {

using Print = std::function<void(std::string_view)>;

// As Java's %#016x: sixteen characters with the prefix.
std::string hex(int64_t value) {
  return fmt::format("0x{:014x}", static_cast<uint64_t>(value));
}

std::string node_text(const state::Tree& tree, state::NodeId node, SnapshotForm form) {
  const wire::StatPersisted& stat = tree.stored(node);
  const wire::NullableView data = tree.data(node);
  std::string text = fmt::format(
      "----\n{}\n  cZxid = {}\n  ctime = {}\n  mZxid = {}\n  mtime = {}\n  pZxid = {}\n"
      "  cversion = {}\n  dataVersion = {}\n  aclVersion = {}\n  ephemeralOwner = {}\n",
      tree.path(node), hex(stat.czxid), cli::date_text(stat.ctime), hex(stat.mzxid),
      cli::date_text(stat.mtime), hex(stat.pzxid), stat.cversion, stat.version, stat.aversion,
      hex(stat.ephemeral_owner));
  if (form == SnapshotForm::kData) {
    text += "  data = " + cli::base64_text(data.value_or("")) + "\n";
  } else {
    text += fmt::format("  dataLength = {}\n", data ? data->size() : 0);
  }
  return text;
}

void print_details(const state::Database& database, const storage::SnapshotTrailer& trailer,
                   Zxid file_zxid, SnapshotForm form, const Print& print) {
  const state::Tree& tree = database.tree();
  print(fmt::format("ZNode Details (count={}):\n", tree.node_count()));
  int64_t last = file_zxid.value;
  for (state::NodeId node = state::kRoot; node != state::kNoNode;
       node = tree.next_in_subtree(state::kRoot, node)) {
    print(node_text(tree, node, form));
    last = std::max({last, tree.stored(node).mzxid, tree.stored(node).pzxid});
  }
  print("----\nSession Details (sid, timeout, ephemeralCount):\n");
  for (const auto& [session, timeout_ms] : database.sessions()) {
    print(fmt::format("{}, {}, {}\n", hex(session.value), timeout_ms,
                      tree.ephemeral_nodes(session).size()));
  }
  if (trailer.digest && trailer.digest->zxid.value > 0) {
    print(fmt::format("Target zxid digest is: {:x}, {}\n",
                      static_cast<uint64_t>(trailer.digest->zxid.value), trailer.digest->value));
  }
  print(fmt::format("----\nLast zxid: 0x{:x}\n", static_cast<uint64_t>(last)));
}

void print_json(const state::Tree& tree, const Print& print) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  print(fmt::format(R"([1,0,{{"progname":"zooid snapshot","progver":"0.01","timestamp":{}}})",
                    std::chrono::duration_cast<std::chrono::milliseconds>(now).count()));
  int inode = 1000;
  std::vector<state::NodeId> parents;  // whose brackets are open
  for (state::NodeId node = state::kRoot; node != state::kNoNode;
       node = tree.next_in_subtree(state::kRoot, node)) {
    while (!parents.empty() && tree.parent(node) != parents.back()) {
      parents.pop_back();
      print("]");
    }
    const wire::NullableView data = tree.data(node);
    const size_t bytes = data ? data->size() : 0;
    const bool has_children = tree.child_count(node) > 0;
    const nlohmann::json name =
        node == state::kRoot ? std::string("/") : std::string(tree.name(node));
    print(fmt::format(R"(,{}{{"name":{},"asize":{},"dsize":{},"dev":0,"ino":{}}})",
                      has_children ? "[" : "",
                      name.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), bytes,
                      bytes, ++inode));
    if (has_children) parents.push_back(node);
  }
  print(std::string(parents.size() + 1, ']'));
}

}  // namespace

Result<> print_snapshot(env::FileSystem& files, const std::string& path, SnapshotForm form,
                        const std::function<void(std::string_view)>& print) {
  const auto name =
      storage::parse_snapshot_file_name(std::string_view(path).substr(path.find_last_of('/') + 1));
  if (!name) {
    return fail(path + ": expected a file named snapshot.<zxid in hexadecimal>[.gz|.snappy]");
  }
  storage::SnapshotTrailer trailer;
  TRY_VALUE(database, storage::load_snapshot_file(files, path, *name, {}, {}, &trailer));
  if (form == SnapshotForm::kJson) {
    print_json(database->tree(), print);
  } else {
    print_details(*database, trailer, name->zxid, form, print);
  }
  return {};
}

}  // namespace zooid::bin
