#include <gmock/gmock.h>

#include "base/mark.h"
#include "state/reapable.h"
#include "state/test_requests.h"

namespace zooid::state {
namespace {

using namespace test;
using wire::ErrorCode;
using wire::OpCode;

const wire::AclList kNobody{{wire::kPermAll, {"digest", "alice:x"}}};

template <class Body>
const Body& body_of(const wire::Txn& txn) {
  return std::get<Body>(txn.body);
}
std::string path_of(const wire::Txn& txn) {
  return body_of<wire::CreateTxn>(txn).path;
}

TEST(TxnPreparer, create_gives_the_final_record) {
  SmallLeader leader;
  const wire::Txn txn = leader.prepare(create_request("/a", "x"));
  EXPECT_EQ(txn.header.type, OpCode::kCreate);
  EXPECT_EQ(txn.header.zxid, Zxid{1});
  EXPECT_EQ(txn.header.session, SessionId{0x11});
  const auto& create = body_of<wire::CreateTxn>(txn);
  EXPECT_EQ(create.path, "/a");
  EXPECT_EQ(create.data, "x");
  EXPECT_EQ(create.acl, kOpen);
  EXPECT_FALSE(create.ephemeral);
  EXPECT_EQ(create.parent_cversion, 1);
  EXPECT_TRUE(txn.digest.has_value());
  leader.commit_all();
}

TEST(TxnPreparer, create_container_makes_a_container_whatever_the_flags_say) {
  SmallLeader leader;
  const wire::Txn txn = leader.prepare(
      create_request("/c", "", wire::kFlagEphemeral, kOpen, OpCode::kCreateContainer));
  EXPECT_EQ(txn.header.type, OpCode::kCreateContainer);
  EXPECT_FALSE(body_of<wire::CreateTxn>(txn).ephemeral);
  EXPECT_FALSE(wire::serialize(txn).empty());
  leader.commit_all();
}

TEST(TxnPreparer, null_and_empty_data_stay_what_they_are) {
  SmallLeader leader;
  EXPECT_EQ(body_of<wire::CreateTxn>(leader.prepare(create_request("/n", std::nullopt))).data,
            std::nullopt);
  EXPECT_EQ(body_of<wire::CreateTxn>(leader.prepare(create_request("/e", ""))).data, "");
  leader.commit_all();
}

TEST(TxnPreparer, create_checks_in_zookeepers_order) {
  SmallLeader leader({.extended_types_enabled = false});
  leader.run(create_request("/closed", "", 0, kNobody));
  leader.run(create_request("/eph", "", wire::kFlagEphemeral));
  const auto refused = [&](std::string_view path, int32_t flags, const wire::AclList& acl) {
    return leader.refused(create_request(path, "", flags, acl));
  };
  EXPECT_EQ(refused("bad", 9, {}), ErrorCode::kBadArguments);
  EXPECT_EQ(refused("bad", wire::kFlagTtl, {}), ErrorCode::kUnimplemented);
  leader.is_local_session = true;
  EXPECT_EQ(refused("bad", wire::kFlagEphemeral, {}), ErrorCode::kEphemeralOnLocalSession);
  leader.is_forwarded = true;
  EXPECT_EQ(refused("bad", wire::kFlagEphemeral, {}), ErrorCode::kSessionExpired);
  leader.is_local_session = leader.is_forwarded = false;
  EXPECT_EQ(refused("bad", 0, {}), ErrorCode::kBadArguments);
  EXPECT_EQ(refused(std::string_view("/\0", 2), 0, {}), ErrorCode::kBadArguments);
  EXPECT_EQ(refused("/no/x", 0, {}), ErrorCode::kInvalidAcl);
  EXPECT_EQ(refused("/no/../x", 0, kOpen), ErrorCode::kNoNode);
  EXPECT_EQ(refused("no/x", 0, kOpen), ErrorCode::kNoNode);
  EXPECT_EQ(refused("/closed/..", 0, kOpen), ErrorCode::kNoAuth);
  EXPECT_EQ(refused("/closed//x", 0, kOpen), ErrorCode::kNoNode);
  EXPECT_EQ(refused("/a/", 0, kOpen), ErrorCode::kNoNode);
  EXPECT_EQ(refused("/eph/..", 0, kOpen), ErrorCode::kBadArguments);
  EXPECT_EQ(refused("/eph", 0, kOpen), ErrorCode::kNodeExists);
  EXPECT_EQ(refused("/", 0, kOpen), ErrorCode::kNodeExists);
  EXPECT_EQ(refused("/eph/x", 0, kOpen), ErrorCode::kNoChildrenForEphemerals);
  leader.commit_all();
}

TEST(TxnPreparer, sequence_is_the_parents_stored_counter) {
  SmallLeader leader;
  leader.prepare(create_request("/a", ""));
  EXPECT_EQ(path_of(leader.prepare(create_request("/a/s-", "", wire::kFlagSequential))),
            "/a/s-0000000000");
  leader.prepare(create_request("/a/other", ""));
  leader.prepare(delete_request("/a/other"));
  EXPECT_EQ(path_of(leader.prepare(create_request("/a/s-", "", wire::kFlagSequential))),
            "/a/s-0000000002");
  // The name may be the number alone.
  EXPECT_EQ(path_of(leader.prepare(create_request("/a/", "", wire::kFlagSequential))),
            "/a/0000000003");
  leader.commit_all();
}

TEST(TxnPreparer, sequence_is_signed_and_wraps) {
  SmallLeader leader;
  Database& database = leader.database();
  leader.run(create_request("/a", ""));
  const auto raise_to = [&](int32_t cversion, std::string path) {
    leader.prepare(create_request("/unused" + path.substr(3), ""));
    leader.commit_all();
    wire::Txn txn = create(leader.zxid(), std::move(path), "", cversion);
    database.apply(txn, nullptr);
  };
  raise_to(INT32_MAX - 1, "/a/1");
  const wire::Txn last = leader.prepare(create_request("/a/s", "", wire::kFlagSequential));
  EXPECT_EQ(path_of(last), "/a/s2147483646");
  EXPECT_EQ(body_of<wire::CreateTxn>(last).parent_cversion, INT32_MAX);
  const wire::Txn wrapped = leader.prepare(create_request("/a/s", "", wire::kFlagSequential));
  EXPECT_EQ(path_of(wrapped), "/a/s2147483647");
  EXPECT_EQ(body_of<wire::CreateTxn>(wrapped).parent_cversion, INT32_MIN);
  // The number goes on while that is pending; the stored counter stays where it is.
  const wire::Txn beyond = leader.prepare(create_request("/a/s", "", wire::kFlagSequential));
  EXPECT_EQ(path_of(beyond), "/a/s-2147483648");
  EXPECT_EQ(body_of<wire::CreateTxn>(beyond).parent_cversion, INT32_MIN + 1);
  leader.commit_all();
  EXPECT_EQ(database.tree().stored(database.tree().find("/a")).cversion, INT32_MAX);
  EXPECT_EQ(leader.refused(create_request("/a/s", "", wire::kFlagSequential)),
            ErrorCode::kNodeExists);
}

TEST(TxnPreparer, negative_counter_has_a_sign_and_ten_places) {
  SmallLeader leader;
  std::string body = snapshot_of(leader.database());
  Database& database = leader.database();
  const auto load = [&](wire::SnapshotRecord record) { ASSERT_TRUE(database.load(record)); };
  load(wire::SnapshotNode{"", "", -1, {}});
  wire::StatPersisted stat;
  stat.cversion = INT32_MIN;
  load(wire::SnapshotNode{"/a", "", -1, stat});
  stat.cversion = -5;
  load(wire::SnapshotNode{"/b", "", -1, stat});
  database.finish_load(Zxid{0});
  EXPECT_EQ(path_of(leader.prepare(create_request("/a/s", "", wire::kFlagSequential))),
            "/a/s-2147483648");
  EXPECT_EQ(path_of(leader.prepare(create_request("/a/s", "", wire::kFlagSequential))),
            "/a/s-2147483647");
  EXPECT_EQ(path_of(leader.prepare(create_request("/b/s", "", wire::kFlagSequential))),
            "/b/s-000000005");
  leader.commit_all();
}

TEST(TxnPreparer, ttl_is_checked) {
  SmallLeader leader;
  EXPECT_EQ(leader.refused(create_ttl_request("/t", 0)), ErrorCode::kBadArguments);
  EXPECT_EQ(leader.refused(create_ttl_request("/t", -1)), ErrorCode::kBadArguments);
  EXPECT_EQ(leader.refused(create_ttl_request("/t", int64_t{1} << 40)), ErrorCode::kBadArguments);
  EXPECT_EQ(leader.refused(create_ttl_request("/t", 5, wire::kFlagPersistent)),
            ErrorCode::kBadArguments);
  EXPECT_EQ(leader.refused(create_request("/t", "", wire::kFlagTtl)), ErrorCode::kBadArguments);
  const wire::Txn txn = leader.prepare(create_ttl_request("/t", (int64_t{1} << 40) - 1));
  EXPECT_EQ(txn.header.type, OpCode::kCreateTtl);
  EXPECT_EQ(body_of<wire::CreateTxn>(txn).ttl_ms, (int64_t{1} << 40) - 1);
  // A node with a TTL may have children.
  EXPECT_EQ(leader.refused(create_request("/t/x", "")), ErrorCode::kOk);
  leader.commit_all();
}

TEST(TxnPreparer, container_is_made_by_its_type) {
  SmallLeader leader;
  leader.prepare(create_container_request("/c"));
  leader.prepare(create_request("/p", "", wire::kFlagContainer));
  leader.commit_all();
  const Tree& tree = leader.tree();
  EXPECT_EQ(tree.stored(tree.find("/c")).ephemeral_owner, kOwnerContainer);
  EXPECT_EQ(tree.stored(tree.find("/p")).ephemeral_owner, 0);
}

TEST(TxnPreparer, delete_checks_in_zookeepers_order) {
  SmallLeader leader;
  leader.run(create_request("/closed", "", 0, kNobody));
  leader.run(create_request("/a", ""));
  leader.run(create_request("/a/b", ""));
  leader.run(create_request("/a/b/c", ""));
  for (std::string_view path : {"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "x"}) {
    EXPECT_EQ(leader.refused(delete_request(path)), ErrorCode::kBadArguments) << path;
  }
  EXPECT_EQ(leader.refused(delete_request("/no/x")), ErrorCode::kNoNode);
  EXPECT_EQ(leader.refused(delete_request("/closed/x")), ErrorCode::kNoAuth);
  EXPECT_EQ(leader.refused(delete_request("/a/")), ErrorCode::kNoNode);
  EXPECT_EQ(leader.refused(delete_request("/a/x", 7)), ErrorCode::kNoNode);
  EXPECT_EQ(leader.refused(delete_request("/a/b", 7)), ErrorCode::kBadVersion);
  EXPECT_EQ(leader.refused(delete_request("/a/b", 0)), ErrorCode::kNotEmpty);
  // Deleting asks the parent's ACL, not the node's.
  EXPECT_EQ(leader.refused(delete_request("/closed", 0)), ErrorCode::kOk);
  EXPECT_EQ(leader.refused(delete_request("/closed", 0)), ErrorCode::kNoNode);
  leader.commit_all();
}

TEST(TxnPreparer, pending_children_and_deletes_count) {
  SmallLeader leader;
  leader.prepare(create_request("/a", ""));
  leader.prepare(create_request("/a/b", ""));
  EXPECT_EQ(leader.refused(delete_request("/a")), ErrorCode::kNotEmpty);
  EXPECT_EQ(leader.refused(delete_request("/a/b")), ErrorCode::kOk);
  EXPECT_EQ(leader.refused(delete_request("/a")), ErrorCode::kOk);
  EXPECT_EQ(leader.refused(set_data_request("/a", "")), ErrorCode::kNoNode);
  EXPECT_EQ(leader.refused(create_request("/a/b", "")), ErrorCode::kNoNode);
  EXPECT_EQ(leader.refused(create_request("/a", "")), ErrorCode::kOk);
  leader.commit_all();
  EXPECT_NE(leader.tree().find("/a"), kNoNode);
}

TEST(TxnPreparer, set_data_counts_versions_over_pending_ones) {
  SmallLeader leader;
  leader.prepare(
      create_request("/a", "", 0, {{wire::kPermRead | wire::kPermWrite, {"world", "anyone"}}}));
  EXPECT_EQ(body_of<wire::SetDataTxn>(leader.prepare(set_data_request("/a", "1", 0))).version, 1);
  EXPECT_EQ(leader.refused(set_data_request("/a", "2", 0)), ErrorCode::kBadVersion);
  EXPECT_EQ(body_of<wire::SetDataTxn>(leader.prepare(set_data_request("/a", "2", -1))).version, 2);
  EXPECT_EQ(leader.refused(set_data_request("/b", "", 9)), ErrorCode::kNoNode);
  EXPECT_EQ(leader.refused(set_data_request("a", "")), ErrorCode::kBadArguments);
  EXPECT_EQ(leader.refused(set_data_request("/a/", "")), ErrorCode::kBadArguments);
  EXPECT_EQ(leader.refused(set_data_request("/zookeeper/config", "x")), ErrorCode::kNoAuth);
  EXPECT_EQ(leader.refused(set_data_request("/", "x", 0)), ErrorCode::kOk);
  leader.commit_all();
  EXPECT_EQ(leader.tree().data(kRoot), "x");
}

TEST(TxnPreparer, set_acl_compares_the_acl_version) {
  SmallLeader leader;
  leader.run(create_request("/a", ""));
  EXPECT_EQ(leader.refused(set_acl_request("/a/", kOpen)), ErrorCode::kBadArguments);
  EXPECT_EQ(leader.refused(set_acl_request("/no", {})), ErrorCode::kInvalidAcl);
  EXPECT_EQ(leader.refused(set_acl_request("/no", kOpen)), ErrorCode::kNoNode);
  EXPECT_EQ(leader.refused(set_acl_request("/a", kNobody, 1)), ErrorCode::kBadVersion);
  EXPECT_EQ(body_of<wire::SetAclTxn>(leader.prepare(set_acl_request("/a", kNobody, 0))).version, 1);
  // Now pending: alice alone may do anything.
  EXPECT_EQ(leader.refused(set_acl_request("/a", kOpen, 9)), ErrorCode::kNoAuth);
  EXPECT_EQ(leader.refused(set_data_request("/a", "", 9)), ErrorCode::kNoAuth);
  EXPECT_EQ(leader.refused(create_request("/a/b", "")), ErrorCode::kNoAuth);
  leader.ids = {{"digest", "alice:x"}};
  EXPECT_EQ(leader.refused(create_request("/a/b", "")), ErrorCode::kOk);
  leader.ids = {{"super", ""}};
  EXPECT_EQ(leader.refused(set_acl_request("/a", kOpen, 1)), ErrorCode::kOk);
  leader.commit_all();
}

TEST(TxnPreparer, delete_container_is_for_the_server_alone_and_checks_again) {
  SmallLeader leader;
  leader.run(create_container_request("/c"));
  leader.run(create_request("/e", "", wire::kFlagEphemeral));
  leader.run(create_ttl_request("/t", 5));
  EXPECT_EQ(leader.refused(delete_container_request("/c"), 0x11), ErrorCode::kUnimplemented);
  EXPECT_EQ(leader.refused(delete_container_request("/e"), 0), ErrorCode::kBadVersion);
  EXPECT_EQ(leader.refused(delete_container_request("/zookeeper"), 0), ErrorCode::kBadArguments);
  EXPECT_EQ(leader.refused(delete_container_request("/x"), 0), ErrorCode::kNoNode);
  leader.prepare(create_request("/c/late", ""));
  EXPECT_EQ(leader.refused(delete_container_request("/c"), 0), ErrorCode::kNotEmpty);
  leader.prepare(delete_request("/c/late"));
  EXPECT_EQ(leader.prepare(delete_container_request("/c"), 0).header.type,
            OpCode::kDeleteContainer);
  EXPECT_EQ(leader.refused(delete_container_request("/t"), 0), ErrorCode::kOk);
  leader.commit_all();
  EXPECT_EQ(leader.tree().find("/c"), kNoNode);
}

// Between the look and the removal: other nodes at the same paths, and data that was set again.
TEST(TxnPreparer, what_was_found_to_be_due_and_has_changed_stays) {
  SmallLeader leader;
  const auto due = [&](std::string_view path) {
    const wire::StatPersisted& stat = leader.tree().stored(leader.tree().find(path));
    return Request{OpCode::kDeleteContainer,
                   reap_request({std::string(path), stat.czxid, stat.mzxid})};
  };
  for (const std::string path : {"/c", "/d"}) {
    leader.run(create_container_request(path));
    leader.run(create_request(path + "/child", ""));
    leader.run(delete_request(path + "/child"));
  }
  leader.run(create_ttl_request("/t", 5));
  const Request c = due("/c"), d = due("/d"), t = due("/t");
  leader.run(delete_request("/c"));
  leader.run(create_container_request("/c"));
  leader.prepare(set_data_request("/t", "new"));  // not even applied
  EXPECT_EQ(leader.refused(c, 0), ErrorCode::kBadVersion);
  EXPECT_EQ(leader.refused(t, 0), ErrorCode::kBadVersion);
  EXPECT_EQ(leader.prepare(d, 0).header.type, OpCode::kDeleteContainer);
}

TEST(TxnPreparer, close_session_gathers_applied_and_pending_ephemerals) {
  SmallLeader leader;
  const auto ephemeral = [](std::string_view path) {
    return create_request(path, "e", wire::kFlagEphemeral);
  };
  leader.run(open_request(4000), 0x77);
  leader.run(ephemeral("/d"), 0x77);
  leader.run(ephemeral("/b"), 0x77);
  leader.run(ephemeral("/gone"), 0x77);
  leader.run(ephemeral("/taken"), 0x77);
  leader.prepare(delete_request("/gone"), 0x77);
  leader.prepare(delete_request("/taken"), 0x77);
  leader.prepare(ephemeral("/taken"), 0x78);
  leader.prepare(ephemeral("/a"), 0x77);
  leader.prepare(ephemeral("/short"), 0x77);
  leader.prepare(delete_request("/short"), 0x77);
  leader.prepare(set_data_request("/d", "changed"), 0x77);
  leader.prepare(create_request("/stays", ""), 0x77);
  const wire::Txn close = leader.prepare(close_request(), 0x77);
  EXPECT_THAT(body_of<wire::CloseSessionTxn>(close).paths_to_delete,
              testing::UnorderedElementsAre("/a", "/b", "/d"));
  EXPECT_TRUE(close.digest.has_value());
  EXPECT_EQ(leader.refused(delete_request("/a")), ErrorCode::kNoNode);
  const wire::Txn again = leader.prepare(close_request(), 0x77);
  EXPECT_TRUE(body_of<wire::CloseSessionTxn>(again).paths_to_delete.empty());
  leader.commit_all();
  EXPECT_TRUE(leader.tree().ephemerals(SessionId{0x77}).empty());
  EXPECT_THAT(leader.tree().ephemerals(SessionId{0x78}), testing::ElementsAre("/taken"));
}

// Most of a session's nodes are not brought into the overlay when it ends: they count as gone.
TEST(TxnPreparer, what_went_with_a_session_is_gone_and_may_be_made_anew_while_that_is_pending) {
  SmallLeader leader;
  leader.run(open_request(4000), 0x77);
  leader.run(create_request("/p", ""), 0x77);
  const auto make = [](std::string_view path) {
    return create_request(path, "e", wire::kFlagEphemeral);
  };
  for (const char* path : {"/p/a", "/x", "/p/b", "/y"}) leader.run(make(path), 0x77);
  leader.prepare(delete_request("/p"));
  leader.prepare(close_request(), 0x77);
  EXPECT_EQ(leader.preparer().pending_count(), 2u) << "only the two parents";
  EXPECT_EQ(leader.refused(set_data_request("/x", "")), ErrorCode::kNoNode);
  EXPECT_EQ(leader.refused(make("/x"), 0x78), ErrorCode::kOk);
  EXPECT_EQ(leader.refused(delete_request("/p")), ErrorCode::kOk) << "it has no children any more";
  leader.prepare(close_request(), 0x78);
  EXPECT_EQ(leader.refused(make("/x"), 0x78), ErrorCode::kOk);
  leader.commit_all();
  EXPECT_EQ(leader.tree().ephemerals(SessionId{0x77}), std::vector<std::string>{});
  EXPECT_EQ(leader.tree().ephemerals(SessionId{0x78}), std::vector<std::string>{"/x"});
}

TEST(TxnPreparer, close_session_may_go_without_paths) {
  SmallLeader leader({.close_session_txn = false});
  leader.run(create_request("/e", "", wire::kFlagEphemeral), 0x77);
  const wire::Txn close = leader.prepare(close_request(), 0x77);
  EXPECT_FALSE(body_of<wire::CloseSessionTxn>(close).has_paths);
  EXPECT_FALSE(close.digest.has_value());
  leader.database().apply(close, nullptr);
  EXPECT_EQ(leader.tree().find("/e"), kNoNode);
}

TEST(TxnPreparer, what_peers_could_not_read_is_not_proposed) {
  SmallLeader leader({.txn_bytes_max = 200});
  const std::string long_name(60, 'x');
  for (const char* name : {"/a", "/b", "/c", "/d"}) {
    leader.run(create_request(name + long_name, "", wire::kFlagEphemeral), 0x77);
  }
  const auto too_large = mark_count("preparer_txn_too_large");
  EXPECT_EQ(leader.refused(create_request("/big", std::string(200, 'x'))),
            ErrorCode::kMarshallingError);
  EXPECT_EQ(mark_count("preparer_txn_too_large"), too_large + 1);
  EXPECT_EQ(leader.refused(set_data_request("/big", "")), ErrorCode::kNoNode);
  const wire::Txn close = leader.prepare(close_request(), 0x77);
  EXPECT_TRUE(body_of<wire::CloseSessionTxn>(close).has_paths);
  EXPECT_TRUE(body_of<wire::CloseSessionTxn>(close).paths_to_delete.empty());
  EXPECT_EQ(leader.refused(create_request("/d" + long_name, "")), ErrorCode::kOk);
  leader.commit_all();
  EXPECT_EQ(mark_count("preparer_close_session_without_paths"), 1u);
  EXPECT_TRUE(leader.tree().ephemerals(SessionId{0x77}).empty());
}

TEST(TxnPreparer, unreadable_and_unknown_requests_become_error_transactions) {
  SmallLeader leader;
  for (const OpCode type :
       {OpCode::kCreate, OpCode::kCreate2, OpCode::kCreateTtl, OpCode::kCreateContainer,
        OpCode::kDelete, OpCode::kSetData, OpCode::kSetAcl, OpCode::kMulti, OpCode::kCreateSession,
        OpCode::kReconfig}) {
    const wire::Txn txn = leader.prepare({type, "\0\0"});
    EXPECT_EQ(txn.header.type, OpCode::kError);
    EXPECT_EQ(error_of(txn), ErrorCode::kMarshallingError) << static_cast<int>(type);
    EXPECT_FALSE(txn.digest.has_value());
  }
  EXPECT_EQ(leader.refused({OpCode::kCheck, delete_request("/").body}), ErrorCode::kUnimplemented);
  EXPECT_EQ(leader.refused({OpCode::kGetData, ""}), ErrorCode::kUnimplemented);
  leader.commit_all();
}

TEST(TxnPreparer, reconfig_is_refused) {
  std::string body;
  wire::Writer out(body);
  out.null_buffer(), out.null_buffer(), out.buffer("server.1=x"), out.i64(-1);
  SmallLeader off;
  EXPECT_EQ(off.refused({OpCode::kReconfig, body}), ErrorCode::kReconfigDisabled);
  SmallLeader on({.reconfig_enabled = true});
  EXPECT_EQ(on.refused({OpCode::kReconfig, body}), ErrorCode::kUnimplemented);
}

TEST(TxnPreparer, refuse_makes_an_error_transaction) {
  SmallLeader leader;
  WriteRequest request;
  request.session = SessionId{5};
  request.cxid = 9;
  request.type = OpCode::kCreate;
  const wire::Txn txn = leader.preparer().refuse(request, ErrorCode::kSessionExpired, Zxid{3}, 77);
  EXPECT_EQ(txn.header.session, SessionId{5});
  EXPECT_EQ(txn.header.cxid, 9);
  EXPECT_EQ(txn.header.time_ms, 77);
  EXPECT_EQ(error_of(txn), ErrorCode::kSessionExpired);
}

TEST(TxnPreparer, hard_quota_is_enforced_only_if_wanted) {
  const auto fill = [](SmallLeader& leader) {
    leader.run(create_request("/q", "12345"));
    leader.run(create_request("/zookeeper/quota/q", ""));
    leader.run(create_request("/zookeeper/quota/q/zookeeper_limits",
                              "count=1,bytes=1;byteHardLimit=20;countHardLimit=3"));
    leader.run(create_request("/zookeeper/quota/q/zookeeper_stats", "count=0,bytes=0"));
    leader.run(create_request("/q/1", "12345"));
  };
  SmallLeader strict({.enforce_quota = true});
  fill(strict);
  EXPECT_EQ(strict.refused(set_data_request("/q/1", "1234567890123456", 7)),
            ErrorCode::kQuotaExceeded);  // before the version is looked at
  EXPECT_EQ(strict.refused(create_request("/q/2", "12345678901")), ErrorCode::kQuotaExceeded);
  EXPECT_EQ(strict.refused(create_request("/q2", "12345678901")), ErrorCode::kOk);
  strict.run(create_request("/q/2", "1234567890"));
  EXPECT_EQ(strict.refused(create_request("/q/3", "")), ErrorCode::kQuotaExceeded);
  EXPECT_EQ(strict.refused(create_request("/q/1/3", "")), ErrorCode::kQuotaExceeded);
  EXPECT_EQ(strict.refused(set_data_request("/q/2", "1")), ErrorCode::kOk);
  strict.commit_all();
  SmallLeader lax;
  fill(lax);
  EXPECT_EQ(lax.refused(set_data_request("/q/1", "1234567890123456")), ErrorCode::kOk);
  lax.commit_all();
}

TEST(TxnPreparer, a_soft_quota_is_told_of_and_refuses_nothing) {
  const auto fill = [](SmallLeader& leader, std::string_view limits) {
    leader.run(create_request("/q", "12345"));
    leader.run(create_request("/zookeeper/quota/q", ""));
    leader.run(create_request("/zookeeper/quota/q/zookeeper_limits", limits));
    leader.run(create_request("/zookeeper/quota/q/zookeeper_stats", "count=0,bytes=0"));
  };
  SmallLeader leader({.enforce_quota = true});
  fill(leader, "count=2,bytes=10");
  EXPECT_EQ(leader.refused(create_request("/q/1", "12345")), ErrorCode::kOk);
  leader.commit_all();
  EXPECT_EQ(leader.preparer().take_over_soft_quota(), "") << "just as much as is allowed";
  EXPECT_EQ(leader.refused(set_data_request("/q/1", "123456")), ErrorCode::kOk);
  leader.commit_all();
  EXPECT_EQ(leader.preparer().take_over_soft_quota(), "/q/1");
  EXPECT_EQ(leader.refused(create_request("/q/2", "")), ErrorCode::kOk);
  leader.commit_all();
  EXPECT_EQ(leader.preparer().take_over_soft_quota(), "/q/2");
  EXPECT_EQ(leader.preparer().take_over_soft_quota(), "");

  SmallLeader beside_hard({.enforce_quota = true});
  fill(beside_hard, "count=1,bytes=1;byteHardLimit=100;countHardLimit=100");
  EXPECT_EQ(beside_hard.refused(create_request("/q/1", "12345")), ErrorCode::kOk);
  beside_hard.commit_all();
  EXPECT_EQ(beside_hard.preparer().take_over_soft_quota(), "");
  SmallLeader lax;
  fill(lax, "count=1,bytes=1");
  EXPECT_EQ(lax.refused(create_request("/q/1", "12345")), ErrorCode::kOk);
  lax.commit_all();
  EXPECT_EQ(lax.preparer().take_over_soft_quota(), "");
}

TEST(TxnPreparer, a_hard_quota_that_forbids_is_told_of_once) {
  SmallLeader leader({.enforce_quota = true});
  leader.run(create_request("/q", "12345"));
  leader.run(create_request("/zookeeper/quota/q", ""));
  leader.run(create_request("/zookeeper/quota/q/zookeeper_limits",
                            "count=-1,bytes=-1;byteHardLimit=10;countHardLimit=3"));
  leader.run(create_request("/zookeeper/quota/q/zookeeper_stats", "count=0,bytes=0"));
  EXPECT_EQ(leader.refused(create_request("/q/1", "12345")), ErrorCode::kOk);
  leader.commit_all();
  EXPECT_EQ(leader.preparer().take_over_hard_quota(), "");
  EXPECT_EQ(leader.refused(create_request("/q/2", "1")), ErrorCode::kQuotaExceeded);
  EXPECT_EQ(leader.preparer().take_over_hard_quota(), "/q/2");
  EXPECT_EQ(leader.preparer().take_over_hard_quota(), "");
  EXPECT_EQ(leader.refused(set_data_request("/q/1", "123456")), ErrorCode::kQuotaExceeded);
  EXPECT_EQ(leader.preparer().take_over_hard_quota(), "/q/1");
}

TEST(TxnPreparer, the_root_has_no_quota) {
  SmallLeader leader({.enforce_quota = true});
  leader.run(create_request("/zookeeper/quota/zookeeper_limits",
                            "count=1,bytes=1;byteHardLimit=1;countHardLimit=1"));
  leader.run(create_request("/zookeeper/quota/zookeeper_stats", "count=0,bytes=0"));
  EXPECT_EQ(leader.refused(create_request("/a", "1234567")), ErrorCode::kOk);
  leader.commit_all();
}

}  // namespace
}  // namespace zooid::state
