#include "storage/log_appender.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "storage/given_up.h"
#include "storage/log_file.h"
#include "storage/log_reader.h"
#include "storage/write_trial.h"

namespace zooid::storage {
namespace {

constexpr uint64_t kFillStepBytes = 1u << 20;
// Free bytes wanted before a full disk is tried again: one batch.
constexpr uint64_t kSpaceWantedBytes = kLogBatchBytesMax;
// Of what TRUNC cuts off: a few transactions that no quorum had, as a rule.
constexpr uint64_t kKeptTailBytesMax = 64u << 20;

}  // namespace

Result<> LogAppender::append(std::string_view entries, Zxid first) {
  ASSERT(!entries.empty());
  ASSERT(!sync_failure_);
  TRY(undo());
  if (is_roll_wanted_) close_file();
  const bool is_new_file = file_ == nullptr;
  auto written = write(entries, first);
  if (written) written = sync_batch(is_new_file);
  if (sync_failure_) return written;
  if (!written) {
    MARK("storage.append_failed");
    if (auto undone = undo(); !undone) {
      log::warn("the transaction log cannot be cut back yet: {}", undone.error().message);
    }
    return written;
  }
  mark(first);
  position_ += entries.size();
  allocated_ = std::max(allocated_, position_);
  undo_.reset();
  if (options_.size_limit_bytes > 0 && position_ >= options_.size_limit_bytes) roll();
  return {};
}

// The batch that was appended begins at position_.
void LogAppender::mark(Zxid first) {
  if (!options_.on_mark || position_ < mark_due_) return;
  options_.on_mark({file_zxid_, first, position_});
  mark_due_ = position_ + LogIndex::kStepBytes;
}

// Sets undo_ before it touches the disk; append() takes it back when all is durable.
Result<> LogAppender::write(std::string_view entries, Zxid first) {
  if (file_ == nullptr) {
    TRY(start_file(first));
  } else {
    undo_ = Undo{path_, position_};
  }
  return file_->write_at(position_, entries);
}

Result<> LogAppender::start_file(Zxid first) {
  path_ = options_.log_directory + "/" + log_file_name(first);
  undo_ = Undo{path_, 0};
  // A former file of this name is gone: what was noted of it is not true of this one.
  TRY(synced_record_.lower(first, UINT64_MAX));
  TRY_VALUE(file, files_.open(path_, env::OpenMode::kTruncate));
  std::string header;
  append_log_header(header);
  TRY(file->write_at(0, header));
  file_ = std::move(file);
  first_ = first;
  noted_ = 0;
  position_ = allocated_ = kLogHeaderBytes;
  file_zxid_ = first;
  mark_due_ = 0;
  is_roll_wanted_ = false;
  can_fill_ahead_ = options_.preallocate_bytes > 0;
  return {};
}

// A failure is remembered: it ends the process.
Result<> LogAppender::sync(env::File& file) {
  auto synced = file.sync();
  if (!synced) sync_failure_ = synced.error();
  return synced;
}

Result<> LogAppender::sync_batch(bool is_new_file) {
  if (!options_.force_sync || is_planted(PlantedBug::kAckBeforeSync)) return {};
  const int64_t begun = options_.monotonic_us ? options_.monotonic_us() : 0;
  TRY(sync(*file_));
  if (is_new_file && !is_planted(PlantedBug::kNameNotSynced)) {
    // Without its name the file would be lost with all that is in it.
    auto synced = files_.sync_directory(options_.log_directory);
    // Out of descriptors is no failed sync: the new file goes again, and the batch with it.
    if (!synced && synced.error().kind != Error::Kind::kShortage) sync_failure_ = synced.error();
    if (!synced) return synced;
  }
  const int64_t ended = options_.monotonic_us ? options_.monotonic_us() : 0;
  last_sync_us_ = static_cast<uint64_t>(std::max<int64_t>(ended - begun, 0));
  return {};
}

Result<> LogAppender::undo() {
  if (!undo_) return {};
  const Undo undo = *undo_;
  // Entries follow only behind the cut, so the open file can go on being used.
  if (undo.size == 0 || file_ == nullptr || undo.path != path_) file_.reset();
  TRY(undo_on_disk(undo));
  allocated_ = position_;
  undo_.reset();
  MARK("storage.log_cut_back");
  return {};
}

Result<> LogAppender::undo_on_disk(const Undo& undo) {
  if (!files_.exists(undo.path)) return {};
  if (undo.size == 0) return remove_file(undo.path);
  TRY_VALUE(file, files_.open(undo.path, env::OpenMode::kReadWrite));
  TRY(file->truncate(undo.size));
  TRY(sync(*file));
  return {};
}

Result<> LogAppender::remove_file(const std::string& path) {
  TRY(files_.remove(path));
  return files_.sync_directory(options_.log_directory);
}

// The padding is given back: files that are full only cost readers time with it.
void LogAppender::close_file() {
  if (file_ != nullptr && allocated_ > position_) {
    if (auto cut = file_->truncate(position_); !cut) MARK("storage.padding_kept");
  }
  file_.reset();
  is_roll_wanted_ = false;
}

void LogAppender::note_synced() {
  if (file_ == nullptr || undo_ || noted_ == position_) return;
  if (!options_.force_sync || is_planted(PlantedBug::kAckBeforeSync)) return;
  noted_ = position_;
  synced_record_.note(first_, position_);
}

void LogAppender::fill_ahead(bool and_sync) {
  const uint64_t step = std::min(kFillStepBytes, options_.preallocate_bytes);
  if (file_ == nullptr || undo_ || is_roll_wanted_ || !can_fill_ahead_ || step == 0) return;
  ASSERT(allocated_ >= position_);
  if (allocated_ - position_ >= step / 2) return;
  static const std::string zeros(kFillStepBytes, '\0');
  const auto filled = file_->write_at(allocated_, std::string_view(zeros).substr(0, step));
  if (!filled) {
    // What was written of them may be used; no more is asked of this file.
    MARK("storage.fill_ahead_failed");
    can_fill_ahead_ = false;
    log::warn("space for the transaction log cannot be taken ahead of its use: {}",
              filled.error().message);
  }
  allocated_ += filled ? step : 0;
  if (!and_sync || !filled || !options_.force_sync) return;
  if (!sync(*file_)) MARK("storage.fill_ahead_not_synced");
}

Result<> LogAppender::release() {
  TRY(undo());
  close_file();
  synced_record_.reset();
  return {};
}

Result<> LogAppender::try_writing(uint64_t wanted_bytes) {
  TRY(undo());
  for (const std::string& directory :
       std::set<std::string>{options_.log_directory, options_.snapshot_directory}) {
    const auto space = files_.space(directory);
    if (space && space->free_bytes < std::max(kSpaceWantedBytes, wanted_bytes)) {
      return fail(Error::Kind::kNoSpace,
                  fmt::format("{}: no space left ({} has {} of {} bytes free)", directory,
                              space->mount, space->free_bytes, space->total_bytes));
    }
    TRY(storage::try_writing(files_, directory));
  }
  return {};
}

Result<LogCut> LogAppender::truncate(Zxid to, Zxid own_last) {
  TRY(undo());
  close_file();
  TRY_VALUE(found, find_log_cut(files_, options_.log_directory, options_.snapshot_directory, to,
                                own_last));
  if (found.is_possible) TRY(cut(found));
  return found;
}

// Snapshots first: without them the log may still be read to its end, with them the state would be
// one that the log does not lead to. Then the files behind the cut, the newest one first and each
// durably, so that a crash in between leaves a log without a gap.
Result<> LogAppender::cut(const LogCut& found) {
  const bool is_whole_files = found.file.empty();
  TRY(synced_record_.lower(is_whole_files ? found.file_zxid : found.file_zxid.next(),
                           is_whole_files ? UINT64_MAX : found.end));
  TRY_VALUE(snapshots, list_snapshot_files(files_, options_.snapshot_directory));
  for (const SnapshotFileName& snapshot : snapshots) {
    if (snapshot.zxid > found.last) {
      TRY(put_away(options_.snapshot_directory, snapshot.name, false));
    }
  }
  TRY_VALUE(logs, list_log_files(files_, options_.log_directory));
  for (; !logs.empty() && logs.back().zxid >= found.file_zxid; logs.pop_back()) {
    if (logs.back().name == found.file) {
      TRY(cut_file(options_.log_directory + "/" + found.file, found));
    } else {
      TRY(put_away(options_.log_directory, logs.back().name, true));
    }
  }
  if (!options_.directories) return {};
  thin_cut_off(files_, options_.directories->own());
  thin_cut_off(files_, options_.directories->logs_own());
  return {};
}

Result<> LogAppender::put_away(const std::string& directory, const std::string& name, bool is_log) {
  if (options_.directories) {
    const Directories& directories = *options_.directories;
    const std::string to = cut_off_directory(is_log ? directories.logs_own() : directories.own());
    return set_aside(files_, directory, {name}, to);
  }
  TRY(files_.remove(directory + "/" + name));
  return files_.sync_directory(directory);
}

Result<> LogAppender::cut_file(const std::string& path, const LogCut& found) {
  TRY_VALUE(file, files_.open(path, env::OpenMode::kReadWrite));
  TRY_VALUE(size, file->size());
  if (found.end == size) return {};
  if (auto kept = keep_tail(*file, found); !kept) {
    MARK("storage.cut_tail_not_kept");  // the leader has said that nobody committed it
    log::warn("no copy is kept of what is cut off: {}", kept.error().message);
  }
  TRY(file->truncate(found.end));
  return sync(*file);
}

// As a log file of its own, not synced: for people, not for a start.
Result<> LogAppender::keep_tail(env::File& file, const LogCut& found) {
  if (!options_.directories || !found.next) return {};
  TRY_VALUE(size, file.size());
  std::string tail;
  append_log_header(tail);
  const size_t header = tail.size();
  tail.resize(header + std::min(size - found.end, kKeptTailBytesMax));
  TRY_VALUE(count, file.read_at(found.end, std::span(tail).subspan(header)));
  tail.resize(header + count);
  tail.resize(std::max(header, tail.find_last_not_of('\0') + 1));
  const std::string to = cut_off_directory(options_.directories->logs_own());
  TRY(files_.make_directories(to));
  TRY_VALUE(copy, files_.open(to + "/" + log_file_name(*found.next), env::OpenMode::kTruncate));
  return copy->write_at(0, tail);
}

}  // namespace zooid::storage
