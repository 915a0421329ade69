#include "bin/run_server.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "base/hash.h"
#include "base/log.h"
#include "base/log_level.h"
#include "bin/process_facts.h"
#include "config/key_table.h"
#include "config/server_config.h"
#include "posix/event_loop.h"
#include "posix/log_writer.h"
#include "posix/posix_file_system.h"
#include "posix/process.h"
#include "posix/worker_thread.h"
#include "server/server.h"
#include "server/start_lines.h"

namespace zooid::bin {
namespace {

// A clean end waits this long for replies to what was accepted (rule 32).
constexpr int64_t kQuietWaitUs = 1'500'000;
constexpr int kExitBadConfig = 2;
constexpr int kExitCannotStart = 1;
constexpr int kExitDataDirectory = 3;  // ZooKeeper's

Result<posix::LogOutput> log_output(const config::ServerConfig& config) {
  if (config.log_file.empty()) return posix::LogOutput(STDERR_FILENO);
  return posix::LogOutput::open({.path = config.log_file,
                                 .size_max = config.log_file_bytes_max,
                                 .count = config.log_file_count});
}

posix::LogForm log_form(const config::ServerConfig& config) {
  using Form = config::ServerConfig::LogForm;
  const bool is_journal =
      config.log_form == Form::kAuto && config.log_file.empty() && posix::is_journal(STDERR_FILENO);
  return config.log_form == Form::kJournald || is_journal ? posix::LogForm::kJournald
                                                          : posix::LogForm::kText;
}

std::string destination_text(const config::ServerConfig& config) {
  if (config.log_file.empty()) return "standard error";
  if (config.log_file_bytes_max == 0) return config.log_file;
  return fmt::format("{}, {} files of {} MiB", config.log_file, config.log_file_count,
                     config.log_file_bytes_max >> 20);
}

// What does not end the process: SIGHUP opens the log file anew, SIGUSR1 and SIGUSR2 have it write
// more and less. Signals, because only who owns the process may send them, and because they work
// when no port answers (docs/operations.md).
class LogControl {
 public:
  LogControl(posix::LogWriter& writer, log::Level level) : writer_(writer), level_(level) {}

  void on_signal(int signal) {
    switch (signal) {
      case SIGHUP:
        return writer_.reopen();
      case SIGUSR1:
        return move_level(-1);
      case SIGUSR2:
        return move_level(1);
      default:
        writer_.write(log::Level::kInfo,
                      "SIGQUIT is ignored: there is no JVM whose threads could be listed");
    }
  }

 private:
  // Told at any level.
  void move_level(int by) {
    level_ = static_cast<log::Level>(std::clamp(static_cast<int>(level_) + by,
                                                static_cast<int>(log::Level::kDebug),
                                                static_cast<int>(log::Level::kError)));
    log::set_level(level_);
    writer_.write(log::Level::kInfo,
                  fmt::format("lines are logged from level {} on", log::level_name(level_)));
  }

  posix::LogWriter& writer_;
  log::Level level_;
};

// Ends the loop in good order: first nothing new is accepted, then what was accepted is answered.
class Ending : public env::Worker {
 public:
  Ending(server::Server& server, posix::EventLoop& loop) : server_(server), loop_(loop) {}

  void begin(int signal) {
    if (deadline_us_ != kNever) std::_Exit(128 + signal);  // a second one: at once
    if (signal != 0) log::info("{}: stopping", signal == SIGINT ? "SIGINT" : "SIGTERM");
    server_.begin_stop();
    deadline_us_ = loop_.now().mono_us + kQuietWaitUs;
  }
  void on_batch(Now now) override {
    if (server_.replica().fatal() && deadline_us_ == kNever) {
      exit_code = kExitCannotStart;
      log::error("this server ends: {}", *server_.replica().fatal());
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

struct ProcessSignals {
  posix::Signals& ending;
  posix::Signals& others;
  LogControl control;
  posix::LogWriter& log;

  // Asked while the data is read.
  bool is_end_wanted() {
    others.take([this](int signal) { control.on_signal(signal); });
    return ending.is_pending();
  }
};

// The log's file has the last words, too, where standard error goes nowhere.
[[noreturn]] void end_after_failed_sync(posix::LogWriter& log, const Error& error) {
  constexpr int kExitSyncFailed = 74;  // EX_IOERR
  log.write(log::Level::kError,
            "the transaction log cannot be synced, so nobody knows what is on the disk: this "
            "process ends, the next start reads what is there: " +
                error.message);
  log.flush();
  std::_Exit(kExitSyncFailed);
}

// Who starts a server looks at its standard error, wherever the log goes.
void tell_start_failed(const config::ServerConfig& config, const Error& error) {
  log::error("cannot start: {}", error.message);
  if (!config.log_file.empty()) std::fprintf(stderr, "cannot start: %s\n", error.message.c_str());
}

int serve(const config::ServerConfig& config, posix::PosixFileSystem& files,
          ProcessSignals& signals) {
  posix::EventLoop loop;
  hash_key = {draw_word(), draw_word()};
  const uint64_t seed = std::random_device{}() ^ static_cast<uint64_t>(loop.now().wall_ms);
  const server::World world{loop, files,         loop,
                            seed, &loop.waker(), [&signals] { return signals.is_end_wanted(); }};
  auto opened = server::Server::open(config, world);
  if (!opened && opened.error().kind == Error::Kind::kStopped) {
    log::info("stopped by a signal before the data was read; nothing was changed");
    return 0;
  }
  if (!opened) {
    tell_start_failed(config, opened.error());
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
  log_worker.set_on_fatal(
      [&signals](const Error& error) { end_after_failed_sync(signals.log, error); });
  log_worker.set_waker(&log_thread.waker());
  history_reader.set_waker(&history_thread.waker());
  snapshot_worker.set_waker(&snapshot_thread.waker());

  Ending ending(server, loop);
  for (env::Worker* worker : server.workers()) loop.add_worker(*worker);
  loop.add_worker(ending);
  signals.ending.attach(loop, [&](int signal) { ending.begin(signal); });
  signals.others.attach(loop, [&](int signal) { signals.control.on_signal(signal); });
  int exit_code = 0;
  if (auto started = server.start(loop.now()); started) {
    loop.run();
    log::info("stopped");
    exit_code = ending.exit_code;
  } else {
    tell_start_failed(config, started.error());
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
                                       const std::vector<std::string>& arguments,
                                       const Settings& settings) {
  TRY_VALUE(config, config::config_of_arguments(files, arguments));
  for (const char* variable : {"SERVER_JVMFLAGS", "JVMFLAGS"}) {
    if (const char* flags = std::getenv(variable)) TRY(config::apply_jvm_flags(config, flags));
  }
  for (const auto& [key, value] : settings) {
    if (auto set = config::set_field(config, *config::find_key(key), value); !set) {
      return fail(Error::Kind::kConfig, fmt::format("{}={}: {}", key, value, set.error().message));
    }
  }
  TRY(config::check_start(config, files));
  return config;
}

int run_server(const std::vector<std::string>& arguments, const Settings& settings) {
  posix::use_huge_pages();
  posix::PosixFileSystem files;
  const auto config = configure(files, arguments, settings);
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().message.c_str());
    return kExitBadConfig;
  }
  if (const auto writable = config::check_writable(*config, files); !writable) {
    std::fprintf(stderr, "%s\n", writable.error().message.c_str());
    return kExitDataDirectory;
  }
  auto output = log_output(*config);
  if (!output) {
    std::fprintf(stderr, "%s\n", output.error().message.c_str());
    return kExitBadConfig;
  }
  posix::Signals ending({SIGTERM, SIGINT});
  posix::Signals others({SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT});
  posix::ignore_broken_pipes();
  const auto limit = posix::raise_open_files_limit();
  const std::string my_id = config->my_id ? std::to_string(config->my_id->value) : "";
  posix::LogWriter writer(std::move(*output), my_id, log_form(*config));
  log::set_level(config->log_level);
  log::set_sink(writer.sink());
  const server::StartFacts facts{.pid = getpid(),
                                 .open_files = limit ? limit->now : 0,
                                 .log_destination = destination_text(*config)};
  for (const std::string& line : server::start_lines(*config, facts)) log::info("{}", line);
  for (const std::string& warning : config->warnings) log::warn("{}", warning);
  ProcessSignals signals{ending, others, LogControl(writer, config->log_level), writer};
  const int exit_code = serve(*config, files, signals);
  log::set_sink([](log::Level, std::string_view) {});
  return exit_code;
}

}  // namespace zooid::bin
