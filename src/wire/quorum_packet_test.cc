#include "wire/quorum_packet.h"

#include <gtest/gtest.h>

#include "wire/golden_files.h"

namespace zooid::wire {
namespace {

using golden::hex;
using golden::unhex;

// Type PING, zxid 0.
const std::string kHead = unhex("000000050000000000000000");

Result<std::optional<QuorumPacket>> decode(const std::string& bytes, int32_t max_data = 1'000) {
  QuorumPacketDecoder decoder(max_data);
  decoder.feed(bytes);
  return decoder.next();
}

TEST(QuorumPacket, null_and_empty_differ) {
  const auto null = decode(kHead + unhex("ffffffffffffffff"));
  EXPECT_TRUE(null.value()->data_is_null);
  EXPECT_TRUE(null.value()->auth_is_null);
  const auto empty = decode(kHead + unhex("0000000000000000"));
  EXPECT_FALSE(empty.value()->data_is_null);
  EXPECT_FALSE(empty.value()->auth_is_null);
  std::string bytes;
  write(bytes, *empty.value());
  EXPECT_EQ(hex(bytes), hex(kHead) + "0000000000000000");
}

TEST(QuorumPacket, lengths_are_tested_before_their_bytes_arrive) {
  EXPECT_FALSE(decode(kHead + unhex("000003e9")).has_value());
  EXPECT_TRUE(decode(kHead + unhex("000003e8")).has_value());
  EXPECT_FALSE(decode(kHead + unhex("fffffffe")).has_value());
  EXPECT_FALSE(decode(kHead + unhex("ffffffff7fffffff")).has_value());
  EXPECT_FALSE(decode(kHead + unhex("fffffffffffffffe")).has_value());
  EXPECT_FALSE(decode(kHead + unhex("ffffffff00000001000003e9")).has_value());
  EXPECT_FALSE(decode(kHead + unhex("ffffffff00000001fffffff0")).has_value());
}

TEST(QuorumPacket, identities_together_are_limited_too) {
  std::string id;
  Writer out(id);
  out.buffer(std::string(300, 's'));
  out.buffer(std::string(300, 'i'));
  EXPECT_TRUE(decode(kHead + unhex("ffffffff00000001") + id).value().has_value());
  EXPECT_FALSE(decode(kHead + unhex("ffffffff00000002") + id + id).has_value());
}

TEST(QuorumPacket, an_error_is_final) {
  QuorumPacketDecoder decoder;
  decoder.feed(kHead + unhex("80000000"));
  EXPECT_FALSE(decoder.next().has_value());
  decoder.feed(kHead + unhex("ffffffffffffffff"));
  EXPECT_FALSE(decoder.next().has_value());
}

TEST(QuorumPacket, what_lies_behind_a_packet_can_be_taken_and_packets_go_on_after_it) {
  std::string bytes;
  write_packet(bytes, PacketType::kSnap, Zxid{7});
  bytes += "stream";
  write_packet(bytes, PacketType::kUpToDate, Zxid{-1});
  QuorumPacketDecoder decoder;
  decoder.feed(bytes);
  EXPECT_EQ(decoder.next().value()->type, PacketType::kSnap);
  EXPECT_TRUE(decoder.undecoded().starts_with("stream"));
  decoder.skip(6);
  EXPECT_EQ(decoder.next().value()->type, PacketType::kUpToDate);
  EXPECT_FALSE(decoder.next().value().has_value());
  EXPECT_TRUE(decoder.undecoded().empty());
}

// If each arrival began to read again from the packet's first byte this would not end.
TEST(QuorumPacket, long_packets_byte_by_byte_take_linear_time) {
  QuorumPacket packet;
  packet.type = PacketType::kRequest;
  packet.data = Bytes(std::string(500'000, 'd'));
  packet.data_is_null = false;
  packet.auth_is_null = false;
  packet.auth.assign(100'000, Id{"s", ""});
  std::string bytes, again;
  write(bytes, packet);
  QuorumPacketDecoder decoder;
  for (size_t i = 0; i + 1 < bytes.size(); ++i) {
    decoder.feed(std::string_view(bytes).substr(i, 1));
    const auto none = decoder.next();
    ASSERT_TRUE(none.has_value() && !none->has_value());
  }
  decoder.feed(std::string_view(bytes).substr(bytes.size() - 1));
  write(again, *decoder.next().value());
  EXPECT_EQ(again, bytes);
}

TEST(LearnerInfo, shorter_forms_of_old_learners_are_read) {
  const std::string full = serialize(LearnerInfo{ServerId{5}, 0x10000, 9});
  EXPECT_EQ(hex(full), "0000000000000005000100000000000000000009");
  const auto only_id = read_learner_info(full.substr(0, 8));
  ASSERT_TRUE(only_id.has_value());
  EXPECT_EQ(only_id->server, ServerId{5});
  EXPECT_EQ(only_id->protocol_version, 1);
  EXPECT_EQ(only_id->config_version, 0);
  const auto with_version = read_learner_info(full.substr(0, 12));
  EXPECT_EQ(with_version->protocol_version, 0x10000);
  EXPECT_EQ(with_version->config_version, 0);
  EXPECT_EQ(read_learner_info(full)->config_version, 9);
  EXPECT_FALSE(read_learner_info(full.substr(0, 7)).has_value());
}

TEST(ForwardedRequest, body_is_what_follows_sixteen_bytes) {
  const std::string bytes = unhex("040000117dff00000000000200000009") + "body";
  const auto request = read_forwarded_request(bytes);
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->session, SessionId{0x040000117dff0000});
  EXPECT_EQ(request->cxid, 2);
  EXPECT_EQ(request->type, OpCode::kSync);
  EXPECT_EQ(request->body, "body");
  EXPECT_FALSE(read_forwarded_request(bytes.substr(0, 15)).has_value());
}

}  // namespace
}  // namespace zooid::wire
