#include "storage/snapshot_install.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "storage/epoch_files.h"
#include "storage/given_up.h"
#include "storage/log_file.h"
#include "storage/log_reader.h"
#include "storage/log_tail.h"
#include "storage/synced_record.h"

namespace zooid::storage {
namespace {

constexpr std::string_view kFirstLine = "zooid-installing 1";
constexpr uint64_t kFileBytesMax = 4096;
constexpr size_t kCutOffFilesMax = 16;

enum class Step { kBegun, kDone, kUndoing };
// Of one length: a step is written over the one before it.
constexpr std::string_view kSteps[] = {"begun  ", "done   ", "undoing"};

struct Mark {
  Step step = Step::kBegun;
  SnapshotInstall install;
};

std::string mark_path(const Directories& directories) {
  return directories.own() + "/installing";
}

std::optional<int64_t> take_number(std::string_view& rest, int base) {
  uint64_t value = 0;
  const auto [end, failure] = std::from_chars(rest.data(), rest.data() + rest.size(), value, base);
  if (failure != std::errc{}) return std::nullopt;
  rest.remove_prefix(static_cast<size_t>(end - rest.data()));
  if (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  return static_cast<int64_t>(value);
}

// Written atomically, so what cannot be read is damage or of a later version: nobody knows then
// whether the log belongs to the newest snapshot.
Result<std::optional<Mark>> read_mark(env::FileSystem& files, const Directories& directories) {
  const std::string path = mark_path(directories);
  if (!files.exists(path)) return std::nullopt;
  TRY_VALUE(content, env::read_file(files, path, kFileBytesMax));
  std::string_view rest = content;
  for (size_t step = 0; step < std::size(kSteps); ++step) {
    const std::string front = fmt::format("{}\n{}\n", kFirstLine, kSteps[step]);
    if (!rest.starts_with(front)) continue;
    rest.remove_prefix(front.size());
    const auto epoch = take_number(rest, 10);
    const auto snapshot = take_number(rest, 16);
    const auto before = take_number(rest, 16);
    if (!epoch || !snapshot || !before || rest != "\n") break;
    return Mark{static_cast<Step>(step),
                {static_cast<Epoch>(*epoch), Zxid{*snapshot}, Zxid{*before}}};
  }
  return fail(Error::Kind::kCorrupt, path + ": not a mark that this version can read");
}

Result<> write_mark(env::FileSystem& files, const Directories& directories, const Mark& mark) {
  const std::string own = directories.own();
  if (!files.exists(own)) {
    TRY(files.make_directories(own));
    TRY(files.sync_directory(directories.data));
  }
  return env::write_file_atomically(
      files, mark_path(directories),
      fmt::format("{}\n{}\n{} {:x} {:x}\n", kFirstLine, kSteps[static_cast<size_t>(mark.step)],
                  mark.install.epoch, static_cast<uint64_t>(mark.install.snapshot.value),
                  static_cast<uint64_t>(mark.install.before.value)));
}

// In place, which a full disk allows, too.
Result<> write_step(env::FileSystem& files, const Directories& directories, Step step) {
  TRY_VALUE(file, files.open(mark_path(directories), env::OpenMode::kReadWrite));
  TRY(file->write_at(kFirstLine.size() + 1, kSteps[static_cast<size_t>(step)]));
  return file->sync();
}

Result<> set_aside_snapshots_behind(env::FileSystem& files, const Directories& directories,
                                    Zxid zxid) {
  TRY_VALUE(snapshots, list_snapshot_files(files, directories.snapshot_version2()));
  std::vector<std::string> names;
  for (SnapshotFileName& snapshot : snapshots) {
    if (snapshot.zxid > zxid) names.push_back(std::move(snapshot.name));
  }
  if (!names.empty()) MARK("storage.snapshots_set_aside");
  return set_aside(files, directories.snapshot_version2(), names,
                   cut_off_directory(directories.own()));
}

// What of a file stays when nothing behind `zxid` may. 0: nothing.
Result<uint64_t> kept_bytes(env::FileSystem& files, const std::string& path, Zxid zxid) {
  auto reader = LogFileReader::open(files, path);
  if (!reader && reader.error().kind == Error::Kind::kCorrupt) return 0;
  if (!reader) return std::unexpected(std::move(reader).error());
  uint64_t end = 0;
  Zxid last;
  while (true) {
    TRY_VALUE(is_entry, reader->next());
    if (!is_entry) break;
    if (reader->zxid() > zxid) return end;
    end = reader->entry_end();
    last = reader->zxid();
  }
  TRY_VALUE(tail, examine_log_tail(reader->file(), reader->entry_offset(), last));
  const bool is_end = reader->stopped_at_end() && tail.kind == LogTail::Kind::kPadding;
  if (!is_end) MARK("storage.damaged_log_set_aside");
  return is_end ? reader->file_bytes() : 0;
}

// Later files go first, so that a crash in between leaves no gap. A file with a bad entry goes as a
// whole: what lies behind it cannot be told apart, and the snapshot has all of it that counts.
Result<> cut_log_behind(env::FileSystem& files, const Directories& directories, Zxid zxid) {
  const std::string directory = directories.log_version2();
  const std::string cut_off = cut_off_directory(directories.logs_own());
  TRY_VALUE(logs, list_log_files(files, directory));
  while (!logs.empty()) {
    const LogFileName& log = logs.back();
    const std::string path = directory + "/" + log.name;
    uint64_t kept = 0;
    if (log.zxid <= zxid) {
      TRY_VALUE(bytes, kept_bytes(files, path, zxid));
      kept = bytes;
    }
    if (kept >= log.size && kept > 0) return {};
    if (kept > 0) {
      TRY_VALUE(file, files.open(path, env::OpenMode::kReadWrite));
      TRY(file->truncate(kept));
      return file->sync();
    }
    const bool was_wanted = log.zxid <= zxid;
    TRY(set_aside(files, directory, {log.name}, cut_off));
    logs.pop_back();
    if (was_wanted) return {};
  }
  return {};
}

// What was noted of log files at or behind `zxid` is not true of what is logged there next.
Result<> lower_record(env::FileSystem& files, const Directories& directories, Zxid zxid) {
  TRY_VALUE(synced, read_synced_record(files, directories.own()));
  SyncedBytes lowered(synced.begin(), synced.upper_bound(zxid));
  // The last file may be cut anywhere.
  if (!lowered.empty()) lowered.erase(std::prev(lowered.end()));
  if (lowered == synced) return {};
  return lower_synced_record(files, directories.own(), lowered);
}

Result<> carry_out(env::FileSystem& files, const Directories& directories, const Mark& mark) {
  const Zxid end = mark.step == Step::kUndoing ? mark.install.before : mark.install.snapshot;
  TRY(lower_record(files, directories, end));
  TRY(set_aside_snapshots_behind(files, directories, end));
  TRY(cut_log_behind(files, directories, end));
  thin_cut_off(files, directories.own());
  if (directories.logs_own() != directories.own()) thin_cut_off(files, directories.logs_own());
  if (mark.step == Step::kUndoing) return forget_install(files, directories);
  return write_step(files, directories, Step::kDone);
}

}  // namespace

Result<> begin_install(env::FileSystem& files, const Directories& directories,
                       const SnapshotInstall& install) {
  TRY(settle_install(files, directories));
  TRY_VALUE(former, read_mark(files, directories));
  Mark mark{Step::kBegun, install};
  // What was promised before that one is still all that was.
  if (former) mark.install.before = former->install.before;
  return write_mark(files, directories, mark);
}

Result<Zxid> finish_install(env::FileSystem& files, const Directories& directories) {
  TRY_VALUE(mark, read_mark(files, directories));
  if (!mark) return fail(mark_path(directories) + ": is gone");
  TRY(carry_out(files, directories, *mark));
  return mark->install.snapshot;
}

Result<> settle_install(env::FileSystem& files, const Directories& directories) {
  TRY_VALUE(mark, read_mark(files, directories));
  if (!mark) return {};
  if (mark->step == Step::kUndoing) {
    MARK("storage.install_undone_at_start");
    return carry_out(files, directories, *mark);
  }
  if (mark->step == Step::kBegun) {
    TRY_VALUE(snapshots, list_snapshot_files(files, directories.snapshot_version2()));
    const bool is_published = std::ranges::find(snapshots, mark->install.snapshot,
                                                &SnapshotFileName::zxid) != snapshots.end();
    if (!is_published) return forget_install(files, directories);
    MARK("storage.install_finished_at_start");
    return carry_out(files, directories, *mark);
  }
  TRY_VALUE(current, read_epoch(files, directories.snapshot_version2(), EpochFile::kCurrent));
  if (current.value_or(0) < mark->install.epoch) return {};
  return forget_install(files, directories);
}

Result<bool> undo_install(env::FileSystem& files, const Directories& directories) {
  TRY_VALUE(mark, read_mark(files, directories));
  if (!mark || mark->step != Step::kDone) return false;
  TRY_VALUE(current, read_epoch(files, directories.snapshot_version2(), EpochFile::kCurrent));
  const bool is_acknowledged = current.value_or(0) >= mark->install.epoch;
  if (is_acknowledged || mark->install.before.value < 0 ||
      mark->install.before >= mark->install.snapshot) {
    return false;
  }
  TRY_VALUE(snapshots, list_snapshot_files(files, directories.snapshot_version2()));
  const bool has_older = std::ranges::any_of(snapshots, [&](const SnapshotFileName& snapshot) {
    return snapshot.zxid <= mark->install.before;
  });
  if (!has_older) return false;
  MARK("storage.install_undone");
  mark->step = Step::kUndoing;
  TRY(write_step(files, directories, Step::kUndoing));
  TRY(carry_out(files, directories, *mark));
  return true;
}

Result<> forget_install(env::FileSystem& files, const Directories& directories) {
  const std::string path = mark_path(directories);
  if (!files.exists(path)) return {};
  TRY(files.remove(path));
  return files.sync_directory(directories.own());
}

std::string cut_off_directory(const std::string& own_directory) {
  return own_directory + "/cut-off";
}

void thin_cut_off(env::FileSystem& files, const std::string& own_directory) {
  const std::string directory = cut_off_directory(own_directory);
  if (!files.exists(directory)) return;
  const auto logs = list_log_files(files, directory);
  const auto snapshots = list_snapshot_files(files, directory);
  if (!logs || !snapshots) return;
  std::vector<std::pair<Zxid, std::string>> all;
  for (const LogFileName& log : *logs) all.emplace_back(log.zxid, log.name);
  for (const SnapshotFileName& snapshot : *snapshots)
    all.emplace_back(snapshot.zxid, snapshot.name);
  std::ranges::sort(all);
  for (size_t i = 0; i + kCutOffFilesMax < all.size(); ++i) {
    if (!files.remove(directory + "/" + all[i].second)) return;
  }
}

}  // namespace zooid::storage
