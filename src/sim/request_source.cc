#include "sim/request_source.h"

#include "wire/request.h"

namespace zooid::sim {

using wire::body_of;
using wire::OpCode;

namespace {

const wire::AclList& open_acl() {
  static const wire::AclList acl{{wire::kPermAll, {"world", "anyone"}}};
  return acl;
}

}  // namespace

std::string RequestSource::draw_path() {
  return "/k" + std::to_string(random_.below(keys_));
}

// Never twice the same: a value tells which write it came from.
std::string RequestSource::draw_data() {
  std::string data = "c" + std::to_string(client_) + "-" + std::to_string(next_data_++);
  if (random_.one_in(40)) data.resize(200 + random_.below(4'000), '.');
  return data;
}

Asked RequestSource::create(OpCode type, std::string path, int32_t flags, int64_t ttl_ms) {
  std::string data = draw_data();
  std::string body = body_of([&](wire::Writer& out) {
    wire::write_create(out, type, {path, data, open_acl(), false, flags, ttl_ms});
  });
  return {type, std::move(path), std::move(body), std::move(data), -1, flags, false};
}

Asked RequestSource::by_path(OpCode type, std::string path) {
  std::string body = body_of([&](wire::Writer& out) { wire::write_path(out, {path}); });
  return {type, std::move(path), std::move(body)};
}

Asked RequestSource::draw() {
  if (operations_ == OperationSet::kAll && random_.one_in(5)) return draw_rare();
  return draw_basic();
}

std::string RequestSource::bulk_path(uint64_t node) const {
  return "/bulk/n" + std::to_string(node);
}

Asked RequestSource::draw_load() {
  if (!std::exchange(has_bulk_root_, true)) {
    return create(OpCode::kCreate, "/bulk", wire::kFlagPersistent);
  }
  std::vector<std::string> paths, values;
  for (; paths.size() < bulk_.batch && loaded_ < bulk_.nodes; ++loaded_) {
    paths.push_back(bulk_path(loaded_));
    values.push_back(draw_data());
    values.back().resize(bulk_.bytes_each, '.');
  }
  std::vector<wire::SubRequest> parts;
  for (size_t i = 0; i < paths.size(); ++i) {
    parts.push_back({OpCode::kCreate, wire::CreateRequest{paths[i], values[i], open_acl(), false,
                                                          wire::kFlagPersistent, 0}});
  }
  std::string body = body_of([&](wire::Writer& out) { wire::write_multi(out, parts); });
  return {OpCode::kMulti, paths[0], std::move(body), "", -1, 0, false};
}

Asked RequestSource::draw_bulk() {
  if (!is_loaded()) return draw_load();
  std::string path = bulk_path(random_.below(bulk_.nodes));
  if (random_.one_in(2)) {
    std::string body =
        body_of([&](wire::Writer& out) { wire::write_path_watch(out, {path, false}); });
    return {OpCode::kGetData, std::move(path), std::move(body), "", -1, 0, false};
  }
  std::string data = draw_data();
  if (random_.one_in(20)) data.resize(bulk_.bytes_each, '.');
  std::string body =
      body_of([&](wire::Writer& out) { wire::write_set_data(out, {path, data, -1}); });
  return {OpCode::kSetData, std::move(path), std::move(body), std::move(data), -1, 0, false};
}

Asked RequestSource::draw_basic() {
  return random_.below(10) < 6 ? draw_write() : draw_read();
}

Asked RequestSource::draw_write() {
  const uint64_t kind = random_.below(20);
  std::string path = draw_path();
  if (kind < 5) {
    const OpCode type = random_.one_in(2) ? OpCode::kCreate : OpCode::kCreate2;
    return create(type, std::move(path),
                  random_.one_in(3) ? wire::kFlagEphemeral : wire::kFlagPersistent);
  }
  if (kind < 7) {
    if (random_.one_in(2)) path += "/n";
    return create(OpCode::kCreate2, std::move(path),
                  random_.one_in(2) ? wire::kFlagEphemeralSequential : wire::kFlagSequential);
  }
  if (kind < 8) return create(OpCode::kCreate, path + "/c", wire::kFlagPersistent);
  if (kind < 11) {
    const int32_t version = random_.one_in(4) ? static_cast<int32_t>(random_.below(4)) : -1;
    if (random_.one_in(3)) path += "/c";
    std::string body =
        body_of([&](wire::Writer& out) { wire::write_path_version(out, {path, version}); });
    return {OpCode::kDelete, std::move(path), std::move(body), "", version, 0, false};
  }
  if (kind < 13) return draw_multi();
  if (kind < 14) {
    return by_path(OpCode::kSync, std::move(path));
  }
  const int32_t version = random_.one_in(4) ? static_cast<int32_t>(random_.below(6)) : -1;
  std::string data = draw_data();
  std::string body =
      body_of([&](wire::Writer& out) { wire::write_set_data(out, {path, data, version}); });
  return {OpCode::kSetData, std::move(path), std::move(body), std::move(data), version, 0, false};
}

Asked RequestSource::draw_multi() {
  std::vector<std::string> paths, values;
  const size_t count = 1 + random_.below(3);
  for (size_t i = 0; i < count; ++i) {
    paths.push_back(draw_path());
    values.push_back(draw_data());
  }
  std::vector<wire::SubRequest> parts;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t kind = random_.below(4);
    if (kind == 0) {
      wire::CreateRequest request{paths[i], values[i], open_acl(), false, wire::kFlagPersistent, 0};
      parts.push_back({OpCode::kCreate, request});
    } else if (kind == 1) {
      parts.push_back({OpCode::kDelete, wire::PathVersionRequest{paths[i], -1}});
    } else if (kind == 2) {
      parts.push_back({OpCode::kCheck, wire::PathVersionRequest{paths[i], 0}});
    } else {
      parts.push_back({OpCode::kSetData, wire::SetDataRequest{paths[i], values[i], -1}});
    }
  }
  std::string body = body_of([&](wire::Writer& out) { wire::write_multi(out, parts); });
  return {OpCode::kMulti, paths[0], std::move(body), values[0], -1, 0, false};
}

Asked RequestSource::draw_read() {
  constexpr OpCode kReads[] = {OpCode::kGetData, OpCode::kGetData, OpCode::kExists,
                               OpCode::kGetChildren2};
  const OpCode type = kReads[random_.below(std::size(kReads))];
  std::string path = draw_path();
  if (type == OpCode::kGetChildren2 && random_.one_in(2)) path = "/";
  if (type == OpCode::kGetData && random_.one_in(6)) path += "/c";
  const bool watch = random_.one_in(4);
  std::string body =
      body_of([&](wire::Writer& out) { wire::write_path_watch(out, {path, watch}); });
  return {type, std::move(path), std::move(body), "", -1, 0, watch};
}

Asked RequestSource::draw_rare() {
  const uint64_t kind = random_.below(20);
  std::string path = draw_path();
  if (kind < 4) return draw_set_acl(std::move(path));
  if (kind < 6) return by_path(OpCode::kGetAcl, std::move(path));
  if (kind < 7) return by_path(OpCode::kGetAllChildrenNumber, std::move(path));
  if (kind < 8) {
    return by_path(OpCode::kGetEphemerals, random_.one_in(2) ? "/" : path.substr(0, 3));
  }
  if (kind < 11) return create(OpCode::kCreateContainer, std::move(path), wire::kFlagContainer);
  if (kind < 14) {
    const auto ttl_ms = static_cast<int64_t>(100 + random_.below(3'000));
    return create(OpCode::kCreateTtl, std::move(path),
                  random_.one_in(3) ? wire::kFlagSequentialTtl : wire::kFlagTtl, ttl_ms);
  }
  if (kind < 16) return draw_multi_read();
  const bool is_removal = kind == 19;
  const bool is_recursive = random_.one_in(2);
  if (is_recursive && random_.one_in(3)) path = "/";
  const int32_t mode = is_removal     ? kRemoveAnyWatch
                       : is_recursive ? kWatchRecursive
                                      : kWatchPersistent;
  std::string body = body_of([&](wire::Writer& out) { wire::write_path_mode(out, {path, mode}); });
  return {is_removal ? OpCode::kRemoveWatches : OpCode::kAddWatch,
          std::move(path),
          std::move(body),
          "",
          -1,
          mode};
}

// Everybody may do everything under each of these lists: what a server answers does not depend on
// who asks, only the list itself does.
Asked RequestSource::draw_set_acl(std::string path) {
  wire::AclList acl = open_acl();
  const uint64_t others = random_.below(3);
  for (uint64_t i = 0; i < others; ++i) {
    const auto perms = static_cast<int32_t>(1 + random_.below(wire::kPermAll));
    acl.push_back({perms, {"ip", "10.0.0." + std::to_string(i)}});
  }
  const int32_t version = random_.one_in(4) ? static_cast<int32_t>(random_.below(4)) : -1;
  Asked asked{OpCode::kSetAcl, std::move(path)};
  asked.body = body_of(
      [&](wire::Writer& out) { wire::write_set_acl(out, {asked.path, acl, false, version}); });
  asked.version = version;
  asked.acl = std::move(acl);
  return asked;
}

Asked RequestSource::draw_multi_read() {
  Asked asked{OpCode::kMultiRead};
  const size_t count = 1 + random_.below(4);
  for (size_t i = 0; i < count; ++i) {
    asked.reads.emplace_back(random_.one_in(2) ? OpCode::kGetData : OpCode::kGetChildren,
                             draw_path());
  }
  std::vector<wire::SubRequest> parts;
  for (const auto& [type, path] : asked.reads) {
    parts.push_back({type, wire::PathWatchRequest{path, false}});
  }
  asked.path = asked.reads.front().second;
  asked.body = body_of([&](wire::Writer& out) { wire::write_multi(out, parts); });
  return asked;
}

}  // namespace zooid::sim
