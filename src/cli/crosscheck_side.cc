#include "cli/crosscheck_side.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"

namespace zooid::cli {
namespace {

constexpr int64_t kCloseTimeoutMs = 5'000;
constexpr int32_t kAnchorTimeoutMs = 30'000;
constexpr int64_t kZxidAhead = 1'000'000'000;
constexpr const char* kQuotaRoot = "/zookeeper/quota";

std::string flipped(std::string password) {
  password.front() = static_cast<char>(password.front() ^ 1);
  return password;
}

}  // namespace

template <class Visit>
void CrosscheckSide::for_each_connection(Visit visit) const {
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].former) visit(fmt::format("S{}{}", i, kFormerConnection), *slots_[i].former);
    if (slots_[i].connection) visit(fmt::format("S{}", i), *slots_[i].connection);
  }
  for (const auto& stray : strays_) visit("a fresh connection", *stray);
}

Result<> CrosscheckSide::begin(const std::string& root, size_t slots) {
  if (!janitor_) janitor_ = std::make_unique<CrosscheckJanitor>(terminal_, tree_server_);
  TRY(janitor_->begin());
  TRY_VALUE(base, janitor_->make_root(root));
  normaliser_ = std::make_unique<Normaliser>(profile_, root);
  normaliser_->set_base(base.first, base.second);
  began_us_ = terminal_.clock.now().mono_us;
  slots_.clear();
  slots_.resize(slots);
  sessions_.clear();
  return cast_anchors();
}

Result<> CrosscheckSide::cast_anchors() {
  anchors_.clear();
  if (servers_.size() == 1) return {};
  for (const env::Endpoint& server : servers_) {
    anchors_.push_back(
        std::make_unique<CrosscheckConnection>(terminal_.network, server, *normaliser_));
    wire::ConnectRequest request;
    request.timeout_ms = kAnchorTimeoutMs;
    request.has_read_only = true;
    request.password = std::string(16, '\0');
    anchors_.back()->send_handshake(request);
    const auto& anchor = *anchors_.back();
    if (!terminal_.run_until([&] { return anchor.settled(); }, kCloseTimeoutMs) ||
        !anchor.is_established()) {
      return fail(Error::Kind::kTimeout, server.text() + " gives no session");
    }
    sessions_.push_back(anchor.session());
  }
  return {};
}

wire::ConnectRequest CrosscheckSide::handshake(const Step& step) const {
  const Slot& slot = slots_[step.slot];
  wire::ConnectRequest request;
  request.timeout_ms = step.timeout_ms;
  request.has_read_only = step.has_read_only;
  request.password = std::string(16, '\0');
  request.last_zxid_seen = normaliser_->last_zxid();
  if (step.mode == ConnectMode::kZxidAhead) request.last_zxid_seen += kZxidAhead;
  if (step.mode == ConnectMode::kAttach || step.mode == ConnectMode::kWrongPassword) {
    request.session_id = SessionId{slot.session};
    request.password = wire::session_password(request.session_id);
  }
  if (step.mode == ConnectMode::kWrongPassword) request.password = flipped(request.password);
  if (step.mode == ConnectMode::kUnknownSession) {
    request.session_id = SessionId{0x7b00000000001234};
    request.password = wire::session_password(request.session_id);
  }
  return request;
}

void CrosscheckSide::connect(const Step& step) {
  Slot& slot = slots_[step.slot];
  const bool wants_session =
      step.mode == ConnectMode::kAttach || step.mode == ConnectMode::kWrongPassword;
  if (wants_session && slot.session == 0) return;  // the step that made it was left out
  if (slot.connection && slot.connection->is_open()) {
    if (step.mode == ConnectMode::kAttach) {
      slot.former = std::move(slot.connection);
    } else {
      slot.connection->close_by_client();
    }
  }
  slot.connection = std::make_unique<CrosscheckConnection>(
      terminal_.network, servers_[step.server % servers_.size()], *normaliser_);
  const wire::ConnectRequest request = handshake(step);
  slot.connection->send_handshake(request);
  for (const PlannedRequest& one : step.requests) slot.connection->send(one);
}

void CrosscheckSide::start(const Step& step) {
  ASSERT(step.slot < slots_.size());
  const int64_t elapsed_us = terminal_.clock.now().mono_us - began_us_;
  normaliser_->set_elapsed_ms(elapsed_us / 1000);
  CrosscheckConnection* connection = slots_[step.slot].connection.get();
  const bool is_open = connection != nullptr && connection->is_open();
  switch (step.kind) {
    case StepKind::kConnect:
      return connect(step);
    case StepKind::kRequests:
      if (!is_open) return;
      for (const PlannedRequest& request : step.requests) connection->send(request);
      return;
    case StepKind::kDisconnect:
      if (is_open) connection->close_by_client();
      return;
    case StepKind::kRawBytes:
      if (is_open) connection->send_raw(step.bytes);
      return;
    case StepKind::kRawConnect:
      strays_.push_back(std::make_unique<CrosscheckConnection>(
          terminal_.network, servers_[step.server % servers_.size()], *normaliser_));
      strays_.back()->send_raw(step.bytes);
      return;
  }
}

void CrosscheckSide::send_barriers() {
  for (Slot& slot : slots_) {
    for (auto* connection : {slot.former.get(), slot.connection.get()}) {
      if (connection != nullptr && connection->is_established()) connection->send_barrier();
    }
  }
  for (const auto& anchor : anchors_) anchor->send_barrier();
}

bool CrosscheckSide::settled() const {
  bool settled = true;
  for_each_connection([&](const std::string&, const CrosscheckConnection& connection) {
    settled = settled && connection.settled();
  });
  for (const auto& anchor : anchors_) settled = settled && anchor->settled();
  return settled;
}

bool CrosscheckSide::is_behind() const {
  const auto is_late = [&](const CrosscheckConnection& connection) {
    return connection.is_established() && connection.barrier_zxid() < normaliser_->last_zxid();
  };
  bool behind = false;
  for_each_connection([&](const std::string&, const CrosscheckConnection& connection) {
    behind = behind || is_late(connection);
  });
  for (const auto& anchor : anchors_) behind = behind || is_late(*anchor);
  return behind;
}

void CrosscheckSide::give_up() {
  for_each_connection(
      [](const std::string&, CrosscheckConnection& connection) { connection.give_up(); });
  for (const auto& anchor : anchors_) anchor->give_up();
}

StepLines CrosscheckSide::take_lines() {
  StepLines lines;
  for_each_connection([&](const std::string& label, CrosscheckConnection& connection) {
    std::vector<SeenLine> seen = connection.take_lines();
    if (!seen.empty()) lines.emplace(label, std::move(seen));
  });
  for (Slot& slot : slots_) {
    if (slot.former && !slot.former->is_open()) slot.former.reset();
    if (!slot.connection || slot.connection->session() == 0) continue;
    slot.session = slot.connection->session();
    if (std::find(sessions_.begin(), sessions_.end(), slot.session) == sessions_.end()) {
      sessions_.push_back(slot.session);
    }
  }
  strays_.clear();
  // Of the anchors only what must not be: an end, or a sync without an answer, for which every
  // step behind would wait in vain.
  for (size_t i = 0; i < anchors_.size(); ++i) {
    std::vector<SeenLine> seen = anchors_[i]->take_lines();
    std::erase_if(seen, [](const auto& line) { return line.kind != SeenLine::Kind::kClosed; });
    if (!seen.empty()) lines.emplace(fmt::format("the barrier on server {}", i), std::move(seen));
  }
  return lines;
}

Result<std::vector<std::string>> CrosscheckSide::read_tree() {
  std::vector<std::string> lines;
  for (const std::string& root :
       {normaliser_->root(), kQuotaRoot + normaliser_->root(), std::string("/zookeeper/config")}) {
    TRY_VALUE(paths, janitor_->walk(root));
    std::sort(paths.begin(), paths.end());
    std::vector<CrosscheckJanitor::Request> requests;
    std::vector<PlannedRequest> planned;
    for (const std::string& path : paths) {
      for (const auto type :
           {wire::OpCode::kGetData, wire::OpCode::kGetAcl, wire::OpCode::kGetChildren2}) {
        PlannedRequest request;
        request.type = static_cast<int32_t>(type);
        wire::Writer out(request.body);
        wire::write_path_watch(out, {path, false});
        requests.emplace_back(type, request.body);
        planned.push_back(std::move(request));
      }
    }
    TRY_VALUE(answers, janitor_->call(std::move(requests)));
    for (size_t i = 0; i < answers.size(); ++i) {
      const wire::ReplyHeader header{0, answers[i].zxid, static_cast<int32_t>(answers[i].err)};
      lines.push_back(readable(paths[i / 3], normaliser_->root()) + ' ' +
                      wire::op_name(static_cast<wire::OpCode>(planned[i].type)) + ' ' +
                      normaliser_->reply(header, answers[i].body, planned[i]).text);
    }
  }
  return lines;
}

// Also those without a connection: a session that expired later would make a transaction in the
// middle of another play.
void CrosscheckSide::close_sessions() {
  std::vector<std::unique_ptr<CrosscheckConnection>> closing;
  PlannedRequest close;
  close.xid = 1;
  close.type = static_cast<int32_t>(wire::OpCode::kCloseSession);
  for (const int64_t session : sessions_) {
    wire::ConnectRequest request;
    request.timeout_ms = 10'000;
    request.session_id = SessionId{session};
    request.password = wire::session_password(request.session_id);
    request.has_read_only = true;
    closing.push_back(
        std::make_unique<CrosscheckConnection>(terminal_.network, tree_server_, *normaliser_));
    closing.back()->send_handshake(request);
    closing.back()->send(close);
  }
  terminal_.run_until(
      [&] {
        return std::all_of(closing.begin(), closing.end(),
                           [](const auto& connection) { return !connection->is_open(); });
      },
      kCloseTimeoutMs);
}

void CrosscheckSide::end() {
  for_each_connection(
      [](const std::string&, CrosscheckConnection& connection) { connection.close_by_client(); });
  anchors_.clear();
  close_sessions();
  slots_.clear();
  strays_.clear();
  janitor_->remove(kQuotaRoot + normaliser_->root());
  janitor_->remove(normaliser_->root());
  normaliser_.reset();
}

}  // namespace zooid::cli
