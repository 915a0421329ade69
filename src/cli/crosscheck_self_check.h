// Does the cross-check notice what it should? The candidate is put behind a proxy that changes one
// thing, for each thing there is (crosscheck_distortion.h).
#pragma once

#include "cli/crosscheck.h"

namespace zooid::cli {

struct SelfTestResult {
  std::string name;
  uint64_t changes = 0;  // how many frames the proxy had changed by then
  bool found = false;
  std::string how;  // the two lines that differed
};

// The two servers must not differ by themselves in the seeds of the options.
Result<std::vector<SelfTestResult>> run_self_test(
    Terminal& terminal, const CrosscheckOptions& options,
    const std::function<void(const std::string&)>& progress);

bool all_found(const std::vector<SelfTestResult>& results);
std::string self_test_text(const std::vector<SelfTestResult>& results);

}  // namespace zooid::cli
