#include "cli/explain.h"

#include <fmt/core.h>

#include <deque>
#include <nlohmann/json.hpp>
#include <optional>

#include "zab/election_journal.h"
#include "zab/looking_report.h"

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

Json record_json(const zab::ElectionRecord& record) {
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
  return json;
}

Json looking_json(const zab::LookingReport& report) {
  Json json = record_json(report.record);
  Json voters = Json::array();
  for (const zab::LookingReport::Voter& voter : report.voters) {
    voters.push_back(
        {{"id", voter.id.value},
         {"state", zab::voter_word(voter)},
         {"heard_ms", voter.heard_wall_ms == 0 ? Json(nullptr) : Json(voter.heard_wall_ms)}});
  }
  const size_t heard = report.heard_count();
  json["looking"] = {{"as_of_ms", report.written_wall_ms},
                     {"voters", report.voter_count()},
                     {"quorum", report.quorum()},
                     {"heard", heard},
                     {"more_needed", heard < report.quorum() ? report.quorum() - heard : 0},
                     {"others", std::move(voters)}};
  return json;
}

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// What is kept of an election that runs; nullopt: none does, or it is decided since.
std::optional<zab::LookingReport> read_looking(env::FileSystem& files,
                                               const std::string& data_directory,
                                               const std::deque<zab::ElectionRecord>& records) {
  const std::string path = zab::looking_path(data_directory);
  if (!files.exists(path)) return std::nullopt;
  const auto content = env::read_file(files, path);
  if (!content) return std::nullopt;  // removed just now
  auto report = zab::parse_looking(*content);
  if (!report) return std::nullopt;
  if (!records.empty() && records.back().started_wall_ms >= report->record.started_wall_ms) {
    return std::nullopt;
  }
  return std::move(*report);
}

Result<std::deque<zab::ElectionRecord>> read_records(env::FileSystem& files,
                                                     const std::string& path) {
  if (!files.exists(path)) return std::deque<zab::ElectionRecord>{};
  TRY_VALUE(content, env::read_file(files, path));
  return zab::parse_journal(content);
}

}  // namespace

Result<std::string> explain(env::FileSystem& files, const std::string& data_directory,
                            const ExplainOptions& options) {
  const std::string path = zab::election_journal_path(data_directory);
  TRY_VALUE(records, read_records(files, path));
  const auto looking = read_looking(files, data_directory, records);
  if (records.empty() && !looking) {
    return fail(Error::Kind::kNotFound,
                path +
                    ": no elections are recorded here (a server that was not started yet, a "
                    "stand-alone one, or not Zooid's)");
  }
  const size_t finished = options.count - (looking ? 1 : 0);
  const size_t first = records.size() > finished ? records.size() - finished : 0;
  std::string text;
  const auto add = [&](const Json& json, const auto& describe) {
    if (options.json) {
      text += line_of(json);
      return;
    }
    if (!text.empty()) text += "\n";
    text += describe();
    if (!text.ends_with('\n')) text += '\n';
  };
  for (size_t i = first; i < records.size(); ++i) {
    add(record_json(records[i]), [&] { return zab::describe(records[i]); });
  }
  if (looking) {
    add(looking_json(*looking), [&] { return zab::describe(*looking, options.now_wall_ms); });
  }
  return text;
}

}  // namespace zooid::cli
