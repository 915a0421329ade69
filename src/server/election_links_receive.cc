// What happens on the connections of the election port: hello, which connection is kept, messages,
// ends.
#include <algorithm>
#include <charconv>
#include <deque>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "server/election_link.h"

namespace zooid::server {
namespace {

// The first time, then twice as long each.
constexpr int64_t kReopenDelayUs = 5'000;
constexpr int kReopensOfRound = 4;
// Servers that start together replace their connections: one that is gone for less is not worth a
// line.
constexpr int64_t kTellLostAfterUs = 1'000'000;

// Observers of very old versions all use this id.
constexpr ServerId kAnonymousObserver{INT64_MAX};

// host:port of a hello, whose form the decoder has judged. IPv6 loses its brackets.
std::optional<env::Endpoint> to_endpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string_view digits = text.substr(colon + 1);
  env::Endpoint endpoint{std::string(host), 0};
  std::from_chars(digits.data(), digits.data() + digits.size(), endpoint.port);
  if (endpoint.port == 0 || host.empty()) return std::nullopt;
  return endpoint;
}

}  // namespace

env::StreamHandler* ElectionLinks::on_accepted(std::unique_ptr<env::Stream> stream) {
  const auto is_half_open = [](const auto& link) {
    return link->stage == Link::Stage::kAwaitingHello;
  };
  if (static_cast<size_t>(std::ranges::count_if(links_, is_half_open)) >= kHalfOpenMax) {
    MARK("election_links.half_open_limit");
    drop(**std::ranges::find_if(links_, is_half_open), "too many connections without a hello");
  }
  Link& link = *links_.emplace_back(std::make_unique<Link>(*this, Link::Stage::kAwaitingHello));
  link.stream = std::move(stream);
  link.hello_deadline_us = clock_.now().mono_us + ms_to_us(options_.hello_timeout_ms);
  return &link;
}

void ElectionLinks::on_connected(Link& link) {
  ASSERT(link.stage == Link::Stage::kConnecting);
  link.stream->output().append(hello_);
  if (link.peer > self_) {
    // It keeps only connections that it opened itself; the hello asks it to do so.
    MARK("election_links.hello_asks_for_a_connection");
    end(link);
    return;
  }
  keep(link, link.peer);
}

void ElectionLinks::on_bytes(Link& link, std::string_view bytes) {
  if (link.stage == Link::Stage::kEnded) return;
  link.decoder.feed(bytes);
  if (link.stage == Link::Stage::kAwaitingHello) {
    const auto hello = link.decoder.next_hello();
    if (!hello) return drop(link, hello.error().message);
    if (!*hello) return;
    meet(link, **hello);
  }
  if (link.stage == Link::Stage::kKept) receive(link);
}

void ElectionLinks::on_room(Link& link) {
  if (link.stage == Link::Stage::kKept) flush(peers_[link.peer]);
}

// A hello has come: 1.2.
void ElectionLinks::meet(Link& link, const wire::Hello& hello) {
  ASSERT(link.stage == Link::Stage::kAwaitingHello);
  ServerId id = hello.server;
  if (id == kAnonymousObserver) id = ServerId{--anonymous_ids_};
  if (id == self_) {
    const env::Endpoint& from = link.stream->peer();
    if (const auto more = own_id_told_.admit(from.host, clock_.now().mono_us)) {
      log::warn(
          "an election connection from {} claims the id of this server ({}): is myid "
          "unique?{}",
          from.text(), self_.value, left_out_text(*more));
    }
    return drop(link, "the own id");
  }
  if (hello.server.value < 0) return drop(link, "a negative server id");
  if (membership_.find(id) == nullptr && !peers_.contains(id)) {
    const auto strangers = std::ranges::count_if(
        peers_, [&](const auto& entry) { return membership_.find(entry.first) == nullptr; });
    if (static_cast<size_t>(strangers) >= kStrangersMax) {
      MARK("election_links.strangers_limit");
      return drop(link, "too many servers that are not in the configuration");
    }
  }
  Peer& peer = peers_[id];
  peer.hello_addresses.clear();
  for (const std::string& text : hello.addresses) {
    if (peer.hello_addresses.size() == kHelloAddressesMax) break;
    if (auto endpoint = to_endpoint(text)) peer.hello_addresses.push_back(std::move(*endpoint));
  }
  if (id > self_) return keep(link, id);
  MARK("election_links.called_back");
  end(link);
  if (peer.kept != nullptr) end(*peer.kept);
  call_back(id, peer);
}

void ElectionLinks::receive(Link& link) {
  std::deque<wire::Notification> messages;
  std::optional<Error> damage;
  while (true) {
    const auto body = link.decoder.next_message();
    if (!body) damage = body.error();
    if (!body || !*body) break;
    auto message = wire::read_notification(**body);
    if (!message) {
      MARK("election_links.message_ignored");
      continue;
    }
    messages.push_back(std::move(*message));
    if (messages.size() > kReceivedMax) {
      MARK("election_links.received_dropped");
      messages.pop_front();
    }
  }
  for (const wire::Notification& message : messages) {
    if (link.stage != Link::Stage::kKept) return;
    events_.on_notification(link.peer, message);
  }
  if (damage && link.stage == Link::Stage::kKept) drop(link, damage->message);
}

void ElectionLinks::on_closed(Link& link, const Error& reason) {
  ASSERT(link.is_stream_closed);
  if (link.stage == Link::Stage::kEnded) return;
  const Link::Stage stage = link.stage;
  const ServerId id = link.peer;
  end(link);
  if (stage == Link::Stage::kAwaitingHello) return;
  const auto it = peers_.find(id);
  ASSERT(it != peers_.end());
  Peer& peer = it->second;
  if (stage == Link::Stage::kConnecting) return on_attempt_failed(id, peer, reason);
  peer.lost_reason = reason.message;
  peer.lost_told_at_us = clock_.now().mono_us + kTellLostAfterUs;
  // This round's vote may have died with the connection.
  if (peer.last_round == round_) reopen_later(peer);
}

// Whether the peer is still there is worth knowing now (rule 16). A process that is being killed
// takes connections for some milliseconds after it has broken others, so once is not enough; but
// not many times a round, lest a peer that closes every connection keeps us busy; and not at once,
// since the peer may only be replacing the connection by another.
void ElectionLinks::reopen_later(Peer& peer) {
  if (peer.reopened_round != round_) peer.reopened = 0;
  peer.reopened_round = round_;
  if (peer.reopened == kReopensOfRound) return;
  peer.reopen_at_us = clock_.now().mono_us + (kReopenDelayUs << peer.reopened++);
}

void ElectionLinks::on_attempt_failed(ServerId id, Peer& peer, const Error& reason) {
  ASSERT(peer.kept == nullptr);
  if (reason.kind != Error::Kind::kRefused) peer.is_refused_so_far = false;
  peer.trouble = reason.message;
  peer.lost_told_at_us = kNever;
  const auto more = peer.is_trouble_told
                        ? std::nullopt
                        : troubles_told_.admit(std::to_string(id.value), clock_.now().mono_us);
  if (more) {
    peer.is_trouble_told = true;
    log::info("server {} cannot be reached for elections, it is tried again: {}{}", id.value,
              reason.message, left_out_text(*more));
  }
  if (!peer.untried.empty()) return connect_next(id, peer);
  if (!peer.is_refused_so_far) {
    const bool was_there =
        reason.kind == Error::Kind::kClosed || reason.kind == Error::Kind::kOther;
    if (was_there && peer.attempt_round == round_) reopen_later(peer);
    return;
  }
  if (peer.attempt_round == round_) return events_.on_peer_refused(id);
  // The attempt began before this round: its result says nothing about now.
  if (!peer.slot.empty()) connect(id, peer);
}

// Closes a connection because of what came, or did not come, over it.
void ElectionLinks::drop(Link& link, const std::string& reason) {
  const env::Endpoint& from = link.stream->peer();
  if (const auto more = strangers_told_.admit(from.host, clock_.now().mono_us)) {
    const bool is_known = link.stage == Link::Stage::kKept;
    log::info("connection to the election port closed, from {}{}: {}{}", from.text(),
              is_known ? " (server " + std::to_string(link.peer.value) + ")" : "", reason,
              left_out_text(*more));
  }
  end(link);
}

void ElectionLinks::tell_lost(Now now) {
  for (auto& [id, peer] : peers_) {
    if (peer.lost_told_at_us > now.mono_us) continue;
    peer.lost_told_at_us = kNever;
    if (const auto more = losses_told_.admit(std::to_string(id.value), now.mono_us)) {
      log::info("the election connection with server {} has ended: {}{}", id.value,
                peer.lost_reason, left_out_text(*more));
    }
  }
}

}  // namespace zooid::server
