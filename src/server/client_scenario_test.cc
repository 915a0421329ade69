// Runs tests/scenarios/sessions/*.txt and tests/scenarios/watches/*.txt: real servers in memory,
// and what clients see of them. After each command the world goes on for 20 ms. zxids are shown as
// epoch:counter in hexadecimal.
//
//   servers N [tick=MS]      1: standalone; more: an ensemble, which elects its leader first
//   stop N / crash N / start N / pause N / resume N / cut N M / heal N M / disk N MS
//   state                    of all servers
//   advance MS
//
// Clients are A to F; each keeps its session alive unless told to be silent:
//
//   A connects [server=N] [timeout=MS] [session=OF] [password=wrong] [seen=E:N|own]
//   A create PATH [DATA] [mode=ephemeral|sequential|ephemeral_sequential]
//   A set PATH DATA / delete PATH / close / sync PATH
//   A get|exists|children PATH [watch] / ephemerals
//   A addwatch PATH mode=persistent|recursive
//   A checkwatch|removewatch PATH type=any|data|children|persistent|recursive
//   A setwatches seen=E:N|own [data=P,P] [exist=…] [children=…] [persistent=…] [recursive=…]
//   A holds … A releases     what lies between leaves in one piece
//   A drops / silent / speaks
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>

#include "base/log.h"
#include "base/scenario_for_test.h"
#include "server/scenario_client.h"
#include "server/scenario_ensemble.h"
#include "state/watches.h"

namespace zooid::server::testing {
namespace {

using wire::OpCode;

int64_t parse_zxid(const std::string& text) {
  const size_t colon = text.find(':');
  return std::stoll(text, nullptr, 16) << 32 | std::stoll(text.substr(colon + 1), nullptr, 16);
}

int32_t number_of(const std::map<std::string, int32_t>& names, const std::string& name) {
  const auto it = names.find(name);
  EXPECT_NE(it, names.end()) << "unknown word " << name;
  return it == names.end() ? 0 : it->second;
}

class ClientScenario : public ::testing::TestWithParam<std::filesystem::path> {
 protected:
  ClientScenario() {
    log::set_sink([](log::Level, std::string_view) {});
  }
  ~ClientScenario() override {
    clients_.clear();
    ensemble_.reset();
  }

  std::string run(const ScenarioCommand& command) {
    const std::string& verb = command.word(0);
    if (verb == "servers") {
      const int count = std::stoi(command.word(1));
      ensemble_ = std::make_unique<ScenarioEnsemble>(count, command.number("tick", 1'000));
      ensemble_->run_for_ms(count == 1 ? 0 : 1'000);
    } else if (verb == "advance") {
      ensemble_->run_for_ms(std::stoll(command.word(1)));
    } else if (verb == "state") {
      for (int number = 1; const ScenarioServer* server = ensemble_->find(number); ++number) {
        told_ += fmt::format("server {}: {}\n", number, server->state());
      }
    } else if (std::isupper(static_cast<unsigned char>(verb[0])) != 0) {
      run_client(client(verb), command);
      ensemble_->run_for_ms(20);
    } else {
      run_fault(*ensemble_->find(std::stoi(command.word(1))), command);
      ensemble_->run_for_ms(20);
    }
    return std::exchange(told_, "");
  }

 private:
  ScenarioClient& client(const std::string& name) {
    auto& client = clients_[name];
    if (!client) {
      client = std::make_unique<ScenarioClient>(
          ensemble_->client_host(name), name, names_,
          [this](const std::string& line) { told_ += line + "\n"; });
    }
    return *client;
  }

  void run_fault(ScenarioServer& server, const ScenarioCommand& command) {
    const std::string& verb = command.word(0);
    if (verb == "start") return server.start();
    if (verb == "stop") return server.stop();
    if (verb == "crash") return server.crash();
    if (verb == "pause") return server.host().pause();
    if (verb == "resume") return server.host().resume();
    if (verb == "disk") return server.set_disk_delay_ms(std::stoll(command.word(2)));
    ScenarioServer* other = ensemble_->find(std::stoi("0" + command.word(2)));
    ASSERT_NE(other, nullptr) << "unknown command " << verb;
    if (verb == "cut") ensemble_->network().cut_both(server.host(), other->host());
    if (verb == "heal") ensemble_->network().heal_both(server.host(), other->host());
  }

  void run_client(ScenarioClient& client, const ScenarioCommand& command) {
    const std::string& verb = command.word(1);
    if (verb == "connects") return connect(client, command);
    if (verb == "drops") return client.drop();
    if (verb == "silent") return client.set_silent(true);
    if (verb == "speaks") return client.set_silent(false);
    if (verb == "holds") return client.hold();
    if (verb == "releases") return client.release();
    const std::string what = verb + (command.word(2).empty() ? "" : " " + command.word(2));
    std::string body;
    wire::Writer out(body);
    const auto [xid, type] = write_request(client, command, out);
    if (xid != 0) {
      client.send(xid, type, body, what);
    } else {
      client.send(type, body, what);
    }
  }

  void connect(ScenarioClient& client, const ScenarioCommand& command) {
    wire::ConnectRequest request;
    request.timeout_ms = static_cast<int32_t>(command.number("timeout", 4'000));
    if (const std::string of = command.text("session"); !of.empty()) {
      request.session_id = clients_.at(of)->session();
    }
    if (command.text("password") == "wrong") request.password = std::string(16, 'x');
    if (command.values.contains("seen")) request.last_zxid_seen = seen(client, command);
    client.connect(fmt::format("server{}", command.number("server", 1)), std::move(request));
  }

  static int64_t seen(const ScenarioClient& client, const ScenarioCommand& command) {
    const std::string text = command.text("seen", "own");
    return text == "own" ? client.seen_zxid() : parse_zxid(text);
  }

  // The xid if it is one of the fixed ones, else 0.
  static std::pair<int32_t, OpCode> write_request(const ScenarioClient& client,
                                                  const ScenarioCommand& command,
                                                  wire::Writer& out) {
    const std::string& verb = command.word(1);
    const std::string& path = command.word(2);
    const bool watch = command.word(3) == "watch";
    if (verb == "create") {
      wire::CreateRequest request{.path = path, .data = command.word(3)};
      request.acl = {{wire::kPermAll, {"world", "anyone"}}};
      request.flags = number_of(
          {{"persistent", 0}, {"ephemeral", 1}, {"sequential", 2}, {"ephemeral_sequential", 3}},
          command.text("mode", "persistent"));
      wire::write_create(out, OpCode::kCreate, request);
      return {0, OpCode::kCreate};
    }
    if (verb == "set") {
      wire::write_set_data(out, {path, command.word(3), -1});
      return {0, OpCode::kSetData};
    }
    if (verb == "delete") {
      wire::write_path_version(out, {path, -1});
      return {0, OpCode::kDelete};
    }
    if (verb == "close") return {0, OpCode::kCloseSession};
    if (verb == "sync" || verb == "ephemerals") {
      wire::write_path(out, {path.empty() ? "/" : path});
      return {0, verb == "sync" ? OpCode::kSync : OpCode::kGetEphemerals};
    }
    if (verb == "setwatches") return write_set_watches(client, command, out);
    static const std::map<std::string, OpCode> kReads = {
        {"get", OpCode::kGetData}, {"exists", OpCode::kExists}, {"children", OpCode::kGetChildren}};
    if (const auto read = kReads.find(verb); read != kReads.end()) {
      wire::write_path_watch(out, {path, watch});
      return {0, read->second};
    }
    if (verb == "addwatch") {
      wire::write_path_mode(
          out, {path, number_of({{"persistent", 0}, {"recursive", 1}}, command.text("mode"))});
      return {0, OpCode::kAddWatch};
    }
    EXPECT_TRUE(verb == "checkwatch" || verb == "removewatch") << "unknown command " << verb;
    const int32_t type =
        number_of({{"children", 1}, {"data", 2}, {"any", 3}, {"persistent", 4}, {"recursive", 5}},
                  command.text("type", "any"));
    wire::write_path_mode(out, {path, type});
    return {0, verb == "checkwatch" ? OpCode::kCheckWatches : OpCode::kRemoveWatches};
  }

  static std::pair<int32_t, OpCode> write_set_watches(const ScenarioClient& client,
                                                      const ScenarioCommand& command,
                                                      wire::Writer& out) {
    wire::SetWatchesRequest request;
    request.relative_zxid = seen(client, command);
    const auto paths = [&](const std::string& key) {
      std::vector<std::string_view> list;
      const auto it = command.values.find(key);
      if (it == command.values.end()) return list;
      for (std::string_view rest = it->second; !rest.empty();) {
        list.push_back(rest.substr(0, rest.find(',')));
        rest.remove_prefix(std::min(rest.size(), list.back().size() + 1));
      }
      return list;
    };
    request.data = paths("data");
    request.exist = paths("exist");
    request.child = paths("children");
    request.persistent = paths("persistent");
    request.persistent_recursive = paths("recursive");
    const bool is_old = request.persistent.empty() && request.persistent_recursive.empty();
    const OpCode type = is_old ? OpCode::kSetWatches : OpCode::kSetWatches2;
    wire::write_set_watches(out, type, request);
    return {wire::kXidSetWatches, type};
  }

  std::unique_ptr<ScenarioEnsemble> ensemble_;
  std::map<std::string, std::unique_ptr<ScenarioClient>> clients_;
  SessionNames names_;
  std::string told_;
};

TEST_P(ClientScenario, gives_the_expected_transcript) {
  run_scenario_file(GetParam(), [&](const ScenarioCommand& command) { return run(command); });
}

std::vector<std::filesystem::path> files() {
  auto all = scenario_files(ZOOID_TESTS_DIR "/scenarios/sessions");
  const auto watches = scenario_files(ZOOID_TESTS_DIR "/scenarios/watches");
  all.insert(all.end(), watches.begin(), watches.end());
  return all;
}

INSTANTIATE_TEST_SUITE_P(Files, ClientScenario, ::testing::ValuesIn(files()),
                         [](const auto& file) { return file.param.stem().string(); });

}  // namespace
}  // namespace zooid::server::testing
