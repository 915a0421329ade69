#include "cli/server_status.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/assert.h"

namespace zooid::cli {
namespace {

constexpr std::string_view kNotServing = "is not currently serving requests";
constexpr std::string_view kNotAllowed = "is not executed because it is not in the whitelist";

bool holds(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::optional<int64_t> number(std::string_view text, int base) {
  int64_t value = 0;
  if (base == 16 && text.starts_with("0x")) text.remove_prefix(2);
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

// "3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on 2022-02-25": the number is enough.
std::string short_version(std::string text) {
  constexpr std::string_view kOurs = "-zooid-";
  text = text.substr(0, text.find(','));
  const size_t dash = text.find('-');
  const std::string release = text.substr(0, dash);
  if (const size_t ours = text.find(kOurs); ours != std::string::npos) {
    const std::string rest = text.substr(ours + kOurs.size());
    return fmt::format("{} (zooid {})", release, rest.substr(0, rest.find('-')));
  }
  const bool is_preliminary =
      holds(text, "SNAPSHOT") || holds(text, "alpha") || holds(text, "beta");
  return is_preliminary ? text : release;
}

ServerState state_of_mode(std::string_view mode) {
  if (mode == "leader") return ServerState::kLeader;
  if (mode == "follower") return ServerState::kFollower;
  if (mode == "observer") return ServerState::kObserver;
  if (mode == "standalone") return ServerState::kStandalone;
  if (mode == "read-only") return ServerState::kReadOnly;
  return ServerState::kNotZooKeeper;
}

// Of srvr, and of stat, which has the same lines among others.
void read_server_report(std::string_view text, ServerStatus& status) {
  const std::string mode = line_value(text, "Mode");
  status.state = state_of_mode(mode);
  if (status.state == ServerState::kNotZooKeeper) status.detail = "Mode: " + mode;
  status.zxid = number(line_value(text, "Zxid"), 16);
  status.version = short_version(line_value(text, "Zookeeper version"));
  status.connections = line_value(text, "Connections");
  const std::string latency = line_value(text, "Latency min/avg/max");
  if (const size_t slash = latency.find('/'); slash != std::string::npos) {
    status.latency = latency.substr(slash + 1);
  }
}

// Of a server that serves nobody. Zooid adds a second line where it has a reason of its own; Java
// ZooKeeper has none.
void read_trouble(std::string_view text, ServerStatus& status) {
  status.detail = line_value(text, "Trouble");
  status.state = status.detail.empty()                             ? ServerState::kLooking
                 : status.detail.starts_with("waits for a leader") ? ServerState::kIncomplete
                 : holds(status.detail, "o space left") || holds(status.detail, "quota exceeded")
                     ? ServerState::kFullDisk
                     : ServerState::kCannotWrite;
}

void read_other_words(const std::vector<WordAnswer>& others, ServerStatus& status) {
  status.state = ServerState::kNotWhitelisted;
  status.detail = "it answers, but 4lw.commands.whitelist there has no srvr";
  if (others.size() < 3) return;
  const std::string& stat = others[0].text;
  const std::string& monitor = others[1].text;
  const std::string& read_only = others[2].text;
  if (!line_value(stat, "Mode").empty()) {
    status.detail.clear();
    return read_server_report(stat, status);
  }
  if (const std::string mode = line_value(monitor, "zk_server_state"); !mode.empty()) {
    status.detail.clear();
    status.state = state_of_mode(mode);
    status.version = short_version(line_value(monitor, "zk_version"));
    status.connections = line_value(monitor, "zk_num_alive_connections");
    status.latency =
        line_value(monitor, "zk_avg_latency") + "/" + line_value(monitor, "zk_max_latency");
    return;
  }
  for (const std::string& text : {stat, monitor}) {
    if (holds(text, kNotServing)) return read_trouble(text, status);
  }
  if (read_only == "null") status.state = ServerState::kLooking, status.detail.clear();
  if (read_only == "ro") status.state = ServerState::kReadOnly, status.detail.clear();
  if (read_only == "rw")
    status.detail =
        "it serves; its role is told by srvr alone, which "
        "4lw.commands.whitelist there lacks";
}

void read_configuration(const std::string& text, ServerStatus& status) {
  if (const auto id = number(line_value(text, "serverId"), 10)) status.answered_as = ServerId{*id};
  // Behind "membership:" stand the server lines.
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.starts_with("server.") && !holds(line, ":observer")) ++status.members_told;
  }
}

}  // namespace

const char* state_word(ServerState state) {
  switch (state) {
    case ServerState::kLeader:
      return "leader";
    case ServerState::kFollower:
      return "follower";
    case ServerState::kObserver:
      return "observer";
    case ServerState::kStandalone:
      return "standalone";
    case ServerState::kLooking:
      return "looking";
    case ServerState::kReadOnly:
      return "read-only";
    case ServerState::kIncomplete:
      return "incomplete";
    case ServerState::kFullDisk:
      return "full disk";
    case ServerState::kCannotWrite:
      return "cannot write";
    case ServerState::kFrozen:
      return "frozen";
    case ServerState::kClosed:
      return "closed";
    case ServerState::kNotWhitelisted:
      return "not whitelisted";
    case ServerState::kNotZooKeeper:
      return "not ZooKeeper";
    case ServerState::kRefused:
      return "refused";
    case ServerState::kNoConnection:
      return "no connection";
    case ServerState::kNameNotFound:
      return "name not found";
    case ServerState::kPortUnknown:
      return "port unknown";
    case ServerState::kOtherServer:
      return "other server";
    case ServerState::kOldLeader:
      return "old leader";
  }
  return "unknown";
}

bool serves_in_ensemble(ServerState state) {
  return state == ServerState::kLeader || state == ServerState::kFollower ||
         state == ServerState::kObserver;
}

bool waits_for_quorum(ServerState state) {
  return state == ServerState::kLooking || state == ServerState::kReadOnly;
}

bool is_unknown(ServerState state) {
  return state == ServerState::kNotWhitelisted || state == ServerState::kPortUnknown ||
         state == ServerState::kOtherServer;
}

ServerStatus judge_answers(const WordAnswer& srvr, const WordAnswer& conf,
                           const std::vector<WordAnswer>& others) {
  ServerStatus status;
  status.address = srvr.server;
  status.peer = srvr.peer;
  if (!srvr.reached) {
    const bool is_name = holds(srvr.failure.message, "looking up ");
    status.state = srvr.failure.kind == Error::Kind::kRefused ? ServerState::kRefused
                   : is_name                                  ? ServerState::kNameNotFound
                                                              : ServerState::kNoConnection;
    status.detail = srvr.failure.message;
    const std::string prefix = srvr.server.text() + ": ";
    if (status.detail.starts_with(prefix)) status.detail.erase(0, prefix.size());
    if (status.state == ServerState::kRefused) status.detail = "nothing listens there";
    return status;
  }
  if (!line_value(srvr.text, "Mode").empty()) {
    read_server_report(srvr.text, status);
  } else if (holds(srvr.text, kNotServing)) {
    read_trouble(srvr.text, status);
  } else if (holds(srvr.text, kNotAllowed)) {
    read_other_words(others, status);
  } else if (!srvr.text.empty()) {
    status.state = ServerState::kNotZooKeeper;
    status.detail =
        "it answers: " + srvr.text.substr(0, std::min<size_t>(srvr.text.find('\n'), 60));
  } else if (!srvr.ended) {
    status.state = ServerState::kFrozen;
    status.detail = "the connection was made, " + srvr.failure.message;
  } else {
    status.state = ServerState::kClosed;
    status.detail = "it closes the connection without an answer (too many connections from here?)";
  }
  read_configuration(conf.text, status);
  return status;
}

std::vector<ServerStatus> ask_servers(Terminal& terminal,
                                      const std::vector<env::Endpoint>& addresses) {
  std::vector<WordQuestion> questions;
  for (const env::Endpoint& address : addresses) {
    questions.push_back({address, "srvr"});
    questions.push_back({address, "conf"});
  }
  const std::vector<WordAnswer> answers = ask_words(terminal, questions);
  ASSERT(answers.size() == 2 * addresses.size());
  constexpr std::array kOtherWords = {"stat", "mntr", "isro"};
  std::vector<WordQuestion> more;
  for (size_t i = 0; i < addresses.size(); ++i) {
    if (!holds(answers[2 * i].text, kNotAllowed)) continue;
    for (const char* word : kOtherWords) more.push_back({addresses[i], word});
  }
  const std::vector<WordAnswer> others = ask_words(terminal, more);
  std::vector<ServerStatus> result;
  size_t used = 0;
  for (size_t i = 0; i < addresses.size(); ++i) {
    std::vector<WordAnswer> own;
    if (holds(answers[2 * i].text, kNotAllowed)) {
      own.assign(others.begin() + static_cast<std::ptrdiff_t>(used),
                 others.begin() + static_cast<std::ptrdiff_t>(used + kOtherWords.size()));
      used += kOtherWords.size();
    }
    result.push_back(judge_answers(answers[2 * i], answers[2 * i + 1], own));
  }
  return result;
}

}  // namespace zooid::cli
