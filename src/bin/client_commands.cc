#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <memory>

#include "bin/commands.h"
#include "bin/loop_terminal.h"
#include "bin/prompt.h"
#include "cli/shell.h"
#include "config/java_properties.h"

namespace zooid::bin {
namespace {

struct Settings {
  std::string server = "localhost:2181";
  int timeout_ms = 30'000;
  bool read_only = false;
  bool wait_for_connection = false;
  std::string client_configuration;
  std::vector<std::string> words;
};

// Reads lines from a file or a pipe until quit or its end.
int run_lines(cli::Shell& shell) {
  int code = 0;
  std::string line;
  while (!shell.quit_requested() && std::getline(std::cin, line)) {
    code = shell.run_line(line);
    std::fflush(stdout);
  }
  return code;
}

// What Java's client takes from such a file and this one cannot do is refused, not passed over.
Result<> check_client_configuration(const std::string& path) {
  posix::PosixFileSystem files;
  TRY_VALUE(text, env::read_file(files, path, 1u << 20));
  TRY_VALUE(properties, config::parse_properties(text));
  for (const config::Property& property : properties) {
    const bool is_security = property.key.starts_with("zookeeper.ssl.") ||
                             property.key == "zookeeper.client.secure" ||
                             property.key == "zookeeper.sasl.client";
    if (is_security && property.value != "false") {
      return fail(fmt::format("{}:{}: {}={}: TLS and SASL are not supported by this client yet",
                              path, property.line, property.key, property.value));
    }
  }
  return {};
}

int run_cli(const Settings& settings) {
  LoopTerminal loop;
  cli::Shell::Settings shell_settings;
  const auto servers = client::parse_hosts(settings.server, &shell_settings.chroot);
  if (!servers) return complain(servers.error().message);
  if (!settings.client_configuration.empty()) {
    const auto checked = check_client_configuration(settings.client_configuration);
    if (!checked) return complain(checked.error().message);
  }
  const bool is_command = !settings.words.empty();
  const bool is_prompt = !is_command && isatty(STDIN_FILENO) != 0;
  shell_settings.client.servers = *servers;
  shell_settings.client.session_timeout_ms = settings.timeout_ms;
  shell_settings.client.read_only = settings.read_only;
  shell_settings.hosts = settings.server;
  shell_settings.is_prompt = is_prompt;
  shell_settings.waits_for_connection = settings.wait_for_connection;
  cli::Shell shell(loop.terminal(), std::move(shell_settings));
  int code = 0;
  if (is_command && !shell.needs_server(settings.words)) {
    code = shell.run(settings.words);
  } else {
    if (is_prompt) std::printf("Connecting to %s\n", settings.server.c_str());
    std::fflush(stdout);
    const bool is_connected = shell.connect(settings.timeout_ms);
    // A prompt goes on trying.
    if (!is_connected && !is_prompt) return 1;
    if (is_prompt) loop.catch_interrupts();
    code = is_command  ? shell.run(settings.words)
           : is_prompt ? run_prompt_on_terminal(loop, shell)
                       : run_lines(shell);
  }
  std::fflush(stdout);
  shell.close();
  return code;
}

}  // namespace

void add_client_commands(CLI::App& app, const std::vector<std::string>& cli_command,
                         int& exit_code) {
  const auto settings = std::make_shared<Settings>();
  settings->words = cli_command;

  CLI::App* shell = app.add_subcommand(
      "cli",
      "Client: one command, or a prompt.\n"
      "  zooid cli -server localhost:2181 ls /\n  zooid cli -server localhost:2181");
  shell->add_option("-s,--server", settings->server, "host:port[,host:port...][/chroot]")
      ->capture_default_str();
  shell->add_option("-t,--timeout", settings->timeout_ms, "session time-out in ms")
      ->capture_default_str()
      ->check(CLI::Range(1, 3'600'000));
  shell->add_flag("-r,--readonly", settings->read_only, "a server without a quorum will do");
  shell->add_flag("--waitforconnection", settings->wait_for_connection,
                  "go on trying until the time-out when no server answers");
  shell->add_option("--client-configuration", settings->client_configuration,
                    "a properties file of ZooKeeper's client");
  shell->footer(
      "Each option may be written as zkCli.sh does, with one dash: -server, -timeout, -r.\n"
      "Behind the options: a command such as ls, get, create, set, delete, stat; help lists them "
      "(zooid cli help).");
  shell->callback([settings, &exit_code] { exit_code = run_cli(*settings); });
}

}  // namespace zooid::bin
