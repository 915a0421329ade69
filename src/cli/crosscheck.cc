#include "cli/crosscheck.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "cli/crosscheck_generator.h"
#include "cli/crosscheck_json.h"
#include "cli/crosscheck_player.h"
#include "cli/crosscheck_shrinker.h"

namespace zooid::cli {
namespace {

constexpr int64_t kProgressIntervalUs = 500'000;

class Run {
 public:
  Run(Terminal& terminal, const CrosscheckOptions& options,
      const std::function<void(const std::string&)>& progress)
      : terminal_(terminal),
        options_(options),
        progress_(progress),
        reference_(terminal, "reference", options.reference, options.profile),
        candidate_(terminal, "candidate", options.candidate, options.profile),
        comparer_(options.profile, servers()),
        player_(terminal, reference_, candidate_, comparer_, options.answer_timeout_ms) {
    if (options.candidate_direct) candidate_.use_for_trees(*options.candidate_direct);
  }

  Result<CrosscheckReport> all() {
    const int64_t began_us = terminal_.clock.now().mono_us;
    GeneratorOptions generator{options_.profile, options_.operations, servers()};
    for (uint64_t seed = options_.seed_first; seed <= options_.seed_last; ++seed) {
      if (terminal_.interrupted() || report_.differences.size() >= options_.differences_max) break;
      TRY(one(generate_plan(seed, generator)));
      ++report_.seeds;
      show_progress();
    }
    report_.operations = player_.operations() - shrinking_operations_;
    report_.seconds = static_cast<double>(terminal_.clock.now().mono_us - began_us) / 1e6;
    report_.excused = comparer_.excused();
    return std::move(report_);
  }

 private:
  size_t servers() const { return std::max(options_.reference.size(), options_.candidate.size()); }

  Result<> one(Plan plan) {
    TRY_VALUE(difference, player_.play(plan));
    if (!difference) return {};
    for (FoundDifference& known : report_.differences) {
      if (known.difference.signature == difference->signature && known.repeats) {
        ++known.times;
        return {};
      }
    }
    if (options_.shrink_plays_max == 0) {
      report_.differences.push_back({plan.seed, plan, *difference, 0, 1, true});
      return {};
    }
    const uint64_t before = player_.operations();
    TRY_VALUE(shrunk, shrink(player_, plan, *difference, options_.shrink_plays_max));
    shrinking_operations_ += player_.operations() - before;
    FoundDifference& found = report_.differences.emplace_back();
    found.seed = plan.seed;
    found.plan = std::move(shrunk.plan);
    found.difference = std::move(shrunk.difference);
    found.plays = shrunk.plays;
    found.repeats = shrunk.repeats;
    return {};
  }

  void show_progress() {
    const int64_t now_us = terminal_.clock.now().mono_us;
    if (now_us < next_progress_us_) return;
    next_progress_us_ = now_us + kProgressIntervalUs;
    const uint64_t all = options_.seed_last - options_.seed_first + 1;
    constexpr uint64_t kBarWidth = 30;
    const auto filled = static_cast<size_t>(report_.seeds * kBarWidth / all);
    progress_(fmt::format("[{:<30}] {}/{} seeds, {} operations, {} differences",
                          std::string(filled, '='), report_.seeds, all,
                          player_.operations() - shrinking_operations_,
                          report_.differences.size()));
  }

  Terminal& terminal_;
  const CrosscheckOptions& options_;
  const std::function<void(const std::string&)>& progress_;
  CrosscheckSide reference_, candidate_;
  Comparer comparer_;
  CrosscheckPlayer player_;
  CrosscheckReport report_;
  uint64_t shrinking_operations_ = 0;
  int64_t next_progress_us_ = 0;
};

// The shortest plan, or, if the difference did not come again, the step that showed it.
std::span<const Step> shown_steps(const FoundDifference& found) {
  const std::span<const Step> steps = found.plan.steps;
  if (found.repeats) return steps;
  return found.difference.step < steps.size() ? steps.subspan(found.difference.step, 1)
                                              : std::span<const Step>{};
}

std::string difference_text(const FoundDifference& found) {
  std::string text = fmt::format(
      "\nseed {}: {}\n", found.seed,
      found.repeats ? fmt::format("shrunk to {} operations in {} plays, seen in {} seeds",
                                  found.plan.operations(), found.plays, found.times)
                    : fmt::format("did not come again when the seed was played again; seen {} ms "
                                  "into the play, whose longest step took {} ms",
                                  found.difference.elapsed_ms, found.difference.longest_step_ms));
  for (const Step& step : shown_steps(found)) text += "  " + describe(step) + '\n';
  return text + fmt::format("  at {}:\n    reference: {}\n    candidate: {}\n",
                            found.difference.connection, found.difference.reference,
                            found.difference.candidate);
}

}  // namespace

int CrosscheckReport::exit_code() const {
  return std::any_of(differences.begin(), differences.end(),
                     [](const FoundDifference& found) { return found.repeats; })
             ? 1
             : 0;
}

Result<CrosscheckReport> run_crosscheck(Terminal& terminal, const CrosscheckOptions& options,
                                        const std::function<void(const std::string&)>& progress) {
  return Run(terminal, options, progress).all();
}

std::string crosscheck_text(const CrosscheckReport& report) {
  const auto repeating = std::count_if(report.differences.begin(), report.differences.end(),
                                       [](const FoundDifference& found) { return found.repeats; });
  std::string text;
  for (const FoundDifference& found : report.differences) text += difference_text(found);
  text += fmt::format("{} operations of {} seeds in {:.1f} s: {} differences", report.operations,
                      report.seeds, report.seconds, repeating);
  const size_t unrepeated = report.differences.size() - static_cast<size_t>(repeating);
  if (unrepeated > 0) text += fmt::format(", {} that did not repeat", unrepeated);
  text += '\n';
  for (const auto& [rule, times] : report.excused) {
    const CrosscheckRuleText& about = text_of(rule);
    text += fmt::format("  known difference {} ({}), {} times: {}\n", about.name, about.kind, times,
                        about.reason);
  }
  return text;
}

std::string crosscheck_json(const CrosscheckReport& report) {
  std::string found_json, excused_json;
  for (const FoundDifference& found : report.differences) {
    std::string steps;
    for (const Step& step : shown_steps(found)) {
      if (!steps.empty()) steps += ',';
      steps += json_string(describe(step));
    }
    if (!found_json.empty()) found_json += ',';
    found_json += fmt::format(
        "{{\"seed\":{},\"repeats\":{},\"seeds\":{},\"signature\":{},\"connection\":{},"
        "\"reference\":{},\"candidate\":{},\"elapsed_ms\":{},\"longest_step_ms\":{},"
        "\"steps\":[{}]}}",
        found.seed, found.repeats, found.times, json_string(found.difference.signature),
        json_string(found.difference.connection), json_string(found.difference.reference),
        json_string(found.difference.candidate), found.difference.elapsed_ms,
        found.difference.longest_step_ms, steps);
  }
  for (const auto& [rule, times] : report.excused) {
    if (!excused_json.empty()) excused_json += ',';
    excused_json += fmt::format("{}:{}", json_string(text_of(rule).name), times);
  }
  return fmt::format(
      "{{\"seeds\":{},\"operations\":{},\"seconds\":{:.3f},\"known\":{{{}}},\"differences\":[{}]}}"
      "\n",
      report.seeds, report.operations, report.seconds, excused_json, found_json);
}

}  // namespace zooid::cli
