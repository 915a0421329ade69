// The subcommands, by theme. Each adds itself to the program's parser and leaves its exit code.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace zooid::bin {

inline constexpr int kUsageError = 2;

// Says on standard error why a command goes no further, behind all that it has printed, and gives
// its exit code.
inline int complain(const std::string& message, int exit_code = kUsageError) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s\n", message.c_str());
  return exit_code;
}

void add_local_commands(CLI::App& app, int& exit_code);     // up, down
void add_operator_commands(CLI::App& app, int& exit_code);  // status, explain, word, bench
// cli. `cli_command`: the words behind `zooid cli` and its options.
void add_client_commands(CLI::App& app, const std::vector<std::string>& cli_command,
                         int& exit_code);
// config check, initialize, cleanup, log, snapshot
void add_file_commands(CLI::App& app, int& exit_code);
void add_crosscheck_command(CLI::App& app, int& exit_code);
void add_sim_command(CLI::App& app, int& exit_code);  // sim

}  // namespace zooid::bin
