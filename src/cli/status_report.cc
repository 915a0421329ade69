// What `zooid status` prints: a table for people, an object for programs.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/status.h"

namespace zooid::cli {
namespace {

using Json = nlohmann::ordered_json;
using Cells = std::vector<std::string>;

bool shows_figures(ServerState state) {
  return serves_in_ensemble(state) || state == ServerState::kStandalone ||
         state == ServerState::kReadOnly || state == ServerState::kOldLeader;
}

std::string zxid_text(int64_t zxid) {
  return fmt::format("0x{:x}", static_cast<uint64_t>(zxid));
}

std::string name_of(const StatusRow& row) {
  if (row.target.id) {
    return fmt::format("server.{}{}", row.target.id->value, row.target.is_self ? " (this)" : "");
  }
  const bool tells = row.status.answered_as && row.status.answered_as->value != 0;
  return tells ? fmt::format("server.{}", row.status.answered_as->value) : "";
}

std::string state_text(const StatusView& view, const StatusRow& row) {
  // What runs by itself has no leader to look for.
  const bool is_lone = !view.is_ensemble && row.status.state == ServerState::kLooking;
  return is_lone ? "not serving" : state_word(row.status.state);
}

std::string lag_text(const StatusRow& row) {
  return row.lag ? std::to_string(*row.lag) : "-";
}

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

std::string address_of(const StatusRow& row) {
  if (row.target.is_address_taken) return row.target.address.host + ":?";
  return row.target.address.text() + (row.target.is_port_assumed ? " (assumed)" : "");
}

Cells cells_of(const StatusView& view, const StatusRow& row) {
  const ServerStatus& status = row.status;
  Cells cells = {or_dash(name_of(row)), address_of(row), state_text(view, row)};
  if (!shows_figures(status.state)) {
    cells.push_back(status.detail);
    return cells;
  }
  cells.push_back(status.zxid ? zxid_text(*status.zxid) : "-");
  if (view.is_ensemble) cells.push_back(view.leader ? lag_text(row) : "-");
  cells.push_back(or_dash(status.connections));
  cells.push_back(or_dash(status.latency));
  cells.push_back(or_dash(status.version));
  if (!status.detail.empty()) cells.back() += "  " + status.detail;
  return cells;
}

// Columns as wide as their widest cell; a detail in the place of figures widens none.
std::string table(const StatusView& view) {
  std::vector<Cells> lines = {view.is_ensemble
                                  ? Cells{"SERVER", "ADDRESS", "STATE", "ZXID", "LAG",
                                          "CONNECTIONS", "LATENCY avg/max ms", "VERSION"}
                                  : Cells{"SERVER", "ADDRESS", "STATE", "ZXID", "CONNECTIONS",
                                          "LATENCY avg/max ms", "VERSION"}};
  const size_t full = lines.front().size();
  const bool has_figures = std::ranges::any_of(
      view.rows, [](const StatusRow& row) { return shows_figures(row.status.state); });
  if (!has_figures) lines.front().resize(3);
  for (const StatusRow& row : view.rows) lines.push_back(cells_of(view, row));
  std::vector<size_t> widths(full, 0);
  for (const Cells& cells : lines) {
    const size_t counted = cells.size() == full ? full : 3;
    for (size_t i = 0; i < counted; ++i) widths[i] = std::max(widths[i], cells[i].size());
  }
  std::string text;
  for (const Cells& cells : lines) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      line += i + 1 == cells.size() ? cells[i] : fmt::format("{:<{}}  ", cells[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string leader_line(const StatusView& view) {
  if (view.leader) {
    const StatusRow& row = view.rows[*view.leader];
    const std::string name = name_of(row);
    return fmt::format("leader: {}{}{}\n", name.empty() ? "" : name + ", ",
                       row.target.address.text(),
                       row.status.zxid ? fmt::format(", epoch {}", row.status.epoch()) : "");
  }
  return view.has_quorum ? "leader: not among those that answered\n" : "leader: none\n";
}

std::string quorum_line(const StatusView& view) {
  std::string text = fmt::format("{} of {} up", view.up, view.voters);
  if (view.up == 0 && view.waiting > 0) text += fmt::format(", {} alive", view.waiting);
  if (view.unknown > 0) text += fmt::format(", {} not known", view.unknown);
  if (!view.has_quorum) {
    text += view.up > 0 ? ": no quorum any more" : ": no quorum";
    return text + (view.more_needed > 0
                       ? fmt::format(", {} more needed\n", view.more_needed)
                       : ", though enough are alive: an election should be under way\n");
  }
  if (view.up < view.needed) return text + fmt::format(" (a quorum is {})\n", view.needed);
  if (view.up == view.needed) return text + ", cannot lose any\n";
  return text + fmt::format(", can lose {} more\n", view.up - view.needed);
}

std::string notes(const StatusView& view) {
  std::string assumed, unknown, beside;
  for (const StatusRow& row : view.rows) {
    const std::string name = row.target.id ? name_of(row) : row.target.address.text();
    const auto add = [&](std::string& list, const std::string& one) {
      list += (list.empty() ? "" : ", ") + one;
    };
    if (row.target.is_address_taken) {
      add(unknown, name);
    } else if (row.target.is_port_assumed) {
      add(assumed, name);
    }
    if (!row.target.port_from.empty()) add(beside, name + " by " + row.target.port_from);
  }
  std::string text;
  if (!beside.empty()) text += "client ports from files beside: " + beside + "\n";
  if (!assumed.empty()) {
    text += fmt::format("client port assumed to be the same as here: {}\n", assumed);
  }
  if (!unknown.empty()) {
    text += fmt::format(
        "not asked: {}; its server line has no ';clientPort', and no zoo.cfg of it lies beside "
        "(or ask by address: zooid status -s host:port,...)\n",
        unknown);
  }
  return text;
}

Json row_json(const StatusView& view, const StatusRow& row) {
  const ServerStatus& status = row.status;
  const auto id = row.target.id ? row.target.id : status.answered_as;
  const bool has_port = !row.target.is_address_taken;
  const bool serves = serves_in_ensemble(status.state) ||
                      (!view.is_ensemble && status.state == ServerState::kStandalone);
  Json json = {{"id", id ? Json(id->value) : Json(nullptr)},
               {"this", row.target.is_self},
               {"host", row.target.address.host},
               {"port", has_port ? Json(row.target.address.port) : Json(nullptr)},
               {"port_assumed", row.target.is_port_assumed},
               {"voter", row.target.is_voter && status.state != ServerState::kObserver},
               {"state", state_text(view, row)},
               {"up", serves},
               {"detail", status.detail},
               {"zxid", status.zxid ? Json(zxid_text(*status.zxid)) : Json(nullptr)},
               {"epoch", status.zxid ? Json(status.epoch()) : Json(nullptr)},
               {"lag", row.lag ? Json(*row.lag) : Json(nullptr)},
               {"connections", status.connections.empty()
                                   ? Json(nullptr)
                                   : Json(std::strtoll(status.connections.c_str(), nullptr, 10))},
               {"version", status.version.empty() ? Json(nullptr) : Json(status.version)}};
  if (!row.target.port_from.empty()) json["port_from"] = row.target.port_from;
  return json;
}

}  // namespace

std::string status_text(const StatusView& view) {
  std::string text = table(view);
  if (view.is_ensemble) text += leader_line(view) + quorum_line(view);
  return text + notes(view);
}

std::string status_json(const StatusView& view) {
  Json servers = Json::array();
  for (const StatusRow& row : view.rows) servers.push_back(row_json(view, row));
  Json json = {{"servers", std::move(servers)}, {"ensemble", view.is_ensemble}};
  if (view.is_ensemble) {
    const StatusRow* leader = view.leader ? &view.rows[*view.leader] : nullptr;
    json["leader"] = leader == nullptr   ? Json(nullptr)
                     : leader->target.id ? Json(leader->target.id->value)
                                         : Json(leader->target.address.text());
    json["epoch"] =
        leader != nullptr && leader->status.zxid ? Json(leader->status.epoch()) : Json(nullptr);
    json["voters"] = view.voters;
    json["quorum"] = view.needed;
    json["up"] = view.up;
    json["alive_without_leader"] = view.waiting;
    json["not_known"] = view.unknown;
    json["has_quorum"] = view.has_quorum;
    json["more_needed"] = view.more_needed;
  }
  json["exit_code"] = view.exit_code;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace zooid::cli
