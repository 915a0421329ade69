#include "zab/election_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/mark.h"
#include "base/random.h"
#include "zab/election_journal.h"
#include "zab/election_recorder.h"

namespace zooid::zab {
namespace {

using testing::HasSubstr;

constexpr ServerId kOne{1}, kTwo{2}, kThree{3};

Vote vote(int64_t leader, int64_t zxid, Epoch epoch, int64_t round = 7) {
  return {.leader = ServerId{leader}, .zxid = Zxid{zxid}, .round = round, .epoch = epoch};
}

Now at_ms(int64_t ms) {
  return {.mono_us = ms * 1000, .wall_ms = 1'714'564'800'000 + ms};
}

ElectionRecord full_record() {
  ElectionRecord record{.self = kOne, .started_wall_ms = 1'714'564'800'123, .round = 7};
  record.why = "connection to \"leader 3\" closed\n\\ by peer\x01 ü";
  record.events = {
      {.kind = ElectionEvent::Kind::kProposed, .peer = kOne, .vote = vote(1, 0x100000022, 1)},
      {.kind = ElectionEvent::Kind::kReceived,
       .at_us = 3100,
       .peer = kTwo,
       .state = wire::PeerState::kLeading,
       .vote = {.leader = kNotAVoter, .zxid = Zxid{-1}, .round = -1, .epoch = INT64_MIN}},
      {.kind = ElectionEvent::Kind::kDecided, .at_us = 9000, .peer = kOne},
  };
  record.dropped_events = 5;
  record.winner = vote(2, 0x100000024, 1);
  record.runner_up = vote(1, 0x100000022, 1);
  record.rule = DecidingRule::kZxid;
  record.role = wire::PeerState::kFollowing;
  record.early_reason = "servers 1 and 2 agree";
  record.new_epoch = 2;
  record.sync = "DIFF, 12 transactions";
  record.detect_us = 12'300;
  record.elect_us = 9000;
  record.discover_us = 3000;
  record.synchronise_us = 4000;
  return record;
}

void expect_equal(const ElectionRecord& a, const ElectionRecord& b) {
  EXPECT_EQ(to_line(a), to_line(b));
  EXPECT_EQ(describe(a), describe(b));
}

TEST(BetterThan, compares_epoch_then_zxid_then_id) {
  EXPECT_TRUE(better_than(vote(1, 1, 2), vote(9, 9, 1)));
  EXPECT_TRUE(better_than(vote(1, 9, 1), vote(9, 1, 1)));
  EXPECT_TRUE(better_than(vote(2, 1, 1), vote(1, 1, 1)));
  EXPECT_FALSE(better_than(vote(1, 1, 1), vote(1, 1, 1)));
  EXPECT_TRUE(better_than(vote(1, 1, 1, 1), {.leader = kNotAVoter, .zxid = Zxid{INT64_MIN}}));
}

TEST(ElectionRecordLine, comes_back_as_it_was) {
  const ElectionRecord record = full_record();
  const std::string line = to_line(record);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto read = from_line(line);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->why, record.why);
  EXPECT_EQ(read->events[1].vote, record.events[1].vote);
  expect_equal(*read, record);
  const auto empty = from_line(to_line(ElectionRecord{}));
  ASSERT_TRUE(empty);
  EXPECT_FALSE(empty->winner);
}

TEST(ElectionRecordLine, has_this_form) {
  ElectionRecord record{.self = kOne, .started_wall_ms = 5, .round = 7};
  record.winner = vote(2, 0x1f, 1);
  record.events = {{.kind = ElectionEvent::Kind::kRefused, .at_us = 8, .peer = kThree}};
  EXPECT_EQ(to_line(record),
            R"({"v":1,"self":1,"started":5,"round":7,"why":"",)"
            R"("events":[[2,8,3,0,0,"0x0",0,0]],"dropped":0,"winner":[2,"0x1f",7,1],"rule":3,)"
            R"("role":0,"early":"","abandoned":"","new_epoch":0,"sync":"","detect":-1,)"
            R"("elect":-1,"discover":-1,"synchronise":-1,"first_commit":-1})");
}

TEST(ElectionRecordLine, other_versions_and_damage_are_refused) {
  const std::string line = to_line(full_record());
  std::string other = line;
  other.replace(other.find("\"v\":1"), 5, "\"v\":2");
  EXPECT_FALSE(from_line(other));
  EXPECT_FALSE(from_line(""));
  EXPECT_FALSE(from_line(line + " "));
  for (size_t length = 0; length < line.size(); ++length) {
    EXPECT_FALSE(from_line(std::string_view(line).substr(0, length))) << length;
  }
  // Whatever else is damaged is refused or read as something printable; never a crash.
  Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = line;
    damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    if (const auto read = from_line(damaged)) describe(*read);
  }
}

TEST(ElectionRecordLine, more_events_than_are_kept_are_damage) {
  ElectionRecord record = full_record();
  record.events.assign(ElectionRecord::kEventsMax, record.events[0]);
  EXPECT_TRUE(from_line(to_line(record)));
  record.events.push_back(record.events[0]);
  EXPECT_FALSE(from_line(to_line(record)));
}

TEST(ElectionJournal, has_its_version_and_one_record_a_line) {
  ElectionRecord other = full_record();
  other.round = 8;
  const std::string text = render_journal({full_record(), other});
  EXPECT_EQ(text, std::string(kElectionJournalHeader) + "\n" + to_line(full_record()) + "\n" +
                      to_line(other) + "\n");
  const auto read = parse_journal(text);
  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->size(), 2u);
  expect_equal((*read)[0], full_record());
  expect_equal((*read)[1], other);
  EXPECT_FALSE(parse_journal("something else\n" + to_line(other)).has_value());
}

TEST(Describe, names_the_rule_and_both_values) {
  ElectionRecord record = full_record();
  EXPECT_THAT(describe(record), HasSubstr("its last zxid 0x100000024 is greater than 0x100000022"));
  EXPECT_THAT(describe(record), HasSubstr("Election at 2024-05-01 12:00:00.123 UTC, round 7"));
  record.rule = DecidingRule::kEpoch;
  record.winner = vote(2, 1, 3);
  EXPECT_THAT(describe(record), HasSubstr("its epoch 3 is greater than epoch 1"));
  record.rule = DecidingRule::kServerId;
  EXPECT_THAT(describe(record), HasSubstr("its server id 2 is greater than 1"));
  record.rule = DecidingRule::kOnlyCandidate;
  EXPECT_THAT(describe(record), HasSubstr("nobody voted for another server"));
  record.rule = DecidingRule::kJoinedExisting;
  EXPECT_THAT(describe(record), HasSubstr("led already"));
  EXPECT_THAT(describe(record), HasSubstr("5 more events are not kept"));
  EXPECT_THAT(describe(record), HasSubstr("synchronise 4.0 ms (DIFF, 12 transactions)"));
}

TEST(Describe, tells_an_election_without_result) {
  ElectionRecord record{.self = kOne};
  EXPECT_THAT(describe(record), HasSubstr("not decided yet"));
  record.abandoned = "newer configuration";
  EXPECT_THAT(describe(record), HasSubstr("ended without a decision"));
  EXPECT_THAT(describe(record), HasSubstr("Given up: newer configuration"));
  record.started_wall_ms = INT64_MAX;
  EXPECT_THAT(describe(record), HasSubstr("ms, round"));
}

TEST(Summary, is_one_line_with_leader_epoch_reason_and_time) {
  ElectionRecord record = full_record();
  EXPECT_EQ(summary(record),
            "server 2 leads epoch 2, this server (1) follows: its last zxid 0x100000024 is greater "
            "than 0x100000022 of the next best candidate, server 1 (both epoch 1); took 28 ms; "
            "zooid explain has the votes");
  record.self = ServerId{2};
  record.rule = DecidingRule::kOnlyCandidate;
  EXPECT_EQ(summary(record),
            "server 2 leads epoch 2, which is this server: nobody voted for another server; took "
            "28 ms; zooid explain has the votes");
}

TEST(Summary, says_nothing_before_the_leader_serves_and_why_if_it_never_does) {
  ElectionRecord record = full_record();
  record.synchronise_us = -1;
  EXPECT_EQ(summary(record), "");
  record.abandoned = "connection to the leader closed";
  EXPECT_EQ(summary(record),
            "election of server 2 came to nothing: connection to the leader closed; took 24 ms; "
            "zooid explain has the votes");
  EXPECT_EQ(summary({.self = kOne, .abandoned = "a newer configuration"}),
            "election came to nothing: a newer configuration; took 0 ms; zooid explain has the "
            "votes");
  EXPECT_EQ(summary({.self = kOne}), "");
}

TEST(ElectionRecorder, keeps_a_place_for_the_decision) {
  ElectionRecorder recorder;
  recorder.begin(kOne, "why", 0, at_ms(0));
  recorder.enter_round(1);
  for (int64_t i = 0; i < 1000; ++i) {
    recorder.received(kTwo, wire::PeerState::kLooking, vote(2, i, 1), at_ms(i));
  }
  recorder.decided(vote(2, 999, 1), wire::PeerState::kFollowing, false, "", at_ms(1000));
  const auto records = recorder.take_changed();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].events.size(), ElectionRecord::kEventsMax);
  EXPECT_EQ(records[0].events.back().kind, ElectionEvent::Kind::kDecided);
  EXPECT_EQ(records[0].dropped_events, 1000 - (ElectionRecord::kEventsMax - 1));
  EXPECT_GT(mark_count("election_record.events_dropped"), 0u);
  EXPECT_TRUE(recorder.take_changed().empty());
}

TEST(ElectionRecorder, a_role_that_ends_before_its_epoch_closes_the_record) {
  ElectionRecorder recorder;
  recorder.begin(kOne, "first", 0, at_ms(0));
  recorder.enter_round(1);
  recorder.decided(vote(2, 1, 1), wire::PeerState::kFollowing, false, "", at_ms(10));
  recorder.begin(kOne, "no answer from leader 2", 0, at_ms(20));
  const auto records = recorder.take_changed();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].abandoned, "no answer from leader 2");
}

TEST(ElectionRecorder, repeated_messages_are_one_event) {
  ElectionRecorder recorder;
  recorder.begin(kOne, "why", 0, at_ms(0));
  recorder.enter_round(1);
  for (int i = 0; i < 5; ++i) {
    recorder.received(kTwo, wire::PeerState::kLooking, vote(2, 1, 1), at_ms(i));
  }
  recorder.decided(vote(2, 1, 1), wire::PeerState::kFollowing, true, "", at_ms(5));
  EXPECT_EQ(recorder.take_changed().at(0).events.size(), 2u);
}

}  // namespace
}  // namespace zooid::zab
