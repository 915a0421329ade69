// For tests of zab: small histories, zxids and packets as text.
#pragma once

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "wire/jute.h"
#include "wire/quorum_packet.h"
#include "wire/txn.h"
#include "zab/membership.h"
#include "zab/txn_window.h"

namespace zooid::zab::testing {

inline Zxid zx(Epoch epoch, uint32_t counter) {
  return Zxid::make(epoch, counter);
}

// "epoch:counter", both hexadecimal; "none" is the untrusted -1.
inline std::string text(Zxid zxid) {
  if (zxid == kZxidUntrusted) return "none";
  return fmt::format("{:x}:{:x}", zxid.epoch(), zxid.counter());
}
inline Zxid parse_zxid(const std::string& text) {
  if (text == "none") return kZxidUntrusted;
  const size_t colon = text.find(':');
  EXPECT_NE(colon, std::string::npos) << text;
  return zx(std::strtoll(text.c_str(), nullptr, 16),
            static_cast<uint32_t>(std::strtoul(text.c_str() + colon + 1, nullptr, 16)));
}

// A transaction whose content is told by `mark`.
inline Bytes make_txn(Zxid zxid, int32_t mark = 0, wire::OpCode type = wire::OpCode::kError) {
  std::string bytes;
  wire::Writer out(bytes);
  out.i64(1);
  out.i32(mark);
  out.i64(zxid.value);
  out.i64(0);
  out.i32(static_cast<int32_t>(type));
  out.i32(-101);
  return Bytes(bytes);
}
inline int32_t mark_of(const Bytes& txn) {
  return wire::read_txn_header(txn.view())->cxid;
}

inline std::vector<WindowTxn> history(Epoch epoch, uint32_t first, uint32_t last) {
  std::vector<WindowTxn> txns;
  for (uint32_t i = first; i <= last; ++i) txns.push_back({zx(epoch, i), make_txn(zx(epoch, i))});
  return txns;
}

// Three by default; observers follow the voters.
inline Membership membership_of(std::vector<int64_t> voters, std::vector<int64_t> observers = {},
                                int64_t version = 0) {
  std::map<ServerId, Member> members;
  const auto add = [&](int64_t id, MemberRole role) {
    const auto port = static_cast<uint16_t>(2000 + id);
    members[ServerId{id}] = Member{ServerId{id},
                                   {Address{"127.0.0.1", port, static_cast<uint16_t>(port + 1000)}},
                                   role,
                                   "",
                                   0};
  };
  for (const int64_t id : voters) add(id, MemberRole::kParticipant);
  for (const int64_t id : observers) add(id, MemberRole::kObserver);
  return Membership(std::move(members), version);
}

inline wire::QuorumPacket packet(wire::PacketType type, Zxid zxid) {
  return {type, zxid};
}
inline wire::QuorumPacket packet(wire::PacketType type, Zxid zxid, std::string_view data) {
  wire::QuorumPacket made{type, zxid};
  made.data = Bytes(data);
  made.data_is_null = false;
  return made;
}
inline wire::QuorumPacket follower_info(int64_t server, Epoch accepted, int64_t version = 0) {
  return packet(wire::PacketType::kFollowerInfo, zx(accepted, 0),
                wire::serialize(wire::LearnerInfo{ServerId{server}, 0x10000, version}));
}
inline wire::QuorumPacket ack_epoch(Zxid last, int32_t current_epoch) {
  std::string data;
  wire::Writer(data).i32(current_epoch);
  return packet(wire::PacketType::kAckEpoch, last, data);
}
inline wire::QuorumPacket proposal(Zxid zxid) {
  return packet(wire::PacketType::kProposal, zxid, make_txn(zxid).view());
}

inline std::string describe(const wire::QuorumPacket& packet) {
  using wire::PacketType;
  std::string words = wire::packet_name(packet.type);
  wire::Reader data(packet.data.view());
  switch (packet.type) {
    case PacketType::kUpToDate:
    case PacketType::kSync:
      return words;
    case PacketType::kFollowerInfo:
    case PacketType::kObserverInfo: {
      const auto info = wire::read_learner_info(packet.data.view());
      return words + fmt::format(" server={} accepted={}", info->server.value, packet.zxid.epoch());
    }
    case PacketType::kAckEpoch:
      return words + fmt::format(" {} current={}", text(packet.zxid), data.i32());
    case PacketType::kPing:
      if (packet.data_is_null) break;
      words += fmt::format(" {} sessions={}", text(packet.zxid), packet.data.size() / 12);
      return words;
    case PacketType::kRevalidate: {
      words += fmt::format(" session={:x}", data.i64());
      if (data.remaining() == 1) words += data.boolean() ? " valid" : " unknown";
      return words;
    }
    case PacketType::kRequest:
      return words + fmt::format(" {} bytes", packet.data.size());
    default:
      break;
  }
  return words + " " + text(packet.zxid);
}

// All whole packets in `bytes`, which are taken out of it.
inline std::vector<wire::QuorumPacket> take_packets(std::string& bytes) {
  wire::QuorumPacketDecoder decoder;
  decoder.feed(bytes);
  bytes.clear();
  std::vector<wire::QuorumPacket> packets;
  while (true) {
    auto next = decoder.next();
    EXPECT_TRUE(next.has_value());
    if (!next || !*next) break;
    packets.push_back(std::move(**next));
  }
  bytes = decoder.undecoded();
  return packets;
}

}  // namespace zooid::zab::testing
