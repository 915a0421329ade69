// The part of zoo.cfg that makes an ensemble: the server lines, myid, and the checks over them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/java_properties.h"
#include "config/server_config.h"

namespace zooid::config {

// Collects what is wrong, so that a reader of the message can repair everything at once.
class Problems {
 public:
  // `name` is the file's; every problem begins with it.
  explicit Problems(std::string name) : name_(std::move(name)) {}
  void add(std::string_view what);
  void add_at(int line, std::string_view what);
  bool empty() const { return texts_.empty(); }
  // Takes what is wrong with another file.
  void add_all(const Problems& others);
  // kConfig, one problem a line.
  Error error() const;

 private:
  std::string name_;
  std::vector<std::string> texts_;
};

bool is_server_line(std::string_view key);

// Fills config.membership from the server.N lines among `properties` or in the file that
// dynamicConfigFile names (empty for a standalone server) and checks it. Of two lines of one server
// the caller has left the last one.
void read_members(ServerConfig& config, env::FileSystem& files,
                  const std::vector<Property>& properties, Problems& problems);
// Fills config.my_id from <dataDir>/myid and the client port from this server's own line, that of a
// standalone server included. The file is required of an ensemble's member alone.
void read_my_id(ServerConfig& config, env::FileSystem& files, Problems& problems);

}  // namespace zooid::config
