#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>

#include "bin/commands.h"
#include "bin/loop_terminal.h"
#include "bin/unblocked_output.h"
#include "cli/crosscheck.h"
#include "cli/crosscheck_proxy.h"
#include "cli/crosscheck_self_check.h"
#include "client/client.h"

namespace zooid::bin {
namespace {

struct Settings {
  std::string reference, candidate;
  std::string profile = "3.9";
  std::string seeds = "1..50";
  bool json = false;
  bool rules = false;
  bool self_test = false;
  std::string proxy;
  std::string distort;
  size_t buffer_mib = 64;
  cli::CrosscheckOptions options;
};

// "7" or "1..500".
bool parse_seeds(const std::string& text, cli::CrosscheckOptions& options) {
  char* end = nullptr;
  options.seed_first = options.seed_last = std::strtoull(text.c_str(), &end, 10);
  if (end == text.c_str()) return false;
  const std::string rest = end;
  if (rest.empty()) return true;
  if (!rest.starts_with("..") || rest.size() < 3) return false;
  options.seed_last = std::strtoull(rest.c_str() + 2, &end, 10);
  return *end == '\0' && options.seed_last >= options.seed_first;
}

// Over itself on a terminal, nothing into a file.
void show_progress(const std::string& text) {
  if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r%s ", text.c_str());
}

volatile std::sig_atomic_t end_is_wanted = 0;

void end_on(int signal) {
  struct sigaction action{};
  action.sa_handler = [](int) { end_is_wanted = 1; };
  sigaction(signal, &action, nullptr);
}

// "2181" or "host:2181".
Result<env::Endpoint> parse_listen(const std::string& text) {
  const bool is_port = text.find_first_not_of("0123456789") == std::string::npos;
  TRY_VALUE(all, client::parse_hosts(is_port ? "0.0.0.0:" + text : text, nullptr));
  if (all.size() != 1) return fail(Error::Kind::kConfig, "one address expected: " + text);
  if (is_port) all.front().host.clear();
  return all.front();
}

Result<const cli::Distortion*> parse_distortion(const std::string& name) {
  if (name.empty()) return nullptr;
  std::string names;
  for (const cli::Distortion& distortion : cli::distortions()) {
    if (distortion.name == name) return &distortion;
    names += std::string(names.empty() ? "" : ", ") + distortion.name;
  }
  return fail(Error::Kind::kConfig, "no such thing; one of: " + names);
}

int run_proxy(const Settings& settings) {
  // Of what timing explains, and of what follows, enough to see what it is.
  constexpr uint64_t kExplainedShownMax = 100;
  cli::CrosscheckProxyOptions options;
  options.reference = settings.options.reference;
  options.candidate = settings.options.candidate;
  options.profile = settings.options.profile;
  options.buffer_bytes_max = settings.buffer_mib << 20;
  const auto listen = parse_listen(settings.proxy);
  if (!listen) return complain("--proxy: " + listen.error().message);
  options.listen = *listen;
  const auto distortion = parse_distortion(settings.distort);
  if (!distortion) return complain("--distort: " + distortion.error().message);
  options.distortion = *distortion;
  end_on(SIGINT);
  end_on(SIGTERM);
  LoopTerminal loop;
  UnblockedOutput output(STDOUT_FILENO);
  uint64_t explained = 0;
  const auto report = cli::run_crosscheck_proxy(
      loop.terminal(), options,
      {.ready =
           [](const env::Endpoint& here) {
             std::fprintf(
                 stderr, "clients may connect to %s; Ctrl-C ends it\n",
                 here.host.empty()
                     ? fmt::format("port {} of any address of this host", here.port).c_str()
                     : here.text().c_str());
           },
       .found =
           [&](const cli::ProxyFinding& finding) {
             const bool is_explained = finding.kind != cli::ProxyFinding::Kind::kDifference;
             if (is_explained && ++explained > kExplainedShownMax) return;
             const std::string text = settings.json ? cli::proxy_finding_json(finding)
                                                    : cli::proxy_finding_text(finding);
             output.write(text);
           },
       .dropped =
           [](const std::string& reason) {
             std::fprintf(stderr, "the shadow was dropped, clients go on: %s\n", reason.c_str());
           },
       .should_end =
           [&] {
             output.flush();
             return end_is_wanted != 0;
           }});
  output.finish();
  if (output.dropped() > 0) {
    complain(std::to_string(output.dropped()) + " findings were not written: nobody read them");
  }
  if (!report) return complain(report.error().message);
  const std::string text =
      settings.json ? cli::proxy_report_json(*report) : cli::proxy_report_text(*report);
  std::fputs(text.c_str(), stdout);
  return report->exit_code();
}

int run(Settings& settings) {
  if (settings.rules) {
    std::fputs(cli::crosscheck_rules_text().c_str(), stdout);
    return 0;
  }
  const auto reference = client::parse_hosts(settings.reference, nullptr);
  if (!reference) return complain("--reference: " + reference.error().message);
  const auto candidate = client::parse_hosts(settings.candidate, nullptr);
  if (!candidate) return complain("--candidate: " + candidate.error().message);
  settings.options.reference = *reference;
  settings.options.candidate = *candidate;
  settings.options.profile =
      settings.profile == "3.8" ? cli::CrosscheckProfile::k38 : cli::CrosscheckProfile::k39;
  if (!settings.proxy.empty()) return run_proxy(settings);
  if (!parse_seeds(settings.seeds, settings.options)) {
    return complain("--seeds '" + settings.seeds + "': expected for example 7 or 1..500");
  }
  LoopTerminal loop;
  if (settings.self_test) {
    const auto results = cli::run_self_test(loop.terminal(), settings.options, show_progress);
    if (!results) return complain(results.error().message);
    std::fputs(cli::self_test_text(*results).c_str(), stdout);
    return cli::all_found(*results) ? 0 : 1;
  }
  const auto report = cli::run_crosscheck(loop.terminal(), settings.options, show_progress);
  if (isatty(STDERR_FILENO) != 0) std::fputs("\r\x1b[K", stderr);
  if (!report) return complain(report.error().message);
  const std::string text =
      settings.json ? cli::crosscheck_json(*report) : cli::crosscheck_text(*report);
  std::fputs(text.c_str(), stdout);
  return report->exit_code();
}

}  // namespace

void add_crosscheck_command(CLI::App& app, int& exit_code) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* command = app.add_subcommand(
      "crosscheck",
      "Play random operations to two test servers and show where they differ, or stand between a\n"
      "server and its clients and ask a second one the same.\n"
      "  zooid crosscheck --reference old:2181 --candidate new:2181 --profile 3.8 --seeds 1..100\n"
      "  zooid crosscheck --proxy 2182 --reference old:2181 --candidate new:2181 --profile 3.8");
  command->option_defaults()->always_capture_default();
  command->add_option("--reference", settings->reference, "host:port[,host:port...]");
  command->add_option("--candidate", settings->candidate, "host:port[,host:port...]");
  command->add_option("--profile", settings->profile, "what the reference is")
      ->check(CLI::IsMember({"3.8", "3.9"}));
  command->add_option("--seeds", settings->seeds, "one seed, or first..last");
  command->add_option("--operations", settings->options.operations, "of each seed")
      ->check(CLI::Range(1, 1000000));
  command->add_option("--differences", settings->options.differences_max, "stop after so many");
  command->add_option("--shrink", settings->options.shrink_plays_max,
                      "plays at most to shorten a sequence");
  command->add_flag("--json", settings->json, "the report as JSON, for programs");
  command->add_flag("--self-test", settings->self_test,
                    "change one thing after another in what the candidate says; all must be found");
  command->add_option("--proxy", settings->proxy,
                      "[host:]port on which clients connect; the reference answers them, the "
                      "candidate is asked the same");
  command
      ->add_option("--buffer", settings->buffer_mib,
                   "with --proxy: MiB that may wait for the candidate before it is given up")
      ->check(CLI::Range(1, 65536));
  command->add_option("--distort", settings->distort,
                      "with --proxy: change one thing in what the candidate says, to see it found");
  command->add_flag("--rules", settings->rules, "list what may differ, and why");
  command->footer(
      "Exit code: 0 no difference, 1 differences, 2 it could not be run (with --proxy also: the\n"
      "candidate was given up on the way). A difference that did not come again when its seed was\n"
      "played again is shown and marked so, but does not count: \"repeats\": false.\n"
      "Without --proxy the servers need to be configured alike, idle, and not in use: everything\n"
      "happens below nodes of its own, which are removed, but zxids are used up. Of ensembles "
      "name\n"
      "all servers, and both leaders at the same place of the list: a leader answers some "
      "requests\n"
      "otherwise than a follower. With --proxy the candidate begins with the reference's data and\n"
      "gets no other clients; SIGINT or SIGTERM ends it. More: docs/crosscheck.md.");
  command->callback([settings, &exit_code] { exit_code = run(*settings); });
}

}  // namespace zooid::bin
