// For the tests of this folder: transactions in one line, a tree as comparable text, and the
// records of a snapshot that was written into a string.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "state/database.h"
#include "wire/txn.h"

namespace zooid::state::test {

inline const wire::AclList kOpen{{wire::kPermAll, {"world", "anyone"}}};
inline const wire::AclList kReadOnly{{wire::kPermRead, {"world", "anyone"}}};

inline constexpr int64_t kTestTimeBase = 1'700'000'000'000;

inline wire::Txn txn(int64_t zxid, wire::OpCode type, wire::TxnBody body, int64_t session = 0x11) {
  wire::Txn result;
  result.header = {SessionId{session}, static_cast<int32_t>(zxid), Zxid{zxid}, kTestTimeBase + zxid,
                   type};
  result.body = std::move(body);
  return result;
}
inline wire::Txn create(int64_t zxid, std::string path, std::string data, int32_t parent_cversion,
                        wire::AclList acl = kOpen) {
  return txn(
      zxid, wire::OpCode::kCreate,
      wire::CreateTxn{std::move(path), std::move(data), std::move(acl), false, parent_cversion, 0});
}
inline wire::Txn create_ephemeral(int64_t zxid, std::string path, int64_t session,
                                  int32_t parent_cversion) {
  return txn(zxid, wire::OpCode::kCreate,
             wire::CreateTxn{std::move(path), "e", kOpen, true, parent_cversion, 0}, session);
}
inline wire::Txn remove(int64_t zxid, std::string path) {
  return txn(zxid, wire::OpCode::kDelete, wire::DeleteTxn{std::move(path)});
}
inline wire::Txn set_data(int64_t zxid, std::string path, wire::NullableBytes data,
                          int32_t version) {
  return txn(zxid, wire::OpCode::kSetData,
             wire::SetDataTxn{std::move(path), std::move(data), version});
}
inline wire::Txn set_acl(int64_t zxid, std::string path, wire::AclList acl, int32_t version) {
  return txn(zxid, wire::OpCode::kSetAcl,
             wire::SetAclTxn{std::move(path), std::move(acl), version});
}
inline wire::Txn open_session(int64_t zxid, int64_t session, int32_t timeout_ms) {
  return txn(zxid, wire::OpCode::kCreateSession, wire::CreateSessionTxn{timeout_ms}, session);
}
inline wire::Txn close_session(int64_t zxid, int64_t session, std::vector<std::string> paths) {
  return txn(zxid, wire::OpCode::kCloseSession, wire::CloseSessionTxn{std::move(paths), true},
             session);
}
inline wire::Txn multi(int64_t zxid, const std::vector<wire::Txn>& parts) {
  wire::MultiTxn body;
  for (const wire::Txn& part : parts) body.txns.push_back({part.header.type, part.body});
  return txn(zxid, wire::OpCode::kMulti, std::move(body));
}

inline std::string to_text(const wire::NullableView& data) {
  return data ? fmt::format("\"{}\"", *data) : "null";
}
inline std::string to_text(const wire::AclList& acl) {
  std::string text;
  for (const auto& a : acl) text += fmt::format("{}:{}:{} ", a.perms, a.id.scheme, a.id.id);
  return text;
}
inline std::string to_text(const wire::StatPersisted& s) {
  return fmt::format("{} {} {} {} {} {} {} {} {}", s.czxid, s.mzxid, s.ctime, s.mtime, s.version,
                     s.cversion, s.aversion, s.ephemeral_owner, s.pzxid);
}

// One line for each node, sorted by path: everything about it.
inline std::vector<std::string> dump(const Tree& tree) {
  std::vector<std::string> lines;
  std::vector<NodeId> to_visit{kRoot};
  while (!to_visit.empty()) {
    const NodeId node = to_visit.back();
    to_visit.pop_back();
    lines.push_back(fmt::format("{} data={} stat={} acl={}children={}", tree.path(node),
                                to_text(tree.data(node)), to_text(tree.stored(node)),
                                to_text(tree.acl(node)->list()), tree.child_count(node)));
    for (NodeId child = tree.first_child(node); child != kNoNode;
         child = tree.next_sibling(child)) {
      to_visit.push_back(child);
    }
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}
inline std::vector<std::string> dump(const Database& database) {
  std::vector<std::string> lines = dump(database.tree());
  for (const auto& [id, timeout_ms] : database.sessions()) {
    lines.push_back(fmt::format("session {} {}", id.value, timeout_ms));
  }
  for (const SessionId owner : database.tree().ephemeral_owners()) {
    lines.push_back(fmt::format("owner {}: {}", owner.value,
                                fmt::join(database.tree().ephemerals(owner), " ")));
  }
  lines.push_back(fmt::format("last {} digest {} size {} count {}", database.last_zxid().value,
                              database.tree().digest(), database.tree().data_size(),
                              database.tree().node_count()));
  return lines;
}

// The digest from nothing but the nodes.
inline uint64_t digest_from_scratch(const Tree& tree) {
  uint64_t digest = 0;
  std::vector<NodeId> to_visit{kRoot};
  while (!to_visit.empty()) {
    const NodeId node = to_visit.back();
    to_visit.pop_back();
    digest += node_digest(node == kRoot ? "" : tree.path(node), tree.data(node), tree.stored(node));
    for (NodeId child = tree.first_child(node); child != kNoNode;
         child = tree.next_sibling(child)) {
      to_visit.push_back(child);
    }
  }
  return digest;
}

// Feeds the body of a snapshot to a database; the first error of decoder or database. `rest` gets
// what stands behind the body.
inline Result<> load_body(Database& database, std::string_view body, std::string* rest = nullptr) {
  wire::SnapshotDecoder decoder;
  decoder.feed(body);
  while (true) {
    auto record = decoder.next();
    if (!record) return std::unexpected(record.error());
    if (std::holds_alternative<wire::SnapshotNeedsMore>(*record)) return fail("cut short");
    TRY(database.load(*record));
    if (!std::holds_alternative<wire::SnapshotEnd>(*record)) continue;
    if (rest != nullptr) *rest = std::string(decoder.undecoded());
    return {};
  }
}

inline std::string snapshot_of(Database& database) {
  SnapshotWalk walk(database);
  std::string body;
  while (!walk.step(body)) {
  }
  return body;
}

}  // namespace zooid::state::test
