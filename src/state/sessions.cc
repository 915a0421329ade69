#include "state/sessions.h"

#include <algorithm>

#include "base/assert.h"
#include "base/planted_bug.h"

namespace zooid::state {
namespace {

constexpr int kServerShift = 56;
// Marks container nodes in ephemeral_owner, so it never names a session.
constexpr int64_t kReservedId = INT64_MIN;

int64_t first_session_id(ServerId server, int64_t wall_ms) {
  const uint64_t clock = (static_cast<uint64_t>(wall_ms) << 24) >> 8;
  return static_cast<int64_t>(clock | (static_cast<uint64_t>(server.value) << kServerShift));
}

}  // namespace

SessionTracker::SessionTracker(int64_t tick_ms) : tick_us_(ms_to_us(tick_ms)) {
  ASSERT(tick_ms > 0);
}

int64_t SessionTracker::bucket_for(int64_t mono_us, int32_t timeout_ms) const {
  if (is_planted(PlantedBug::kExpireEarly)) timeout_ms /= 4;
  return ((mono_us + ms_to_us(timeout_ms)) / tick_us_ + 1) * tick_us_;
}

void SessionTracker::add(SessionId session, int32_t timeout_ms, int64_t mono_us) {
  const auto [it, is_new] = sessions_.try_emplace(session, Session{timeout_ms, 0, kNoOwner, false});
  if (!is_new) {
    touch(session, timeout_ms, mono_us);
    return;
  }
  it->second.bucket_us = bucket_for(mono_us, timeout_ms);
  buckets_[it->second.bucket_us].insert(session);
  ASSERT(is_known(session) && !is_closing(session));
}

bool SessionTracker::touch(SessionId session, int32_t timeout_ms, int64_t mono_us) {
  const auto it = sessions_.find(session);
  if (it == sessions_.end() || it->second.closing) return false;
  Session& known = it->second;
  if (timeout_ms > 0) known.timeout_ms = timeout_ms;
  const int64_t bucket_us = bucket_for(mono_us, known.timeout_ms);
  if (bucket_us == known.bucket_us) return true;
  const auto old = buckets_.find(known.bucket_us);
  ASSERT(old != buckets_.end());
  auto moved = old->second.extract(session);
  ASSERT(!moved.empty());
  if (old->second.empty()) buckets_.erase(old);
  buckets_[bucket_us].insert(std::move(moved));
  known.bucket_us = bucket_us;
  return true;
}

bool SessionTracker::is_known(SessionId session) const {
  return sessions_.contains(session);
}

bool SessionTracker::is_closing(SessionId session) const {
  const auto it = sessions_.find(session);
  return it != sessions_.end() && it->second.closing;
}

std::optional<int32_t> SessionTracker::timeout_ms(SessionId session) const {
  const auto it = sessions_.find(session);
  if (it == sessions_.end() || it->second.closing) return std::nullopt;
  return it->second.timeout_ms;
}

void SessionTracker::mark_closing(SessionId session) {
  const auto it = sessions_.find(session);
  if (it == sessions_.end() || it->second.closing) return;
  // A closing session must not expire a second time, so it leaves its bucket.
  const auto bucket = buckets_.find(it->second.bucket_us);
  ASSERT(bucket != buckets_.end() && bucket->second.contains(session));
  bucket->second.erase(session);
  if (bucket->second.empty()) buckets_.erase(bucket);
  it->second.closing = true;
}

void SessionTracker::remove(SessionId session) {
  mark_closing(session);
  sessions_.erase(session);
  ASSERT(!is_known(session));
}

bool SessionTracker::check_owner(SessionId session, SessionOwner owner) {
  ASSERT(owner != kNoOwner);
  const auto it = sessions_.find(session);
  if (it == sessions_.end()) return true;  // unknown, which is another error
  if (it->second.owner == kNoOwner) it->second.owner = owner;
  return it->second.owner == owner;
}

void SessionTracker::set_owner(SessionId session, SessionOwner owner) {
  const auto it = sessions_.find(session);
  if (it != sessions_.end() && !it->second.closing) it->second.owner = owner;
}

std::vector<SessionId> SessionTracker::take_expired(int64_t mono_us, size_t sessions_max) {
  std::vector<SessionId> expired;
  while (!buckets_.empty() && buckets_.begin()->first <= mono_us) {
    std::set<SessionId>& bucket = buckets_.begin()->second;
    while (!bucket.empty() && expired.size() < sessions_max) {
      const auto it = sessions_.find(*bucket.begin());
      ASSERT(it != sessions_.end() && !it->second.closing);
      it->second.closing = true;
      expired.push_back(it->first);
      bucket.erase(bucket.begin());
    }
    if (!bucket.empty()) break;
    buckets_.erase(buckets_.begin());
  }
  std::ranges::sort(expired);
  return expired;
}

int64_t SessionTracker::next_deadline() const {
  return buckets_.empty() ? kNever : buckets_.begin()->first;
}

void SessionTracker::postpone_all(int64_t by_us) {
  ASSERT(by_us >= 0);
  // Buckets stay multiples of the tick: nobody loses time, some gain a part of a tick.
  const int64_t shift_us = (by_us + tick_us_ - 1) / tick_us_ * tick_us_;
  std::map<int64_t, std::set<SessionId>> moved;
  for (auto& [deadline_us, sessions] : buckets_) {
    moved.emplace_hint(moved.end(), deadline_us + shift_us, std::move(sessions));
  }
  buckets_ = std::move(moved);
  for (auto& [id, session] : sessions_) session.bucket_us += shift_us;
}

size_t SessionTracker::size() const {
  return sessions_.size();
}

std::map<int64_t, std::vector<SessionId>> SessionTracker::buckets() const {
  std::map<int64_t, std::vector<SessionId>> result;
  for (const auto& [deadline_us, sessions] : buckets_) {
    result.emplace_hint(result.end(), deadline_us,
                        std::vector<SessionId>(sessions.begin(), sessions.end()));
  }
  return result;
}

SessionIds::SessionIds(ServerId server, int64_t wall_ms)
    : server_(server), next_(first_session_id(server, wall_ms)) {}

SessionId SessionIds::next() {
  if (next_ == kReservedId) ++next_;
  const SessionId given{next_};
  next_ = static_cast<int64_t>(static_cast<uint64_t>(next_) + 1);
  ASSERT(given.value != kReservedId);
  return given;
}

void SessionIds::restart(int64_t wall_ms) {
  // Ids of one server share the top byte, so they compare by clock and counter.
  const auto fresh = static_cast<uint64_t>(first_session_id(server_, wall_ms));
  if (fresh > static_cast<uint64_t>(next_)) next_ = static_cast<int64_t>(fresh);
}

}  // namespace zooid::state
