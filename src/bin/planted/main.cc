// zooid_planted: `zooid sim` alone, built with the planted bugs (base/planted_bug.h).
#include <CLI/CLI.hpp>

#include "bin/commands.h"

int main(int argc, char** argv) {
  CLI::App app{"Zooid's simulator with known bugs that can be planted"};
  app.require_subcommand(1);
  int exit_code = 0;
  zooid::bin::add_sim_command(app, exit_code);
  CLI11_PARSE(app, argc, argv);
  return exit_code;
}
