#include "server/standalone_role.h"

#include <algorithm>

#include "base/step_part.h"
#include "server/client_counters.h"

namespace zooid::server {

StandaloneRole::StandaloneRole(ReplicaCore& core, Now now)
    : core_(core), primary_(core, now), reaper_(core.config, now) {
  core_.session_ids.restart(now.wall_ms);
  core_.serve("standalone");
}

void StandaloneRole::order(const WriteOrder& write, Now now) {
  step_part("order", short_op_name(write.type));
  const Zxid zxid = primary_.last_proposed().next();
  Bytes bytes = primary_.order(write, zxid, now);
  core_.append(zxid, std::move(bytes));
}

void StandaloneRole::on_write(ClientWrite& write, Now now) {
  if (write.type == wire::OpCode::kSync) {
    primary_.sync(write.origin, write.xid, 0);
    return;
  }
  order({0, write.session, write.xid, write.type, write.body, write.ids.get(), &write.origin}, now);
}

void StandaloneRole::on_new_session(const NewSession& request, Now now) {
  std::string body;
  wire::Writer(body).i32(request.timeout_ms);
  order({0, core_.session_ids.next(), 0, wire::OpCode::kCreateSession, body, nullptr,
         &request.origin},
        now);
}

void StandaloneRole::on_attach(const AttachSession& request, Now now) {
  core_.bind_session(request.session, request.origin);
  const bool accepted =
      request.password_ok && primary_.attach(request.session, request.timeout_ms, now);
  if (!accepted) core_.unbind_session(request.session, request.origin);
  core_.tell(request.origin.shard,
             AttachResult{request.origin.connection, accepted, request.session, request.timeout_ms,
                          !accepted && request.password_ok && core_.has_session(request.session)});
}

void StandaloneRole::on_touch(const TouchSessions& touched, Now now) {
  for (const auto& session : touched.touched) {
    primary_.touch(session.session, session.timeout_ms, now);
  }
}

void StandaloneRole::on_log_synced(Zxid up_to, Now) {
  primary_.commit(up_to);
  core_.window.trim(core_.database->last_zxid());
}

void StandaloneRole::on_step(Now now) {
  if (primary_.is_behind()) {
    primary_.go_on();
    core_.window.trim(core_.database->last_zxid());
  }
  const std::vector<SessionId> expired = primary_.take_expired(now);
  core_.tell_expired("session", expired, now);
  for (const SessionId session : expired) {
    order({0, session, 0, wire::OpCode::kCloseSession, {}, nullptr, nullptr}, now);
  }
  const auto look = [&](state::ReapScan& scan) { return primary_.reapable(scan, now); };
  for (const std::string& body : reaper_.take_due(now, look)) {
    order({0, kNoSession, 0, wire::OpCode::kDeleteContainer, body, nullptr, nullptr}, now);
  }
}

int64_t StandaloneRole::next_deadline() const {
  if (primary_.is_behind()) return 0;
  return std::min(primary_.tracker().next_deadline(), reaper_.next_deadline());
}

void StandaloneRole::add_facts(ReplicaFacts& facts, Now) const {
  facts.mode = "standalone";
  facts.outstanding = primary_.outstanding();
}

}  // namespace zooid::server
