// Packets captured between leaders and learners: each is decoded, compared with what the capture
// says about it, and encoded again.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include "wire/golden_files.h"
#include "wire/quorum_packet.h"
#include "wire/snapshot_stream.h"
#include "wire/txn.h"

namespace zooid::wire {
namespace {

using golden::hex;
using golden::Split;
using golden::unhex;

std::string or_dash(std::string text) {
  return text.empty() ? "-" : text;
}

std::string acl_text(const AclList& list) {
  std::string text;
  for (const Acl& acl : list) {
    text += fmt::format("{}{}:{}:{}", text.empty() ? "" : ",", acl.perms, acl.id.scheme, acl.id.id);
  }
  return text;
}

std::string data_text(const NullableBytes& data) {
  return data ? or_dash(hex(*data)) : "null";
}

std::string body_text(OpCode type, const TxnBody& body) {
  if (auto* txn = std::get_if<ErrorTxn>(&body)) {
    return fmt::format("err={}", static_cast<int32_t>(txn->err));
  }
  if (auto* txn = std::get_if<CreateSessionTxn>(&body)) {
    return fmt::format("timeOut={}", txn->timeout_ms);
  }
  if (auto* txn = std::get_if<CloseSessionTxn>(&body)) {
    std::string paths;
    for (const auto& path : txn->paths_to_delete) paths += (paths.empty() ? "" : ",") + path;
    return "paths=" + paths;
  }
  if (auto* txn = std::get_if<CreateTxn>(&body)) {
    std::string text =
        fmt::format("path={} data={} acl={}", txn->path, data_text(txn->data), acl_text(txn->acl));
    const bool has_flag = type == OpCode::kCreate || type == OpCode::kCreate2;
    if (has_flag) text += fmt::format(" ephemeral={}", txn->ephemeral ? 1 : 0);
    text += fmt::format(" parentCVersion={}", txn->parent_cversion);
    if (type == OpCode::kCreateTtl) text += fmt::format(" ttl={}", txn->ttl_ms);
    return text;
  }
  if (auto* txn = std::get_if<DeleteTxn>(&body)) return fmt::format("path={}", txn->path);
  if (auto* txn = std::get_if<SetDataTxn>(&body)) {
    return fmt::format("path={} data={} version={}", txn->path, data_text(txn->data), txn->version);
  }
  if (auto* txn = std::get_if<SetAclTxn>(&body)) {
    return fmt::format("path={} acl={} version={}", txn->path, acl_text(txn->acl), txn->version);
  }
  if (auto* txn = std::get_if<CheckTxn>(&body)) {
    return fmt::format("path={} version={}", txn->path, txn->version);
  }
  std::string text;
  for (const SubTxn& sub : std::get<MultiTxn>(body).txns) {
    text += fmt::format("{}{}({})", text.empty() ? "" : " ", static_cast<int32_t>(sub.type),
                        body_text(sub.type, sub.body));
  }
  return "txns=[" + text + "]";
}

std::string txn_text(const Txn& txn) {
  std::string text = fmt::format("txn {} {} {} {} {} {}", txn.header.session.value, txn.header.cxid,
                                 txn.header.zxid.value, txn.header.time_ms,
                                 op_name(txn.header.type), body_text(txn.header.type, txn.body));
  if (txn.digest)
    text += fmt::format(" digest={}:{}", txn.digest->version, txn.digest->tree_digest);
  return text;
}

std::string request_text(const ForwardedRequest& request) {
  return fmt::format("request 0x{:016x} {} {} {}", static_cast<uint64_t>(request.session.value),
                     request.cxid, op_name(request.type), or_dash(hex(request.body)));
}

std::string touched_text(std::string_view data) {
  std::string text = "touched";
  for (Reader in(data); in.remaining() > 0 && in.ok();) {
    const auto session = static_cast<uint64_t>(in.i64());
    text += fmt::format(" 0x{:016x}:{}", session, in.i32());
  }
  return text;
}

std::string auth_text(const QuorumPacket& packet) {
  if (packet.auth_is_null) return "null";
  std::string text;
  for (const Id& id : packet.auth) {
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", id.scheme, id.id);
  }
  return or_dash(text);
}

// The data in the form in which the manifest has it. `form`: its first word.
std::string meaning_text(const QuorumPacket& packet, std::string_view form) {
  const std::string_view data = packet.data.view();
  if (form == "txn") {
    const auto txn = read_txn(data);
    if (!txn) return "unreadable transaction";
    EXPECT_EQ(hex(serialize(*txn).view()), hex(data));
    return txn_text(*txn);
  }
  if (form == "request") {
    const auto request = read_forwarded_request(data);
    if (!request) return "unreadable request";
    EXPECT_EQ(hex(serialize(*request)), hex(data));
    return request_text(*request);
  }
  if (form == "touched") return touched_text(data);
  if (packet.data_is_null) return "null";
  return "data " + or_dash(hex(data));
}

std::string snapshot_text(size_t sessions, const std::vector<SnapshotAcl>& acls,
                          const std::vector<std::string>& paths) {
  std::string acls_text, paths_text;
  for (const auto& [key, acl] : acls) {
    acls_text += fmt::format("{}{}={}", acls_text.empty() ? "" : " ", key, acl_text(acl));
  }
  for (const auto& path : paths) paths_text += (&path == &paths[0] ? "" : ",") + path;
  return fmt::format("snapshot sessions={} acls={} paths={}", sessions, acls_text, paths_text);
}

// A SNAP that is being read.
struct Snapshot {
  SnapshotDecoder decoder;
  size_t sessions = 0;
  std::vector<SnapshotAcl> acls;
  std::vector<std::string> paths;
  bool ended = false;
  std::string tail;  // what was fed to the decoder of the snapshot and lies behind it
};

// Follows one direction of a connection as a learner would: packets, and behind SNAP the stream.
class Follower {
 public:
  struct Decoded {
    QuorumPacket packet;
    std::string snapshot;  // text, if it was a SNAP
  };

  void feed(std::string_view bytes) {
    packets_.feed(bytes);
    while (step()) continue;
  }
  std::vector<Decoded> decoded;
  std::string encoded;
  std::string_view undecoded() const { return packets_.undecoded(); }

 private:
  bool step() {
    if (snapshot_) return step_snapshot();
    auto packet = packets_.next();
    if (!packet) ADD_FAILURE() << packet.error().message;
    if (!packet || !*packet) return false;
    write(encoded, **packet);
    if ((*packet)->type == PacketType::kSnap) snapshot_.emplace();
    decoded.push_back({std::move(**packet), {}});
    return true;
  }
  bool step_snapshot() {
    Snapshot& s = *snapshot_;
    if (!s.ended) {
      const std::string_view bytes = packets_.undecoded();
      s.decoder.feed(bytes);
      encoded.append(bytes);  // written by the nodes' own test
      packets_.skip(bytes.size());
      for (;;) {
        auto record = s.decoder.next();
        if (!record) ADD_FAILURE() << record.error().message;
        if (!record || std::holds_alternative<SnapshotNeedsMore>(*record)) return false;
        if (std::holds_alternative<SnapshotSession>(*record)) ++s.sessions;
        if (auto* acl = std::get_if<SnapshotAcl>(&*record)) s.acls.push_back(*acl);
        if (auto* node = std::get_if<SnapshotNode>(&*record)) s.paths.emplace_back(node->path);
        if (std::holds_alternative<SnapshotEnd>(*record)) break;
      }
      s.ended = true;
      s.tail = s.decoder.undecoded();
      encoded.resize(encoded.size() - s.tail.size());
    } else {
      s.tail.append(packets_.undecoded());
      packets_.skip(packets_.undecoded().size());
    }
    Reader in(s.tail);
    const std::string signature(in.buffer());
    if (!in.ok()) return false;
    EXPECT_EQ(signature, kSnapStreamSignature);
    Writer(encoded).buffer(signature);
    decoded.back().snapshot = snapshot_text(s.sessions, s.acls, s.paths);
    const std::string rest(in.rest());
    snapshot_.reset();
    packets_.feed(rest);
    return true;
  }
  QuorumPacketDecoder packets_;
  std::optional<Snapshot> snapshot_;
};

// Row of a manifest: "packet", type, zxid, authinfo, meaning, bytes.
void expect_packet(const Follower::Decoded& decoded, const std::vector<std::string>& row) {
  const QuorumPacket& packet = decoded.packet;
  EXPECT_EQ(packet_name(packet.type), row[1]);
  EXPECT_EQ(fmt::format("0x{:x}", static_cast<uint64_t>(packet.zxid.value)), row[2]);
  EXPECT_EQ(auth_text(packet), row[3]);
  if (packet.type == PacketType::kSnap) {
    EXPECT_EQ(decoded.snapshot, row[4]);
  } else {
    EXPECT_EQ(meaning_text(packet, golden::split(row[4], ' ')[0]), row[4]);
  }
}

using Rows = std::vector<std::vector<std::string>>;

void follow_connection(const Rows& packets, Random& random) {
  std::string stream;
  for (const auto& row : packets) stream += unhex(row[5]);
  for (Split split : golden::kSplits) {
    Follower follower;
    golden::for_each_piece(stream, split, random, [&](std::string_view p) { follower.feed(p); });
    ASSERT_EQ(follower.decoded.size(), packets.size());
    for (size_t i = 0; i < packets.size(); ++i) expect_packet(follower.decoded[i], packets[i]);
    EXPECT_EQ(follower.encoded, stream);
    EXPECT_TRUE(follower.undecoded().empty());
  }
}

class QuorumGolden : public testing::TestWithParam<const char*> {};

TEST_P(QuorumGolden, whole_connections_in_any_split_decode_and_encode_to_the_same_bytes) {
  Random random(1);
  Rows packets;
  std::string stream_name;
  int connections = 0;
  for (const auto& row : golden::read_table(std::string("quorum/") + GetParam() + ".txt")) {
    if (row[0] != "stream") {
      packets.push_back(row);
      continue;
    }
    SCOPED_TRACE(stream_name);
    follow_connection(packets, random);
    packets.clear();
    stream_name = row[1];
    ++connections;
  }
  follow_connection(packets, random);
  EXPECT_GE(connections, 4);
}

INSTANTIATE_TEST_SUITE_P(Ensembles, QuorumGolden,
                         testing::Values("ensemble-3.8.0", "ensemble-mixed",
                                         "election-multiaddress", "election-hierarchical"),
                         [](const auto& info) { return fmt::format("run{}", info.index); });

class PacketTypesGolden : public testing::TestWithParam<const char*> {};

TEST_P(PacketTypesGolden, every_packet_type_and_transaction_kind) {
  Random random(2);
  int packets = 0;
  for (const auto& row : golden::read_table(std::string("quorum/") + GetParam() + ".txt")) {
    SCOPED_TRACE(row[6]);
    follow_connection({row}, random);
    ++packets;
  }
  EXPECT_GE(packets, 50);
}

TEST_P(PacketTypesGolden, short_writers_equal_the_long_one) {
  for (const auto& row : golden::read_table(std::string("quorum/") + GetParam() + ".txt")) {
    if (row[1] == "SNAP" || row[3] != "null") continue;
    const std::string bytes = unhex(row[5]);
    QuorumPacketDecoder decoder;
    decoder.feed(bytes);
    const auto packet = decoder.next();
    ASSERT_TRUE(packet.has_value() && packet->has_value());
    std::string written;
    if ((*packet)->data_is_null) {
      write_packet(written, (*packet)->type, (*packet)->zxid);
    } else {
      write_packet(written, (*packet)->type, (*packet)->zxid, (*packet)->data.view());
    }
    EXPECT_EQ(hex(written), row[5]) << row[6];
  }
}

INSTANTIATE_TEST_SUITE_P(Ensembles, PacketTypesGolden,
                         testing::Values("packet-types-ensemble-3.8.0",
                                         "packet-types-ensemble-mixed"),
                         [](const auto& info) { return fmt::format("run{}", info.index); });

}  // namespace
}  // namespace zooid::wire
