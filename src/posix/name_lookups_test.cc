#include "posix/name_lookups.h"

#include <gtest/gtest.h>

#include <semaphore>

namespace zooid::posix {
namespace {

class SemaphoreWaker : public env::Waker {
 public:
  void wake() override { answers_.release(); }
  void wait() { answers_.acquire(); }

 private:
  std::counting_semaphore<> answers_{0};
};

TEST(NameLookups, requests_for_one_name_share_an_answer) {
  SemaphoreWaker waker;
  NameLookups lookups(waker);
  int delivered = 0;
  for (int i = 0; i < 3; ++i) {
    lookups.start("localhost", [&](const NameLookups::Answer& answer) {
      EXPECT_TRUE(answer) << answer.error().message;
      ++delivered;
    });
  }
  waker.wait();
  lookups.deliver();
  EXPECT_EQ(delivered, 3);
}

TEST(NameLookups, what_is_known_of_a_name_is_given_without_a_wait) {
  SemaphoreWaker waker;
  NameLookups lookups(waker);
  EXPECT_EQ(lookups.known("localhost", 0).error().kind, Error::Kind::kTimeout);
  waker.wait();
  const auto known = lookups.known("localhost", 1);
  ASSERT_TRUE(known) << known.error().message;
  EXPECT_FALSE(known->empty());
  // An old answer is given while a new one is asked for.
  EXPECT_TRUE(lookups.known("localhost", 120'000'000));
  waker.wait();
  EXPECT_TRUE(lookups.known("localhost", 120'000'001));
}

TEST(NameLookups, a_name_that_cannot_be_found_is_an_error_once_and_then_asked_for_again) {
  SemaphoreWaker waker;
  NameLookups lookups(waker);
  const std::string nobody = "nobody.invalid";
  EXPECT_EQ(lookups.known(nobody, 0).error().kind, Error::Kind::kTimeout);
  waker.wait();
  EXPECT_NE(lookups.known(nobody, 1).error().kind, Error::Kind::kTimeout);
  EXPECT_EQ(lookups.known(nobody, 2).error().kind, Error::Kind::kTimeout);
  waker.wait();
}

TEST(NameLookups, a_cancelled_request_is_not_told) {
  SemaphoreWaker waker;
  NameLookups lookups(waker);
  int delivered = 0;
  const uint64_t first = lookups.start("localhost", [&](const auto&) { delivered += 1; });
  lookups.start("localhost", [&](const auto&) { delivered += 10; });
  lookups.cancel(first);
  waker.wait();
  lookups.deliver();
  EXPECT_EQ(delivered, 10);
}

TEST(NameLookups, a_callback_may_ask_again) {
  SemaphoreWaker waker;
  NameLookups lookups(waker);
  bool is_told = false;
  lookups.start("localhost", [&](const auto&) {
    lookups.start("localhost", [&](const auto&) { is_told = true; });
  });
  waker.wait();
  lookups.deliver();
  EXPECT_FALSE(is_told);
  waker.wait();
  lookups.deliver();
  EXPECT_TRUE(is_told);
}

TEST(SocketAddress, numeric_addresses_need_no_look_up) {
  ASSERT_TRUE(numeric_address("127.0.0.1"));
  EXPECT_EQ(numeric_address("127.0.0.1")->endpoint().text(), "127.0.0.1:0");
  ASSERT_TRUE(numeric_address("::1"));
  auto six = *numeric_address("::1");
  six.set_port(2181);
  EXPECT_EQ(six.endpoint().text(), "[::1]:2181");
  EXPECT_EQ(numeric_address("::ffff:10.1.2.3")->endpoint().host, "10.1.2.3");
  EXPECT_FALSE(numeric_address("localhost"));
  EXPECT_FALSE(numeric_address(""));
}

}  // namespace
}  // namespace zooid::posix
