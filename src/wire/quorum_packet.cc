#include "wire/quorum_packet.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/assert.h"
#include "wire/fixed_bytes.h"
#include "wire/stream_buffer.h"

namespace zooid::wire {

namespace {

constexpr size_t kPacketHeadBytes = 16;  // type, zxid and the length of data
constexpr size_t kIdBytesMin = 8;
constexpr int32_t kNull = -1;
constexpr size_t kLearnerInfoBytes = 20;
constexpr size_t kForwardedHeadBytes = 16;
// Protocol version of learners that do not name theirs.
constexpr int32_t kProtocolVersionOld = 1;

}  // namespace

const char* packet_name(PacketType type) {
  switch (type) {
    case PacketType::kRequest:
      return "REQUEST";
    case PacketType::kProposal:
      return "PROPOSAL";
    case PacketType::kAck:
      return "ACK";
    case PacketType::kCommit:
      return "COMMIT";
    case PacketType::kPing:
      return "PING";
    case PacketType::kRevalidate:
      return "REVALIDATE";
    case PacketType::kSync:
      return "SYNC";
    case PacketType::kInform:
      return "INFORM";
    case PacketType::kCommitAndActivate:
      return "COMMITANDACTIVATE";
    case PacketType::kNewLeader:
      return "NEWLEADER";
    case PacketType::kFollowerInfo:
      return "FOLLOWERINFO";
    case PacketType::kUpToDate:
      return "UPTODATE";
    case PacketType::kDiff:
      return "DIFF";
    case PacketType::kTrunc:
      return "TRUNC";
    case PacketType::kSnap:
      return "SNAP";
    case PacketType::kObserverInfo:
      return "OBSERVERINFO";
    case PacketType::kLeaderInfo:
      return "LEADERINFO";
    case PacketType::kAckEpoch:
      return "ACKEPOCH";
    case PacketType::kInformAndActivate:
      return "INFORMANDACTIVATE";
  }
  return "UNKNOWN";
}

void write(std::string& out, const QuorumPacket& packet) {
  ASSERT(!packet.data_is_null || packet.data.empty());
  ASSERT(!packet.auth_is_null || packet.auth.empty());
  const size_t data_bytes = packet.data.size();
  FixedBytes<kPacketHeadBytes> head;
  head.i32(static_cast<int32_t>(packet.type)).i64(packet.zxid.value);
  head.i32(packet.data_is_null ? kNull : static_cast<int32_t>(data_bytes));
  out.append(head.view());
  out.append(packet.data.view());
  Writer writer(out);
  writer.i32(packet.auth_is_null ? kNull : static_cast<int32_t>(packet.auth.size()));
  for (const Id& id : packet.auth) write(writer, id);
}

void write_packet(std::string& out, PacketType type, Zxid zxid) {
  FixedBytes<kPacketHeadBytes + sizeof(int32_t)> bytes;
  bytes.i32(static_cast<int32_t>(type)).i64(zxid.value).i32(kNull).i32(kNull);
  out.append(bytes.view());
}

void write_packet(std::string& out, PacketType type, Zxid zxid, std::string_view data) {
  FixedBytes<kPacketHeadBytes> head;
  head.i32(static_cast<int32_t>(type)).i64(zxid.value).i32(static_cast<int32_t>(data.size()));
  out.append(head.view());
  out.append(data);
  out.append(FixedBytes<sizeof(int32_t)>().i32(kNull).view());
}

std::string serialize(const LearnerInfo& info) {
  FixedBytes<kLearnerInfoBytes> bytes;
  bytes.i64(info.server.value).i32(info.protocol_version).i64(info.config_version);
  return std::string(bytes.view());
}

std::optional<LearnerInfo> read_learner_info(std::string_view data) {
  Reader in(data);
  LearnerInfo info;
  info.server = ServerId{in.i64()};
  if (!in.ok()) return std::nullopt;
  info.protocol_version = in.remaining() >= sizeof(int32_t) ? in.i32() : kProtocolVersionOld;
  info.config_version = in.remaining() >= sizeof(int64_t) ? in.i64() : 0;
  return info;
}

std::string serialize(const ForwardedRequest& request) {
  FixedBytes<kForwardedHeadBytes> head;
  head.i64(request.session.value).i32(request.cxid).i32(static_cast<int32_t>(request.type));
  std::string bytes;
  bytes.reserve(kForwardedHeadBytes + request.body.size());
  bytes.append(head.view());
  bytes.append(request.body);
  return bytes;
}

std::optional<ForwardedRequest> read_forwarded_request(std::string_view data) {
  Reader in(data);
  ForwardedRequest request;
  request.session = SessionId{in.i64()};
  request.cxid = in.i32();
  request.type = static_cast<OpCode>(in.i32());
  if (!in.ok()) return std::nullopt;
  request.body = in.rest();
  return request;
}

QuorumPacketDecoder::QuorumPacketDecoder(int32_t max_data) : max_data_(max_data) {
  ASSERT(max_data >= 0);
}

void QuorumPacketDecoder::feed(std::string_view bytes) {
  append_to_stream(buffer_, begin_, bytes);
}

std::string_view QuorumPacketDecoder::undecoded() const {
  return std::string_view(buffer_).substr(begin_);
}

void QuorumPacketDecoder::skip(size_t n) {
  ASSERT(n <= undecoded().size());
  begin_ += n;
  measured_ = Measured{};
}

// Measures the packet at the front, going on where the last call stopped: each byte of a packet is
// looked at once, in whatever pieces it arrives. True when it is complete.
Result<bool> QuorumPacketDecoder::measure() {
  const std::string_view bytes = undecoded();
  Measured& m = measured_;
  if (m.bytes == 0) {
    if (bytes.size() < kPacketHeadBytes) return false;
    const int32_t length = Reader(bytes.substr(kPacketHeadBytes - sizeof(int32_t))).i32();
    if (length < kNull || length > max_data_) {
      return fail(Error::Kind::kCorrupt,
                  fmt::format("quorum packet: data length {} limit {}", length, max_data_));
    }
    m.bytes = kPacketHeadBytes + static_cast<size_t>(std::max(length, 0));
  }
  if (!m.has_auth_count) {
    if (bytes.size() < m.bytes + sizeof(int32_t)) return false;
    const int32_t count = Reader(bytes.substr(m.bytes)).i32();
    if (count < kNull || count > max_data_ / static_cast<int32_t>(kIdBytesMin)) {
      return fail(Error::Kind::kCorrupt, fmt::format("quorum packet: {} identities", count));
    }
    m.has_auth_count = true;
    m.bytes += sizeof(int32_t);
    m.auth_strings_left = 2 * static_cast<int64_t>(std::max(count, 0));
  }
  while (m.auth_strings_left > 0) {
    if (bytes.size() < m.bytes + sizeof(int32_t)) return false;
    const int32_t length = Reader(bytes.substr(m.bytes)).i32();
    m.auth_bytes += std::max(length, 0);
    if (length < kNull || m.auth_bytes > max_data_) {
      return fail(Error::Kind::kCorrupt,
                  fmt::format("quorum packet: identity length {} limit {}", length, max_data_));
    }
    m.bytes += sizeof(int32_t) + static_cast<size_t>(std::max(length, 0));
    --m.auth_strings_left;
  }
  return bytes.size() >= m.bytes;
}

Result<std::optional<QuorumPacket>> QuorumPacketDecoder::next() {
  TRY_VALUE(is_complete, measure());
  if (!is_complete) return std::nullopt;
  const std::string_view bytes = undecoded().substr(0, measured_.bytes);
  Reader in(bytes, max_data_);
  std::optional<QuorumPacket> packet(std::in_place);
  packet->type = static_cast<PacketType>(in.i32());
  packet->zxid = Zxid{in.i64()};
  const NullableView data = in.nullable();
  packet->data_is_null = !data.has_value();
  if (data) packet->data = Bytes(*data);
  packet->auth_is_null = in.rest().starts_with("\xff\xff\xff\xff");
  const int32_t count = in.count(kIdBytesMin);
  packet->auth.resize(static_cast<size_t>(count));
  for (Id& id : packet->auth) read(in, id);
  ASSERT(in.ok());  // measure() tested the same lengths
  ASSERT(in.remaining() == 0);
  begin_ += bytes.size();
  measured_ = Measured{};
  return packet;
}

}  // namespace zooid::wire
