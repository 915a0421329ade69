#include "state/sessions.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "base/random.h"

namespace zooid::state {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kTickMs = 2000;
constexpr SessionId kA{1}, kB{2}, kC{3};

int64_t at(int64_t ms) {
  return ms_to_us(ms);
}

TEST(SessionTracker, deadline_is_rounded_up_to_the_next_tick) {
  SessionTracker tracker(kTickMs);
  tracker.add(kA, 4000, at(100));
  EXPECT_EQ(tracker.next_deadline(), at(6000));
  tracker.add(kB, 4000, at(2000));  // 6000 is a multiple: the one after it
  EXPECT_THAT(tracker.buckets(), ElementsAre(testing::Pair(at(6000), ElementsAre(kA)),
                                             testing::Pair(at(8000), ElementsAre(kB))));
  EXPECT_THAT(tracker.take_expired(at(6000) - 1), IsEmpty());
  EXPECT_THAT(tracker.take_expired(at(6000)), ElementsAre(kA));
  EXPECT_TRUE(tracker.is_closing(kA));
  EXPECT_THAT(tracker.take_expired(at(6000)), IsEmpty());
}

TEST(SessionTracker, touch_moves_the_deadline) {
  SessionTracker tracker(kTickMs);
  tracker.add(kA, 4000, 0);
  EXPECT_TRUE(tracker.touch(kA, 0, at(5000)));
  EXPECT_EQ(tracker.next_deadline(), at(10000));
  EXPECT_TRUE(tracker.touch(kA, 10000, at(5000)));
  EXPECT_EQ(tracker.next_deadline(), at(16000));
  EXPECT_TRUE(tracker.touch(kA, 0, at(7000)));
  EXPECT_EQ(tracker.next_deadline(), at(18000));
  EXPECT_FALSE(tracker.touch(kB, 4000, 0));
}

TEST(SessionTracker, closing_sessions_accept_nothing_and_do_not_expire) {
  SessionTracker tracker(kTickMs);
  tracker.add(kA, 4000, 0);
  tracker.mark_closing(kA);
  tracker.mark_closing(kA);
  EXPECT_TRUE(tracker.is_known(kA));
  EXPECT_TRUE(tracker.is_closing(kA));
  EXPECT_FALSE(tracker.touch(kA, 4000, at(1)));
  tracker.add(kA, 4000, at(1));
  EXPECT_TRUE(tracker.is_closing(kA));
  EXPECT_EQ(tracker.next_deadline(), kNever);
  EXPECT_THAT(tracker.take_expired(at(100'000)), IsEmpty());
  tracker.remove(kA);
  EXPECT_FALSE(tracker.is_known(kA));
  EXPECT_EQ(tracker.size(), 0u);
}

TEST(SessionTracker, expired_ones_come_ordered_by_id) {
  SessionTracker tracker(kTickMs);
  tracker.add(kC, 2000, 0);
  tracker.add(kA, 6000, 0);
  tracker.add(kB, 2000, 0);
  tracker.remove(SessionId{99});
  EXPECT_THAT(tracker.take_expired(at(8000)), ElementsAre(kA, kB, kC));
}

TEST(SessionTracker, first_owner_is_taken_others_have_moved) {
  SessionTracker tracker(kTickMs);
  tracker.add(kA, 4000, 0);
  EXPECT_TRUE(tracker.check_owner(kA, 5));
  EXPECT_TRUE(tracker.check_owner(kA, 5));
  EXPECT_FALSE(tracker.check_owner(kA, 6));
  tracker.set_owner(kA, 6);
  EXPECT_TRUE(tracker.check_owner(kA, 6));
  EXPECT_FALSE(tracker.check_owner(kA, 5));
  EXPECT_TRUE(tracker.check_owner(kB, 5));
}

TEST(SessionTracker, a_pause_moves_all_deadlines) {
  SessionTracker tracker(kTickMs);
  tracker.add(kA, 4000, 0);
  tracker.add(kB, 8000, 0);
  tracker.postpone_all(at(2001));
  EXPECT_THAT(tracker.buckets(), ElementsAre(testing::Pair(at(10000), ElementsAre(kA)),
                                             testing::Pair(at(14000), ElementsAre(kB))));
  EXPECT_TRUE(tracker.touch(kA, 0, 0));
  tracker.remove(kB);
  EXPECT_EQ(tracker.next_deadline(), at(6000));
}

TEST(SessionTracker, no_session_expires_early_or_more_than_a_tick_late) {
  Random random(3);
  SessionTracker tracker(kTickMs);
  std::map<SessionId, int64_t> due;  // earliest deadline
  int64_t now = 0;
  for (int step = 0; step < 20'000; ++step) {
    now += static_cast<int64_t>(random.below(at(300)));
    const SessionId session{static_cast<int64_t>(random.below(40))};
    if (!due.contains(session)) {
      tracker.add(session, 4000, now);
      due[session] = now + at(4000);
    } else if (tracker.touch(session, 0, now)) {
      due[session] = now + at(4000);
    }
    for (const SessionId expired : tracker.take_expired(now)) {
      EXPECT_GE(now, due.at(expired));
      due.erase(expired);
      tracker.remove(expired);
    }
    for (const auto& [id, deadline] : due) EXPECT_LE(now, deadline + at(kTickMs));
    EXPECT_EQ(tracker.size(), due.size());
  }
}

TEST(SessionIds, hold_the_server_and_the_clock) {
  SessionIds ids(ServerId{1}, 0x18271c);
  EXPECT_EQ(ids.next(), SessionId{0x01000018271c0000});
  EXPECT_EQ(ids.next(), SessionId{0x01000018271c0001});
  SessionIds late(ServerId{3}, 0x7fff'0123'4567'89ab);
  EXPECT_EQ(late.next(), SessionId{0x0323'4567'89ab'0000});
}

TEST(SessionIds, never_fall_back) {
  SessionIds ids(ServerId{200}, 5000);
  const SessionId first = ids.next();
  ids.restart(4000);
  EXPECT_EQ(ids.next().value, first.value + 1);
  ids.restart(6000);
  EXPECT_EQ(ids.next(), SessionIds(ServerId{200}, 6000).next());
}

TEST(SessionIds, leave_out_the_mark_of_containers) {
  SessionIds ids(ServerId{0x80}, 0);
  EXPECT_EQ(ids.next(), SessionId{INT64_MIN + 1});
}

}  // namespace
}  // namespace zooid::state
