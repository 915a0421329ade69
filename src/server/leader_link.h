// A follower's connection to the leader: tries to connect until the time is up, decodes packets,
// and while a SNAP stream runs loads a new database from it.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "env/network.h"
#include "state/database.h"
#include "wire/quorum_packet.h"
#include "wire/snapshot_stream.h"

namespace zooid::server {

class LeaderLink : public env::StreamHandler {
 public:
  struct Events {
    std::function<void()> on_connected;
    std::function<void(const wire::QuorumPacket&)> on_packet;
    std::function<void()> on_snapshot_progress;
    // The stream and its signature were read; the database's zxid is the SNAP packet's.
    std::function<void(std::unique_ptr<state::Database>)> on_snapshot;
    std::function<void(const std::string& reason)> on_closed;
  };
  struct Limits {
    int64_t give_up_ms;    // no further attempt to connect after this time
    int64_t pause_us = 0;  // before the first attempt; the other times begin behind it
    // One attempt. A host that lost power swallows what asks for a connection; the kernel would ask
    // again after 1, 3, 7, 15, 31 s, and come long after the host is back.
    int64_t attempt_ms;
    int32_t data_max;  // longest packet data and longest buffer, in bytes
  };
  LeaderLink(env::Network& network, std::vector<env::Endpoint> leader, Limits limits, Now now,
             Events events);

  // From now on bytes belong to the snapshot, until on_snapshot.
  void expect_snapshot(Zxid zxid, state::DatabaseOptions options);
  void send(std::string_view bytes);
  // Back-pressure. Requires a connection.
  void pause_reading() { stream_->pause_reading(); }
  void resume_reading() { stream_->resume_reading(); }
  void on_timer(Now now);
  int64_t next_deadline() const { return retry_at_us_; }
  bool has_heard() const { return heard_; }

  void on_connected() override;
  void on_bytes(std::string_view bytes) override;
  void on_closed(const Error& reason) override;

 private:
  struct Loading {
    Zxid zxid;
    wire::SnapshotDecoder decoder;
    std::unique_ptr<state::Database> database;
    bool body_done = false;
    std::string tail;  // behind the body: the signature, then packets
  };
  void attempt(Now now);
  void decode_packets();
  // False: the stream cannot be followed.
  bool load(std::string_view bytes);
  void fail(std::string reason);

  env::Network& network_;
  std::vector<env::Endpoint> leader_;
  size_t next_endpoint_ = 0;
  const Limits limits_;
  Events events_;
  std::unique_ptr<env::Stream> stream_;
  wire::QuorumPacketDecoder decoder_;
  std::optional<Loading> loading_;
  int64_t retry_at_us_ = 0;
  int64_t retry_wait_us_;
  int64_t refused_since_us_ = kNever;  // without another outcome in between
  int64_t give_up_at_us_;
  Now last_now_;
  bool connected_ = false;
  bool heard_ = false;    // the leader has sent something
  std::string greeting_;  // what was sent before that: sent again on a new connection
  bool retry_wanted_ = true;
  bool finished_ = false;
  std::string last_failure_;
};

}  // namespace zooid::server
