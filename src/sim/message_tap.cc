#include "sim/message_tap.h"

#include <fmt/format.h>

#include <algorithm>

#include "wire/jute.h"

namespace zooid::sim {

using wire::PacketType;

namespace {

constexpr size_t kBeginningBytes = 8;
// Behind the state that a SNAP announces, with its length.
constexpr std::string_view kSignature(
    "\0\0\0\x0e"
    "BenchwarmerHat",
    18);

std::string text_of(const wire::QuorumPacket& packet) {
  std::string text = wire::packet_name(packet.type);
  if (packet.zxid.value < 0) text += fmt::format(" zxid={}", packet.zxid.value);
  if (packet.zxid.value > 0) text += fmt::format(" zxid=0x{:x}", packet.zxid.value);
  if (packet.type == PacketType::kFollowerInfo || packet.type == PacketType::kObserverInfo) {
    const auto learner = wire::read_learner_info(packet.data.view());
    if (learner) text += fmt::format(" of server {}", learner->server.value);
  } else if (packet.type == PacketType::kRequest) {
    const auto request = wire::read_forwarded_request(packet.data.view());
    if (request) {
      text += fmt::format(" {} session=0x{:x} xid={}", wire::op_name(request->type),
                          static_cast<uint64_t>(request->session.value), request->cxid);
    }
  } else if (!packet.data.view().empty()) {
    text += fmt::format(" with {} bytes", packet.data.view().size());
  }
  return text;
}

std::string text_of(const wire::Notification& told) {
  return fmt::format("{} leader={} zxid=0x{:x} round={} epoch={}",
                     wire::peer_state_name(told.state), told.leader.value, told.zxid.value,
                     told.round, told.peer_epoch);
}

}  // namespace

// Whoever connects speaks first, and what it says shows the protocol.
void MessageTap::begin(Direction& direction, const Direction* other) {
  wire::Reader in(direction.beginning);
  const int64_t word = in.i64();
  const auto first = static_cast<PacketType>(word >> 32);
  direction.is_unknown = false;
  if (word == wire::kHelloVersion1 || word == wire::kHelloVersion2) {
    direction.election.emplace(true);
  } else if (first == PacketType::kFollowerInfo || first == PacketType::kObserverInfo) {
    direction.quorum.emplace();
  } else if (other != nullptr && other->election) {
    direction.election.emplace(false);
  } else if (other != nullptr && other->quorum) {
    direction.quorum.emplace();
  }
}

void MessageTap::on_bytes(const std::string& from, const std::string& to, uint64_t connection,
                          std::string_view bytes) {
  Direction& direction = directions_[{connection, from}];
  std::string beginning;
  if (direction.is_unknown) {
    direction.beginning += bytes;
    if (direction.beginning.size() < kBeginningBytes) return;
    const auto other = directions_.find({connection, to});
    begin(direction, other == directions_.end() ? nullptr : &other->second);
    beginning = std::exchange(direction.beginning, {});
    bytes = beginning;
  }
  if (direction.election) {
    direction.election->feed(bytes);
    tell_election(direction, from, to);
  } else if (direction.quorum) {
    direction.quorum->feed(direction.is_in_snapshot ? behind_snapshot(direction, bytes) : bytes);
    tell_quorum(direction, from, to);
  }
}

void MessageTap::tell_election(Direction& direction, const std::string& from,
                               const std::string& to) {
  if (const auto hello = direction.election->next_hello(); hello && *hello) {
    timeline_.message(from, to, fmt::format("hello of server {}", (*hello)->server.value));
  }
  for (auto message = direction.election->next_message(); message && *message;
       message = direction.election->next_message()) {
    if (const auto told = wire::read_notification(**message)) {
      timeline_.message(from, to, text_of(*told));
    }
  }
}

void MessageTap::tell_quorum(Direction& direction, const std::string& from, const std::string& to) {
  while (!direction.is_in_snapshot) {
    const auto packet = direction.quorum->next();
    if (!packet || !*packet) return;
    timeline_.message(from, to, text_of(**packet));
    if ((*packet)->type != PacketType::kSnap) continue;
    direction.is_in_snapshot = true;
    const std::string rest(direction.quorum->undecoded());
    direction.quorum->skip(rest.size());
    direction.quorum->feed(behind_snapshot(direction, rest));
  }
}

// What of the bytes no longer belongs to the state; empty while it goes on.
std::string_view MessageTap::behind_snapshot(Direction& direction, std::string_view bytes) const {
  const size_t old = direction.snapshot_end.size();
  std::string& seen = direction.snapshot_end;
  seen += bytes;
  const size_t at = seen.find(kSignature);
  if (at == std::string::npos) {
    seen.erase(0, seen.size() - std::min(seen.size(), kSignature.size() - 1));
    return {};
  }
  direction.is_in_snapshot = false;
  seen.clear();
  return bytes.substr(at + kSignature.size() - old);
}

}  // namespace zooid::sim
