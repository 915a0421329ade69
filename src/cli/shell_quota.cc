// Quotas: setquota, listquota, delquota. Limits and use of a node stand as text below
// /zookeeper/quota<path> (Quotas and StatsTrack of ZooKeeper's client); with a chroot that is the
// server's path, where the server looks for them.
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <map>

#include "cli/shell.h"
#include "cli/shell_text.h"
#include "wire/request.h"

namespace zooid::cli {
namespace {

using wire::ErrorCode;
using wire::OpCode;

const std::string kQuotaRoot = "/zookeeper/quota";
const std::string kLimits = "/zookeeper_limits";
const std::string kStats = "/zookeeper_stats";

struct Limit {
  const char* option;
  const char* key;
  int64_t least;
  const char* refusal;
};
constexpr Limit kAll[] = {
    {"n", "count", 1, "the num quota must be greater than zero"},
    {"b", "bytes", 0, "the bytes quota must be greater than or equal to zero"},
    {"N", "countHardLimit", 1, "the num quota must be greater than zero"},
    {"B", "byteHardLimit", 0, "the bytes quota must be greater than or equal to zero"},
};

// "count=5,bytes=-1=;byteHardLimit=-1;countHardLimit=10": the first two for every reader, the rest
// behind a sign that makes old readers stop.
class Track {
 public:
  Track() = default;
  explicit Track(std::string_view text) {
    while (!text.empty()) {
      const size_t end = text.find_first_of(",;");
      const std::string_view pair = text.substr(0, end);
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      const size_t equals = pair.find('=');
      if (equals == std::string_view::npos) continue;
      int64_t value = -1;
      std::from_chars(pair.data() + equals + 1, pair.data() + pair.size(), value);
      values_[std::string(pair.substr(0, equals))] = value;
    }
  }
  int64_t get(const std::string& key) const {
    const auto it = values_.find(key);
    return it == values_.end() ? -1 : it->second;
  }
  void set(const std::string& key, int64_t value) { values_[key] = value; }
  std::string text() const {
    std::string text = fmt::format("count={},bytes={}", get("count"), get("bytes"));
    bool is_first = true;
    for (const auto& [key, value] : values_) {
      if (key == "count" || key == "bytes") continue;
      text += fmt::format("{};{}={}", is_first ? "=" : "", key, value);
      is_first = false;
    }
    return text;
  }

 private:
  std::map<std::string, int64_t> values_;
};

void warn_of_use(const Track& limits, const Track& stats) {
  const auto is_less = [&](const char* limit, const char* use) {
    return limits.get(limit) > -1 && limits.get(limit) < stats.get(use);
  };
  if (is_less("count", "count") || is_less("countHardLimit", "count")) {
    std::printf("[Warning]: the count quota you create is less than the existing count:%lld\n",
                static_cast<long long>(stats.get("count")));
  }
  if (is_less("bytes", "bytes") || is_less("byteHardLimit", "bytes")) {
    std::printf("[Warning]: the bytes quota you create is less than the existing bytes:%lld\n",
                static_cast<long long>(stats.get("bytes")));
  }
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

std::optional<std::string> Shell::data_of(const std::string& full_path, Reply& reply) {
  std::string body;
  wire::Writer out(body);
  wire::write_path_watch(out, {full_path, false});
  reply = call(OpCode::kGetData, std::move(body));
  if (reply.err != ErrorCode::kOk) return std::nullopt;
  wire::Reader in(reply.body);
  return std::string(in.nullable().value_or(""));
}

Shell::Reply Shell::make_node(const std::string& full_path, const std::string& data) {
  wire::CreateRequest request;
  request.path = full_path;
  request.data = data;
  request.acl = {{wire::kPermAll, {"world", "anyone"}}};
  std::string body;
  wire::Writer out(body);
  wire::write_create(out, OpCode::kCreate2, request);
  Reply reply = call(OpCode::kCreate2, std::move(body));
  if (reply.err == ErrorCode::kNodeExists) reply.err = ErrorCode::kOk;
  return reply;
}

int Shell::do_setquota(const ParsedCommand& command) {
  const std::string& path = command.arguments[0];
  const auto target = full(path);
  if (!target) return 1;
  if (target->starts_with(kQuotaRoot)) {
    return complain("cannot set a quota under the path: " + kQuotaRoot);
  }
  const Limit* wanted = nullptr;
  for (const Limit& limit : kAll) {
    if (!command.has(limit.option)) continue;
    if (wanted != nullptr) return usage_error(find("setquota")->spec, "one limit at a time");
    wanted = &limit;
  }
  if (wanted == nullptr) return usage_error(find("setquota")->spec, "Missing required option");
  const int64_t most = wanted->least == 1 ? INT32_MAX : INT64_MAX;
  const auto value = parse_number(command.value(wanted->option), wanted->option, INT64_MIN, most);
  if (!value) return complain(value.error().message);
  if (*value < wanted->least) return complain(wanted->refusal);

  Reply reply;
  if (!stat_of(*target, false, reply)) {
    if (reply.err == ErrorCode::kNoNode) return complain(path + " does not exist.");
    return report(reply, path);
  }
  // One quota on each way from the root to a leaf.
  const std::string quota = kQuotaRoot + *target;
  std::string below;
  visit_tree(quota, false, [&](const std::string& one) {
    if (one.ends_with(kLimits) && parent_of(one) != quota) below = parent_of(one);
  });
  if (!below.empty()) {
    return complain(fmt::format("{} has a child {} which has a quota", path,
                                shown(below.substr(kQuotaRoot.size()))));
  }
  for (std::string up = parent_of(quota); up.size() > kQuotaRoot.size(); up = parent_of(up)) {
    if (stat_of(up + kLimits, false, reply)) {
      return complain(fmt::format("{} has a parent {} which has a quota", path,
                                  shown(up.substr(kQuotaRoot.size()))));
    }
  }

  Track limits, stats;
  for (const Limit& limit : kAll) limits.set(limit.key, -1);
  if (const auto text = data_of(quota + kLimits, reply)) limits = Track(*text);
  const bool is_new = reply.err == ErrorCode::kNoNode;
  limits.set(wanted->key, *value);
  if (is_new) {
    for (size_t end = kQuotaRoot.size(); end != std::string::npos;) {
      end = quota.find('/', end + 1);
      reply = make_node(quota.substr(0, end), "");
      if (reply.err != ErrorCode::kOk) return report(reply, path);
    }
    reply = make_node(quota + kLimits, limits.text());
    if (reply.err != ErrorCode::kOk) return report(reply, path);
    Track none;
    none.set("count", 0);
    none.set("bytes", 0);
    reply = make_node(quota + kStats, none.text());
    if (reply.err != ErrorCode::kOk) return report(reply, path);
  }
  if (const auto text = data_of(quota + kStats, reply)) stats = Track(*text);
  warn_of_use(limits, stats);
  if (is_new) return 0;
  std::string body;
  wire::Writer out(body);
  const std::string text = limits.text(), node = quota + kLimits;
  wire::write_set_data(out, {node, text, -1});
  return report(call(OpCode::kSetData, std::move(body)), path);
}

int Shell::do_listquota(const ParsedCommand& command) {
  const std::string& path = command.arguments[0];
  const auto target = full(path);
  if (!target) return 1;
  const std::string quota = kQuotaRoot + *target;
  complain("absolute path is " + quota + kLimits);
  Reply reply;
  const auto limits = data_of(quota + kLimits, reply);
  const auto stats = limits ? data_of(quota + kStats, reply) : std::nullopt;
  if (reply.err == ErrorCode::kNoNode) {
    complain("quota for " + path + " does not exist.");
    return 0;
  }
  if (!limits || !stats) return report(reply, path);
  std::printf("Output quota for %s %s\n", path.c_str(), Track(*limits).text().c_str());
  std::printf("Output stat for %s %s\n", path.c_str(), Track(*stats).text().c_str());
  return 0;
}

int Shell::do_delquota(const ParsedCommand& command) {
  const std::string& path = command.arguments[0];
  const auto target = full(path);
  if (!target) return 1;
  std::string quota = kQuotaRoot + *target;
  Reply reply;
  const auto text = data_of(quota + kLimits, reply);
  if (!text) {
    if (reply.err != ErrorCode::kNoNode) return report(reply, path);
    std::printf("Quota does not exist for %s\n", path.c_str());
    return 0;
  }
  const auto remove = [&](const std::string& node) {
    std::string body;
    wire::Writer out(body);
    wire::write_path_version(out, {node, -1});
    return call(OpCode::kDelete, std::move(body));
  };
  Track limits(*text);
  bool is_all = true;
  for (const Limit& limit : kAll) {
    if (!command.has(limit.option)) continue;
    is_all = false;
    limits.set(limit.key, -1);
  }
  if (!is_all) {
    std::string body;
    wire::Writer out(body);
    const std::string node = quota + kLimits, remaining = limits.text();
    wire::write_set_data(out, {node, remaining, -1});
    return report(call(OpCode::kSetData, std::move(body)), path);
  }
  for (const std::string& node : {kLimits, kStats}) {
    reply = remove(quota + node);
    if (reply.err != ErrorCode::kOk && reply.err != ErrorCode::kNoNode) return report(reply, path);
  }
  // Nodes that hold nothing any more go, up to the root of the quotas.
  while (quota.size() > kQuotaRoot.size() && remove(quota).err == ErrorCode::kOk) {
    quota = parent_of(quota);
  }
  return 0;
}

}  // namespace zooid::cli
