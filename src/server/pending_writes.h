// Client writes of this server that were forwarded or proposed and have no transaction yet (rule
// 3). They belong to the replica, not to the connection: clients restart their xids at every
// connection, so an orphaned write of an old connection must not answer a new request.
#pragma once

#include <deque>
#include <optional>
#include <unordered_map>

#include "base/hash.h"
#include "server/messages.h"

namespace zooid::server {

struct PendingWrite {
  Origin origin;
  int32_t xid = 0;
  wire::OpCode type = wire::OpCode::kError;
  Zxid mark;  // last zxid known when it was forwarded: its transaction is greater
  wire::ErrorCode instead_of_expired = wire::ErrorCode::kSessionExpired;  // see Reply
};

class PendingWrites {
 public:
  void add(SessionId session, PendingWrite write);
  // The write that this transaction answers: only the oldest of its session is asked, and it must
  // agree in xid and kind and lie behind its mark.
  std::optional<PendingWrite> match(const wire::TxnHeader& header);
  size_t size() const { return size_; }
  void clear();

 private:
  std::unordered_map<SessionId, std::deque<PendingWrite>, SessionHash> by_session_;
  size_t size_ = 0;
};

}  // namespace zooid::server
