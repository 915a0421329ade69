#include "sim/workload.h"

#include <algorithm>

#include "base/assert.h"

namespace zooid::sim {

using wire::OpCode;

Workload::Workload(env::MemoryHost& host, int number, uint64_t seed, WorkloadOptions options,
                   History& history)
    : host_(host),
      number_(number),
      random_(seed),
      options_(std::move(options)),
      requests_(random_, number, options_.keys, options_.operations, options_.bulk),
      history_(history) {
  host_.add_worker(*this);
}

Workload::~Workload() = default;

SessionLife* Workload::life() {
  return life_index_ == SIZE_MAX ? nullptr : &history_.sessions[life_index_];
}

void Workload::open_session(Now now) {
  wants_new_session_ = false;
  life_index_ = SIZE_MAX;
  next_cxid_ = 1;
  client::ClientOptions options;
  options.servers = options_.servers;
  options.session_timeout_ms = options_.session_timeout_ms;
  client_ = std::make_unique<client::Client>(host_, host_, random_.next(), std::move(options));
  client_->on_state([this](client::SessionState state) { on_state(state); });
  client_->on_event([this](const client::WatchEvent& event) { on_event(event); });
  ask_at_us_ = now.mono_us;
}

void Workload::on_state(client::SessionState state) {
  const int64_t now_us = host_.now().mono_us;
  if (state == client::SessionState::kConnected) {
    ++connections_;
    ask_at_us_ = now_us;
  }
  if (state == client::SessionState::kConnected && life_index_ == SIZE_MAX) {
    life_index_ = history_.sessions.size();
    history_.sessions.push_back({client_->session(), number_, client_->negotiated_timeout_ms(),
                                 now_us, now_us, false, kNever});
  }
  if (state == client::SessionState::kExpired) {
    if (life() != nullptr) life()->expired_us = now_us;
    wants_new_session_ = true;
  }
  if (state == client::SessionState::kClosed) wants_new_session_ = true;
}

void Workload::on_event(const client::WatchEvent& event) {
  history_.events.push_back({number_, client_->session(), event.type, event.path, event.zxid,
                             host_.now().mono_us, history_.completions++});
}

void Workload::on_batch(Now now) {
  if (wants_new_session_ && outstanding_ == 0 && (client_ == nullptr || !is_stopped_)) {
    // Not inside a callback of the old one.
    if (client_ != nullptr) former_.push_back(std::move(client_));
    former_.clear();
    open_session(now);
  }
  client_->on_batch(now);
  if (!is_stopped_ && now.mono_us >= ask_at_us_) ask(now);
}

int64_t Workload::next_deadline() const {
  if (wants_new_session_ && outstanding_ == 0 && !is_stopped_) return 0;
  if (client_ == nullptr) return 0;
  const bool may_ask = !is_stopped_ && !wants_new_session_;
  return std::min(client_->next_deadline(), may_ask ? ask_at_us_ : kNever);
}

bool Workload::is_behind(Now now) const {
  return is_connected() && answered_ < now.mono_us / options_.due_us;
}

void Workload::ask(Now now) {
  const auto mean = static_cast<uint64_t>(is_behind(now) ? options_.hurried_pause_mean_us
                                                         : options_.pause_mean_us);
  ask_at_us_ = now.mono_us + 1 + static_cast<int64_t>(random_.below(2 * mean));
  if (outstanding_ >= options_.outstanding_max || wants_new_session_) return;
  if (!is_connected()) return;
  if (options_.bulk.nodes == 0 && random_.one_in(600)) {
    if (life() != nullptr) life()->is_close_asked = true;
    Asked asked;
    asked.type = OpCode::kCloseSession;
    return submit(std::move(asked), now);
  }
  if (random_.one_in(300)) return client_->disconnect();
  // Now and then a burst, so that reads stand between writes of one segment.
  const size_t count = random_.one_in(6) ? 1 + random_.below(options_.outstanding_max) : 1;
  for (size_t i = 0; i < count && outstanding_ < options_.outstanding_max; ++i) submit(draw(), now);
}

Asked Workload::draw() {
  if (options_.bulk.nodes > 0) return requests_.draw_bulk();
  return options_.reads_only ? requests_.draw_read() : requests_.draw();
}

void Workload::submit(Asked asked, Now now) {
  const size_t index = history_.operations.size();
  Operation operation;
  operation.client = number_;
  operation.session = client_->session();
  operation.cxid = next_cxid_++;
  operation.type = asked.type;
  operation.path = std::move(asked.path);
  operation.data = std::move(asked.data);
  operation.version = asked.version;
  operation.flags = asked.flags;
  operation.watch = asked.watch;
  operation.acl = std::move(asked.acl);
  operation.reads = std::move(asked.reads);
  operation.invoked_us = now.mono_us;
  history_.operations.push_back(std::move(operation));
  ++outstanding_;
  if (asked.type == OpCode::kCloseSession) {
    client_->close([this, index](const client::ReplyView& reply) { on_reply(index, reply); });
    return;
  }
  client_->submit(asked.type, std::move(asked.body),
                  [this, index](const client::ReplyView& reply) { on_reply(index, reply); });
}

void Workload::on_reply(size_t index, const client::ReplyView& reply) {
  using WatchKind = client::Client::WatchKind;
  Operation& operation = history_.operations[index];
  ASSERT(outstanding_ > 0);
  --outstanding_;
  operation.completed_us = host_.now().mono_us;
  operation.completion = history_.completions++;
  operation.connection = connections_;
  operation.err = reply.err;
  operation.zxid = reply.zxid;
  if (!operation.is_answered()) return;
  ++answered_;
  operation.reply = std::string(reply.body);
  if (is_write(operation.type)) {
    last_write_us_ = operation.completed_us;
    if (SessionLife* lived = life(); lived != nullptr) {
      lived->proven_us = std::max(lived->proven_us, operation.invoked_us);
    }
  }
  const bool found = operation.err == wire::ErrorCode::kOk;
  if (operation.type == OpCode::kAddWatch && found) {
    client_->remember_watch(operation.flags == kWatchRecursive ? WatchKind::kPersistentRecursive
                                                               : WatchKind::kPersistent,
                            operation.path);
  } else if (operation.type == OpCode::kRemoveWatches && found) {
    for (const WatchKind kind : {WatchKind::kData, WatchKind::kExist, WatchKind::kChild,
                                 WatchKind::kPersistent, WatchKind::kPersistentRecursive}) {
      client_->forget_watch(kind, operation.path);
    }
  }
  if (!operation.watch) return;
  if (operation.type == OpCode::kExists) {
    client_->remember_watch(found ? WatchKind::kData : WatchKind::kExist, operation.path);
  } else if (found) {
    client_->remember_watch(
        operation.type == OpCode::kGetData ? WatchKind::kData : WatchKind::kChild, operation.path);
  }
}

}  // namespace zooid::sim
