#include "wire/snapshot_stream.h"

#include <gtest/gtest.h>

#include "wire/golden_files.h"

namespace zooid::wire {
namespace {

using golden::unhex;

const std::string kNoSessions = unhex("00000000");
const std::string kNoAcls = unhex("00000000");
const std::string kEnd = unhex("000000012f");

std::string node(std::string_view path, const NullableView& data) {
  std::string bytes;
  write_snapshot_node(bytes, path, data, -1, StatPersisted{});
  return bytes;
}

// The message of the error to which these bytes lead; empty if there is none.
std::string error_of(const std::string& bytes, int32_t max_buffer = 1'000) {
  SnapshotDecoder decoder(max_buffer);
  decoder.feed(bytes);
  for (;;) {
    const auto record = decoder.next();
    if (!record) return record.error().message;
    if (std::holds_alternative<SnapshotNeedsMore>(*record)) return {};
    if (std::holds_alternative<SnapshotEnd>(*record)) return {};
  }
}

TEST(SnapshotDecoder, gives_records_in_the_order_of_the_stream) {
  const std::string session = unhex("010000117e4e000000002710");
  const std::string acl = unhex(
      "000000000000000100000001000000010000000577"
      "6f726c64000000027878");
  SnapshotDecoder decoder;
  decoder.feed(unhex("00000001") + session + unhex("00000001") + acl + node("", "") +
               node("/a", std::nullopt) + kEnd + "behind");
  const auto next = [&decoder] { return decoder.next().value(); };
  EXPECT_EQ(std::get<SnapshotSession>(next()).timeout_ms, 10'000);
  const auto entry = std::get<SnapshotAcl>(next());
  EXPECT_EQ(entry.key, 1);
  EXPECT_EQ(entry.acl, (AclList{{kPermRead, {"world", "xx"}}}));
  const auto root = std::get<SnapshotNode>(next());
  EXPECT_EQ(root.path, "");
  EXPECT_EQ(root.data, "");
  const auto child = std::get<SnapshotNode>(next());
  EXPECT_EQ(child.path, "/a");
  EXPECT_EQ(child.data, std::nullopt);
  EXPECT_EQ(child.acl_key, -1);
  EXPECT_TRUE(std::holds_alternative<SnapshotEnd>(next()));
  EXPECT_EQ(decoder.undecoded(), "behind");
  EXPECT_TRUE(std::holds_alternative<SnapshotEnd>(next()));
  EXPECT_EQ(decoder.undecoded(), "behind");
}

TEST(SnapshotDecoder, errors_name_the_offset_and_are_final) {
  SnapshotDecoder decoder;
  decoder.feed(kNoSessions + kNoAcls + node("", "") + unhex("fffffffe"));
  EXPECT_TRUE(std::holds_alternative<SnapshotNode>(decoder.next().value()));
  const auto record = decoder.next();
  ASSERT_FALSE(record.has_value());
  EXPECT_EQ(record.error().kind, Error::Kind::kCorrupt);
  EXPECT_NE(record.error().message.find("offset=84"), std::string::npos) << record.error().message;
  decoder.feed(kEnd);
  EXPECT_FALSE(decoder.next().has_value());
}

TEST(SnapshotDecoder, lengths_and_counts_that_cannot_be_are_errors) {
  EXPECT_EQ(error_of(kNoSessions), "");
  EXPECT_NE(error_of(unhex("ffffffff")), "");
  EXPECT_NE(error_of(kNoSessions + unhex("ffffffff")), "");
  const std::string acl_key = kNoSessions + unhex(
                                                "00000001"
                                                "0000000000000001");
  EXPECT_NE(error_of(acl_key + unhex("ffffffff")), "");
  EXPECT_NE(error_of(acl_key + unhex("7fffffff")), "");
  EXPECT_NE(error_of(acl_key + unhex("0000000100000000fffffffe")), "");
  EXPECT_NE(error_of(acl_key + unhex("0000000100000000000003e9")), "");
  EXPECT_EQ(error_of(acl_key + unhex("0000000100000000000003")), "");
  const std::string nodes = kNoSessions + kNoAcls;
  EXPECT_NE(error_of(nodes + unhex("ffffffff")), "");
  EXPECT_NE(error_of(nodes + unhex("000003e9")), "");
  EXPECT_NE(error_of(nodes + unhex("00000000fffffffe")), "");
  EXPECT_NE(error_of(nodes + unhex("00000000000003e9")), "");
  EXPECT_EQ(error_of(nodes + unhex("00000000000003e8")), "");
}

// If each arrival began to read again from the record's first byte this would not end.
TEST(SnapshotDecoder, long_records_byte_by_byte_take_linear_time) {
  AclList acl(80'000, Acl{1, {"s", "i"}});
  std::string bytes = kNoSessions + unhex("00000001");
  Writer out(bytes);
  out.i64(1);
  write(out, acl);
  bytes += node("", std::string(1'000'000, 'd')) + kEnd;
  SnapshotDecoder decoder;
  size_t records = 0;
  for (char byte : bytes) {
    decoder.feed({&byte, 1});
    const auto record = decoder.next();
    ASSERT_TRUE(record.has_value());
    records += std::holds_alternative<SnapshotNeedsMore>(*record) ? 0 : 1;
  }
  EXPECT_EQ(records, 3u);
  EXPECT_EQ(decoder.offset(), bytes.size());
}

}  // namespace
}  // namespace zooid::wire
