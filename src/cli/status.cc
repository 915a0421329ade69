#include "cli/status.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/four_letter_client.h"

namespace zooid::cli {
namespace {

constexpr std::string_view kNotServing = "is not currently serving requests";

std::string mode_words(const WordAnswer& answer) {
  if (!answer.reached) return "not reachable (" + answer.error + ")";
  const std::string mode = line_value(answer.text, "Mode");
  if (!mode.empty()) return "Mode: " + mode + ", zxid " + line_value(answer.text, "Zxid");
  if (answer.text.find(kNotServing) != std::string::npos) {
    // Zooid adds a second line with the reason; Java ZooKeeper has none.
    std::string reason = line_value(answer.text, "Trouble");
    if (reason.empty()) reason = "no quorum, looking for a leader";
    return "not serving: " + reason;
  }
  return answer.text.empty() ? "closed the connection without an answer" : answer.text;
}

bool serves(const WordAnswer& answer) {
  return !line_value(answer.text, "Mode").empty();
}

std::string quorum_words(size_t up, size_t voters) {
  const size_t needed = voters / 2 + 1;
  if (up < needed) {
    return fmt::format("{} of {} up: no quorum, {} more needed\n", up, voters, needed - up);
  }
  return fmt::format("{} of {} up, can lose {} more\n", up, voters, up - needed);
}

}  // namespace

StatusReport status_of_servers(Terminal& terminal, const std::vector<env::Endpoint>& servers) {
  StatusReport report;
  size_t serving = 0;
  for (const WordAnswer& answer : ask_word(terminal, servers, "srvr")) {
    report.text += fmt::format("{}  {}\n", answer.server.text(), mode_words(answer));
    if (serves(answer)) ++serving;
  }
  if (servers.size() > 1) report.text += quorum_words(serving, servers.size());
  report.exit_code = serving == servers.size() ? 0 : serving == 0 ? 2 : 1;
  return report;
}

StatusReport status_of_config(Terminal& terminal, const config::ServerConfig& config) {
  if (!config.is_ensemble()) {
    const std::string host = config.client_address.empty() ? "localhost" : config.client_address;
    return status_of_servers(terminal, {{host, config.client_port.value_or(2181)}});
  }
  std::vector<env::Endpoint> servers;
  std::vector<ServerId> ids;
  for (const auto& [id, member] : config.membership.members()) {
    env::Endpoint endpoint{member.addresses.front().host, config.client_port.value_or(2181)};
    if (member.client_port != 0) {
      endpoint.port = member.client_port;
      if (!member.client_host.empty() && member.client_host != "0.0.0.0") {
        endpoint.host = member.client_host;
      }
    }
    servers.push_back(std::move(endpoint));
    ids.push_back(id);
  }
  StatusReport report;
  const std::vector<WordAnswer> answers = ask_word(terminal, servers, "srvr");
  size_t up = 0;
  for (size_t i = 0; i < answers.size(); ++i) {
    const bool is_self = config.my_id == ids[i];
    report.text += fmt::format("server.{}{}  {}  {}\n", ids[i].value, is_self ? " (this)" : "",
                               answers[i].server.text(), mode_words(answers[i]));
    if (serves(answers[i]) && config.membership.is_voter(ids[i])) ++up;
  }
  const size_t voters = config.membership.voters().size();
  report.text += quorum_words(up, voters);
  report.exit_code = up == voters ? 0 : up > voters / 2 ? 1 : 2;
  return report;
}

}  // namespace zooid::cli
