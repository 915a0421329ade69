// One of the two servers of a cross-check (or ensembles): its sessions while a plan is played, and
// the session that prepares, reads and removes the tree of a play.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/crosscheck_connection.h"
#include "cli/crosscheck_janitor.h"
#include "cli/terminal.h"

namespace zooid::cli {

// Lines of one step by connection: "S0", "S0 before it moved".
inline constexpr std::string_view kFormerConnection = " before it moved";
using StepLines = std::map<std::string, std::vector<SeenLine>>;

class CrosscheckSide {
 public:
  CrosscheckSide(Terminal& terminal, std::string name, std::vector<env::Endpoint> servers,
                 CrosscheckProfile profile)
      : terminal_(terminal),
        name_(std::move(name)),
        servers_(std::move(servers)),
        tree_server_(servers_.front()),
        profile_(profile) {}

  const std::string& name() const { return name_; }
  void use_for_trees(const env::Endpoint& server) { tree_server_ = server; }

  // A fresh tree below `root`. Fails if the server does not answer.
  Result<> begin(const std::string& root, size_t slots);
  void start(const Step& step);
  void send_barriers();
  bool settled() const;
  // Some server has not applied yet what another one answered. A leader of Java's answers a sync
  // before what it has committed but not applied.
  bool is_behind() const;
  void give_up();
  StepLines take_lines();
  // Everything below the root, one line for each reply, in the order of paths.
  Result<std::vector<std::string>> read_tree();
  // Ends the sessions and removes the tree. What it cannot remove stays.
  void end();

 private:
  struct Slot {
    std::unique_ptr<CrosscheckConnection> connection, former;
    int64_t session = 0;
  };
  void connect(const Step& step);
  wire::ConnectRequest handshake(const Step& step) const;
  template <class Visit>
  void for_each_connection(Visit visit) const;
  Result<> cast_anchors();
  void close_sessions();

  Terminal& terminal_;
  std::string name_;
  std::vector<env::Endpoint> servers_;
  env::Endpoint tree_server_;  // where trees are made, read and removed, and sessions ended
  CrosscheckProfile profile_;
  std::unique_ptr<Normaliser> normaliser_;
  std::vector<Slot> slots_;
  std::vector<int64_t> sessions_;  // of this play, to be closed at its end
  std::vector<std::unique_ptr<CrosscheckConnection>> strays_;
  // Ensembles: a session on each server, so that a barrier waits for every one of them.
  std::vector<std::unique_ptr<CrosscheckConnection>> anchors_;
  std::unique_ptr<CrosscheckJanitor> janitor_;
  int64_t began_us_ = 0;
};

}  // namespace zooid::cli
