// Leading: joins the leader machine (agreement) with the primary (sessions, preparation), the
// quorum port's connections and the log.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <variant>

#include "server/container_reaper.h"
#include "server/forwarded_writes.h"
#include "server/learner_connection.h"
#include "server/learner_news.h"
#include "server/peer_listener.h"
#include "server/primary.h"
#include "zab/leader.h"

namespace zooid::server {

// What a role reports for the record of the election that it came from.
struct RoleMilestones {
  std::optional<Epoch> promised;
  std::optional<std::string> synchronised;
  std::optional<Epoch> established;
  bool first_commit = false;
};

class LeaderRole {
 public:
  // Listens on the quorum port and starts discovery; the whole log tail is applied meanwhile.
  LeaderRole(ReplicaCore& core, const zab::Membership& membership, Now now);
  ~LeaderRole();

  void on_write(ClientWrite& write, Now now);
  void on_new_session(const NewSession& request, Now now);
  void on_attach(const AttachSession& request, Now now);
  void on_touch(const TouchSessions& touched, Now now);
  void on_log_synced(Zxid up_to, Now now);
  void on_epoch_written(storage::EpochFile file, Epoch epoch, Now now);
  void on_reach(const storage::ReachFound& found, Now now);
  void on_history(storage::HistoryRead& read, Now now);
  void on_step(Now now);
  int64_t next_deadline() const;
  size_t outstanding() const { return primary_ ? primary_->outstanding() + held_.size() : 0; }
  void add_facts(ReplicaFacts& facts, Now now) const;
  RoleMilestones take_milestones() { return std::exchange(milestones_, {}); }
  Primary* primary() { return primary_ ? &*primary_ : nullptr; }
  bool is_established() const { return primary_.has_value(); }

  // Connections on which no packet has come yet, in all and of one address. Above it the oldest is
  // closed: an honest learner speaks at once, so it never is the oldest for long. (Who says nothing
  // for initLimit is closed in any case.)
  static constexpr size_t kSilentMax = 64;
  static constexpr size_t kSilentOfAddressMax = 16;

 private:
  void listen(Now now);
  void accept(std::unique_ptr<env::Stream> stream, env::StreamHandler*& handler);
  void make_room_for(const std::string& address);
  void carry_out(zab::LeaderEffects& effects, Now now);
  void establish(Epoch epoch, Now now);
  void order(const WriteOrder& write, zab::LeaderEffects& effects, Now now);
  // While the log's disk is behind no request is ordered: they wait, and with them those behind.
  // So too while what is committed is not applied: the window, which proposing trims, has to keep
  // that for the next role.
  bool can_order() const { return !core_.is_log_full() && !(primary_ && primary_->is_behind()); }
  bool must_hold() const { return !held_.empty() || !can_order(); }
  // Applies all that is this leader's history by now.
  void catch_up();
  template <class Request>
  void hold(Request request);
  void order_held(Now now);
  void order_write(ClientWrite& write, Now now);
  void order_session(const NewSession& request, Now now);
  void order_forwarded(const zab::LeaderEffects::Request& request, zab::LeaderEffects& effects,
                       Now now);
  void drop_for_forwards(zab::LearnerKey key);
  void on_learner_request(const zab::LeaderEffects::Request& request, zab::LeaderEffects& effects,
                          Now now);
  void expire_sessions(Now now);
  void pump_all(Now now);
  bool can_be_a_session(SessionId session) const;
  LearnerNews::Connection connection_of(zab::LearnerKey key) const;
  void close_connection(zab::LearnerKey key, const std::string& reason);
  void drop_connection(zab::LearnerKey key, const std::string& reason);

  ReplicaCore& core_;
  zab::Membership membership_;
  std::optional<Primary> primary_;
  Zxid tail_end_;  // of what was logged before
  bool is_tail_applied_ = false;
  std::unique_ptr<zab::Leader> machine_;
  LearnerConnection::Events events_;
  std::optional<PeerListener> listener_;
  int64_t listen_again_us_ = 0;  // after an error; kNever once it listens
  std::map<zab::LearnerKey, std::unique_ptr<LearnerConnection>> connections_;
  std::vector<zab::LearnerKey> closed_;  // told by their stream; freed in the next step
  zab::LearnerKey next_key_ = 1;
  ForwardedWrites forwarded_;
  using Held = std::variant<ClientWrite, NewSession, zab::LeaderEffects::Request>;
  std::deque<Held> held_;  // its bytes are bounded where they come from: shards and ForwardedWrites
  RoleMilestones milestones_;
  int64_t established_us_ = 0;
  std::optional<ContainerReaper> reaper_;  // once established
  LearnerNews news_;
};

}  // namespace zooid::server
