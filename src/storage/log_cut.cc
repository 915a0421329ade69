#include "storage/log_cut.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/assert.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "storage/log_file.h"
#include "storage/log_reader.h"
#include "storage/log_tail.h"

namespace zooid::storage {
namespace {

class CutSearch {
 public:
  CutSearch(env::FileSystem& files, const std::string& log_directory, Zxid to, Zxid own_last)
      : files_(files), directory_(log_directory), to_(to), own_last_(own_last) {}

  Result<LogCut> run(const std::string& snapshot_directory);

 private:
  Result<bool> scan(const LogFileName& log);
  LogCut refuse(std::string why);
  LogCut judge();

  env::FileSystem& files_;
  const std::string& directory_;
  const Zxid to_;
  const Zxid own_last_;
  std::vector<LogFileName> logs_;
  std::vector<SnapshotFileName> snapshots_;
  LogCut cut_;
  std::optional<Zxid> kept_;  // last entry <= to
  std::optional<Zxid> next_;  // the entry behind it
};

LogCut CutSearch::refuse(std::string why) {
  cut_.is_possible = false;
  cut_.why_not = std::move(why);
  return cut_;
}

// Reads a file that may hold the target. False if its end is not a proven one: cut_.why_not tells.
Result<bool> CutSearch::scan(const LogFileName& log) {
  TRY_VALUE(reader, LogFileReader::open(files_, directory_ + "/" + log.name));
  while (true) {
    TRY_VALUE(is_entry, reader.next());
    if (!is_entry) break;
    if (reader.zxid() > to_) {
      next_ = cut_.next = reader.zxid();
      break;
    }
    kept_ = reader.zxid();
    cut_.end = reader.entry_end();
  }
  // The target itself was read: whatever follows is to go.
  if (next_ || kept_ == to_ || is_planted(PlantedBug::kCutAtBadEntry)) return true;
  TRY_VALUE(tail, examine_log_tail(reader.file(), reader.entry_offset(), kept_.value_or(Zxid{0})));
  if (reader.stopped_at_end() && tail.kind == LogTail::Kind::kPadding) return true;
  MARK("storage.cut_refused_at_bad_entry");
  cut_.why_not =
      fmt::format("{}/{}: offset {}: {}, which is not the end of the log", directory_, log.name,
                  reader.entry_offset(), LogFileReader::describe(reader.stop()));
  return false;
}

Result<LogCut> CutSearch::run(const std::string& snapshot_directory) {
  TRY_VALUE(logs, list_log_files(files_, directory_));
  logs_ = std::move(logs);
  TRY_VALUE(snapshots, list_snapshot_files(files_, snapshot_directory));
  snapshots_ = std::move(snapshots);
  size_t later = logs_.size();  // the first file of which nothing is kept
  while (later > 0 && logs_[later - 1].zxid > to_) --later;
  if (later < logs_.size()) {
    next_ = logs_[later].zxid;
    cut_.file_zxid = next_.value();
  }
  // A file may have got its header and no entry: then the one before it tells.
  for (size_t at = later; at > 0 && !kept_; --at) {
    const std::optional<Zxid> known_next = next_;
    next_.reset();
    TRY_VALUE(is_proven, scan(logs_[at - 1]));
    if (!is_proven) return refuse(std::move(cut_.why_not));
    if (!next_) next_ = known_next;
    cut_.file_zxid = logs_[at - 1].zxid;
    cut_.file = kept_ ? logs_[at - 1].name : "";
  }
  return judge();
}

LogCut CutSearch::judge() {
  const auto base = std::ranges::find_if(
      snapshots_, [&](const SnapshotFileName& snapshot) { return snapshot.zxid <= to_; });
  const Zxid in_snapshot = base == snapshots_.end() ? Zxid{INT64_MIN} : base->zxid;
  cut_.last = std::max(kept_.value_or(Zxid{INT64_MIN}), in_snapshot);
  if (cut_.last.value < 0) return refuse("neither log nor snapshots reach back so far");
  if (is_planted(PlantedBug::kCutAtBadEntry)) {
    cut_.is_possible = true;
    return cut_;
  }
  const bool is_next_known = next_ ? may_follow(cut_.last, *next_) : cut_.last >= own_last_;
  if (cut_.last != to_ && !is_next_known) {
    MARK("storage.cut_refused_at_hole");
    return refuse(fmt::format("{}: what lies between 0x{:x} and 0x{:x} is in a snapshot alone",
                              directory_, static_cast<uint64_t>(cut_.last.value),
                              static_cast<uint64_t>(next_.value_or(own_last_).value)));
  }
  // The state at the cut has to be made anew: from a snapshot that is not behind it.
  const bool is_covered = std::ranges::any_of(snapshots_, [&](const SnapshotFileName& snapshot) {
    if (snapshot.zxid > cut_.last) return false;
    if (snapshot.zxid == cut_.last) return true;
    return !logs_.empty() &&
           (logs_.front().zxid <= snapshot.zxid || may_follow(snapshot.zxid, logs_.front().zxid));
  });
  if (!is_covered) {
    MARK("storage.cut_refused_without_snapshot");
    return refuse(fmt::format("{}: there is no snapshot of 0x{:x} or before", directory_,
                              static_cast<uint64_t>(cut_.last.value)));
  }
  cut_.is_possible = true;
  return cut_;
}

}  // namespace

Result<LogCut> find_log_cut(env::FileSystem& files, const std::string& log_directory,
                            const std::string& snapshot_directory, Zxid to, Zxid own_last) {
  return CutSearch(files, log_directory, to, own_last).run(snapshot_directory);
}

}  // namespace zooid::storage
