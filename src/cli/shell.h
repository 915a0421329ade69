// `zooid cli`: the command-line client, one command or a prompt. Commands and their options follow
// zkCli.sh, so that scripts go on working.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/terminal.h"
#include "client/client.h"

namespace zooid::cli {

class Shell {
 public:
  // `chroot`: prefix of all paths, from the connection string.
  Shell(Terminal& terminal, client::ClientOptions options, std::string chroot);
  ~Shell();

  // False if no server answered in time (told on stderr).
  bool connect(int64_t timeout_ms);
  // Carries out one line; 0 or the exit code for scripts.
  int run(const std::vector<std::string>& words);
  bool quit_requested() const { return quit_; }
  std::string prompt() const;
  void close();
  // Names below the last '/' of a partial path, for completion.
  std::vector<std::string> complete(const std::string& partial_path);

  static std::vector<std::string> split(std::string_view line);

 private:
  struct Reply {
    wire::ErrorCode err = wire::ErrorCode::kConnectionLoss;
    int64_t zxid = 0;
    std::string body;
  };
  struct Options;
  using Command = int (Shell::*)(const Options&);
  static const std::vector<std::pair<const char*, std::pair<Command, const char*>>>& commands();

  Reply call(wire::OpCode type, std::string body);
  int report(const Reply& reply, const std::string& path);
  std::string full(const std::string& path) const;
  std::optional<wire::Stat> stat_of(const std::string& path, int& code);

  int do_ls(const Options&);
  int do_get(const Options&);
  int do_stat(const Options&);
  int do_create(const Options&);
  int do_set(const Options&);
  int do_delete(const Options&);
  int do_deleteall(const Options&);
  int do_get_acl(const Options&);
  int do_set_acl(const Options&);
  int do_sync(const Options&);
  int do_addauth(const Options&);
  int do_whoami(const Options&);
  int do_get_ephemerals(const Options&);
  int do_count_children(const Options&);
  int do_config(const Options&);
  int do_help(const Options&);
  int do_quit(const Options&);
  int do_version(const Options&);

  Terminal& terminal_;
  std::string chroot_;
  std::unique_ptr<client::Client> client_;
  bool quit_ = false;
};

}  // namespace zooid::cli
