#include "storage/given_up.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "storage/epoch_files.h"
#include "storage/log_reader.h"
#include "storage/snapshot_install.h"
#include "storage/synced_record.h"

namespace zooid::storage {
namespace {

constexpr std::string_view kFirstLine = "zooid-untrusted 1";
constexpr std::string_view kMoving = "moving";
constexpr std::string_view kMoved = "filled-by-leader";
constexpr std::string_view kAsidePrefix = "aside-";
constexpr size_t kWhyBytesMax = 2000;
// Who gives up again and again fills the disk: the oldest ones beyond these are deleted.
constexpr size_t kAsidesMax = 4;

struct Mark {
  bool is_moving = false;
  int number = 0;  // of the aside directories; 0: nothing was moved
  std::string why;
};

std::string aside_path(const std::string& own, int number) {
  return fmt::format("{}/{}{}", own, kAsidePrefix, number);
}

std::optional<int> parse_int(std::string_view text) {
  int number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{} || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

std::string_view take_line(std::string_view& rest) {
  const size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return line;
}

Result<std::optional<Mark>> read_mark(env::FileSystem& files, const Directories& directories) {
  const std::string path = untrusted_mark_path(directories);
  if (!files.exists(path)) return std::nullopt;
  TRY_VALUE(content, env::read_file(files, path, kWhyBytesMax + 200));
  std::string_view rest = content;
  const std::string_view first = take_line(rest);
  const std::string_view state = take_line(rest);
  const auto number = parse_int(take_line(rest));
  if (first != kFirstLine || !number || (state != kMoving && state != kMoved)) {
    return fail(Error::Kind::kCorrupt,
                path +
                    ": not a mark that this version can read: it says that this server's data "
                    "is not complete. Restore it and remove this file");
  }
  return Mark{state == kMoving, *number, std::string(take_line(rest))};
}

Result<> write_mark(env::FileSystem& files, const Directories& directories, const Mark& mark) {
  const std::string own = directories.own();
  if (!files.exists(own)) {
    TRY(files.make_directories(own));
    TRY(files.sync_directory(directories.data));
  }
  return env::write_file_atomically(
      files, untrusted_mark_path(directories),
      fmt::format("{}\n{}\n{}\n{}\n", kFirstLine, mark.is_moving ? kMoving : kMoved, mark.number,
                  mark.why));
}

// Ascending.
std::vector<int> asides(env::FileSystem& files, const std::string& own) {
  std::vector<int> numbers;
  const auto names = files.list(own);
  if (!names) return numbers;
  for (std::string_view name : *names) {
    if (!name.starts_with(kAsidePrefix)) continue;
    if (const auto number = parse_int(name.substr(kAsidePrefix.size()))) numbers.push_back(*number);
  }
  std::ranges::sort(numbers);
  return numbers;
}

// A directory itself stays, empty: its number is not used again.
void forget_oldest_asides(env::FileSystem& files, const std::string& own) {
  const std::vector<int> numbers = asides(files, own);
  for (size_t i = 0; i + kAsidesMax < numbers.size(); ++i) {
    const std::string directory = aside_path(own, numbers[i]);
    const auto names = files.list(directory);
    if (!names || names->empty()) continue;
    MARK("storage.aside_deleted");
    log::warn("deleting data given up long ago directory={}", directory);
    for (const std::string& name : *names) {
      if (!files.remove(directory + "/" + name)) return;
    }
  }
}

Result<std::vector<std::string>> snapshot_names(env::FileSystem& files,
                                                const Directories& directories) {
  std::vector<std::string> names;
  TRY_VALUE(found, list_snapshot_files(files, directories.snapshot_version2()));
  for (SnapshotFileName& snapshot : found) names.push_back(std::move(snapshot.name));
  return names;
}

Result<std::vector<std::string>> log_names(env::FileSystem& files, const Directories& directories) {
  std::vector<std::string> names;
  TRY_VALUE(found, list_log_files(files, directories.log_version2()));
  for (LogFileName& log : found) names.push_back(std::move(log.name));
  return names;
}

Result<> carry_out(env::FileSystem& files, const Directories& directories, Mark mark) {
  if (!is_planted(PlantedBug::kDiscardKeepsEpoch)) {
    TRY(write_epoch(files, directories.snapshot_version2(), EpochFile::kCurrent, 0));
  }
  const std::string synced = synced_record_path(directories.own());
  if (files.exists(synced)) {
    TRY(files.remove(synced));
    TRY(files.sync_directory(directories.own()));
  }
  TRY_VALUE(snapshots, snapshot_names(files, directories));
  TRY(set_aside(files, directories.snapshot_version2(), snapshots,
                aside_path(directories.own(), mark.number)));
  TRY_VALUE(logs, log_names(files, directories));
  TRY(set_aside(files, directories.log_version2(), logs,
                aside_path(directories.logs_own(), mark.number)));
  TRY(forget_install(files, directories));
  mark.is_moving = false;
  TRY(write_mark(files, directories, mark));
  forget_oldest_asides(files, directories.own());
  if (directories.logs_own() != directories.own()) {
    forget_oldest_asides(files, directories.logs_own());
  }
  return {};
}

// An epoch that was promised must outlive what is given up.
Result<> refuse_without_promise(env::FileSystem& files, const Directories& directories) {
  const std::string directory = directories.snapshot_version2();
  TRY_VALUE(accepted, read_epoch(files, directory, EpochFile::kAccepted));
  const auto current = read_epoch(files, directory, EpochFile::kCurrent);
  if (current && *current && accepted.value_or(0) < **current) {
    return fail(Error::Kind::kCorrupt,
                fmt::format("{}/acceptedEpoch: epoch {} is lower than {} in currentEpoch",
                            directory, accepted.value_or(0), **current));
  }
  return {};
}

UntrustedMark for_people(const Directories& directories, const Mark& mark) {
  return {mark.why, mark.number == 0 ? "" : aside_path(directories.own(), mark.number)};
}

}  // namespace

std::string untrusted_mark_path(const Directories& directories) {
  return directories.own() + "/untrusted";
}

Result<std::optional<UntrustedMark>> read_untrusted_mark(env::FileSystem& files,
                                                         const Directories& directories) {
  TRY_VALUE(mark, read_mark(files, directories));
  if (!mark) return std::nullopt;
  return for_people(directories, *mark);
}

Result<UntrustedMark> give_up_history(env::FileSystem& files, const Directories& directories,
                                      const std::string& why) {
  TRY(refuse_without_promise(files, directories));
  MARK("storage.history_given_up");
  Mark mark{true, 0, why.substr(0, kWhyBytesMax)};
  std::ranges::replace(mark.why, '\n', ' ');
  TRY_VALUE(snapshots, snapshot_names(files, directories));
  TRY_VALUE(logs, log_names(files, directories));
  if (!snapshots.empty() || !logs.empty()) {
    for (const std::string& own : {directories.own(), directories.logs_own()}) {
      const std::vector<int> numbers = asides(files, own);
      mark.number = std::max(mark.number, numbers.empty() ? 1 : numbers.back() + 1);
    }
  }
  TRY(write_mark(files, directories, mark));
  TRY(carry_out(files, directories, mark));
  return for_people(directories, mark);
}

Result<> finish_giving_up(env::FileSystem& files, const Directories& directories) {
  TRY_VALUE(mark, read_mark(files, directories));
  if (!mark || !mark->is_moving) return {};
  MARK("storage.giving_up_finished");
  return carry_out(files, directories, *mark);
}

Result<> remove_untrusted_mark(env::FileSystem& files, const Directories& directories) {
  const std::string path = untrusted_mark_path(directories);
  if (!files.exists(path)) return {};
  TRY(files.remove(path));
  return files.sync_directory(directories.own());
}

Result<> set_aside(env::FileSystem& files, const std::string& from,
                   const std::vector<std::string>& names, const std::string& to) {
  if (names.empty()) return {};
  TRY(files.make_directories(to));
  const std::string parent = to.substr(0, to.rfind('/'));
  TRY(files.sync_directory(parent.substr(0, parent.rfind('/'))));
  TRY(files.sync_directory(parent));
  for (const std::string& name : names) TRY(files.rename(from + "/" + name, to + "/" + name));
  // The new name first: a crash between the two leaves both rather than none.
  TRY(files.sync_directory(to));
  return files.sync_directory(from);
}

}  // namespace zooid::storage
