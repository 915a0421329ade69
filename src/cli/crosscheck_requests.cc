#include "cli/crosscheck_requests.h"

#include <fmt/format.h>

#include <algorithm>

namespace zooid::cli {
namespace {

using wire::body_of;
using wire::OpCode;

constexpr int32_t kXidSasl = 0;
constexpr const char* kLimits[] = {
    "count=-1,bytes=-1=;byteHardLimit=200;countHardLimit=4",
    "count=3,bytes=50",
    "count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=3",
    "count=2,bytes=-1=;byteHardLimit=20;countHardLimit=-1",
    "count=1,bytes=1=;byteHardLimit=1000000;countHardLimit=1",
};

}  // namespace

PlannedRequest RequestMaker::make(OpCode type, std::string body) {
  PlannedRequest request;
  request.xid = next_xid_++;
  request.type = static_cast<int32_t>(type);
  request.body = std::move(body);
  return request;
}

PlannedRequest RequestMaker::request() {
  const uint64_t draw = random_.below(100);
  PlannedRequest planned = draw < 24   ? create()
                           : draw < 33 ? remove()
                           : draw < 43 ? set_data()
                           : draw < 48 ? set_acl()
                           : draw < 64 ? read()
                           : draw < 72 ? read_of_path()
                           : draw < 79 ? add_watch()
                           : draw < 84 ? check_or_remove_watches()
                           : draw < 88 ? set_watches()
                           : draw < 95 ? multi()
                           : draw < 97 ? multi_read()
                           : draw < 98 ? reconfig()
                                       : malformed();
  // What stands behind a record is ignored.
  if (random_.one_in(50)) planned.body += "surplus";
  return planned;
}

PlannedRequest RequestMaker::create() {
  OpCode type = OpCode::kCreate;
  const wire::CreateRequest create = create_request(type, false);
  return make(type, body_of([&](wire::Writer& out) { write_create(out, type, create); }));
}

PlannedRequest RequestMaker::remove() {
  const std::string path = some_path();
  // Java 3.8's answer to a delete of what all plays share would not differ, but its effect would.
  const wire::PathVersionRequest request{path == kPlanRoot ? "/" : std::string_view(path),
                                         version()};
  if (random_.one_in(2) && path != kPlanRoot) std::erase(existing_, path);
  return make(OpCode::kDelete,
              body_of([&](wire::Writer& out) { write_path_version(out, request); }));
}

PlannedRequest RequestMaker::set_data() {
  std::string path = some_path();
  std::string value = data();
  if (path.ends_with("/zookeeper_limits")) {
    value = kLimits[random_.below(std::size(kLimits))];
  } else if (path == "/" || path.starts_with("/zookeeper")) {
    path += "/none";
  }
  wire::SetDataRequest request{path, std::nullopt, version()};
  if (!random_.one_in(12) || path.ends_with("_limits")) request.data = value;
  return make(OpCode::kSetData, body_of([&](wire::Writer& out) { write_set_data(out, request); }));
}

PlannedRequest RequestMaker::read_of_path() {
  const std::string path = some_path();
  const auto body = body_of([&](wire::Writer& out) { wire::write_path(out, {path}); });
  switch (random_.below(7)) {
    case 0:
    case 1:
      return make(OpCode::kGetAcl, body);
    case 2:
      return make(OpCode::kGetAllChildrenNumber, body);
    case 3:
      return make(OpCode::kSync, body);
    case 4: {
      PlannedRequest ping = make(OpCode::kPing, "");
      ping.xid = wire::kXidPing;
      return ping;
    }
    case 5:
      return make(OpCode::kWhoAmI, "");
    default: {
      const std::string prefixes[] = {path, "", "/", " ", std::string(kPlanRoot).substr(0, 9)};
      std::string prefix;
      wire::Writer out(prefix);
      if (random_.one_in(6)) {
        out.null_buffer();
      } else {
        out.buffer(prefixes[random_.below(std::size(prefixes))]);
      }
      return make(OpCode::kGetEphemerals, prefix);
    }
  }
}

PlannedRequest RequestMaker::check_or_remove_watches() {
  const OpCode type = random_.one_in(2) ? OpCode::kCheckWatches : OpCode::kRemoveWatches;
  const std::string path = random_.one_in(15) ? bad_path() : watch_path();
  auto kind = static_cast<int32_t>(1 + random_.below(5));
  if (profile_ == CrosscheckProfile::k38) kind = may_watch(path, 0) ? 1 + (kind - 1) % 3 : 3;
  if (random_.one_in(20)) kind = random_.one_in(2) ? 0 : 6;
  return make(type, body_of([&](wire::Writer& out) { wire::write_path_mode(out, {path, kind}); }));
}

wire::SubRequest RequestMaker::sub_write() {
  wire::SubRequest sub{OpCode::kCheck, {}};
  switch (random_.below(6)) {
    case 0:
    case 1:
    case 2: {
      const wire::CreateRequest create = create_request(sub.type, true);
      sub.body = create;
      return sub;
    }
    case 3: {
      sub.type = OpCode::kSetData;
      std::string path = some_path();
      if (path == "/" || path.starts_with("/zookeeper")) path += "/none";
      sub.body = wire::SetDataRequest{keep(std::move(path)), keep(data()), version()};
      return sub;
    }
    case 4: {
      sub.type = OpCode::kDelete;
      std::string path = some_path();
      if (path == kPlanRoot) path = "/";
      sub.body = wire::PathVersionRequest{keep(std::move(path)), version()};
      return sub;
    }
    default:
      sub.body = wire::PathVersionRequest{keep(some_path()), version()};
      return sub;
  }
}

PlannedRequest RequestMaker::multi() {
  std::vector<wire::SubRequest> subs(random_.below(5));
  for (wire::SubRequest& sub : subs) sub = sub_write();
  // A read among writes makes the whole unreadable.
  if (random_.one_in(40) && may_break_multi()) {
    subs.push_back({OpCode::kGetData, wire::PathWatchRequest{keep(some_path()), false}});
  }
  return make(OpCode::kMulti, body_of([&](wire::Writer& out) { write_multi(out, subs); }));
}

PlannedRequest RequestMaker::multi_read() {
  std::vector<wire::SubRequest> subs(random_.below(5));
  for (wire::SubRequest& sub : subs) {
    sub.type = random_.one_in(2) ? OpCode::kGetData : OpCode::kGetChildren;
    sub.body = wire::PathWatchRequest{keep(some_path()), random_.one_in(2)};
  }
  if (random_.one_in(40)) subs.push_back(sub_write());
  return make(OpCode::kMultiRead, body_of([&](wire::Writer& out) { write_multi(out, subs); }));
}

PlannedRequest RequestMaker::reconfig() {
  wire::ReconfigRequest request;
  if (random_.one_in(2)) request.joining = "server.9=127.0.0.1:1:2;3";
  if (random_.one_in(2)) request.leaving = "1";
  if (random_.one_in(4)) request.config_id = 77;
  return make(OpCode::kReconfig, body_of([&](wire::Writer& out) { write_reconfig(out, request); }));
}

PlannedRequest RequestMaker::auth(bool accepted) {
  static constexpr std::pair<const char*, const char*> kGood[] = {
      {"digest", "alice:pw"}, {"digest", "bob:pw"}, {"digest", "alice:other"},
      {"digest", "nocolon"},  {"ip", "whatever"},   {"digest", ":"},
  };
  static constexpr std::pair<const char*, const char*> kBad[] = {
      {"nonesuch", "x"}, {"world", "anyone"}, {"auth", ""}, {"", ""}, {"Digest", "a:b"}};
  const auto [scheme, text] = accepted ? kGood[random_.below(random_.one_in(2) ? 2 : 6)]
                                       : kBad[random_.below(std::size(kBad))];
  PlannedRequest planned = make(
      OpCode::kAuth, body_of([&](wire::Writer& out) { wire::write_auth(out, {0, scheme, text}); }));
  planned.xid = wire::kXidAuth;
  return planned;
}

PlannedRequest RequestMaker::close_session() {
  return make(OpCode::kCloseSession, "");
}

PlannedRequest RequestMaker::unknown_operation() {
  static constexpr int32_t kTypes[] = {0, 10, 23, 99, 108, -2, -12, 1000, INT32_MAX, INT32_MIN};
  PlannedRequest planned = make(OpCode::kNotification, "");
  planned.type = kTypes[random_.below(std::size(kTypes))];
  // Alone it was carried out by early versions, with bad consequences.
  if (profile_ == CrosscheckProfile::k39 && random_.one_in(4)) {
    planned.type = static_cast<int32_t>(OpCode::kCheck);
    wire::Writer out(planned.body);
    wire::write_path_version(out, {existing_path(), -1});
  }
  return planned;
}

PlannedRequest RequestMaker::sasl() {
  PlannedRequest planned = make(OpCode::kSasl, body_of([&](wire::Writer& out) {
                                  random_.one_in(2) ? out.buffer("") : out.buffer("token");
                                }));
  planned.xid = kXidSasl;
  return planned;
}

std::vector<PlannedRequest> RequestMaker::quota() {
  std::string target = random_.one_in(4) ? std::string(kPlanRoot) : existing_path();
  if (!target.starts_with(kPlanRoot)) target = kPlanRoot;
  std::vector<PlannedRequest> planned;
  const auto add = [&](const std::string& path, std::string_view value) {
    wire::CreateRequest create;
    create.path = path;
    create.data = value;
    create.acl = {{31, {"world", "anyone"}}};
    planned.push_back(make(OpCode::kCreate, body_of([&](wire::Writer& out) {
                             write_create(out, OpCode::kCreate, create);
                           })));
  };
  const std::string whole = "/zookeeper/quota" + target;
  for (size_t at = whole.find('/', 17); at != std::string::npos; at = whole.find('/', at + 1)) {
    add(whole.substr(0, at), "");
  }
  add(whole, "");
  const std::string limits = whole + "/zookeeper_limits", stats = whole + "/zookeeper_stats";
  add(limits, kLimits[random_.below(std::size(kLimits))]);
  add(stats, "count=0,bytes=0");
  planned.push_back(make(OpCode::kGetData, body_of([&](wire::Writer& out) {
                           wire::write_path_watch(out, {stats, false});
                         })));
  existing_.push_back(stats);
  if (random_.one_in(2)) existing_.push_back(limits);
  return planned;
}

PlannedRequest RequestMaker::of_frame_bytes(size_t bytes) {
  wire::SetDataRequest request{kPlanRoot, "", -1};
  std::string body = body_of([&](wire::Writer& out) { write_set_data(out, request); });
  const std::string value(bytes - body.size() - 8, 'z');
  request.data = value;
  return make(OpCode::kSetData, body_of([&](wire::Writer& out) { write_set_data(out, request); }));
}

PlannedRequest RequestMaker::malformed() {
  // Writes before and behind: those that 3.8 answers otherwise.
  static constexpr OpCode kTypes[] = {OpCode::kCreate,        OpCode::kCreate2,
                                      OpCode::kCreateTtl,     OpCode::kDelete,
                                      OpCode::kSetData,       OpCode::kSetAcl,
                                      OpCode::kExists,        OpCode::kGetData,
                                      OpCode::kGetChildren,   OpCode::kGetChildren2,
                                      OpCode::kGetAcl,        OpCode::kMulti,
                                      OpCode::kAddWatch,      OpCode::kMultiRead,
                                      OpCode::kRemoveWatches, OpCode::kSync,
                                      OpCode::kCheckWatches,  OpCode::kGetEphemerals,
                                      OpCode::kSetWatches,    OpCode::kGetAllChildrenNumber,
                                      OpCode::kReconfig,      OpCode::kCreateContainer};
  static constexpr int32_t kLengths[] = {-1, -2, INT32_MIN, INT32_MAX, 3'000'000, 100};
  constexpr size_t kReadsFrom = 6;
  const size_t first = sends_unreadable_writes_ ? 0 : kReadsFrom;
  const size_t last = std::size(kTypes) - (sends_unreadable_writes_ ? 0 : 2);
  OpCode type = kTypes[first + random_.below(last - first)];
  if (type == OpCode::kMulti && !may_break_multi()) type = OpCode::kMultiRead;
  PlannedRequest planned = make(type, "");
  wire::Writer out(planned.body);
  switch (random_.below(4)) {
    case 0:  // nothing, or less than a length
      planned.body.assign(random_.below(4), '\0');
      break;
    case 3:  // no path, the rest whole; a watch without a path would break a Java connection
      if (planned.type == static_cast<int32_t>(OpCode::kAddWatch)) break;
      out.i32(-1);
      planned.body.append(40, '\0');
      break;
    case 1:  // a path whose length cannot be, or which is null
      out.i32(kLengths[random_.below(std::size(kLengths))]);
      out.raw("/x");
      break;
    default:  // a path and then too little
      out.buffer(existing_path());
      planned.body.append(random_.below(3), '\0');
  }
  return planned;
}

}  // namespace zooid::cli
