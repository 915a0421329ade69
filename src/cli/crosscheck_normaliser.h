// Frames of one server as text in which nothing is left that two right servers may choose
// differently (crosscheck_rules.h). One normaliser for each server and play.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "cli/crosscheck_plan.h"
#include "wire/request.h"

namespace zooid::cli {

// What came on a connection, in its order.
struct SeenLine {
  enum class Kind { kReply, kAside, kEvent, kConnect, kBarrier, kClosed };
  Kind kind = Kind::kReply;
  int32_t type = 0;  // of the request
  int32_t err = 0;
  std::string text;
  bool path_was_null = false;  // in the request
  bool operator==(const SeenLine&) const = default;
};

class Normaliser {
 public:
  Normaliser(CrosscheckProfile profile, std::string root)
      : profile_(profile), root_(std::move(root)) {}

  // The transaction that made the root: everything counts from it.
  void set_base(int64_t zxid, int64_t time_ms) {
    base_zxid_ = last_zxid_ = zxid;
    base_time_ms_ = time_ms;
  }
  // A proxy has no play from which to count: names of zxids and sessions that others give, and any
  // time is possible.
  using Names = std::function<std::string(int64_t)>;
  void set_names(Names zxids, Names sessions);
  // How long the play takes by now: times must not lie beyond.
  void set_elapsed_ms(int64_t elapsed_ms) { elapsed_ms_ = elapsed_ms; }

  SeenLine connect_response(const wire::ConnectResponse& response);
  SeenLine event(const wire::ReplyHeader& header, std::string_view body);
  SeenLine reply(const wire::ReplyHeader& header, std::string_view body,
                 const PlannedRequest& request);

  const std::string& root() const { return root_; }
  int64_t last_zxid() const { return last_zxid_; }
  std::string zxid(int64_t value) const;

 private:
  std::string body(wire::Reader& in, wire::OpCode type, std::string_view path,
                   const std::string& request_body);
  std::string stat(wire::Reader& in, std::string_view path);
  std::string time(int64_t zxid, int64_t time_ms);
  std::string session(int64_t id);
  std::string data(wire::Reader& in, std::string_view path);
  std::string names(wire::Reader& in, std::string_view path);
  std::string acl(wire::Reader& in);
  std::string identities(wire::Reader& in);
  std::string multi(wire::Reader& in, bool reads, const std::string& request_body);
  std::string multi_result(wire::Reader& in, const wire::MultiHeader& header,
                           const wire::SubRequest* request, std::string_view path);
  std::string text(std::string_view value) const;

  CrosscheckProfile profile_;
  std::string root_;
  int64_t base_zxid_ = 0;
  int64_t base_time_ms_ = 0;
  int64_t elapsed_ms_ = 0;
  int64_t last_zxid_ = 0;
  Names zxid_names_, session_names_;
  std::map<int64_t, int64_t> times_;  // by zxid; the lowest are forgotten first
  std::map<int64_t, std::string> sessions_;
};

}  // namespace zooid::cli
