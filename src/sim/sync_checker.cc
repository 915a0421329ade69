#include "sim/sync_checker.h"

namespace zooid::sim {

using wire::PacketType;

namespace {

// The type of the first packet and what follows it: enough to tell a learner from a client or an
// election connection.
constexpr size_t kBeginningBytes = 8;

}  // namespace

void SyncChecker::on_bytes(const env::MemoryHost& from, uint64_t connection, std::string_view bytes,
                           int64_t now_us) {
  const bool is_new = !has_any_ || connection > newest_;
  auto found = links_.find(connection);
  if (found == links_.end()) {
    if (!is_new) return;
    has_any_ = true;
    newest_ = connection;
    found = links_.try_emplace(connection).first;
    found->second.learner = &from;  // whoever connects speaks first
  }
  Link& link = found->second;
  if (&from != link.learner) {
    hear_leader(link, from.name(), bytes, now_us);
  } else if (link.beginning.size() < kBeginningBytes) {
    link.beginning += bytes;
    if (link.beginning.size() < kBeginningBytes) return;
    wire::Reader in(link.beginning);
    const auto first = static_cast<PacketType>(in.i32());
    if (first != PacketType::kFollowerInfo && first != PacketType::kObserverInfo) {
      link.is_synchronised = true;
    } else {
      hear_learner(link, link.beginning);
    }
  } else {
    hear_learner(link, bytes);
  }
  if (link.is_synchronised) links_.erase(found);
}

void SyncChecker::hear_learner(Link& link, std::string_view bytes) {
  if (link.has_last) return;
  link.from_learner.feed(bytes);
  for (auto packet = link.from_learner.next(); packet && *packet;
       packet = link.from_learner.next()) {
    if ((*packet)->type != PacketType::kAckEpoch) continue;
    link.last = (*packet)->zxid;
    link.has_last = true;
    return;
  }
}

void SyncChecker::hear_leader(Link& link, const std::string& leader, std::string_view bytes,
                              int64_t now_us) {
  link.from_leader.feed(bytes);
  auto packet = link.from_leader.next();
  while (packet && *packet) {
    const PacketType type = (*packet)->type;
    if (type == PacketType::kDiff || type == PacketType::kTrunc || type == PacketType::kSnap) {
      judge(link, leader, **packet, now_us);
      last_begun_us_ = now_us;
      link.is_synchronised = true;
      return;
    }
    packet = link.from_leader.next();
  }
  if (!packet) link.is_synchronised = true;  // nothing more can be read from it
}

void SyncChecker::judge(const Link& link, const std::string& leader,
                        const wire::QuorumPacket& packet, int64_t now_us) {
  // A zxid without a counter is an epoch's beginning: no log has it.
  if (!link.has_last || link.last.value <= 0 || link.last.counter() == 0) return;
  const bool is_wrong =
      packet.type == PacketType::kTrunc ? packet.zxid > link.last : packet.zxid < link.last;
  if (!is_wrong) return;
  verdict_.fail(now_us, "a learner is taken from what it has",
                "{} sends {} zxid=0x{:x} to {}, whose last is 0x{:x}", leader,
                wire::packet_name(packet.type), packet.zxid.value, link.learner->name(),
                link.last.value);
}

}  // namespace zooid::sim
