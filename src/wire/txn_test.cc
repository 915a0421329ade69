#include "wire/txn.h"

#include <gtest/gtest.h>

#include "wire/golden_files.h"
#include "wire/random_records.h"

namespace zooid::wire {
namespace {

using golden::hex;
using golden::unhex;

// Session 1, cxid 2, zxid 3, time 4.
std::string header(OpCode type) {
  std::string bytes;
  Writer out(bytes);
  write(out, TxnHeader{SessionId{1}, 2, Zxid{3}, 4, type});
  return bytes;
}

const std::string kDigest = unhex("000000020000000045e8de01");

TEST(Txn, close_session_without_paths_is_told_from_one_with_them) {
  const auto read_close = [](const std::string& body) {
    const auto txn = read_txn(header(OpCode::kCloseSession) + body);
    EXPECT_TRUE(txn.has_value());
    return txn.value_or(Txn{});
  };
  const Txn nothing = read_close("");
  EXPECT_FALSE(std::get<CloseSessionTxn>(nothing.body).has_paths);
  EXPECT_EQ(nothing.digest, std::nullopt);
  const Txn digest_only = read_close(kDigest);
  EXPECT_FALSE(std::get<CloseSessionTxn>(digest_only.body).has_paths);
  EXPECT_EQ(digest_only.digest, (TxnDigest{2, 0x45e8de01}));
  const Txn no_paths = read_close(unhex("00000000") + kDigest);
  EXPECT_TRUE(std::get<CloseSessionTxn>(no_paths.body).has_paths);
  EXPECT_TRUE(std::get<CloseSessionTxn>(no_paths.body).paths_to_delete.empty());
  EXPECT_TRUE(no_paths.digest.has_value());
  const Txn one_path = read_close(unhex("00000001000000042f612f62"));
  EXPECT_EQ(std::get<CloseSessionTxn>(one_path.body).paths_to_delete,
            (std::vector<std::string>{"/a/b"}));
  for (const Txn& txn : {nothing, digest_only, no_paths, one_path}) {
    const auto again = read_txn(serialize(txn).view());
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(again->digest, txn.digest);
  }
}

TEST(Txn, create_of_release_3_3_has_no_parent_counter) {
  const std::string old_form = unhex(
      "000000022f61"
      "00000000"
      "00000000"
      "01");
  const auto txn = read_txn(header(OpCode::kCreate) + old_form);
  ASSERT_TRUE(txn.has_value());
  EXPECT_EQ(std::get<CreateTxn>(txn->body).parent_cversion, -1);
  EXPECT_TRUE(std::get<CreateTxn>(txn->body).ephemeral);
  EXPECT_FALSE(read_txn(header(OpCode::kCreate2) + old_form).has_value());
  EXPECT_FALSE(read_txn(header(OpCode::kCreate) + old_form + "abc").has_value());
}

TEST(Txn, what_zookeeper_cannot_have_written_is_refused) {
  const std::string check = unhex("000000022f6100000001");
  EXPECT_FALSE(read_txn(header(OpCode::kCheck) + check).has_value());
  EXPECT_FALSE(read_txn(header(OpCode::kPing)).has_value());
  EXPECT_FALSE(read_txn(header(static_cast<OpCode>(77)) + check).has_value());
  EXPECT_FALSE(read_txn(header(OpCode::kDelete) + unhex("ffffffff")).has_value());
  EXPECT_FALSE(read_txn(header(OpCode::kDelete)).has_value());
  EXPECT_FALSE(read_txn(header(OpCode::kDelete).substr(0, 31)).has_value());
}

TEST(Txn, multi_takes_check_but_neither_multi_nor_session_transactions) {
  const auto multi_with = [](const char* sub) {
    return read_txn(header(OpCode::kMulti) + unhex("00000001") + unhex(sub)).has_value();
  };
  EXPECT_TRUE(multi_with("0000000d0000000a000000022f6100000001"));
  EXPECT_TRUE(multi_with("ffffffff00000004ffffff9b"));
  EXPECT_FALSE(multi_with("0000000e0000000400000000"));
  EXPECT_FALSE(multi_with("fffffff60000000400002710"));
  EXPECT_FALSE(multi_with("0000000700000012000000022f610000000000000001"));
  EXPECT_FALSE(multi_with("0000000d00000009000000022f61000000"));  // cut off
  EXPECT_FALSE(multi_with("0000000dffffffff"));
}

TEST(Txn, header_is_read_alone_from_32_bytes) {
  const std::string bytes = header(OpCode::kSetData);
  const auto read = read_txn_header(bytes);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->session, SessionId{1});
  EXPECT_EQ(read->cxid, 2);
  EXPECT_EQ(read->zxid, Zxid{3});
  EXPECT_EQ(read->time_ms, 4);
  EXPECT_EQ(read->type, OpCode::kSetData);
  EXPECT_FALSE(read_txn_header(bytes.substr(0, 31)).has_value());
}

TEST(Txn, buffers_longer_than_the_limit_are_refused) {
  Txn txn;
  txn.header.type = OpCode::kSetData;
  txn.body = SetDataTxn{"/a", std::string(100, 'x'), 1};
  const Bytes bytes = serialize(txn);
  EXPECT_TRUE(read_txn(bytes.view(), 100).has_value());
  EXPECT_FALSE(read_txn(bytes.view(), 99).has_value());
}

TEST(Txn, the_check_without_reading_agrees_with_reading) {
  RandomRecords make(31);
  size_t readable = 0, unreadable = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(serialize(make.txn()).view());
    if (!make.random.one_in(4)) bytes = make.damaged(std::move(bytes));
    if (make.random.one_in(8) && bytes.size() > 32) bytes[31] = static_cast<char>(make.i32());
    const int32_t limit = make.random.one_in(4) ? 40 : kMaxRecordBufferDefault;
    const bool is_readable = read_txn(bytes, limit).has_value();
    EXPECT_EQ(is_readable_txn(bytes, limit), is_readable) << hex(bytes);
    (is_readable ? readable : unreadable) += 1;
  }
  EXPECT_GT(readable, 2'000u);
  EXPECT_GT(unreadable, 2'000u);
}

TEST(TxnDeathTest, a_check_on_its_own_is_never_written) {
  Txn txn;
  txn.header.type = OpCode::kCheck;
  txn.body = CheckTxn{"/a", 1};
  EXPECT_DEATH(serialize(txn), "kCheck");
  txn.header.type = OpCode::kSetData;
  EXPECT_DEATH(serialize(txn), "value != nullptr");
}

}  // namespace
}  // namespace zooid::wire
