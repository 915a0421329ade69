// Cases that need more than a transcript; the course of elections is in tests/scenarios/election.
#include "zab/election.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/mark.h"
#include "zab/vote_table.h"

namespace zooid::zab {
namespace {

using wire::PeerState;

constexpr ServerId kOne{1}, kTwo{2}, kThree{3};

Membership three_voters() {
  return *Membership::parse("server.1=h1:1:2\nserver.2=h2:1:2\nserver.3=h3:1:2\nversion=5");
}

wire::Notification looking(int64_t leader, int64_t zxid, int64_t round, Epoch epoch = 0) {
  return {.leader = ServerId{leader}, .zxid = Zxid{zxid}, .round = round, .peer_epoch = epoch};
}

std::string old_form(size_t bytes, int32_t version) {
  wire::Notification message = looking(2, 0x100000005, 1, 9);
  message.config = "x";
  std::string form = wire::serialize(message).substr(0, bytes);
  if (bytes >= 40) {
    for (int i = 0; i < 4; ++i) form[36 + i] = static_cast<char>(version >> (24 - 8 * i));
  }
  return form;
}

TEST(VotesEqual, follows_the_table_of_states_and_marks) {
  const RecordedVote base{.vote = {kOne, Zxid{5}, 3, 1}, .state = PeerState::kFollowing};
  RecordedVote other = base;
  other.vote.zxid = Zxid{6};
  other.vote.round = 4;
  other.state = PeerState::kLeading;
  EXPECT_TRUE(votes_equal(base, other));
  other.vote.epoch = 2;
  EXPECT_FALSE(votes_equal(base, other));
  other.version_mark = 2;
  EXPECT_TRUE(votes_equal(base, other));
  EXPECT_TRUE(votes_equal(other, base));
  other.vote.leader = kTwo;
  EXPECT_FALSE(votes_equal(base, other));
  RecordedVote looking_one = base;
  looking_one.state = PeerState::kLooking;
  EXPECT_TRUE(votes_equal(base, looking_one));
  looking_one.vote.zxid = Zxid{6};
  EXPECT_FALSE(votes_equal(base, looking_one));
}

// Each old form wins an election: 28 bytes give the epoch of the zxid, 40 bytes their own.
TEST(Election, old_forms_of_the_message_count) {
  for (const auto& [bytes, epoch] : {std::pair<size_t, Epoch>{28, 1}, {40, 9}}) {
    const auto message = wire::read_notification(old_form(bytes, 1));
    ASSERT_TRUE(message);
    EXPECT_EQ(message->version, 0);
    Election election(kOne, three_voters(), {});
    ElectionEffects effects;
    election.look(Zxid{1}, 0, "test", 0, {}, effects);
    election.on_notification(kTwo, *message, {}, effects);
    election.on_timer({.mono_us = election.next_deadline()}, effects);
    ASSERT_TRUE(effects.decision);
    EXPECT_EQ(effects.decision->vote.leader, kTwo);
    EXPECT_EQ(effects.decision->vote.epoch, epoch);
  }
  EXPECT_FALSE(wire::read_notification(old_form(27, 1)));
}

TEST(Election, messages_carry_the_committed_configuration) {
  Election election(kOne, three_voters(), {});
  ElectionEffects effects;
  election.look(Zxid{1}, 0, "test", 0, {}, effects);
  ASSERT_EQ(effects.sends.size(), 2u);
  EXPECT_EQ(effects.sends[0].second.config, three_voters().text());
  EXPECT_EQ(effects.sends[0].second.version, 2);
  election.on_notification(kTwo, looking(2, 1, 1), {}, effects);
  election.on_timer({.mono_us = election.next_deadline()}, effects);
  election.on_membership(three_voters().with_version(0x100000000));
  EXPECT_EQ(election.membership().version(), 0x100000000);
  effects = {};
  election.on_notification(kThree, looking(3, 1, 2), {}, effects);
  ASSERT_EQ(effects.sends.size(), 1u);
  EXPECT_TRUE(effects.sends[0].second.config.ends_with("version=100000000"));
}

TEST(Election, nobody_speaks_for_this_server) {
  Election election(kOne, three_voters(), {});
  ElectionEffects effects;
  election.look(Zxid{1}, 0, "test", 0, {}, effects);
  effects = {};
  election.on_notification(kOne, looking(3, 9, 7), {}, effects);
  EXPECT_TRUE(effects.sends.empty());
  EXPECT_EQ(election.round(), 1);
}

TEST(Election, has_a_deadline_only_while_it_runs) {
  Election election(kOne, three_voters(), {});
  EXPECT_EQ(election.next_deadline(), kNever);
  ElectionEffects effects;
  election.look(Zxid{1}, 0, "test", 0, {.mono_us = 1000}, effects);
  EXPECT_EQ(election.next_deadline(), 201'000);
  election.on_notification(kTwo, looking(2, 1, 1), {.mono_us = 50'000}, effects);
  EXPECT_EQ(election.next_deadline(), 250'000);
  election.on_timer({.mono_us = 249'999}, effects);
  EXPECT_FALSE(effects.decision);
  election.on_timer({.mono_us = 250'000}, effects);
  ASSERT_TRUE(effects.decision);
  EXPECT_EQ(election.next_deadline(), kNever);
  EXPECT_EQ(election.state(), PeerState::kFollowing);
}

std::vector<int64_t> times_of_sending_ms(Election& election) {
  ElectionEffects effects;
  election.look(Zxid{1}, 0, "test", 0, {}, effects);
  std::vector<int64_t> sent_ms;
  for (int i = 0; i < 4; ++i) {
    const Now now{.mono_us = election.next_deadline()};
    effects = {};
    election.on_timer(now, effects);
    EXPECT_FALSE(effects.sends.empty());
    sent_ms.push_back(now.mono_us / 1000);
  }
  return sent_ms;
}

// An observer hears no vote of its own.
TEST(Election, an_unanswered_proposal_is_repeated_at_doubling_intervals) {
  const ElectionOptions options{.notification_max_ms = 1000};
  Election voter(kOne, three_voters(), options);
  EXPECT_EQ(times_of_sending_ms(voter), (std::vector<int64_t>{200, 600, 1400, 2400}));
  const auto with_observer =
      Membership::parse(three_voters().text() + "\nserver.4=h4:1:2:observer");
  ASSERT_TRUE(with_observer);
  Election observer(ServerId{4}, *with_observer, options);
  EXPECT_EQ(times_of_sending_ms(observer), (std::vector<int64_t>{200, 600, 1400, 2400}));
}

// 5.6: only the epoch of the current vote changes.
TEST(Election, an_established_epoch_shows_in_the_current_vote) {
  Election election(kOne, three_voters(), {});
  ElectionEffects effects;
  election.look(Zxid{1}, 4, "test", 0, {}, effects);
  election.on_notification(kTwo, looking(2, 1, 1, 4), {}, effects);
  election.on_timer({.mono_us = election.next_deadline()}, effects);
  election.on_epoch_established(5, {});
  EXPECT_EQ(election.current_vote(), (Vote{kTwo, Zxid{1}, 1, 5}));
}

TEST(Election, late_news_of_an_ended_role_change_nothing) {
  Election election(kOne, three_voters(), {});
  ElectionEffects effects;
  election.look(Zxid{1}, 4, "test", 0, {}, effects);
  const Vote before = election.current_vote();
  election.on_epoch_promised(9, {});
  election.on_epoch_established(9, {});
  EXPECT_EQ(election.current_vote(), before);
}

// Numbers that a hostile or damaged peer may send.
TEST(Election, extreme_numbers_do_no_harm) {
  const int64_t kExtremes[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, 1LL << 61, INT64_MAX};
  Election election(kOne, three_voters(), {});
  ElectionEffects effects;
  election.look(Zxid{1}, 0, "test", 0, {}, effects);
  for (const int64_t a : kExtremes) {
    for (const int64_t b : kExtremes) {
      for (int state = 0; state < 4; ++state) {
        wire::Notification message = looking(2, a, b, a);
        message.state = static_cast<PeerState>(state);
        election.on_notification(kTwo, message, {}, effects);
        election.on_notification(ServerId{a}, message, {}, effects);
        if (election.state() == PeerState::kLooking) continue;
        election.on_role_ended();
        election.look(Zxid{a}, b, "again", 0, {}, effects);
      }
    }
  }
  EXPECT_GT(mark_count("election.impossible_vote"), 0u);
}

}  // namespace
}  // namespace zooid::zab
