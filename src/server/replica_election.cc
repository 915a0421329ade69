// What a replica does with the election's effects, and what it tells the election.
#include "base/log.h"
#include "base/mark.h"
#include "server/replica.h"

namespace zooid::server {

void Replica::carry_out(zab::ElectionEffects& effects, Now) {
  for (const auto& [to, notification] : effects.sends) links_->send(to, notification);
  if (effects.decision) decided_ = effects.decision;
  if (effects.abandon) core_.request_end(*effects.abandon);
  if (effects.unsupported && !fatal_) {
    fatal_ = "it leaves the ensemble: " + *effects.unsupported;
  }
  if (effects.adopted) {
    log::info("a newer configuration of the ensemble was learned, version {:x}",
              effects.adopted->version());
    membership_ = *effects.adopted;
    if (auto listening = links_->set_membership(membership_); !listening)
      fatal_ = listening.error().message;
  }
}

void Replica::on_notification(ServerId from, const wire::Notification& notification) {
  if (!election_) return;
  zab::ElectionEffects effects;
  const Now now = core_.clock.now();
  if (membership_.is_voter(from)) heard_us_[from] = now.mono_us;
  election_->on_notification(from, notification, now, effects);
  if (effects.unsupported && !links_->is_at_configured_address(from)) {
    MARK("replica.unsupported_by_hearsay");
    if (hearsay_told_.insert(from).second) {
      log::error("votes that came in the name of server {} do not count: {}", from.value,
                 *effects.unsupported);
    }
    effects.unsupported.reset();
  }
  carry_out(effects, now);
}

void Replica::on_peer_connected(ServerId peer) {
  zab::ElectionEffects effects;
  const Now now = core_.clock.now();
  election_->on_peer_connected(peer, now, effects);
  carry_out(effects, now);
}

void Replica::on_peer_refused(ServerId peer) {
  zab::ElectionEffects effects;
  const Now now = core_.clock.now();
  election_->on_peer_refused(peer, now, effects);
  carry_out(effects, now);
}

}  // namespace zooid::server
