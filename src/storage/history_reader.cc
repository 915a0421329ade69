#include "storage/history_reader.h"

#include <fmt/format.h>

#include <deque>
#include <map>
#include <utility>

#include "base/assert.h"
#include "base/mark.h"
#include "runtime/inbox.h"

namespace zooid::storage {
namespace {

// Sum of the lengths of a directory's files; 0 if it cannot be read.
uint64_t bytes_in(env::FileSystem& files, const std::string& directory) {
  const auto names = files.list(directory);
  if (!names) return 0;
  uint64_t bytes = 0;
  for (const std::string& name : *names) {
    bytes += files.file_size(directory + "/" + name).value_or(0);
  }
  return bytes;
}

}  // namespace

struct HistoryReader::Parts {
  Parts(env::FileSystem& file_system, Directories where, LogIndex known, HistoryCompletions& told)
      : files(file_system),
        directories(std::move(where)),
        index(std::move(known)),
        completions(told) {}

  using Key = std::pair<Incarnation, uint64_t>;

  env::FileSystem& files;
  const Directories directories;
  LogIndex index;
  HistoryCompletions& completions;
  runtime::Inbox<HistoryRequest> inbox;
  std::vector<HistoryRequest> taken;
  std::map<Key, LogReader> readers;  // kept between a learner's requests
  std::deque<ReadHistory> reading;   // in turn

  void carry_out(const ReadHistory& request) { reading.push_back(request); }
  void carry_out(const FindReach& request);
  void carry_out(const EndHistory& request);
  void carry_out(const MeasureDirectories& request);
  void carry_out(const NoteMark& request) { index.add(request.mark); }
  void carry_out(const NoteCut& request) { index.cut_after(request.after); }
  void go_on_reading();
  Result<bool> find_start(const ReadHistory& request);
  HistoryRead read_slice(const ReadHistory& request);
  Error unexpected_end(const LogReader& reader, const ReadHistory& request) const;
};

HistoryReader::HistoryReader(env::FileSystem& files, Directories directories, LogIndex index,
                             HistoryCompletions& completions)
    : parts_(
          std::make_unique<Parts>(files, std::move(directories), std::move(index), completions)) {}

HistoryReader::~HistoryReader() = default;

void HistoryReader::submit(HistoryRequest request) {
  parts_->inbox.push(std::move(request));
}

void HistoryReader::set_waker(env::Waker* waker) {
  parts_->inbox.set_waker(waker);
}

bool HistoryReader::step() {
  Parts& parts = *parts_;
  parts.inbox.take_all(parts.taken);
  for (const HistoryRequest& request : parts.taken) {
    std::visit([&](const auto& wanted) { parts.carry_out(wanted); }, request);
  }
  if (parts.reading.empty()) return !parts.taken.empty();
  parts.go_on_reading();
  return true;
}

void HistoryReader::Parts::carry_out(const FindReach& request) {
  ReachFound found{request.role, request.learner, request.zxid, std::nullopt};
  if (auto reach = log_reach(files, directories, request.zxid)) found.reach = *reach;
  completions.on_history_completion(std::move(found));
}

void HistoryReader::Parts::carry_out(const EndHistory& request) {
  const auto is_meant = [&](Incarnation role, uint64_t learner) {
    return role == request.role && (request.learner == 0 || learner == request.learner);
  };
  std::erase_if(readers,
                [&](const auto& entry) { return is_meant(entry.first.first, entry.first.second); });
  std::erase_if(reading, [&](const ReadHistory& one) { return is_meant(one.role, one.learner); });
}

void HistoryReader::Parts::carry_out(const MeasureDirectories& request) {
  completions.on_history_completion(
      DirectoriesMeasured{request.ticket, bytes_in(files, directories.snapshot_version2()),
                          bytes_in(files, directories.log_version2())});
}

// One step for the request at the front; it goes to the end of the queue if that was not enough.
void HistoryReader::Parts::go_on_reading() {
  const ReadHistory request = reading.front();
  reading.pop_front();
  const auto is_found = find_start(request);
  if (is_found && !*is_found) {
    MARK("storage.history_start_in_steps");
    reading.push_back(request);
    return;
  }
  HistoryRead read = is_found ? read_slice(request) : HistoryRead{request.role, request.learner};
  if (!is_found) read.error = is_found.error();
  const bool is_over = read.txns.empty() || read.txns.back().zxid >= request.up_to;
  if (is_over) readers.erase({request.role, request.learner});
  completions.on_history_completion(std::move(read));
}

// Opens the learner's reader if there is none and brings it on its way to the first transaction
// that is wanted. True when it stands before that one, or at the log's end.
Result<bool> HistoryReader::Parts::find_start(const ReadHistory& request) {
  const Key key{request.role, request.learner};
  auto reader = readers.find(key);
  if (reader == readers.end()) {
    TRY_VALUE(opened,
              LogReader::open(files, directories.log_version2(), request.after.next(), &index));
    reader = readers.emplace(key, std::move(opened)).first;
  }
  return reader->second.find_start(kStepBytes);
}

// What is asked for is durable: a log that ends before it is damaged, though the entry there looks
// like one that is just being written.
Error HistoryReader::Parts::unexpected_end(const LogReader& reader,
                                           const ReadHistory& request) const {
  return {Error::Kind::kCorrupt,
          fmt::format("{}/{}: offset {}: no entry can be read there, and the log goes on to 0x{:x}",
                      directories.log_version2(), reader.file_name(), reader.entry_end(),
                      static_cast<uint64_t>(request.up_to.value))};
}

HistoryRead HistoryReader::Parts::read_slice(const ReadHistory& request) {
  LogReader& reader = readers.at({request.role, request.learner});
  HistoryRead read{request.role, request.learner};
  for (uint64_t bytes = 0; bytes < request.bytes_max;) {
    auto txn = reader.next();
    if (!txn) read.error = txn.error();
    if (txn && !*txn) read.error = unexpected_end(reader, request);
    if (!txn || !*txn) break;
    const Zxid zxid = (*txn)->zxid;
    if (zxid <= request.after) continue;
    if (zxid > request.up_to) break;
    bytes += (*txn)->txn.size();
    read.txns.push_back(std::move(**txn));
    if (zxid == request.up_to) break;
  }
  return read;
}

}  // namespace zooid::storage
