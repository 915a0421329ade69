// Reads along on the links between servers and tells the timeline each message when it arrives.
// What clients send is not told. Changes nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sim/timeline.h"
#include "wire/notification.h"
#include "wire/quorum_packet.h"

namespace zooid::sim {

class MessageTap {
 public:
  explicit MessageTap(Timeline& timeline) : timeline_(timeline) {}

  // Every arrival, in order.
  void on_bytes(const std::string& from, const std::string& to, uint64_t connection,
                std::string_view bytes);

 private:
  // One direction of a connection.
  struct Direction {
    std::string beginning;  // until it is known what is spoken
    bool is_unknown = true;
    std::optional<wire::ElectionStreamDecoder> election;
    std::optional<wire::QuorumPacketDecoder> quorum;
    bool is_in_snapshot = false;
    std::string snapshot_end;  // what could be the beginning of its signature
  };
  using Key = std::pair<uint64_t, std::string>;  // connection, sender

  void begin(Direction& direction, const Direction* other);
  void tell_election(Direction& direction, const std::string& from, const std::string& to);
  void tell_quorum(Direction& direction, const std::string& from, const std::string& to);
  std::string_view behind_snapshot(Direction& direction, std::string_view bytes) const;

  Timeline& timeline_;
  std::map<Key, Direction> directions_;
};

}  // namespace zooid::sim
