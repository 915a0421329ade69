#include "server/pending_writes.h"

#include <gtest/gtest.h>

namespace zooid::server {
namespace {

using wire::OpCode;

wire::TxnHeader txn(int64_t session, int32_t cxid, int64_t zxid, OpCode type) {
  return {SessionId{session}, cxid, Zxid{zxid}, 0, type};
}

PendingWrite pending(ConnectionId connection, int32_t xid, OpCode type, int64_t mark) {
  return {Origin{0, connection}, xid, type, Zxid{mark}};
}

TEST(PendingWrites, a_transaction_answers_the_oldest_write_of_its_session) {
  PendingWrites writes;
  writes.add(SessionId{1}, pending(7, 1, OpCode::kCreate, 10));
  writes.add(SessionId{1}, pending(7, 2, OpCode::kDelete, 10));
  EXPECT_FALSE(writes.match(txn(1, 2, 11, OpCode::kDelete)));
  EXPECT_EQ(writes.match(txn(1, 1, 11, OpCode::kCreate))->xid, 1);
  EXPECT_EQ(writes.match(txn(1, 2, 12, OpCode::kDelete))->xid, 2);
  EXPECT_EQ(writes.size(), 0u);
}

TEST(PendingWrites, a_refused_request_comes_back_as_an_error_transaction) {
  PendingWrites writes;
  writes.add(SessionId{1}, pending(7, 1, OpCode::kSetData, 10));
  EXPECT_TRUE(writes.match(txn(1, 1, 11, OpCode::kError)));
}

// The client's new connection began its xids again; the transaction of the old connection's write
// comes first and must not answer the new request of the same xid.
TEST(PendingWrites, an_orphaned_write_does_not_answer_a_new_request) {
  PendingWrites writes;
  writes.add(SessionId{1}, pending(7, 1, OpCode::kCreate, 10));
  writes.add(SessionId{1}, pending(8, 1, OpCode::kCreate, 12));
  EXPECT_EQ(writes.match(txn(1, 1, 11, OpCode::kCreate))->origin.connection, 7u);
  EXPECT_FALSE(writes.match(txn(1, 1, 12, OpCode::kCreate)));
  EXPECT_EQ(writes.match(txn(1, 1, 13, OpCode::kCreate))->origin.connection, 8u);
}

TEST(PendingWrites, other_sessions_and_kinds_do_not_match) {
  PendingWrites writes;
  writes.add(SessionId{1}, pending(7, 0, OpCode::kCreateSession, 10));
  EXPECT_FALSE(writes.match(txn(2, 0, 11, OpCode::kCreateSession)));
  EXPECT_FALSE(writes.match(txn(1, 0, 11, OpCode::kCloseSession)));
  EXPECT_TRUE(writes.match(txn(1, 0, 11, OpCode::kCreateSession)));
}

}  // namespace
}  // namespace zooid::server
