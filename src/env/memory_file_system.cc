#include "env/memory_file_system.h"

#include <algorithm>

#include "base/assert.h"

namespace zooid::env {
namespace {

constexpr const char* kMount = "/memory";

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::unexpected<Error> not_found(const std::string& path) {
  return fail(Error::Kind::kNotFound, path + ": does not exist");
}

}  // namespace

class MemoryFileSystem::MemoryFile : public File {
 public:
  MemoryFile(MemoryFileSystem& files, InodePtr inode, std::string path, bool is_writable)
      : files_(files),
        inode_(std::move(inode)),
        path_(std::move(path)),
        is_writable_(is_writable),
        generation_(files.generation_) {}

  Result<size_t> read_at(uint64_t offset, std::span<char> into) override {
    TRY(check());
    if (offset >= inode_->content.size()) return size_t{0};
    const size_t count = inode_->content.copy(into.data(), into.size(), offset);
    files_.figures_.read_bytes += count;
    return count;
  }
  Result<uint64_t> size() override {
    TRY(check());
    return inode_->content.size();
  }
  Result<> write_at(uint64_t offset, std::string_view bytes) override;
  Result<> sync() override;
  Result<> truncate(uint64_t size) override;

 private:
  Result<> check() const {
    return generation_ == files_.generation_ ? Result<>{}
                                             : fail(path_ + ": open since before a crash");
  }
  void take(Effect effect) {
    apply(inode_->content, effect);
    inode_->unsynced.push_back(std::move(effect));
  }

  MemoryFileSystem& files_;
  InodePtr inode_;
  std::string path_;
  bool is_writable_;
  uint64_t generation_;
};

class MemoryFileSystem::MemoryLock : public DirectoryLock {
 public:
  MemoryLock(MemoryFileSystem& files, std::string path)
      : files_(files), path_(std::move(path)), generation_(files.generation_) {}
  ~MemoryLock() override {
    if (generation_ == files_.generation_) files_.locked_.erase(path_);
  }

 private:
  MemoryFileSystem& files_;
  std::string path_;
  uint64_t generation_;
};

Result<> MemoryFileSystem::MemoryFile::write_at(uint64_t offset, std::string_view bytes) {
  TRY(check());
  ASSERT(is_writable_);
  const Operation operation{Operation::Kind::kWrite, path_, bytes.size()};
  TRY(files_.begin(operation));
  const uint64_t size = inode_->content.size();
  const uint64_t size_max = size + std::min(files_.free_bytes(), UINT64_MAX - size);
  const bool fits = offset + bytes.size() <= std::max(size, size_max);
  if (!fits) bytes = bytes.substr(0, size_max > offset ? size_max - offset : 0);
  if (!bytes.empty()) take({offset, std::string(bytes), std::nullopt});
  files_.done(operation);
  if (!fits) return std::unexpected(files_.no_space(path_));
  return {};
}

Result<> MemoryFileSystem::MemoryFile::sync() {
  TRY(check());
  const Operation operation{Operation::Kind::kSync, path_};
  TRY(files_.begin(operation));
  for (const Effect& effect : inode_->unsynced) apply(inode_->durable, effect);
  inode_->unsynced.clear();
  ASSERT(inode_->durable.size() == inode_->content.size());
  files_.done(operation);
  return {};
}

Result<> MemoryFileSystem::MemoryFile::truncate(uint64_t size) {
  TRY(check());
  ASSERT(is_writable_);
  const Operation operation{Operation::Kind::kTruncate, path_};
  TRY(files_.begin(operation));
  take({0, {}, size});
  files_.done(operation);
  return {};
}

Result<> MemoryFileSystem::begin(const Operation& operation) {
  if (!fault_) return {};
  auto error = fault_(operation);
  return error ? Result<>(std::unexpected(std::move(*error))) : Result<>{};
}

void MemoryFileSystem::done(const Operation& operation) {
  if (observer_) observer_(operation);
}

Error MemoryFileSystem::no_space(const std::string& path) const {
  return {Error::Kind::kNoSpace, path + ": no space left on " + kMount + ", " +
                                     std::to_string(free_bytes()) + " of " +
                                     std::to_string(capacity_) + " bytes free"};
}

// Walks through all files, but only where there is a limit.
uint64_t MemoryFileSystem::free_bytes() const {
  if (capacity_ == UINT64_MAX) return UINT64_MAX;
  const uint64_t used = used_bytes();
  return capacity_ > used ? capacity_ - used : 0;
}

uint64_t MemoryFileSystem::used_bytes() const {
  uint64_t used = 0;
  for (const auto& [path, inode] : names_) used += inode->content.size();
  return used;
}

void MemoryFileSystem::apply(std::string& content, const Effect& effect) {
  if (effect.new_size) {
    content.resize(*effect.new_size);
    return;
  }
  if (content.size() < effect.offset + effect.bytes.size()) {
    content.resize(effect.offset + effect.bytes.size());
  }
  content.replace(effect.offset, effect.bytes.size(), effect.bytes);
}

void MemoryFileSystem::apply(Names& names, const NameEffect& effect) {
  if (!effect.removed.empty()) names.erase(effect.removed);
  if (!effect.added.empty()) names[effect.added] = effect.inode;
}

bool MemoryFileSystem::flip_bit(const std::string& path, uint64_t offset, int bit) {
  const auto found = names_.find(path);
  if (found == names_.end() || offset >= found->second->content.size()) return false;
  const auto mask = static_cast<char>(1 << bit);
  found->second->content[offset] ^= mask;
  if (offset < found->second->durable.size()) found->second->durable[offset] ^= mask;
  return true;
}

std::optional<char> MemoryFileSystem::byte_at(const std::string& path, uint64_t offset) const {
  const auto found = names_.find(path);
  if (found == names_.end() || offset >= found->second->content.size()) return std::nullopt;
  return found->second->content[offset];
}

uint64_t MemoryFileSystem::size_of(const std::string& path) const {
  const auto found = names_.find(path);
  return found == names_.end() ? 0 : found->second->content.size();
}

void MemoryFileSystem::change_names(const std::string& directory, NameEffect effect) {
  apply(names_, effect);
  unsynced_names_[directory].push_back(std::move(effect));
}

Result<std::unique_ptr<File>> MemoryFileSystem::open(const std::string& path, OpenMode mode) {
  ++figures_.opens;
  const auto needs =
      mode == OpenMode::kRead ? Operation::Kind::kOpenToRead : Operation::Kind::kOpenToWrite;
  TRY(begin({needs, path}));
  const auto found = names_.find(path);
  const bool is_there = found != names_.end();
  const bool may_create = mode == OpenMode::kCreate || mode == OpenMode::kTruncate;
  if (!is_there && (!may_create || !directories_.contains(parent_of(path)))) {
    return not_found(path);
  }
  if (directories_.contains(path)) return fail(path + ": is a directory");
  const bool is_writable = mode != OpenMode::kRead;
  if (is_there) {
    auto file = std::make_unique<MemoryFile>(*this, found->second, path, is_writable);
    if (mode == OpenMode::kTruncate) TRY(file->truncate(0));
    return file;
  }
  const Operation operation{Operation::Kind::kCreate, path};
  TRY(begin(operation));
  const auto inode = std::make_shared<Inode>();
  change_names(parent_of(path), {{}, path, inode});
  done(operation);
  return std::make_unique<MemoryFile>(*this, inode, path, is_writable);
}

Result<std::vector<std::string>> MemoryFileSystem::list(const std::string& directory) {
  ++figures_.lists;
  TRY(begin({Operation::Kind::kOpenDirectory, directory}));
  if (!directories_.contains(directory)) return not_found(directory);
  std::vector<std::string> found;
  if (directory == ".") {
    for (const auto& [path, inode] : names_) {
      if (!path.contains('/')) found.push_back(path);
    }
    for (const std::string& path : directories_) {
      if (!path.contains('/') && path != ".") found.push_back(path);
    }
    std::ranges::sort(found);
    return found;
  }
  // What is below the directory stands together in the order of paths.
  const std::string prefix = directory == "/" ? directory : directory + '/';
  const auto take = [&](const std::string& path) {
    if (path.size() > prefix.size() && path.find('/', prefix.size()) == std::string::npos) {
      found.push_back(path.substr(prefix.size()));
    }
  };
  for (auto it = names_.lower_bound(prefix); it != names_.end() && it->first.starts_with(prefix);
       ++it) {
    take(it->first);
  }
  for (auto it = directories_.lower_bound(prefix);
       it != directories_.end() && it->starts_with(prefix); ++it) {
    take(*it);
  }
  std::ranges::sort(found);
  return found;
}

bool MemoryFileSystem::exists(const std::string& path) {
  return names_.contains(path) || directories_.contains(path);
}

Result<uint64_t> MemoryFileSystem::file_size(const std::string& path) {
  const auto found = names_.find(path);
  if (found == names_.end()) return not_found(path);
  return found->second->content.size();
}

Result<> MemoryFileSystem::rename(const std::string& from, const std::string& to) {
  const auto found = names_.find(from);
  if (found == names_.end()) return not_found(from);
  if (!directories_.contains(parent_of(to))) return not_found(to);
  const Operation operation{Operation::Kind::kRename, to};
  TRY(begin(operation));
  change_names(parent_of(to), {from, to, found->second});
  done(operation);
  return {};
}

Result<> MemoryFileSystem::remove(const std::string& path) {
  if (directories_.contains(path)) {
    TRY_VALUE(names, list(path));
    if (!names.empty()) return fail(path + ": is not empty");
    directories_.erase(path);
    return {};
  }
  if (!names_.contains(path)) return not_found(path);
  const Operation operation{Operation::Kind::kRemove, path};
  TRY(begin(operation));
  change_names(parent_of(path), {path, {}, nullptr});
  done(operation);
  return {};
}

Result<> MemoryFileSystem::make_directories(const std::string& path) {
  for (std::string at = path; !directories_.contains(at); at = parent_of(at)) {
    if (names_.contains(at)) return fail(at + ": exists and is not a directory");
    directories_.insert(at);
  }
  return {};
}

Result<> MemoryFileSystem::sync_directory(const std::string& path) {
  if (!directories_.contains(path)) return not_found(path);
  TRY(begin({Operation::Kind::kOpenDirectory, path}));
  const Operation operation{Operation::Kind::kSyncDirectory, path};
  TRY(begin(operation));
  for (const NameEffect& effect : unsynced_names_[path]) apply(durable_names_, effect);
  unsynced_names_.erase(path);
  done(operation);
  return {};
}

Result<FileSystemSpace> MemoryFileSystem::space(const std::string& path) {
  if (!exists(path)) return not_found(path);
  return FileSystemSpace{free_bytes(), capacity_, kMount};
}

Result<std::unique_ptr<DirectoryLock>> MemoryFileSystem::lock_directory(const std::string& path) {
  if (!directories_.contains(path)) return not_found(path);
  if (!locked_.insert(path).second) return fail(path + ": is locked by another process");
  return std::make_unique<MemoryLock>(*this, path);
}

}  // namespace zooid::env
