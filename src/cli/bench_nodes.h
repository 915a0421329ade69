// The nodes that `zooid bench` works on.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "cli/bench.h"
#include "client/client.h"
#include "wire/request.h"

namespace zooid::cli {

// The nodes the load works on, made and removed through an ordinary session.
class BenchNodes {
 public:
  BenchNodes(Terminal& terminal, const BenchOptions& options, std::string root)
      : terminal_(terminal), options_(options), root_(std::move(root)) {
    client_ = make_client();
    terminal_.add_worker(*client_);
  }
  ~BenchNodes() { terminal_.remove_worker(*client_); }

  Result<> make() {
    const std::string value(static_cast<size_t>(options_.value_bytes), 'v');
    create(root_, "");
    for (int i = 0; i < options_.nodes && failure_.empty(); ++i) {
      create(fmt::format("{}/n{}", root_, i), value);
    }
    return finish("cannot make the nodes");
  }

  // For an answer, of whatever request; ten seconds if not said otherwise.
  void wait_at_most(int64_t ms) { answer_wait_ms_ = ms; }

  // Empty if all is gone; else why not.
  std::string remove() {
    failure_.clear();
    for (int i = 0; i < options_.nodes && failure_.empty(); ++i) {
      const std::string node = fmt::format("{}/n{}", root_, i);
      if (options_.create_share > 0) {
        for (const std::string& child : children_of(node)) erase(node + "/" + child);
      }
      erase(node);
    }
    if (failure_.empty()) erase(root_);
    const auto done = finish("not removed");
    bool closed = false;
    if (done) {
      client_->close([&](const client::ReplyView&) { closed = true; });
      terminal_.run_until([&] { return closed; }, 2000);
    }
    if (!closed) drop_requests();
    return done ? "" : done.error().message;
  }

 private:
  void create(const std::string& path, std::string_view data) {
    std::string body;
    wire::Writer out(body);
    wire::CreateRequest request;
    request.path = path;
    request.data = data;
    request.acl = {{wire::kPermAll, {"world", "anyone"}}};
    wire::write_create(out, wire::OpCode::kCreate, request);
    send(wire::OpCode::kCreate, std::move(body));
  }
  std::vector<std::string> children_of(const std::string& node) {
    std::string body;
    wire::Writer out(body);
    wire::write_path_watch(out, {node, false});
    std::vector<std::string> names;
    ++waiting_;
    client_->submit(wire::OpCode::kGetChildren, std::move(body),
                    [this, &names](const client::ReplyView& reply) {
                      --waiting_;
                      if (reply.err != wire::ErrorCode::kOk) return;
                      wire::Reader in(reply.body);
                      for (int32_t left = in.count(4); left > 0; --left) {
                        names.emplace_back(in.buffer());
                      }
                    });
    // On failure the callback may come later; the names must not be gone then.
    if (!finish("")) drop_requests();
    return names;
  }
  void erase(const std::string& path) {
    std::string body;
    wire::Writer out(body);
    wire::write_path_version(out, {path, -1});
    send(wire::OpCode::kDelete, std::move(body));
  }
  void send(wire::OpCode type, std::string body) {
    const bool is_delete = type == wire::OpCode::kDelete;
    ++waiting_;
    client_->submit(type, std::move(body), [this, is_delete](const client::ReplyView& reply) {
      --waiting_;
      last_answer_us_ = terminal_.clock.now().mono_us;
      if (reply.err == wire::ErrorCode::kOk) return;
      // Where the load never came there is nothing to remove.
      if (is_delete && reply.err == wire::ErrorCode::kNoNode) return;
      failure_ = wire::error_name(reply.err);
    });
    if (waiting_ >= 500) (void)finish("");
  }

  // Waits for all answers, as long as some come.
  Result<> finish(const std::string& what) {
    last_answer_us_ = terminal_.clock.now().mono_us;
    bool is_silent = false;
    const auto done = [&] {
      if (waiting_ == 0 || is_over()) return true;
      is_silent = terminal_.clock.now().mono_us - last_answer_us_ > ms_to_us(answer_wait_ms_);
      return is_silent;
    };
    terminal_.run_until(done, INT32_MAX);
    if (terminal_.interrupted()) return fail(what + ": interrupted");
    if (waiting_ > 0 && failure_.empty()) {
      failure_ = fmt::format("no answer within {} s", answer_wait_ms_ / 1000);
      for (const auto& [server, why] : client_->failures()) failure_ += "; " + why;
    }
    if (!failure_.empty()) return fail(what + ": " + failure_);
    return {};
  }
  bool is_over() const {
    return terminal_.interrupted() || client_->state() == client::SessionState::kExpired ||
           client_->state() == client::SessionState::kAuthFailed;
  }
  // Their callbacks point into this object and may come no more.
  void drop_requests() {
    terminal_.remove_worker(*client_);
    client_ = make_client();
    waiting_ = 0;
    terminal_.add_worker(*client_);
  }
  std::unique_ptr<client::Client> make_client() {
    client::ClientOptions client_options;
    client_options.servers = options_.servers;
    return std::make_unique<client::Client>(terminal_.network, terminal_.clock,
                                            static_cast<uint64_t>(terminal_.clock.now().wall_ms),
                                            std::move(client_options));
  }

  Terminal& terminal_;
  const BenchOptions& options_;
  std::string root_;
  std::unique_ptr<client::Client> client_;
  int64_t answer_wait_ms_ = 10'000;
  int waiting_ = 0;
  int64_t last_answer_us_ = 0;
  std::string failure_;
};

}  // namespace zooid::cli
