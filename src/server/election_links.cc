#include "server/election_links.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "server/election_link.h"
#include "wire/jute.h"

namespace zooid::server {
namespace {

std::string framed(const wire::Notification& notification) {
  const std::string body = wire::serialize(notification);
  ASSERT(!body.empty());
  ASSERT(body.size() <= static_cast<size_t>(wire::kNotificationBytesMax));
  const auto length = static_cast<uint32_t>(body.size());
  std::string frame;
  frame.reserve(sizeof length + body.size());
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(length >> shift);
  return frame + body;
}

}  // namespace

ElectionLinks::ElectionLinks(env::Network& network, const env::Clock& clock, ServerId self,
                             zab::Membership membership, ElectionLinksOptions options,
                             ElectionLinksEvents& events)
    : network_(network),
      clock_(clock),
      self_(self),
      membership_(std::move(membership)),
      options_(options),
      events_(events) {
  ASSERT(options_.connect_timeout_ms > 0);
  ASSERT(options_.hello_timeout_ms > 0);
}

ElectionLinks::~ElectionLinks() {
  while (!links_.empty()) end(*links_.back());
}

Result<> ElectionLinks::start() {
  ASSERT(listeners_.empty());
  return listen();
}

Result<> ElectionLinks::listen() {
  const zab::Member* own = membership_.find(self_);
  if (own == nullptr) {
    return fail(Error::Kind::kConfig, "server " + std::to_string(self_.value) +
                                          " (myid) is not in the configuration of the ensemble");
  }
  const zab::Address& first = own->addresses.front();
  const std::string address = env::Endpoint{first.host, first.election_port}.text();
  if (address.size() > static_cast<size_t>(wire::kHelloAddressBytesMax)) {
    return fail(Error::Kind::kConfig, "the own election address is too long");
  }
  hello_ = wire::serialize_hello(self_, address);
  for (const zab::Address& at : own->addresses) {
    listeners_.push_back(std::make_unique<PeerListener>(
        network_, env::Endpoint{at.host, at.election_port}, options_.listen_on_all_ips,
        [this](std::unique_ptr<env::Stream> stream) { return on_accepted(std::move(stream)); }));
  }
  auto listening = try_listen(clock_.now());
  if (!listening) listeners_.clear();
  return listening;
}

Result<> ElectionLinks::try_listen(Now now) {
  for (const auto& listener : listeners_) TRY(listener->try_listen(now));
  return {};
}

Result<> ElectionLinks::set_membership(zab::Membership membership) {
  const bool is_changed = !membership.has_same_members(membership_);
  const zab::Member* before = membership_.find(self_);
  const zab::Member* after = membership.find(self_);
  const bool must_move =
      after != nullptr && (before == nullptr || before->addresses != after->addresses);
  membership_ = std::move(membership);
  if (!is_changed) return {};
  MARK("election_links.members_changed");
  while (!links_.empty()) end(*links_.back());
  peers_.clear();
  // A server that is no member any more keeps its address: it still asks who leads (6).
  if (!must_move || listeners_.empty()) return {};
  listeners_.clear();
  return listen();
}

void ElectionLinks::send(ServerId to, const wire::Notification& notification) {
  ASSERT(to != self_);
  const bool is_known = membership_.find(to) != nullptr || peers_.contains(to);
  if (!is_known) {
    MARK("election_links.receiver_unknown");
    return;
  }
  Peer& peer = peers_[to];
  if (!peer.slot.empty()) MARK("election_links.unsent_message_replaced");
  peer.slot = framed(notification);
  flush(peer);
  connect(to, peer);
}

void ElectionLinks::connect_all() {
  for (auto& [id, peer] : peers_) {
    if (!peer.slot.empty()) connect(id, peer);
  }
}

void ElectionLinks::begin_round() {
  ++round_;
}

// Gives the slot to the connection if that has nothing else to send.
void ElectionLinks::flush(Peer& peer) {
  if (peer.kept == nullptr || peer.slot.empty()) return;
  env::Stream& stream = *peer.kept->stream;
  if (stream.backlog() > 0) {
    stream.want_room(1);
    return;
  }
  stream.output().append(peer.slot);
  peer.last = std::exchange(peer.slot, {});
  peer.last_round = round_;
}

std::vector<env::Endpoint> ElectionLinks::configured_addresses_of(ServerId id) const {
  std::vector<env::Endpoint> addresses;
  const zab::Member* member = membership_.find(id);
  if (member == nullptr) return addresses;
  for (const zab::Address& address : member->addresses) {
    addresses.push_back({address.host, address.election_port});
  }
  return addresses;
}

// Anybody can say hello in the name of a member: what it gives as its address comes second.
std::vector<env::Endpoint> ElectionLinks::addresses_of(ServerId id, const Peer& peer) const {
  std::vector<env::Endpoint> addresses = configured_addresses_of(id);
  for (const env::Endpoint& endpoint : peer.hello_addresses) {
    if (std::ranges::find(addresses, endpoint) == addresses.end()) addresses.push_back(endpoint);
  }
  return addresses;
}

void ElectionLinks::connect(ServerId id, Peer& peer) {
  ASSERT(id != self_);
  if (peer.kept != nullptr || peer.connecting != nullptr) return;
  peer.untried = addresses_of(id, peer);
  if (peer.untried.empty()) return;
  peer.is_refused_so_far = true;
  peer.attempt_round = round_;
  peer.is_attempt_renewed = false;
  connect_next(id, peer);
}

// It has said hello, so its host is up. An attempt from before may have been made while it was not,
// and then the system repeats it a second later only: longer than an election takes.
void ElectionLinks::call_back(ServerId id, Peer& peer) {
  if (peer.connecting != nullptr && !peer.is_attempt_renewed) {
    MARK("election_links.attempt_renewed");
    end(*peer.connecting);
  }
  if (peer.connecting != nullptr) return;
  connect(id, peer);
  peer.is_attempt_renewed = true;
}

void ElectionLinks::connect_next(ServerId id, Peer& peer) {
  ASSERT(peer.connecting == nullptr);
  ASSERT(!peer.untried.empty());
  const env::Endpoint to = peer.untried.front();
  peer.untried.erase(peer.untried.begin());
  Link& link = *links_.emplace_back(std::make_unique<Link>(*this, Link::Stage::kConnecting));
  link.peer = id;
  const auto configured = configured_addresses_of(id);
  link.is_to_configured_address = std::ranges::find(configured, to) != configured.end();
  peer.connecting = &link;
  link.stream = network_.connect(to, options_.connect_timeout_ms, link);
}

// The connection is the one in use from now on.
void ElectionLinks::keep(Link& link, ServerId id) {
  ASSERT(link.stage != Link::Stage::kEnded);
  Peer& peer = peers_[id];
  if (peer.kept != nullptr) end(*peer.kept);
  if (peer.connecting != nullptr && peer.connecting != &link) end(*peer.connecting);
  peer.connecting = nullptr;
  peer.reopen_at_us = kNever;
  peer.kept = &link;
  link.peer = id;
  link.stage = Link::Stage::kKept;
  link.hello_deadline_us = kNever;
  peer.trouble.clear();
  peer.lost_told_at_us = kNever;
  if (std::exchange(peer.is_trouble_told, false)) {
    log::info("server {} can be reached now (election connection)", id.value);
  }
  // What was sent last may have been lost with the connection before (1.5).
  if (peer.slot.empty()) peer.slot = peer.last;
  flush(peer);
  events_.on_peer_connected(id);
}

// Closes the connection without a word to the owner. The link lives until on_batch.
void ElectionLinks::end(Link& link) {
  ASSERT(link.stage != Link::Stage::kEnded);
  if (const auto it = peers_.find(link.peer); it != peers_.end()) {
    if (it->second.kept == &link) it->second.kept = nullptr;
    if (it->second.connecting == &link) it->second.connecting = nullptr;
  }
  link.stage = Link::Stage::kEnded;
  if (link.stream != nullptr && !link.is_stream_closed) link.stream->close();
  const auto own = std::ranges::find(links_, &link, &std::unique_ptr<Link>::get);
  ASSERT(own != links_.end());
  ended_.push_back(std::move(*own));
  links_.erase(own);
}

void ElectionLinks::forget_idle_strangers() {
  std::erase_if(peers_, [&](const auto& entry) {
    const Peer& peer = entry.second;
    return peer.kept == nullptr && peer.connecting == nullptr &&
           membership_.find(entry.first) == nullptr;
  });
}

// The vote that may have died with a connection is sent again.
void ElectionLinks::reopen(ServerId id, Peer& peer) {
  peer.reopen_at_us = kNever;
  if (peer.kept != nullptr) return;
  if (peer.slot.empty()) peer.slot = peer.last;
  connect(id, peer);
}

Result<> ElectionLinks::on_batch(Now now) {
  ended_.clear();
  forget_idle_strangers();
  std::vector<Link*> expired;
  for (const auto& link : links_) {
    if (link->hello_deadline_us <= now.mono_us) expired.push_back(link.get());
  }
  for (Link* link : expired) drop(*link, "no hello came in time");
  for (auto& [id, peer] : peers_) {
    if (peer.reopen_at_us <= now.mono_us) reopen(id, peer);
  }
  tell_lost(now);
  return try_listen(now);
}

int64_t ElectionLinks::next_deadline() const {
  if (!ended_.empty()) return 0;
  int64_t deadline = kNever;
  for (const auto& link : links_) deadline = std::min(deadline, link->hello_deadline_us);
  for (const auto& listener : listeners_) {
    deadline = std::min(deadline, listener->next_deadline());
  }
  for (const auto& [id, peer] : peers_) {
    deadline = std::min({deadline, peer.reopen_at_us, peer.lost_told_at_us});
  }
  return deadline;
}

bool ElectionLinks::is_connected(ServerId peer) const {
  const auto it = peers_.find(peer);
  return it != peers_.end() && it->second.kept != nullptr;
}

bool ElectionLinks::is_at_configured_address(ServerId peer) const {
  const auto it = peers_.find(peer);
  return it != peers_.end() && it->second.kept != nullptr &&
         it->second.kept->is_to_configured_address;
}

std::string ElectionLinks::trouble_with(ServerId peer) const {
  const auto it = peers_.find(peer);
  return it != peers_.end() && it->second.kept == nullptr ? it->second.trouble : "";
}

uint16_t ElectionLinks::port() const {
  return listeners_.empty() ? uint16_t{0} : listeners_.front()->port();
}

}  // namespace zooid::server
