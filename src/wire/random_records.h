// For tests: records with random contents, and random damage to bytes.
#pragma once

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "wire/quorum_packet.h"
#include "wire/request.h"
#include "wire/txn.h"

namespace zooid::wire {

// Keeps the strings behind the views that it hands out.
class RandomRecords {
 public:
  explicit RandomRecords(uint64_t seed) : random(seed) {}

  Random random;

  int64_t i64() {
    switch (random.below(4)) {
      case 0:
        return static_cast<int64_t>(random.next());
      case 1:
        return -1;
      case 2:
        return random.one_in(2) ? INT64_MIN : INT64_MAX;
      default:
        return static_cast<int64_t>(random.below(1000));
    }
  }
  int32_t i32() { return static_cast<int32_t>(i64()); }
  bool boolean() { return random.one_in(2); }
  std::string bytes(size_t size_max) {
    std::string value(random.below(size_max + 1), '\0');
    for (char& byte : value) byte = static_cast<char>(random.next());
    return value;
  }
  std::string path() { return "/" + bytes(30); }
  std::string_view view(size_t size_max) { return kept_.emplace_back(bytes(size_max)); }
  std::string_view path_view() { return kept_.emplace_back(path()); }
  NullableView nullable_view() {
    return random.one_in(4) ? NullableView{} : NullableView{view(100)};
  }
  NullableBytes nullable() { return random.one_in(4) ? NullableBytes{} : bytes(100); }
  Id id() { return {bytes(20), bytes(40)}; }
  AclList acl() {
    AclList list(random.below(5));
    for (Acl& acl : list) acl = {i32(), id()};
    return list;
  }
  Stat stat() {
    return {i64(), i64(), i64(), i64(), i32(), i32(), i32(), i64(), i32(), i32(), i64()};
  }
  StatPersisted stat_persisted() {
    return {i64(), i64(), i64(), i64(), i32(), i32(), i32(), i64(), i64()};
  }

  CreateRequest create_request(OpCode type) {
    CreateRequest value{path_view(), nullable_view(), acl(), false, i32(), 0};
    if (random.one_in(8)) value.acl.clear(), value.acl_is_null = true;
    if (type == OpCode::kCreateTtl) value.ttl_ms = i64();
    return value;
  }
  std::vector<std::string_view> path_views() {
    std::vector<std::string_view> paths(random.below(6));
    for (auto& path : paths) path = path_view();
    return paths;
  }
  SetWatchesRequest set_watches(OpCode type) {
    SetWatchesRequest value{i64(), path_views(), path_views(), path_views(), {}, {}};
    if (type != OpCode::kSetWatches2) return value;
    value.persistent = path_views();
    value.persistent_recursive = path_views();
    return value;
  }
  SubRequest sub_request(bool reads) {
    static constexpr OpCode kReads[] = {OpCode::kGetData, OpCode::kGetChildren};
    static constexpr OpCode kWrites[] = {
        OpCode::kCreate, OpCode::kCreate2, OpCode::kCreateContainer, OpCode::kCreateTtl,
        OpCode::kDelete, OpCode::kCheck,   OpCode::kSetData};
    if (reads) return {kReads[random.below(2)], PathWatchRequest{path_view(), boolean()}};
    const OpCode type = kWrites[random.below(std::size(kWrites))];
    switch (type) {
      case OpCode::kDelete:
      case OpCode::kCheck:
        return {type, PathVersionRequest{path_view(), i32()}};
      case OpCode::kSetData:
        return {type, SetDataRequest{path_view(), nullable_view(), i32()}};
      default:
        return {type, create_request(type)};
    }
  }
  std::vector<SubRequest> multi(bool reads) {
    std::vector<SubRequest> subs(random.below(8));
    for (SubRequest& sub : subs) sub = sub_request(reads);
    return subs;
  }

  TxnBody txn_body(OpCode type) {
    switch (type) {
      case OpCode::kCreateSession:
        return CreateSessionTxn{i32()};
      case OpCode::kCloseSession: {
        CloseSessionTxn txn{{}, boolean()};
        if (txn.has_paths) txn.paths_to_delete.resize(random.below(5));
        for (auto& path : txn.paths_to_delete) path = this->path();
        return txn;
      }
      case OpCode::kCreate:
      case OpCode::kCreate2:
        return CreateTxn{path(), nullable(), acl(), boolean(), i32(), 0};
      case OpCode::kCreateContainer:
        return CreateTxn{path(), nullable(), acl(), false, i32(), 0};
      case OpCode::kCreateTtl:
        return CreateTxn{path(), nullable(), acl(), false, i32(), i64()};
      case OpCode::kDelete:
      case OpCode::kDeleteContainer:
        return DeleteTxn{path()};
      case OpCode::kSetData:
      case OpCode::kReconfig:
        return SetDataTxn{path(), nullable(), i32()};
      case OpCode::kSetAcl:
        return SetAclTxn{path(), acl(), i32()};
      case OpCode::kCheck:
        return CheckTxn{path(), i32()};
      case OpCode::kMulti:
        return multi_txn();
      default:
        return ErrorTxn{static_cast<ErrorCode>(i32())};
    }
  }
  MultiTxn multi_txn() {
    static constexpr OpCode kTypes[] = {
        OpCode::kCreate,          OpCode::kCreate2, OpCode::kCreateTtl,
        OpCode::kCreateContainer, OpCode::kDelete,  OpCode::kDeleteContainer,
        OpCode::kSetData,         OpCode::kCheck,   OpCode::kError};
    MultiTxn multi;
    for (uint64_t i = random.below(6); i > 0; --i) {
      const OpCode type = kTypes[random.below(std::size(kTypes))];
      multi.txns.push_back({type, txn_body(type)});
    }
    return multi;
  }
  Txn txn() {
    static constexpr OpCode kTypes[] = {
        OpCode::kCreateSession, OpCode::kCloseSession,    OpCode::kCreate,
        OpCode::kCreate2,       OpCode::kCreateContainer, OpCode::kCreateTtl,
        OpCode::kDelete,        OpCode::kDeleteContainer, OpCode::kSetData,
        OpCode::kReconfig,      OpCode::kSetAcl,          OpCode::kMulti,
        OpCode::kError};
    Txn txn;
    const OpCode type = kTypes[random.below(std::size(kTypes))];
    txn.header = {SessionId{i64()}, i32(), Zxid{i64()}, i64(), type};
    txn.body = txn_body(type);
    if (boolean()) txn.digest = TxnDigest{2, i64()};
    return txn;
  }
  QuorumPacket packet() {
    QuorumPacket packet;
    packet.type = static_cast<PacketType>(1 + random.below(19));
    packet.zxid = Zxid{i64()};
    packet.data_is_null = random.one_in(3);
    if (!packet.data_is_null) packet.data = Bytes(bytes(300));
    packet.auth_is_null = boolean();
    if (packet.auth_is_null) return packet;
    for (uint64_t i = random.below(4); i > 0; --i) packet.auth.push_back(id());
    return packet;
  }

  // Some bytes changed, removed, doubled or replaced by what lengths and counts may be.
  std::string damaged(std::string text) {
    for (uint64_t i = 1 + random.below(4); i > 0 && !text.empty(); --i) {
      const size_t at = random.below(text.size());
      switch (random.below(5)) {
        case 0:
          text[at] = static_cast<char>(random.next());
          break;
        case 1:
          text.erase(at, 1 + random.below(8));
          break;
        case 2:
          text.insert(at, text.substr(at, 1 + random.below(40)));
          break;
        case 3:
          text.resize(at);
          break;
        default: {
          static constexpr int32_t kLengths[] = {-1, -2, 0, 1, INT32_MAX, INT32_MIN, 1 << 20};
          std::string length;
          Writer(length).i32(kLengths[random.below(std::size(kLengths))]);
          text.replace(at, std::min<size_t>(4, text.size() - at), length);
        }
      }
    }
    return text;
  }

 private:
  std::deque<std::string> kept_;
};

}  // namespace zooid::wire
