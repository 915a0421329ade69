// Transactions (storage-formats 3): TxnHeader, record, optional TxnDigest. The same bytes stand in
// the log and travel in PROPOSAL and INFORM packets.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "wire/error_code.h"
#include "wire/records.h"

namespace zooid::wire {

struct TxnHeader {
  SessionId session;  // 0 for container and TTL clean-up
  int32_t cxid = 0;   // the client's xid
  Zxid zxid;
  int64_t time_ms = 0;  // the leader's wall clock
  OpCode type = OpCode::kError;
};

struct TxnDigest {
  int32_t version = 2;
  int64_t tree_digest = 0;
  bool operator==(const TxnDigest&) const = default;
};

struct CreateSessionTxn {
  int32_t timeout_ms = 0;
};
struct CloseSessionTxn {
  std::vector<std::string> paths_to_delete;
  bool has_paths = true;  // false: the record is absent altogether (old logs)
};
struct CreateTxn {   // create, create2, createContainer, createTTL: type tells
  std::string path;  // final, sequence number included
  NullableBytes data;
  AclList acl;
  bool ephemeral = false;        // create, create2 only
  int32_t parent_cversion = -1;  // the parent's new stored counter; -1: current + 1
  int64_t ttl_ms = 0;            // createTTL only
};
struct DeleteTxn {  // delete, deleteContainer
  std::string path;
};
struct SetDataTxn {  // setData, reconfig
  std::string path;
  NullableBytes data;
  int32_t version = 0;  // the new version
};
struct SetAclTxn {
  std::string path;
  AclList acl;
  int32_t version = 0;  // the new aversion
};
struct CheckTxn {  // only inside multi
  std::string path;
  int32_t version = 0;
};
struct ErrorTxn {
  ErrorCode err = ErrorCode::kOk;
};

struct SubTxn;
struct MultiTxn {
  std::vector<SubTxn> txns;
};
using TxnBody = std::variant<ErrorTxn, CreateSessionTxn, CloseSessionTxn, CreateTxn, DeleteTxn,
                             SetDataTxn, SetAclTxn, CheckTxn, MultiTxn>;
struct SubTxn {
  OpCode type;
  TxnBody body;
};

struct Txn {
  TxnHeader header;
  TxnBody body;
  std::optional<TxnDigest> digest;
};

void write(Writer& out, const TxnHeader& value);
void write_body(Writer& out, OpCode type, const TxnBody& value);
// Header, body and digest.
void write(Writer& out, const Txn& value);
Bytes serialize(const Txn& txn);

bool read(Reader& in, TxnHeader& value);
// nullopt: not a transaction that ZooKeeper can write (unknown type, top-level check, truncated).
std::optional<Txn> read_txn(std::string_view bytes, int32_t max_buffer = kMaxRecordBufferDefault);
// Whether read_txn would give a transaction, without making one.
bool is_readable_txn(std::string_view bytes, int32_t max_buffer = kMaxRecordBufferDefault);
// Only the header; cheap. nullopt when there are fewer than 32 bytes.
std::optional<TxnHeader> read_txn_header(std::string_view bytes);

}  // namespace zooid::wire
