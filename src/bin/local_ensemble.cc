// `zooid up` and `zooid down`: an ensemble of N servers on loopback, for trying things out.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "bin/commands.h"
#include "bin/local_servers.h"
#include "bin/loop_terminal.h"
#include "cli/explain.h"
#include "cli/server_status.h"

namespace zooid::bin {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kUpTimeoutMs = 30'000;
constexpr int kPortMax = 65'535 - kElectionPortOffset - kLocalServersMax;
constexpr const char* kDefaultDirectory = ".zooid";

struct Settings {
  LocalShape shape;
  bool has_servers = false;  // said on the command line, as has_port
  bool has_port = false;
  std::string directory = kDefaultDirectory;
  bool wipe = false;
};

// Where the user stands: `./dev up` runs this from another directory and says so.
fs::path user_directory() {
  const char* told = std::getenv("ZOOID_CALLED_FROM");
  return told != nullptr ? fs::path(told) : fs::current_path();
}

// This program as the user can type it: by its name if that leads here, else by a path.
std::string program_as_typed() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const size_t colon = rest.find(':');
    const fs::path candidate = fs::path(rest.substr(0, colon)) / "zooid";
    rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
    if (access(candidate.c_str(), X_OK) != 0) continue;
    if (fs::equivalent(candidate, self, error)) return "zooid";
    break;  // another one of that name
  }
  const fs::path relative = self.lexically_relative(user_directory());
  const std::string text = relative.string();
  if (text.empty() || text.starts_with("..")) return self.string();
  return text.find('/') == std::string::npos ? "./" + text : text;
}

std::string directory_option(const Settings& settings) {
  const fs::path directory = fs::absolute(settings.directory).lexically_normal();
  if (directory == (user_directory() / kDefaultDirectory).lexically_normal()) return "";
  return " --dir " + directory.string();
}

// The shape to use: what is remembered, unless the command line contradicts it.
Result<LocalShape> shape_for(const Settings& settings) {
  if (settings.wipe) return settings.shape;
  TRY_VALUE(remembered, remembered_shape(settings.directory));
  if (!remembered) return settings.shape;
  const bool contradicts =
      (settings.has_servers && settings.shape.servers != remembered->servers) ||
      (settings.has_port && settings.shape.port != remembered->port);
  if (contradicts) {
    return fail(fmt::format(
        "{} holds an ensemble of {} with ports from {}. Without -n and --port it is started as it "
        "is; --wipe deletes it; --dir takes another directory.",
        settings.directory, remembered->servers, remembered->port));
  }
  return *remembered;
}

// Fails if somebody else has a port that is needed.
Result<> check_ports(LoopTerminal& loop, const std::vector<LocalServer>& servers) {
  for (const LocalServer& server : servers) {
    if (server.running_pid()) continue;
    const std::string taken = server.taken_port();
    if (taken.empty()) continue;
    std::string who = "another program";
    const auto answers = cli::ask_servers(loop.terminal(), {{"127.0.0.1", server.client_port()}});
    const cli::ServerStatus& status = answers.front();
    if (cli::serves_in_ensemble(status.state) || status.state == cli::ServerState::kStandalone ||
        cli::waits_for_quorum(status.state)) {
      who = fmt::format("a ZooKeeper server ({}{}{})", cli::state_word(status.state),
                        status.version.empty() ? "" : ", version ", status.version);
    }
    return fail(
        fmt::format("port {} is taken by {} that was not started here. Nothing was started; take "
                    "other ports, for example: {} up --port 12181",
                    taken, who, program_as_typed()));
  }
  return {};
}

struct Outcome {
  std::vector<cli::ServerStatus> answers;
  std::vector<bool> ended;  // the process has
  bool is_up(size_t server, size_t count) const {
    const cli::ServerState state = answers[server].state;
    // On its port, but by itself: not the member that was started.
    if (state == cli::ServerState::kStandalone) return !ended[server] && count == 1;
    return !ended[server] && cli::serves_in_ensemble(state);
  }
  bool all_up() const {
    for (size_t i = 0; i < answers.size(); ++i) {
      if (!is_up(i, answers.size())) return false;
    }
    return true;
  }
};

// Until all serve, one has ended, or it took too long.
Outcome wait_until_up(LoopTerminal& loop, const std::vector<LocalServer>& servers) {
  std::vector<env::Endpoint> endpoints;
  for (const LocalServer& server : servers) {
    endpoints.push_back({"127.0.0.1", server.client_port()});
  }
  const int64_t end_us = loop.terminal().clock.now().mono_us + ms_to_us(kUpTimeoutMs);
  Outcome outcome;
  for (;;) {
    loop.terminal().run_until([] { return false; }, 20);
    outcome.answers = cli::ask_servers(loop.terminal(), endpoints);
    outcome.ended.clear();
    for (const LocalServer& server : servers) {
      outcome.ended.push_back(server.has_ended());
    }
    const bool has_ended = std::ranges::find(outcome.ended, true) != outcome.ended.end();
    if (outcome.all_up() || has_ended) return outcome;
    if (loop.terminal().clock.now().mono_us >= end_us) return outcome;
  }
}

std::string row_text(const LocalServer& server, const Outcome& outcome, size_t count) {
  const auto index = static_cast<size_t>(server.id() - 1);
  const cli::ServerStatus& status = outcome.answers[index];
  if (outcome.is_up(index, count)) return cli::state_word(status.state);
  if (outcome.ended[index]) return "has ended: " + server.last_error();
  return fmt::format("does not serve ({}); its log: {}", cli::state_word(status.state),
                     server.log());
}

int up(Settings settings) {
  const auto shape = shape_for(settings);
  if (!shape) return complain(shape.error().message);
  settings.shape = *shape;
  std::vector<LocalServer> servers = local_servers(settings.directory, settings.shape);
  if (settings.wipe) {
    const LocalShape all{kLocalServersMax, settings.shape.port};
    if (!stop_servers(local_servers(settings.directory, all)).second.empty()) {
      return complain("a server there does not stop: nothing was deleted", 1);
    }
    wipe_servers(settings.directory);
  }
  LoopTerminal loop;
  if (const auto checked = check_ports(loop, servers); !checked) {
    return complain(checked.error().message, 1);
  }
  for (LocalServer& server : servers) {
    if (const auto pid = server.running_pid()) {
      fmt::print("server {} runs already (pid {})\n", server.id(), *pid);
      continue;
    }
    server.prepare();
    if (const auto started = server.start(); !started) {
      return complain(fmt::format("server {}: {}", server.id(), started.error().message), 1);
    }
  }
  std::fflush(stdout);
  const Outcome outcome = wait_until_up(loop, servers);
  std::string addresses;
  const LocalServer* leader = nullptr;
  for (const LocalServer& server : servers) {
    const std::string address = fmt::format("127.0.0.1:{}", server.client_port());
    addresses += (addresses.empty() ? "" : ",") + address;
    if (outcome.answers[static_cast<size_t>(server.id() - 1)].state == cli::ServerState::kLeader) {
      leader = &server;
    }
    fmt::print("server {}  {}  {}\n", server.id(), address,
               row_text(server, outcome, servers.size()));
  }
  const std::string program = program_as_typed();
  if (!outcome.all_up()) {
    fmt::print("not all are up; stop: {} down{}\n", program, directory_option(settings));
    return 1;
  }
  if (leader != nullptr) {
    const int64_t now_ms = loop.terminal().clock.now().wall_ms;
    const auto why = cli::explain(loop.terminal().files, leader->data(), {1, false, now_ms});
    if (why) fmt::print("\n{}", *why);
  }
  fmt::print("\nconnect: {} cli -server {}\n", program, addresses);
  fmt::print("data and logs: {}\nstop: {} down{}\n",
             fs::absolute(settings.directory).lexically_normal().string(), program,
             directory_option(settings));
  return 0;
}

int down(const Settings& settings) {
  std::error_code error;
  if (!fs::is_directory(settings.directory, error)) {
    return complain(settings.directory + ": there is no such directory");
  }
  const LocalShape all{kLocalServersMax, settings.shape.port};
  const auto [stopped, left] = stop_servers(local_servers(settings.directory, all));
  for (const int id : stopped) fmt::print("server {} stopped\n", id);
  if (!left.empty()) {
    return complain(fmt::format("still running: server {}", fmt::join(left, ", ")), 1);
  }
  if (stopped.empty()) fmt::print("nothing runs below {}\n", settings.directory);
  return 0;
}

}  // namespace

void add_local_commands(CLI::App& app, int& exit_code) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* up_command = app.add_subcommand(
      "up",
      "Start a local ensemble and tell who leads and why.\n"
      "  zooid up            (three servers, ports from 2181, data in ./.zooid)\n"
      "  zooid up -n 5 --port 3181 --dir /tmp/five");
  CLI::Option* servers =
      up_command->add_option("-n,--servers", settings->shape.servers, "how many servers")
          ->capture_default_str()
          ->check(CLI::Range(1, kLocalServersMax));
  up_command->add_option("--dir", settings->directory, "where configuration, data and logs go")
      ->capture_default_str();
  CLI::Option* port =
      up_command
          ->add_option("--port", settings->shape.port,
                       "client port of the first server; quorum and election ports lie 707 and "
                       "1707 behind")
          ->capture_default_str()
          ->check(CLI::Range(1, kPortMax));
  up_command->add_flag("--wipe", settings->wipe,
                       "stop and delete what is there first, and forget its size and ports");
  up_command->footer(
      "The directory remembers how many servers and which ports: later, -n and --port may be left "
      "out.\nExit code: 0 all serve; 1 one does not, or a port is taken; 2 wrong usage.");
  up_command->callback([settings, servers, port, &exit_code] {
    settings->has_servers = servers->count() > 0;
    settings->has_port = port->count() > 0;
    exit_code = up(*settings);
  });

  CLI::App* down_command = app.add_subcommand(
      "down", "Stop a local ensemble.\n  zooid down\n  zooid down --dir /tmp/five");
  down_command->add_option("--dir", settings->directory, "the directory that `up` was given")
      ->capture_default_str();
  down_command->callback([settings, &exit_code] { exit_code = down(*settings); });
}

}  // namespace zooid::bin
