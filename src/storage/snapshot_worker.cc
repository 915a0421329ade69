#include "storage/snapshot_worker.h"

#include <atomic>
#include <vector>

#include "base/assert.h"
#include "base/log.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "runtime/inbox.h"
#include "storage/purge.h"
#include "storage/snapshot_file.h"

namespace zooid::storage {
namespace {

// Brought to the disk this often while it is written: one large flush at the end would hold up the
// log's syncs, and a request of more bytes would keep the disk from them for long.
constexpr uint64_t kWriteBackBytes = 1u << 20;

size_t backlog_of(const SnapshotRequest& request) {
  const auto* chunk = std::get_if<SnapshotChunk>(&request);
  return chunk == nullptr ? 0 : chunk->bytes.size();
}

}  // namespace

struct SnapshotWorker::Parts {
  Parts(env::FileSystem& file_system, SnapshotOptions wanted, SnapshotCompletions& told)
      : files(file_system), options(std::move(wanted)), completions(told) {}

  // The one being written.
  struct Active {
    uint64_t id;
    Zxid zxid;
    std::string temporary;
    std::unique_ptr<env::File> file;
    std::unique_ptr<SnapshotFileWriter> writer;  // null when it is finished
    uint64_t written_back = 0;
  };

  env::FileSystem& files;
  const SnapshotOptions options;
  SnapshotCompletions& completions;
  runtime::Inbox<SnapshotRequest> inbox;
  std::atomic<size_t> backlog{0};
  // Of ReadState: how many were submitted, begun, and told to stop.
  uint64_t reads_submitted = 0;
  uint64_t reads_begun = 0;
  std::atomic<uint64_t> reads_stopped{0};
  std::vector<SnapshotRequest> taken;
  size_t done = 0;
  std::optional<Active> active;

  void carry_out(SnapshotBegin& request);
  void carry_out(SnapshotChunk& request);
  void carry_out(SnapshotEnd& request);
  void carry_out(SnapshotPublish& request);
  void carry_out(SnapshotAbort& request);
  void carry_out(PurgeFiles& request);
  void carry_out(WarnOfOldFiles& request);
  void carry_out(SyncHint& request);
  void carry_out(ReadState& request);
  void carry_out(Dispose& request) { request.free(); }
  bool is_active(uint64_t id) const { return active && active->id == id; }
  Result<> begin(Active& begun);
  Result<> append(std::string_view bytes);
  Result<> finish(const SnapshotEnd& request);
  Result<> publish();
  void drop_active();
  void fail_active(const Error& error);
  void tell(SnapshotCompletion::What what, Error error = {});
};

SnapshotWorker::SnapshotWorker(env::FileSystem& files, SnapshotOptions options,
                               SnapshotCompletions& completions)
    : parts_(std::make_unique<Parts>(files, std::move(options), completions)) {
  ASSERT(!parts_->options.snapshot_directory.empty());
}

SnapshotWorker::~SnapshotWorker() {
  parts_->drop_active();
}

void SnapshotWorker::submit(SnapshotRequest request) {
  parts_->backlog.fetch_add(backlog_of(request), std::memory_order_relaxed);
  if (std::holds_alternative<ReadState>(request)) ++parts_->reads_submitted;
  parts_->inbox.push(std::move(request));
}

void SnapshotWorker::set_waker(env::Waker* waker) {
  parts_->inbox.set_waker(waker);
}

size_t SnapshotWorker::backlog() const {
  return parts_->backlog.load(std::memory_order_relaxed);
}

void SnapshotWorker::stop_reading() {
  parts_->reads_stopped.store(parts_->reads_submitted, std::memory_order_relaxed);
}

bool SnapshotWorker::step() {
  Parts& parts = *parts_;
  if (parts.done == parts.taken.size()) {
    parts.inbox.take_all(parts.taken);
    parts.done = 0;
    if (parts.taken.empty()) return false;
  }
  // Moved out, so that what it holds is freed now and not when all are carried out.
  SnapshotRequest request = std::move(parts.taken[parts.done++]);
  const size_t bytes = backlog_of(request);
  std::visit([&](auto& wanted) { parts.carry_out(wanted); }, request);
  parts.backlog.fetch_sub(bytes, std::memory_order_relaxed);
  return true;
}

void SnapshotWorker::Parts::carry_out(SnapshotBegin& request) {
  drop_active();
  active = Active{request.id, request.zxid,
                  options.snapshot_directory + "/" + snapshot_temporary_name(request.zxid), nullptr,
                  nullptr};
  if (auto begun = begin(*active); !begun) fail_active(begun.error());
}

Result<> SnapshotWorker::Parts::begin(Active& begun) {
  TRY_VALUE(file, files.open(begun.temporary, env::OpenMode::kTruncate));
  begun.file = std::move(file);
  begun.writer = std::make_unique<SnapshotFileWriter>(*begun.file, options.compression);
  return begun.writer->begin();
}

// Requests of a snapshot that failed or was aborted are passed over.
void SnapshotWorker::Parts::carry_out(SnapshotChunk& request) {
  if (!is_active(request.id)) return;
  if (auto appended = append(request.bytes); !appended) fail_active(appended.error());
}

Result<> SnapshotWorker::Parts::append(std::string_view bytes) {
  ASSERT(active->writer != nullptr);
  TRY(active->writer->append(bytes));
  const uint64_t unwritten = active->writer->written() - active->written_back;
  if (unwritten < kWriteBackBytes) return {};
  const uint64_t offset = std::exchange(active->written_back, active->writer->written());
  return active->file->write_back(offset, unwritten);
}

void SnapshotWorker::Parts::carry_out(SnapshotEnd& request) {
  if (!is_active(request.id)) return;
  if (auto finished = finish(request); !finished) return fail_active(finished.error());
  tell(SnapshotCompletion::What::kDurable);
}

Result<> SnapshotWorker::Parts::finish(const SnapshotEnd& request) {
  ASSERT(active->writer != nullptr);
  SnapshotTrailer trailer;
  if (request.digest_enabled) {
    trailer.digest = SnapshotTrailer::Digest{request.digest_zxid, request.digest};
  }
  // As Apache writes it: the last transaction applied when the walk had ended.
  if (options.write_last_zxid) trailer.last_zxid = request.digest_zxid;
  TRY(active->writer->finish(trailer));
  active->writer.reset();
  if (!is_planted(PlantedBug::kSnapshotNotSynced)) TRY(active->file->sync());
  active->file.reset();
  return {};
}

void SnapshotWorker::Parts::carry_out(SnapshotPublish& request) {
  if (!is_active(request.id)) return;
  if (auto published = publish(); !published) return fail_active(published.error());
  tell(SnapshotCompletion::What::kPublished);
  active.reset();
}

Result<> SnapshotWorker::Parts::publish() {
  ASSERT(active->writer == nullptr);  // only what is durable gets a name
  ASSERT(active->file == nullptr);
  const std::string path =
      options.snapshot_directory + "/" + snapshot_file_name(active->zxid, options.compression);
  TRY(files.rename(active->temporary, path));
  return files.sync_directory(options.snapshot_directory);
}

void SnapshotWorker::Parts::carry_out(SnapshotAbort& request) {
  if (is_active(request.id)) drop_active();
}

void SnapshotWorker::Parts::carry_out(PurgeFiles& request) {
  const auto purged =
      purge_files(files, options.snapshot_directory, options.log_directory, request.retain_count);
  if (!purged) {
    log::warn("purge failed: {}", purged.error().message);
  } else if (!purged->empty()) {
    log::info("purged {} files, the first of them {}", purged->size(), purged->front());
  }
}

void SnapshotWorker::Parts::carry_out(SyncHint& request) {
  if (!files.exists(request.path)) return;
  auto file = files.open(request.path, env::OpenMode::kReadWrite);
  if (!file || !(*file)->sync()) MARK("storage.hint_not_synced");
}

void SnapshotWorker::Parts::carry_out(WarnOfOldFiles& request) {
  const auto old = find_old_files(files, options.snapshot_directory, options.log_directory,
                                  request.retain_count);
  if (!old || old->paths.empty()) return;
  const auto space = files.space(options.log_directory);
  log::warn(
      "{} old snapshots and logs of {} MB are kept in {} ({} MB are free there), and nothing "
      "deletes them: set autopurge.purgeInterval, or purge them by hand",
      old->paths.size(), old->bytes >> 20, options.log_directory,
      space ? space->free_bytes >> 20 : 0);
}

void SnapshotWorker::Parts::carry_out(ReadState& request) {
  const uint64_t number = ++reads_begun;
  const auto is_wanted = [&] { return number > reads_stopped.load(std::memory_order_relaxed); };
  request.options.watch = [&](const RecoveryProgress&) { return is_wanted(); };
  Result<Recovered> state = fail(Error::Kind::kStopped, "nobody waits for the state any more");
  if (is_wanted()) state = recover(files, request.directories, request.options);
  completions.on_state_read(request.role, std::move(state));
}

void SnapshotWorker::Parts::drop_active() {
  if (!active) return;
  active->writer.reset();
  active->file.reset();
  if (!files.remove(active->temporary)) MARK("storage.snapshot_temporary_kept");
  active.reset();
}

void SnapshotWorker::Parts::fail_active(const Error& error) {
  MARK("storage.snapshot_failed");
  tell(SnapshotCompletion::What::kFailed, error);
  drop_active();
}

void SnapshotWorker::Parts::tell(SnapshotCompletion::What what, Error error) {
  ASSERT(active.has_value());
  completions.on_snapshot_completion({active->id, what, active->zxid, std::move(error)});
}

}  // namespace zooid::storage
