// Election connections as captured: hello and notifications, decoded in any split and encoded
// again.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include "wire/golden_files.h"
#include "wire/notification.h"

namespace zooid::wire {
namespace {

using golden::hex;
using golden::Split;
using golden::unhex;

using Rows = std::vector<std::vector<std::string>>;

// Row: "hello", version, server, address, bytes.
void expect_hello(const Hello& hello, const std::vector<std::string>& row) {
  EXPECT_EQ(std::to_string(hello.server.value), row[2]);
  EXPECT_EQ(hello.addresses, golden::split(row[3], '|'));
  if (row[1] != std::to_string(kHelloVersion1)) return;
  EXPECT_EQ(hex(serialize_hello(hello.server, hello.addresses[0])), row[4]);
}

// Row: "message", state, leader, zxid, round, epoch, version, configuration, bytes.
void expect_message(std::string_view message, const std::vector<std::string>& row) {
  const auto notification = read_notification(message);
  ASSERT_TRUE(notification.has_value());
  EXPECT_EQ(std::to_string(static_cast<int32_t>(notification->state)), row[1]);
  EXPECT_EQ(std::to_string(notification->leader.value), row[2]);
  EXPECT_EQ(fmt::format("0x{:x}", static_cast<uint64_t>(notification->zxid.value)), row[3]);
  EXPECT_EQ(std::to_string(notification->round), row[4]);
  EXPECT_EQ(std::to_string(notification->peer_epoch), row[5]);
  EXPECT_EQ(std::to_string(notification->version), row[6]);
  EXPECT_EQ(notification->config, row[7]);
  EXPECT_EQ(hex(serialize(*notification)), row[8].substr(8));
}

void follow_connection(const Rows& rows, Random& random) {
  if (rows.empty()) return;
  std::string stream;
  for (const auto& row : rows) stream += unhex(row.back());
  for (Split split : golden::kSplits) {
    ElectionStreamDecoder decoder(rows[0][0] == "hello");
    size_t at = 0;
    golden::for_each_piece(stream, split, random, [&](std::string_view piece) {
      decoder.feed(piece);
      auto hello = decoder.next_hello();
      ASSERT_TRUE(hello.has_value());
      if (*hello) expect_hello(**hello, rows[at++]);
      for (;;) {
        auto message = decoder.next_message();
        ASSERT_TRUE(message.has_value());
        if (!*message) break;
        ASSERT_LT(at, rows.size());
        expect_message(**message, rows[at++]);
      }
    });
    EXPECT_EQ(at, rows.size());
  }
}

class ElectionGolden : public testing::TestWithParam<const char*> {};

TEST_P(ElectionGolden, whole_connections_in_any_split_decode_and_encode_to_the_same_bytes) {
  Random random(3);
  Rows rows;
  std::string stream_name;
  int connections = 0;
  for (const auto& row : golden::read_table(std::string("election/") + GetParam() + ".txt")) {
    if (row[0] != "stream") {
      rows.push_back(row);
      continue;
    }
    SCOPED_TRACE(stream_name);
    follow_connection(rows, random);
    rows.clear();
    stream_name = row[1];
    ++connections;
  }
  follow_connection(rows, random);
  EXPECT_GE(connections, 7);
}

INSTANTIATE_TEST_SUITE_P(Ensembles, ElectionGolden,
                         testing::Values("ensemble-3.8.0", "ensemble-mixed",
                                         "election-multiaddress", "election-hierarchical"),
                         [](const auto& info) { return fmt::format("run{}", info.index); });

}  // namespace
}  // namespace zooid::wire
