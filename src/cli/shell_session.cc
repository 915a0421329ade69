// The session and the prompt: identities, watches, configuration, connect and close, history.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "base/version.h"
#include "cli/shell.h"
#include "cli/shell_text.h"
#include "wire/request.h"
#include "zab/membership.h"

namespace zooid::cli {
namespace {

using wire::ErrorCode;
using wire::OpCode;
using WatchKind = client::Client::WatchKind;

constexpr int64_t kAuthTimeoutMs = 30'000;
constexpr size_t kHistoryShown = 11;
constexpr const char* kConfigNode = "/zookeeper/config";

// checkWatches and removeWatches (client-protocol 6): the type on the wire and what it covers here.
struct WatcherType {
  const char* option;
  int32_t wire;
  std::vector<WatchKind> kinds;
};
const std::vector<WatcherType>& watcher_types() {
  static const std::vector<WatcherType> all = {
      {"c", 1, {WatchKind::kChild}},
      {"d", 2, {WatchKind::kData, WatchKind::kExist}},
      {"p", 4, {WatchKind::kPersistent}},
      {"r", 5, {WatchKind::kPersistentRecursive}},
      {"a",
       3,
       {WatchKind::kChild, WatchKind::kData, WatchKind::kExist, WatchKind::kPersistent,
        WatchKind::kPersistentRecursive}},
  };
  return all;
}

// The event that Java's client makes of it.
const char* removal_name(WatchKind kind) {
  switch (kind) {
    case WatchKind::kChild:
      return "ChildWatchRemoved";
    case WatchKind::kData:
    case WatchKind::kExist:
      return "DataWatchRemoved";
    case WatchKind::kPersistent:
    case WatchKind::kPersistentRecursive:
      return "PersistentWatchRemoved";
  }
  return "";
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

}  // namespace

int Shell::do_addauth(const ParsedCommand& command) {
  auto done = std::make_shared<bool>(false);
  auto err = std::make_shared<ErrorCode>(ErrorCode::kConnectionLoss);
  client_->add_auth(command.arguments[0], command.arguments.size() > 1 ? command.arguments[1] : "",
                    [done, err](const client::ReplyView& reply) {
                      *err = reply.err;
                      *done = true;
                    });
  const auto is_over = [&] {
    return *done || client_->state() == client::SessionState::kAuthFailed;
  };
  terminal_.run_until(is_over, kAuthTimeoutMs);
  if (client_->state() == client::SessionState::kAuthFailed) *err = ErrorCode::kAuthFailed;
  return report({*err, 0, ""}, command.arguments[0]);
}

int Shell::do_whoami(const ParsedCommand&) {
  const Reply reply = call(OpCode::kWhoAmI, "");
  if (reply.err != ErrorCode::kOk) return report(reply, "whoami");
  wire::Reader in(reply.body);
  std::printf("Auth scheme: User\n");
  for (int32_t left = in.count(8); left > 0; --left) {
    const std::string scheme(in.buffer()), user(in.buffer());
    std::printf("%s: %s\n", scheme.c_str(), user.c_str());
  }
  return 0;
}

int Shell::do_add_watch(const ParsedCommand& command) {
  const std::string& path = command.arguments[0];
  const auto target = full(path);
  if (!target) return 1;
  const std::string mode = command.has("m") ? upper(command.value("m")) : "PERSISTENT_RECURSIVE";
  const bool is_recursive = mode == "PERSISTENT_RECURSIVE";
  if (!is_recursive && mode != "PERSISTENT") {
    return usage_error(find("addWatch")->spec, "unknown mode " + command.value("m"));
  }
  std::string body;
  wire::Writer out(body);
  wire::write_path_mode(out, {*target, is_recursive ? 1 : 0});
  const Reply reply = call(OpCode::kAddWatch, std::move(body));
  if (reply.err != ErrorCode::kOk) return report(reply, path);
  client_->remember_watch(is_recursive ? WatchKind::kPersistentRecursive : WatchKind::kPersistent,
                          *target);
  return 0;
}

int Shell::do_remove_watches(const ParsedCommand& command) {
  const std::string& path = command.arguments[0];
  const auto target = full(path);
  if (!target) return 1;
  const WatcherType* type = &watcher_types().back();
  for (const WatcherType& one : watcher_types()) {
    if (!command.has(one.option)) continue;
    type = &one;
    break;
  }
  const bool has_any = std::ranges::any_of(
      type->kinds, [&](WatchKind kind) { return client_->has_watch(kind, *target); });
  if (!has_any) return complain("KeeperErrorCode = No such watcher for " + path);
  std::string body;
  wire::Writer out(body);
  wire::write_path_mode(out, {*target, type->wire});
  const Reply reply = call(OpCode::kRemoveWatches, std::move(body));
  const bool is_gone = reply.err == ErrorCode::kOk || reply.err == ErrorCode::kNoWatcher;
  if (!is_gone && !command.has("l")) return report(reply, path);
  for (const WatchKind kind : type->kinds) {
    if (!client_->has_watch(kind, *target)) continue;
    client_->forget_watch(kind, *target);
    if (!prints_watches_) continue;
    notice(fmt::format("\nWATCHER::\n\nWatchedEvent state:SyncConnected type:{} path:{} zxid: -1\n",
                       removal_name(kind), path));
  }
  return 0;
}

int Shell::do_config(const ParsedCommand& command) {
  Reply reply;
  std::string body;
  wire::Writer out(body);
  // The configuration is the ensemble's: below no chroot.
  wire::write_path_watch(out, {kConfigNode, command.has("w")});
  reply = call(OpCode::kGetData, std::move(body));
  if (reply.err != ErrorCode::kOk) return report(reply, kConfigNode);
  if (command.has("w")) client_->remember_watch(WatchKind::kData, kConfigNode);
  wire::Reader in(reply.body);
  const std::string text(in.nullable().value_or("null"));
  if (!command.has("c")) {
    std::printf("%s\n", text.c_str());
  } else {
    std::string hosts;
    std::string version;
    const auto membership = zab::Membership::parse(text);
    if (membership) {
      version = fmt::format("{:x}", membership->version());
      for (const auto& [id, member] : membership->members()) {
        if (!hosts.empty()) hosts += ",";
        if (member.client_port == 0) continue;
        const std::string& host = member.client_host;
        hosts += fmt::format("{}:{}", host.empty() ? "0.0.0.0" : host, member.client_port);
      }
    }
    std::printf("%s %s\n", version.c_str(), hosts.c_str());
  }
  if (command.has("s")) {
    wire::Stat stat;
    wire::read(in, stat);
    std::fputs(stat_text(stat).c_str(), stdout);
  }
  return 0;
}

int Shell::do_reconfig(const ParsedCommand& command) {
  const CommandSpec& spec = find("reconfig")->spec;
  const bool is_whole = command.has("file") || command.has("members");
  const bool is_change = command.has("add") || command.has("remove");
  if (!is_whole && !is_change) return usage_error(spec, "nothing to change was given");
  if (is_whole && is_change) {
    return usage_error(spec,
                       "Can't use -file or -members together with -add or -remove (mixing "
                       "incremental and non-incremental modes is not allowed)");
  }
  if (command.has("file") && command.has("members")) {
    return usage_error(spec,
                       "Can't use -file and -members together (conflicting non-incremental modes)");
  }
  wire::ReconfigRequest request;
  if (command.has("v")) {
    size_t end = 0;
    const std::string text = command.value("v");
    try {
      request.config_id = std::stoll(text, &end, 16);
    } catch (const std::exception&) {
      end = 0;
    }
    if (end == 0 || end != text.size()) {
      return usage_error(spec, "-v must be followed by a long (configuration version), in hex");
    }
  }
  std::string members = command.value("members");
  if (command.has("file")) {
    const auto content = env::read_file(terminal_.files, command.value("file"), 1u << 20);
    if (!content) return complain(content.error().message);
    for (size_t at = 0; at < content->size();) {
      const size_t end = std::min(content->find('\n', at), content->size());
      const std::string_view line = std::string_view(*content).substr(at, end - at);
      if (line.starts_with("server.")) members += (members.empty() ? "" : ",") + std::string(line);
      at = end + 1;
    }
    if (members.empty()) {
      return complain(fmt::format("{}: no line server.N=… in it", command.value("file")));
    }
  }
  const std::string joining = command.value("add"), leaving = command.value("remove");
  if (command.has("add")) request.joining = joining;
  if (command.has("remove")) request.leaving = leaving;
  if (is_whole) request.new_members = members;
  std::string body;
  wire::Writer out(body);
  wire::write_reconfig(out, request);
  const Reply reply = call(OpCode::kReconfig, std::move(body));
  if (reply.err != ErrorCode::kOk) return report(reply, "");
  wire::Reader in(reply.body);
  const std::string text(in.nullable().value_or(""));
  std::printf("Committed new configuration:\n%s\n", text.c_str());
  if (command.has("s")) {
    wire::Stat stat;
    wire::read(in, stat);
    std::fputs(stat_text(stat).c_str(), stdout);
  }
  return 0;
}

int Shell::do_connect(const ParsedCommand& command) {
  if (!command.arguments.empty()) {
    std::string chroot;
    const auto servers = client::parse_hosts(command.arguments[0], &chroot);
    if (!servers) return complain(servers.error().message);
    settings_.client.servers = *servers;
    settings_.hosts = command.arguments[0];
    settings_.chroot = chroot;
  }
  close();
  make_client();
  return connect(settings_.client.session_timeout_ms) ? 0 : 1;
}

int Shell::do_close(const ParsedCommand&) {
  close();
  return 0;
}

int Shell::do_history(const ParsedCommand&) {
  const size_t first = history_.size() > kHistoryShown ? history_.size() - kHistoryShown : 0;
  for (size_t i = first; i < history_.size(); ++i) {
    std::printf("%zu - %s\n", i, history_[i].c_str());
  }
  return 0;
}

int Shell::do_redo(const ParsedCommand& command) {
  // The redo itself is the last of the history.
  const int64_t last = static_cast<int64_t>(history_.size()) - 2;
  const auto number = parse_number(command.arguments[0], "redo", 0, INT32_MAX);
  if (!number || *number > last) return complain("Command index out of range");
  const std::string line = history_[static_cast<size_t>(*number)];
  const auto words = split_words(line);
  if (!words || words->empty()) return complain("Command index out of range");
  if (words->front() == "redo") return complain("No redoing redos");
  history_.back() = line;
  return run(*words);
}

int Shell::do_print_watches(const ParsedCommand& command) {
  if (command.arguments.empty()) {
    std::printf("printwatches is %s\n", prints_watches_ ? "on" : "off");
    return 0;
  }
  if (command.arguments[0] != "on" && command.arguments[0] != "off") {
    return usage_error(find("printwatches")->spec, "on or off is expected");
  }
  prints_watches_ = command.arguments[0] == "on";
  return 0;
}

int Shell::do_help(const ParsedCommand& command) {
  if (!command.arguments.empty()) {
    const Entry* entry = find(command.arguments[0]);
    if (entry == nullptr) return complain("Command not found " + command.arguments[0]);
    std::printf("%s%s%s", usage_text(entry->spec).c_str(), entry->spec.text.c_str(),
                entry->spec.text.empty() ? "" : "\n");
    return 0;
  }
  std::printf("ZooKeeper -server host:port[,host:port...][/chroot] command args\n");
  for (const Entry& entry : table()) {
    std::printf("\t%s %s\n", entry.spec.name.c_str(), entry.spec.usage.c_str());
  }
  std::printf("help COMMAND tells of one of them and its options.\n");
  return 0;
}

int Shell::do_quit(const ParsedCommand&) {
  quit_ = true;
  return last_code_;
}

int Shell::do_version(const ParsedCommand&) {
  std::printf("ZooKeeper CLI version: %s\n", kVersionText);
  return 0;
}

}  // namespace zooid::cli
