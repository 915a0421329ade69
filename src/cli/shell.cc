#include "cli/shell.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "cli/shell_text.h"
#include "wire/request.h"

namespace zooid::cli {
namespace {

constexpr int64_t kAnswerTimeoutMs = 60'000;
constexpr int kCommandNotFound = 127;  // zkCli's exit code, as the shells' own

const OptionSpec kStat{"s", false, "the node's stat, too"};
const OptionSpec kWatch{"w", false, "tell of the next change"};
const OptionSpec kVersion{"v", true, "only if the node has this version"};

}  // namespace

const std::vector<Shell::Entry>& Shell::table() {
  static const std::vector<Entry> all = {
      {{"addWatch",
        "[-m mode] path",
        "a watch that stays; mode PERSISTENT or PERSISTENT_RECURSIVE, which is the default",
        {{"m", true, "PERSISTENT or PERSISTENT_RECURSIVE"}},
        1,
        1},
       &Shell::do_add_watch},
      {{"addauth", "scheme auth", "an identity: addauth digest me:secret", {}, 1, 2},
       &Shell::do_addauth},
      {{"close", "", "end the session; connect begins another", {}, 0, 0}, &Shell::do_close},
      {{"config",
        "[-c] [-w] [-s]",
        "the ensemble's configuration",
        {{"c", false, "as a connection string"}, kWatch, kStat},
        0,
        0},
       &Shell::do_config},
      {{"connect", "[host:port,...]", "a new session, also with other servers", {}, 0, 1},
       &Shell::do_connect,
       false},
      {{"create",
        "[-s] [-e] [-c] [-t ttl] path [data] [acl]",
        "create -s /a/n- x",
        {{"s", false, "sequential"},
         {"e", false, "ephemeral"},
         {"c", false, "container"},
         {"t", true, "milliseconds until it is removed unless it changes"}},
        1,
        3},
       &Shell::do_create},
      {{"delete", "[-v version] path", "delete /a", {kVersion}, 1, 1}, &Shell::do_delete},
      {{"deleteall",
        "path [-b batch size]",
        "the node and all below it",
        {{"b", true, "deletions in one request, 1000 by default; 0: one by one"}},
        1,
        1},
       &Shell::do_deleteall},
      {{"delquota",
        "[-n|-b|-N|-B] path",
        "all limits, or one",
        {{"n", false, "number, soft"},
         {"b", false, "bytes, soft"},
         {"N", false, "number, hard"},
         {"B", false, "bytes, hard"}},
        1,
        1},
       &Shell::do_delquota},
      {{"exit", "", "end the session and leave", {}, 0, 0}, &Shell::do_quit, false},
      {{"get",
        "[-s] [-w] [-b] [-x] path",
        "get -s /a",
        {kStat, kWatch, {"b", false, "as base64"}, {"x", false, "as a hex dump"}},
        1,
        1,
        "get [-s] [-w] path"},
       &Shell::do_get},
      {{"getAcl", "[-s] path", "getAcl /a", {kStat}, 1, 1}, &Shell::do_get_acl},
      {{"getAllChildrenNumber", "path", "how many nodes are below it", {}, 1, 1},
       &Shell::do_count_children},
      {{"getEphemerals", "[path]", "ephemeral nodes of this session", {}, 0, 1},
       &Shell::do_get_ephemerals},
      {{"help", "[command]", "this list, or one command's options", {}, 0, 1},
       &Shell::do_help,
       false},
      {{"history", "", "the last commands, for redo", {}, 0, 0}, &Shell::do_history, false},
      {{"listquota", "path", "limits and use", {}, 1, 1}, &Shell::do_listquota},
      {{"ls",
        "[-s] [-w] [-R] path",
        "ls -R /",
        {kStat, kWatch, {"R", false, "all below it, too"}},
        1,
        1,
        "ls [-w] path"},
       &Shell::do_ls},
      {{"printwatches", "[on|off]", "whether events are shown", {}, 0, 1},
       &Shell::do_print_watches,
       false},
      {{"quit", "", "end the session and leave", {}, 0, 0}, &Shell::do_quit, false},
      {{"reconfig",
        "[-s] [-v version] [[-file path] | [-members server.1=host:port1:port2;port3[,...]*]] | "
        "[-add server.1=host:port1:port2;port3[,...]]* [-remove 1[,...]*]",
        "change the ensemble's members",
        {kStat,
         {"v", true, "only if the configuration has this version, in hex"},
         {"file", true, "a file with the new members"},
         {"members", true, "the new members"},
         {"add", true, "servers to add or change"},
         {"remove", true, "ids to remove"}},
        0,
        0},
       &Shell::do_reconfig},
      {{"redo", "number", "a command of history once more", {}, 1, 1}, &Shell::do_redo, false},
      {{"removewatches",
        "path [-c|-d|-p|-r|-a] [-l]",
        "watches of this session",
        {{"c", false, "of children"},
         {"d", false, "of data"},
         {"p", false, "persistent"},
         {"r", false, "persistent recursive"},
         {"a", false, "all, the default"},
         {"l", false, "also without a server"}},
        1,
        1},
       &Shell::do_remove_watches},
      {{"set",
        "path data [-s] [-v version] [-b]",
        "set /a y",
        {kStat, kVersion, {"b", false, "data is base64"}},
        2,
        2},
       &Shell::do_set},
      {{"setAcl",
        "[-s] [-v version] [-R] path acl",
        "setAcl /a world:anyone:r",
        {kStat, {"v", true, "only if its ACL has this version"}, {"R", false, "all below it, too"}},
        2,
        2},
       &Shell::do_set_acl},
      {{"setquota",
        "-n|-b|-N|-B val path",
        "setquota -N 1000 /a",
        {{"n", true, "number of nodes, soft"},
         {"b", true, "bytes, soft"},
         {"N", true, "number of nodes, hard"},
         {"B", true, "bytes, hard"}},
        1,
        1},
       &Shell::do_setquota},
      {{"stat", "[-w] path", "stat /a", {kWatch}, 1, 1, "stat [-w] path"}, &Shell::do_stat},
      {{"sync", "path", "reads after it see all before it", {}, 1, 1}, &Shell::do_sync},
      {{"version", "", "of this client", {}, 0, 0}, &Shell::do_version, false},
      {{"whoami", "", "identities of this session", {}, 0, 0}, &Shell::do_whoami},
  };
  return all;
}

const Shell::Entry* Shell::find(std::string_view name) {
  if (name == "?") name = "help";
  const auto it = std::ranges::find(
      table(), name, [](const Entry& entry) -> std::string_view { return entry.spec.name; });
  return it == table().end() ? nullptr : &*it;
}

Shell::Shell(Terminal& terminal, Settings settings)
    : terminal_(terminal), settings_(std::move(settings)) {
  show_notice_ = [](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  };
  make_client();
}

Shell::~Shell() {
  terminal_.remove_worker(*client_);
}

void Shell::make_client() {
  if (client_ != nullptr) terminal_.remove_worker(*client_);
  client_ = std::make_unique<client::Client>(terminal_.network, terminal_.clock,
                                             static_cast<uint64_t>(terminal_.clock.now().wall_ms),
                                             settings_.client);
  client_->on_event([this](const client::WatchEvent& event) { on_event(event); });
  client_->on_state([this](client::SessionState state) { on_state(state); });
  terminal_.add_worker(*client_);
}

void Shell::notice(std::string_view text) const {
  show_notice_(text);
}

void Shell::on_event(const client::WatchEvent& event) {
  static constexpr const char* kNames[] = {"None", "NodeCreated", "NodeDeleted", "NodeDataChanged",
                                           "NodeChildrenChanged"};
  if (!prints_watches_) return;
  const int type = static_cast<int>(event.type);
  notice(fmt::format("\nWATCHER::\n\nWatchedEvent state:SyncConnected type:{} path:{} zxid: {}\n",
                     kNames[type >= 1 && type <= 4 ? type : 0], shown(event.path), event.zxid));
}

void Shell::on_state(client::SessionState state) {
  if (!settings_.is_prompt) return;
  using client::SessionState;
  if (state == SessionState::kExpired) {
    notice("Session expired: its ephemeral nodes and watches are gone. A new session begins.\n");
    client_->renew();
    return;
  }
  if (!prints_watches_) return;
  const char* name = state == SessionState::kConnected && client_->is_read_only()
                         ? "ConnectedReadOnly"
                     : state == SessionState::kConnected  ? "SyncConnected"
                     : state == SessionState::kConnecting ? "Disconnected"
                     : state == SessionState::kAuthFailed ? "AuthFailed"
                                                          : "Closed";
  notice(fmt::format("\nWATCHER::\n\nWatchedEvent state:{} type:None path:null zxid: -1\n", name));
}

bool Shell::connect(int64_t timeout_ms) {
  const auto is_known = [&] {
    if (client_->state() != client::SessionState::kConnecting) return true;
    return client_->is_round_over() && !settings_.waits_for_connection;
  };
  terminal_.run_until(is_known, timeout_ms);
  if (client_->state() == client::SessionState::kConnected) return true;
  if (client_->failures().empty()) {
    std::fprintf(stderr, "no server answered within %lld ms\n", static_cast<long long>(timeout_ms));
    return false;
  }
  for (const auto& [server, why] : client_->failures()) {
    std::fprintf(stderr, "cannot connect to %s: %s\n", server.text().c_str(), why.c_str());
  }
  return false;
}

void Shell::close() {
  if (client_->state() == client::SessionState::kClosed) return;
  bool done = false;
  client_->close([&](const client::ReplyView&) { done = true; });
  terminal_.run_until([&] { return done; }, 3000);
}

std::string Shell::prompt() const {
  using client::SessionState;
  const SessionState state = client_->state();
  const char* name = state == SessionState::kConnecting   ? "CONNECTING"
                     : state == SessionState::kAuthFailed ? "AUTH_FAILED"
                     : state != SessionState::kConnected  ? "CLOSED"
                     : client_->is_read_only()            ? "CONNECTEDREADONLY"
                                                          : "CONNECTED";
  return fmt::format("[zk: {}({}) {}] ", settings_.hosts, name, history_.size());
}

int Shell::run_line(std::string_view line) {
  const auto words = split_words(line);
  if (!words) return last_code_ = complain(words.error().message);
  if (words->empty()) return last_code_;
  history_.emplace_back(line);
  return run(*words);
}

bool Shell::needs_server(const std::vector<std::string>& words) const {
  if (words.empty()) return false;
  const Entry* entry = find(words[0]);
  return entry != nullptr && entry->needs_server &&
         parse_command(entry->spec, {words.begin() + 1, words.end()}).has_value();
}

int Shell::run(const std::vector<std::string>& words) {
  if (words.empty()) return last_code_;
  const Entry* entry = find(words[0]);
  if (entry == nullptr) {
    complain(fmt::format("Command not found {}; help lists them", words[0]));
    return last_code_ = kCommandNotFound;
  }
  const auto command = parse_command(entry->spec, {words.begin() + 1, words.end()});
  if (!command) return last_code_ = usage_error(entry->spec, command.error().message);
  if (!command->note.empty()) complain(command->note);
  using client::SessionState;
  const SessionState state = client_->state();
  if (entry->needs_server && (state == SessionState::kClosed || state == SessionState::kExpired ||
                              state == SessionState::kAuthFailed)) {
    return last_code_ = complain("Not connected; connect begins a new session");
  }
  return last_code_ = (this->*entry->run)(*command);
}

Shell::Reply Shell::call(wire::OpCode type, std::string body) {
  // Held by the callback too: a reply may come after we stopped waiting.
  auto reply = std::make_shared<Reply>();
  auto done = std::make_shared<bool>(false);
  client_->submit(type, std::move(body), [reply, done](const client::ReplyView& view) {
    *reply = {view.err, view.zxid, std::string(view.body)};
    *done = true;
  });
  terminal_.run_until([done] { return *done; }, kAnswerTimeoutMs);
  return *reply;
}

int Shell::complain(std::string_view text) const {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
  return 1;
}

int Shell::usage_error(const CommandSpec& spec, const std::string& why) const {
  complain(why);
  return complain("usage: " + usage_text(spec));
}

int Shell::report(const Reply& reply, std::string_view path) const {
  if (reply.err == wire::ErrorCode::kOk) return 0;
  return complain(error_text(static_cast<int32_t>(reply.err), path));
}

std::optional<std::string> Shell::full(const std::string& path) const {
  if (const std::string why = path_fault(path); !why.empty()) {
    complain(why);
    return std::nullopt;
  }
  if (settings_.chroot.empty()) return path;
  return path == "/" ? settings_.chroot : settings_.chroot + path;
}

std::string Shell::shown(std::string_view full_path) const {
  const std::string& chroot = settings_.chroot;
  if (chroot.empty() || !full_path.starts_with(chroot)) return std::string(full_path);
  full_path.remove_prefix(chroot.size());
  return full_path.empty() ? "/" : std::string(full_path);
}

std::optional<int32_t> Shell::version_of(const ParsedCommand& command) const {
  if (!command.has("v")) return -1;
  const auto version = parse_number(command.value("v"), "v", INT32_MIN, INT32_MAX);
  if (version) return static_cast<int32_t>(*version);
  complain(version.error().message);
  return std::nullopt;
}

std::vector<std::string> Shell::complete(std::string_view line) {
  const size_t begin = line.find_last_of(" \t") + 1;  // 0 if there is none
  const std::string word(line.substr(begin));
  std::vector<std::string> matches;
  const auto add = [&](const std::string& candidate) {
    if (candidate.starts_with(word)) matches.push_back(candidate);
  };
  if (word.starts_with("/")) {
    const size_t slash = word.rfind('/');
    const std::string parent = slash == 0 ? "/" : word.substr(0, slash);
    if (!path_fault(parent).empty()) return matches;
    Children children;
    if (children_of(*full(parent), false, children).err != wire::ErrorCode::kOk) return matches;
    for (const std::string& name : children.names) add((parent == "/" ? "" : parent) + "/" + name);
    return matches;
  }
  const auto words = split_words(line.substr(0, begin));
  if (!words || words->empty()) {
    for (const Entry& entry : table()) add(entry.spec.name);
    return matches;
  }
  if (const Entry* entry = find(words->front()); entry != nullptr) {
    for (const OptionSpec& option : entry->spec.options) add("-" + option.name);
    if (entry->spec.name == "help") {
      for (const Entry& other : table()) add(other.spec.name);
    }
  }
  return matches;
}

}  // namespace zooid::cli
