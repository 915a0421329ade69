// A learner's connection at the leader: packets in, bytes pulled from the leader machine out, or a
// snapshot stream in slices.
#pragma once

#include <functional>
#include <memory>

#include "env/network.h"
#include "state/database.h"
#include "wire/quorum_packet.h"
#include "zab/leader.h"

namespace zooid::server {

class LearnerConnection : public env::StreamHandler {
 public:
  struct Events {
    std::function<void(zab::LearnerKey, const wire::QuorumPacket&)> on_packet;
    std::function<void(zab::LearnerKey, const std::string& reason)> on_closed;
  };
  LearnerConnection(zab::LearnerKey key, std::unique_ptr<env::Stream> stream, int32_t data_max,
                    Events& events);

  void on_bytes(std::string_view bytes) override;
  void on_closed(const Error& reason) override;

  // Appends the next piece of what the learner is to get, if its connection has room: of the
  // snapshot first, then of what the machine has. True if there may be more for it and room left.
  // When there is more and no room, the stream ends the loop's wait as soon as there is some (its
  // on_room has nothing to do: every wake-up pumps).
  bool pump(zab::Leader& leader, Now now);
  // Appends the SNAP packet, which the machine has ready, then the stream.
  void begin_snapshot(zab::Leader& leader, state::Database& database, Now now);
  bool is_sending_snapshot() const { return walk_ != nullptr; }
  // Ends it now; no callback comes any more.
  void close();
  bool is_closed() const { return stream_ == nullptr || closed_; }
  zab::LearnerKey key() const { return key_; }
  std::string peer() const { return peer_; }
  const std::string& address() const { return host_; }
  // Whether it has sent a whole packet.
  bool has_spoken() const { return has_spoken_; }

 private:
  zab::LearnerKey key_;
  std::unique_ptr<env::Stream> stream_;
  std::string peer_, host_;
  wire::QuorumPacketDecoder decoder_;
  Events& events_;
  std::unique_ptr<state::SnapshotWalk> walk_;
  size_t backlog_seen_ = 0;  // after the last pump: when it has shrunk since, the learner lives
  bool has_spoken_ = false;
  bool closed_ = false;
};

}  // namespace zooid::server
