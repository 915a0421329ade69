#include "state/eager_acl.h"

#include <gtest/gtest.h>

#include "state/test_requests.h"

namespace zooid::state {
namespace {

using namespace test;
using wire::ErrorCode;
using wire::OpCode;

class EagerAcl : public testing::Test {
 protected:
  EagerAcl() {
    leader.run(create_request("/open", "x"));
    leader.run(create_request("/open/child", "x"));
    std::string body;
    wire::Writer out(body);
    wire::write_create(out, OpCode::kCreate,
                       {"/shut", "x", {{wire::kPermRead, {"world", "anyone"}}}, false, 0});
    leader.run({OpCode::kCreate, body});
    leader.ids = {};
  }
  ErrorCode judged(const Request& request) {
    return eager_acl_error({leader.database(), auth, ids}, request.type, request.body);
  }
  static Request create(std::string_view path, wire::AclList acl, bool acl_is_null = false,
                        OpCode type = OpCode::kCreate) {
    Request request{type, {}};
    wire::Writer out(request.body);
    wire::write_create(out, type, {path, "x", std::move(acl), acl_is_null, 0});
    return request;
  }
  static Request set_acl(std::string_view path, wire::AclList acl) {
    Request request{OpCode::kSetAcl, {}};
    wire::Writer out(request.body);
    wire::write_set_acl(out, {path, std::move(acl), false, -1});
    return request;
  }
  static Request remove(std::string_view path) {
    Request request{OpCode::kDelete, {}};
    wire::Writer out(request.body);
    wire::write_path_version(out, {path, -1});
    return request;
  }

  const wire::AclList anyone{{wire::kPermAll, {"world", "anyone"}}};
  SmallLeader leader;
  AuthOptions auth;
  std::vector<wire::Id> ids;
};

TEST_F(EagerAcl, each_kind_needs_its_permission_at_its_node) {
  EXPECT_EQ(judged(create("/open/a", anyone)), ErrorCode::kOk);
  EXPECT_EQ(judged(create("/shut/a", anyone)), ErrorCode::kNoAuth);
  EXPECT_EQ(judged(create("/shut/a", anyone, false, OpCode::kCreate2)), ErrorCode::kNoAuth);
  EXPECT_EQ(judged(create("/shut", anyone)), ErrorCode::kOk) << "the root's counts";
  EXPECT_EQ(judged(remove("/shut/a")), ErrorCode::kNoAuth);
  EXPECT_EQ(judged(remove("/shut")), ErrorCode::kOk);
  EXPECT_EQ(judged(set_data_request("/shut", "y")), ErrorCode::kNoAuth);
  EXPECT_EQ(judged(set_data_request("/open", "y")), ErrorCode::kOk);
  EXPECT_EQ(judged(set_acl("/shut", anyone)), ErrorCode::kNoAuth);
  EXPECT_EQ(judged(set_acl("/open", anyone)), ErrorCode::kOk);
  ids = {{"super", ""}};
  EXPECT_EQ(judged(create("/shut/a", anyone)), ErrorCode::kOk);
  ids = {};
  auth.skip_acl = true;
  EXPECT_EQ(judged(create("/shut/a", anyone)), ErrorCode::kOk);
}

TEST_F(EagerAcl, an_acl_that_cannot_be_stored_is_refused_first) {
  EXPECT_EQ(judged(create("/open/a", {})), ErrorCode::kInvalidAcl);
  EXPECT_EQ(judged(create("/shut/a", {{1, {"nobody", "x"}}})), ErrorCode::kInvalidAcl);
  EXPECT_EQ(judged(create("/open/a", {}, true)), ErrorCode::kInvalidAcl);
  EXPECT_EQ(judged(set_acl("/open", {{1, {"auth", ""}}})), ErrorCode::kInvalidAcl);
  ids = {{"digest", "alice:x"}};
  EXPECT_EQ(judged(set_acl("/open", {{1, {"auth", ""}}})), ErrorCode::kOk);
}

TEST_F(EagerAcl, what_cannot_be_judged_here_goes_on) {
  for (const char* path :
       {"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "relative"}) {
    EXPECT_EQ(judged(create(path, {})), ErrorCode::kOk) << path;
    EXPECT_EQ(judged(remove(path)), ErrorCode::kOk) << path;
  }
  EXPECT_EQ(judged(set_data_request("/nowhere", "y")), ErrorCode::kOk);
  EXPECT_EQ(judged(create("/nowhere/a", anyone)), ErrorCode::kOk);
  EXPECT_EQ(judged({OpCode::kSetData, "unreadable"}), ErrorCode::kOk);
  EXPECT_EQ(judged(create("/shut/a", anyone, false, OpCode::kCreateContainer)), ErrorCode::kOk);
  EXPECT_EQ(judged({OpCode::kSync, ""}), ErrorCode::kOk);
}

}  // namespace
}  // namespace zooid::state
