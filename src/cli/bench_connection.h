// One connection of `zooid bench`: keeps its requests in flight and times the answers.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "cli/bench.h"
#include "wire/request.h"

namespace zooid::cli {

// What the connections of one run share.
struct BenchShared {
  const BenchOptions& options;
  const env::Clock& clock;
  std::string root;
  Random random;
  bool measuring = false;
  bool stopping = false;
  bool started = false;  // every connection has had its session
  BenchResult result;
  int64_t last_answer_us = 0;

  void count_silence(int64_t now_us) {
    const double gap = static_cast<double>(now_us - last_answer_us) / 1000;
    result.longest_gap_ms = std::max(result.longest_gap_ms, gap);
  }
};

// One client connection. Speaks just enough of the protocol to be no burden: replies are matched by
// order, only their error is looked at.
class BenchConnection : public env::StreamHandler {
 public:
  BenchConnection(BenchShared& shared, env::Network& network, env::Endpoint server)
      : shared_(shared), network_(network), server_(std::move(server)) {
    connect();
  }

  bool ready() const { return handshaken_; }
  // Why there is no connection, or no session; empty while there is or may still be one.
  const std::string& failure() const { return failure_; }
  // The server closed the connection before it gave a session.
  bool was_turned_away() const { return was_turned_away_; }
  const env::Endpoint& server() const { return server_; }
  bool idle() const { return sent_at_.size() == answered_; }

  // Requests that are due now.
  void fill(int64_t now_us) {
    if (broken_) {
      if (now_us < connect_at_us_ || !shared_.started || shared_.stopping) return;
      connect();
      return;
    }
    if (handshaken_ && now_us >= ping_at_us_) send_ping(now_us);
    if (!handshaken_ || shared_.stopping || !shared_.started) return;
    if (shared_.options.rate > 0) {
      while (next_due_us_ <= now_us) {
        send_one(next_due_us_);
        next_due_us_ += interval_us_;
      }
      return;
    }
    const auto depth = static_cast<size_t>(shared_.options.depth);
    while (sent_at_.size() - answered_ < depth) send_one(now_us);
  }
  int64_t next_due_us() const {
    if (shared_.stopping) return kNever;
    if (broken_) return shared_.started ? connect_at_us_ : kNever;
    if (!handshaken_) return kNever;
    const bool is_paced = shared_.started && shared_.options.rate > 0;
    return is_paced ? std::min(next_due_us_, ping_at_us_) : ping_at_us_;
  }
  void schedule(int64_t first_us, int64_t interval_us) {
    next_due_us_ = first_us;
    interval_us_ = std::max<int64_t>(1, interval_us);
  }

  void on_connected() override {
    is_connected_ = true;
    wire::ConnectRequest request;
    request.timeout_ms = shared_.options.session_timeout_ms;
    request.password = std::string(16, '\0');
    request.has_read_only = true;
    const size_t begun = wire::begin_frame(stream_->output());
    wire::Writer out(stream_->output());
    wire::write(out, request);
    wire::end_frame(stream_->output(), begun);
  }

  void on_bytes(std::string_view bytes) override {
    if (!input_.empty()) {
      input_.append(bytes);
      bytes = input_;
    }
    size_t begin = 0;
    while (bytes.size() - begin >= 4) {
      wire::Reader in(bytes.substr(begin));
      const auto length = static_cast<size_t>(in.i32());
      if (in.remaining() < length) break;
      on_frame(bytes.substr(begin + 4, length));
      begin += 4 + length;
    }
    std::string rest(bytes.substr(begin));
    input_ = std::move(rest);
  }

  void on_closed(const Error& reason) override {
    broken_ = true;
    const bool had_session = handshaken_;
    was_turned_away_ = is_connected_ && !had_session;
    failure_ = was_turned_away_ ? server_.text() + " closed the connection before it gave a session"
                                : reason.message;
    is_connected_ = false;
    connect_at_us_ = shared_.clock.now().mono_us + kReconnectUs;
    handshaken_ = false;
    if (shared_.started && !shared_.stopping && had_session) ++shared_.result.lost_connections;
    sent_at_.clear();
    answered_ = 0;
    input_.clear();
  }

  void close() {
    if (!handshaken_) return;
    const size_t begun = wire::begin_frame(stream_->output());
    wire::Writer out(stream_->output());
    wire::write(out, wire::RequestHeader{1, static_cast<int32_t>(wire::OpCode::kCloseSession)});
    wire::end_frame(stream_->output(), begun);
    handshaken_ = false;
  }

 private:
  static constexpr int64_t kReconnectUs = 100'000;

  void connect() {
    broken_ = false;
    stream_ = network_.connect(server_, 5000, *this);
  }

  void on_frame(std::string_view frame) {
    if (!handshaken_) {
      handshaken_ = true;
      failure_.clear();
      return;
    }
    wire::Reader in(frame);
    const int32_t xid = in.i32();
    in.i64();
    const int32_t err = in.i32();
    if (xid < 0 || answered_ == sent_at_.size()) return;
    const int64_t now_us = shared_.clock.now().mono_us;
    if (shared_.measuring) {
      ++shared_.result.operations;
      if (err != 0) ++shared_.result.errors;
      shared_.result.latency.add(now_us - sent_at_[answered_]);
      shared_.count_silence(now_us);
    }
    shared_.last_answer_us = now_us;
    if (++answered_ == sent_at_.size()) {
      sent_at_.clear();
      answered_ = 0;
    } else if (answered_ > 4096) {
      sent_at_.erase(sent_at_.begin(), sent_at_.begin() + static_cast<std::ptrdiff_t>(answered_));
      answered_ = 0;
    }
  }

  // So that no session ends while nothing is asked for, as when many nodes are made.
  void send_ping(int64_t now_us) {
    const size_t begun = wire::begin_frame(stream_->output());
    wire::Writer out(stream_->output());
    wire::write(out,
                wire::RequestHeader{wire::kXidPing, static_cast<int32_t>(wire::OpCode::kPing)});
    wire::end_frame(stream_->output(), begun);
    ping_at_us_ = now_us + ms_to_us(shared_.options.session_timeout_ms) / 4;
  }

  void send_one(int64_t due_us) {
    sent_at_.push_back(due_us);
    std::string& out = stream_->output();
    const size_t begun = wire::begin_frame(out);
    wire::Writer writer(out);
    const BenchOptions& options = shared_.options;
    const int total = options.get_share + options.set_share + options.create_share +
                      options.exists_share + options.children_share;
    int draw = static_cast<int>(shared_.random.below(static_cast<uint64_t>(total)));
    char path[64];
    const int length =
        std::snprintf(path, sizeof(path), "%s/n%d", shared_.root.c_str(),
                      static_cast<int>(shared_.random.below(static_cast<uint64_t>(options.nodes))));
    const std::string_view node(path, static_cast<size_t>(length));
    const auto header = [&](wire::OpCode type) {
      wire::write(writer, wire::RequestHeader{next_xid_++, static_cast<int32_t>(type)});
    };
    if ((draw -= options.get_share) < 0) {
      header(wire::OpCode::kGetData);
      wire::write_path_watch(writer, {node, false});
    } else if ((draw -= options.set_share) < 0) {
      header(wire::OpCode::kSetData);
      wire::write_set_data(writer, {node, value(), -1});
    } else if ((draw -= options.exists_share) < 0) {
      header(wire::OpCode::kExists);
      wire::write_path_watch(writer, {node, false});
    } else if ((draw -= options.children_share) < 0) {
      header(wire::OpCode::kGetChildren);
      wire::write_path_watch(writer, {node, false});
    } else {
      header(wire::OpCode::kCreate);
      wire::CreateRequest request;
      const std::string child = std::string(node) + "/c-";
      request.path = child;
      request.data = value();
      request.acl = {{wire::kPermAll, {"world", "anyone"}}};
      request.flags = wire::kFlagSequential;
      wire::write_create(writer, wire::OpCode::kCreate, request);
    }
    wire::end_frame(out, begun);
  }

  std::string_view value() {
    if (value_.empty()) value_.assign(static_cast<size_t>(shared_.options.value_bytes), 'v');
    return value_;
  }

  BenchShared& shared_;
  env::Network& network_;
  env::Endpoint server_;
  std::unique_ptr<env::Stream> stream_;
  std::string failure_;
  bool was_turned_away_ = false;
  bool broken_ = false;
  bool is_connected_ = false;  // the stream is
  bool handshaken_ = false;
  int64_t connect_at_us_ = 0;
  int64_t ping_at_us_ = 0;
  std::string input_;
  std::string value_;
  std::vector<int64_t> sent_at_;
  size_t answered_ = 0;
  int32_t next_xid_ = 1;
  int64_t next_due_us_ = 0;
  int64_t interval_us_ = 0;
};

}  // namespace zooid::cli
