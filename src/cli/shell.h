// `zooid cli`: the command-line client, one command or a prompt. Commands, options, streams and
// exit codes follow zkCli.sh of 3.9, so that scripts go on working; docs/cli.md lists where they
// differ on purpose.
//
// The sources: shell.cc (connection, running a line, the table), shell_nodes.cc, shell_quota.cc,
// shell_session.cc (watches, identities, configuration, the prompt's own commands).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "cli/terminal.h"
#include "client/client.h"

namespace zooid::cli {

// One thread, the loop's. Calls that ask a server run the loop until it has answered.
class Shell {
 public:
  struct Settings {
    client::ClientOptions client;
    std::string hosts;   // as typed, for the prompt
    std::string chroot;  // prefix of all paths, from the connection string
    // A prompt: tells of the connection's state, and a session that expired is followed by a new
    // one.
    bool is_prompt = false;
    // Goes on trying for as long as the time-out when every server has failed once.
    bool waits_for_connection = false;
  };
  Shell(Terminal& terminal, Settings settings);
  ~Shell();

  // Where text for standard output goes that nobody asked for (events, states); by default there.
  void on_notice(std::function<void(std::string_view)> show) { show_notice_ = std::move(show); }

  // False if no server answered (told on standard error, with the reason for each).
  bool connect(int64_t timeout_ms);
  // Carries out one line; 0 or the exit code for scripts.
  int run_line(std::string_view line);
  // A command that needs no server has its answer without one: help, version, usage errors.
  int run(const std::vector<std::string>& words);
  bool needs_server(const std::vector<std::string>& words) const;
  bool quit_requested() const { return quit_; }
  // "[zk: localhost:2181(CONNECTED) 3] "
  std::string prompt() const;
  void close();
  // What the last word of the line could become: commands, options of a command, paths.
  std::vector<std::string> complete(std::string_view line);

 private:
  struct Reply {
    wire::ErrorCode err = wire::ErrorCode::kConnectionLoss;
    int64_t zxid = 0;
    std::string body;
  };
  using Command = int (Shell::*)(const ParsedCommand&);
  struct Entry {
    CommandSpec spec;
    Command run;
    bool needs_server = true;
  };
  static const std::vector<Entry>& table();
  static const Entry* find(std::string_view name);

  // shell.cc
  void make_client();
  void on_state(client::SessionState state);
  void on_event(const client::WatchEvent& event);
  void notice(std::string_view text) const;
  Reply call(wire::OpCode type, std::string body);
  int complain(std::string_view text) const;
  int usage_error(const CommandSpec& spec, const std::string& why) const;
  int report(const Reply& reply, std::string_view path) const;
  // The server's path of what the user typed; nullopt: not a path, which has been told.
  std::optional<std::string> full(const std::string& path) const;
  std::string shown(std::string_view full_path) const;
  // -v's number, -1 without one; nullopt: no number, which has been told.
  std::optional<int32_t> version_of(const ParsedCommand& command) const;

  // shell_nodes.cc
  struct Children {
    std::vector<std::string> names;  // sorted
    wire::Stat stat;
  };
  Reply children_of(const std::string& full_path, bool watch, Children& children);
  std::optional<wire::Stat> stat_of(const std::string& full_path, bool watch, Reply& reply);
  // Calls visit(full path) for the node and all below it, parents first, in zkCli's order.
  Reply visit_tree(const std::string& full_path, bool watch,
                   const std::function<void(const std::string&)>& visit);
  Reply set_acl_of(const std::string& full_path, const wire::AclList& acl, int32_t version);
  int do_ls(const ParsedCommand& command);
  int do_get(const ParsedCommand& command);
  int do_stat(const ParsedCommand& command);
  int do_create(const ParsedCommand& command);
  int do_set(const ParsedCommand& command);
  int do_delete(const ParsedCommand& command);
  int do_deleteall(const ParsedCommand& command);
  int do_get_acl(const ParsedCommand& command);
  int do_set_acl(const ParsedCommand& command);
  int do_sync(const ParsedCommand& command);
  int do_get_ephemerals(const ParsedCommand& command);
  int do_count_children(const ParsedCommand& command);

  // shell_quota.cc
  std::optional<std::string> data_of(const std::string& full_path, Reply& reply);
  Reply make_node(const std::string& full_path, const std::string& data);
  int do_setquota(const ParsedCommand& command);
  int do_listquota(const ParsedCommand& command);
  int do_delquota(const ParsedCommand& command);

  // shell_session.cc
  int do_addauth(const ParsedCommand& command);
  int do_whoami(const ParsedCommand& command);
  int do_add_watch(const ParsedCommand& command);
  int do_remove_watches(const ParsedCommand& command);
  int do_config(const ParsedCommand& command);
  int do_reconfig(const ParsedCommand& command);
  int do_connect(const ParsedCommand& command);
  int do_close(const ParsedCommand& command);
  int do_history(const ParsedCommand& command);
  int do_redo(const ParsedCommand& command);
  int do_print_watches(const ParsedCommand& command);
  int do_help(const ParsedCommand& command);
  int do_quit(const ParsedCommand& command);
  int do_version(const ParsedCommand& command);

  Terminal& terminal_;
  Settings settings_;
  std::unique_ptr<client::Client> client_;
  std::function<void(std::string_view)> show_notice_;
  std::vector<std::string> history_;
  bool prints_watches_ = true;
  bool quit_ = false;
  int last_code_ = 0;
};

}  // namespace zooid::cli
