#include "sim/log_growth_checker.h"

#include "storage/log_reader.h"

namespace zooid::sim {

void check_log_growth(SimServer& server, int64_t now_us, Verdict& verdict) {
  // One that is being taken holds what is not counted any more.
  if (!server.is_running() || server.process()->replica().is_taking_snapshot()) return;
  const std::string directory = server.core()->directories.snapshot_version2();
  const auto snapshots = storage::list_snapshot_files(server.disk().files(), directory);
  if (!snapshots || snapshots->empty()) return;
  const Zxid behind = snapshots->front().zxid.next();
  auto reader = storage::LogReader::open(server.disk().files(), directory, behind);
  uint64_t logged = 0;
  while (reader) {
    const auto txn = reader->next();
    if (!txn || !*txn) break;
    ++logged;
  }
  const uint64_t counted = server.core()->txns_since_snapshot;
  if (counted >= logged) return;
  verdict.fail(now_us, "the log counts for the next snapshot",
               "{}: {} transactions behind snapshot 0x{:x}, {} of them counted", server.name(),
               logged, snapshots->front().zxid.value, counted);
}

}  // namespace zooid::sim
