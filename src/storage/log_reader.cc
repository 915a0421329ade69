#include "storage/log_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/mark.h"
#include "storage/log_file.h"
#include "storage/log_tail.h"
#include "storage/snapshot_file.h"

namespace zooid::storage {
namespace {

// The names in `directory` that `parse` takes for a zxid, with sizes. A file that is purged
// meanwhile is left out.
template <class Name, class Parse>
Result<std::vector<Name>> list_named(env::FileSystem& files, const std::string& directory,
                                     Parse parse) {
  TRY_VALUE(names, files.list(directory));
  std::vector<Name> found;
  for (std::string& name : names) {
    const std::optional<Zxid> zxid = parse(name);
    if (!zxid) continue;
    const auto size = files.file_size(directory + "/" + name);
    if (!size && size.error().kind == Error::Kind::kNotFound) continue;
    if (!size) return std::unexpected(size.error());
    found.push_back({std::move(name), *zxid, *size});
  }
  return found;
}

}  // namespace

Result<std::vector<LogFileName>> list_log_files(env::FileSystem& files,
                                                const std::string& directory) {
  TRY_VALUE(found, list_named<LogFileName>(files, directory, parse_log_file_name));
  std::ranges::sort(found, {}, &LogFileName::zxid);
  return found;
}

Result<std::vector<SnapshotFileName>> list_snapshot_files(env::FileSystem& files,
                                                          const std::string& directory) {
  const auto parse = [](std::string_view name) -> std::optional<Zxid> {
    const auto parsed = parse_snapshot_file_name(name);
    return parsed ? std::optional(parsed->zxid) : std::nullopt;
  };
  TRY_VALUE(found, list_named<SnapshotFileName>(files, directory, parse));
  std::ranges::stable_sort(found, std::greater{}, &SnapshotFileName::zxid);
  return found;
}

Result<LogReach> log_reach(env::FileSystem& files, const Directories& directories, Zxid learner) {
  TRY_VALUE(logs, list_log_files(files, directories.log_version2()));
  TRY_VALUE(snapshots, list_snapshot_files(files, directories.snapshot_version2()));
  LogReach reach;
  if (!snapshots.empty()) reach.newest_snapshot_bytes = snapshots.front().size;
  if (logs.empty()) return reach;
  size_t start = 0;
  while (start + 1 < logs.size() && logs[start + 1].zxid < learner) ++start;
  for (size_t i = start + 1; i < logs.size(); ++i) reach.bytes_after_start += logs[i].size;
  // A snapshot taken over from a leader before its first transaction replaced all history before
  // it, and the log shows no gap there. What is older must not be sent to anybody.
  const bool is_replaced = std::ranges::any_of(snapshots, [&](const SnapshotFileName& snapshot) {
    return snapshot.zxid > learner && snapshot.zxid.epoch() > 0 && snapshot.zxid.counter() == 0;
  });
  reach.has_start = logs[start].zxid <= learner && !is_replaced;
  return reach;
}

struct LogReader::Parts {
  env::FileSystem& files;
  std::string directory;
  Zxid from;
  LogIndex* index = nullptr;
  std::string name;  // of the file being read
  Zxid name_zxid{INT64_MIN};
  std::optional<LogFileReader> reader;
  std::optional<Zxid> previous;  // read last
  bool is_start_found = false;   // the entry that the reader stands at is to be given next
  // Where the one given last stands.
  std::string last_name;
  uint64_t last_offset = 0;
  uint64_t last_end = 0;
  std::vector<LogFileName> logs;  // when the directory was last listed

  Result<const LogFileName*> find_next_file();
  Result<bool> open_next_file();
  Result<bool> next_entry();
  Result<bool> next_wanted(uint64_t bytes_max, bool& is_entry);
  Result<> begin_at_mark();
  void mark_entry();
  bool is_gap_before(Zxid zxid) const;
  Result<std::optional<LoggedTxn>> give();
};

LogReader::LogReader(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
LogReader::LogReader(LogReader&&) noexcept = default;
LogReader& LogReader::operator=(LogReader&&) noexcept = default;
LogReader::~LogReader() = default;

Result<LogReader> LogReader::open(env::FileSystem& files, std::string directory, Zxid from,
                                  LogIndex* index) {
  TRY_VALUE(logs, list_log_files(files, directory));
  auto parts = std::make_unique<Parts>(Parts{files, std::move(directory), from, index});
  // The file that may hold `from`, or else the first one.
  size_t start = 0;
  while (start + 1 < logs.size() && logs[start + 1].zxid <= from) ++start;
  if (!logs.empty()) {
    parts->name = logs[start].name;
    parts->name_zxid = logs[start].zxid;
    TRY_VALUE(reader, LogFileReader::open(files, parts->directory + "/" + parts->name));
    parts->reader = std::move(reader);
    TRY(parts->begin_at_mark());
  }
  parts->logs = std::move(logs);
  return LogReader(std::move(parts));
}

// Goes to the last mark at or before what is wanted, if that entry stands there.
Result<> LogReader::Parts::begin_at_mark() {
  if (index == nullptr) return {};
  const std::optional<LogMark> mark = index->find(name_zxid, from);
  if (!mark) return {};
  TRY_VALUE(is_there, reader->go_to(mark->offset, mark->zxid));
  if (is_there) {
    MARK("storage.log_reader_begins_at_mark");
    return {};
  }
  MARK("storage.log_mark_is_wrong");
  index->forget_file(name_zxid);
  TRY_VALUE(again, LogFileReader::open(files, directory + "/" + name));
  reader = std::move(again);
  return {};
}

void LogReader::Parts::mark_entry() {
  if (index != nullptr) index->add({name_zxid, reader->zxid(), reader->entry_offset()});
}

// The file behind the current one, null if there is none. The directory is listed again only when
// the former list has no more: with many files that is what costs.
Result<const LogFileName*> LogReader::Parts::find_next_file() {
  for (const bool is_fresh : {false, true}) {
    if (is_fresh) {
      TRY_VALUE(listed, list_log_files(files, directory));
      logs = std::move(listed);
    }
    const auto next = std::ranges::upper_bound(logs, name_zxid, {}, &LogFileName::zxid);
    if (next != logs.end()) return &*next;
  }
  return nullptr;
}

// False if there is no later file.
Result<bool> LogReader::Parts::open_next_file() {
  TRY_VALUE(next, find_next_file());
  if (next == nullptr) return false;
  auto opened = LogFileReader::open(files, directory + "/" + next->name);
  if (!opened && opened.error().kind == Error::Kind::kNotFound) {
    // It was cut off since the directory was listed.
    logs.clear();
    TRY_VALUE(now_next, find_next_file());
    if (now_next == nullptr) return false;
    next = now_next;
    opened = LogFileReader::open(files, directory + "/" + next->name);
  }
  if (!opened) return std::unexpected(std::move(opened).error());
  name = next->name;
  name_zxid = next->zxid;
  reader = std::move(*opened);
  return true;
}

// Moves to the next entry of any file; false at the end of the last one. Its end, or anything bad
// there, is looked at again the next time: the log worker may be writing just there.
Result<bool> LogReader::Parts::next_entry() {
  if (!reader) {
    TRY_VALUE(is_opened, open_next_file());
    if (!is_opened) return false;
  }
  while (true) {
    TRY_VALUE(is_entry, reader->next());
    if (is_entry) return true;
    // It was written to until a later file appeared, so first see that there is one.
    TRY_VALUE(next, find_next_file());
    const bool is_last = next == nullptr;
    TRY(reader->reread());
    TRY_VALUE(is_entry_now, reader->next());
    if (is_entry_now) return true;
    if (is_last) {
      TRY(reader->reread());
      return false;
    }
    if (!reader->stopped_at_end()) {
      // Is it really not the last one? A later file may have been cut off.
      logs.clear();
      TRY_VALUE(next_now, find_next_file());
      if (next_now == nullptr) {
        TRY(reader->reread());
        return false;
      }
      return fail(Error::Kind::kCorrupt,
                  fmt::format("{}/{}: offset {}: {}", directory, name, reader->entry_offset(),
                              LogFileReader::describe(reader->stop())));
    }
    // What a new epoch hides: see LogReplay. Here there is no digest to ask, and a snapshot does
    // too.
    TRY_VALUE(tail, examine_log_tail(reader->file(), reader->entry_offset(),
                                     previous.value_or(Zxid{name_zxid.value - 1})));
    if (tail.kind != LogTail::Kind::kPadding) {
      MARK("storage.log_reader_torn_file");
      return fail(Error::Kind::kCorrupt,
                  fmt::format("{}/{}: offset {}: {}, which is not the log's end", directory, name,
                              reader->entry_offset(), LogFileReader::describe(reader->stop())));
    }
    TRY_VALUE(is_opened, open_next_file());
    if (!is_opened) return false;
  }
}

// Is anything that was wanted missing between the entry before and this one?
bool LogReader::Parts::is_gap_before(Zxid zxid) const {
  if (!previous || zxid < from) return false;
  const Zxid known = from.value > 0 ? std::max(*previous, Zxid{from.value - 1}) : *previous;
  return !may_follow(known, zxid);
}

// Passes over about `bytes_max` bytes of entries that are not wanted. True when it stands at one
// that is, or at the log's end (is_entry tells which).
Result<bool> LogReader::Parts::next_wanted(uint64_t bytes_max, bool& is_entry) {
  for (uint64_t passed = 0; passed < bytes_max;) {
    TRY_VALUE(has_entry, next_entry());
    is_entry = has_entry;
    if (!is_entry) return true;
    const Zxid zxid = reader->zxid();
    if (is_gap_before(zxid)) {
      MARK("storage.log_reader_gap");
      return fail(
          Error::Kind::kCorrupt,
          fmt::format("{}/{}: offset {}: 0x{:x} follows 0x{:x}: transactions between them "
                      "are not in the log",
                      directory, name, reader->entry_offset(), zxid.value, previous->value));
    }
    mark_entry();
    const bool is_wanted = zxid >= from && zxid != previous;  // equal ones: see may_follow()
    previous = zxid;
    if (is_wanted) return true;
    passed += reader->entry_end() - reader->entry_offset();
  }
  return false;
}

Result<std::optional<LoggedTxn>> LogReader::Parts::give() {
  if (!std::exchange(is_start_found, false)) {
    bool is_entry = false;
    TRY_VALUE(is_over, next_wanted(UINT64_MAX, is_entry));
    ASSERT(is_over);
    if (!is_entry) return std::nullopt;
  }
  if (last_name != name) last_name = name;
  last_offset = reader->entry_offset();
  last_end = reader->entry_end();
  return LoggedTxn{reader->zxid(), Bytes(reader->txn())};
}

Result<bool> LogReader::find_start(uint64_t bytes_max) {
  if (parts_->is_start_found || parts_->last_end > 0) return true;
  bool is_entry = false;
  TRY_VALUE(is_over, parts_->next_wanted(bytes_max, is_entry));
  parts_->is_start_found = is_over && is_entry;
  return is_over;
}

Result<std::optional<LoggedTxn>> LogReader::next() {
  return parts_->give();
}
const std::string& LogReader::file_name() const {
  return parts_->last_name;
}
uint64_t LogReader::entry_offset() const {
  return parts_->last_offset;
}
uint64_t LogReader::entry_end() const {
  return parts_->last_end;
}

}  // namespace zooid::storage
