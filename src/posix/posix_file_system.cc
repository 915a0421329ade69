#include "posix/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/assert.h"

namespace zooid::posix {
namespace {

std::string parent_of(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// The topmost directory on the path that lies on the same device.
std::string mount_point_of(const std::string& path) {
  char* resolved = realpath(path.c_str(), nullptr);
  std::string at = resolved != nullptr ? resolved : path;
  free(resolved);
  struct stat status{};
  if (stat(at.c_str(), &status) != 0) return at;
  while (at != "/" && at != ".") {
    const std::string parent = parent_of(at);
    struct stat above{};
    if (stat(parent.c_str(), &above) != 0 || above.st_dev != status.st_dev) break;
    at = parent;
  }
  return at;
}

Result<env::FileSystemSpace> space_at(const std::string& path) {
  struct statvfs status{};
  if (statvfs(path.c_str(), &status) != 0) {
    return fail(fmt::format("{}: statvfs: {}", path, std::strerror(errno)));
  }
  return env::FileSystemSpace{.free_bytes = uint64_t{status.f_bavail} * status.f_frsize,
                              .total_bytes = uint64_t{status.f_blocks} * status.f_frsize,
                              .mount = mount_point_of(path)};
}

std::string no_space_message(const std::string& path, const char* action, int error_number) {
  std::string message = fmt::format("{}: {}: {}", path, action, std::strerror(error_number));
  const auto space = space_at(access(path.c_str(), F_OK) == 0 ? path : parent_of(path));
  if (space) {
    message += fmt::format(" ({} has {} of {} bytes free)", space->mount, space->free_bytes,
                           space->total_bytes);
  }
  return message;
}

// Who may and who wants to.
std::string not_permitted_message(const std::string& path, const char* action, int error_number) {
  std::string message = fmt::format("{}: {}: {}", path, action, std::strerror(error_number));
  struct stat status{};
  const std::string there = access(path.c_str(), F_OK) == 0 ? path : parent_of(path);
  if (stat(there.c_str(), &status) != 0) return message;
  return message + fmt::format(" ({} belongs to user {}, mode {:o}; this process is user {})",
                               there, status.st_uid, status.st_mode & 07777, geteuid());
}

std::unexpected<Error> io_failure(const std::string& path, const char* action, int error_number) {
  if (error_number == ENOSPC || error_number == EDQUOT) {
    return fail(Error::Kind::kNoSpace, no_space_message(path, action, error_number));
  }
  if (error_number == EACCES || error_number == EPERM) {
    return fail(not_permitted_message(path, action, error_number));
  }
  const bool is_missing = error_number == ENOENT || error_number == ENOTDIR;
  return fail(is_missing ? Error::Kind::kNotFound : Error::Kind::kOther,
              fmt::format("{}: {}: {}", path, action, std::strerror(error_number)));
}

// Of a call that opens something.
std::unexpected<Error> open_failure(const std::string& path, const char* action, int error_number) {
  const bool is_shortage =
      error_number == EMFILE || error_number == ENFILE || error_number == ENOMEM;
  if (!is_shortage) return io_failure(path, action, error_number);
  return fail(Error::Kind::kShortage,
              fmt::format("{}: {}: {}", path, action, std::strerror(error_number)));
}

class PosixFile : public env::File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) { ASSERT(fd_ >= 0); }
  ~PosixFile() override { close(fd_); }

  Result<size_t> read_at(uint64_t offset, std::span<char> into) override {
    size_t done = 0;
    while (done < into.size()) {
      const ssize_t count =
          pread(fd_, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
      if (count == 0) break;
      if (count > 0) {
        done += static_cast<size_t>(count);
      } else if (errno != EINTR) {
        return io_failure(path_, "read", errno);
      }
    }
    return done;
  }

  Result<> write_at(uint64_t offset, std::string_view bytes) override {
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t count =
          pwrite(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
      if (count >= 0) {
        done += static_cast<size_t>(count);
      } else if (errno != EINTR) {
        return io_failure(path_, "write", errno);
      }
    }
    return {};
  }

  // Not repeated on EINTR: after a failure it is unknown what was written, and a second call may
  // report success for pages that the kernel has given up.
  Result<> sync() override {
    if (fdatasync(fd_) != 0) return io_failure(path_, "fdatasync", errno);
    return {};
  }

  // Unlike fdatasync it neither commits the file system's journal nor empties the disk's cache:
  // syncs of other files have not to wait for either.
  Result<> write_back(uint64_t offset, uint64_t bytes) override {
    constexpr unsigned kWriteAndWait =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    const auto from = static_cast<off_t>(offset);
    if (sync_file_range(fd_, from, static_cast<off_t>(bytes), kWriteAndWait) == 0) return {};
    if (errno == ENOSYS || errno == EINVAL || errno == ESPIPE) return sync();
    return io_failure(path_, "sync_file_range", errno);
  }

  Result<> truncate(uint64_t size) override {
    if (ftruncate(fd_, static_cast<off_t>(size)) != 0) return io_failure(path_, "truncate", errno);
    return {};
  }

  Result<uint64_t> size() override {
    struct stat status{};
    if (fstat(fd_, &status) != 0) return io_failure(path_, "stat", errno);
    return static_cast<uint64_t>(status.st_size);
  }

 private:
  int fd_;
  std::string path_;
};

int open_flags(env::OpenMode mode) {
  switch (mode) {
    case env::OpenMode::kRead:
      return O_RDONLY;
    case env::OpenMode::kReadWrite:
      return O_RDWR;
    case env::OpenMode::kCreate:
      return O_RDWR | O_CREAT;
    case env::OpenMode::kTruncate:
      return O_RDWR | O_CREAT | O_TRUNC;
  }
  ASSERT(false);
  return 0;
}

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

// Some file systems keep no directory data of their own and say EINVAL.
Result<> sync_open_directory(int fd, const std::string& path) {
  if (fsync(fd) != 0 && errno != EINVAL) return io_failure(path, "fsync", errno);
  return {};
}

}  // namespace

class PosixDirectoryLock : public env::DirectoryLock {
 public:
  PosixDirectoryLock(PosixFileSystem& files, std::string path, int fd)
      : files_(files), path_(std::move(path)), fd_(fd) {
    ASSERT(fd_ >= 0);
    std::lock_guard lock(files_.mutex_);
    files_.locked_[path_] = fd_;
  }
  ~PosixDirectoryLock() override {
    std::lock_guard lock(files_.mutex_);
    files_.locked_.erase(path_);
    close(fd_);  // releases the lock
  }

 private:
  PosixFileSystem& files_;
  const std::string path_;
  int fd_;
};

Result<std::unique_ptr<env::File>> PosixFileSystem::open(const std::string& path,
                                                         env::OpenMode mode) {
  const int fd = ::open(path.c_str(), open_flags(mode) | O_CLOEXEC, 0644);
  if (fd < 0) return open_failure(path, "open", errno);
  struct stat status{};
  if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
    close(fd);
    return io_failure(path, "open", EISDIR);
  }
  return std::make_unique<PosixFile>(fd, path);
}

Result<std::vector<std::string>> PosixFileSystem::list(const std::string& directory) {
  DIR* stream = opendir(directory.c_str());
  if (stream == nullptr) return open_failure(directory, "list", errno);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  const int failure = errno;
  closedir(stream);
  if (failure != 0) return io_failure(directory, "list", failure);
  std::sort(names.begin(), names.end());
  return names;
}

bool PosixFileSystem::exists(const std::string& path) {
  return access(path.c_str(), F_OK) == 0;
}

Result<uint64_t> PosixFileSystem::file_size(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return io_failure(path, "stat", errno);
  return static_cast<uint64_t>(status.st_size);
}

Result<> PosixFileSystem::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return io_failure(from, "rename", errno);
  return {};
}

Result<> PosixFileSystem::remove(const std::string& path) {
  if (::remove(path.c_str()) != 0) return io_failure(path, "remove", errno);
  return {};
}

Result<> PosixFileSystem::make_directories(const std::string& path) {
  for (size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string prefix = path.substr(0, end);
    if (mkdir(prefix.c_str(), 0755) == 0 || errno == EEXIST) continue;
    // A directory above may be unwritable and yet exist.
    const int failure = errno;
    struct stat status{};
    if (stat(prefix.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) continue;
    return io_failure(prefix, "make directory", failure);
  }
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return io_failure(path, "make directory", errno);
  if (!S_ISDIR(status.st_mode)) return fail(path + ": exists and is not a directory");
  return {};
}

Result<> PosixFileSystem::sync_directory(const std::string& path) {
  {
    std::lock_guard lock(mutex_);
    if (const auto open = locked_.find(path); open != locked_.end()) {
      return sync_open_directory(open->second, path);
    }
  }
  const int fd = ::open(path.c_str(), kDirectoryFlags);
  if (fd < 0) return open_failure(path, "open", errno);
  auto synced = sync_open_directory(fd, path);
  close(fd);
  return synced;
}

Result<env::FileSystemSpace> PosixFileSystem::space(const std::string& path) {
  return space_at(path);
}

Result<std::unique_ptr<env::DirectoryLock>> PosixFileSystem::lock_directory(
    const std::string& path) {
  const int fd = ::open(path.c_str(), kDirectoryFlags);
  if (fd < 0) return io_failure(path, "open", errno);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int failure = errno;
    close(fd);
    if (failure == EWOULDBLOCK) {
      return fail(path + " is locked by another process: a server already runs on it");
    }
    return io_failure(path, "lock", failure);
  }
  return std::make_unique<PosixDirectoryLock>(*this, path, fd);
}

}  // namespace zooid::posix
