#include "cli/crosscheck_janitor.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/crosscheck_requests.h"
#include "wire/request.h"

namespace zooid::cli {
namespace {

using wire::OpCode;

constexpr int64_t kAnswerTimeoutMs = 20'000;
constexpr int64_t kFirstAnswerTimeoutMs = 5'000;
constexpr int32_t kSessionTimeoutMs = 30'000;
constexpr size_t kPipelinedMax = 200;

std::string path_body(const std::string& path) {
  std::string body;
  wire::Writer out(body);
  wire::write_path_watch(out, {path, false});
  return body;
}

}  // namespace

CrosscheckJanitor::CrosscheckJanitor(Terminal& terminal, const env::Endpoint& server)
    : terminal_(terminal), server_(server) {
  client::ClientOptions options;
  options.servers = {server};
  options.session_timeout_ms = kSessionTimeoutMs;
  client_ = std::make_unique<client::Client>(terminal.network, terminal.clock,
                                             static_cast<uint64_t>(terminal.clock.now().wall_ms),
                                             std::move(options));
  terminal_.add_worker(*client_);
}

CrosscheckJanitor::~CrosscheckJanitor() {
  bool closed = false;
  client_->close([&](const client::ReplyView&) { closed = true; });
  terminal_.run_until([&] { return closed; }, 1000);
  terminal_.remove_worker(*client_);
}

Result<> CrosscheckJanitor::begin() {
  if (is_ready_) return {};
  bool done = false;
  wire::ErrorCode err = wire::ErrorCode::kOk;
  client_->add_auth("digest", std::string(kJanitorLogin),
                    [&](const client::ReplyView& reply) { done = true, err = reply.err; });
  if (!terminal_.run_until([&] { return done; }, kFirstAnswerTimeoutMs)) {
    return fail(Error::Kind::kTimeout, server_.text() + " does not answer");
  }
  if (err != wire::ErrorCode::kOk) return fail(server_.text() + " refuses the digest scheme");
  is_ready_ = true;
  return {};
}

Result<std::vector<CrosscheckJanitor::Answer>> CrosscheckJanitor::call(
    std::vector<Request> requests) {
  std::vector<Answer> answers;
  answers.reserve(requests.size());
  for (size_t from = 0; from < requests.size(); from += kPipelinedMax) {
    const size_t to = std::min(requests.size(), from + kPipelinedMax);
    for (size_t i = from; i < to; ++i) {
      client_->submit(requests[i].first, std::move(requests[i].second),
                      [&answers](const client::ReplyView& reply) {
                        answers.push_back({reply.err, reply.zxid, std::string(reply.body)});
                      });
    }
    if (!terminal_.run_until([&] { return answers.size() == to; }, kAnswerTimeoutMs)) {
      // Callbacks into a dead vector must not come: the client goes with this object.
      terminal_.remove_worker(*client_);
      return fail(Error::Kind::kTimeout, server_.text() + " does not answer");
    }
  }
  return answers;
}

Result<std::pair<int64_t, int64_t>> CrosscheckJanitor::make_root(const std::string& path) {
  wire::CreateRequest create;
  create.path = path;
  create.data = "";
  create.acl = {{wire::kPermAll, {"world", "anyone"}}};
  std::string body;
  wire::Writer out(body);
  write_create(out, OpCode::kCreate2, create);
  std::vector<Request> requests;
  requests.emplace_back(OpCode::kCreate2, std::move(body));
  TRY_VALUE(answers, call(std::move(requests)));
  if (answers[0].err != wire::ErrorCode::kOk) {
    return fail(fmt::format("{}: cannot create {}: {}", server_.text(), path,
                            wire::error_name(answers[0].err)));
  }
  wire::Reader in(answers[0].body);
  in.buffer();
  wire::Stat stat;
  wire::read(in, stat);
  return std::pair{stat.czxid, stat.ctime};
}

Result<std::vector<std::string>> CrosscheckJanitor::walk(const std::string& path) {
  std::vector<std::string> all{path};
  size_t from = 0;
  while (from < all.size()) {
    const size_t to = all.size();
    std::vector<Request> requests;
    for (size_t i = from; i < to; ++i)
      requests.emplace_back(OpCode::kGetChildren, path_body(all[i]));
    TRY_VALUE(answers, call(std::move(requests)));
    for (size_t i = from; i < to; ++i) {
      if (answers[i - from].err != wire::ErrorCode::kOk) continue;
      wire::Reader in(answers[i - from].body);
      std::vector<std::string> names;
      for (int32_t left = in.count(4); left > 0; --left) names.emplace_back(in.buffer());
      std::sort(names.begin(), names.end());
      for (const std::string& name : names) all.push_back(all[i] + "/" + name);
    }
    from = to;
  }
  return all;
}

void CrosscheckJanitor::remove(const std::string& path) {
  const auto paths = walk(path);
  if (!paths) return;
  std::vector<Request> requests;
  for (auto at = paths->rbegin(); at != paths->rend(); ++at) {
    std::string body;
    wire::Writer out(body);
    wire::write_path_version(out, {*at, -1});
    requests.emplace_back(OpCode::kDelete, std::move(body));
  }
  (void)call(std::move(requests));
}

}  // namespace zooid::cli
