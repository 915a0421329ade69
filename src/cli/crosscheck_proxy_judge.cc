#include "cli/crosscheck_proxy_judge.h"

#include <fmt/format.h>

#include <algorithm>

namespace zooid::cli {
namespace {

using wire::OpCode;

constexpr const char* kWriteDiffered = "a write of this node was answered differently before";
constexpr const char* kNotReplayed = "a write of this node was not replayed";
constexpr const char* kSessionEnds = "the session of an ephemeral ends in each server's own time";
constexpr const char* kLate = "the reference made it before what had been replayed already";
constexpr const char* kEventMoment = "an event came at another place among the replies";
constexpr int64_t kSessionEndSlackMs = 10'000;
constexpr size_t kTaintedMax = 10'000;
constexpr size_t kSessionsMax = 100'000;
constexpr size_t kEphemeralsOfSessionMax = 10'000;

// Of reads and events the header's zxid is looked at apart, or tells only how far the server is.
constexpr int64_t kAnyZxid = INT64_MAX;

int64_t zxid_shown(bool is_of_request, int64_t zxid) {
  return is_of_request || zxid <= 0 ? zxid : kAnyZxid;
}

std::string zxid_text(const std::optional<std::string>& name, int64_t zxid) {
  return zxid == kAnyZxid ? "any" : name.value_or("old");
}

std::string event_words(const ProxyEvent* event) {
  return event == nullptr ? "nothing" : event->text;
}

template <class Map>
void keep_at_most(Map& map, size_t count) {
  if (map.size() > count) map.erase(map.begin());
}

}  // namespace

ProxyJudge::ProxyJudge(CrosscheckProfile profile, Tell tell)
    : profile_(profile),
      tell_(std::move(tell)),
      reference_(profile, ""),
      candidate_(profile, ""),
      comparer_(profile, 1) {
  const auto session_text = [](const std::optional<std::string>& name, int64_t id) {
    return name ? "session" + *name : fmt::format("0x{:x}", static_cast<uint64_t>(id));
  };
  reference_.set_names(
      [this](int64_t zxid) { return zxid_text(zxids_.name_of_reference(zxid), zxid); },
      [=, this](int64_t id) { return session_text(sessions_.name_of_reference(id), id); });
  candidate_.set_names(
      [this](int64_t zxid) { return zxid_text(zxids_.name_of_candidate(zxid), zxid); },
      [=, this](int64_t id) { return session_text(sessions_.name_of_candidate(id), id); });
}

wire::ConnectRequest ProxyJudge::handshake_for_candidate(const Exchange& exchange) const {
  wire::ConnectRequest request = *exchange.handshake;
  request.last_zxid_seen = zxids_.candidate_at_most(request.last_zxid_seen).value_or(0);
  const int64_t asked = request.session_id.value;
  const auto partner = sessions_.candidate_of(asked);
  if (!partner) return request;  // of before the proxy, or none
  request.session_id = SessionId{*partner};
  const auto known = passwords_.find(asked);
  if (known != passwords_.end() && known->second.reference == request.password) {
    request.password = known->second.candidate;
  }
  return request;
}

std::string ProxyJudge::body_for_candidate(const PlannedRequest& request) const {
  std::string body = request.body;
  if (!begins_with_zxid(request.type) || body.size() < sizeof(int64_t)) return body;
  wire::Reader in(body);
  const auto partner = zxids_.candidate_at_most(in.i64());
  if (!partner) return body;
  std::string zxid;
  wire::Writer(zxid).i64(*partner);
  return body.replace(0, zxid.size(), zxid);
}

void ProxyJudge::judge(ProxyFinding finding, const std::vector<std::string>& paths,
                       int64_t now_us) {
  for (const std::string& path : paths) {
    const auto reason = taint_.reason(path, now_us);
    if (!reason) continue;
    finding.kind =
        *reason == kSessionEnds ? ProxyFinding::Kind::kOrder : ProxyFinding::Kind::kFollowing;
    finding.reason = *reason;
  }
  switch (finding.kind) {
    case ProxyFinding::Kind::kDifference:
      ++counts_.differences;
      break;
    case ProxyFinding::Kind::kFollowing:
      ++counts_.following;
      break;
    case ProxyFinding::Kind::kOrder:
      ++counts_.order[finding.reason];
      break;
  }
  tell_(finding);
}

void ProxyJudge::difference(ProxyFinding finding) {
  judge(std::move(finding), {}, 0);
}

void ProxyJudge::handshake(const std::string& connection, const Exchange& exchange,
                           const wire::ConnectResponse& candidate, int64_t now_us) {
  ++counts_.exchanges;
  const int64_t asked = exchange.handshake->session_id.value;
  const int64_t here = exchange.response.session_id.value, there = candidate.session_id.value;
  if (here != 0 && there != 0) {
    sessions_.pair(here, there);
    passwords_[here] = {exchange.response.password, candidate.password};
    keep_at_most(passwords_, kSessionsMax);
  }
  if (here != 0) {
    session_of_[connection] = here;
    keep_at_most(session_of_, kSessionsMax);
  }
  const bool was_left = asked != 0 && ephemerals_.contains(asked);
  if (was_left && here != 0 && there != 0) {
    for (const std::string& path : ephemerals_[asked]) taint_.remove(path);
  }
  const SeenLine left = reference_.connect_response(exchange.response);
  const SeenLine right = candidate_.connect_response(candidate);
  if (left == right) return;
  ProxyFinding finding{
      ProxyFinding::Kind::kDifference, connection, describe(exchange), left.text, right.text, ""};
  if (asked != 0 && (here == 0) != (there == 0)) {
    finding.kind = ProxyFinding::Kind::kOrder;
    finding.reason = kSessionEnds;
  }
  judge(std::move(finding), {}, now_us);
}

SeenLine ProxyJudge::line(Normaliser& normaliser, const Exchange& exchange,
                          wire::ReplyHeader header, std::string_view body) const {
  header.zxid = zxid_shown(makes_transaction(exchange.request.type, header.err), header.zxid);
  return normaliser.reply(header, body, exchange.request);
}

void ProxyJudge::reply(const std::string& connection, const Exchange& exchange,
                       const wire::ReplyHeader& header, std::string_view body,
                       const std::string& remark, int64_t now_us) {
  ++counts_.exchanges;
  const PlannedRequest& request = exchange.request;
  const bool both_make = exchange.makes_transaction && makes_transaction(request.type, header.err);
  if (both_make) zxids_.pair(exchange.header.zxid, header.zxid);
  note_ephemerals(exchange, session_of_[connection]);

  const SeenLine left = line(reference_, exchange, exchange.header, exchange.body);
  SeenLine right = line(candidate_, exchange, header, body);
  right.text += remark;
  Step step;
  step.requests.push_back(request);
  const auto found = comparer_.compare(step, {{connection, {left}}}, {{connection, {right}}});
  if (!found) return;
  ProxyFinding finding{
      ProxyFinding::Kind::kDifference, connection, describe(request), left.text, right.text, ""};
  if (exchange.is_late) {
    finding.kind = ProxyFinding::Kind::kOrder;
    finding.reason = kLate;
  }
  std::vector<std::string> paths = paths_of(request);
  for (CreatedPath& created : created_paths(request, exchange.body)) {
    paths.push_back(std::move(created.path));
  }
  judge(std::move(finding), paths, now_us);
  taint_outcome(exchange, header.err, body);
}

// If they did not do the same.
void ProxyJudge::taint_outcome(const Exchange& exchange, int32_t err, std::string_view body) {
  const PlannedRequest& request = exchange.request;
  if (!exchange.makes_transaction && !makes_transaction(request.type, err)) return;
  std::vector<std::string> paths;
  const auto add_created = [&](std::string_view reply) {
    for (CreatedPath& created : created_paths(request, reply)) {
      paths.push_back(std::move(created.path));
    }
  };
  if (exchange.header.err == 0) add_created(exchange.body);
  const size_t here = paths.size();
  if (err == 0) add_created(body);
  const bool is_same = exchange.header.err == err && paths.size() == 2 * here &&
                       std::equal(paths.begin(), paths.begin() + static_cast<std::ptrdiff_t>(here),
                                  paths.begin() + static_cast<std::ptrdiff_t>(here));
  if (is_same && static_cast<OpCode>(request.type) != OpCode::kMulti) return;
  for (std::string& path : paths_of(request)) paths.push_back(std::move(path));
  for (const std::string& path : paths) taint_.add(path, kWriteDiffered);
}

void ProxyJudge::note_ephemerals(const Exchange& exchange, int64_t session) {
  if (exchange.header.err != 0) return;
  for (CreatedPath& created : created_paths(exchange.request, exchange.body)) {
    if (!created.is_ephemeral) continue;
    std::vector<std::string>& all = ephemerals_[session];
    if (all.size() < kEphemeralsOfSessionMax) all.push_back(std::move(created.path));
  }
  if (static_cast<OpCode>(exchange.request.type) == OpCode::kCloseSession) {
    ephemerals_.erase(session);
  }
  keep_at_most(ephemerals_, kSessionsMax);
}

ProxyEvent ProxyJudge::event_of_reference(const wire::ReplyHeader& header, std::string_view body) {
  return event_of(reference_, header, body);
}

ProxyEvent ProxyJudge::event_of_candidate(const wire::ReplyHeader& header, std::string_view body) {
  return event_of(candidate_, header, body);
}

ProxyEvent ProxyJudge::event_of(Normaliser& normaliser, const wire::ReplyHeader& header,
                                std::string_view body) {
  ProxyEvent event;
  event.zxid = header.zxid;
  event.text =
      normaliser.event({header.xid, zxid_shown(false, header.zxid), header.err}, body).text;
  wire::Reader in(body);
  in.i64();
  event.path = in.buffer();
  return event;
}

void ProxyJudge::event(const std::string& connection, const EventPairs::Judged& judged,
                       int64_t now_us) {
  ++counts_.events;
  const ProxyEvent* left = judged.reference;
  const ProxyEvent* right = judged.candidate;
  ProxyFinding finding{ProxyFinding::Kind::kDifference,
                       connection,
                       "watch event",
                       event_words(left),
                       event_words(right),
                       ""};
  const std::string& path = left != nullptr ? left->path : right->path;
  if (left == nullptr || right == nullptr) return judge(std::move(finding), {path}, now_us);
  if (judged.in_other_order) {
    finding.candidate += ", but not in this order";
    return judge(std::move(finding), {path}, now_us);
  }
  const bool has_zxids = profile_ == CrosscheckProfile::k39 && left->zxid > 0 && right->zxid > 0;
  if (has_zxids && !zxids_.pair(left->zxid, right->zxid)) {
    finding.reference += ": " + reference_.zxid(left->zxid);
    finding.candidate += ": " + candidate_.zxid(right->zxid);
    return judge(std::move(finding), {path}, now_us);
  }
  if (left->came_behind) {
    finding.candidate += ", but behind the reply to the write that caused it";
    return judge(std::move(finding), {path}, now_us);
  }
  if (left->replies_before == right->replies_before) return;
  finding.kind = ProxyFinding::Kind::kOrder;
  finding.reason = kEventMoment;
  finding.reference += fmt::format(", behind {} replies", left->replies_before);
  finding.candidate += fmt::format(", behind {} replies", right->replies_before);
  judge(std::move(finding), {}, now_us);
}

void ProxyJudge::session_left(int64_t session, int32_t timeout_ms, int64_t now_us) {
  const auto left = ephemerals_.find(session);
  if (left == ephemerals_.end()) return;
  const int64_t until_us = now_us + ms_to_us(2 * int64_t{timeout_ms} + kSessionEndSlackMs);
  for (const std::string& path : left->second) taint_.add(path, kSessionEnds, until_us);
}

void ProxyJudge::not_replayed(const PlannedRequest& request) {
  if (!makes_transaction(request.type, 0)) return;
  for (const std::string& path : paths_of(request)) taint_.add(path, kNotReplayed);
}

ProxyCounts ProxyJudge::counts() const {
  ProxyCounts counts = counts_;
  counts.known = comparer_.excused();
  return counts;
}

bool ProxyJudge::has_lost_track() const {
  return taint_.size() > kTaintedMax;
}

}  // namespace zooid::cli
