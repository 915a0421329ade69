#include "server/learner_connection.h"

#include "base/log.h"
#include "wire/snapshot_stream.h"

namespace zooid::server {
namespace {

// What may wait for the kernel on one learner's connection; more is made when it drained.
constexpr size_t kBacklogBytesMax = 1u << 20;

}  // namespace

LearnerConnection::LearnerConnection(zab::LearnerKey key, std::unique_ptr<env::Stream> stream,
                                     int32_t data_max, Events& events)
    : key_(key),
      stream_(std::move(stream)),
      peer_(stream_->peer().text()),
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
  while (walk_ != nullptr && stream_->backlog() < kBacklogBytesMax) {
    const bool is_over = walk_->step(stream_->output());
    leader.on_snapshot_progress(key_, now);
    if (!is_over) continue;
    walk_.reset();
    wire::Writer(stream_->output()).buffer(wire::kSnapStreamSignature);
    return true;
  }
  const size_t backlog = stream_->backlog();
  if (walk_ == nullptr && backlog < kBacklogBytesMax) {
    leader.pump(key_, kBacklogBytesMax - backlog, stream_->output(), now);
  }
  return false;
}

void LearnerConnection::begin_snapshot(state::Database& database) {
  walk_ = std::make_unique<state::SnapshotWalk>(database);
}

void LearnerConnection::close() {
  walk_.reset();
  closed_ = true;
  if (stream_ != nullptr) stream_->close();
}

}  // namespace zooid::server
