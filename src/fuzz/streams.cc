// Streams between servers, each cut into two pieces in different places.
#include "fuzz/targets.h"
#include "wire/notification.h"
#include "wire/quorum_packet.h"
#include "wire/txn.h"
#include "zab/membership.h"

namespace zooid::fuzz {
namespace {

void read_election(std::string_view head, std::string_view tail, bool expects_hello) {
  wire::ElectionStreamDecoder decoder(expects_hello);
  for (const std::string_view piece : {head, tail}) {
    decoder.feed(piece);
    if (expects_hello) {
      const auto hello = decoder.next_hello();
      if (!hello) return;
      if (!*hello) continue;
      expects_hello = false;
    }
    for (auto message = decoder.next_message(); message && *message;
         message = decoder.next_message()) {
      const auto notification = wire::read_notification(**message);
      if (notification) (void)zab::Membership::parse(notification->config);
    }
  }
}

void read_packets(std::string_view head, std::string_view tail) {
  wire::QuorumPacketDecoder decoder;
  for (const std::string_view piece : {head, tail}) {
    decoder.feed(piece);
    for (auto packet = decoder.next(); packet && *packet; packet = decoder.next()) {
      const std::string_view data = (*packet)->data.view();
      (void)wire::read_txn(data);
      (void)wire::read_learner_info(data);
      (void)wire::read_forwarded_request(data);
    }
  }
}

}  // namespace

void election_stream(std::string_view bytes) {
  for (const size_t cut : {bytes.size() / 2, bytes.size() / 3, bytes.size()}) {
    read_election(bytes.substr(0, cut), bytes.substr(cut), true);
    read_election(bytes.substr(0, cut), bytes.substr(cut), false);
  }
}

void quorum_stream(std::string_view bytes) {
  for (const size_t cut : {bytes.size() / 2, bytes.size() / 3, bytes.size()}) {
    read_packets(bytes.substr(0, cut), bytes.substr(cut));
  }
}

}  // namespace zooid::fuzz
