#include "bin/process_facts.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace zooid::bin {
namespace {

std::string environment_value(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

int64_t count_open_files() {
  // Linux tells the number as the directory's size since 6.2; to list 10,000 of them takes long.
  struct stat directory{};
  if (stat("/proc/self/fd", &directory) == 0 && directory.st_size > 0) return directory.st_size;
  int64_t count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end;
       it.increment(error)) {
    ++count;
  }
  return count > 0 ? count - 1 : -1;  // without the descriptor of this very look
}

std::string mebibytes(uint64_t bytes) {
  return fmt::format("{}MB", bytes >> 20);
}

}  // namespace

server::ProcessFacts process_facts() {
  server::ProcessFacts facts;
  facts.open_files = count_open_files();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    facts.open_files_max = static_cast<int64_t>(limit.rlim_cur);
  }
  utsname system{};
  uname(&system);
  struct sysinfo memory{};
  sysinfo(&memory);
  const uint64_t unit = memory.mem_unit;
  std::error_code error;
  facts.environment = {
      {"host.name", system.nodename},
      {"java.io.tmpdir", std::filesystem::temp_directory_path(error).string()},
      {"os.name", system.sysname},
      {"os.arch", system.machine},
      {"os.version", system.release},
      {"user.name", environment_value("USER")},
      {"user.home", environment_value("HOME")},
      {"user.dir", std::filesystem::current_path(error).string()},
      {"os.memory.free", mebibytes(memory.freeram * unit)},
      {"os.memory.max", mebibytes(memory.totalram * unit)},
      {"os.memory.total", mebibytes(memory.totalram * unit)},
  };
  return facts;
}

}  // namespace zooid::bin
