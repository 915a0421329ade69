// The one binary. Each subcommand's --help shows an example.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>

#include "base/version.h"
#include "bin/commands.h"
#include "bin/run_server.h"
#include "config/key_list.h"

// zkCli.sh's options have one dash: -server, -timeout. Behind them begins the command, whose own
// flags ("get -s /a") are not ours to read: it is cut off here and handed over as it is.
std::vector<char*> split_cli_command(int argc, char** argv, std::vector<std::string>& command) {
  struct Option {
    const char* names[3];
    bool takes_value;
    std::string meant;
  };
  static Option options[] = {
      {{"-server", "-s", "--server"}, true, "--server"},
      {{"-timeout", "-t", "--timeout"}, true, "--timeout"},
      {{"-client-configuration", "", "--client-configuration"}, true, "--client-configuration"},
      {{"-waitforconnection", "", "--waitforconnection"}, false, "--waitforconnection"},
      {{"-r", "-readonly", "--readonly"}, false, "--readonly"},
  };
  std::vector<char*> words(argv, argv + argc);
  if (argc < 2 || std::string_view(argv[1]) != "cli") return words;
  size_t i = 2;
  while (i < words.size() && words[i][0] == '-') {
    const std::string_view word = words[i];
    size_t taken = 1;
    for (Option& option : options) {
      if (std::ranges::find(option.names, word) == std::end(option.names)) continue;
      words[i] = option.meant.data();
      taken = option.takes_value ? 2 : 1;
    }
    i += taken;
  }
  if (i < words.size()) {
    command.assign(words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
    words.resize(i);
  }
  return words;
}

// A word that is no command is told as such, and usage errors end with 2 as everywhere else.
int run_app(CLI::App& app, int argc, char** argv, int& exit_code) {
  if (argc < 2 || std::string_view(argv[1]) == "help") {
    std::fputs(app.help().c_str(), stdout);
    return argc < 2 ? zooid::bin::kUsageError : 0;
  }
  const std::string_view first = argv[1];
  const auto subcommands = app.get_subcommands(nullptr);
  const bool is_known = std::ranges::any_of(
      subcommands, [&](const CLI::App* one) { return one->get_name() == first; });
  if (first[0] != '-' && !is_known) {
    std::fprintf(stderr, "zooid: no command '%s'; zooid --help lists them\n", argv[1]);
    return zooid::bin::kUsageError;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : zooid::bin::kUsageError;
  }
  return exit_code;
}

int main(int argc, char** argv) {
  using namespace zooid::bin;
  CLI::App app{"Zooid: ZooKeeper's protocols, files and configuration, in C++", "zooid"};
  app.set_version_flag("--version", std::string("zooid ") + zooid::kVersion + ", commit " +
                                        zooid::kCommit + " (as ZooKeeper " +
                                        zooid::kZooKeeperVersion + ")");
  app.require_subcommand(1);
  int exit_code = 0;

  std::vector<std::string> server_arguments;
  CLI::App* server = app.add_subcommand(
      "server",
      "Run a server.\n  zooid server /etc/zookeeper/conf/zoo.cfg\n"
      "  zooid server 2181 /var/lib/data 2000 60   (standalone: port, dataDir, tickTime,\n"
      "                                             maxClientCnxns; the last two may be left out)\n"
      "  zooid server                 (standalone, port 2181, data in /tmp/zookeeper)\n"
      "  zooid server --log-file /var/log/zookeeper/zooid.log --log-level warn zoo.cfg");
  server
      ->add_option("config", server_arguments,
                   "zoo.cfg, or port, data directory, tick in ms, connections per client host")
      ->type_name("FILE | PORT DIR [TICK [LIMIT]]");
  server->footer(
      "-D flags in SERVER_JVMFLAGS and JVMFLAGS are read as ZooKeeper's, for example "
      "SERVER_JVMFLAGS=-Dzookeeper.snapCount=1000.");
  std::map<std::string, std::string> log_settings;
  const auto add_log_flag = [&](const char* flag, const char* key, const char* text) {
    server->add_option_function<std::string>(
        flag, [&log_settings, key](const std::string& value) { log_settings[key] = value; },
        std::string(text) + " (in zoo.cfg: " + key + ")");
  };
  add_log_flag("--log-level", "zooid.log.level",
               "debug, info, warn or error; default: info. SIGUSR1 and SIGUSR2 change it");
  add_log_flag("--log-file", "zooid.log.file",
               "append log lines to this file; default: standard error. SIGHUP opens it anew");
  add_log_flag("--log-file-size-mb", "zooid.log.fileSizeInMb",
               "begin a new file when it has reached so many MiB; default: 64, 0: never");
  add_log_flag("--log-file-count", "zooid.log.fileCount",
               "keep so many files, the current one included; default: 10");
  add_log_flag("--log-format", "zooid.log.format",
               "text, journald, or auto: journald where systemd's journal reads the lines; "
               "default: auto");
  server->callback([&] {
    exit_code = run_server(server_arguments, {log_settings.begin(), log_settings.end()});
  });

  CLI::App* keys = app.add_subcommand(
      "keys",
      "List every key of zoo.cfg with its default, and what is done with it.\n"
      "  zooid keys | grep -i timeout\n"
      "A key a line, with tabs: name, treatment, where it may stand, default, values, the value\n"
      "that asks for nothing, reason. docs/keys.md is made from it.");
  keys->callback([] { std::fputs(zooid::config::key_list_text().c_str(), stdout); });

  add_file_commands(app, exit_code);
  add_local_commands(app, exit_code);
  add_operator_commands(app, exit_code);
  add_sim_command(app, exit_code);
  std::vector<std::string> cli_command;
  std::vector<char*> words = split_cli_command(argc, argv, cli_command);
  add_client_commands(app, cli_command, exit_code);
  add_crosscheck_command(app, exit_code);

  return run_app(app, static_cast<int>(words.size()), words.data(), exit_code);
}
