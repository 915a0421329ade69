#include "cli/crosscheck_shrinker.h"

#include <algorithm>

namespace zooid::cli {
namespace {

// A difference that depends on timing gets this many chances to come again.
constexpr size_t kRepeats = 3;

class Shrinker {
 public:
  Shrinker(CrosscheckPlayer& player, Shrunk& best, size_t plays_max)
      : player_(player), best_(best), plays_max_(plays_max) {}

  // True, and kept, if the plan still shows the difference.
  Result<bool> accept(Plan plan) {
    ++best_.plays;
    TRY_VALUE(difference, player_.play(plan));
    if (!difference || difference->signature != best_.difference.signature) return false;
    // What stands behind the step that showed it has no part in it.
    if (difference->step < plan.steps.size()) plan.steps.resize(difference->step + 1);
    best_.plan = std::move(plan);
    best_.difference = std::move(*difference);
    return true;
  }
  bool may_go_on() const { return best_.plays < plays_max_; }

  Result<> drop_steps() {
    for (size_t length = std::max<size_t>(1, best_.plan.steps.size() / 2);; length /= 2) {
      for (size_t end = best_.plan.steps.size(); end > 0 && may_go_on();) {
        end = std::min(end, best_.plan.steps.size());
        const size_t begin = end > length ? end - length : 0;
        Plan plan = best_.plan;
        const auto first = plan.steps.begin();
        plan.steps.erase(first + static_cast<std::ptrdiff_t>(begin),
                         first + static_cast<std::ptrdiff_t>(end));
        TRY_VALUE(accepted, accept(std::move(plan)));
        (void)accepted;
        end = begin;
      }
      if (length <= 1) return {};
    }
  }

  Result<> drop_requests() {
    for (size_t i = best_.plan.steps.size(); i-- > 0 && may_go_on();) {
      if (i >= best_.plan.steps.size()) continue;
      for (size_t j = best_.plan.steps[i].requests.size(); j-- > 0 && may_go_on();) {
        if (i >= best_.plan.steps.size() || j >= best_.plan.steps[i].requests.size()) continue;
        const bool is_all = best_.plan.steps[i].requests.size() == 1 &&
                            best_.plan.steps[i].kind == StepKind::kRequests;
        if (is_all) continue;
        Plan plan = best_.plan;
        plan.steps[i].requests.erase(plan.steps[i].requests.begin() +
                                     static_cast<std::ptrdiff_t>(j));
        TRY_VALUE(accepted, accept(std::move(plan)));
        (void)accepted;
      }
    }
    return {};
  }

 private:
  CrosscheckPlayer& player_;
  Shrunk& best_;
  size_t plays_max_;
};

}  // namespace

Result<Shrunk> shrink(CrosscheckPlayer& player, const Plan& plan, const Difference& difference,
                      size_t plays_max) {
  Shrunk best{plan, difference, 0, false};
  Shrinker shrinker(player, best, plays_max);
  for (size_t i = 0; i < kRepeats && !best.repeats; ++i) {
    TRY_VALUE(accepted, shrinker.accept(plan));
    best.repeats = accepted;
  }
  if (!best.repeats) return best;
  for (size_t before = 0; before != best.plan.operations() && shrinker.may_go_on();) {
    before = best.plan.operations();
    TRY(shrinker.drop_steps());
    TRY(shrinker.drop_requests());
  }
  return best;
}

}  // namespace zooid::cli
