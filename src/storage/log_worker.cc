#include "storage/log_worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <optional>

#include "base/assert.h"
#include "base/line_limit.h"
#include "base/log.h"
#include "base/mark.h"
#include "base/planted_bug.h"
#include "storage/epoch_files.h"
#include "storage/given_up.h"
#include "storage/log_appender.h"
#include "storage/log_file.h"

namespace zooid::storage {
namespace {

constexpr int kExitSyncFailed = 74;  // EX_IOERR

// Not an ordinary exit: no destructor may write anything more.
void die_of_failed_sync(const Error& error) {
  std::fprintf(stderr, "FATAL: transaction log cannot be synced, its state is unknown: %s\n",
               error.message.c_str());
  std::_Exit(kExitSyncFailed);
}

// Read from any thread, written by the worker's: single numbers, no order between them.
struct AtomicFigures {
  std::atomic<uint64_t> syncs{0}, appended_txns{0}, appended_bytes{0}, sync_us_total{0},
      sync_us_max{0}, slow_syncs{0}, last_sync_us{0}, waiting_bytes_max{0};
};

void add(std::atomic<uint64_t>& figure, uint64_t value) {
  figure.store(figure.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
}

uint64_t waiting_bytes_of(const LogRequest& request) {
  const auto* append = std::get_if<AppendTxn>(&request);
  return append == nullptr ? 0 : append->txn.size() + kWaitingAppendBytes;
}

}  // namespace

struct LogWorker::Parts {
  Parts(env::FileSystem& file_system, LogOptions wanted, Zxid last_logged, LogCompletions& told)
      : files(file_system),
        options(std::move(wanted)),
        completions(told),
        appender(files, options),
        last(last_logged == kZxidUntrusted ? Zxid{0} : last_logged) {}

  env::FileSystem& files;
  LogOptions options;  // constant from the first step on
  LogCompletions& completions;
  runtime::Inbox<LogRequest> inbox;
  std::atomic<uint64_t> waiting{0};        // submitted, not carried out
  std::atomic<uint64_t> waiting_bytes{0};  // of those
  AtomicFigures figures;

  std::deque<LogRequest> queue;  // taken from the inbox
  std::vector<LogRequest> arrived;
  // In the present step.
  uint64_t carried_out = 0;
  uint64_t carried_out_bytes = 0;

  LogAppender appender;
  Zxid last;                        // durable
  std::optional<Incarnation> role;  // none before the first barrier: every request is carried out
  bool has_failed = false;          // something of this role could not be written
  bool is_dead = false;             // a sync failed
  std::string batch;
  uint64_t batch_txns = 0;
  LineLimit slow_syncs_told;

  void take();
  LogRequest pop();
  void count_out();
  bool is_wanted(Incarnation of) const { return !role || (*role == of && !has_failed); }
  void append_batch();
  std::optional<Incarnation> build_batch(Zxid& first, Zxid& last_in_batch);
  void carry_out(AppendTxn&) { ASSERT(false); }  // append_batch() takes those
  void carry_out(TruncateLog& request);
  void carry_out(BeginInstall& request);
  void carry_out(FinishInstall& request);
  void carry_out(GiveUpHistory& request);
  void carry_out(ContinueLog& request);
  void carry_out(ForgetMarks& request);
  void carry_out(RollLog&) { appender.roll(); }
  void carry_out(WriteEpoch& request);
  void carry_out(LogBarrier& request);
  void carry_out(TryWriting& request);
  void fail_role(Incarnation of, const Error& error);
  void count_batch();
  void die(const Error& error);
};

LogWorker::LogWorker(env::FileSystem& files, LogOptions options, Zxid last_logged,
                     LogCompletions& completions)
    : parts_(std::make_unique<Parts>(files, std::move(options), last_logged, completions)) {
  ASSERT(!parts_->options.log_directory.empty());
  ASSERT(parts_->options.batch_bytes_max <= kLogBatchBytesMax);  // recovery counts on it
}
LogWorker::~LogWorker() = default;

void LogWorker::submit(LogRequest request) {
  const uint64_t bytes = waiting_bytes_of(request);
  const uint64_t sum = parts_->waiting_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  // Only those who submit raise it; one that is lost when two do so at once is no harm.
  if (sum > parts_->figures.waiting_bytes_max.load(std::memory_order_relaxed)) {
    parts_->figures.waiting_bytes_max.store(sum, std::memory_order_relaxed);
  }
  parts_->waiting.fetch_add(1, std::memory_order_relaxed);
  parts_->inbox.push(std::move(request));
}

void LogWorker::set_waker(env::Waker* waker) {
  parts_->inbox.set_waker(waker);
}

void LogWorker::set_on_fatal(std::function<void(const Error&)> on_fatal) {
  parts_->options.on_fatal = std::move(on_fatal);
}

bool LogWorker::idle() const {
  return parts_->waiting.load(std::memory_order_relaxed) == 0;
}

uint64_t LogWorker::waiting_bytes() const {
  return parts_->waiting_bytes.load(std::memory_order_relaxed);
}

LogFigures LogWorker::figures() const {
  const AtomicFigures& figures = parts_->figures;
  return {figures.syncs.load(std::memory_order_relaxed),
          figures.appended_txns.load(std::memory_order_relaxed),
          figures.appended_bytes.load(std::memory_order_relaxed),
          figures.sync_us_total.load(std::memory_order_relaxed),
          figures.sync_us_max.load(std::memory_order_relaxed),
          figures.slow_syncs.load(std::memory_order_relaxed),
          figures.last_sync_us.load(std::memory_order_relaxed),
          waiting_bytes(),
          figures.waiting_bytes_max.load(std::memory_order_relaxed)};
}

bool LogWorker::step() {
  Parts& parts = *parts_;
  if (parts.is_dead) return false;
  parts.take();
  if (parts.queue.empty()) return false;
  parts.carried_out = parts.carried_out_bytes = 0;
  if (std::holds_alternative<AppendTxn>(parts.queue.front())) {
    parts.append_batch();
  } else {
    LogRequest request = parts.pop();
    std::visit([&](auto& what) { parts.carry_out(what); }, request);
  }
  ASSERT(parts.carried_out > 0);
  parts.count_out();
  parts.waiting.fetch_sub(parts.carried_out, std::memory_order_relaxed);
  // Only now: whoever waits for the batch has been told.
  if (!parts.appender.sync_failure()) {
    parts.appender.note_synced();
    parts.appender.fill_ahead(idle());
  }
  if (parts.appender.sync_failure()) parts.die(*parts.appender.sync_failure());
  return true;
}

void LogWorker::Parts::take() {
  inbox.take_all(arrived);
  for (LogRequest& request : arrived) queue.push_back(std::move(request));
  arrived.clear();
}

LogRequest LogWorker::Parts::pop() {
  LogRequest request = std::move(queue.front());
  queue.pop_front();
  ++carried_out;
  carried_out_bytes += waiting_bytes_of(request);
  return request;
}

// Before anybody is told: whoever waits for room looks at it then.
void LogWorker::Parts::count_out() {
  waiting_bytes.fetch_sub(std::exchange(carried_out_bytes, 0), std::memory_order_relaxed);
}

// Fills `batch` from the appends at the front, as many as one write may hold. Gives the role they
// belong to; nullopt if all of them were dropped.
std::optional<Incarnation> LogWorker::Parts::build_batch(Zxid& first, Zxid& last_in_batch) {
  std::optional<Incarnation> of;
  batch.clear();
  batch_txns = 0;
  last_in_batch = last;
  while (!queue.empty()) {
    const auto* append = std::get_if<AppendTxn>(&queue.front());
    if (append == nullptr) break;
    if (!is_wanted(append->role)) {
      MARK("storage.append_dropped");
      pop();
      continue;
    }
    if (of && *of != append->role) break;
    const uint64_t bytes = append->txn.size() + kLogEntryOverheadBytes;
    if (!batch.empty() && batch.size() + bytes > options.batch_bytes_max) break;
    ASSERT(append->zxid > last_in_batch);
    ASSERT(zxid_of_txn(append->txn.view()) == append->zxid);
    if (batch.empty()) first = append->zxid;
    of = append->role;
    append_log_entry(batch, append->txn.view());
    last_in_batch = append->zxid;
    ++batch_txns;
    pop();
  }
  return of;
}

void LogWorker::Parts::append_batch() {
  Zxid first, last_in_batch;
  const std::optional<Incarnation> of = build_batch(first, last_in_batch);
  if (!of) return;
  ASSERT(last_in_batch >= first);
  const auto appended = appender.append(batch, first);
  count_out();
  if (!appended) return fail_role(*of, appended.error());
  last = last_in_batch;
  count_batch();
  completions.on_log_completion(LogSynced{*of, last});
}

void LogWorker::Parts::count_batch() {
  add(figures.appended_txns, batch_txns);
  add(figures.appended_bytes, batch.size());
  if (!options.force_sync) return;
  const uint64_t sync_us = appender.last_sync_us();
  add(figures.syncs, 1);
  add(figures.sync_us_total, sync_us);
  figures.last_sync_us.store(sync_us, std::memory_order_relaxed);
  if (sync_us > figures.sync_us_max.load(std::memory_order_relaxed)) {
    figures.sync_us_max.store(sync_us, std::memory_order_relaxed);
  }
  if (sync_us > options.slow_sync_us) {
    add(figures.slow_syncs, 1);
    const auto more = slow_syncs_told.admit("", options.monotonic_us ? options.monotonic_us() : 0);
    if (!more) return;
    log::warn(
        "syncing the transaction log took {} ms: every write waits for it; does the disk serve "
        "others, too?{}",
        sync_us / 1000, left_out_text(*more));
  }
}

void LogWorker::Parts::fail_role(Incarnation of, const Error& error) {
  if (appender.sync_failure()) return;  // step() ends the process
  MARK("storage.log_failed");
  has_failed = true;
  if (!role) role = of;
  completions.on_log_completion(LogFailed{of, last, error});
}

void LogWorker::Parts::die(const Error& error) {
  is_dead = true;
  options.on_fatal ? options.on_fatal(error) : die_of_failed_sync(error);
}

// Carried out for a role that failed, too: it needs no space, and a foreign history must go.
void LogWorker::Parts::carry_out(TruncateLog& request) {
  if (role && *role != request.role) return MARK("storage.truncate_dropped");
  if (is_planted(PlantedBug::kSkipTruncate)) {
    last = request.to;
    return completions.on_log_completion(LogTruncated{request.role, true, last, ""});
  }
  if (options.on_cut) options.on_cut(request.to);
  auto cut = appender.truncate(request.to, last);
  if (!cut) return fail_role(request.role, cut.error());
  if (cut->is_possible) {
    ASSERT(cut->last <= request.to);
    last = cut->last;
  }
  completions.on_log_completion(
      LogTruncated{request.role, cut->is_possible, cut->last, std::move(cut->why_not)});
}

void LogWorker::Parts::carry_out(BeginInstall& request) {
  if (!is_wanted(request.role)) return MARK("storage.install_dropped");
  ASSERT(options.directories.has_value());
  if (auto begun = begin_install(files, *options.directories, request.install); !begun) {
    return fail_role(request.role, begun.error());
  }
  completions.on_log_completion(InstallStep{request.role, false});
}

void LogWorker::Parts::carry_out(FinishInstall& request) {
  if (!is_wanted(request.role)) return MARK("storage.install_dropped");
  ASSERT(options.directories.has_value());
  const auto finished = [&]() -> Result<Zxid> {
    TRY(appender.release());
    return finish_install(files, *options.directories);
  }();
  if (!finished) return fail_role(request.role, finished.error());
  last = *finished;
  completions.on_log_completion(InstallStep{request.role, true});
}

void LogWorker::Parts::carry_out(GiveUpHistory& request) {
  if (role && *role != request.role) return MARK("storage.give_up_dropped");
  ASSERT(options.directories.has_value());
  HistoryGivenUp done{request.role, false, ""};
  const auto given_up = [&]() -> Result<> {
    TRY(appender.release());
    if (request.may_undo_install) {
      TRY_VALUE(is_undone, undo_install(files, *options.directories));
      done.is_own_prefix = is_undone;
    }
    if (done.is_own_prefix) return {};
    TRY_VALUE(mark, give_up_history(files, *options.directories, request.why));
    done.where = std::move(mark.where);
    return {};
  }();
  if (!given_up) return fail_role(request.role, given_up.error());
  last = Zxid{0};
  completions.on_log_completion(std::move(done));
}

void LogWorker::Parts::carry_out(ContinueLog& request) {
  if (role && *role != request.role) return MARK("storage.continue_dropped");
  if (auto released = appender.release(); !released) {
    return fail_role(request.role, released.error());
  }
  last = request.last;
}

// They stay if that fails: the server is then not trusted after a restart, and is filled again.
void LogWorker::Parts::carry_out(ForgetMarks& request) {
  if (!is_wanted(request.role) || !options.directories) return;
  const auto forgotten = [&]() -> Result<> {
    TRY(forget_install(files, *options.directories));
    return remove_untrusted_mark(files, *options.directories);
  }();
  if (forgotten) return;
  MARK("storage.marks_kept");
  log::warn("a mark cannot be removed: {}", forgotten.error().message);
}

void LogWorker::Parts::carry_out(WriteEpoch& request) {
  if (!is_wanted(request.role)) return MARK("storage.epoch_dropped");
  auto written = write_epoch(files, options.snapshot_directory, request.file, request.epoch);
  if (!written) return fail_role(request.role, written.error());
  completions.on_log_completion(EpochWritten{request.role, request.file, request.epoch});
}

void LogWorker::Parts::carry_out(LogBarrier& request) {
  role = request.role;
  has_failed = false;
  completions.on_log_completion(LogBarrierPassed{request.role, last});
}

void LogWorker::Parts::carry_out(TryWriting& request) {
  auto writable = appender.try_writing(request.wanted_bytes);
  if (appender.sync_failure()) return;  // step() ends the process
  completions.on_log_completion(LogWritable{
      request.role, writable ? std::nullopt : std::optional(std::move(writable).error())});
}

}  // namespace zooid::storage
