#include "bin/run_server.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "base/hash.h"
#include "base/log.h"
#include "base/version.h"
#include "bin/process_facts.h"
#include "config/server_config.h"
#include "posix/event_loop.h"
#include "posix/log_writer.h"
#include "posix/posix_file_system.h"
#include "posix/process.h"
#include "posix/worker_thread.h"
#include "server/server.h"

namespace zooid::bin {
namespace {

// A clean end waits this long for replies to what was accepted (rule 32).
constexpr int64_t kQuietWaitUs = 1'500'000;
constexpr int kExitBadConfig = 2;
constexpr int kExitCannotStart = 1;
constexpr int kExitDataDirectory = 3;  // ZooKeeper's

// Ends the loop in good order: first nothing new is accepted, then what was accepted is answered.
class Ending : public env::Worker {
 public:
  Ending(server::Server& server, posix::EventLoop& loop) : server_(server), loop_(loop) {}

  void begin(int signal) {
    if (deadline_us_ != kNever) std::_Exit(128 + signal);  // a second one: at once
    if (signal != 0) log::info("signal {}: stopping", signal);
    server_.begin_stop();
    deadline_us_ = loop_.now().mono_us + kQuietWaitUs;
  }
  void on_batch(Now now) override {
    if (server_.replica().fatal() && deadline_us_ == kNever) {
      exit_code = kExitCannotStart;
      begin(0);
    }
    if (deadline_us_ == kNever || (!server_.is_quiet() && now.mono_us < deadline_us_)) return;
    if (!finished_) server_.finish_stop();
    finished_ = true;
    loop_.stop();
  }
  int64_t next_deadline() const override { return deadline_us_; }
  int exit_code = 0;

 private:
  server::Server& server_;
  posix::EventLoop& loop_;
  int64_t deadline_us_ = kNever;
  bool finished_ = false;
};

uint64_t draw_word() {
  std::random_device device;  // gives 32 bits at a time
  return uint64_t{device()} << 32 | device();
}

int serve(const config::ServerConfig& config, posix::PosixFileSystem& files,
          posix::Signals& signals) {
  posix::EventLoop loop;
  hash_key = {draw_word(), draw_word()};
  const uint64_t seed = std::random_device{}() ^ static_cast<uint64_t>(loop.now().wall_ms);
  const server::World world{loop, files,         loop,
                            seed, &loop.waker(), [&signals] { return signals.is_pending(); }};
  auto opened = server::Server::open(config, world);
  if (!opened && opened.error().kind == Error::Kind::kStopped) {
    log::info("stopped by a signal before the data was read; nothing was changed");
    return 0;
  }
  if (!opened) {
    log::error("cannot start: {}", opened.error().message);
    return kExitCannotStart;
  }
  server::Server& server = **opened;
  server.shard().set_process_facts([&loop] {
    server::ProcessFacts facts = process_facts();
    const posix::LoopWatch::Figures steps = loop.watch().figures();
    facts.loop_longest_us = steps.since_start.us;
    facts.loop_longest_what = steps.since_start.what;
    facts.loop_longest_minute_us = steps.last_minute.us;
    facts.loop_longest_minute_what = steps.last_minute.what;
    facts.loop_long_steps = steps.long_steps;
    return facts;
  });
  storage::LogWorker& log_worker = server.replica().log_worker();
  storage::SnapshotWorker& snapshot_worker = server.replica().snapshot_worker();
  posix::WorkerThread log_thread("log", [&] { return log_worker.step(); });
  storage::HistoryReader& history_reader = server.replica().history_reader();
  posix::WorkerThread snapshot_thread("snapshot", [&] { return snapshot_worker.step(); });
  posix::WorkerThread history_thread("history", [&] { return history_reader.step(); });
  log_worker.set_waker(&log_thread.waker());
  history_reader.set_waker(&history_thread.waker());
  snapshot_worker.set_waker(&snapshot_thread.waker());

  Ending ending(server, loop);
  for (env::Worker* worker : server.workers()) loop.add_worker(*worker);
  loop.add_worker(ending);
  signals.attach(loop, [&](int signal) { ending.begin(signal); });
  int exit_code = 0;
  if (auto started = server.start(loop.now()); started) {
    log::info("zooid {} started, client port {}", kVersion, server.shard().port());
    loop.run();
    exit_code = ending.exit_code;
  } else {
    log::error("cannot start: {}", started.error().message);
    exit_code = kExitCannotStart;
  }
  log_thread.stop();
  snapshot_thread.stop();
  history_thread.stop();
  opened->reset();
  return exit_code;
}

}  // namespace

Result<config::ServerConfig> configure(env::FileSystem& files,
                                       const std::vector<std::string>& arguments) {
  TRY_VALUE(config, config::config_of_arguments(files, arguments));
  for (const char* variable : {"SERVER_JVMFLAGS", "JVMFLAGS"}) {
    if (const char* flags = std::getenv(variable)) TRY(config::apply_jvm_flags(config, flags));
  }
  TRY(config::check_start(config, files));
  return config;
}

int run_server(const std::vector<std::string>& arguments) {
  posix::use_huge_pages();
  posix::PosixFileSystem files;
  const auto config = configure(files, arguments);
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().message.c_str());
    return kExitBadConfig;
  }
  if (const auto writable = config::check_writable(*config, files); !writable) {
    std::fprintf(stderr, "%s\n", writable.error().message.c_str());
    return kExitDataDirectory;
  }
  posix::Signals signals({SIGTERM, SIGINT});
  posix::ignore_broken_pipes();
  const auto limit = posix::raise_open_files_limit();
  const std::string my_id = config->my_id ? std::to_string(config->my_id->value) : "";
  posix::LogWriter writer(STDERR_FILENO, my_id);
  log::set_sink(writer.sink());
  if (limit) log::info("open files limit {} (was {})", limit->now, limit->before);
  for (const std::string& warning : config->warnings) log::warn("{}", warning);
  const int exit_code = serve(*config, files, signals);
  log::set_sink([](log::Level, std::string_view) {});
  return exit_code;
}

}  // namespace zooid::bin
