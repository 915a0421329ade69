// Transaction logs and snapshots written by servers: transactions and snapshot bodies decoded and
// encoded again to the same bytes.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "wire/golden_files.h"
#include "wire/snapshot_stream.h"
#include "wire/txn.h"

namespace zooid::wire {
namespace {

using golden::hex;
using golden::Split;

constexpr size_t kFileHeaderBytes = 16;

// Paths of all files whose names begin so, sorted.
std::vector<std::string> files_named(std::string_view prefix) {
  std::set<std::string> paths;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(golden::path_of("storage"))) {
    const std::string name = entry.path().filename();
    if (name.starts_with(prefix) && !name.ends_with(".gz") && !name.ends_with(".snappy")) {
      paths.insert(entry.path());
    }
  }
  return {paths.begin(), paths.end()};
}

// The transaction bytes of a log, up to its end as storage-formats 2 defines it.
std::vector<std::string_view> entries_of(std::string_view log) {
  std::vector<std::string_view> entries;
  Reader in(log);
  EXPECT_EQ(in.i32(), 0x5a4b4c47);
  EXPECT_EQ(in.i32(), 2);
  in.i64();
  for (;;) {
    in.i64();  // the checksum is storage's business
    const std::string_view entry = in.buffer();
    if (!in.ok() || entry.empty() || !in.boolean()) return entries;
    entries.push_back(entry);
  }
}

bool is_error(const Txn& txn) {
  return txn.header.type == OpCode::kError;
}

TEST(StorageGolden, transactions_of_all_logs_are_serialised_to_the_same_bytes) {
  size_t transactions = 0;
  std::set<OpCode> types;
  for (const std::string& path : files_named("log.")) {
    SCOPED_TRACE(path);
    const std::string log = golden::read_file(path);
    Zxid last;
    for (std::string_view entry : entries_of(log)) {
      const auto txn = read_txn(entry);
      ASSERT_TRUE(txn.has_value()) << hex(entry);
      EXPECT_EQ(hex(serialize(*txn).view()), hex(entry));
      EXPECT_EQ(read_txn_header(entry)->zxid, txn->header.zxid);
      // 3.9 logs the error of an unreadable write under the zxid of the transaction before it.
      EXPECT_TRUE(last < txn->header.zxid || (last == txn->header.zxid && is_error(*txn)));
      EXPECT_FALSE(is_error(*txn) && txn->digest.has_value());
      last = txn->header.zxid;
      types.insert(txn->header.type);
      ++transactions;
    }
  }
  EXPECT_GT(transactions, 300u);
  EXPECT_GE(types.size(), 12u);
}

TEST(StorageGolden, no_truncated_transaction_reads_beyond_its_bytes) {
  for (const std::string& path : files_named("log.1")) {
    const std::string log = golden::read_file(path);
    for (std::string_view entry : entries_of(log)) {
      for (size_t length = 0; length < entry.size(); ++length) {
        const std::string cut(entry.substr(0, length));  // own memory, so that ASan sees the end
        const bool is_read = read_txn(cut).has_value();
        EXPECT_FALSE(is_read && length < 32);
      }
    }
  }
}

struct Body {
  std::string encoded;
  std::vector<std::string> paths;
  std::string undecoded;
  uint64_t offset = 0;
};

// Writes the parts of the body in order, counts included, so they are gathered first.
std::string encode(const std::vector<SnapshotSession>& sessions,
                   const std::vector<SnapshotAcl>& acls, std::string_view nodes) {
  std::string bytes;
  Writer out(bytes);
  out.i32(static_cast<int32_t>(sessions.size()));
  for (const SnapshotSession& session : sessions) {
    out.i64(session.id.value);
    out.i32(session.timeout_ms);
  }
  out.i32(static_cast<int32_t>(acls.size()));
  for (const SnapshotAcl& entry : acls) {
    out.i64(entry.key);
    write(out, entry.acl);
  }
  out.raw(nodes);
  out.buffer("/");
  return bytes;
}

Body decode(std::string_view bytes, Split split, Random& random) {
  SnapshotDecoder decoder;
  Body body;
  std::string nodes;
  std::vector<SnapshotSession> sessions;
  std::vector<SnapshotAcl> acls;
  bool has_ended = false;
  golden::for_each_piece(bytes, split, random, [&](std::string_view piece) {
    decoder.feed(piece);
    for (;;) {
      auto record = decoder.next();
      ASSERT_TRUE(record.has_value()) << record.error().message;
      if (std::holds_alternative<SnapshotNeedsMore>(*record)) return;
      if (std::holds_alternative<SnapshotEnd>(*record)) {
        has_ended = true;
        return;
      }
      if (auto* session = std::get_if<SnapshotSession>(&*record)) sessions.push_back(*session);
      if (auto* acl = std::get_if<SnapshotAcl>(&*record)) acls.push_back(*acl);
      if (auto* node = std::get_if<SnapshotNode>(&*record)) {
        body.paths.emplace_back(node->path);
        write_snapshot_node(nodes, node->path, node->data, node->acl_key, node->stat);
      }
    }
  });
  EXPECT_TRUE(has_ended);
  body.encoded = encode(sessions, acls, nodes);
  body.undecoded = decoder.undecoded();
  body.offset = decoder.offset();
  return body;
}

TEST(StorageGolden, bodies_of_all_snapshots_in_any_split_are_written_to_the_same_bytes) {
  Random random(4);
  size_t snapshots = 0;
  for (const std::string& path : files_named("snapshot.")) {
    SCOPED_TRACE(path);
    const std::string file = golden::read_file(path);
    EXPECT_EQ(Reader(file).i32(), 0x5a4b534e);
    const std::string_view bytes = std::string_view(file).substr(kFileHeaderBytes);
    for (Split split : golden::kSplits) {
      const Body body = decode(bytes, split, random);
      EXPECT_EQ(hex(body.encoded), hex(bytes.substr(0, body.offset)));
      EXPECT_EQ(body.undecoded, bytes.substr(body.offset));
      ASSERT_GE(body.paths.size(), 2u);
      EXPECT_EQ(body.paths[0], "");
      // The first seal: a checksum of 32 bits in 64, and "/".
      EXPECT_EQ(hex(body.undecoded.substr(0, 4)), "00000000");
      EXPECT_EQ(hex(body.undecoded.substr(8, 5)), "000000012f");
    }
    ++snapshots;
  }
  EXPECT_GE(snapshots, 12u);
}

}  // namespace
}  // namespace zooid::wire
