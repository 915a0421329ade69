// What the clients asked and what they were told, in the order in which it happened: the checkers
// judge a run by it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "wire/error_code.h"
#include "wire/records.h"

namespace zooid::sim {

// Changes the state, so that the reply carries the zxid of its own transaction.
constexpr bool is_write(wire::OpCode type) {
  switch (type) {
    case wire::OpCode::kCreate:
    case wire::OpCode::kCreate2:
    case wire::OpCode::kCreateContainer:
    case wire::OpCode::kCreateTtl:
    case wire::OpCode::kDelete:
    case wire::OpCode::kSetData:
    case wire::OpCode::kSetAcl:
    case wire::OpCode::kMulti:
    case wire::OpCode::kCloseSession:
      return true;
    default:
      return false;
  }
}

// One request of a client. Written when it is submitted, filled in when it is answered.
struct Operation {
  int client = 0;
  SessionId session;  // that answered, or that asked in vain
  int32_t cxid = 0;
  wire::OpCode type = wire::OpCode::kError;
  std::string path;  // of multi: that of its first part
  std::string data;
  int32_t version = -1;
  int32_t flags = 0;  // of addWatch and removeWatches: the mode
  bool watch = false;
  wire::AclList acl;                                        // setACL
  std::vector<std::pair<wire::OpCode, std::string>> reads;  // multiRead
  int64_t invoked_us = 0;

  int64_t completed_us = kNever;  // kNever: never answered
  uint64_t completion = 0;        // number among all things that clients were told
  uint64_t connection = 0;        // of its client, on which the reply came
  // kConnectionLoss: nobody knows whether it happened. kSessionExpired without a zxid: likewise.
  wire::ErrorCode err = wire::ErrorCode::kConnectionLoss;
  int64_t zxid = 0;
  std::string reply;  // the body

  // A local session may read before there is any transaction, at zxid 0.
  bool is_answered() const {
    const bool is_told = err == wire::ErrorCode::kOk || err == wire::ErrorCode::kNoNode;
    return completed_us != kNever && (zxid > 0 || (is_told && !is_write(type)));
  }
  bool is_ok() const { return is_answered() && err == wire::ErrorCode::kOk; }
};

struct Event {
  int client = 0;
  SessionId session;
  wire::EventType type = wire::EventType::kNodeCreated;
  std::string path;
  int64_t zxid = 0;
  int64_t time_us = 0;
  uint64_t completion = 0;
};

// A session as its client knew it.
struct SessionLife {
  SessionId id;
  int client = 0;
  int32_t timeout_ms = 0;
  int64_t created_us = 0;
  // A write sent then was answered, so the leader has heard of the session since.
  int64_t proven_us = 0;
  bool is_close_asked = false;
  int64_t expired_us = kNever;  // the client was told
};

struct History {
  std::vector<Operation> operations;
  std::vector<Event> events;
  std::vector<SessionLife> sessions;
  uint64_t completions = 0;
};

}  // namespace zooid::sim
