// The subcommands, by theme. Each adds itself to the program's parser and leaves its exit code.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace zooid::bin {

void add_local_commands(CLI::App& app, int& exit_code);     // up, down
void add_operator_commands(CLI::App& app, int& exit_code);  // status, explain, bench
// cli. `cli_command`: the words behind `zooid cli` and its options.
void add_client_commands(CLI::App& app, const std::vector<std::string>& cli_command,
                         int& exit_code);
// config check, initialize, cleanup, log, snapshot
void add_file_commands(CLI::App& app, int& exit_code);
void add_crosscheck_command(CLI::App& app, int& exit_code);
void add_sim_command(CLI::App& app, int& exit_code);  // sim

}  // namespace zooid::bin
