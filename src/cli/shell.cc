#include "cli/shell.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "cli/shell_text.h"
#include "wire/request.h"

namespace zooid::cli {
namespace {

constexpr int64_t kAnswerTimeoutMs = 60'000;

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace

// Words split into flags ("-s"), flags with a value ("-v 3") and the rest.
struct Shell::Options {
  std::string command;
  std::map<char, std::string> values;
  std::vector<std::string> rest;
  bool has(char flag) const { return values.contains(flag); }
  std::string value(char flag) const {
    const auto it = values.find(flag);
    return it == values.end() ? "" : it->second;
  }
};

Shell::Shell(Terminal& terminal, client::ClientOptions options, std::string chroot)
    : terminal_(terminal), chroot_(std::move(chroot)) {
  client_ = std::make_unique<client::Client>(terminal_.network, terminal_.clock,
                                             static_cast<uint64_t>(terminal_.clock.now().wall_ms),
                                             std::move(options));
  client_->on_event([](const client::WatchEvent& event) {
    static constexpr const char* kNames[] = {"", "NodeCreated", "NodeDeleted", "NodeDataChanged",
                                             "NodeChildrenChanged"};
    const int type = static_cast<int>(event.type);
    print(fmt::format("\nWATCHER::\n\nWatchedEvent state:SyncConnected type:{} path:{} zxid: {}\n",
                      type >= 1 && type <= 4 ? kNames[type] : "None", event.path, event.zxid));
    std::fflush(stdout);
  });
  terminal_.add_worker(*client_);
}

Shell::~Shell() {
  terminal_.remove_worker(*client_);
}

bool Shell::connect(int64_t timeout_ms) {
  terminal_.run_until([&] { return client_->state() != client::SessionState::kConnecting; },
                      timeout_ms);
  if (client_->state() == client::SessionState::kConnected) return true;
  std::fprintf(stderr, "no server answered within %lld ms\n", static_cast<long long>(timeout_ms));
  return false;
}

void Shell::close() {
  bool done = false;
  client_->close([&](const client::ReplyView&) { done = true; });
  terminal_.run_until([&] { return done; }, 3000);
}

std::string Shell::prompt() const {
  const bool connected = client_->state() == client::SessionState::kConnected;
  return fmt::format("[zk: {}({})] ", client_->server().text(),
                     connected ? "CONNECTED" : "CONNECTING");
}

std::vector<std::string> Shell::split(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (const char c : line) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (in_word) words.push_back(std::exchange(word, ""));
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (in_word) words.push_back(word);
  return words;
}

const std::vector<std::pair<const char*, std::pair<Shell::Command, const char*>>>&
Shell::commands() {
  static const std::vector<std::pair<const char*, std::pair<Command, const char*>>> all = {
      {"addauth",
       {&Shell::do_addauth, "scheme auth                      addauth digest me:secret"}},
      {"close", {&Shell::do_quit, "                                 end the session and leave"}},
      {"config",
       {&Shell::do_config, "[-s]                             the ensemble's configuration"}},
      {"create",
       {&Shell::do_create, "[-s] [-e] [-c] [-t ttl] path [data] [acl]   create -s /a/n- x"}},
      {"delete", {&Shell::do_delete, "[-v version] path                delete /a"}},
      {"deleteall",
       {&Shell::do_deleteall, "path                             deleteall /a (children first)"}},
      {"get", {&Shell::do_get, "[-s] [-w] path                   get -s /a"}},
      {"getAcl", {&Shell::do_get_acl, "[-s] path                        getAcl /a"}},
      {"getAllChildrenNumber",
       {&Shell::do_count_children, "path                             all descendants"}},
      {"getEphemerals",
       {&Shell::do_get_ephemerals, "[path]                           of this session"}},
      {"help", {&Shell::do_help, "                                 this list"}},
      {"ls", {&Shell::do_ls, "[-s] [-w] [-R] path              ls -R /"}},
      {"quit", {&Shell::do_quit, "                                 end the session and leave"}},
      {"set", {&Shell::do_set, "[-s] [-v version] path data      set /a y"}},
      {"setAcl", {&Shell::do_set_acl, "[-s] [-v version] path acl       setAcl /a world:anyone:r"}},
      {"stat", {&Shell::do_stat, "[-w] path                        stat /a"}},
      {"sync",
       {&Shell::do_sync, "path                             reads after it see all before it"}},
      {"version", {&Shell::do_version, "                                 of this client"}},
      {"whoami",
       {&Shell::do_whoami, "                                 identities of this session"}},
  };
  return all;
}

int Shell::run(const std::vector<std::string>& words) {
  if (words.empty()) return 0;
  Options options;
  options.command = words[0];
  const bool is_set =
      options.command == "set" || options.command == "delete" || options.command == "setAcl";
  for (size_t i = 1; i < words.size(); ++i) {
    const std::string& word = words[i];
    const bool is_flag = word.size() >= 2 && word[0] == '-' && options.rest.empty();
    if (!is_flag) {
      options.rest.push_back(word);
      continue;
    }
    const bool has_value =
        (word == "-v" && is_set) || (word == "-t" && options.command == "create");
    for (size_t k = 1; k < word.size(); ++k) options.values[word[k]] = "";
    if (has_value && i + 1 < words.size()) options.values[word[1]] = words[++i];
  }
  for (const auto& [name, entry] : commands()) {
    if (options.command == name) return (this->*entry.first)(options);
  }
  std::fprintf(stderr, "Command not found: Command not found %s\n", options.command.c_str());
  do_help(options);
  return 1;
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

int Shell::report(const Reply& reply, const std::string& path) {
  if (reply.err == wire::ErrorCode::kOk) return 0;
  std::fprintf(stderr, "%s\n", error_text(static_cast<int32_t>(reply.err), path).c_str());
  return 1;
}

std::string Shell::full(const std::string& path) const {
  if (chroot_.empty()) return path;
  return path == "/" ? chroot_ : chroot_ + path;
}

namespace {

std::string path_body(const std::string& path) {
  std::string body;
  wire::Writer(body).buffer(path);
  return body;
}

std::string path_watch_body(const std::string& path, bool watch) {
  std::string body;
  wire::Writer out(body);
  wire::write_path_watch(out, {path, watch});
  return body;
}

}  // namespace

int Shell::do_ls(const Options& options) {
  const std::string path = options.rest.empty() ? "/" : options.rest[0];
  const Reply reply =
      call(wire::OpCode::kGetChildren2, path_watch_body(full(path), options.has('w')));
  if (reply.err != wire::ErrorCode::kOk) return report(reply, path);
  if (options.has('w')) client_->remember_watch(client::Client::WatchKind::kChild, full(path));
  wire::Reader in(reply.body);
  std::vector<std::string> names(static_cast<size_t>(in.count(4)));
  for (std::string& name : names) name = std::string(in.buffer());
  wire::Stat stat;
  wire::read(in, stat);
  std::sort(names.begin(), names.end());
  if (options.has('R')) {
    print(path + "\n");
    for (const std::string& name : names) {
      Options child = options;
      child.rest = {(path == "/" ? "" : path) + "/" + name};
      do_ls(child);
    }
    return 0;
  }
  print(fmt::format("[{}]\n", fmt::join(names, ", ")));
  if (options.has('s')) print(stat_text(stat));
  return 0;
}

int Shell::do_get(const Options& options) {
  if (options.rest.empty()) return report({wire::ErrorCode::kBadArguments, 0, ""}, "get [-s] path");
  const std::string& path = options.rest[0];
  const Reply reply = call(wire::OpCode::kGetData, path_watch_body(full(path), options.has('w')));
  if (reply.err != wire::ErrorCode::kOk) return report(reply, path);
  if (options.has('w')) client_->remember_watch(client::Client::WatchKind::kData, full(path));
  wire::Reader in(reply.body);
  const auto data = in.nullable();
  wire::Stat stat;
  wire::read(in, stat);
  print(data ? *data : std::string_view("null"));
  print("\n");
  if (options.has('s')) print(stat_text(stat));
  return 0;
}

std::optional<wire::Stat> Shell::stat_of(const std::string& path, int& code) {
  const Reply reply = call(wire::OpCode::kExists, path_watch_body(full(path), false));
  code = report(reply, path);
  if (code != 0) return std::nullopt;
  wire::Reader in(reply.body);
  wire::Stat stat;
  wire::read(in, stat);
  return stat;
}

int Shell::do_stat(const Options& options) {
  if (options.rest.empty()) return report({wire::ErrorCode::kBadArguments, 0, ""}, "stat path");
  const std::string& path = options.rest[0];
  const Reply reply = call(wire::OpCode::kExists, path_watch_body(full(path), options.has('w')));
  if (options.has('w')) client_->remember_watch(client::Client::WatchKind::kExist, full(path));
  if (reply.err != wire::ErrorCode::kOk) return report(reply, path);
  wire::Reader in(reply.body);
  wire::Stat stat;
  wire::read(in, stat);
  print(stat_text(stat));
  return 0;
}

int Shell::do_create(const Options& options) {
  if (options.rest.empty()) return report({wire::ErrorCode::kBadArguments, 0, ""}, "create path");
  const std::string& path = options.rest[0];
  wire::CreateRequest request;
  const std::string target = full(path);
  request.path = target;
  if (options.rest.size() > 1) request.data = options.rest[1];
  request.acl = {{wire::kPermAll, {"world", "anyone"}}};
  if (options.rest.size() > 2) {
    const auto acl = parse_acl(options.rest[2]);
    if (!acl) return report({wire::ErrorCode::kInvalidAcl, 0, ""}, path);
    request.acl = *acl;
  }
  auto type = wire::OpCode::kCreate2;
  request.flags = (options.has('e') ? wire::kFlagEphemeral : 0) |
                  (options.has('s') ? wire::kFlagSequential : 0);
  if (options.has('c')) {
    type = wire::OpCode::kCreateContainer;
    request.flags = wire::kFlagContainer;
  } else if (options.has('t')) {
    type = wire::OpCode::kCreateTtl;
    request.flags = options.has('s') ? wire::kFlagSequentialTtl : wire::kFlagTtl;
    request.ttl_ms = std::atoll(options.value('t').c_str());
  }
  std::string body;
  wire::Writer out(body);
  wire::write_create(out, type, request);
  const Reply reply = call(type, std::move(body));
  if (reply.err != wire::ErrorCode::kOk) return report(reply, path);
  wire::Reader in(reply.body);
  print(fmt::format("Created {}\n", in.buffer().substr(chroot_.size())));
  return 0;
}

int Shell::do_set(const Options& options) {
  if (options.rest.size() < 2) {
    return report({wire::ErrorCode::kBadArguments, 0, ""}, "set [-s] [-v version] path data");
  }
  std::string body;
  wire::Writer out(body);
  const std::string target = full(options.rest[0]);
  const int32_t version = options.has('v') ? std::atoi(options.value('v').c_str()) : -1;
  wire::write_set_data(out, {target, options.rest[1], version});
  const Reply reply = call(wire::OpCode::kSetData, std::move(body));
  if (reply.err != wire::ErrorCode::kOk) return report(reply, options.rest[0]);
  if (options.has('s')) {
    wire::Reader in(reply.body);
    wire::Stat stat;
    wire::read(in, stat);
    print(stat_text(stat));
  }
  return 0;
}

int Shell::do_delete(const Options& options) {
  if (options.rest.empty()) return report({wire::ErrorCode::kBadArguments, 0, ""}, "delete path");
  std::string body;
  wire::Writer out(body);
  const std::string target = full(options.rest[0]);
  const int32_t version = options.has('v') ? std::atoi(options.value('v').c_str()) : -1;
  wire::write_path_version(out, {target, version});
  return report(call(wire::OpCode::kDelete, std::move(body)), options.rest[0]);
}

int Shell::do_deleteall(const Options& options) {
  if (options.rest.empty())
    return report({wire::ErrorCode::kBadArguments, 0, ""}, "deleteall path");
  const std::string& path = options.rest[0];
  const Reply reply = call(wire::OpCode::kGetChildren, path_watch_body(full(path), false));
  if (reply.err != wire::ErrorCode::kOk) return report(reply, path);
  wire::Reader in(reply.body);
  std::vector<std::string> names(static_cast<size_t>(in.count(4)));
  for (std::string& name : names) name = std::string(in.buffer());
  for (const std::string& name : names) {
    Options child;
    child.rest = {(path == "/" ? "" : path) + "/" + name};
    if (const int code = do_deleteall(child); code != 0) return code;
  }
  return path == "/" ? 0 : do_delete(options);
}

int Shell::do_get_acl(const Options& options) {
  if (options.rest.empty()) return report({wire::ErrorCode::kBadArguments, 0, ""}, "getAcl path");
  const Reply reply = call(wire::OpCode::kGetAcl, path_body(full(options.rest[0])));
  if (reply.err != wire::ErrorCode::kOk) return report(reply, options.rest[0]);
  wire::Reader in(reply.body);
  wire::AclList acl;
  wire::Stat stat;
  wire::read(in, acl);
  wire::read(in, stat);
  for (const wire::Acl& one : acl) print(acl_text(one));
  if (options.has('s')) print(stat_text(stat));
  return 0;
}

int Shell::do_set_acl(const Options& options) {
  const auto acl = options.rest.size() < 2 ? std::nullopt : parse_acl(options.rest[1]);
  if (!acl) return report({wire::ErrorCode::kInvalidAcl, 0, ""}, "setAcl path scheme:id:perms");
  std::string body;
  wire::Writer out(body);
  const std::string target = full(options.rest[0]);
  wire::SetAclRequest request;
  request.path = target;
  request.acl = *acl;
  request.version = options.has('v') ? std::atoi(options.value('v').c_str()) : -1;
  wire::write_set_acl(out, request);
  return report(call(wire::OpCode::kSetAcl, std::move(body)), options.rest[0]);
}

int Shell::do_sync(const Options& options) {
  const std::string path = options.rest.empty() ? "/" : options.rest[0];
  const Reply reply = call(wire::OpCode::kSync, path_body(full(path)));
  if (reply.err == wire::ErrorCode::kOk) print("Sync is OK\n");
  return report(reply, path);
}

int Shell::do_addauth(const Options& options) {
  if (options.rest.empty())
    return report({wire::ErrorCode::kBadArguments, 0, ""}, "addauth scheme auth");
  auto done = std::make_shared<bool>(false);
  auto err = std::make_shared<wire::ErrorCode>(wire::ErrorCode::kOk);
  client_->add_auth(options.rest[0], options.rest.size() > 1 ? options.rest[1] : "",
                    [done, err](const client::ReplyView& reply) {
                      *err = reply.err;
                      *done = true;
                    });
  terminal_.run_until([done] { return *done; }, kAnswerTimeoutMs);
  return report({*err, 0, ""}, options.rest[0]);
}

int Shell::do_whoami(const Options&) {
  const Reply reply = call(wire::OpCode::kWhoAmI, "");
  if (reply.err != wire::ErrorCode::kOk) return report(reply, "whoami");
  wire::Reader in(reply.body);
  print("Auth scheme: User\n");
  for (int32_t left = in.count(8); left > 0; --left) {
    const std::string scheme(in.buffer());
    print(fmt::format("{}: {}\n", scheme, in.buffer()));
  }
  return 0;
}

int Shell::do_get_ephemerals(const Options& options) {
  const std::string path = options.rest.empty() ? "/" : options.rest[0];
  const Reply reply = call(wire::OpCode::kGetEphemerals, path_body(full(path)));
  if (reply.err != wire::ErrorCode::kOk) return report(reply, path);
  wire::Reader in(reply.body);
  std::vector<std::string> paths(static_cast<size_t>(in.count(4)));
  for (std::string& one : paths) one = std::string(in.buffer());
  print(fmt::format("[{}]\n", fmt::join(paths, ", ")));
  return 0;
}

int Shell::do_count_children(const Options& options) {
  const std::string path = options.rest.empty() ? "/" : options.rest[0];
  const Reply reply = call(wire::OpCode::kGetAllChildrenNumber, path_body(full(path)));
  if (reply.err != wire::ErrorCode::kOk) return report(reply, path);
  wire::Reader in(reply.body);
  print(fmt::format("{}\n", in.i32()));
  return 0;
}

int Shell::do_config(const Options& options) {
  Options get = options;
  get.rest = {"/zookeeper/config"};
  return do_get(get);
}

int Shell::do_help(const Options&) {
  print("ZooKeeper -server host:port[,host:port] command args\n");
  for (const auto& [name, entry] : commands()) {
    print(fmt::format("\t{:<21}{}\n", name, entry.second));
  }
  return 0;
}

int Shell::do_quit(const Options&) {
  quit_ = true;
  return 0;
}

int Shell::do_version(const Options&) {
  print("ZooKeeper CLI version: zooid\n");
  return 0;
}

std::vector<std::string> Shell::complete(const std::string& partial_path) {
  const size_t slash = partial_path.rfind('/');
  if (slash == std::string::npos) return {};
  const std::string parent = slash == 0 ? "/" : partial_path.substr(0, slash);
  const Reply reply = call(wire::OpCode::kGetChildren, path_watch_body(full(parent), false));
  std::vector<std::string> matches;
  if (reply.err != wire::ErrorCode::kOk) return matches;
  wire::Reader in(reply.body);
  for (int32_t left = in.count(4); left > 0; --left) {
    std::string path = (parent == "/" ? "" : parent) + "/" + std::string(in.buffer());
    if (path.starts_with(partial_path)) matches.push_back(std::move(path));
  }
  std::sort(matches.begin(), matches.end());
  return matches;
}

}  // namespace zooid::cli
