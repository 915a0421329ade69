// The subcommands that work on files of a server: config check, initialize, cleanup, log, snapshot.
// bin/ has a script under ZooKeeper's name for each but the first.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <memory>

#include "bin/commands.h"
#include "bin/run_server.h"
#include "bin/snapshot_text.h"
#include "cli/log_tools.h"
#include "config/java_properties.h"
#include "posix/posix_file_system.h"
#include "storage/purge.h"

namespace zooid::bin {
namespace {

constexpr int64_t kServerIdMax = 255;

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

int finish(const Result<>& result) {
  return result ? 0 : complain(result.error().message, 1);
}

// ---- config check ----

int run_config_check(const std::string& path) {
  posix::PosixFileSystem files;
  const auto config = configure(files, {path});
  if (!config) return complain(config.error().message, kUsageError);
  for (const std::string& warning : config->warnings) fmt::print("warning: {}\n", warning);
  std::string what = "a standalone server";
  if (config->is_ensemble()) {
    what = fmt::format("server {} of an ensemble of {}", config->my_id->value,
                       config->membership.members().size());
  }
  std::string clients = "no client port";
  if (config->client_port) {
    clients = fmt::format("clients on {}:{}",
                          config->client_address.empty() ? "*" : config->client_address,
                          *config->client_port);
  }
  fmt::print("{}: a server starts with it: {}, {}, data in {}{}\n", path, what, clients,
             config->data_dir,
             config->data_log_dir == config->data_dir ? "" : ", log in " + config->data_log_dir);
  return 0;
}

void add_config_command(CLI::App& app, int& exit_code) {
  const auto path = std::make_shared<std::string>();
  CLI::App* config = app.add_subcommand("config", "Configuration files.");
  config->require_subcommand(1);
  CLI::App* check = config->add_subcommand(
      "check",
      "Would a server start with this file? Prints its warnings; changes nothing. Exit code 0: "
      "yes, 2: no.\n  zooid config check /etc/zookeeper/conf/zoo.cfg");
  check->add_option("config", *path, "zoo.cfg")->required();
  check->footer("SERVER_JVMFLAGS and JVMFLAGS are read from the environment as `server` does.");
  check->callback([path, &exit_code] { exit_code = run_config_check(*path); });
}

// ---- initialize ----

struct Initialize {
  std::string config = "zoo.cfg";
  std::optional<int64_t> my_id;
  bool force = false;
};

// dataDir, and dataLogDir if there is one. Only these are looked at: a file with which a server
// would not start yet is no obstacle.
Result<std::vector<std::string>> directories_of(env::FileSystem& files, const std::string& path) {
  TRY_VALUE(text, env::read_file(files, path, 1u << 20));
  TRY_VALUE(properties, config::parse_properties(text));
  std::string data;
  std::string log;
  for (const config::Property& property : properties) {
    if (property.key == "dataDir") data = property.value;
    if (property.key == "dataLogDir") log = property.value;
  }
  if (data.empty()) return fail("Unable to determine dataDir from " + path);
  std::vector<std::string> directories = {data};
  if (!log.empty() && log != data) directories.push_back(log);
  return directories;
}

Result<> empty_directory(env::FileSystem& files, const std::string& directory, bool force) {
  const std::string version2 = directory + "/version-2";
  if (files.exists(version2)) {
    if (!force) {
      return fail(
          fmt::format("ZooKeeper data directory already exists at {} (or use --force to "
                      "force re-initialization)",
                      directory));
    }
    TRY(files.lock_directory(version2));  // a server that runs there holds it
  }
  std::error_code error;
  std::filesystem::remove_all(version2, error);
  if (error) return fail(fmt::format("{}: {}", version2, error.message()));
  std::filesystem::remove(directory + "/myid", error);
  return files.make_directories(version2);
}

Result<> initialize(const Initialize& wanted) {
  posix::PosixFileSystem files;
  if (!files.exists(wanted.config)) return fail("Unable to find config file at " + wanted.config);
  TRY_VALUE(directories, directories_of(files, wanted.config));
  if (wanted.force) print("Force enabled, data/txnlog directories will be re-initialized\n");
  for (const std::string& directory : directories) {
    if (wanted.force || !files.exists(directory + "/version-2")) continue;
    TRY(empty_directory(files, directory, false));  // tells why not, before anything is done
  }
  for (const std::string& directory : directories) {
    TRY(empty_directory(files, directory, wanted.force));
  }
  const std::string& data = directories.front();
  if (wanted.my_id) {
    print(fmt::format("Using myid of {}\n", *wanted.my_id));
    TRY(env::write_file_atomically(files, data + "/myid", fmt::format("{}\n", *wanted.my_id)));
  } else {
    print(fmt::format(
        "No myid provided, be sure to specify it in {}/myid if using non-standalone\n", data));
  }
  // Servers look for it beside their log. (ZooKeeper's script puts it into dataDir.)
  return env::write_file_atomically(files, directories.back() + "/initialize", "");
}

void add_initialize_command(CLI::App& app, int& exit_code) {
  const auto wanted = std::make_shared<Initialize>();
  CLI::App* command = app.add_subcommand(
      "initialize",
      "Make a server's directories: empty version-2, myid, and the mark that lets it start empty "
      "with db.autocreate=false.\n"
      "  zooid initialize --configfile=/etc/zookeeper/conf/zoo.cfg --myid=1");
  command->add_option("--configfile", wanted->config, "ZooKeeper config file")
      ->capture_default_str();
  command->add_option("--myid", wanted->my_id, "this server's number, if it is one of several")
      ->check(CLI::Range(int64_t{0}, kServerIdMax));
  command->add_flag("--force", wanted->force, "DELETE the data that is there");
  command->callback([wanted, &exit_code] { exit_code = finish(initialize(*wanted)); });
}

// ---- cleanup ----

struct Cleanup {
  std::vector<std::string> directories;
  int count = 0;
};

// As Java's DateFormat: "Nov 29, 2026, 9:45:09 PM".
std::string modification_date(const std::string& path) {
  std::error_code error;
  const auto written = std::filesystem::last_write_time(path, error);
  if (error) return "?";
  const auto system = std::chrono::file_clock::to_sys(written);
  const auto seconds = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(system));
  std::tm parts{};
  localtime_r(&seconds, &parts);
  char text[64];
  const size_t size = std::strftime(text, sizeof text, "%b %-d, %Y, %-I:%M:%S %p", &parts);
  return {text, size};
}

int run_cleanup(const Cleanup& wanted) {
  posix::PosixFileSystem files;
  for (const std::string& directory : wanted.directories) {
    if (!files.exists(directory)) return complain("Path '" + directory + "' does not exist. ", 1);
  }
  if (wanted.count < storage::kRetainCountMin) {
    return complain("count should be greater than or equal to 3", 1);
  }
  const std::string log = wanted.directories.front() + "/version-2";
  const std::string snapshots = wanted.directories.back() + "/version-2";
  const auto old = storage::find_old_files(files, snapshots, log, wanted.count);
  if (!old) return complain(old.error().message, 1);
  for (const std::string& path : old->paths) {
    print(fmt::format("Removing file: {}\t{}\n", modification_date(path), path));
    if (const auto removed = files.remove(path); !removed) {
      return complain("Failed to remove " + removed.error().message, 1);
    }
  }
  return 0;
}

void add_cleanup_command(CLI::App& app, int& exit_code) {
  const auto wanted = std::make_shared<Cleanup>();
  CLI::App* command = app.add_subcommand(
      "cleanup",
      "Delete old snapshots and the logs that no kept one needs. The server may be running.\n"
      "  zooid cleanup /var/lib/zookeeper -n 3\n"
      "  zooid cleanup /log/zookeeper /var/lib/zookeeper -n 3");
  command->add_option("directories", wanted->directories, "dataLogDir [dataDir]")
      ->required()
      ->expected(1, 2);
  command->add_option("-n", wanted->count, "snapshots to keep, at least 3")->required();
  command->callback([wanted, &exit_code] { exit_code = run_cleanup(*wanted); });
}

// ---- log ----

struct Log {
  std::string file;
  bool dump = false;
  bool recover = false;
  bool verbose = false;
  bool yes = false;
  bool chop = false;
  std::string zxid;
};

// Java's Long.decode for what people write: decimal, or hexadecimal with 0x.
std::optional<int64_t> zxid_of(const std::string& text) {
  char* end = nullptr;
  errno = 0;
  const int64_t value = std::strtoll(text.c_str(), &end, 0);
  if (text.empty() || *end != '\0' || errno != 0 || value < 0) return std::nullopt;
  return value;
}

std::optional<bool> ask_for_fix() {
  std::string answer;
  while (true) {
    print("Would you like to fix it (Yes/No/Abort) ? ");
    std::fflush(stdout);
    if (!(std::cin >> answer)) return std::nullopt;
    switch (answer[0] | 0x20) {
      case 'y':
        return true;
      case 'n':
        return false;
      case 'a':
        return std::nullopt;
      default:
        continue;
    }
  }
}

int run_log(const Log& wanted) {
  posix::PosixFileSystem files;
  if (!files.exists(wanted.file)) {
    return complain("File doesn't exist or not readable: " + wanted.file, 1);
  }
  if (wanted.chop || !wanted.zxid.empty()) {
    const auto zxid = zxid_of(wanted.zxid);
    if (!wanted.chop || !zxid) {
      return complain("-c needs -z with a zxid, for example -c -z 0x100000005", kUsageError);
    }
    return finish(cli::chop_log(files, wanted.file, Zxid{*zxid}, print));
  }
  if (wanted.recover) {
    cli::LogRepair repair{.is_verbose = wanted.verbose};
    if (!wanted.yes) repair.ask = ask_for_fix;
    return finish(cli::repair_log(files, wanted.file, repair, print));
  }
  size_t bad = 0;
  return finish(cli::dump_log(files, wanted.file, print, bad));
}

void add_log_command(CLI::App& app, int& exit_code) {
  const auto wanted = std::make_shared<Log>();
  CLI::App* command = app.add_subcommand(
      "log",
      "Show, repair or cut a transaction log file of a server that does not run.\n"
      "  zooid log version-2/log.100000001\n"
      "  zooid log -r -y version-2/log.100000001          (writes ….fixed)\n"
      "  zooid log -c -z 0x100000005 version-2/log.100000001   (writes ….chopped4294967301)");
  command->add_option("file", wanted->file, "log.<zxid>")->required();
  command->add_flag("-d,--dump", wanted->dump, "print all transactions (default)");
  command->add_flag("-r,--recover", wanted->recover, "write a copy with right checksums");
  command->add_flag("-v,--verbose", wanted->verbose, "with -r: print all, not only repaired ones");
  command->add_flag("-y,--yes", wanted->yes, "with -r: repair all without asking");
  command->add_flag("-c,--chop", wanted->chop, "write a copy that ends with the zxid of -z");
  command->add_option("-z,--zxid", wanted->zxid, "decimal, or hexadecimal with 0x");
  command->callback([wanted, &exit_code] { exit_code = run_log(*wanted); });
}

// ---- snapshot ----

void add_snapshot_command(CLI::App& app, int& exit_code) {
  struct Snapshot {
    std::string file;
    bool data = false;
    bool json = false;
  };
  const auto wanted = std::make_shared<Snapshot>();
  CLI::App* command =
      app.add_subcommand("snapshot",
                         "Print what a snapshot holds: nodes with their Stat, sessions, zxid.\n"
                         "  zooid snapshot version-2/snapshot.100000022\n"
                         "  zooid snapshot --json version-2/snapshot.100000022.gz");
  command->add_option("file", wanted->file, "snapshot.<zxid>[.gz|.snappy]")->required();
  CLI::Option* data = command->add_flag("-d", wanted->data, "data too, in base64");
  command->add_flag("--json", wanted->json, "names and sizes as JSON")->excludes(data);
  command->callback([wanted, &exit_code] {
    posix::PosixFileSystem files;
    const auto form = wanted->json   ? SnapshotForm::kJson
                      : wanted->data ? SnapshotForm::kData
                                     : SnapshotForm::kDetails;
    exit_code = files.exists(wanted->file)
                    ? finish(print_snapshot(files, wanted->file, form, print))
                    : complain("File '" + wanted->file + "' does not exist.", kUsageError);
  });
}

}  // namespace

void add_file_commands(CLI::App& app, int& exit_code) {
  add_config_command(app, exit_code);
  add_initialize_command(app, exit_code);
  add_cleanup_command(app, exit_code);
  add_log_command(app, exit_code);
  add_snapshot_command(app, exit_code);
}

}  // namespace zooid::bin
