#include "sim/disk.h"

#include <algorithm>

#include "base/assert.h"
#include "storage/log_file.h"
#include "storage/synced_record.h"

namespace zooid::sim {

using env::MemoryFileSystem;

Disk::Disk(uint64_t seed)
    : random_(seed), files_(std::make_unique<MemoryFileSystem>(random_.next())) {
  attach();
}

void Disk::attach() {
  crash_at_ = UINT64_MAX;
  reached_ = nullptr;
  image_.reset();
  files_->set_observer(
      [this](const MemoryFileSystem::Operation& operation) { on_operation(operation); });
  files_->set_fault(
      [this](const MemoryFileSystem::Operation& operation) { return fault(operation.kind); });
}

std::optional<Error> Disk::denial(MemoryFileSystem::Operation::Kind kind) const {
  using Kind = MemoryFileSystem::Operation::Kind;
  const bool opens =
      kind == Kind::kOpenToRead || kind == Kind::kOpenToWrite || kind == Kind::kOpenDirectory;
  if (denied_ == Denied::kDescriptors && opens) {
    return Error{Error::Kind::kOther, "too many open files"};
  }
  const bool changes_names = kind == Kind::kCreate || kind == Kind::kOpenToWrite ||
                             kind == Kind::kRename || kind == Kind::kRemove;
  if (denied_ == Denied::kWriting && changes_names) {
    return Error{Error::Kind::kOther, "permission denied"};
  }
  return std::nullopt;
}

std::optional<Error> Disk::fault(MemoryFileSystem::Operation::Kind kind) {
  using Kind = MemoryFileSystem::Operation::Kind;
  const bool opens =
      kind == Kind::kOpenToRead || kind == Kind::kOpenToWrite || kind == Kind::kOpenDirectory;
  if (auto denied = denial(kind); denied && !is_dying_) return denied;
  if (opens) return std::nullopt;
  if (is_dying_) return Error{Error::Kind::kOther, "the process is gone"};
  if (failing_one_in_ == 0 || !random_.one_in(failing_one_in_)) return std::nullopt;
  return Error{Error::Kind::kOther, "input/output error"};
}

void Disk::begin_kill() {
  ASSERT(!is_crash_begun());
  crash_at_ = UINT64_MAX;
  reached_ = nullptr;
  is_dying_ = true;
}

void Disk::finish_kill() {
  ASSERT(is_dying_);
  files_->end_process();
  is_dying_ = false;
}

uint64_t Disk::known_synced(const std::string& log_name) const {
  const auto after = files_->after_crash(MemoryFileSystem::Survivors::kNone, 1);
  const auto synced = storage::read_synced_record(*after, "/data/zooid");
  const auto zxid = storage::parse_log_file_name(log_name);
  if (!synced || !zxid) return 0;
  const auto found = synced->find(*zxid);
  return found == synced->end() ? 0 : found->second;
}

bool Disk::damage(Damage where) {
  constexpr const char* kDirectory = "/data/version-2";
  const auto names = files_->list(kDirectory);
  if (!names) return false;
  std::vector<std::string> paths;
  for (const std::string& name : *names) {
    const bool has_checksums = name.starts_with("log.") || name.starts_with("snapshot.");
    if (has_checksums) paths.push_back(std::string(kDirectory) + "/" + name);
  }
  if (paths.empty()) return false;
  std::string newest_log;
  Zxid newest;
  for (const std::string& name : *names) {
    const auto first = storage::parse_log_file_name(name);
    if (!first || (!newest_log.empty() && *first < newest)) continue;
    const std::string log = std::string(kDirectory) + "/" + name;
    if (files_->size_of(log) == 0) continue;  // a start passes over it
    newest = *first;
    newest_log = log;
  }
  // The newest log is the one that a start reads in any case.
  std::string path = paths[random_.below(paths.size())];
  if (random_.one_in(2) && !newest_log.empty()) path = newest_log;
  uint64_t size = files_->size_of(path);
  if (where == Damage::kKnownSynced && path == newest_log) {
    size = std::min(size, known_synced(path.substr(path.rfind('/') + 1)));
  }
  if (size == 0) return false;
  // Most of a log is padding.
  uint64_t offset = 0;
  char byte = 0;
  for (int tries = 0; byte == 0 && tries < 12; ++tries) {
    offset = random_.below(size);
    byte = files_->byte_at(path, offset).value_or(0);
  }
  const auto bit = static_cast<int>(random_.below(8));
  if (!files_->flip_bit(path, offset, bit)) return false;
  was_damaged_ = true;
  flips_.push_back({path, offset, bit, static_cast<char>(byte ^ (1 << bit))});
  return true;
}

bool Disk::is_damaged() {
  std::erase_if(flips_, [this](const Flip& flip) {
    return files_->byte_at(flip.path, flip.offset) != flip.is;
  });
  return !flips_.empty();
}

void Disk::repair() {
  if (is_damaged()) {
    for (const Flip& flip : flips_) files_->flip_bit(flip.path, flip.offset, flip.bit);
  }
  flips_.clear();
}

std::string Disk::damaged_path() {
  return is_damaged() ? flips_.back().path : "";
}

void Disk::on_operation(const MemoryFileSystem::Operation& operation) {
  ++operations_;
  const uint64_t what = (static_cast<uint64_t>(operation.kind) << 56) ^ operation.bytes;
  trace_hash_ = (trace_hash_ ^ what) * 0x100000001b3ull;
  if (operations_ < crash_at_) return;
  const auto survivors = random_.one_in(2) ? MemoryFileSystem::Survivors::kSubset
                                           : MemoryFileSystem::Survivors::kPrefix;
  begin_crash(survivors);
  ASSERT(image_ != nullptr);
  reached_();
}

void Disk::begin_crash(MemoryFileSystem::Survivors survivors) {
  crash_at_ = UINT64_MAX;
  if (image_ == nullptr) image_ = files_->after_crash(survivors, random_.next());
}

void Disk::plan_crash(uint64_t operations, std::function<void()> reached) {
  ASSERT(operations > 0);
  crash_at_ = operations_ + operations;
  reached_ = std::move(reached);
}

void Disk::finish_crash() {
  ASSERT(image_ != nullptr);
  former_ = std::exchange(files_, std::move(image_));
  former_->set_observer(nullptr);
  former_->set_fault(nullptr);
  attach();
}

void Disk::wipe() {
  former_ = std::exchange(files_, std::make_unique<MemoryFileSystem>(random_.next()));
  former_->set_observer(nullptr);
  former_->set_fault(nullptr);
  flips_.clear();
  was_damaged_ = false;
  ++number_;
  attach();
}

void Disk::set_full(bool is_full) {
  is_full_ = is_full;
  files_->set_capacity(is_full ? files_->used_bytes() : UINT64_MAX);
}

}  // namespace zooid::sim
