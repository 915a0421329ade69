// Nothing that arrives crashes a reader, makes it read beyond its bytes (run under ASan) or take
// memory out of proportion to them.
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "wire/golden_files.h"
#include "wire/notification.h"
#include "wire/random_records.h"
#include "wire/snapshot_stream.h"

namespace {

// Bytes that operator new gave and were not returned, and the most there ever were.
std::atomic<int64_t> live_bytes{0};
std::atomic<int64_t> live_bytes_peak{0};

void* counted_allocation(size_t size) {
  void* block = std::malloc(size == 0 ? 1 : size);
  if (block == nullptr) std::abort();
  const int64_t live = live_bytes += static_cast<int64_t>(malloc_usable_size(block));
  if (live > live_bytes_peak) live_bytes_peak = live;
  return block;
}

void counted_release(void* block) {
  if (block == nullptr) return;
  live_bytes -= static_cast<int64_t>(malloc_usable_size(block));
  std::free(block);
}

}  // namespace

void* operator new(size_t size) {
  return counted_allocation(size);
}
void* operator new[](size_t size) {
  return counted_allocation(size);
}
void operator delete(void* block) noexcept {
  counted_release(block);
}
void operator delete[](void* block) noexcept {
  counted_release(block);
}
void operator delete(void* block, size_t) noexcept {
  counted_release(block);
}
void operator delete[](void* block, size_t) noexcept {
  counted_release(block);
}

namespace zooid::wire {
namespace {

constexpr size_t kInputBytesMax = 1 << 20;
// A vector that grows holds up to three times its elements, and the smallest element of a multi
// takes 17 bytes on the wire and about a hundred in memory.
constexpr int64_t kMemoryPerInputByteMax = 20;
constexpr int64_t kMemoryAlways = 4'096;

void read_all_requests(std::string_view bytes) {
  const auto with = [bytes](auto record, auto read_it) {
    Reader in(bytes);
    read_it(in, record);
  };
  with(PathRequest{}, read_path);
  with(PathRequest{}, read_path_or_null);
  with(PathWatchRequest{}, read_path_watch);
  with(PathVersionRequest{}, read_path_version);
  with(PathModeRequest{}, read_path_mode);
  with(SetDataRequest{}, read_set_data);
  with(SetAclRequest{}, read_set_acl);
  with(AuthRequest{}, read_auth);
  with(ReconfigRequest{}, read_reconfig);
  for (OpCode op : {OpCode::kCreate, OpCode::kCreateTtl}) {
    with(CreateRequest{}, [op](Reader& in, auto& value) { read_create(in, op, value); });
  }
  for (OpCode op : {OpCode::kSetWatches, OpCode::kSetWatches2}) {
    with(SetWatchesRequest{}, [op](Reader& in, auto& value) { read_set_watches(in, op, value); });
  }
  for (bool reads : {false, true}) {
    with(std::vector<SubRequest>{},
         [reads](Reader& in, auto& value) { read_multi(in, reads, value); });
  }
}

void read_all_records(std::string_view bytes) {
  const auto with = [bytes](auto record) {
    Reader in(bytes);
    read(in, record);
  };
  with(Id{});
  with(AclList{});
  with(Stat{});
  with(StatPersisted{});
  with(RequestHeader{});
  with(ReplyHeader{});
  with(MultiHeader{});
  with(ConnectRequest{});
  with(ConnectResponse{});
  read_txn(bytes);
  read_txn_header(bytes);
  read_learner_info(bytes);
  read_forwarded_request(bytes);
  read_notification(bytes);
}

// As connections do, these stop at the first error.
void decode_packets(std::string_view bytes, golden::Split split, Random& random) {
  QuorumPacketDecoder decoder;
  bool has_failed = false;
  golden::for_each_piece(bytes, split, random, [&](std::string_view piece) {
    if (has_failed) return;
    decoder.feed(piece);
    auto packet = decoder.next();
    while (packet && *packet) packet = decoder.next();
    has_failed = !packet.has_value();
  });
}

void decode_election(std::string_view bytes, bool has_hello, golden::Split split, Random& random) {
  ElectionStreamDecoder decoder(has_hello);
  bool has_failed = false;
  golden::for_each_piece(bytes, split, random, [&](std::string_view piece) {
    if (has_failed) return;
    decoder.feed(piece);
    has_failed = !decoder.next_hello().has_value();
    if (has_failed) return;
    auto message = decoder.next_message();
    for (; message && *message; message = decoder.next_message()) read_notification(**message);
    has_failed = !message.has_value();
  });
}

void decode_snapshot(std::string_view bytes, golden::Split split, Random& random) {
  SnapshotDecoder decoder;
  bool has_stopped = false;
  golden::for_each_piece(bytes, split, random, [&](std::string_view piece) {
    if (has_stopped) return;
    decoder.feed(piece);
    for (;;) {
      const auto record = decoder.next();
      has_stopped = !record || std::holds_alternative<SnapshotEnd>(*record);
      if (has_stopped || std::holds_alternative<SnapshotNeedsMore>(*record)) return;
    }
  });
}

template <class Action>
void expect_little_memory(const char* what, std::string_view bytes, Action action) {
  const int64_t before = live_bytes;
  live_bytes_peak = before;
  action(bytes);
  const int64_t limit = kMemoryAlways + kMemoryPerInputByteMax * static_cast<int64_t>(bytes.size());
  EXPECT_LE(live_bytes_peak - before, limit) << what << " of " << bytes.size() << " bytes";
  EXPECT_EQ(live_bytes, before) << what;
}

// Everything that takes bytes from outside takes these, from memory of exactly their size.
void read_as_everything(std::string_view input, Random& random) {
  const std::vector<char> exact(input.begin(), input.end());
  const std::string_view bytes(exact.data(), exact.size());
  expect_little_memory("requests", bytes, read_all_requests);
  expect_little_memory("records", bytes, read_all_records);
  constexpr size_t kSplitIntoBytesMax = 4'096;  // longer ones would take too long byte by byte
  const auto split = bytes.size() <= kSplitIntoBytesMax ? golden::kSplits[random.below(3)]
                     : random.one_in(2)                 ? golden::Split::kWhole
                                                        : golden::Split::kRandom;
  expect_little_memory("packets", bytes,
                       [&](std::string_view b) { decode_packets(b, split, random); });
  expect_little_memory("hello", bytes,
                       [&](std::string_view b) { decode_election(b, true, split, random); });
  expect_little_memory("messages", bytes,
                       [&](std::string_view b) { decode_election(b, false, split, random); });
  expect_little_memory("snapshot", bytes,
                       [&](std::string_view b) { decode_snapshot(b, split, random); });
}

TEST(HostileInput, random_bytes) {
  RandomRecords make(21);
  for (int i = 0; i < 10'000; ++i) read_as_everything(make.bytes(200), make.random);
  for (int i = 0; i < 10; ++i) read_as_everything(make.bytes(kInputBytesMax), make.random);
}

// Mostly zeros and small numbers: such bytes get further than random ones.
TEST(HostileInput, random_small_numbers) {
  RandomRecords make(22);
  const auto input = [&make](size_t numbers_max) {
    std::string bytes;
    Writer out(bytes);
    for (size_t left = make.random.below(numbers_max); left > 0; --left) {
      out.i32(static_cast<int32_t>(make.random.below(6)) - 1);
      if (make.random.one_in(20)) out.i32(make.i32());
      if (make.random.one_in(5)) out.raw(make.bytes(3));
    }
    return bytes;
  };
  for (int i = 0; i < 10'000; ++i) read_as_everything(input(60), make.random);
  for (int i = 0; i < 10; ++i) read_as_everything(input(kInputBytesMax / 8), make.random);
}

TEST(HostileInput, damaged_records) {
  RandomRecords make(23);
  for (int i = 0; i < 2'000; ++i) {
    std::string txn(serialize(make.txn()).view()), multi, watches, packets, create;
    Writer multi_out(multi), watches_out(watches), create_out(create);
    write_multi(multi_out, make.multi(make.boolean()));
    write_set_watches(watches_out, OpCode::kSetWatches2, make.set_watches(OpCode::kSetWatches2));
    write_create(create_out, OpCode::kCreateTtl, make.create_request(OpCode::kCreateTtl));
    for (int k = 0; k < 5; ++k) write(packets, make.packet());
    for (const std::string& bytes : {txn, multi, watches, packets, create}) {
      read_as_everything(make.damaged(bytes), make.random);
    }
  }
}

TEST(HostileInput, damaged_captures) {
  RandomRecords make(24);
  for (const char* name :
       {"quorum/packet-types-ensemble-3.8.0.txt", "election/ensemble-3.8.0.txt"}) {
    for (const auto& row : golden::read_table(name)) {
      if (row[0] == "stream") continue;
      const std::string bytes = golden::unhex(row[0] == "packet" ? row[5] : row.back());
      for (int i = 0; i < 50; ++i) read_as_everything(make.damaged(bytes), make.random);
    }
  }
  const std::string snapshot =
      golden::read_file(golden::path_of("storage/standalone-3.8.0/version-2/snapshot.55"));
  for (int i = 0; i < 500; ++i) {
    read_as_everything(make.damaged(snapshot.substr(16)), make.random);
  }
}

// The element that is smallest on the wire, as often as fits into the largest input.
std::string repeated(const std::string& head, const std::string& element) {
  std::string bytes = head;
  while (bytes.size() + element.size() <= kInputBytesMax) bytes += element;
  return bytes;
}

std::string be32(std::initializer_list<int32_t> values) {
  std::string bytes;
  Writer out(bytes);
  for (int32_t value : values) out.i32(value);
  return bytes;
}

TEST(HostileInput, as_many_small_elements_as_fit) {
  Random random(25);
  const std::string sub_get = be32({4}) + '\0' + be32({-1, 0}) + '\0';
  const std::string sub_delete = be32({2}) + '\0' + be32({-1, 0, 0});
  std::string txn_head;
  Writer out(txn_head);
  write(out, TxnHeader{SessionId{1}, 1, Zxid{1}, 1, OpCode::kMulti});
  read_as_everything(repeated({}, sub_get), random);
  read_as_everything(repeated({}, sub_get) + be32({-1}) + '\1' + be32({-1}), random);
  read_as_everything(repeated({}, sub_delete), random);
  read_as_everything(repeated(be32({80'000}), be32({31, 0, 0})), random);             // ACLs
  read_as_everything(repeated(be32({0, 0, 250'000}), be32({0})), random);             // watches
  read_as_everything(repeated(txn_head + be32({80'000}), be32({-1, 4, 0})), random);  // multi
  const std::string close_head = txn_head.substr(0, 28) + be32({-11, 250'000});
  read_as_everything(repeated(close_head, be32({0})), random);
  read_as_everything(repeated(be32({1, 0, 0, -1, 120'000}), be32({0, 0})), random);    // authinfo
  read_as_everything(repeated(be32({0, 1, 0, 1, 80'000}), be32({31, 0, 0})), random);  // ACL map
}

TEST(HostileInput, counts_that_promise_more_than_there_is) {
  Random random(26);
  for (int32_t count : {87'000, 262'144, INT32_MAX, INT32_MIN, -2}) {
    for (size_t zeros : {size_t{0}, size_t{100}, kInputBytesMax - 64}) {
      const std::string tail(zeros, '\0');
      read_as_everything(be32({count}) + tail, random);
      read_as_everything(be32({0, 0, count}) + tail, random);
      read_as_everything(be32({0, count}) + tail, random);
      read_as_everything(be32({1, 0, 0, -1, count}) + tail, random);
      read_as_everything(be32({1, 0, 0, count}) + tail, random);
    }
  }
}

}  // namespace
}  // namespace zooid::wire
