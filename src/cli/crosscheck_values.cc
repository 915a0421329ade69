// The values in random requests: paths, data, versions, ACLs.
#include <algorithm>
#include <functional>

#include "cli/crosscheck_requests.h"

namespace zooid::cli {
namespace {

using namespace std::string_literals;

constexpr size_t kExistingMax = 40;
// Below a name that begins with it nodes may have ACLs that keep sessions out.
constexpr char kRestrictedName = 'r';

bool is_restricted(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash != std::string::npos && path.substr(slash + 1).starts_with(kRestrictedName);
}

// The same on every machine, unlike std::hash.
uint32_t hash_of(const std::string& path) {
  uint32_t hash = 2166136261u;
  for (const char c : path) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

// What 3.8 makes of a create in a multi, whatever type it is sent as: see kinds-in-multi.
wire::OpCode kind_of(int32_t flags, wire::OpCode type) {
  using wire::OpCode;
  if (flags == wire::kFlagContainer) return OpCode::kCreateContainer;
  if (flags == wire::kFlagTtl || flags == wire::kFlagSequentialTtl) return OpCode::kCreateTtl;
  return type == OpCode::kCreate2 ? type : OpCode::kCreate;
}

}  // namespace

std::string RequestMaker::existing_path() {
  if (existing_.size() > kExistingMax) existing_.erase(existing_.begin() + 1);
  return existing_[random_.below(existing_.size())];
}

std::string RequestMaker::child_of(const std::string& parent) {
  static constexpr const char* kNames[] = {"a", "b", "c", "r", "r2", "n-", "\xc3\xa4"};
  return parent + "/" + kNames[random_.below(std::size(kNames))];
}

std::string RequestMaker::some_path() {
  const uint64_t draw = random_.below(100);
  if (draw < 65) return existing_path();
  if (draw < 90) return child_of(existing_path());
  if (draw < 96) return child_of(child_of(std::string(kPlanRoot)));
  if (draw < 97) return "/zookeeper/config";
  return bad_path();
}

std::string RequestMaker::bad_path() {
  const std::string root(kPlanRoot);
  const std::string paths[] = {
      "",
      "/",
      "a",
      "a/b",
      "//",
      root + "/",
      root + "//a",
      root + "/a/",
      root + "/.",
      root + "/..",
      root + "/a/../b",
      root + "/./a",
      root + "/..a",
      root + "/\0"s,
      root + "/a\0b"s,
      root + "/\x01",
      root + "/\x1f",
      root + "/\x7f",
      root + "/\xc2\x80",
      root + "/\xc2\x9f",
      root + "/\xc2\xa0",
      root + "/\xee\x80\x80",
      root + "/\xef\xa3\xbf",
      root + "/\xef\xa4\x80",
      root + "/\xef\xbf\xaf",
      root + "/\xef\xbf\xb0",
      root + "/\xef\xbf\xbf",
      root + "/\xf0\x9f\x98\x80",
      "/zookeeper",
      "/zookeeper/quota",
      "/zookeeper/config",
      "/zookeeper/config/a",
      root + "/" + std::string(300, 'l'),
  };
  return paths[random_.below(std::size(paths))];
}

std::string RequestMaker::watch_path() {
  return random_.below(100) < 70 ? existing_path() : child_of(existing_path());
}

// 3.8 keeps one kind of watch for each path and connection, the last one set; 3.9 keeps them side
// by side. Against 3.8 each path sees only one kind, so the difference does not show.
bool RequestMaker::may_watch(const std::string& path, int kind) {
  if (profile_ == CrosscheckProfile::k39) return true;
  const uint32_t draw = hash_of(path) % 4;
  return kind == (draw < 2 ? 0 : static_cast<int>(draw) - 1);
}

std::string RequestMaker::data() {
  static constexpr size_t kSizes[] = {0, 1, 2, 5, 10, 100, 1000};
  return std::string(kSizes[random_.below(std::size(kSizes))],
                     static_cast<char>('a' + random_.below(26)));
}

int32_t RequestMaker::version() {
  static constexpr int32_t kVersions[] = {0, 1, 2, 3, -2, INT32_MAX, INT32_MIN};
  if (random_.below(100) < 65) return -1;
  return kVersions[random_.below(random_.one_in(4) ? std::size(kVersions) : 3)];
}

wire::AclList RequestMaker::wrong_acl(bool& is_null) {
  const std::string long_name(100, 'x');
  switch (random_.below(9)) {
    case 0:
      is_null = true;
      return {};
    case 1:
      return {};
    case 2:
      return {{31, {"nonesuch", "x"}}};
    case 3:
      return {{31, {"digest", "nocolon"}}};
    case 4:
      return {{31, {"digest", "a:b:c"}}};
    case 5:
      return {{31, {"ip", "300.1.1.1"}}};
    case 6:
      return {{31, {"ip", "127.0.0.1/33"}}};
    case 7:
      return {{31, {"world", "someone"}}};
    default:
      return {{31, {"", ""}}};
  }
}

wire::AclList RequestMaker::acl(bool& is_null) {
  static const wire::Acl kAnyone{31, {"world", "anyone"}};
  static const wire::Acl kEntries[] = {
      {1, {"world", "anyone"}},
      {2 | 4 | 8, {"world", "anyone"}},
      {16, {"world", "anyone"}},
      {1 | 16, {"world", "anyone"}},
      {0, {"world", "anyone"}},
      {-1, {"ip", "127.0.0.1"}},
      {31, {"ip", "127.0.0.0/8"}},
      {31, {"ip", "10.0.0.0/8"}},
      {31, {"ip", "127.0.0.1/32"}},
      {31, {"auth", ""}},
      {3, {"auth", "ignored"}},
      {31, {"digest", "alice:V55/p2T0OpjQ+low3NVAH4aLvm0="}},
      {1, {"digest", "bob:ikIaKsbtGweaHnb/jKn7OHqbunM="}},
      {31, {"digest", "carol:x"}},
  };
  if (random_.one_in(25)) return wrong_acl(is_null);
  wire::AclList list;
  for (uint64_t i = random_.below(3) + 1; i > 0; --i) {
    list.push_back(kEntries[random_.below(std::size(kEntries))]);
  }
  if (random_.one_in(4)) list.push_back(list.front());
  if (random_.one_in(4)) list.insert(list.begin(), kAnyone);
  list.push_back({31, {"digest", std::string(kJanitorId)}});
  return list;
}

wire::CreateRequest RequestMaker::create_request(wire::OpCode& type, bool in_multi) {
  using wire::OpCode;
  static constexpr int32_t kFlags[] = {0, 0, 0, 0, 1, 1, 2, 2, 3};
  static constexpr int64_t kTtls[] = {600'000,          600'000, (int64_t{1} << 40) - 1,
                                      int64_t{1} << 40, 0,       -1};
  wire::CreateRequest create;
  type = random_.one_in(2) ? OpCode::kCreate : OpCode::kCreate2;
  create.flags = kFlags[random_.below(std::size(kFlags))];
  if (random_.one_in(8)) {
    type = OpCode::kCreateContainer;
    create.flags = wire::kFlagContainer;
  } else if (random_.one_in(8)) {
    type = OpCode::kCreateTtl;
    create.flags = random_.one_in(3) ? wire::kFlagSequentialTtl : wire::kFlagTtl;
    create.ttl_ms = kTtls[random_.below(random_.one_in(3) ? std::size(kTtls) : 2)];
  }
  // Flags and types that do not go together; 4 in a plain create is one of them.
  if (random_.one_in(30)) {
    const bool known_only = in_multi && !sends_unreadable_writes_;
    create.flags = static_cast<int32_t>(random_.below(known_only ? 5 : 9)) - (known_only ? 0 : 1);
  }
  if (in_multi && profile_ == CrosscheckProfile::k38) type = kind_of(create.flags, type);
  // It would never start again: see ttl-without-ttl-flags.
  if (create.flags != 5 && create.flags != 6) create.ttl_ms = std::max<int64_t>(0, create.ttl_ms);
  std::string path = random_.one_in(25) ? bad_path() : child_of(existing_path());
  if (random_.one_in(6)) path = some_path();
  const bool is_sequential = create.flags == 2 || create.flags == 3 || create.flags == 6;
  // Numbers under nodes that all plays share would tell of earlier plays.
  if (is_sequential && !path.starts_with(kPlanRoot)) path = std::string(kPlanRoot) + "/";
  if (is_sequential && path == kPlanRoot) path += "/";
  // Only quota() writes their text.
  if (path.ends_with("/zookeeper_limits") || path.ends_with("/zookeeper_stats")) path += "/x";
  const bool may_restrict = profile_ == CrosscheckProfile::k39 || is_restricted(path);
  if (random_.one_in(3) && may_restrict) {
    create.acl = acl(create.acl_is_null);
    if (in_multi && !sends_unreadable_writes_) create.acl_is_null = false;
  } else if (random_.one_in(60)) {
    create.acl = wrong_acl(create.acl_is_null);
    if (in_multi && !sends_unreadable_writes_) create.acl_is_null = false;
  } else {
    create.acl = {{31, {"world", "anyone"}}};
  }
  if (!random_.one_in(12)) create.data = keep(data());
  // Nothing is made outside what belongs to the play: only bad paths lead there, and they fail.
  const bool is_ours =
      path.starts_with(kPlanRoot) || path.starts_with("/zookeeper/quota" + std::string(kPlanRoot));
  if (is_ours && !is_sequential && create.flags != 1 && !in_multi) existing_.push_back(path);
  if (is_sequential && random_.one_in(2)) {
    existing_.push_back(path + "000000000" + std::to_string(random_.below(5)));
  }
  create.path = keep(std::move(path));
  return create;
}

PlannedRequest RequestMaker::set_acl() {
  wire::SetAclRequest request;
  std::string path = some_path();
  if (profile_ == CrosscheckProfile::k39 || is_restricted(path)) {
    request.acl = acl(request.acl_is_null);
  } else if (random_.one_in(3)) {
    request.acl = wrong_acl(request.acl_is_null);
    if (request.acl.size() == 1 && request.acl[0].id.scheme == "world") request.acl.clear();
  } else {
    request.acl = {{31, {"world", "anyone"}}};
  }
  // The root's own ACL stays, and so does that of what all plays share.
  if (path == "/" || path == kPlanRoot || path.starts_with("/zookeeper")) path += "x";
  request.path = keep(std::move(path));
  request.version = version();
  std::string body;
  wire::Writer out(body);
  write_set_acl(out, request);
  return make(wire::OpCode::kSetAcl, std::move(body));
}

PlannedRequest RequestMaker::add_watch() {
  std::string path = watch_path();
  int32_t mode = static_cast<int32_t>(random_.below(2));
  if (profile_ == CrosscheckProfile::k38) {
    if (may_watch(path, 1))
      mode = 0;
    else if (may_watch(path, 2))
      mode = 1;
    else
      path += "/w", mode = 7;  // refused, so it leaves nothing behind
  }
  if (random_.one_in(30)) mode = random_.one_in(2) ? -1 : 2;
  std::string body;
  wire::Writer out(body);
  wire::write_path_mode(out, {path, mode});
  return make(wire::OpCode::kAddWatch, std::move(body));
}

PlannedRequest RequestMaker::read() {
  using wire::OpCode;
  static constexpr OpCode kTypes[] = {OpCode::kExists, OpCode::kGetData, OpCode::kGetChildren,
                                      OpCode::kGetChildren2};
  const OpCode type = kTypes[random_.below(std::size(kTypes))];
  const bool watch = random_.one_in(2);
  std::string path = watch ? watch_path() : some_path();
  // 3.8's exists leaves a watch on a node that may not be read, 3.9's is refused.
  const bool differs = profile_ == CrosscheckProfile::k38 && type == OpCode::kExists &&
                       path.find("/r") != std::string::npos;
  std::string body;
  wire::Writer out(body);
  wire::write_path_watch(out, {path, watch && may_watch(path, 0) && !differs});
  return make(type, std::move(body));
}

PlannedRequest RequestMaker::set_watches() {
  using wire::OpCode;
  const OpCode type = random_.one_in(2) ? OpCode::kSetWatches : OpCode::kSetWatches2;
  wire::SetWatchesRequest request;
  const auto fill = [&](std::vector<std::string_view>& paths, int kind) {
    for (uint64_t i = random_.below(4); i > 0; --i) {
      std::string path = watch_path();
      if (may_watch(path, kind)) paths.push_back(keep(std::move(path)));
    }
  };
  fill(request.data, 0);
  fill(request.exist, 0);
  fill(request.child, 0);
  if (type == OpCode::kSetWatches2) {
    fill(request.persistent, 1);
    fill(request.persistent_recursive, 2);
  }
  if (random_.one_in(10)) request.data.push_back(keep(bad_path()));
  std::string body;
  wire::Writer out(body);
  write_set_watches(out, type, request);
  PlannedRequest planned = make(type, std::move(body));
  planned.xid = wire::kXidSetWatches;
  planned.has_relative_zxid = true;
  planned.zxids_back = static_cast<int64_t>(random_.below(30)) - 2;
  return planned;
}

}  // namespace zooid::cli
