#include "server/pending_writes.h"

#include "base/mark.h"
#include "base/planted_bug.h"

namespace zooid::server {
namespace {

// A refused request becomes an error transaction, so that kind fits every request. An expiry's
// closeSession (cxid 0) fits only a client's own closeSession that happened to carry xid 0.
bool kinds_agree(wire::OpCode requested, wire::OpCode in_txn) {
  return in_txn == wire::OpCode::kError || requested == in_txn ||
         // A 3.8 leader turns create2 inside nothing else, but a container's create may come back
         // as what its flags say; ZooKeeper itself compares session and cxid alone.
         (requested == wire::OpCode::kCreate2 && in_txn == wire::OpCode::kCreate);
}

}  // namespace

void PendingWrites::add(SessionId session, PendingWrite write) {
  by_session_[session].push_back(write);
  ++size_;
}

std::optional<PendingWrite> PendingWrites::match(const wire::TxnHeader& header) {
  const auto found = by_session_.find(header.session);
  if (found == by_session_.end()) return std::nullopt;
  auto& queue = found->second;
  const PendingWrite& oldest = queue.front();
  const bool is_its_own = oldest.xid == header.cxid && kinds_agree(oldest.type, header.type) &&
                          header.zxid > oldest.mark;
  if (!is_its_own && !is_planted(PlantedBug::kReplyToWrongRequest)) {
    MARK("pending_writes.no_match");
    return std::nullopt;
  }
  PendingWrite matched = oldest;
  queue.pop_front();
  --size_;
  if (queue.empty()) by_session_.erase(found);
  return matched;
}

void PendingWrites::clear() {
  by_session_.clear();
  size_ = 0;
}

}  // namespace zooid::server
