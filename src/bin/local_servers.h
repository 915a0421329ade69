// The servers of `zooid up`: N of them on loopback, everything below one directory:
// server<i>/zoo.cfg, data/, server.log, server.pid. What was chosen the first time (how many, which
// ports) is remembered by these files.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace zooid::bin {

inline constexpr int kLocalServersMax = 21;
// Behind the client ports: 2181 gives 2888 and 3888 as in ZooKeeper's documentation.
inline constexpr int kQuorumPortOffset = 707;
inline constexpr int kElectionPortOffset = 1707;

struct LocalShape {
  int servers = 3;
  int port = 2181;  // client port of the first; the others follow
};

class LocalServer {
 public:
  LocalServer(int id, std::filesystem::path directory, const LocalShape& shape);

  int id() const { return id_; }
  uint16_t client_port() const { return client_port_; }
  std::string config() const { return (directory_ / "zoo.cfg").string(); }
  std::string data() const { return (directory_ / "data").string(); }
  std::string log() const { return (directory_ / "server.log").string(); }
  std::string pid_file() const { return (directory_ / "server.pid").string(); }

  // The process that serves this directory; nullopt if none does.
  std::optional<pid_t> running_pid() const;
  // Which of its three ports somebody listens on, with what it is for; empty: none.
  std::string taken_port() const;
  // Writes zoo.cfg and myid unless they are there.
  void prepare() const;
  Result<> start();
  // The process that start() made, or that ran before, is gone.
  bool has_ended() const;
  // The last ERROR that it logged since start(), or its last line.
  std::string last_error() const;

 private:
  int id_;
  std::filesystem::path directory_;
  LocalShape shape_;
  uint16_t client_port_;
  pid_t started_ = 0;        // by start(); a child of this process
  uintmax_t log_begin_ = 0;  // what is before it was there before this start
};

std::vector<LocalServer> local_servers(const std::string& directory, const LocalShape& shape);
// What an earlier `up` chose here; nullopt: nothing is there. Errors: a zoo.cfg that cannot be
// read.
Result<std::optional<LocalShape>> remembered_shape(const std::string& directory);
// Ends all that run, at once: ids of those that ended, and as second of those that did not within
// ten seconds.
std::pair<std::vector<int>, std::vector<int>> stop_servers(const std::vector<LocalServer>& servers);
// Deletes the server<i> below the directory; nothing else.
void wipe_servers(const std::string& directory);

}  // namespace zooid::bin
