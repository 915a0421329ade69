#include "cli/crosscheck_player.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"

namespace zooid::cli {
namespace {

// A server that is behind for longer stays behind.
constexpr size_t kBarrierRoundsMax = 100;

}  // namespace

CrosscheckPlayer::CrosscheckPlayer(Terminal& terminal, CrosscheckSide& reference,
                                   CrosscheckSide& candidate, Comparer& comparer,
                                   int64_t answer_timeout_ms)
    : terminal_(terminal),
      reference_(reference),
      candidate_(candidate),
      comparer_(comparer),
      answer_timeout_ms_(answer_timeout_ms),
      first_name_(static_cast<uint64_t>(terminal.clock.now().wall_ms) * 1000) {}

std::string CrosscheckPlayer::next_root() {
  constexpr uint64_t kNameMask = (uint64_t{1} << 48) - 1;
  std::string root = fmt::format("/crosscheck-{:012x}", (first_name_ + plays_++) & kNameMask);
  ASSERT(root.size() == kPlanRoot.size());
  return root;
}

bool CrosscheckPlayer::wait() {
  return terminal_.run_until([&] { return reference_.settled() && candidate_.settled(); },
                             answer_timeout_ms_);
}

Result<std::optional<Difference>> CrosscheckPlayer::play(const Plan& plan) {
  const std::string root = next_root();
  TRY(reference_.begin(root, plan.slots));
  TRY(candidate_.begin(root, plan.slots));
  const int64_t began_us = terminal_.clock.instant_us();
  longest_step_us_ = 0;
  auto difference = play_steps(plan);
  if (difference && *difference) {
    (*difference)->elapsed_ms = (terminal_.clock.instant_us() - began_us) / 1000;
    (*difference)->longest_step_ms = longest_step_us_ / 1000;
  }
  reference_.end();
  candidate_.end();
  return difference;
}

Result<std::optional<Difference>> CrosscheckPlayer::play_steps(const Plan& plan) {
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    if (terminal_.interrupted()) return std::optional<Difference>{};
    const Step& step = plan.steps[i];
    const int64_t began_us = terminal_.clock.instant_us();
    reference_.start(step);
    candidate_.start(step);
    operations_ += std::max<size_t>(1, step.requests.size());
    bool is_answered = wait();
    for (size_t round = 0; is_answered && round < kBarrierRoundsMax; ++round) {
      if (round > 0 && !reference_.is_behind() && !candidate_.is_behind()) break;
      reference_.send_barriers();
      candidate_.send_barriers();
      is_answered = wait();
    }
    if (!is_answered) {
      reference_.give_up();
      candidate_.give_up();
    }
    longest_step_us_ = std::max(longest_step_us_, terminal_.clock.instant_us() - began_us);
    auto difference = comparer_.compare(step, reference_.take_lines(), candidate_.take_lines());
    if (!difference) continue;
    difference->step = i;
    return difference;
  }
  TRY_VALUE(reference_tree, reference_.read_tree());
  TRY_VALUE(candidate_tree, candidate_.read_tree());
  auto difference = comparer_.compare_trees(reference_tree, candidate_tree);
  if (difference) difference->step = plan.steps.size();
  return difference;
}

}  // namespace zooid::cli
