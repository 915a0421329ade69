// Every record with random contents is read as it was written.
#include <gtest/gtest.h>

#include "wire/golden_files.h"
#include "wire/notification.h"
#include "wire/random_records.h"
#include "wire/snapshot_stream.h"

namespace zooid::wire {
namespace {

using golden::hex;

constexpr int kRounds = 2'000;

template <class Record>
std::string written(const Record& record) {
  std::string bytes;
  Writer out(bytes);
  write(out, record);
  return bytes;
}

// Reads what was written, writes it again, and tests that every byte was used.
template <class Record>
Record round_trip(const Record& record) {
  const std::string bytes = written(record);
  Reader in(bytes);
  Record again;
  read(in, again);
  EXPECT_TRUE(in.ok());
  EXPECT_EQ(in.remaining(), 0u);
  EXPECT_EQ(hex(written(again)), hex(bytes));
  return again;
}

TEST(RoundTrip, shared_records) {
  RandomRecords make(11);
  for (int i = 0; i < kRounds; ++i) {
    const Stat stat = make.stat();
    EXPECT_EQ(round_trip(stat), stat);
    EXPECT_EQ(written(stat).size(), 68u);
    const StatPersisted persisted = make.stat_persisted();
    EXPECT_EQ(round_trip(persisted), persisted);
    EXPECT_EQ(written(persisted).size(), 60u);
    const AclList acl = make.acl();
    EXPECT_EQ(round_trip(acl), acl);
    const Id id = make.id();
    EXPECT_EQ(round_trip(id), id);
    round_trip(RequestHeader{make.i32(), make.i32()});
    round_trip(ReplyHeader{make.i32(), make.i64(), make.i32()});
    round_trip(MultiHeader{make.i32(), make.boolean(), make.i32()});
  }
}

TEST(RoundTrip, handshakes) {
  RandomRecords make(12);
  for (int i = 0; i < kRounds; ++i) {
    const bool has_flag = make.boolean();
    const ConnectRequest request{make.i32(),     make.i64(), make.i32(), SessionId{make.i64()},
                                 make.bytes(20), has_flag,   has_flag};
    const ConnectRequest request_again = round_trip(request);
    EXPECT_EQ(request_again.has_read_only, has_flag);
    EXPECT_EQ(request_again.password, request.password);
    const ConnectResponse response{make.i32(),     make.i32(), SessionId{make.i64()},
                                   make.bytes(20), has_flag,   has_flag};
    const ConnectResponse response_again = round_trip(response);
    EXPECT_EQ(response_again.session_id, response.session_id);
    EXPECT_EQ(response_again.read_only, has_flag);
  }
}

template <class Record, class Write, class Read>
void request_round_trip(const Record& record, Write write_it, Read read_it) {
  std::string bytes, again;
  Writer out(bytes);
  write_it(out, record);
  Reader in(bytes);
  Record decoded;
  ASSERT_TRUE(read_it(in, decoded));
  EXPECT_EQ(in.remaining(), 0u);
  Writer out_again(again);
  write_it(out_again, decoded);
  EXPECT_EQ(hex(again), hex(bytes));
}

TEST(RoundTrip, simple_requests) {
  RandomRecords make(13);
  for (int i = 0; i < kRounds; ++i) {
    request_round_trip(PathRequest{make.path_view()}, write_path, read_path);
    request_round_trip(PathRequest{make.view(10)}, write_path, read_path_or_null);
    request_round_trip(PathWatchRequest{make.path_view(), make.boolean()}, write_path_watch,
                       read_path_watch);
    request_round_trip(PathVersionRequest{make.path_view(), make.i32()}, write_path_version,
                       read_path_version);
    request_round_trip(PathModeRequest{make.path_view(), make.i32()}, write_path_mode,
                       read_path_mode);
    request_round_trip(SetDataRequest{make.path_view(), make.nullable_view(), make.i32()},
                       write_set_data, read_set_data);
    request_round_trip(SetAclRequest{make.path_view(), make.acl(), false, make.i32()},
                       write_set_acl, read_set_acl);
    request_round_trip(AuthRequest{make.i32(), make.view(10), make.view(50)}, write_auth,
                       read_auth);
    request_round_trip(ReconfigRequest{make.nullable_view(), make.nullable_view(),
                                       make.nullable_view(), make.i64()},
                       write_reconfig, read_reconfig);
  }
}

TEST(RoundTrip, requests_whose_type_decides_their_form) {
  RandomRecords make(14);
  for (int i = 0; i < kRounds; ++i) {
    for (OpCode op : {OpCode::kCreate, OpCode::kCreateTtl}) {
      request_round_trip(
          make.create_request(op),
          [op](Writer& out, const CreateRequest& value) { write_create(out, op, value); },
          [op](Reader& in, CreateRequest& value) { return read_create(in, op, value); });
    }
    for (OpCode op : {OpCode::kSetWatches, OpCode::kSetWatches2}) {
      request_round_trip(
          make.set_watches(op),
          [op](Writer& out, const SetWatchesRequest& value) { write_set_watches(out, op, value); },
          [op](Reader& in, SetWatchesRequest& value) { return read_set_watches(in, op, value); });
    }
    for (bool reads : {false, true}) {
      request_round_trip(make.multi(reads), write_multi,
                         [reads](Reader& in, std::vector<SubRequest>& value) {
                           return read_multi(in, reads, value);
                         });
    }
  }
}

TEST(RoundTrip, transactions) {
  RandomRecords make(15);
  for (int i = 0; i < 5 * kRounds; ++i) {
    const Txn txn = make.txn();
    const Bytes bytes = serialize(txn);
    const auto again = read_txn(bytes.view());
    ASSERT_TRUE(again.has_value()) << hex(bytes.view());
    EXPECT_EQ(hex(serialize(*again).view()), hex(bytes.view()));
    EXPECT_EQ(again->body.index(), txn.body.index());
    EXPECT_EQ(again->digest, txn.digest);
    EXPECT_EQ(again->header.zxid, txn.header.zxid);
    EXPECT_EQ(read_txn_header(bytes.view())->type, txn.header.type);
  }
}

TEST(RoundTrip, quorum_packets_and_their_data) {
  RandomRecords make(16);
  QuorumPacketDecoder decoder;
  for (int i = 0; i < kRounds; ++i) {
    const QuorumPacket packet = make.packet();
    std::string bytes, again;
    write(bytes, packet);
    decoder.feed(bytes);
    const auto decoded = decoder.next();
    ASSERT_TRUE(decoded.has_value() && decoded->has_value());
    write(again, **decoded);
    EXPECT_EQ(hex(again), hex(bytes));
    EXPECT_EQ((*decoded)->data_is_null, packet.data_is_null);
    EXPECT_EQ((*decoded)->auth, packet.auth);

    const LearnerInfo info{ServerId{make.i64()}, make.i32(), make.i64()};
    const auto info_again = read_learner_info(serialize(info));
    ASSERT_TRUE(info_again.has_value());
    EXPECT_EQ(serialize(*info_again), serialize(info));

    const ForwardedRequest request{SessionId{make.i64()}, make.i32(), OpCode::kMulti,
                                   make.view(50)};
    const std::string request_bytes = serialize(request);
    const auto request_again = read_forwarded_request(request_bytes);
    ASSERT_TRUE(request_again.has_value());
    EXPECT_EQ(serialize(*request_again), request_bytes);
  }
}

TEST(RoundTrip, notifications) {
  RandomRecords make(17);
  for (int i = 0; i < kRounds; ++i) {
    Notification notification;
    notification.state = static_cast<PeerState>(make.random.below(4));
    notification.leader = ServerId{make.i64()};
    notification.zxid = Zxid{make.i64()};
    notification.round = make.i64();
    notification.peer_epoch = make.i64();
    notification.config = make.bytes(300);
    const auto again = read_notification(serialize(notification));
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(serialize(*again), serialize(notification));
    EXPECT_EQ(again->version, 2);
    EXPECT_EQ(again->config, notification.config);
  }
}

TEST(RoundTrip, snapshot_nodes_in_pieces) {
  RandomRecords make(18);
  std::string bytes(8, '\0');  // no sessions, no ACLs
  std::vector<std::string> paths;
  for (int i = 0; i < kRounds; ++i) {
    paths.push_back("/n" + make.bytes(20));
    write_snapshot_node(bytes, paths.back(), make.nullable_view(), make.i64(),
                        make.stat_persisted());
  }
  Writer(bytes).buffer("/");
  SnapshotDecoder decoder;
  std::string again(8, '\0');
  size_t nodes = 0;
  golden::for_each_piece(bytes, golden::Split::kRandom, make.random, [&](std::string_view piece) {
    decoder.feed(piece);
    for (;;) {
      const auto record = decoder.next();
      ASSERT_TRUE(record.has_value());
      const auto* node = std::get_if<SnapshotNode>(&*record);
      if (node == nullptr) return;
      ASSERT_EQ(node->path, paths[nodes++]);
      write_snapshot_node(again, node->path, node->data, node->acl_key, node->stat);
    }
  });
  Writer(again).buffer("/");
  EXPECT_EQ(nodes, paths.size());
  EXPECT_EQ(again, bytes);
  EXPECT_EQ(decoder.offset(), bytes.size());
}

}  // namespace
}  // namespace zooid::wire
