// Packets between leader and learners (quorum-protocol 2) and their resumable decoder.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "wire/error_code.h"
#include "wire/records.h"

namespace zooid::wire {

enum class PacketType : int32_t {
  kRequest = 1,
  kProposal = 2,
  kAck = 3,
  kCommit = 4,
  kPing = 5,
  kRevalidate = 6,
  kSync = 7,
  kInform = 8,
  kCommitAndActivate = 9,
  kNewLeader = 10,
  kFollowerInfo = 11,
  kUpToDate = 12,
  kDiff = 13,
  kTrunc = 14,
  kSnap = 15,
  kObserverInfo = 16,
  kLeaderInfo = 17,
  kAckEpoch = 18,
  kInformAndActivate = 19,
};

const char* packet_name(PacketType type);

struct QuorumPacket {
  PacketType type;
  Zxid zxid{-1};
  // Null and empty differ on the wire; a null buffer has data_is_null and empty data.
  Bytes data;
  bool data_is_null = true;
  std::vector<Id> auth;
  bool auth_is_null = true;
};

void write(std::string& out, const QuorumPacket& packet);
// The hot ones without a QuorumPacket in between.
void write_packet(std::string& out, PacketType type, Zxid zxid);
void write_packet(std::string& out, PacketType type, Zxid zxid, std::string_view data);

// Data of FOLLOWERINFO and OBSERVERINFO.
struct LearnerInfo {
  ServerId server;
  int32_t protocol_version = 0x10000;
  int64_t config_version = 0;
};
std::string serialize(const LearnerInfo& info);
// Shorter forms: 8 bytes (id; protocol version 1), 12 bytes. nullopt below 8.
std::optional<LearnerInfo> read_learner_info(std::string_view data);

// Data of REQUEST (quorum-protocol 7).
struct ForwardedRequest {
  SessionId session;
  int32_t cxid = 0;
  OpCode type = OpCode::kError;
  std::string_view body;
};
std::string serialize(const ForwardedRequest& request);
std::optional<ForwardedRequest> read_forwarded_request(std::string_view data);

// Takes a stream as it arrives, in any split, and gives whole packets. While a SNAP stream runs it
// gives the stream's bytes to the caller instead (a snapshot has no length: its own decoder knows
// where it ends). State is kept between arrivals; every length is tested before memory is taken.
class QuorumPacketDecoder {
 public:
  // `max_data`: longest data accepted (jute.maxbuffer + extra).
  explicit QuorumPacketDecoder(int32_t max_data = kMaxRecordBufferDefault);

  // Appends what arrived.
  void feed(std::string_view bytes);
  // The next whole packet; nullopt when more bytes are needed. An error is final: the stream cannot
  // be followed any more.
  Result<std::optional<QuorumPacket>> next();
  // Bytes that arrived behind the last packet and were not decoded; valid until the next call.
  std::string_view undecoded() const;
  // Drops the first n of them: somebody else read them (the snapshot decoder).
  void skip(size_t n);

 private:
  // How much of the packet at the front was measured so far.
  struct Measured {
    size_t bytes = 0;  // from its beginning, lengths of what follows included; 0: not begun
    bool has_auth_count = false;
    int64_t auth_strings_left = 0;  // schemes and ids of authinfo
    int64_t auth_bytes = 0;         // their lengths together
  };
  Result<bool> measure();

  int32_t max_data_;
  std::string buffer_;
  size_t begin_ = 0;
  Measured measured_;
};

}  // namespace zooid::wire
