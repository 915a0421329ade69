// What a million znodes of 100 bytes cost: memory for each, time to find, create, change, delete
// and to write as a snapshot. Prints one line for each figure.
//
//   g++ -std=c++23 -O2 -Isrc bench/tree_memory.cc <objects of state, wire, base> -lz -lfmt
#include <fmt/core.h>
#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"
#include "state/database.h"

namespace {

using namespace zooid;  // a program of one file

constexpr int kParents = 1'000;
constexpr int kChildren = 1'000;
constexpr int kNodes = kParents * (kChildren + 1);

size_t heap_bytes() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// The processor's time of this thread: others may be running.
int64_t cpu_ns() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

template <class Work>
void measure(const char* what, int times, Work&& work) {
  const int64_t begin = cpu_ns();
  int64_t slowest_ns = 0;
  int64_t before = begin;
  for (int i = 0; i < times; ++i) {
    work(i);
    if (i % 64 != 63) continue;  // the pause that a batch would see
    const int64_t after = cpu_ns();
    slowest_ns = std::max<int64_t>(slowest_ns, after - before);
    before = after;
  }
  const int64_t total = cpu_ns() - begin;
  fmt::print("{:<28} {:8.3f} us each, slowest 64 together {:8.0f} us\n", what,
             static_cast<double>(total) / 1000 / times, static_cast<double>(slowest_ns) / 1000);
}

wire::Txn txn(int64_t zxid, wire::OpCode type, wire::TxnBody body) {
  wire::Txn result;
  result.header = {SessionId{1}, 1, Zxid{zxid}, 1'700'000'000'000, type};
  result.body = std::move(body);
  return result;
}

void run(bool digest_enabled) {
  fmt::print("-- digests {}\n", digest_enabled ? "on" : "off");
  const wire::AclList acl{{wire::kPermAll, {"world", "anyone"}}};
  const std::string data(100, 'd');
  std::vector<std::string> paths;
  for (int parent = 0; parent < kParents; ++parent) {
    paths.push_back(fmt::format("/parent-{:04}", parent));
    for (int child = 0; child < kChildren; ++child) {
      paths.push_back(fmt::format("/parent-{:04}/node-{:010}", parent, child));
    }
  }
  const size_t heap_before = heap_bytes();
  state::Database database(state::DatabaseOptions{.digest_enabled = digest_enabled});
  int64_t zxid = 0;
  measure("create", kNodes, [&](int i) {
    database.apply(txn(++zxid, wire::OpCode::kCreate,
                       wire::CreateTxn{paths[static_cast<size_t>(i)], data, acl, false, -1, 0}),
                   nullptr);
  });
  fmt::print("{:<28} {:8.1f} bytes for each of {} znodes\n", "memory",
             static_cast<double>(heap_bytes() - heap_before) / kNodes, kNodes);

  Random random(1);
  std::vector<std::string> looked_up;
  for (int i = 0; i < 1'000'000; ++i) looked_up.push_back(paths[random.below(paths.size())]);
  uint64_t sum = 0;
  measure("find", 1'000'000,
          [&](int i) { sum += database.tree().find(looked_up[static_cast<size_t>(i)]); });
  measure("find and Stat", 1'000'000, [&](int i) {
    const state::NodeId node = database.tree().find(looked_up[static_cast<size_t>(i)]);
    sum += static_cast<uint64_t>(database.tree().stat(node).mzxid);
  });
  std::string out;
  measure("children of 1,000", 1'000, [&](int i) {
    out.clear();
    database.tree().write_children(
        out, database.tree().find(fmt::format("/parent-{:04}", i % kParents)));
    sum += out.size();
  });
  measure("set data", 500'000, [&](int i) {
    database.apply(txn(++zxid, wire::OpCode::kSetData,
                       wire::SetDataTxn{looked_up[static_cast<size_t>(i)], data, 1}),
                   nullptr);
  });
  state::Applied applied;
  measure("set data, with result", 500'000, [&](int i) {
    database.apply(txn(++zxid, wire::OpCode::kSetData,
                       wire::SetDataTxn{looked_up[static_cast<size_t>(i)], data, 1}),
                   &applied);
  });
  std::string snapshot;
  snapshot.reserve(size_t{300} << 20);
  {
    state::SnapshotWalk walk(database);
    bool is_finished = false;
    measure("snapshot, 256 nodes", kNodes / 256, [&](int) {
      if (!is_finished) is_finished = walk.step(snapshot);
    });
  }
  measure("delete", kNodes - kParents, [&](int i) {
    const auto at = static_cast<size_t>(i / kChildren * (kChildren + 1) + 1 + i % kChildren);
    database.apply(txn(++zxid, wire::OpCode::kDelete, wire::DeleteTxn{paths[at]}), nullptr);
  });
  fmt::print("{:<28} {} ({} nodes left)\n", "checksum of this run", sum,
             database.tree().node_count());
}

}  // namespace

int main() {
  run(true);
  run(false);
}
