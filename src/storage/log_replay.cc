#include "storage/log_replay.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "storage/log_tail.h"
#include "wire/txn.h"

namespace zooid::storage {
namespace {

// As in a snapshot: only a damaged length is meant to be caught.
constexpr int32_t kBufferBytesMax = 256 << 20;

}  // namespace

std::unexpected<Error> LogReplay::damaged(const LogFileName& log, uint64_t offset,
                                          std::string_view what) const {
  return fail(
      Error::Kind::kCorrupt,
      fmt::format(
          "{}/{}: offset {}: {}. The log is damaged; nothing was changed. Restore the file, "
          "or in an ensemble move this server's version-2 directories aside so that it takes a "
          "snapshot from the leader",
          directory_, log.name, offset, what));
}

Result<> LogReplay::run(const std::vector<LogFileName>& logs) {
  const Zxid begin = database_.last_zxid();
  size_t start = 0;
  while (start + 1 < logs.size() && logs[start + 1].zxid <= begin.next()) ++start;
  for (size_t i = start; i < logs.size(); ++i) progress_.total_bytes += logs[i].size;
  uint64_t read_bytes = 0;
  for (size_t i = start; i < logs.size(); ++i) {
    TRY(replay_file(logs[i], read_bytes, i + 1 == logs.size()));
    read_bytes += logs[i].size;
  }
  ASSERT(database_.last_zxid() >= begin);
  required_.erase(required_.begin(), required_.upper_bound(begin));
  if (required_.empty()) return {};
  return fail(
      Error::Kind::kCorrupt,
      fmt::format("{}: snapshot 0x{:x} cannot be read, and the log behind the older snapshot "
                  "0x{:x} does not hold that transaction: restore the snapshot, or in an "
                  "ensemble empty this server's data",
                  directory_, required_.begin()->value, begin.value));
}

// `before`: bytes of the files before this one.
Result<> LogReplay::replay_file(const LogFileName& log, uint64_t before, bool is_last) {
  TRY_VALUE(reader, LogFileReader::open(files_, directory_ + "/" + log.name));
  while (true) {
    TRY_VALUE(is_entry, reader.next());
    if (!is_entry) return judge_end(reader, log, is_last);
    index_.add({log.zxid, reader.zxid(), reader.entry_offset()});
    TRY(replay_entry(reader, log));
    TRY(tell_progress(before + reader.entry_end()));
  }
}

Result<> LogReplay::tell_progress(uint64_t read_bytes) {
  if (read_bytes - progress_.read_bytes < kRecoverySliceBytes) return {};
  progress_.read_bytes = read_bytes;
  if (!options_.watch || options_.watch(progress_)) return {};
  MARK("storage.replay_stopped");
  return fail(Error::Kind::kStopped, directory_ + ": replaying the log was stopped");
}

Result<> LogReplay::replay_entry(const LogFileReader& reader, const LogFileName& log) {
  const Zxid zxid = reader.zxid();
  const Zxid last = database_.last_zxid();
  if (zxid < last || (zxid == last && txns_ == 0)) return {};  // in the snapshot
  if (!may_follow(last, zxid)) {
    MARK("storage.log_gap");
    return damaged(log, reader.entry_offset(),
                   fmt::format("0x{:x} follows 0x{:x}", zxid.value, last.value));
  }
  const auto txn = wire::read_txn(reader.txn(), kBufferBytesMax);
  if (!txn) return damaged(log, reader.entry_offset(), "not a transaction of ZooKeeper");
  database_.apply(*txn, nullptr);
  ASSERT(database_.last_zxid() == zxid);
  if (torn_ && database_.has_digest_mismatches()) {
    MARK("storage.torn_file_was_damaged");
    return damaged(torn_->log, torn_->offset,
                   fmt::format("{}, and by the digest of 0x{:x} transactions are missing here",
                               torn_->what, zxid.value));
  }
  ++txns_;
  bytes_ += reader.txn().size();
  if (!required_.empty()) required_.erase(zxid);
  if (zxid > last) remember(zxid, reader.txn());
  return {};
}

// Files before the last one end at what ZooKeeper takes for their end. Whether anything is missing
// shows at the next file's first transaction, except where a new epoch begins with it.
Result<> LogReplay::judge_end(LogFileReader& reader, const LogFileName& log, bool is_last) {
  const uint64_t offset = reader.entry_offset();
  const char* what = LogFileReader::describe(reader.stop());
  if (!is_last && !reader.stopped_at_end()) return damaged(log, offset, what);
  const Zxid before = offset <= kLogHeaderBytes ? Zxid{log.zxid.value - 1} : reader.zxid();
  TRY_VALUE(tail, examine_log_tail(reader.file(), offset, before));
  if (tail.kind == LogTail::Kind::kDamaged) {
    return damaged(log, offset,
                   fmt::format("{}, and at offset {} there is content that was written later", what,
                               tail.witness_offset));
  }
  TRY(judge_synced(reader, log, tail.kind));
  if (!is_last && tail.kind == LogTail::Kind::kTorn) {
    if (tail.whole_entries > 0) {
      MARK("storage.log_damaged_before_last_file");
      return damaged(
          log, offset,
          fmt::format("{}, and {} whole entries stand behind it", what, tail.whole_entries));
    }
    torn_ = TornFile{log, offset, what};
  }
  if (!is_last) return {};
  end_ = LogEnd{log.zxid, offset};
  if (tail.kind == LogTail::Kind::kPadding) {
    // A file that has no entry yet is in nobody's way, but one without a header is.
    return offset < kLogHeaderBytes ? cut(reader, log, 0) : Result<>{};
  }
  return cut(reader, log, tail.whole_entries);
}

// Content that does not read where all was durable is damage: acknowledged transactions are behind
// it. Only where nothing stands at all this may be another file than the one that was noted: one
// cut by a leader of ZooKeeper's, or an older copy that was put back.
Result<> LogReplay::judge_synced(LogFileReader& reader, const LogFileName& log,
                                 LogTail::Kind tail) {
  const auto noted = synced_.find(log.zxid);
  const uint64_t offset = reader.entry_offset();
  if (noted == synced_.end() || offset >= noted->second) return {};
  if (is_planted(PlantedBug::kDamageTakenForTorn)) return {};
  if (tail == LogTail::Kind::kPadding && offset >= kLogHeaderBytes) {
    MARK("storage.log_shorter_than_noted");
    notes_.push_back(
        fmt::format("{}/{}: ends at offset {}, but {} bytes of it had been synced: is it an older "
                    "copy? If not, the disk has lost transactions",
                    directory_, log.name, offset, noted->second));
    return {};
  }
  MARK("storage.synced_log_damaged");
  return damaged(log, offset,
                 fmt::format("{}, where {} bytes of the file had been synced, so transactions that "
                             "were acknowledged are damaged (noted in dataDir/zooid/synced; remove "
                             "that file if this one was put here from elsewhere)",
                             LogFileReader::describe(reader.stop()), noted->second));
}

// What the last, unfinished write left was never acknowledged. `entries` whole ones of it are lost.
Result<> LogReplay::cut(LogFileReader& reader, const LogFileName& log, uint64_t entries) {
  MARK("storage.torn_end_cut");
  const uint64_t offset = reader.entry_offset();
  const uint64_t bytes = reader.file_bytes() - offset;
  const std::string path = directory_ + "/" + log.name;
  notes_.push_back(
      fmt::format("{}: a write was cut short by a crash ({}): the file was cut at offset "
                  "{}, dropping {} bytes with {} whole entries; {}",
                  path, LogFileReader::describe(reader.stop()), offset, bytes, entries,
                  synced_.contains(log.zxid)
                      ? "none of them is known to have been acknowledged"
                      : "whether any was acknowledged is not known, for nothing is noted of what "
                        "had been synced"));
  if (offset <= kLogHeaderBytes) {
    end_.reset();
    TRY(files_.remove(path));
    return files_.sync_directory(directory_);
  }
  TRY_VALUE(file, files_.open(path, env::OpenMode::kReadWrite));
  TRY(file->truncate(offset));
  return file->sync();
}

void LogReplay::remember(Zxid zxid, std::string_view txn) {
  recent_.push_back({zxid, Bytes(txn)});
  recent_bytes_ += txn.size();
  while (recent_.size() > options_.recent_max || recent_bytes_ > options_.recent_bytes_max) {
    recent_bytes_ -= recent_.front().txn.size();
    recent_.pop_front();
  }
  ASSERT(!recent_.empty() || recent_bytes_ == 0);
}

}  // namespace zooid::storage
