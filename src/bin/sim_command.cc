// `zooid sim`: runs of the simulator by seed, for finding bugs and for repeating what was found.
//
// Each seed of a range runs in a process of its own: a broken assertion ends that one alone, and
// several cores can be used.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>

#include "bin/commands.h"
#include "bin/sim_range.h"
#include "sim/simulation.h"

namespace zooid::bin {
namespace {

constexpr uint64_t kPlantedSeeds = 60;

struct SimFlags {
  uint64_t seed = 1;
  std::string seeds;
  int servers = 3;
  int clients = 8;
  int64_t seconds = 60;
  uint64_t steps = 0;
  std::string faults = "some";
  std::string operations = "all";
  std::string world = "usual";
  bool diagram = false;
  bool messages = false;
  int jobs = 1;
  double hours = 0;
  bool marks = false;
  std::string planted;  // a bug's name, or "all"
};

sim::SimOptions options_of(const SimFlags& flags) {
  sim::SimOptions options;
  options.seed = flags.seed;
  options.servers = flags.servers;
  options.clients = flags.clients;
  options.seconds = flags.seconds;
  options.steps = flags.steps;
  options.with_messages = flags.messages;
  options.world = sim::World::parse(flags.world).value_or(sim::World::usual());
  if (flags.operations == "basic") options.operations = sim::OperationSet::kBasic;
  if (flags.faults == "none") options.faults = sim::FaultLevel::kNone;
  if (flags.faults == "many") options.faults = sim::FaultLevel::kMany;
  if (flags.faults == "mixed") options.faults = sim::FaultLevel::kMixed;
  return options;
}

// CLI::PositiveNumber names the limits of a double, and takes what an int64_t cannot hold.
const CLI::Validator kStepCount(
    [](const std::string& text) -> std::string {
      const char* const end = text.data() + text.size();
      uint64_t steps = 0;
      const auto [parsed, error] = std::from_chars(text.data(), end, steps);
      if (error == std::errc() && parsed == end && steps > 0) return "";
      return "expects a whole number of steps, 1 or more, not '" + text + "'";
    },
    "");

// An assertion of the product is a find like any other: it has to name its seed.
sim::SimOptions running;
void on_abort(int) {
  const std::string text = fmt::format("at step {}\nrepeat with: {}\n", sim::steps_of_running(),
                                       sim::repeat_command(running));
  [[maybe_unused]] const auto written = write(STDERR_FILENO, text.data(), text.size());
}

void print_story(const SimFlags& flags, const sim::Report& report) {
  fmt::print("\n{}", flags.diagram ? report.diagram : report.story);
}

// As far as it went nothing was wrong: progress, rest and equal trees are for whole runs.
void print_cut(const SimFlags& flags, const sim::Report& report) {
  if (flags.diagram || flags.messages) print_story(flags, report);
  fmt::print("\nSTOPPED EARLY at {:.6f}s, after step {}: no violation so far, {}\n  {}\n",
             static_cast<double>(report.totals.simulated_us) / 1e6, report.totals.steps,
             report.are_replies_judged ? "replies and watches included"
                                       : "replies and watches not judged: no server that runs has "
                                         "all transactions",
             report.servers);
}

int run_one(const SimFlags& flags) {
  running = options_of(flags);
  if (!flags.planted.empty()) {
    const auto bug = find_planted_bug(flags.planted);
    if (!bug) return 2;
    running.planted = *bug;
  }
  std::signal(SIGABRT, on_abort);
  const auto begun = std::chrono::steady_clock::now();
  const sim::Report report = sim::simulate(running);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  fmt::print("seed {} servers={} faults={}\nlimits {}\n{}\n", flags.seed, flags.servers,
             flags.faults, report.limits, report.totals.text());
  fmt::print("real={:.2f}s simulated-seconds-per-second={:.0f}\n", took.count(),
             static_cast<double>(report.totals.simulated_us) / 1e6 / took.count());
  fmt::print("trace-hash {:016x}\n", report.trace_hash);
  if (report.is_cut_short) print_cut(flags, report);
  if (!report.violation) return 0;
  print_story(flags, report);
  fmt::print("\nVIOLATION at {:.6f}s, step {}: {}\n  {}\nrepeat with: {}\n",
             static_cast<double>(report.violation->time_us) / 1e6, report.violation->step,
             report.violation->checker, report.violation->text,
             sim::repeat_command(report.options));
  if (report.violation->step < 2) return 1;
  sim::SimOptions before = report.options;
  before.steps = report.violation->step - 1;
  fmt::print("until just before: {} --messages\n", sim::repeat_command(before));
  return 1;
}

int run_range(const SimFlags& flags) {
  RangeOptions range{.jobs = flags.jobs, .with_marks = flags.marks};
  uint64_t& first = range.first;
  uint64_t& last = range.last;
  if (flags.hours > 0) {
    first = flags.seed;
    last = UINT64_MAX;
    range.seconds_max = flags.hours * 3'600;
  } else if (flags.seeds.empty() && !flags.planted.empty()) {
    first = 1;
    last = kPlantedSeeds;
  } else if (std::sscanf(flags.seeds.c_str(), "%lu..%lu", &first, &last) != 2 || last < first) {
    fmt::print(stderr, "--seeds expects A..B, not '{}'\n", flags.seeds);
    return 2;
  }
  if (!flags.planted.empty()) {
    return run_planted(options_of(flags), flags.planted, first, last, flags.jobs);
  }
  return run_seeds(options_of(flags), range);
}

}  // namespace

void add_sim_command(CLI::App& app, int& exit_code) {
  static SimFlags flags;
  CLI::App* sim = app.add_subcommand(
      "sim",
      "Run a whole ensemble in one deterministic thread, with faults, and check what it promises.\n"
      "  zooid sim --seed 7                     (one run)\n"
      "  zooid sim --seed 7 --steps 48210 --messages   (its beginning, and what was last)\n"
      "  zooid sim --seeds 1..200 --servers 5   (many runs and a summary)\n"
      "  zooid sim --hours 8 --seed 100000 --faults mixed --jobs 4 --marks   (a night)");
  sim->option_defaults()->always_capture_default();
  sim->add_option("--seed", flags.seed, "Everything that happens follows from it");
  sim->add_option("--seeds", flags.seeds, "A range of seeds, A..B");
  sim->add_option("--servers", flags.servers, "Servers of the ensemble")->check(CLI::Range(1, 9));
  sim->add_option("--clients", flags.clients, "Clients")->check(CLI::Range(1, 100));
  sim->add_option("--seconds", flags.seconds, "Simulated seconds with faults");
  sim->add_option("--steps", flags.steps,
                  "End the run after so many steps (a packet, a worker's turn, a wake-up of a "
                  "loop…): a violation names its own")
      ->check(kStepCount)
      ->excludes("--seeds");
  sim->add_option("--faults", flags.faults, "none, some, many, or mixed: some and many in turn")
      ->check(CLI::IsMember({"none", "some", "many", "mixed"}));
  sim->add_option("--operations", flags.operations,
                  "all, or basic: without ACLs, containers, TTL, persistent watches, multiRead")
      ->check(CLI::IsMember({"all", "basic"}));
  sim->add_option("--world", flags.world,
                  "How unkind it is: usual, kind, harsh, then names with commas (name: may be "
                  "drawn by the seed, name!: in every run, -name: not): " +
                      sim::World::names())
      ->check([](const std::string& text) -> std::string {
        const auto world = sim::World::parse(text);
        return world ? "" : world.error().message;
      });
  sim->add_option("--hours", flags.hours, "Run seed after seed from --seed on, for that long")
      ->check(CLI::PositiveNumber)
      ->excludes("--seeds")
      ->excludes("--steps");
  sim->add_flag(
      "--marks", flags.marks,
      "Say which rare branches the range reached; the exit code is 1 if one of those that "
      "it should reach is missing");
  sim->add_option("--jobs", flags.jobs, "Seeds that run at the same time (--seeds)")
      ->check(CLI::Range(1, 64));
  sim->add_flag("--diagram", flags.diagram, "Tell a failure as a Mermaid sequence diagram");
  sim->add_flag("--messages", flags.messages, "Tell a failure with every message");
  sim->add_option(
         "--planted", flags.planted,
         "Plant a known bug, or each in turn (all), and say how many seeds it takes to find "
         "it; with --seed: run that one, and tell the story; needs a build with "
         "-DZOOID_PLANTED_BUGS=ON, or zooid_planted")
      ->expected(0, 1)
      ->default_str("all")
      ->excludes("--steps");
  sim->callback([&exit_code, sim] {
    const bool is_search = !flags.planted.empty() && sim->count("--seed") == 0;
    const bool is_range = !flags.seeds.empty() || is_search || flags.hours > 0;
    if (flags.marks && !is_range) throw CLI::RequiresError("--marks", "--seeds or --hours");
    exit_code = is_range ? run_range(flags) : run_one(flags);
  });
}

}  // namespace zooid::bin
