#include "bin/local_servers.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "config/server_config.h"
#include "posix/posix_file_system.h"

namespace zooid::bin {
namespace {

namespace fs = std::filesystem;

constexpr size_t kShownBytesMax = 400;

std::string server_name(int id) {
  return "server" + std::to_string(id);
}

bool is_free(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;  // the server will tell
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  const bool taken = !bound && errno == EADDRINUSE;
  close(fd);
  return !taken;
}

}  // namespace

LocalServer::LocalServer(int id, fs::path directory, const LocalShape& shape)
    : id_(id),
      directory_(std::move(directory)),
      shape_(shape),
      client_port_(static_cast<uint16_t>(shape.port + id - 1)) {}

std::optional<pid_t> LocalServer::running_pid() const {
  std::ifstream file(pid_file());
  pid_t pid = 0;
  if (!(file >> pid) || pid <= 0 || kill(pid, 0) != 0) return std::nullopt;
  // The number may have gone to another program since; one that has ended has no words.
  std::ifstream command(fmt::format("/proc/{}/cmdline", pid));
  const std::string words((std::istreambuf_iterator<char>(command)),
                          std::istreambuf_iterator<char>());
  if (words.find(config()) == std::string::npos) return std::nullopt;
  return pid;
}

std::string LocalServer::taken_port() const {
  const int base = client_port_;
  if (!is_free(base)) return fmt::format("{} (for clients of server {})", base, id_);
  if (shape_.servers == 1) return "";  // a server alone has no peers
  for (const auto& [offset, what] :
       {std::pair{kQuorumPortOffset, "quorum"}, std::pair{kElectionPortOffset, "election"}}) {
    if (!is_free(base + offset)) {
      return fmt::format("{} ({} port of server {})", base + offset, what, id_);
    }
  }
  return "";
}

void LocalServer::prepare() const {
  fs::create_directories(data());
  if (!fs::exists(config())) {
    std::ofstream out(config());
    out << "tickTime=2000\ninitLimit=10\nsyncLimit=5\n"
        << "dataDir=" << data() << "\nclientPort=" << client_port_
        << "\nclientPortAddress=127.0.0.1\n4lw.commands.whitelist=*\n";
    for (int i = 0; i < shape_.servers; ++i) {
      const int port = shape_.port + i;
      out << fmt::format("server.{}=127.0.0.1:{}:{};127.0.0.1:{}\n", i + 1,
                         port + kQuorumPortOffset, port + kElectionPortOffset, port);
    }
  }
  const fs::path my_id = fs::path(data()) / "myid";
  if (!fs::exists(my_id)) std::ofstream(my_id) << id_ << "\n";
}

Result<> LocalServer::start() {
  std::error_code missing;
  log_begin_ = fs::file_size(log(), missing);
  if (missing) log_begin_ = 0;
  const std::string self = fs::read_symlink("/proc/self/exe").string();
  const pid_t pid = fork();
  if (pid < 0) return fail(fmt::format("fork: {}", std::strerror(errno)));
  if (pid == 0) {
    setsid();
    const int log_file = open(log().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(log_file, STDOUT_FILENO);
    dup2(log_file, STDERR_FILENO);
    execl(self.c_str(), self.c_str(), "server", config().c_str(), nullptr);
    _exit(127);
  }
  started_ = pid;
  std::ofstream(pid_file()) << pid << "\n";
  return {};
}

bool LocalServer::has_ended() const {
  // Until it has become the server, nothing but its parent knows it.
  if (started_ != 0) return waitpid(started_, nullptr, WNOHANG) != 0;
  return !running_pid();
}

std::string LocalServer::last_error() const {
  std::ifstream file(log());
  file.seekg(static_cast<std::streamoff>(log_begin_));
  std::string error, last;
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) continue;
    last = line;
    if (line.find("ERROR") != std::string::npos) error = line;
  }
  std::string shown = error.empty() ? last : error;
  if (shown.size() > kShownBytesMax) {
    shown.resize(kShownBytesMax);
    shown += "...";
  }
  return shown.empty() ? "it logged nothing" : shown;
}

std::vector<LocalServer> local_servers(const std::string& directory, const LocalShape& shape) {
  std::vector<LocalServer> servers;
  for (int id = 1; id <= shape.servers; ++id) {
    servers.emplace_back(id, fs::absolute(directory) / server_name(id), shape);
  }
  return servers;
}

Result<std::optional<LocalShape>> remembered_shape(const std::string& directory) {
  const auto config_of = [&](int id) {
    return (fs::absolute(directory) / server_name(id) / "zoo.cfg").string();
  };
  std::error_code missing;
  int count = 0;
  while (count < kLocalServersMax && fs::exists(config_of(count + 1), missing)) ++count;
  if (count == 0) return std::optional<LocalShape>{};
  posix::PosixFileSystem files;
  TRY_VALUE(config, config::load_config(files, config_of(1)));
  LocalShape shape;
  shape.servers = count;
  shape.port = config.client_port.value_or(2181);
  return std::optional<LocalShape>{shape};
}

std::pair<std::vector<int>, std::vector<int>> stop_servers(
    const std::vector<LocalServer>& servers) {
  std::vector<const LocalServer*> left;
  for (const LocalServer& server : servers) {
    const auto pid = server.running_pid();
    if (!pid) continue;
    kill(*pid, SIGTERM);
    left.push_back(&server);
  }
  std::pair<std::vector<int>, std::vector<int>> result;
  constexpr int kTries = 1000;
  for (int i = 0; i < kTries && !left.empty(); ++i) {
    std::erase_if(left, [&](const LocalServer* server) {
      if (server->running_pid()) return false;
      std::error_code ignored;
      fs::remove(server->pid_file(), ignored);
      result.first.push_back(server->id());
      return true;
    });
    if (!left.empty()) usleep(10'000);
  }
  for (const LocalServer* server : left) result.second.push_back(server->id());
  std::ranges::sort(result.first);
  return result;
}

void wipe_servers(const std::string& directory) {
  for (int id = 1; id <= kLocalServersMax; ++id) {
    std::error_code ignored;
    fs::remove_all(fs::path(directory) / server_name(id), ignored);
  }
}

}  // namespace zooid::bin
