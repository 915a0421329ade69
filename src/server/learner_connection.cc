#include "server/learner_connection.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "wire/snapshot_stream.h"

namespace zooid::server {
namespace {

// What may wait for the kernel on one learner's connection; more is made when half of it is gone.
constexpr size_t kBacklogBytesMax = 1u << 20;
constexpr size_t kBacklogBytesLow = kBacklogBytesMax / 2;
// Made at once before the other learners have their turn.
constexpr size_t kPieceBytes = 64u << 10;
constexpr size_t kPieceNodes = 256;

}  // namespace

LearnerConnection::LearnerConnection(zab::LearnerKey key, std::unique_ptr<env::Stream> stream,
                                     int32_t data_max, Events& events)
    : key_(key),
      stream_(std::move(stream)),
      peer_(stream_->peer().text()),
      host_(stream_->peer().host),
      decoder_(data_max),
      events_(events) {}

void LearnerConnection::on_bytes(std::string_view bytes) {
  if (closed_) return;
  decoder_.feed(bytes);
  while (!closed_) {
    auto packet = decoder_.next();
    if (!packet) {
      closed_ = true;
      events_.on_closed(key_, packet.error().message);
      return;
    }
    if (!*packet) return;
    has_spoken_ = true;
    events_.on_packet(key_, **packet);
  }
}

void LearnerConnection::on_closed(const Error& reason) {
  if (closed_) return;
  closed_ = true;
  events_.on_closed(key_, reason.message);
}

bool LearnerConnection::pump(zab::Leader& leader, Now now) {
  if (is_closed()) return false;
  const size_t backlog = stream_->backlog();
  if (backlog < std::exchange(backlog_seen_, backlog)) leader.on_stream_progress(key_, now);
  if (backlog >= kBacklogBytesMax) {
    stream_->want_room(kBacklogBytesLow);
    return false;
  }
  bool has_more = true;
  if (walk_ == nullptr) {
    const size_t bytes_max = std::min(kPieceBytes, kBacklogBytesMax - backlog);
    leader.pump(key_, bytes_max, stream_->output(), now);
    has_more = stream_->backlog() >= backlog + bytes_max;
  } else if (walk_->step(stream_->output(), kPieceNodes, kPieceBytes)) {
    walk_.reset();
    wire::Writer(stream_->output()).buffer(wire::kSnapStreamSignature);
    leader.on_snapshot_sent(key_, now);
  }
  backlog_seen_ = stream_->backlog();
  if (has_more) stream_->want_room(kBacklogBytesLow);
  return has_more;
}

void LearnerConnection::begin_snapshot(zab::Leader& leader, state::Database& database, Now now) {
  ASSERT(walk_ == nullptr);
  leader.pump(key_, kPieceBytes, stream_->output(), now);
  walk_ = std::make_unique<state::SnapshotWalk>(database);
}

void LearnerConnection::close() {
  walk_.reset();
  closed_ = true;
  if (stream_ != nullptr) stream_->close();
}

}  // namespace zooid::server
