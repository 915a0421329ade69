// For tests: a client that tells each thing it receives as a line. It sends pings as a real one
// does unless it is told to be silent.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "env/memory_network.h"
#include "wire/request.h"

namespace zooid::server::testing {

std::string zxid_text(int64_t zxid);

// Session ids as names: a session is called after the client that opened it.
using SessionNames = std::map<SessionId, std::string>;

class ScenarioClient : public env::StreamHandler, public env::Worker {
 public:
  ScenarioClient(env::MemoryHost& host, std::string name, SessionNames& names,
                 std::function<void(const std::string&)> tell);
  ~ScenarioClient() override;

  // Connects and asks for a session: a new one if `session` is kNoSession.
  void connect(const std::string& host, wire::ConnectRequest request);
  void send(wire::OpCode type, std::string_view body, const std::string& what);
  void send(int32_t xid, wire::OpCode type, std::string_view body, const std::string& what);
  // What is sent from now on waits and leaves in one piece at release().
  void hold() { holds_ = true; }
  void release();
  // The connection is gone without a word; the server sees it closed.
  void drop();
  void set_silent(bool is_silent) { is_silent_ = is_silent; }
  SessionId session() const { return session_; }
  int64_t seen_zxid() const { return seen_zxid_; }

  void on_bytes(std::string_view bytes) override;
  void on_closed(const Error& reason) override;
  void on_batch(Now now) override;
  int64_t next_deadline() const override;

 private:
  struct Request {
    int32_t xid;
    wire::OpCode type;
    std::string what;
  };
  void write(const std::string& frame);
  void on_connect_response(std::string_view frame);
  void on_frame(std::string_view frame);
  std::string reply_text(const Request& request, wire::Reader& in) const;
  std::string owner_text(int64_t owner) const;
  void say(const std::string& text) { tell_(name_ + "  " + text); }

  const std::string name_;
  env::MemoryHost& host_;
  SessionNames& names_;
  std::function<void(const std::string&)> tell_;
  std::unique_ptr<env::Stream> stream_;
  bool is_established_ = false;
  bool holds_ = false;
  bool is_silent_ = false;
  std::string held_;
  std::string received_;
  std::deque<Request> waiting_;
  SessionId session_ = kNoSession;
  int32_t timeout_ms_ = 0;
  int64_t ping_at_us_ = kNever;
  int64_t seen_zxid_ = 0;
  int32_t next_xid_ = 1;
};

}  // namespace zooid::server::testing
