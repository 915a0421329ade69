#include "cli/explain.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "zab/election_journal.h"

namespace zooid::cli {
namespace {

using Json = nlohmann::ordered_json;

const char* kind_name(zab::ElectionEvent::Kind kind) {
  using Kind = zab::ElectionEvent::Kind;
  switch (kind) {
    case Kind::kReceived:
      return "received";
    case Kind::kProposed:
      return "proposed";
    case Kind::kRefused:
      return "refused";
    case Kind::kConnected:
      return "connected";
    case Kind::kQuorumReached:
      return "quorum reached";
    case Kind::kDecided:
      return "decided";
  }
  return "unknown";
}

// zxids are text: readers in some languages keep only 53 bits of a number.
Json vote_json(const zab::Vote& vote) {
  return {{"leader", vote.leader.value},
          {"zxid", fmt::format("0x{:x}", static_cast<uint64_t>(vote.zxid.value))},
          {"round", vote.round},
          {"epoch", vote.epoch}};
}

Json duration_json(int64_t us) {
  return us < 0 ? Json(nullptr) : Json(us);
}

std::string record_json(const zab::ElectionRecord& record) {
  Json events = Json::array();
  for (const zab::ElectionEvent& event : record.events) {
    Json one = {
        {"kind", kind_name(event.kind)}, {"at_us", event.at_us}, {"peer", event.peer.value}};
    if (event.kind == zab::ElectionEvent::Kind::kReceived) {
      one["state"] = wire::peer_state_name(event.state);
    }
    if (event.kind != zab::ElectionEvent::Kind::kRefused &&
        event.kind != zab::ElectionEvent::Kind::kConnected) {
      one["vote"] = vote_json(event.vote);
    }
    events.push_back(std::move(one));
  }
  Json json = {{"self", record.self.value},
               {"started_ms", record.started_wall_ms},
               {"round", record.round},
               {"why", record.why},
               {"role", wire::peer_state_name(record.role)},
               {"winner", record.winner ? vote_json(*record.winner) : Json(nullptr)},
               {"runner_up", record.runner_up ? vote_json(*record.runner_up) : Json(nullptr)},
               {"rule", zab::deciding_rule_name(record.rule)},
               {"ended_early", record.early_reason},
               {"abandoned", record.abandoned},
               {"new_epoch", record.new_epoch},
               {"sync", record.sync},
               {"phases_us",
                {{"detect", duration_json(record.detect_us)},
                 {"elect", duration_json(record.elect_us)},
                 {"discover", duration_json(record.discover_us)},
                 {"synchronise", duration_json(record.synchronise_us)},
                 {"first_commit", duration_json(record.first_commit_us)}}},
               {"events", std::move(events)},
               {"dropped_events", record.dropped_events}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

Result<std::string> explain(env::FileSystem& files, const std::string& data_directory, size_t count,
                            bool json) {
  const std::string path = zab::election_journal_path(data_directory);
  if (!files.exists(path)) {
    return fail(Error::Kind::kNotFound,
                path + ": no elections are recorded here (a standalone server, or not Zooid's)");
  }
  TRY_VALUE(content, env::read_file(files, path));
  TRY_VALUE(records, zab::parse_journal(content));
  std::string text;
  const size_t first = records.size() > count ? records.size() - count : 0;
  for (size_t i = first; i < records.size(); ++i) {
    if (json) {
      text += record_json(records[i]) + "\n";
      continue;
    }
    if (i > first) text += "\n";
    text += zab::describe(records[i]);
    if (!text.ends_with('\n')) text += '\n';
  }
  return text;
}

}  // namespace zooid::cli
