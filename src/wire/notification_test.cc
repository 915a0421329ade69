#include "wire/notification.h"

#include <gtest/gtest.h>

#include "wire/golden_files.h"

namespace zooid::wire {
namespace {

using golden::hex;
using golden::unhex;

// LEADING, leader 2, zxid 0x100000022, round 1, epoch 2.
const std::string kOldest = unhex("00000002000000000000000200000001000000220000000000000001");
const std::string kEpoch = unhex("0000000000000002");

TEST(Notification, oldest_form_takes_the_epoch_from_the_zxid) {
  const auto notification = read_notification(kOldest);
  ASSERT_TRUE(notification.has_value());
  EXPECT_EQ(notification->state, PeerState::kLeading);
  EXPECT_EQ(notification->leader, ServerId{2});
  EXPECT_EQ(notification->round, 1);
  EXPECT_EQ(notification->peer_epoch, 1);
  EXPECT_EQ(notification->version, 0);
}

TEST(Notification, form_of_forty_bytes_counts_as_version_0) {
  const auto notification = read_notification(kOldest + kEpoch + unhex("00000001"));
  ASSERT_TRUE(notification.has_value());
  EXPECT_EQ(notification->peer_epoch, 2);
  EXPECT_EQ(notification->version, 0);
  EXPECT_EQ(notification->config, "");
}

TEST(Notification, version_1_has_no_configuration_whatever_follows) {
  const auto notification = read_notification(kOldest + kEpoch + unhex("00000001ffffff"));
  ASSERT_TRUE(notification.has_value());
  EXPECT_EQ(notification->version, 1);
  EXPECT_EQ(notification->config, "");
}

TEST(Notification, malformed_messages_are_ignored) {
  const std::string head = kOldest + kEpoch + unhex("00000002");
  EXPECT_TRUE(read_notification(head + unhex("0000000161")).has_value());
  EXPECT_FALSE(read_notification(head + unhex("0000000261")).has_value());
  EXPECT_FALSE(read_notification(head + unhex("ffffffff")).has_value());
  EXPECT_FALSE(read_notification(head + unhex("80000000")).has_value());
  EXPECT_FALSE(read_notification(head + unhex("00")).has_value());
  EXPECT_FALSE(read_notification(kOldest.substr(0, 27)).has_value());
  EXPECT_FALSE(read_notification(kOldest + kEpoch).has_value());
  EXPECT_FALSE(read_notification(kOldest + "x").has_value());
  EXPECT_FALSE(read_notification("").has_value());
}

TEST(Notification, unknown_state_is_ignored) {
  std::string message = kOldest;
  message[3] = 4;
  EXPECT_FALSE(read_notification(message).has_value());
  message[0] = '\xff';
  EXPECT_FALSE(read_notification(message).has_value());
}

std::string hello_with(std::string_view address) {
  return serialize_hello(ServerId{4}, address);
}

Result<std::optional<Hello>> decode_hello(const std::string& bytes) {
  ElectionStreamDecoder decoder(true);
  decoder.feed(bytes);
  return decoder.next_hello();
}

TEST(Hello, is_written_as_captured) {
  EXPECT_EQ(hex(hello_with("127.0.0.1:23204")),
            "ffffffffffff000000000000000000040000000f3132372e302e302e313a3233323034");
}

TEST(Hello, very_old_form_is_the_server_id_alone) {
  const auto hello = decode_hello(unhex("0000000000000003"));
  EXPECT_EQ(hello.value()->server, ServerId{3});
  EXPECT_TRUE(hello.value()->addresses.empty());
}

TEST(Hello, wildcards_are_dropped_and_other_addresses_kept_as_written) {
  const auto hello = decode_hello(hello_with("0.0.0.0:1|[2001:db8::1]:2888|[::]:3|host:4"));
  EXPECT_EQ(hello.value()->addresses, (std::vector<std::string>{"[2001:db8::1]:2888", "host:4"}));
  EXPECT_TRUE(decode_hello(hello_with("[::]:3")).value()->addresses.empty());
}

TEST(Hello, bad_ones_are_errors) {
  for (const char* address : {"host", ":1", "host:", "host:x", "host:65536", "host:-1", "a:1||b:2",
                              "a:1|", "::1:80", "[::1:80", "[]:80"}) {
    EXPECT_FALSE(decode_hello(hello_with(address)).has_value()) << address;
  }
  EXPECT_FALSE(decode_hello(unhex("fffffffffffefffe")).has_value());
  EXPECT_FALSE(decode_hello(unhex("ffffffffffff0000000000000000000400000000")).has_value());
  EXPECT_FALSE(decode_hello(unhex("ffffffffffff0000000000000000000400000801")).has_value());
}

TEST(ElectionStream, messages_wait_for_the_hello) {
  ElectionStreamDecoder decoder(true);
  const std::string message = unhex("0000000361") + "bc";
  decoder.feed(hello_with("a:1") + message);
  EXPECT_FALSE(decoder.next_message().value().has_value());
  EXPECT_TRUE(decoder.next_hello().value().has_value());
  EXPECT_FALSE(decoder.next_hello().value().has_value());
  EXPECT_EQ(decoder.next_message().value(), "abc");
  EXPECT_FALSE(decoder.next_message().value().has_value());
}

TEST(ElectionStream, lengths_out_of_range_are_errors) {
  for (const char* length : {"00000000", "ffffffff", "00080001", "7fffffff"}) {
    ElectionStreamDecoder decoder(false);
    decoder.feed(unhex(length));
    EXPECT_FALSE(decoder.next_message().has_value()) << length;
  }
  ElectionStreamDecoder decoder(false);
  decoder.feed(unhex("00080000"));
  EXPECT_TRUE(decoder.next_message().has_value());
}

TEST(PeerState, names) {
  EXPECT_STREQ(peer_state_name(PeerState::kLooking), "LOOKING");
  EXPECT_STREQ(peer_state_name(PeerState::kObserving), "OBSERVING");
  EXPECT_STREQ(peer_state_name(static_cast<PeerState>(9)), "UNKNOWN");
}

}  // namespace
}  // namespace zooid::wire
