// What a client of a proxy asked and what the reference said to it, and which paths that was about.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/crosscheck_plan.h"
#include "wire/request.h"

namespace zooid::cli {

struct Exchange {
  // The first of a connection: handshake and response. Else request and reply.
  std::optional<wire::ConnectRequest> handshake;
  wire::ConnectResponse response;
  PlannedRequest request;
  wire::ReplyHeader header;
  std::string body;

  // The reference had made the transactions up to this zxid when it answered.
  int64_t zxid = 0;
  // The zxid is that of a transaction which this request made (also one that failed).
  bool makes_transaction = false;
  // Others were replayed already that the reference made later.
  bool is_late = false;
  int64_t came_us = 0;
  // Others wait for it, and it for them. A handshake may end another connection of its session.
  bool is_write() const { return makes_transaction || handshake.has_value(); }
  size_t bytes() const { return sizeof(Exchange) + request.body.size() + body.size(); }
};

// Whether a reply to this request with this error carries the zxid of a transaction of its own.
bool makes_transaction(int32_t type, int32_t err);

// setWatches and setWatches2: the body begins with the last zxid that the client has seen.
bool begins_with_zxid(int32_t type);
// auth and sasl are answered outside the order of requests, and end the connection if refused.
bool is_aside(int32_t type);

// The paths in a request, those of a multi one after another; none of setWatches.
std::vector<std::string> paths_of(const PlannedRequest& request);
// The paths that the reply to a create or multi names as created.
struct CreatedPath {
  std::string path;
  bool is_ephemeral = false;
};
std::vector<CreatedPath> created_paths(const PlannedRequest& request, std::string_view reply);

// "connect to session 0x…, time-out 4000 ms" or as describe(PlannedRequest).
std::string describe(const Exchange& exchange);

}  // namespace zooid::cli
