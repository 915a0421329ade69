// Whom `zooid status` asks: the servers of a zoo.cfg with the client port of each, which its own
// server line may tell (";2181"), or a file of that server that lies beside, or nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/server_config.h"

namespace zooid::cli {

struct StatusTarget {
  env::Endpoint address;
  std::optional<ServerId> id;  // in an ensemble's file
  bool is_self = false;        // the server whose file it is
  bool is_voter = true;
  // The file does not tell the port: the server's own clientPort is taken for all.
  bool is_port_assumed = false;
  std::string port_from;  // the file beside that tells it; empty: this one
  // Nothing to ask: the assumed address is already that of another server.
  bool is_address_taken = false;
};

struct StatusTargets {
  std::vector<StatusTarget> servers;
  bool is_ensemble = false;
};

// Looks for files beside it: other *.cfg in the same directory, and files of the same name in
// neighbours of the directory, or of the directory above (../2/zoo.cfg, ../../zk2/conf/zoo.cfg).
// One counts if its server lines are the same.
StatusTargets targets_of_config(env::FileSystem& files, const config::ServerConfig& config);
// A list of addresses; repetitions are left out.
StatusTargets targets_of_addresses(const std::vector<env::Endpoint>& addresses);

}  // namespace zooid::cli
