#include "cli/crosscheck_self_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/crosscheck_distortion.h"

namespace zooid::cli {
namespace {

// A reply that the proxy keeps costs this much.
constexpr int64_t kAnswerTimeoutMs = 1'000;
constexpr uint64_t kControlSeeds = 5;

// Changes nothing: what is found behind it would be found anyway, so no change can be judged.
constexpr Distortion kControl{"nothing", DistortionKind::kEdit,
                              [](std::string&, const FrameOrigin&) { return false; }};

Result<SelfTestResult> check_one(Terminal& terminal, const CrosscheckOptions& options,
                                 const Distortion& distortion, int64_t answer_timeout_ms) {
  DistortingProxy proxy(terminal.network, options.candidate.front(), distortion);
  TRY_VALUE(address, proxy.start());
  CrosscheckOptions one = options;
  one.candidate = {address};
  one.candidate_direct = options.candidate.front();
  one.shrink_plays_max = 0;
  one.differences_max = 1;
  one.answer_timeout_ms = answer_timeout_ms;
  TRY_VALUE(report, run_crosscheck(terminal, one, [](const std::string&) {}));
  SelfTestResult result;
  result.name = distortion.name;
  result.changes = proxy.changes();
  result.found = !report.differences.empty();
  if (!result.found) return result;
  const Difference& difference = report.differences.front().difference;
  result.how = difference.reference + " / " + difference.candidate;
  return result;
}

}  // namespace

Result<std::vector<SelfTestResult>> run_self_test(
    Terminal& terminal, const CrosscheckOptions& options,
    const std::function<void(const std::string&)>& progress) {
  CrosscheckOptions few = options;
  few.seed_last = std::min(few.seed_last, few.seed_first + kControlSeeds - 1);
  TRY_VALUE(control, check_one(terminal, few, kControl, options.answer_timeout_ms));
  if (control.found) {
    return fail(Error::Kind::kOther,
                "the servers differ by themselves, so no change can be told apart: " + control.how);
  }
  std::vector<SelfTestResult> results;
  for (const Distortion& distortion : distortions()) {
    if (terminal.interrupted()) break;
    progress(fmt::format("{}/{}: {}", results.size(), distortions().size(), distortion.name));
    TRY_VALUE(result, check_one(terminal, options, distortion, kAnswerTimeoutMs));
    results.push_back(std::move(result));
  }
  return results;
}

bool all_found(const std::vector<SelfTestResult>& results) {
  return results.size() == distortions().size() &&
         std::all_of(results.begin(), results.end(), [](const auto& one) { return one.found; });
}

std::string self_test_text(const std::vector<SelfTestResult>& results) {
  std::string text;
  for (const SelfTestResult& result : results) {
    text += fmt::format("{} {} ({} changes){}{}\n", result.found ? "found " : "MISSED", result.name,
                        result.changes, result.found ? ": " : "", result.how);
  }
  const auto found =
      std::count_if(results.begin(), results.end(), [](const auto& one) { return one.found; });
  return text + fmt::format("{} of {} changes found\n", found, distortions().size());
}

}  // namespace zooid::cli
