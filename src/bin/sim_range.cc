#include "bin/sim_range.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <optional>
#include <sstream>
#include <string>
#include <type_traits>

#include "base/mark.h"
#include "bin/sim_marks.h"

namespace zooid::bin {
namespace {

struct Child {
  uint64_t seed;
  int pipe;
};

// Totals are plain numbers: they travel as they are, with a line of marks and the violation's text
// behind them.
[[noreturn]] void run_child(const sim::SimOptions& options, int pipe) {
  static_assert(std::is_trivially_copyable_v<sim::Totals>);
  const sim::Report report = sim::simulate(options);
  std::string out(reinterpret_cast<const char*>(&report.totals), sizeof(report.totals));
  for (const auto& [mark, count] : marks_reached()) out.append(mark).push_back(' ');
  out.push_back('\n');
  if (report.violation) {
    out += fmt::format("{}: {} (step {})", report.violation->checker, report.violation->text,
                       report.violation->step);
  }
  for (size_t at = 0; at < out.size();) {
    const ssize_t written = write(pipe, out.data() + at, out.size() - at);
    if (written <= 0) break;
    at += static_cast<size_t>(written);
  }
  _exit(0);
}

Child start(sim::SimOptions options, uint64_t seed) {
  options.seed = seed;
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  std::fflush(stdout);
  const pid_t pid = fork();
  if (pid < 0) std::abort();
  if (pid == 0) {
    close(ends[0]);
    run_child(options, ends[1]);
  }
  close(ends[1]);
  return {seed, ends[0]};
}

SeedOutcome finish(const Child& child) {
  std::string text;
  char buffer[4'096];
  for (ssize_t n = 0; (n = read(child.pipe, buffer, sizeof(buffer))) > 0;) {
    text.append(buffer, static_cast<size_t>(n));
  }
  close(child.pipe);
  SeedOutcome outcome;
  outcome.seed = child.seed;
  if (text.size() < sizeof(outcome.totals)) {
    outcome.is_dead = true;
    outcome.violation = "an assertion or a crash";
    return outcome;
  }
  std::memcpy(&outcome.totals, text.data(), sizeof(outcome.totals));
  const size_t line_end = text.find('\n', sizeof(outcome.totals));
  if (line_end == std::string::npos) {
    outcome.is_dead = true;
    outcome.violation = "it died while it told";
    return outcome;
  }
  std::istringstream marks(text.substr(sizeof(outcome.totals), line_end - sizeof(outcome.totals)));
  for (std::string mark; marks >> mark;) outcome.marks.push_back(mark);
  outcome.violation = text.substr(line_end + 1);
  return outcome;
}

}  // namespace

void for_each_seed(const sim::SimOptions& options, uint64_t first, uint64_t last, int jobs,
                   const std::function<bool(const SeedOutcome&)>& on_outcome) {
  std::deque<Child> children;
  bool goes_on = true;
  for (uint64_t seed = first; !children.empty() || (goes_on && seed <= last);) {
    if (goes_on && seed <= last && children.size() < static_cast<size_t>(jobs)) {
      children.push_back(start(options, seed++));
      continue;
    }
    // In the order of seeds: what is told does not depend on which is faster.
    const SeedOutcome outcome = finish(children.front());
    children.pop_front();
    wait(nullptr);
    if (goes_on) goes_on = on_outcome(outcome);
  }
}

int run_seeds(const sim::SimOptions& options, const RangeOptions& range) {
  const bool is_terminal = isatty(STDOUT_FILENO) != 0;
  const auto begun = std::chrono::steady_clock::now();
  sim::Totals totals;
  MarksReport marks;
  uint64_t done = 0, failed = 0;
  int64_t least_busy = INT64_MAX;
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  };
  const auto progress = [&] {
    const std::string of =
        range.seconds_max > 0
            ? fmt::format("{:.0f} of {:.0f} min", seconds() / 60, range.seconds_max / 60)
            : fmt::format("{} of {} seeds", done, range.last - range.first + 1);
    fmt::print("\r{}, {} failed, {:.0f} simulated seconds in {:.0f} s", of, failed,
               static_cast<double>(totals.simulated_us) / 1e6, seconds());
  };
  for_each_seed(options, range.first, range.last, range.jobs, [&](const SeedOutcome& outcome) {
    ++done;
    totals += outcome.totals;
    marks.add(outcome.seed, outcome.marks);
    if (outcome.totals.simulated_us > 0) {
      least_busy = std::min(least_busy, outcome.totals.operations_per_second());
    }
    if (!outcome.violation.empty()) {
      ++failed;
      sim::SimOptions failing = options;
      failing.seed = outcome.seed;
      fmt::print("{}seed {}: {}\n  repeat with: {}\n", is_terminal ? "\r\033[K" : "", outcome.seed,
                 outcome.violation, sim::repeat_command(failing));
    }
    if (is_terminal) progress();
    std::fflush(stdout);
    return range.seconds_max == 0 || seconds() < range.seconds_max;
  });
  fmt::print("{}seeds={} failed={} {} least={}\n", is_terminal ? "\n" : "", done, failed,
             totals.text(), done == 0 ? 0 : least_busy);
  fmt::print("real={:.1f}s simulated-seconds-per-second={:.0f} operations-per-second={:.0f}\n",
             seconds(), static_cast<double>(totals.simulated_us) / 1e6 / seconds(),
             static_cast<double>(totals.operations) / seconds());
  if (range.with_marks) fmt::print("\n{}", marks.text());
  return failed == 0 && (!range.with_marks || marks.missing() == 0) ? 0 : 1;
}

std::optional<PlantedBug> find_planted_bug(const std::string& name) {
  if (!can_plant()) {
    fmt::print(stderr, "this build has no planted bugs: configure with -DZOOID_PLANTED_BUGS=ON\n");
    return std::nullopt;
  }
  std::string names;
  for (int bug = 1; bug < static_cast<int>(PlantedBug::kLast); ++bug) {
    if (name == planted_bug_name(static_cast<PlantedBug>(bug))) return static_cast<PlantedBug>(bug);
    names += fmt::format("\n  {}", planted_bug_name(static_cast<PlantedBug>(bug)));
  }
  fmt::print(stderr, "no planted bug is called '{}'; there are:{}\n", name, names);
  return std::nullopt;
}

int run_planted(const sim::SimOptions& options, const std::string& name, uint64_t first,
                uint64_t last, int jobs) {
  if (!can_plant() || name != "all") {
    if (!find_planted_bug(name)) return 2;
  }
  int missed = 0;
  fmt::print("{:<38} {:>5}  found by\n", "planted bug", "seeds");
  for (int bug = 1; bug < static_cast<int>(PlantedBug::kLast); ++bug) {
    sim::SimOptions planted = options;
    planted.planted = static_cast<PlantedBug>(bug);
    if (name != "all" && name != planted_bug_name(planted.planted)) continue;
    std::optional<SeedOutcome> found;
    for_each_seed(planted, first, last, jobs, [&](const SeedOutcome& outcome) {
      if (!outcome.violation.empty() && !found) found = outcome;
      return !found;
    });
    missed += found ? 0 : 1;
    fmt::print("{:<38} {:>5}  {:.100}\n", planted_bug_name(planted.planted),
               found ? std::to_string(found->seed - first + 1) : "-",
               found ? found->violation : "not found");
    std::fflush(stdout);
  }
  return missed == 0 ? 0 : 1;
}

}  // namespace zooid::bin
