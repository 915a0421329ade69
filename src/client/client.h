// The client machine: one session over one connection at a time, as every ZooKeeper client keeps
// it. It connects to the servers in turn, moves its session, sends pings, re-registers watches,
// answers requests in order. Runs on a loop as a Worker; used by one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "env/clock.h"
#include "env/network.h"
#include "wire/error_code.h"
#include "wire/records.h"

namespace zooid::client {

enum class SessionState { kConnecting, kConnected, kExpired, kClosed, kAuthFailed };

struct ClientOptions {
  std::vector<env::Endpoint> servers;
  int32_t session_timeout_ms = 30'000;
  bool shuffle = true;     // begin with a server drawn by chance
  bool read_only = false;  // a server without a quorum will do (readonlymode.enabled there)
};

struct ReplyView {
  wire::ErrorCode err = wire::ErrorCode::kOk;  // kConnectionLoss: sent, outcome unknown
  int64_t zxid = 0;
  std::string_view body;  // valid during the callback
};
using ReplyCallback = std::function<void(const ReplyView&)>;

struct WatchEvent {
  wire::EventType type;
  std::string path;
  int64_t zxid = 0;
};

class Client : public env::Worker, private env::StreamHandler {
 public:
  Client(env::Network& network, const env::Clock& clock, uint64_t seed, ClientOptions options);
  ~Client() override;

  // Sends a request when connected; callbacks come in the order submitted. Requests that were sent
  // and not answered when the connection breaks end with kConnectionLoss, also those behind them.
  void submit(wire::OpCode type, std::string body, ReplyCallback callback);
  // The watch that a request of this path sets is known here, so that it is set again after a
  // reconnection.
  enum class WatchKind { kData, kExist, kChild, kPersistent, kPersistentRecursive };
  void remember_watch(WatchKind kind, std::string path);
  void forget_watch(WatchKind kind, const std::string& path);
  bool has_watch(WatchKind kind, const std::string& path) const {
    return watches_[static_cast<int>(kind)].contains(path);
  }
  void add_auth(std::string scheme, std::string auth, ReplyCallback callback);
  // Ends the session; the callback comes when the server has answered.
  void close(ReplyCallback callback);

  void on_state(std::function<void(SessionState)> callback) { on_state_ = std::move(callback); }
  void on_event(std::function<void(const WatchEvent&)> callback) {
    on_event_ = std::move(callback);
  }

  SessionState state() const { return state_; }
  SessionId session() const { return session_; }
  const std::string& password() const { return password_; }
  int32_t negotiated_timeout_ms() const { return negotiated_ms_; }
  const env::Endpoint& server() const { return current_; }
  int64_t last_zxid() const { return last_zxid_; }
  bool is_read_only() const { return is_read_only_; }  // the server that it is connected to
  // Breaks the connection; the next server is tried (tests, `connect`).
  void disconnect();
  // Once the session is over: begins a new one, which has none of the watches and identities.
  void renew();

  // Why the last attempt at each server failed, until one has answered; for people.
  const std::map<env::Endpoint, std::string>& failures() const { return failures_; }
  // Every server was tried, and none answered.
  bool is_round_over() const { return failures_.size() >= servers_distinct_; }

  void on_batch(Now now) override;
  int64_t next_deadline() const override;

 private:
  struct Request {
    int32_t xid;
    wire::OpCode type;
    std::string body;
    ReplyCallback callback;
    bool sent = false;
  };
  struct Auth {
    std::string scheme, auth;
  };
  void on_connected() override;
  void on_bytes(std::string_view bytes) override;
  void on_closed(const Error& reason) override;
  void connect_next(Now now);
  void lose_connection(const std::string& reason);
  void handle_frame(std::string_view frame);
  void handle_handshake(std::string_view frame);
  void send_frame(int32_t xid, wire::OpCode type, std::string_view body);
  void send_waiting();
  void send_watches();
  void set_state(SessionState state);
  void end_requests();
  // The session is over; renew() begins another one.
  bool is_over() const {
    return state_ == SessionState::kExpired || state_ == SessionState::kClosed ||
           state_ == SessionState::kAuthFailed;
  }

  env::Network& network_;
  const env::Clock& clock_;
  Random random_;
  ClientOptions options_;
  size_t next_server_ = 0;
  size_t attempts_in_round_ = 0;
  env::Endpoint current_;
  size_t servers_distinct_ = 0;
  std::map<env::Endpoint, std::string> failures_;
  bool is_connected_ = false;  // the stream is; the handshake may be under way
  bool is_read_only_ = false;
  std::unique_ptr<env::Stream> stream_;
  bool stream_broken_ = false;
  bool handshaken_ = false;
  std::string input_;
  SessionState state_ = SessionState::kConnecting;
  SessionId session_{0};
  std::string password_ = std::string(16, '\0');
  int32_t negotiated_ms_ = 0;
  int64_t last_zxid_ = 0;
  int32_t next_xid_ = 1;
  std::deque<Request> requests_;
  std::deque<ReplyCallback> auth_callbacks_;
  std::vector<Auth> auths_;
  std::set<std::string> watches_[5];
  int64_t answer_limit_ms_ = 0;  // what dead_at_us_ was set from, for messages
  int64_t connect_at_us_ = 0;
  int64_t ping_at_us_ = kNever;
  int64_t dead_at_us_ = kNever;
  std::function<void(SessionState)> on_state_;
  std::function<void(const WatchEvent&)> on_event_;
};

// "host:port,host:port" as Java's client reads it (IPv6 in brackets or bare with a port; port 2181
// if missing). A chroot behind the last one is returned separately; "/" is none.
Result<std::vector<env::Endpoint>> parse_hosts(std::string_view text, std::string* chroot);

}  // namespace zooid::client
