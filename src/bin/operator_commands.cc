// `zooid status`, `zooid explain`, `zooid word` and `zooid bench`: what an operator asks of servers
// that run.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "bin/commands.h"
#include "bin/loop_terminal.h"
#include "cli/bench.h"
#include "cli/explain.h"
#include "cli/four_letter_client.h"
#include "cli/status.h"
#include "client/client.h"
#include "config/server_config.h"

namespace zooid::bin {
namespace {

struct Settings {
  std::string server = "localhost:2181";
  std::string config;
  std::string directory;
  std::string word;
  size_t count = 1;
  bool json = false;
  std::string mix = "get";
  cli::BenchOptions bench;
};

int run_status(const Settings& settings) {
  LoopTerminal loop;
  cli::StatusTargets targets;
  if (!settings.config.empty()) {
    posix::PosixFileSystem files;
    const auto config = config::load_config(files, settings.config);
    if (!config) return complain(config.error().message);
    targets = cli::targets_of_config(files, *config);
  } else {
    const auto servers = client::parse_hosts(settings.server, nullptr);
    if (!servers) return complain(servers.error().message);
    targets = cli::targets_of_addresses(*servers);
  }
  const cli::StatusView view = cli::ask_status(loop.terminal(), targets);
  const std::string text = settings.json ? cli::status_json(view) : cli::status_text(view);
  std::fputs(text.c_str(), stdout);
  return view.exit_code;
}

int run_explain(const Settings& settings) {
  posix::PosixFileSystem files;
  std::string directory = settings.directory;
  if (!files.exists(directory)) return complain(directory + ": there is no such file or directory");
  const std::string inside = directory + "/zoo.cfg";
  if (files.exists(inside)) directory = inside;
  if (!files.list(directory)) {  // a file: a zoo.cfg
    const auto config = config::load_config(files, directory);
    if (!config) return complain(config.error().message);
    if (!config->is_ensemble()) {
      return complain(directory + ": a stand-alone server, which takes part in no elections");
    }
    directory = config->data_dir;
  }
  LoopTerminal loop;
  const int64_t now_ms = loop.terminal().clock.now().wall_ms;
  const auto text = cli::explain(files, directory, {settings.count, settings.json, now_ms});
  if (!text) return complain(text.error().message);
  std::fputs(text->c_str(), stdout);
  return 0;
}

int run_word(const Settings& settings) {
  const auto servers = client::parse_hosts(settings.server, nullptr);
  if (!servers) return complain(servers.error().message);
  LoopTerminal loop;
  int exit_code = 0;
  for (const cli::WordAnswer& answer : cli::ask_word(loop.terminal(), *servers, settings.word)) {
    if (servers->size() > 1) fmt::print("--- {}\n", answer.server.text());
    std::fputs(answer.text.c_str(), stdout);
    if (!answer.text.empty() && !answer.text.ends_with('\n')) std::fputc('\n', stdout);
    if (!answer.text.empty() && answer.ended) continue;
    std::fflush(stdout);
    std::fprintf(stderr, "%s: %s\n", answer.server.text().c_str(),
                 !answer.reached ? answer.failure.message.c_str()
                 : answer.ended  ? "it closed the connection without an answer"
                                 : "no whole answer within 3 s");
    exit_code = 1;
  }
  return exit_code;
}

int run_bench(Settings& settings) {
  const auto servers = client::parse_hosts(settings.server, nullptr);
  if (!servers) return complain(servers.error().message);
  settings.bench.servers = *servers;
  if (!cli::parse_mix(settings.mix, settings.bench)) {
    return complain(
        fmt::format("--mix '{}' is not understood: expected for example get=90,set=10 "
                    "(get, set, create, exists, children)",
                    settings.mix));
  }
  LoopTerminal loop;
  loop.catch_interrupts();
  const auto result =
      cli::run_bench(loop.terminal(), settings.bench, [&] { loop.take_interrupt(); });
  if (!result) {
    std::fprintf(stderr, "bench: %s\n", result.error().message.c_str());
    return 1;
  }
  const std::string text = settings.json ? cli::bench_json(settings.bench, *result)
                                         : cli::bench_text(settings.bench, *result);
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
  if (!result->left_behind.empty()) {
    std::fprintf(stderr, "bench: %s could not be removed (zooid cli deleteall removes it)\n",
                 result->left_behind.c_str());
  }
  if (!result->service_lost.empty()) {
    std::fprintf(stderr, "bench: %s\n", result->service_lost.c_str());
    return 1;
  }
  return result->operations > 0 ? 0 : 1;
}

void add_status(CLI::App& app, const std::shared_ptr<Settings>& settings, int& exit_code) {
  CLI::App* status =
      app.add_subcommand("status",
                         "Ask servers for their role and say how the quorum stands.\n"
                         "  zooid status /etc/zookeeper/conf/zoo.cfg\n"
                         "  zooid status -s host1:2181,host2:2181,host3:2181\n"
                         "  zooid status --json zoo.cfg");
  CLI::Option* config =
      status->add_option("config", settings->config, "a zoo.cfg: all its servers are asked");
  status->add_option("-s,--server", settings->server, "instead of a file: host:port[,host:port...]")
      ->capture_default_str()
      ->excludes(config);
  status->add_flag("--json", settings->json, "one JSON object in place of the table");
  status->footer(
      "Exit code: 0 all that was asked serves; 1 a quorum serves, but not all do or could be "
      "asked;\n2 no quorum, or nobody serves (also: wrong usage, a file that cannot be read).\n"
      "\n"
      "States: leader, follower, observer, standalone serve. looking: alive, without a leader.\n"
      "read-only: the same, and serves readers. incomplete: waits for a leader to fill it.\n"
      "full disk, cannot write: part of nothing until it can write. frozen: connected, no answer.\n"
      "closed: closes without an answer. refused: nothing listens there. no connection: no answer\n"
      "from the host. name not found. not whitelisted: answers, but not srvr. port unknown: not\n"
      "asked, no file tells its client port. other server: somebody else answered there.\n"
      "old leader: another one leads in a later epoch. LAG: transactions behind the leader.");
  status->callback([settings, &exit_code] { exit_code = run_status(*settings); });
}

void add_explain(CLI::App& app, const std::shared_ptr<Settings>& settings, int& exit_code) {
  CLI::App* explain = app.add_subcommand(
      "explain",
      "Why this server follows whom it follows, or whom it waits for: elections, votes, times.\n"
      "  zooid explain /etc/zookeeper/conf/zoo.cfg\n  zooid explain /var/lib/zookeeper -n 3");
  explain->add_option("directory", settings->directory, "dataDir, zoo.cfg, or where a zoo.cfg lies")
      ->required();
  explain
      ->add_option("-n,--count", settings->count,
                   "how many elections, the newest last, that under way included")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  explain->add_flag("--json", settings->json, "one JSON object a line");
  explain->callback([settings, &exit_code] { exit_code = run_explain(*settings); });
}

void add_bench(CLI::App& app, const std::shared_ptr<Settings>& settings, int& exit_code) {
  constexpr double kSecondsMin = 0.1, kSecondsMax = 1e6;
  CLI::App* bench = app.add_subcommand("bench",
                                       "Put load on any ZooKeeper server and measure.\n"
                                       "  zooid bench -s localhost:2181 --mix get=90,set=10 "
                                       "--connections 32 --depth 8 --seconds 10");
  bench->add_option("-s,--server", settings->server, "host:port[,host:port...]")
      ->capture_default_str();
  bench
      ->add_option("--connections", settings->bench.connections,
                   "sessions, spread over the servers; each server takes 60 of one address unless "
                   "its maxClientCnxns says otherwise")
      ->capture_default_str()
      ->check(CLI::Range(1, 50000));
  bench->add_option("--depth", settings->bench.depth, "requests in flight per connection")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000));
  bench->add_option("--mix", settings->mix, "get, set, create, exists, children with shares")
      ->capture_default_str();
  bench->add_option("--size", settings->bench.value_bytes, "bytes of a value")
      ->capture_default_str()
      ->check(CLI::Range(0, 1'000'000));
  bench->add_option("--nodes", settings->bench.nodes, "znodes that the load is spread over")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  bench->add_option("--seconds", settings->bench.duration_s, "how long is measured")
      ->capture_default_str()
      ->check(CLI::Range(kSecondsMin, kSecondsMax));
  bench->add_option("--warm-up", settings->bench.warm_up_s, "seconds of load before that")
      ->capture_default_str()
      ->check(CLI::Range(0.0, kSecondsMax));
  bench
      ->add_option("--rate", settings->bench.rate,
                   "open loop: operations per second, all in all; 0: closed loop, each connection "
                   "keeps its depth")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1e9));
  bench->add_flag("--json", settings->json, "one JSON object in place of the text");
  bench->footer(
      "The load works below a node /zooid-bench-... of its own, which is removed at the end.\n"
      "Exit code: 0 measured; 1 a server could not be reached, or nobody answered any more; 2 "
      "wrong usage.");
  bench->callback([settings, &exit_code] { exit_code = run_bench(*settings); });
}

void add_word(CLI::App& app, const std::shared_ptr<Settings>& settings, int& exit_code) {
  CLI::App* word = app.add_subcommand("word",
                                      "Ask servers a four-letter word and print what they say.\n"
                                      "  zooid word mntr -s localhost:2181");
  word->add_option("word", settings->word, "srvr, stat, mntr, ruok, conf, cons …")
      ->required()
      ->check([](const std::string& text) {
        return text.size() == 4 ? std::string() : "'" + text + "' is not a word of four letters";
      });
  word->add_option("-s,--server", settings->server, "host:port[,host:port...]")
      ->capture_default_str();
  word->footer(
      "A server answers the words of its 4lw.commands.whitelist, by default srvr alone.\n"
      "Exit code: 0 all answered; 1 one did not; 2 wrong usage.");
  word->callback([settings, &exit_code] { exit_code = run_word(*settings); });
}

}  // namespace

void add_operator_commands(CLI::App& app, int& exit_code) {
  const auto settings = std::make_shared<Settings>();
  add_status(app, settings, exit_code);
  add_explain(app, settings, exit_code);
  add_word(app, settings, exit_code);
  add_bench(app, settings, exit_code);
}

}  // namespace zooid::bin
