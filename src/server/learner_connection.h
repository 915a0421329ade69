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

  // Offers the kernel as much as it takes: snapshot first, then what the machine has. True when the
  // snapshot stream ended in this call.
  bool pump(zab::Leader& leader, Now now);
  void begin_snapshot(state::Database& database);
  bool is_sending_snapshot() const { return walk_ != nullptr; }
  // Ends it now; no callback comes any more.
  void close();
  bool is_closed() const { return stream_ == nullptr || closed_; }
  zab::LearnerKey key() const { return key_; }
  std::string peer() const { return peer_; }

 private:
  zab::LearnerKey key_;
  std::unique_ptr<env::Stream> stream_;
  std::string peer_;
  wire::QuorumPacketDecoder decoder_;
  Events& events_;
  std::unique_ptr<state::SnapshotWalk> walk_;
  bool closed_ = false;
};

}  // namespace zooid::server
