// Runs tests/scenarios/election/*.txt. Commands (ids are numbers, times milliseconds):
//
//   cluster voters=1,2,3 [observers=4] [version=0] [early=no] [learns=yes]
//   look ID zxid=Z [epoch=E] [why="…"] [detected=MS]
//   deliver [FROM->TO]     hands over what is on its way, on all routes until nothing is left
//   drop FROM->TO          loses it
//   notify TO from=F state=S leader=L zxid=Z round=R epoch=E [version=2] [config=V:IDS]
//   advance MS             time passes, timers run
//   connected ID peer=P / refused ID peer=P
//   promised ID epoch=E / synchronised ID how="…" / established ID epoch=E / commit ID
//   ended ID               the role ended
//   stop ID                the process ends; what was on its way to it is lost
//   state ID / explain ID
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <sstream>

#include "base/scenario_for_test.h"
#include "zab/election.h"

namespace zooid::zab {
namespace {

std::vector<int64_t> id_list(const std::string& text) {
  std::vector<int64_t> ids;
  std::stringstream stream(text);
  for (std::string id; std::getline(stream, id, ',');) ids.push_back(std::stoll(id));
  return ids;
}

Membership membership_of(const std::string& voters, const std::string& observers, int64_t version) {
  std::map<ServerId, Member> members;
  const auto add = [&](int64_t id, MemberRole role) {
    members[ServerId{id}] = {
        .id = ServerId{id}, .addresses = {{fmt::format("h{}", id), 2888, 3888}}, .role = role};
  };
  for (int64_t id : id_list(voters)) add(id, MemberRole::kParticipant);
  for (int64_t id : id_list(observers)) add(id, MemberRole::kObserver);
  return Membership(std::move(members), version);
}

std::string number_text(int64_t value) {
  return value == INT64_MIN ? "none" : fmt::format("{}", value);
}

std::string vote_text(const Vote& vote) {
  const std::string zxid = vote.zxid.value == INT64_MIN
                               ? "none"
                               : fmt::format("0x{:x}", static_cast<uint64_t>(vote.zxid.value));
  return fmt::format("leader={} zxid={} round={} epoch={}", number_text(vote.leader.value), zxid,
                     vote.round, number_text(vote.epoch));
}

std::string message_text(const wire::Notification& message) {
  return fmt::format("{} {}", wire::peer_state_name(message.state),
                     vote_text({message.leader, message.zxid, message.round, message.peer_epoch}));
}

class Cluster {
 public:
  std::string run(const ScenarioCommand& command) {
    const std::string& name = command.word(0);
    if (name == "cluster") return create(command);
    if (name == "deliver") return deliver(command.word(1));
    if (name == "drop") return drop(command.word(1));
    if (name == "advance") return advance(std::stoll(command.word(1)));
    const int64_t id = std::atoll(command.word(1).c_str());
    if (!machines_.contains(id)) return "unknown command or server";
    if (name == "stop") return stop(id);
    return run_on(id, *machines_.at(id), name, command);
  }

 private:
  std::string create(const ScenarioCommand& command) {
    ElectionOptions options;
    options.end_early = command.text("early", "yes") == "yes";
    options.learns_configurations = command.text("learns", "no") == "yes";
    const std::string voters = command.text("voters");
    const std::string observers = command.text("observers");
    machines_.clear();
    routes_.clear();
    const Membership membership = membership_of(voters, observers, command.number("version"));
    for (const auto& [id, member] : membership.members()) {
      machines_[id.value] = std::make_unique<Election>(id, membership, options);
    }
    return "";
  }

  std::string stop(int64_t id) {
    machines_.erase(id);
    std::erase_if(routes_, [&](const auto& route) { return route.first.second == id; });
    return "";
  }

  std::string run_on(int64_t id, Election& machine, const std::string& name,
                     const ScenarioCommand& command) {
    ElectionEffects effects;
    const ServerId peer{command.number("peer")};
    const Epoch epoch = command.number("epoch");
    if (name == "look") {
      machine.look(Zxid{command.number("zxid")}, epoch, command.text("why", "started"),
                   ms_to_us(command.number("detected")), now_, effects);
    } else if (name == "notify") {
      machine.on_notification(ServerId{command.number("from")}, message_of(command), now_, effects);
    } else if (name == "connected") {
      machine.on_peer_connected(peer, now_, effects);
    } else if (name == "refused") {
      machine.on_peer_refused(peer, now_, effects);
    } else if (name == "promised") {
      machine.on_epoch_promised(epoch, now_);
    } else if (name == "synchronised") {
      machine.on_synchronised(now_, command.text("how"));
    } else if (name == "established") {
      machine.on_epoch_established(epoch, now_);
    } else if (name == "commit") {
      machine.on_first_commit(now_);
    } else if (name == "ended") {
      machine.on_role_ended();
    } else if (name == "state") {
      return fmt::format("{} round {}, vote {}", wire::peer_state_name(machine.state()),
                         machine.round(), vote_text(machine.current_vote()));
    } else if (name == "explain") {
      return explain(machine);
    } else {
      return "unknown command";
    }
    return show(id, effects);
  }

  static wire::Notification message_of(const ScenarioCommand& command) {
    static const std::map<std::string, int> kStates = {
        {"LOOKING", 0}, {"FOLLOWING", 1}, {"LEADING", 2}, {"OBSERVING", 3}};
    const std::string state = command.text("state");
    wire::Notification message;
    message.state = static_cast<wire::PeerState>(
        kStates.contains(state) ? kStates.at(state) : std::atoi(state.c_str()));
    message.leader = ServerId{command.number("leader")};
    message.zxid = Zxid{command.number("zxid")};
    message.round = command.number("round");
    message.peer_epoch = command.number("epoch");
    message.version = static_cast<int32_t>(command.number("version", 2));
    const std::string config = command.text("config");
    if (const size_t colon = config.find(':'); colon != std::string::npos) {
      const int64_t version = ScenarioCommand::parse_number(config.substr(0, colon));
      message.config = membership_of(config.substr(colon + 1), "", version).text();
    } else {
      message.config = config;
    }
    return message;
  }

  std::string show(int64_t id, const ElectionEffects& effects) {
    std::string out;
    for (const auto& [to, message] : effects.sends) {
      out += fmt::format("{} -> {}  {}\n", id, to.value, message_text(message));
      if (machines_.contains(to.value)) routes_[{id, to.value}].push_back(message);
    }
    if (effects.adopted) {
      out += fmt::format("{} adopts configuration {:x} with {} members\n", id,
                         effects.adopted->version(), effects.adopted->members().size());
    }
    if (effects.unsupported) out += fmt::format("{} must exit: {}\n", id, *effects.unsupported);
    if (effects.decision) {
      out += fmt::format("{} is {}: {}\n", id, wire::peer_state_name(effects.decision->role),
                         vote_text(effects.decision->vote));
    }
    if (effects.abandon) out += fmt::format("{} gives up: {}\n", id, *effects.abandon);
    return out;
  }

  static std::pair<int64_t, int64_t> route_of(const std::string& text) {
    return {std::stoll(text), std::stoll(text.substr(text.find('>') + 1))};
  }

  std::string deliver_one(std::pair<int64_t, int64_t> route) {
    auto& waiting = routes_[route];
    const wire::Notification message = waiting.front();
    waiting.pop_front();
    ElectionEffects effects;
    machines_.at(route.second)->on_notification(ServerId{route.first}, message, now_, effects);
    return show(route.second, effects);
  }

  std::string deliver(const std::string& only) {
    std::string out;
    if (!only.empty()) {
      const auto route = route_of(only);
      for (size_t count = routes_[route].size(); count > 0; --count) out += deliver_one(route);
      return out;
    }
    for (bool is_quiet = false; !is_quiet;) {
      is_quiet = true;
      for (auto& [route, waiting] : routes_) {
        if (waiting.empty()) continue;
        is_quiet = false;
        out += deliver_one(route);
      }
    }
    return out;
  }

  std::string drop(const std::string& route) {
    routes_[route_of(route)].clear();
    return "";
  }

  std::string advance(int64_t ms) {
    const int64_t end_us = now_.mono_us + ms_to_us(ms);
    std::string out;
    while (true) {
      auto next = std::ranges::min_element(
          machines_, {}, [](const auto& entry) { return entry.second->next_deadline(); });
      const int64_t deadline = next->second->next_deadline();
      if (deadline > end_us) break;
      set_time(deadline);
      ElectionEffects effects;
      next->second->on_timer(now_, effects);
      if (const std::string shown = show(next->first, effects); !shown.empty()) {
        out += fmt::format("+{} ms\n{}", now_.mono_us / 1000, shown);
      }
    }
    set_time(end_us);
    return out;
  }

  void set_time(int64_t mono_us) {
    now_ = {.mono_us = mono_us, .wall_ms = 1'700'000'000'000 + mono_us / 1000};
  }

  static std::string explain(Election& machine) {
    std::string out;
    for (const ElectionRecord& record : machine.take_records()) out += describe(record) + "\n";
    return out;
  }

  Now now_{.mono_us = 0, .wall_ms = 1'700'000'000'000};
  std::map<int64_t, std::unique_ptr<Election>> machines_;
  std::map<std::pair<int64_t, int64_t>, std::deque<wire::Notification>> routes_;
};

const std::string kFolder = ZOOID_TESTS_DIR "/scenarios/election";

class ElectionScenario : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(ElectionScenario, gives_the_expected_transcript) {
  Cluster cluster;
  run_scenario_file(GetParam(),
                    [&](const ScenarioCommand& command) { return cluster.run(command); });
}

INSTANTIATE_TEST_SUITE_P(Files, ElectionScenario, testing::ValuesIn(scenario_files(kFolder)),
                         [](const auto& file) { return file.param.stem().string(); });

}  // namespace
}  // namespace zooid::zab
