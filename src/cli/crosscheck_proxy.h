// `zooid crosscheck --proxy`: clients talk to the reference through it, and everything they ask is
// asked of the candidate as well, over a connection of its own for each of theirs.
//
//   client ── ProxyLink ── reference        bytes unchanged, in both directions
//                 │ requests and replies, as they are read
//              Shadow ── ShadowConnection ── candidate
//                              │ both answers
//                          ProxyJudge
//
// A client is never delayed by the candidate and gets nothing of what it says. Every difference is
// told when it is found; what is compared stands in crosscheck_proxy_judge.h, when the candidate is
// asked in crosscheck_shadow.h. Both need the same data at the beginning: both none, or the
// candidate a copy of the reference's; and the candidate no other clients.
//
// One thread, one loop: it is a worker of the terminal's.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/crosscheck_distortion.h"
#include "cli/crosscheck_proxy_judge.h"
#include "cli/terminal.h"

namespace zooid::cli {

struct CrosscheckProxyOptions {
  std::vector<env::Endpoint> reference, candidate;
  CrosscheckProfile profile = CrosscheckProfile::k39;
  env::Endpoint listen;
  size_t buffer_bytes_max = size_t{64} << 20;
  // To see that differences are found: what the candidate says is changed (nullptr: it is not).
  const Distortion* distortion = nullptr;
};

struct CrosscheckProxyReport {
  uint64_t connections = 0;
  ProxyCounts counts;
  uint64_t distortions = 0;
  std::string dropped;  // why the candidate is asked no more

  // 0: no difference; 1: differences that nothing explains; 2: none, but the shadow was dropped, so
  // there may be some.
  int exit_code() const;
};

struct CrosscheckProxyEvents {
  // It listens.
  std::function<void(const env::Endpoint& here)> ready;
  std::function<void(const ProxyFinding&)> found;
  std::function<void(const std::string& reason)> dropped;
  // The user wants it to end: no request is taken from clients any more, what was asked is judged.
  std::function<bool()> should_end;
};

// Fails if it cannot listen.
Result<CrosscheckProxyReport> run_crosscheck_proxy(Terminal& terminal,
                                                   const CrosscheckProxyOptions& options,
                                                   const CrosscheckProxyEvents& events);

// For people, several lines; for programs, one line of JSON each.
std::string proxy_finding_text(const ProxyFinding& finding);
std::string proxy_finding_json(const ProxyFinding& finding);
std::string proxy_report_text(const CrosscheckProxyReport& report);
std::string proxy_report_json(const CrosscheckProxyReport& report);

}  // namespace zooid::cli
