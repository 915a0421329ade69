// The one binary. Each subcommand's --help shows an example.
#include <CLI/CLI.hpp>

#include "base/version.h"
#include "bin/commands.h"
#include "bin/run_server.h"

// zkCli.sh's options have one dash: -server, -timeout. Behind them begins the command, whose own
// flags
// ("get -s /a") are not ours to read: it is cut off here and handed over as it is.
std::vector<char*> split_cli_command(int argc, char** argv, std::vector<std::string>& command) {
  static std::string server = "--server", timeout = "--timeout";
  std::vector<char*> words(argv, argv + argc);
  if (argc < 2 || std::string_view(argv[1]) != "cli") return words;
  size_t i = 2;
  while (i < words.size() && words[i][0] == '-') {
    const std::string_view word = words[i];
    if (word == "-server" || word == "-s") words[i] = server.data();
    if (word == "-timeout" || word == "-t") words[i] = timeout.data();
    const bool takes_value = words[i] == server.data() || words[i] == timeout.data() ||
                             word == "--server" || word == "--timeout";
    i += takes_value ? 2 : 1;
  }
  if (i < words.size()) {
    command.assign(words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
    words.resize(i);
  }
  return words;
}

int main(int argc, char** argv) {
  using namespace zooid::bin;
  CLI::App app{"Zooid: ZooKeeper's protocols, files and configuration, in C++"};
  app.set_version_flag("--version", std::string(zooid::kVersion));
  app.require_subcommand(1);
  int exit_code = 0;

  std::vector<std::string> server_arguments;
  CLI::App* server = app.add_subcommand(
      "server",
      "Run a server.\n  zooid server /etc/zookeeper/conf/zoo.cfg\n  zooid server 2181 "
      "/var/lib/data\n"
      "  zooid server                 (standalone, port 2181, data in /tmp/zookeeper)");
  server->add_option("config", server_arguments, "zoo.cfg, or port and data directory")
      ->expected(0, 4);
  server->callback([&] { exit_code = run_server(server_arguments); });

  add_local_commands(app, exit_code);
  add_sim_command(app, exit_code);
  std::vector<std::string> cli_command;
  std::vector<char*> words = split_cli_command(argc, argv, cli_command);
  add_client_commands(app, cli_command, exit_code);
  add_crosscheck_command(app, exit_code);

  CLI11_PARSE(app, static_cast<int>(words.size()), words.data());
  return exit_code;
}
