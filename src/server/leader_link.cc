#include "server/leader_link.h"

#include <algorithm>

#include "base/log.h"
#include "base/mark.h"

namespace zooid::server {
namespace {

// First pause between attempts, doubling to the last (rule 17).
constexpr int64_t kRetryFirstUs = 2'000;
constexpr int64_t kRetryMaxUs = 200'000;
// Nothing listens there for so long: the elected server does not lead, and has perhaps joined
// another leader since, which nobody would tell us. (A Java winner listens some 200 ms after its
// voters.)
constexpr int64_t kRefusalsMaxUs = 3'000'000;
// What ends a SNAP stream: the length and the signature.
constexpr size_t kSignatureBytes = 4 + wire::kSnapStreamSignature.size();

}  // namespace

LeaderLink::LeaderLink(env::Network& network, std::vector<env::Endpoint> leader, Limits limits,
                       Now now, Events events)
    : network_(network),
      leader_(std::move(leader)),
      limits_(limits),
      events_(std::move(events)),
      decoder_(limits.data_max),
      retry_at_us_(now.mono_us + limits.pause_us),
      retry_wait_us_(kRetryFirstUs),
      give_up_at_us_(now.mono_us + limits.pause_us + ms_to_us(limits.give_up_ms)),
      last_now_(now) {}

void LeaderLink::attempt(Now now) {
  retry_wanted_ = false;
  retry_at_us_ = kNever;
  const env::Endpoint& to = leader_[next_endpoint_++ % leader_.size()];
  const int64_t left_ms = (give_up_at_us_ - now.mono_us) / 1000;
  stream_ = network_.connect(to, std::clamp<int64_t>(left_ms, 1, limits_.attempt_ms), *this);
}

void LeaderLink::on_timer(Now now) {
  last_now_ = now;
  if (finished_ || connected_ || !retry_wanted_ || now.mono_us < retry_at_us_) return;
  if (refused_since_us_ != kNever && now.mono_us - refused_since_us_ >= kRefusalsMaxUs) {
    MARK("leader_link.leader_does_not_listen");
    fail("the elected server does not lead: " + last_failure_);
    return;
  }
  if (now.mono_us >= give_up_at_us_) {
    fail("cannot connect to the leader: " + last_failure_);
    return;
  }
  attempt(now);
}

void LeaderLink::on_connected() {
  connected_ = true;
  if (greeting_.empty()) {
    events_.on_connected();
  } else {
    stream_->output().append(greeting_);
  }
}

void LeaderLink::on_closed(const Error& reason) {
  if (finished_) return;
  if (heard_) {
    fail("connection to the leader closed: " + reason.message);
    return;
  }
  // Closed before the leader said a word: something in between (a proxy, a port forwarder) took the
  // connection for a server that does not listen yet. That is no more than a refusal.
  const bool is_refusal = connected_ || reason.kind == Error::Kind::kRefused;
  if (!is_refusal) refused_since_us_ = kNever;
  if (is_refusal && refused_since_us_ == kNever) refused_since_us_ = last_now_.mono_us;
  connected_ = false;
  last_failure_ = reason.message;
  retry_wanted_ = true;
  retry_at_us_ = last_now_.mono_us + retry_wait_us_;
  retry_wait_us_ = std::min(2 * retry_wait_us_, kRetryMaxUs);
}

void LeaderLink::send(std::string_view bytes) {
  if (finished_ || !connected_) return;
  stream_->output().append(bytes);
  if (!heard_) greeting_.append(bytes);
}

void LeaderLink::pause_reading() {
  if (!finished_ && connected_) stream_->pause_reading();
}

void LeaderLink::resume_reading() {
  if (!finished_ && connected_) stream_->resume_reading();
}

void LeaderLink::expect_snapshot(Zxid zxid, state::DatabaseOptions options) {
  loading_.emplace(Loading{zxid,
                           wire::SnapshotDecoder(limits_.data_max),
                           std::make_unique<state::Database>(options),
                           false,
                           {}});
}

void LeaderLink::on_bytes(std::string_view bytes) {
  if (finished_) return;
  heard_ = true;
  if (loading_) {
    if (load(bytes)) decode_packets();
    return;
  }
  decoder_.feed(bytes);
  decode_packets();
}

void LeaderLink::decode_packets() {
  while (!finished_ && !loading_) {
    auto packet = decoder_.next();
    if (!packet) return fail("bad bytes from the leader: " + packet.error().message);
    if (!*packet) return;
    events_.on_packet(**packet);
    if (!loading_) continue;
    // A SNAP packet: what was read behind it is the beginning of the stream.
    const std::string rest(decoder_.undecoded());
    decoder_.skip(rest.size());
    if (!load(rest)) return;
  }
}

bool LeaderLink::load_body(std::string_view bytes) {
  Loading& loading = *loading_;
  loading.decoder.feed(bytes);
  const std::string_view waiting = loading.decoder.undecoded();
  const uint64_t before = loading.decoder.offset();
  bool is_over = false;
  while (!is_over) {
    auto record = loading.decoder.next();
    if (!record) return fail("bad snapshot from the leader: " + record.error().message), false;
    if (std::holds_alternative<wire::SnapshotNeedsMore>(*record)) break;
    is_over = std::holds_alternative<wire::SnapshotEnd>(*record);
    if (is_over) break;
    if (auto loaded = loading.database->load(*record); !loaded) {
      return fail("bad snapshot from the leader: " + loaded.error().message), false;
    }
  }
  const uint64_t decoded = loading.decoder.offset() - before;
  if (decoded > 0) events_.on_snapshot_bytes(waiting.substr(0, decoded));
  return is_over;
}

bool LeaderLink::load(std::string_view bytes) {
  Loading& loading = *loading_;
  if (loading.body_done) {
    loading.tail.append(bytes);
  } else {
    loading.body_done = load_body(bytes);
    if (!loading.body_done) return false;
    loading.tail = loading.decoder.undecoded();
  }
  if (loading.tail.size() < kSignatureBytes) return false;
  wire::Reader in(loading.tail);
  if (in.buffer() != wire::kSnapStreamSignature) {
    return fail("the leader's snapshot stream does not end with its signature"), false;
  }
  decoder_.feed(in.rest());
  std::unique_ptr<state::Database> database = std::move(loading.database);
  database->finish_load(loading.zxid);
  loading_.reset();
  events_.on_snapshot(std::move(database));
  return true;
}

void LeaderLink::fail(std::string reason) {
  if (finished_) return;
  finished_ = true;
  retry_at_us_ = kNever;
  events_.on_closed(reason);
}

}  // namespace zooid::server
