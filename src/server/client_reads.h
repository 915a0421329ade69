// Requests that a shard answers itself: reads, watches, ping, whoAmI (client-protocol 6, 9), and
// the refusal of everything that no client may ask (rule 33).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/request_queue.h"
#include "server/shard_core.h"
#include "wire/error_code.h"

namespace zooid::server {

enum class RequestClass : uint8_t {
  kRead,   // answered by the shard, in the order of the connection; also unknown operations
  kWrite,  // goes to the replica: writes, sync, closeSession
  kAuth,   // answered at once
  kSasl,   // answered at once
};
RequestClass classify(wire::OpCode type);
// What a server in read-only mode answers with NOTREADONLY.
bool is_refused_read_only(wire::OpCode type);
// Whether it is carried out for a client at all.
bool is_known(wire::OpCode type);

struct ClientRead {
  int32_t xid = 0;
  wire::OpCode type = wire::OpCode::kError;
  std::string_view body;
  const wire::AuthPtr& ids;
  SessionId session;
  state::WatcherId watcher = 0;
  RestoreProgress& progress;                       // of a setWatches: where it goes on
  wire::ErrorCode refusal = wire::ErrorCode::kOk;  // else it is answered with this error
};

struct ReadOutcome {
  wire::ErrorCode err = wire::ErrorCode::kOk;
  uint32_t events = 0;       // notification frames in front of the reply (setWatches)
  uint32_t reply_bytes = 0;  // without the frame's length
  // False: the turn ended before it did (setWatches). No reply yet: it is to be executed again.
  bool is_finished = true;
};

// Appends the reply's frame, in front of it the events of setWatches. Registers watches. Requires
// that the shard serves and its inbox was drained.
ReadOutcome execute_read(ShardCore& core, const ClientRead& read, std::string& out);

// A frame with a ReplyHeader only.
void write_header_frame(std::string& out, int32_t xid, int64_t zxid, wire::ErrorCode err);
// Appends length and header; finish_reply fills in what is known only then. An error drops the
// body.
size_t begin_reply(std::string& out, int32_t xid, int64_t zxid);
void finish_reply(std::string& out, size_t begun, wire::ErrorCode err);

}  // namespace zooid::server
