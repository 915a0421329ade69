// The seam to the disk. posix/ implements it with system calls, sim/ with a disk that loses what
// was not synced. Calls block: only the log worker, the snapshot worker, the history reader and
// start-up use it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace zooid::env {

// An open file. Used by one thread at a time. Closing loses nothing that was synced.
class File {
 public:
  virtual ~File() = default;
  // Reads up to into.size() bytes; fewer only at the end of the file.
  virtual Result<size_t> read_at(uint64_t offset, std::span<char> into) = 0;
  // Writes all of it; extends the file when it passes its end. kNoSpace when the disk is full: the
  // range may then be partly written; the message names the mount and its free bytes.
  virtual Result<> write_at(uint64_t offset, std::string_view bytes) = 0;
  // fdatasync: content and length are durable when it returns. After a failure nobody knows what
  // is on disk.
  virtual Result<> sync() = 0;
  // Sees that a range that was written reaches the disk, and waits for it. Promises nothing: it
  // only leaves less to a later sync, which would hold up the syncs of other files.
  virtual Result<> write_back(uint64_t offset, uint64_t bytes) {
    (void)offset, (void)bytes;
    return {};
  }
  virtual Result<> truncate(uint64_t size) = 0;
  virtual Result<uint64_t> size() = 0;
};

struct FileSystemSpace {
  uint64_t free_bytes = 0;
  uint64_t total_bytes = 0;
  std::string mount;  // mount point, for messages
};

// Held while it lives.
class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

enum class OpenMode {
  kRead,       // must exist
  kReadWrite,  // must exist
  kCreate,     // read and write; created if missing, content kept
  kTruncate,   // read and write; created if missing, emptied if not
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  // The names (not paths) of a directory's entries, sorted. kNotFound if there is no directory.
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
  virtual bool exists(const std::string& path) = 0;
  // The length of a file that need not be open. kNotFound if there is none.
  virtual Result<uint64_t> file_size(const std::string& path) = 0;
  // Replaces `to`. Durable only after sync_directory of the directory.
  virtual Result<> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<> remove(const std::string& path) = 0;
  virtual Result<> make_directories(const std::string& path) = 0;
  // kShortage: the directory could not be opened, nothing was tried. Any other error is the sync's
  // own: nobody knows which names are on disk. (A locked directory is open already.)
  virtual Result<> sync_directory(const std::string& path) = 0;
  virtual Result<FileSystemSpace> space(const std::string& path) = 0;
  // An advisory lock on the directory itself (no lock file is left behind). Fails if another
  // process holds it.
  virtual Result<std::unique_ptr<DirectoryLock>> lock_directory(const std::string& path) = 0;
};

// The whole content of a file of at most `limit` bytes.
Result<std::string> read_file(FileSystem& files, const std::string& path,
                              uint64_t limit = 64u << 20);
// write <path>.tmp, sync, rename, sync the directory: after success the new content is durable,
// after a crash either the old or the new content is there.
Result<> write_file_atomically(FileSystem& files, const std::string& path,
                               std::string_view content);

}  // namespace zooid::env
