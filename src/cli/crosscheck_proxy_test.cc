// The parts of `zooid crosscheck --proxy` that decide what belongs together and what is a
// difference. The whole of it: tests/integration/test_crosscheck_proxy.py.
#include <gtest/gtest.h>

#include "cli/crosscheck_events.h"
#include "cli/crosscheck_exchange.h"
#include "cli/crosscheck_pairs.h"
#include "cli/crosscheck_taint.h"

namespace zooid::cli {
namespace {

ProxyEvent event(const std::string& text, int64_t zxid, int64_t came_us = 0) {
  ProxyEvent made;
  made.text = text;
  made.path = text.substr(text.rfind(' ') + 1);
  made.zxid = zxid;
  made.came_us = came_us;
  return made;
}

// What was judged, a line each.
struct Told {
  std::vector<std::string> lines;
  EventPairs::Tell tell() {
    return [this](const EventPairs::Judged& judged) {
      lines.push_back((judged.reference ? judged.reference->text : "nothing") + "/" +
                      (judged.candidate ? judged.candidate->text : "nothing") +
                      (judged.in_other_order ? " in other order" : "") +
                      (judged.reference && judged.reference->came_behind ? " behind" : ""));
    };
  }
};
using Lines = std::vector<std::string>;
constexpr int64_t kOverdue = 100;

TEST(PairedIds, an_id_has_one_partner_and_gives_the_pair_its_name) {
  PairedIds ids;
  EXPECT_TRUE(ids.pair(10, 100));
  EXPECT_TRUE(ids.pair(10, 100));
  EXPECT_FALSE(ids.pair(10, 101));
  EXPECT_FALSE(ids.pair(11, 100));
  EXPECT_EQ(ids.name_of_reference(10), ids.name_of_candidate(100));
  EXPECT_FALSE(ids.name_of_candidate(101));
  EXPECT_EQ(ids.candidate_of(10), 100);
  EXPECT_FALSE(ids.candidate_of(11));
}

TEST(PairedIds, a_zxid_between_pairs_stands_for_the_one_below) {
  PairedIds ids;
  ids.pair(10, 100);
  ids.pair(20, 120);
  EXPECT_FALSE(ids.candidate_at_most(9));
  EXPECT_EQ(ids.candidate_at_most(19), 100);
  EXPECT_EQ(ids.candidate_at_most(99), 120);
}

TEST(PairedIds, the_oldest_are_forgotten) {
  PairedIds ids;
  const auto count = static_cast<int64_t>(PairedIds::kPairsMax) + 10;
  for (int64_t id = 1; id <= count; ++id) ASSERT_TRUE(ids.pair(id, id + count));
  EXPECT_EQ(ids.size(), PairedIds::kPairsMax);
  EXPECT_FALSE(ids.candidate_of(10));
  EXPECT_FALSE(ids.name_of_candidate(10 + count));
  EXPECT_EQ(ids.candidate_of(11), 11 + count);
}

TEST(CrosscheckTaint, covers_what_is_below_and_the_parent_but_no_sibling) {
  CrosscheckTaint taint;
  taint.add("/a/b", "why");
  EXPECT_TRUE(taint.reason("/a/b", 0));
  EXPECT_TRUE(taint.reason("/a/b/c/d", 0));
  EXPECT_TRUE(taint.reason("/a", 0));
  EXPECT_FALSE(taint.reason("/a/c", 0));
  EXPECT_FALSE(taint.reason("/a/bb", 0));
  EXPECT_FALSE(taint.reason("/", 0));
}

TEST(CrosscheckTaint, ends_in_time_or_by_removal_unless_it_is_for_good) {
  CrosscheckTaint taint;
  taint.add("/a", "soon over", 50);
  taint.add("/b", "for good");
  EXPECT_TRUE(taint.reason("/a", 49));
  EXPECT_FALSE(taint.reason("/a", 50));
  taint.add("/c", "soon over", 50);
  taint.remove("/c");
  taint.remove("/b");
  EXPECT_FALSE(taint.reason("/c", 0));
  EXPECT_TRUE(taint.reason("/b", 1'000'000));
}

TEST(EventPairs, equal_sequences_match_at_once) {
  EventPairs pairs;
  Told told;
  for (const char* text : {"created /a", "changed /a"}) pairs.add_of_reference(event(text, -1));
  for (const char* text : {"created /a", "changed /a"}) pairs.add_of_candidate(event(text, -1));
  pairs.match(told.tell());
  EXPECT_EQ(told.lines, (Lines{"created /a/created /a", "changed /a/changed /a"}));
  EXPECT_TRUE(pairs.empty());
}

TEST(EventPairs, those_of_one_transaction_come_in_any_order) {
  // 3.8 sends no zxids, the other side's tell.
  EventPairs pairs;
  Told told;
  for (const char* text : {"deleted /a", "deleted /b"}) pairs.add_of_reference(event(text, -1));
  for (const char* text : {"deleted /b", "deleted /a"}) pairs.add_of_candidate(event(text, 7));
  pairs.match(told.tell());
  EXPECT_EQ(told.lines, (Lines{"deleted /a/deleted /a", "deleted /b/deleted /b"}));
}

TEST(EventPairs, those_of_two_transactions_in_another_order_are_found_when_overdue) {
  EventPairs pairs;
  Told told;
  pairs.add_of_reference(event("changed /a", 1));
  pairs.add_of_reference(event("changed /b", 2));
  pairs.add_of_candidate(event("changed /b", 12));
  pairs.add_of_candidate(event("changed /a", 11));
  pairs.match(told.tell());
  EXPECT_TRUE(told.lines.empty());
  pairs.decide_overdue(kOverdue, false, told.tell());
  EXPECT_EQ(told.lines, (Lines{"changed /a/changed /a in other order", "changed /b/changed /b"}));
}

TEST(EventPairs, a_surplus_event_does_not_hide_those_behind_it) {
  EventPairs pairs;
  Told told;
  pairs.add_of_reference(event("changed /b", 2));
  pairs.add_of_candidate(event("changed /a", 11));
  pairs.add_of_candidate(event("changed /b", 12));
  pairs.decide_overdue(kOverdue, false, told.tell());
  EXPECT_EQ(told.lines, (Lines{"nothing/changed /a", "changed /b/changed /b"}));
}

TEST(EventPairs, a_missing_event_is_told_when_its_time_is_over) {
  EventPairs pairs;
  Told told;
  pairs.add_of_reference(event("changed /a", 1, 50));
  pairs.decide_overdue(50, false, told.tell());
  EXPECT_TRUE(told.lines.empty());
  pairs.decide_overdue(51, false, told.tell());
  EXPECT_EQ(told.lines, (Lines{"changed /a/nothing"}));
}

TEST(EventPairs, what_the_candidate_sends_when_the_client_is_gone_is_nothing) {
  EventPairs pairs;
  Told told;
  pairs.add_of_candidate(event("changed /a", 1));
  pairs.decide_overdue(kOverdue, true, told.tell());
  EXPECT_TRUE(told.lines.empty());
  EXPECT_TRUE(pairs.empty());
}

TEST(EventPairs, an_event_behind_the_reply_to_the_own_write_is_marked) {
  for (const char* written : {"/a", "/elsewhere"}) {
    EventPairs pairs;
    Told told;
    pairs.add_of_reference(event("changed /a", 1));
    pairs.reference_replies(0, {written});
    pairs.candidate_replies(0);
    pairs.add_of_candidate(event("changed /a", 11));
    pairs.match(told.tell());
    const bool is_own = std::string(written) == "/a";
    EXPECT_EQ(told.lines, Lines{std::string("changed /a/changed /a") + (is_own ? " behind" : "")});
  }
}

TEST(Exchange, only_what_is_written_down_has_a_zxid_of_its_own) {
  const auto makes = [](wire::OpCode type, wire::ErrorCode err) {
    return makes_transaction(static_cast<int32_t>(type), static_cast<int32_t>(err));
  };
  using wire::ErrorCode;
  using wire::OpCode;
  EXPECT_TRUE(makes(OpCode::kCreate, ErrorCode::kOk));
  EXPECT_TRUE(makes(OpCode::kDelete, ErrorCode::kNoNode));
  EXPECT_TRUE(makes(OpCode::kCloseSession, ErrorCode::kOk));
  EXPECT_FALSE(makes(OpCode::kSetData, ErrorCode::kMarshallingError));
  EXPECT_FALSE(makes(OpCode::kSetData, ErrorCode::kSessionExpired));
  EXPECT_FALSE(makes(OpCode::kGetData, ErrorCode::kOk));
  EXPECT_FALSE(makes(OpCode::kSync, ErrorCode::kOk));
}

TEST(Exchange, paths_of_a_multi_and_what_it_created) {
  std::vector<wire::SubRequest> subs(2);
  wire::CreateRequest create;
  create.path = "/a/n-";
  create.acl = {{31, {"world", "anyone"}}};
  create.flags = wire::kFlagEphemeralSequential;
  subs[0] = {wire::OpCode::kCreate2, create};
  subs[1] = {wire::OpCode::kDelete, wire::PathVersionRequest{"/b", -1}};
  PlannedRequest request;
  request.type = static_cast<int32_t>(wire::OpCode::kMulti);
  wire::Writer body(request.body);
  wire::write_multi(body, subs);
  EXPECT_EQ(paths_of(request), (Lines{"/a/n-", "/b"}));

  std::string reply;
  wire::Writer out(reply);
  write(out, wire::MultiHeader{static_cast<int32_t>(wire::OpCode::kCreate2), false, 0});
  out.buffer("/a/n-0000000004");
  write(out, wire::Stat{});
  write(out, wire::MultiHeader{static_cast<int32_t>(wire::OpCode::kDelete), false, 0});
  write(out, wire::MultiHeader{-1, true, -1});
  const auto created = created_paths(request, reply);
  ASSERT_EQ(created.size(), 1u);
  EXPECT_EQ(created[0].path, "/a/n-0000000004");
  EXPECT_TRUE(created[0].is_ephemeral);
}

}  // namespace
}  // namespace zooid::cli
