#include "server/forwarded_writes.h"

#include <gtest/gtest.h>

namespace zooid::server {
namespace {

TEST(ForwardedWrites, a_learner_may_have_so_many_bytes_and_no_more) {
  ForwardedWrites writes(100);
  EXPECT_TRUE(writes.add(1, Zxid{10}, 60));
  EXPECT_TRUE(writes.add(2, Zxid{11}, 100));
  EXPECT_TRUE(writes.add(1, Zxid{12}, 40));
  EXPECT_FALSE(writes.add(1, Zxid{13}, 1));
  EXPECT_EQ(writes.bytes_of(1), 101u);
  EXPECT_EQ(writes.bytes_of(2), 100u);
}

TEST(ForwardedWrites, what_is_committed_no_longer_counts) {
  ForwardedWrites writes(100);
  EXPECT_TRUE(writes.add(1, Zxid{10}, 60));
  EXPECT_TRUE(writes.add(1, Zxid{11}, 30));
  writes.commit(Zxid{10});
  EXPECT_EQ(writes.bytes_of(1), 30u);
  EXPECT_TRUE(writes.add(1, Zxid{12}, 70));
  EXPECT_FALSE(writes.add(1, Zxid{13}, 1));
  writes.commit(Zxid{20});
  EXPECT_EQ(writes.bytes_of(1), 0u);
  EXPECT_TRUE(writes.add(1, Zxid{21}, 100));
}

TEST(ForwardedWrites, what_waits_to_be_proposed_counts_too) {
  ForwardedWrites writes(100);
  EXPECT_TRUE(writes.hold(1, 60));
  EXPECT_TRUE(writes.add(1, Zxid{10}, 40));
  EXPECT_FALSE(writes.hold(1, 1));
  writes.release(1, 1);
  writes.release(1, 60);
  EXPECT_EQ(writes.bytes_of(1), 40u);
  writes.commit(Zxid{10});
  EXPECT_EQ(writes.bytes_of(1), 0u);
}

}  // namespace
}  // namespace zooid::server
