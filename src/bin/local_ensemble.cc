// `zooid up` and `zooid down`: an ensemble of N servers on loopback, for trying things out.
//
// Everything lies below one directory: server<i>/zoo.cfg, data/, server.log, server.pid.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

#include "bin/commands.h"
#include "bin/loop_terminal.h"
#include "cli/explain.h"
#include "cli/four_letter_client.h"
#include "config/server_config.h"

namespace zooid::bin {
namespace {

namespace fs = std::filesystem;

struct Settings {
  int servers = 3;
  std::string directory = ".zooid";
  int port = 2181;
  bool wipe = false;
};

constexpr int64_t kUpTimeoutMs = 15'000;

struct LocalServer {
  int id;
  fs::path directory;
  uint16_t client_port;
  std::string config() const { return (directory / "zoo.cfg").string(); }
  std::string data() const { return (directory / "data").string(); }
  std::string log() const { return (directory / "server.log").string(); }
  std::string pid_file() const { return (directory / "server.pid").string(); }
};

std::vector<LocalServer> layout(const Settings& settings) {
  std::vector<LocalServer> servers;
  for (int i = 1; i <= settings.servers; ++i) {
    servers.push_back({i, fs::absolute(settings.directory) / ("server" + std::to_string(i)),
                       static_cast<uint16_t>(settings.port + i - 1)});
  }
  return servers;
}

void write_config(const Settings& settings, const LocalServer& server) {
  fs::create_directories(server.data());
  std::ofstream config(server.config());
  config << "tickTime=2000\ninitLimit=10\nsyncLimit=5\n"
         << "dataDir=" << server.data() << "\nclientPort=" << server.client_port
         << "\nclientPortAddress=127.0.0.1\n4lw.commands.whitelist=*\n";
  for (int i = 1; i <= settings.servers; ++i) {
    config << fmt::format("server.{}=127.0.0.1:{}:{};127.0.0.1:{}\n", i,
                          settings.port + 707 + i - 1, settings.port + 1707 + i - 1,
                          settings.port + i - 1);
  }
  std::ofstream(fs::path(server.data()) / "myid") << server.id << "\n";
}

std::optional<pid_t> running_pid(const LocalServer& server) {
  std::ifstream file(server.pid_file());
  pid_t pid = 0;
  if (!(file >> pid) || pid <= 0 || kill(pid, 0) != 0) return std::nullopt;
  // The number may have gone to another program since.
  std::ifstream command(fmt::format("/proc/{}/cmdline", pid));
  std::string words((std::istreambuf_iterator<char>(command)), std::istreambuf_iterator<char>());
  if (words.find(server.config()) == std::string::npos) return std::nullopt;
  return pid;
}

bool start(const LocalServer& server) {
  const std::string self = fs::read_symlink("/proc/self/exe").string();
  const pid_t pid = fork();
  if (pid < 0) return false;
  if (pid == 0) {
    setsid();
    const int log = open(server.log().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execl(self.c_str(), self.c_str(), "server", server.config().c_str(), nullptr);
    _exit(127);
  }
  std::ofstream(server.pid_file()) << pid << "\n";
  return true;
}

std::string last_lines(const std::string& path, size_t count) {
  std::ifstream file(path);
  std::deque<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(line);
    if (lines.size() > count) lines.pop_front();
  }
  return fmt::format("{}", fmt::join(lines, "\n"));
}

int up(const Settings& settings) {
  const std::vector<LocalServer> servers = layout(settings);
  if (settings.wipe) fs::remove_all(settings.directory);
  for (const LocalServer& server : servers) {
    if (const auto pid = running_pid(server)) {
      fmt::print("server {} runs already (pid {})\n", server.id, *pid);
      continue;
    }
    write_config(settings, server);
    if (!start(server)) {
      fmt::print(stderr, "cannot start server {}\n", server.id);
      return 1;
    }
  }
  LoopTerminal loop;
  std::vector<env::Endpoint> endpoints;
  for (const LocalServer& server : servers) endpoints.push_back({"127.0.0.1", server.client_port});
  const int64_t end_us = loop.terminal().clock.now().mono_us + ms_to_us(kUpTimeoutMs);
  std::vector<cli::WordAnswer> answers;
  size_t serving = 0;
  do {
    loop.terminal().run_until([] { return false; }, 20);
    answers = cli::ask_word(loop.terminal(), endpoints, "srvr", 1000);
    serving = 0;
    for (const auto& answer : answers) serving += !cli::line_value(answer.text, "Mode").empty();
  } while (serving < servers.size() && loop.terminal().clock.now().mono_us < end_us);

  int leader = 0;
  for (size_t i = 0; i < servers.size(); ++i) {
    const std::string mode = cli::line_value(answers[i].text, "Mode");
    if (mode == "leader") leader = servers[i].id;
    fmt::print("server {}  127.0.0.1:{}  {}\n", servers[i].id, servers[i].client_port,
               mode.empty()
                   ? "does not serve; its log ends with:\n" + last_lines(servers[i].log(), 5)
                   : mode);
  }
  if (serving < servers.size()) return 1;
  if (leader != 0) {
    const auto why = cli::explain(loop.terminal().files,
                                  servers[static_cast<size_t>(leader) - 1].data(), 1, false);
    if (why) fmt::print("\n{}", *why);
  }
  fmt::print("\nconnect: zooid cli -server {}\n", fmt::join(
                                                      [&] {
                                                        std::vector<std::string> all;
                                                        for (const auto& endpoint : endpoints)
                                                          all.push_back(endpoint.text());
                                                        return all;
                                                      }(),
                                                      ","));
  fmt::print("data and logs: {}\nstop: zooid down --dir {}\n",
             fs::absolute(settings.directory).string(), settings.directory);
  return 0;
}

int down(const Settings& settings) {
  int stopped = 0;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(settings.directory, missing)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("server")) continue;
    const LocalServer server{std::atoi(name.c_str() + 6), fs::absolute(entry.path()), 0};
    const auto pid = running_pid(server);
    if (!pid) continue;
    kill(*pid, SIGTERM);
    for (int i = 0; i < 300 && kill(*pid, 0) == 0; ++i) usleep(10'000);
    fs::remove(server.pid_file());
    fmt::print("server {} stopped\n", server.id);
    ++stopped;
  }
  if (stopped == 0) fmt::print("nothing runs below {}\n", settings.directory);
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
  up_command->add_option("-n,--servers", settings->servers)->check(CLI::Range(1, 21));
  up_command->add_option("--dir", settings->directory, "where configuration, data and logs go");
  up_command->add_option("--port", settings->port, "client port of the first server");
  up_command->add_flag("--wipe", settings->wipe, "delete what is there first");
  up_command->callback([settings, &exit_code] { exit_code = up(*settings); });

  CLI::App* down_command = app.add_subcommand(
      "down", "Stop a local ensemble.\n  zooid down\n  zooid down --dir /tmp/five");
  down_command->add_option("--dir", settings->directory);
  down_command->callback([settings, &exit_code] { exit_code = down(*settings); });
}

}  // namespace zooid::bin
